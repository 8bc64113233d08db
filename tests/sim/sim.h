/* tests/sim/sim.h
 *
 * A group with its clients, all in one process: each step one thing happens, chosen
 * from a seed, and then all that must hold at any time is checked.
 *
 * Clients are as Java's are. What a client owns is what it believes to own: it reads
 * and commits there, whatever the coordinator thinks. One that the coordinator has
 * given up is a zombie until it hears of it. */
#ifndef GREGOR_TESTS_SIM_SIM_H
#define GREGOR_TESTS_SIM_SIM_H

#include "tests/support/group_world.h"

#define SIM_CLIENTS 8
#define SIM_TOPICS 4 /* "a" to "d" */
#define SIM_TOPICS_TEXT 16
#define SIM_PARTITIONS 8

#define SIM_REBALANCE_MS 60000
#define SIM_CLASSIC_SESSION_MS 30000

struct sim;

enum sim_protocol { SIM_CONSUMER, SIM_CLASSIC };

enum sim_state {
    CLIENT_STOPPED, /* no process */
    CLIENT_OUT,     /* must join */
    CLIENT_JOINED,  /* classic: must ask for its assignment */
    CLIENT_STABLE,
};

/* What a leader has worked out for one member. */
struct sim_share {
    char member_id[80];
    struct partition_set partitions; /* owned */
};

struct sim_client {
    struct sim *sim;
    enum sim_protocol protocol;
    enum sim_state state;
    char id[80];       /* empty: has none yet */
    char instance[8];  /* empty: dynamic */
    int32_t epoch;     /* or generation */
    uint32_t topics;   /* a bit each */
    const char *regex; /* instead of them; NULL: none */
    struct partition_set owned;
    struct partition_set assigned; /* as it was told */
    int delay;    /* turns that it takes to give up, or to ask for, partitions */
    int stalled;  /* turns in which it does nothing at all */
    bool full;    /* consumer: its next heartbeat says everything */
    bool told;    /* consumer: its owned partitions are as it has said */
    bool rejoins; /* classic: joins again on its next turn */
    bool leads;
    int64_t topics_version; /* classic leader: as it has assigned */
    struct sim_share shares[SIM_CLIENTS * 2];
    int share_count;
    void *waits; /* for this answer; NULL: for none */
};

struct sim {
    struct group_world world;
    struct sim_client clients[SIM_CLIENTS];
    bool cooperative;                            /* all classic clients; else eager */
    int64_t offsets[SIM_TOPICS][SIM_PARTITIONS]; /* as committed; -1: none */
    int lost_answers;                            /* of the next ones */
    int step;

    /* What was seen last. */
    const struct consumer_group *known_consumer; /* never read */
    const struct classic_group *known_classic;
    int32_t group_epoch, assignment_epoch, generation_id;
    struct group_table mirror; /* reads the log on, and starts nothing */
    size_t mirrored;
};

/* ---- clients (sim_client.c) ---- */

/* A process begins; `instance` is kept from the last one, if there was one. */
void sim_client_start(struct sim_client *c, enum sim_protocol protocol);
/* It ends without a word. */
void sim_client_crash(struct sim_client *c);
/* It says goodbye; a static one of the consumer protocol for a while only. */
void sim_client_leave(struct sim_client *c);
void sim_client_turn(struct sim_client *c);
/* Its partitions are lost: the coordinator says that it is out. */
void sim_client_lose(struct sim_client *c);
void sim_client_forget_shares(struct sim_client *c);
void sim_client_commit(struct sim_client *c);
/* Joins with other topics. */
void sim_client_subscribe(struct sim_client *c, uint32_t topics, const char *regex);
bool sim_client_subscribes(const struct sim_client *c, const char *topic);
/* "a,c" */
const char *sim_topics(const struct sim_client *c, char out[SIM_TOPICS_TEXT]);
/* No answer, revocation or assignment is under way. */
bool sim_client_is_settled(const struct sim_client *c);

static inline struct str sim_instance(const struct sim_client *c)
{
    return c->instance[0] == '\0' ? STR_NULL : str_of(c->instance);
}

static inline uint32_t sim_random(struct sim *s, uint32_t below)
{
    return group_world_random(&s->world, below);
}

/* An answer gets lost on its way. */
static inline bool sim_loses(struct sim *s)
{
    return s->lost_answers > 0 && s->lost_answers-- > 0;
}

/* ---- each protocol's turn (sim_consumer.c, sim_classic.c) ---- */

void sim_consumer_turn(struct sim_client *c);
void sim_consumer_leave(struct sim_client *c);
void sim_classic_turn(struct sim_client *c);
void sim_classic_leave(struct sim_client *c);
/* The answer that it waits for finds nobody. */
void sim_consumer_forget(struct sim_client *c);
void sim_classic_forget(struct sim_client *c);

/* Prints clients and group, for whoever looks into a failure. */
void sim_tell(const struct sim *s);

/* ---- what holds at any time (sim_check.c) ---- */

void sim_check(struct sim *s);
/* Everything is owned by somebody: what is missing, or NULL. */
const char *sim_forgotten(const struct sim *s);

#endif
