/* broker/group/group_shard.h
 *
 * One partition of __consumer_offsets that this node leads: its log, and the groups
 * in memory that the log is the truth of.
 *
 *   IDLE ─► LOADING ─► ACTIVE        and back to IDLE when another node leads it,
 *              └─────► FAILED        or the topic is deleted; FAILED for want of its
 *                                    log it loads anew when that is online again
 *
 * Loading reads the log in pool jobs, a stretch at a time, which fill the table
 * while nobody else looks at it. A shard loads when somebody first needs it.
 *
 * A change goes in three steps: group_shard_append(); if that succeeds, the caller
 * changes the table, or group_shard_change() has done both; then group_shard_commit(),
 * and when the write is done, the client is answered. When a log refuses, its memory is
 * ahead of what others may ever read: the shard fails, and with it all that wait.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_SHARD_H
#define GREGOR_BROKER_GROUP_GROUP_SHARD_H

#include "broker/group/group_records.h"
#include "broker/group/group_table.h"
#include "broker/group/group_write.h"
#include "broker/node.h"

enum shard_state { SHARD_IDLE, SHARD_LOADING, SHARD_ACTIVE, SHARD_FAILED };

/* Who waits for a shard to be loaded, or not to be. Memory of the caller. */
struct shard_waiter {
    void (*done)(struct shard_waiter *waiter);
    struct shard_waiter *next;
};

struct group_load;

struct group_shard {
    struct node *node;
    struct group_env *env;
    int32_t index;
    struct uuid topic_id;
    enum shard_state state;
    bool log_failed;          /* FAILED: because its log was offline */
    struct group_table table; /* empty unless ACTIVE */
    struct group_load *load;  /* under way while LOADING */
    struct shard_waiter *waiters;
    struct group_write *writes; /* not yet committed, in the order of the log */
    struct partition_watch watch;
    void (*loaded)(struct group_shard *shard); /* it is ACTIVE now */
};

void group_shard_init(struct group_shard *shard, struct node *node,
                      struct group_env *env, struct uuid topic_id, int32_t index);

/* Begins to load, if it is IDLE, or its log is back. */
void group_shard_load(struct group_shard *shard);

/* `waiter` hears, on a later turn, that it is not LOADING any more. */
void group_shard_wait(struct group_shard *shard, struct shard_waiter *waiter);

/* Ends writes and members' waits with NOT_COORDINATOR, forgets everything. */
void group_shard_unload(struct group_shard *shard);

/* The shard must be ACTIVE. Appends one batch, or nothing if it has no records, and
 * frees `records`. KAFKA_NONE: write->last_offset is set. Else the error for the
 * client, and nothing has happened. */
enum kafka_error group_shard_append(struct group_shard *shard,
                                    struct group_records *records,
                                    struct group_write *write);

/* The same, and applies the records to the table as loading would. */
enum kafka_error group_shard_change(struct group_shard *shard,
                                    struct group_records *records,
                                    struct group_write *write);

/* Calls write->done() at once if what was appended is committed, else later. */
void group_shard_commit(struct group_shard *shard, struct group_write *write);

#endif
