/* replication/partition.h
 *
 * One replica of one partition on one node: who leads it and in which epoch,
 * its log, its high watermark, and who waits for either to move (Kafka:
 * Partition).
 *
 * With one replica the high watermark follows the log end offset at once,
 * unless flush.messages demands a sync first: then it follows the sync, as
 * Kafka's does, whose append returns only after it.
 *
 * Loop thread. */
#ifndef GREGOR_REPLICATION_PARTITION_H
#define GREGOR_REPLICATION_PARTITION_H

#include "storage/log_manager.h"

struct partition;
struct replica_manager;

/* Somebody to be told, once a turn at most, that offsets of a partition moved:
 * its high watermark, its log start offset, or its end (deletion, a change of
 * leader, an offline log). Memory of the caller. */
struct watch_link { /* of a ring that begins and ends at the partition's own */
    struct watch_link *prev, *next;
};

struct partition_watch {
    struct watch_link link;
    void (*moved)(struct partition_watch *watch);
    struct partition *partition; /* NULL: not watching */
};

struct partition {
    struct log_handle handle;
    struct replica_manager *manager;
    int32_t leader_id; /* -1: none */
    int32_t leader_epoch;
    int32_t in_sync_count;
    int32_t replica_count;
    struct watch_link watches;
    struct partition *next_moved; /* in the manager's list of moved ones */
    bool moved;
    bool gone;                        /* deleted: answers UNKNOWN_TOPIC_OR_PARTITION */
    struct partition_flush *flushing; /* the sync that the high watermark waits for */
};

/* A partition that leads nothing yet; then log_manager_add() its handle. */
void partition_init(struct partition *p, struct replica_manager *manager);

/* The log; NULL unless online on this node. */
struct partition_log *partition_log_of(const struct partition *p);

/* What every request does first: checks what it says of leadership (`leader_epoch`
 * -1: nothing), and that this replica can lead.
 * ERR_NOT_LEADER_OR_FOLLOWER, ERR_FENCED_LEADER_EPOCH, ERR_UNKNOWN_LEADER_EPOCH,
 * ERR_OFFLINE when the log is. A leader that is alone in sync then has its high
 * watermark at the log's end, unless a flush holds it back. */
int partition_check_leader(struct partition *p, int32_t leader_epoch, struct err *err);

/* Appends a validated batch as leader. */
int partition_append(struct partition *p, uint8_t *batch, int32_t size,
                     enum append_origin origin, struct append_result *out,
                     struct err *err);

/* Whether `offset` is below the high watermark: acks=all may be answered. */
bool partition_is_committed(const struct partition *p, int64_t last_offset);

enum fetch_isolation {
    FETCH_HIGH_WATERMARK, /* read_uncommitted */
    FETCH_COMMITTED,      /* read_committed: the last stable offset */
    FETCH_LOG_END,        /* replicas */
};

/* The exclusive upper bound of what such a reader may see. */
int64_t partition_fetch_bound(const struct partition *p,
                              enum fetch_isolation isolation);

/* DeleteRecords: raises the log start offset; -1 stands for the high watermark. */
int partition_delete_records(struct partition *p, int64_t before_offset,
                             struct err *err);

/* Marks the partition as moved: its watches are told when the turn ends. */
void partition_moved(struct partition *p);

void partition_watch_start(struct partition_watch *w, struct partition *p);
void partition_watch_stop(struct partition_watch *w); /* nothing if not watching */

#endif
