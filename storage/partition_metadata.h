/* storage/partition_metadata.h
 *
 * partition.metadata: which topic, by id, a partition's folder belongs to, so
 * that the folder of a deleted topic is never taken for that of a new one with
 * the same name (Kafka: PartitionMetadataFile; KIP-516). Two lines,
 * "version: 0" and "topic_id: ID". May block. */
#ifndef GREGOR_STORAGE_PARTITION_METADATA_H
#define GREGOR_STORAGE_PARTITION_METADATA_H

#include "protocol/base/uuid.h"
#include "storage/disk.h"

#define PARTITION_METADATA_FILE "partition.metadata"

/* ERR_NOT_FOUND: there is none. ERR_CORRUPT: it does not say a topic id. */
int partition_metadata_read(struct disk *disk, const char *dir, struct uuid *topic_id,
                            struct err *err);

/* Does not wait for the device: thousands are written when a large topic is made. */
int partition_metadata_write(struct disk *disk, const char *dir, struct uuid topic_id,
                             struct err *err);

/* Makes what was written durable; so has to be before records are, for a folder
 * without it is nobody's. The folder's own sync comes with that of the records. */
int partition_metadata_sync(struct disk *disk, const char *dir, struct err *err);

#endif
