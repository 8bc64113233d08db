/* broker/group/partition_set.h
 *
 * Partitions of topics, by id: what a member of a consumer group owns, is to give up,
 * or is to have in the end (Kafka: Assignment, and the maps of ConsumerGroupMember).
 *
 * One flat array, sorted by topic and partition, each partition once. What groups do
 * with their sets are merges of sorted arrays.
 *
 * One owner, any thread. */
#ifndef GREGOR_BROKER_GROUP_PARTITION_SET_H
#define GREGOR_BROKER_GROUP_PARTITION_SET_H

#include "protocol/base/uuid.h"

struct topic_partition {
    struct uuid topic_id;
    int32_t partition;
    int32_t epoch; /* of the assignment, where the set keeps it; never compared */
};

struct partition_set {
    struct topic_partition *items; /* owned */
    int32_t count, cap;
};

#define PARTITION_SET_INIT ((struct partition_set){0})

/* Leaves it empty, and good to be used again. */
void partition_set_free(struct partition_set *s);

/* By topic id, as memcmp() has it, then by partition. */
int topic_partition_compare(const struct topic_partition *a,
                            const struct topic_partition *b);

/* Adds behind all others, in any order; partition_set_sort() follows before the set is
 * read. False: no memory, and nothing has changed. */
bool partition_set_append(struct partition_set *s, struct topic_partition p);

/* Makes room for `more` that are appended, and for no more than that. False: no memory,
 * and nothing has changed. */
bool partition_set_reserve(struct partition_set *s, int32_t more);

/* Sorts; of the same partition the first that was appended stays. */
void partition_set_sort(struct partition_set *s);

/* `to` is replaced. False: no memory, and nothing has changed. */
bool partition_set_copy(const struct partition_set *from, struct partition_set *to);

/* NULL: it is not in. Valid until the next change. */
const struct topic_partition *partition_set_find(const struct partition_set *s,
                                                 struct uuid topic_id,
                                                 int32_t partition);

/* The same partitions, whatever their epochs. */
bool partition_set_equal(const struct partition_set *a, const struct partition_set *b);

/* How many, from place `from` on, are of the same topic as the one there. */
int32_t partition_set_run(const struct partition_set *s, int32_t from);

#endif
