/* broker/group/assignor.h
 *
 * Who gets which partitions: the server-side assignors of the consumer protocol
 * (KIP-848; Kafka: UniformAssignor, RangeAssignor). Pure functions. Kafka 4.3 hands
 * them the racks of members, and uses them as little as this does.
 *
 * Any thread. */
#ifndef GREGOR_BROKER_GROUP_ASSIGNOR_H
#define GREGOR_BROKER_GROUP_ASSIGNOR_H

#include "broker/group/partition_set.h"
#include "protocol/base/err.h"

struct assignor_topic {
    struct uuid id;
    int32_t partition_count;
};

struct assignor_member {
    struct str member_id;
    struct str instance_id;    /* null: a dynamic member */
    const struct uuid *topics; /* subscribed to; ascending, all of the spec's */
    int32_t topic_count;
    const struct partition_set *current; /* its target assignment so far */
    struct partition_set assigned;       /* the outcome; owned by the caller */
};

struct assignor_spec {
    const struct assignor_topic *topics; /* ascending by id, as memcmp() has it */
    int32_t topic_count;
    struct assignor_member *members; /* ascending by member id */
    int32_t member_count;
};

struct assignor {
    const char *name; /* as clients ask for it */

    /* Fills `assigned` of every member, empty before. ERR_NOMEM: some may be filled,
     * and the caller frees them all. */
    int (*assign)(struct assignor_spec *spec, struct err *err);
};

/* Balanced over all topics, and as few partitions moved as that allows. */
extern const struct assignor assignor_uniform;

/* Of each topic a stretch of neighbours for each member, so that the same partition of
 * several topics is with the same member where that is possible. Static members
 * first. */
extern const struct assignor assignor_range;

/* NULL: there is none of that name. */
const struct assignor *assignor_find(struct str name);

#endif
