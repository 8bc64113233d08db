/* broker/group/classic_group.h
 *
 * A consumer group of the classic protocol: members, states, time-outs (Kafka:
 * ClassicGroup, and the classic half of GroupMetadataManager).
 *
 * A pure state machine: time, timers, randomness and the log come in through struct
 * group_env. Who waits for the end of a join or a sync hands in a struct that is
 * told when it is due; it must not call back into a group from there, only note what
 * to answer.
 *
 * classic_group.c draws the states.
 *
 * Loop thread, but for loading (classic_group_load()), which a job may do while
 * nobody else knows the group. */
#ifndef GREGOR_BROKER_GROUP_CLASSIC_GROUP_H
#define GREGOR_BROKER_GROUP_CLASSIC_GROUP_H

#include "broker/group/group_env.h"
#include "protocol/base/hash.h"
#include "protocol/messages.h"

enum classic_state {
    GROUP_EMPTY,
    GROUP_PREPARING_REBALANCE,
    GROUP_COMPLETING_REBALANCE,
    GROUP_STABLE,
    GROUP_DEAD,
    GROUP_STATES,
};

/* As Kafka's tools print it: "PreparingRebalance". */
const char *classic_state_name(enum classic_state state);

struct classic_group;

/* ---- members ------------------------------------------------------------- */

struct classic_protocol {
    struct str name;
    struct bytes metadata;
};

struct classic_member {
    UT_hash_handle hh;
    struct classic_group *group;
    struct str id;          /* these five are owned */
    struct str instance_id; /* null: a dynamic member */
    struct str client_id;
    struct str client_host;
    struct classic_protocol *protocols; /* in order of preference */
    int32_t protocol_count;
    int32_t rebalance_timeout_ms;
    int32_t session_timeout_ms;
    struct bytes assignment;      /* owned */
    struct bytes next_assignment; /* owned; being stored */
    struct classic_join *join;    /* who waits; NULL: has not joined this time */
    struct classic_sync *sync;
    bool is_new;       /* its first join is not over */
    bool pending_sync; /* the generation waits for its SyncGroup */
    struct deadline session;
};

/* The member's metadata for the protocol that was chosen; null if it has none. */
struct bytes classic_member_metadata(const struct classic_member *m,
                                     struct str protocol);

/* ---- groups -------------------------------------------------------------- */

struct classic_group {
    struct group_env *env;
    struct str id; /* the owner's, outlives the group */
    enum classic_state state;
    enum classic_state previous_state;
    int32_t generation_id;
    struct str protocol_type; /* null: no member was ever here; owned */
    struct str protocol_name; /* null: none is chosen; owned */
    struct classic_member *leader;
    struct classic_member *members;       /* by id, in the order they came */
    struct pending_member *pending_joins; /* have an id, and must join with it */
    int32_t awaiting_join;                /* members with a join */
    int64_t state_timestamp;              /* wall clock; -1: not known */
    bool new_member_added;                /* during the initial delay */
    int64_t initial_delay_ms;             /* of the round under way, */
    int64_t initial_remaining_ms;         /* and what may follow it */
    bool initial_round;                   /* `rebalance` ends such a round */
    struct deadline rebalance;            /* ends a join phase */
    struct deadline sync;                 /* ends a sync phase */
    struct str *subscribed;               /* topics, sorted; owned */
    int32_t subscribed_count;             /* -1: not known */
    struct classic_store *stores;         /* under way */
};

/* Empty, generation 0. NULL: no memory. */
struct classic_group *classic_group_create(struct group_env *env, struct str id);

/* Arms nothing: classic_group_start() does, on the loop. NULL: no memory. */
struct classic_group *classic_group_load(struct group_env *env, struct str id,
                                         const struct group_metadata_value *value);
void classic_group_start(struct classic_group *g);

/* Answers everybody who waits with NOT_COORDINATOR. Accepts NULL. */
void classic_group_destroy(struct classic_group *g);

/* What is to be stored: `value` and its members are views into the group, the list
 * is of `arena`. With `next`, the assignments that wait to be stored. False: no
 * memory. */
bool classic_group_value(const struct classic_group *g, bool next, struct arena *arena,
                         struct group_metadata_value *value);

int32_t classic_group_member_count(const struct classic_group *g);
struct classic_member *classic_group_member(const struct classic_group *g,
                                            struct str member_id);

/* Offsets were committed, and nobody ever joined. */
bool classic_group_is_simple(const struct classic_group *g);
bool classic_group_is_consumer(const struct classic_group *g);
bool classic_group_subscribes(const struct classic_group *g, struct str topic);

/* ---- joining ------------------------------------------------------------- */

struct join_result {
    enum kafka_error error;
    struct str member_id;
    int32_t generation_id;
    struct str protocol_type; /* may be null */
    struct str protocol_name; /* may be null */
    struct str leader;        /* never null */
    bool skip_assignment;
    const struct classic_group *members; /* for the leader: the group; else NULL */
};

/* Memory of who asks, until it is told. The result is borrowed. */
struct classic_join {
    void (*done)(struct classic_join *join, const struct join_result *result);
};

struct classic_client {
    int16_t version; /* of the request */
    struct str client_id;
    struct str client_host;
};

/* Tells `join` at once or when the join phase ends. The request's rebalance time-out
 * is set in every version. */
void classic_group_join(struct classic_group *g, const struct classic_client *client,
                        const struct join_group_request *request,
                        struct classic_join *join);

struct sync_result {
    enum kafka_error error;
    struct str protocol_type; /* may be null */
    struct str protocol_name; /* may be null */
    struct bytes assignment;
};

struct classic_sync {
    void (*done)(struct classic_sync *sync, const struct sync_result *result);
};

void classic_group_sync(struct classic_group *g,
                        const struct sync_group_request *request,
                        struct classic_sync *sync);

enum kafka_error classic_group_heartbeat(struct classic_group *g,
                                         const struct heartbeat_request *request);

/* `members` may be of LeaveGroup 0 to 2, too: one without an instance id. Fills an
 * error for each. */
void classic_group_leave(struct classic_group *g,
                         const struct leave_group_request_member_identity *members,
                         int32_t count, enum kafka_error *errors);

/* ---- offsets ------------------------------------------------------------- */

/* Whether who asks may commit; and if so, the commit is a sign of life. */
enum kafka_error classic_group_may_commit(struct classic_group *g, struct str member_id,
                                          struct str instance_id,
                                          int32_t generation_id);

/* KAFKA_NONE, NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
enum kafka_error classic_group_may_delete(const struct classic_group *g);
enum kafka_error classic_group_may_delete_offsets(const struct classic_group *g);

/* When offsets of topics that nobody subscribes to begin to count as unused. */
enum classic_expiry {
    EXPIRE_NEVER,
    EXPIRE_SINCE_COMMIT,
    EXPIRE_SINCE_EMPTY, /* g->state_timestamp, if it is known */
};
enum classic_expiry classic_group_expiry(const struct classic_group *g);

#endif
