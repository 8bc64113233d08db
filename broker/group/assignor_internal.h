/* broker/group/assignor_internal.h
 *
 * What the assignors share. Members and topics are known by their places in the spec;
 * partitions by places of their own, from the first one of the first topic on. Topics
 * without subscribers have no partitions here.
 *
 * Memory comes from an arena that ends with the call. */
#ifndef GREGOR_BROKER_GROUP_ASSIGNOR_INTERNAL_H
#define GREGOR_BROKER_GROUP_ASSIGNOR_INTERNAL_H

#include "broker/group/assignor.h"
#include "protocol/base/arena.h"

#define NOBODY (-1)

/* The place of a topic that is not before `from`, found the sooner the closer it is. */
int32_t assignor_topic_place(const struct assignor_spec *spec, const struct uuid *id,
                             int32_t from);

/* How many members subscribe to each topic. NULL: no memory. */
int32_t *assignor_count_subscribers(const struct assignor_spec *spec,
                                    struct arena *arena);

struct partition_owners {
    const struct assignor_spec *spec;
    int32_t *first; /* of each topic's partitions, the place of the first; one more
                       behind the last: how many there are in all */
    int32_t *owner; /* of each partition: a member, or NOBODY */
};

/* Nobody owns any. False: no memory. */
bool partition_owners_init(struct partition_owners *o, const struct assignor_spec *spec,
                           const int32_t *subscribers, struct arena *arena);

/* Gives the member what it may keep of its current partitions, those that it still
 * subscribes to, the first `limit` of them; returns how many that is. */
int32_t partition_owners_keep(struct partition_owners *o, int32_t member,
                              int32_t limit);

/* Writes every member's `assigned`; `sizes` says how many partitions it has. False: no
 * memory. */
bool partition_owners_write(const struct partition_owners *o, const int32_t *sizes);

/* The uniform assignor where members differ in their subscriptions. False: no
 * memory. */
bool assign_uniformly_mixed(const struct assignor_spec *spec,
                            const int32_t *subscribers, struct arena *arena);

#endif
