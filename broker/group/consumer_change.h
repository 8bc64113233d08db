/* broker/group/consumer_change.h
 *
 * One change of a consumer group, worked out step by step and then made at once: the
 * records of all steps are one batch, and the group changes when they are applied
 * (Kafka: GroupMetadataManager.consumerGroupHeartbeat, and what it shares with
 * classicGroupJoinToConsumerGroup).
 *
 *   begin ─► member ─► subscription ─► epoch ─► target ─► reconcile ─► make
 *
 * Until it is made, nothing has changed: a change that is refused, or whose records
 * the log refuses, leaves the group as it was.
 *
 * A step that fails returns false; then `refusal` says why.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_CHANGE_H
#define GREGOR_BROKER_GROUP_CONSUMER_CHANGE_H

#include "broker/group/consumer_subscription.h"
#include "broker/group/group_table.h"

struct group_refusal {
    enum kafka_error error;
    struct str message; /* for the client; null: none */
};

struct consumer_client {
    struct str client_id;
    struct str client_host;
    struct str
        regex_fault; /* why its new regular expression is none; null: it is one */
};

struct consumer_change {
    struct group_env *env;
    struct arena *arena;
    struct str group_id;
    struct group_refusal refusal;
    struct group_records records;

    struct consumer_group *group; /* as it is */
    struct consumer_group *fresh; /* the same, if it is new: the change's own */

    /* The member that the change is of. */
    struct str member_id;
    const struct consumer_member *known; /* as it is; NULL: new */
    bool replaces; /* `known` is another, whose instance id it has */
    member_metadata before, after;
    struct member_assignment current; /* as it is, then as it will be; owned */
    struct str regex_fault;           /* as of the client */
    bool names_changed;
    bool regex_changed;
    bool regex_resolved;     /* to what is known already, or to nothing */
    bool resolve_regexes;    /* when the change is made */
    bool topics_seen;        /* and their hash worked out, as they are now */
    bool current_changed;    /* by the reconciliation; */
    bool assignment_changed; /* and with it what the member has */

    /* The group as it will be. */
    int32_t group_epoch;
    int32_t assignment_epoch;
    const struct partition_set *target; /* the member's */
    struct partition_set new_target;    /* owned */
};

/* Finds the group; with `create`, a new one or what becomes of a classic one. Always
 * ended with consumer_change_end(). */
bool consumer_change_begin(struct consumer_change *c, struct group_env *env,
                           struct arena *arena, struct str group_id, bool create);
void consumer_change_end(struct consumer_change *c);

/* The id that the member says, or a new one if it says none; data NULL: no memory. */
struct str consumer_member_id(const struct group_env *env, struct str said,
                              struct arena *arena);

/* Whether group.consumer.max.size lets this member be in. */
bool consumer_change_has_room(struct consumer_change *c, struct str member_id);

/* What both protocols say of a member that joins or goes on. */
struct member_claim {
    struct str member_id;
    struct str instance_id;            /* null: dynamic */
    int32_t member_epoch;              /* of the consumer protocol only */
    const struct partition_set *owned; /* NULL: not said */
    bool joins;
    bool classic;
};

/* Finds who speaks. */
bool consumer_change_member(struct consumer_change *c,
                            const struct member_claim *claim);

/* From here on c->after is what the member says of itself now. */
bool consumer_change_subscription(struct consumer_change *c);

/* The group's members as they will be. False: no memory. */
bool consumer_change_subscribers(struct consumer_change *c, struct subscribers *out);

/* The group's epoch moves on with `bump`, or if the topics have changed. */
bool consumer_change_epoch(struct consumer_change *c, bool bump);

/* The target follows, unless it has been made so lately that it must wait. */
bool consumer_change_target(struct consumer_change *c);

bool consumer_change_reconcile(struct consumer_change *c,
                               const struct partition_set *owned);

/* Appends and applies. Pointers into the group are stale then; what is wanted is looked
 * up anew. */
bool consumer_change_make(struct consumer_change *c, struct group_write *write);

/* Refuses it: returns false. */
bool consumer_change_refuse(struct consumer_change *c, enum kafka_error error,
                            const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool consumer_change_no_memory(struct consumer_change *c);

/* The group after the change was made. NULL: it is none any more. */
struct consumer_group *consumer_change_made_group(const struct consumer_change *c);

#endif
