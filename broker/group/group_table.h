/* broker/group/group_table.h
 *
 * The groups of one partition of __consumer_offsets, as its records say (Kafka:
 * GroupCoordinatorShard and what it replays).
 *
 * Offsets that were committed in a transaction wait for its end, a control record
 * of the same producer. Groups of kinds that are not coordinated here (share, streams)
 * are remembered as such, with their offsets: nothing overwrites their records.
 *
 * One owner at a time: the job that loads it, then the loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_TABLE_H
#define GREGOR_BROKER_GROUP_GROUP_TABLE_H

#include "broker/group/group.h"
#include "protocol/record_batch.h"

struct pending_offset;

struct group_table {
    struct group_env *env;
    struct group *groups;           /* by id */
    struct pending_offset *pending; /* in the order of the log */
    int32_t foreign_records;        /* of groups that are kept apart */
    int32_t unreadable_records;     /* of types or versions that nobody knows */
};

void group_table_init(struct group_table *t, struct group_env *env);
/* Groups answer whoever waits. */
void group_table_free(struct group_table *t);

/* NULL: there is none. */
struct group *group_table_find(const struct group_table *t, struct str id);

/* The group, made if there is none: classic, empty. NULL: no memory. */
struct group *group_table_make(struct group_table *t, struct str id);
void group_table_remove(struct group_table *t, struct group *g);

/* Whether a transaction under way has committed an offset there. */
bool group_table_offset_is_pending(const struct group_table *t, const struct group *g,
                                   struct str topic, int32_t partition);

/* The group as a consumer group, made if there is none, and taken over from a classic
 * one: of two kinds, that of the later record counts. NULL and *failed: no memory; NULL
 * alone: it is of a kind that is kept apart. */
struct consumer_group *group_table_make_consumer(struct group_table *t, struct str id,
                                                 bool *failed);

/* What is left when its tombstone is read: a group of offsets alone, or nothing.
 * ERR_NOMEM. */
int group_table_retire(struct group_table *t, struct group *g, struct err *err);

/* What one record of `batch` says. ERR_NOMEM; what cannot be read is counted and
 * left alone. */
int group_table_replay(struct group_table *t, const struct record_batch *batch,
                       const struct record *record, struct err *err);

#endif
