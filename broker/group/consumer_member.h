/* broker/group/consumer_member.h
 *
 * A member of a consumer group (KIP-848), as the log says it: what it has said of
 * itself, which partitions it holds, and which it is to hold in the end (Kafka:
 * ConsumerGroupMember, and its target Assignment). Members change only when their
 * records are applied; what is worked out for them before is a copy.
 *
 * One owner at a time: the job that loads the group, then the loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_MEMBER_H
#define GREGOR_BROKER_GROUP_CONSUMER_MEMBER_H

#include "broker/deadline.h"
#include "broker/group/partition_set.h"
#include "protocol/base/hash.h"
#include "protocol/messages.h"

/* What members say instead of an epoch when they go. */
#define LEAVE_GROUP_MEMBER_EPOCH (-1)
#define LEAVE_GROUP_STATIC_MEMBER_EPOCH (-2) /* and will be back */

/* As they are stored (Kafka: MemberState). */
enum member_state {
    MEMBER_STABLE = 0,
    MEMBER_UNREVOKED_PARTITIONS = 1,  /* must give partitions up first */
    MEMBER_UNRELEASED_PARTITIONS = 2, /* waits for others to do so */
    MEMBER_UNKNOWN = 127,             /* of a later Kafka */
};

/* Where the member is on its way to its target. */
struct member_assignment {
    int32_t member_epoch;
    int32_t previous_member_epoch;
    enum member_state state;
    struct partition_set assigned;           /* each since the epoch that it keeps */
    struct partition_set pending_revocation; /* still the member's */
};

/* `to` is replaced. False: no memory, and nothing has changed. */
bool member_assignment_copy(const struct member_assignment *from,
                            struct member_assignment *to);
void member_assignment_free(struct member_assignment *a);

/* Nobody else may have the partition while it does. */
bool member_assignment_holds(const struct member_assignment *a, struct uuid topic_id,
                             int32_t partition);

typedef struct consumer_group_member_metadata_value member_metadata;

struct consumer_group;

struct consumer_member {
    UT_hash_handle hh;
    struct consumer_group *group;
    struct str id;         /* owned */
    bool present;          /* a member; else only its target is known */
    bool has_target;       /* its target is stored, if only an empty one */
    struct bytes metadata; /* owned; encoded, as in its record */

    /* Of the metadata, and views into it. */
    struct str instance_id; /* null: a dynamic member */
    struct str regex;       /* empty: none */
    int32_t rebalance_timeout_ms;
    bool uses_classic_protocol;
    int32_t classic_session_timeout_ms;

    struct member_assignment current;
    struct partition_set target;

    struct deadline session;
    struct deadline rebalance; /* partitions are not given up in time */
    struct deadline join;      /* of the classic protocol: is asked to join again, */
    struct deadline sync;      /* has joined and must ask for its assignment */
};

/* NULL: no memory. Its timers are the group's affair. */
struct consumer_member *consumer_member_create(struct consumer_group *g, struct str id);
void consumer_member_destroy(struct consumer_member *m);

/* Copies; false: no memory, or a value that cannot be encoded, and nothing has
 * changed. */
bool consumer_member_set_metadata(struct consumer_member *m,
                                  const member_metadata *value);

/* Of a member that has none yet, the defaults. What `out` holds is a view into the
 * member and into `arena`. False: no memory. */
bool consumer_member_metadata(const struct consumer_member *m, struct arena *arena,
                              member_metadata *out);

/* Everything reached, for this epoch of the group's target. */
static inline bool consumer_member_is_reconciled(const struct consumer_member *m,
                                                 int32_t assignment_epoch)
{
    return m->current.state == MEMBER_STABLE &&
           m->current.member_epoch == assignment_epoch;
}

/* Bytes of the metadata as they are stored; for comparing. Of the arena; data NULL:
 * no memory, or it cannot be encoded. */
struct bytes member_metadata_encode(const member_metadata *value, struct arena *arena);

#endif
