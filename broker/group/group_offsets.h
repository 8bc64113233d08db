/* broker/group/group_offsets.h
 *
 * The offsets that one group has committed, by topic and partition (Kafka:
 * OffsetMetadataManager, OffsetAndMetadata).
 *
 *   group_offsets ─► offset_topic, by name ─► committed_offset, by partition
 *
 * Both are sorted arrays: a group has few topics, a topic few partitions, and ten
 * thousand groups must not cost more than what they hold.
 *
 * One owner at a time: the job that loads them, then the loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_OFFSETS_H
#define GREGOR_BROKER_GROUP_GROUP_OFFSETS_H

#include "protocol/base/uuid.h"
#include "protocol/base/view.h"

#define NO_EXPIRE_TIMESTAMP (-1)

struct committed_offset {
    int32_t partition;
    int32_t leader_epoch; /* -1: not said */
    int64_t offset;
    int64_t commit_timestamp; /* ms since the Unix epoch */
    int64_t expire_timestamp; /* of OffsetCommit 2 to 4; NO_EXPIRE_TIMESTAMP */
    int64_t record_offset;    /* in the log; what was committed later wins */
    struct str metadata;      /* null is empty; copied when put */
};

struct offset_topic {
    struct committed_offset *items;
    int32_t count, cap;
    struct uuid id; /* as of the last commit; zero: not known */
    int32_t name_len;
    char name[];
};

struct group_offsets {
    struct offset_topic **topics;
    int32_t count, cap;
};

#define GROUP_OFFSETS_INIT ((struct group_offsets){0})

void group_offsets_free(struct group_offsets *o);

static inline struct str offset_topic_name(const struct offset_topic *t)
{
    return (struct str){t->name, t->name_len};
}

/* NULL: none. Valid until the next change. */
struct offset_topic *group_offsets_topic(const struct group_offsets *o,
                                         struct str topic);
const struct committed_offset *group_offsets_find(const struct group_offsets *o,
                                                  struct str topic, int32_t partition);

/* Copies all of `offset`. A zero id leaves the topic's as it is. False: no memory,
 * and nothing has changed. */
bool group_offsets_put(struct group_offsets *o, struct str topic, struct uuid topic_id,
                       const struct committed_offset *offset);

/* Nothing happens if there is none. A topic goes with its last offset. */
void group_offsets_remove(struct group_offsets *o, struct str topic, int32_t partition);

/* Whether `offset` is past its time. `base_timestamp`: since when it counts,
 * without an expire timestamp of its own (Kafka: OffsetExpirationConditionImpl). */
static inline bool committed_offset_expired(const struct committed_offset *offset,
                                            int64_t base_timestamp, int64_t now_ms,
                                            int64_t retention_ms)
{
    if (offset->expire_timestamp != NO_EXPIRE_TIMESTAMP)
        return now_ms >= offset->expire_timestamp;
    return now_ms - base_timestamp >= retention_ms;
}

#endif
