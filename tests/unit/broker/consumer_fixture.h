/* tests/unit/broker/consumer_fixture.h
 *
 * Members of a consumer group as their clients see them, of either protocol, in short
 * words. Topics are "a,b", partitions "a0 a1 b0". */
#ifndef GREGOR_TESTS_UNIT_BROKER_CONSUMER_FIXTURE_H
#define GREGOR_TESTS_UNIT_BROKER_CONSUMER_FIXTURE_H

#include "broker/group/consumer_classic.h"
#include "broker/group/consumer_heartbeat.h"
#include "tests/support/check_main.h"
#include "tests/support/group_requests.h"
#include "tests/support/group_text.h"
#include "tests/support/group_world.h"

#define SESSION_MS 45000
#define REBALANCE_MS 60000
#define CLASSIC_SESSION_MS 10000

/* A world with the topics "a" of 4 partitions and "b" of 2. New targets need not
 * wait, unless `settings` say so; NULL: none. */
void consumer_fixture_open(struct group_world *w, const char *settings);

/* ---- ConsumerGroupHeartbeat ---------------------------------------------- */

/* NULL, or 0 for the time: it is not said. */
struct beat {
    const char *member;
    int32_t epoch;
    const char *instance;
    const char *rack;
    const char *topics;
    const char *regex;
    const char *assignor;
    const char *owned;
    int32_t rebalance_ms;
};

struct beaten {
    enum kafka_error error;
    char message[256];
    char member[80];
    int32_t epoch;
    int32_t interval_ms;
    bool has_assignment;
    char assignment[256];
    bool told; /* it is committed, or refused */
};

/* `out` is kept until it is told. */
void consumer_beat(struct group_world *w, struct beat b, struct beaten *out);

/* Why a request of this version is none; KAFKA_NONE: it is one. */
enum kafka_error consumer_validate(struct group_world *w, struct beat b,
                                   int16_t version, char message[256]);

/* A whole client. */
struct member {
    const char *id;
    const char *instance;
    const char *topics;
    int32_t epoch;
    char owned[256];
    struct beaten last;
};

/* Joins, or goes on with what it owns; takes what it is assigned at once. */
void member_join(struct group_world *w, struct member *m);
void member_beat(struct group_world *w, struct member *m);

/* The same without a word about what it owns; what it is assigned is not taken. */
void member_beat_shortly(struct group_world *w, struct member *m);
void member_leave(struct group_world *w, struct member *m, int32_t epoch);

/* All of them go on until nothing changes. */
void members_settle(struct group_world *w, struct member *members, int count);

/* ---- the classic protocol ------------------------------------------------- */

struct peer {
    char id[80];
    const char *instance;
    const char *topics;
    const char *protocol; /* NULL: "range" */
    const char *type;     /* NULL: "consumer" */
    int32_t generation;
    char owned[256];
    enum kafka_error error; /* of the last answer */
    bool waits;
    bool leads;
    struct classic_join join;
    struct group_write write;
    struct consumer_join_result result;
};

/* One JoinGroup of this version, to the group as it is. */
void peer_ask_to_join(struct group_world *w, struct peer *p, int16_t version);
/* As clients do: with the id that they are given first. */
void peer_join(struct group_world *w, struct peer *p);
void peer_sync(struct group_world *w, struct peer *p);
/* The leader says what each peer gets: "a0 a1". */
void peer_lead(struct group_world *w, struct peer *leader, const struct peer *peers,
               const char *const *assignments, int count);
enum kafka_error peer_beat(struct group_world *w, const struct peer *p);
enum kafka_error peer_leave(struct group_world *w, const struct peer *p);

/* ---- questions ------------------------------------------------------------ */

/* The member's assigned partitions, those that it must give up, its target. */
void expect_member(struct group_world *w, const char *id, enum member_state state,
                   const char *assigned, const char *pending_revocation);
void expect_target(struct group_world *w, const char *id, const char *target);

/* All groups are as group_table_text() said, which is freed. */
void expect_unchanged(struct group_world *w, char *before);

/* A table that reads the whole log is as the one in memory. */
void expect_replayed(struct group_world *w);

#endif
