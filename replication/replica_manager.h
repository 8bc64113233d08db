/* replication/replica_manager.h
 *
 * All replicas of one node, by topic and partition, kept in step with the
 * metadata (Kafka: ReplicaManager, BrokerMetadataPublisher).
 *
 * Loop thread. */
#ifndef GREGOR_REPLICATION_REPLICA_MANAGER_H
#define GREGOR_REPLICATION_REPLICA_MANAGER_H

#include "replication/metadata_image.h"
#include "replication/partition.h"
#include "config/broker_config.h"

struct replica_manager_options {
    int32_t node_id;
    struct log_manager *logs;
    struct metadata_image *image;
    const struct broker_config *config;
    const struct trace *trace;
};

struct replica_manager;

int replica_manager_create(const struct replica_manager_options *options,
                           struct replica_manager **out, struct err *err);
/* After the logs were stopped. Accepts NULL. */
void replica_manager_destroy(struct replica_manager *m);

/* Registers every replica that the image gives this node: start-up, before
 * log_manager_start() or log_manager_recover_all(). */
int replica_manager_load(struct replica_manager *m, struct err *err);

/* Takes part in publishing: makes the folders of new partitions, renames those
 * of deleted topics, follows leaders, epochs and configs. */
struct metadata_publisher *replica_manager_publisher(struct replica_manager *m);

/* NULL: this node has no such replica. Valid until the end of the turn: who waits
 * longer looks it up again, or watches it. */
struct partition *replica_manager_find(struct replica_manager *m, struct uuid topic_id,
                                       int32_t partition);

/* Tells the watches of all partitions that moved since the last call. The
 * broker calls it once a turn of the loop. */
void replica_manager_run_watches(struct replica_manager *m);
bool replica_manager_has_moved(const struct replica_manager *m);

#endif
