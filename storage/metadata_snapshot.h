/* storage/metadata_snapshot.h
 *
 * Snapshots of the metadata log (Kafka: RecordsSnapshotWriter, Snapshots; KIP-630):
 * OFFSET-EPOCH.checkpoint holds every record that rebuilds what the log below
 * OFFSET says, and EPOCH is that of the last of those records. Batches at offsets
 * of its own from 0 on; a SnapshotHeader control record first, a SnapshotFooter
 * last: without it the file is not whole. bootstrap.checkpoint is of this form too.
 *
 * Any thread; reading may block. */
#ifndef GREGOR_STORAGE_METADATA_SNAPSHOT_H
#define GREGOR_STORAGE_METADATA_SNAPSHOT_H

#include "storage/disk.h"
#include "storage/metadata_batch.h"

#define METADATA_SNAPSHOT_SUFFIX ".checkpoint"
#define METADATA_SNAPSHOT_NAME_SIZE 48

struct metadata_snapshot_id {
    int64_t end_offset;
    int32_t leader_epoch;
};

void metadata_snapshot_name(char out[METADATA_SNAPSHOT_NAME_SIZE],
                            struct metadata_snapshot_id id);

/* False: it is no snapshot's name. */
bool metadata_snapshot_parse_name(const char *name, struct metadata_snapshot_id *out);

/* Builds the bytes of a snapshot in memory. */
struct metadata_snapshot_writer {
    struct buf out; /* whole batches */
    struct record_batch_builder batch;
    int64_t next_offset;
    int64_t now_ms;
    int32_t leader_epoch;
    int32_t record_count; /* in `batch` */
};

/* The values of the control records that say which voters there are; null in a
 * quorum whose voters are configured (kraft.version 0). */
struct metadata_quorum_records {
    struct bytes kraft_version;
    struct bytes voters;
};

int metadata_snapshot_begin(struct metadata_snapshot_writer *w, int32_t leader_epoch,
                            int64_t last_contained_timestamp, int64_t now_ms,
                            const struct metadata_quorum_records *quorum,
                            struct err *err);
int metadata_snapshot_add(struct metadata_snapshot_writer *w,
                          const struct metadata_record *record, struct err *err);
/* The whole file is then in w->out. */
int metadata_snapshot_finish(struct metadata_snapshot_writer *w, struct err *err);
void metadata_snapshot_free(struct metadata_snapshot_writer *w);

/* Reads a whole snapshot, and visits it only after all of it was found in order.
 * ERR_CORRUPT, ERR_NOT_FOUND, …, or what the visitor says. */
int metadata_snapshot_read(struct disk *disk, const char *path,
                           struct metadata_visitor *v, struct err *err);

#endif
