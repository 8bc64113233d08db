/* broker/api/partition_listing.h
 *
 * A partition as Metadata and DescribeTopicPartitions show it to a client that
 * came through a certain listener (Kafka: KRaftMetadataCache).
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_PARTITION_LISTING_H
#define GREGOR_BROKER_API_PARTITION_LISTING_H

#include "broker/node.h"
#include "protocol/kafka_error.h"

struct request;

struct partition_listing {
    enum kafka_error error; /* when it has no leader that the client could reach */
    int32_t leader;         /* -1: none */
    struct broker_ids offline;
};

/* `error_without_listener`: what to say when the leader lacks this listener.
 * False: no memory. */
bool partition_listing_of(const struct metadata_image *image, struct str listener,
                          const struct metadata_partition *p,
                          enum kafka_error error_without_listener, struct arena *arena,
                          struct partition_listing *out);

/* Those of `ids` that are not fenced and have the listener. False: no memory. */
bool broker_ids_reachable(const struct metadata_image *image, struct str listener,
                          struct broker_ids ids, struct arena *arena,
                          struct broker_ids *out);

/* The name of the listener that the client came through. */
struct str request_listener(const struct request *r);

/* What a client may do where nothing is forbidden: every operation that Kafka
 * knows for the resource, one bit each (AclEntry.supportedOperations). */
#define TOPIC_OPERATIONS_ALL 0x0df8
#define CLUSTER_OPERATIONS_ALL 0x1fa0

#endif
