/* A client of the consumer protocol (Java: ConsumerMembershipManager,
 * ConsumerHeartbeatRequestManager). It goes on owning what it is to give up until that
 * is done, then takes what is new, and says so with its next heartbeat. After an error
 * or a lost answer it says everything again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/group/consumer_heartbeat.h"
#include "tests/sim/sim.h"
#include "tests/support/group_requests.h"

typedef struct consumer_group_heartbeat_request heartbeat_request;

struct answer {
    struct group_write base;   /* first: on_committed() casts back */
    struct sim_client *client; /* NULL: it is gone */
    enum kafka_error error;
    int32_t epoch;
    bool has_assignment;
    struct partition_set assignment;
};

void sim_consumer_forget(struct sim_client *c)
{
    ((struct answer *)c->waits)->client = NULL;
}

/* ---- answers ------------------------------------------------------------- */

static void take_assignment(struct sim_client *c, struct answer *a)
{
    partition_set_free(&c->assigned);
    c->assigned = a->assignment;
    a->assignment = PARTITION_SET_INIT;
    c->delay = (int)sim_random(c->sim, sim_random(c->sim, 4) == 0 ? 20 : 3);
}

static void take_error(struct sim_client *c, enum kafka_error error)
{
    switch (error) {
    case KAFKA_FENCED_MEMBER_EPOCH:
    case KAFKA_UNKNOWN_MEMBER_ID:
        ck_assert_int_eq(c->state, CLIENT_STABLE);
        sim_client_lose(c);
        break;
    case KAFKA_GROUP_ID_NOT_FOUND: /* may not upgrade; or has been downgraded */
        if (c->state == CLIENT_STABLE)
            sim_client_lose(c);
        else
            sim_client_crash(c);
        break;
    case KAFKA_UNRELEASED_INSTANCE_ID: /* until the old one's session is over */
        ck_assert_int_eq(c->state, CLIENT_OUT);
        break;
    case KAFKA_NOT_COORDINATOR:
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
        c->full = true;
        break;
    default:
        ck_abort_msg("a heartbeat is answered with %s", kafka_error_name(error));
    }
}

static void take(struct sim_client *c, struct answer *a)
{
    if (a->error != KAFKA_NONE) {
        take_error(c, a->error);
        return;
    }
    if (c->state == CLIENT_STABLE)
        ck_assert_int_ge(a->epoch, c->epoch);
    c->state = CLIENT_STABLE;
    c->epoch = a->epoch;
    if (a->has_assignment)
        take_assignment(c, a);
}

static void on_committed(struct group_write *write, enum kafka_error error)
{
    struct answer *a = (struct answer *)write;
    struct sim_client *c = a->client;
    if (error != KAFKA_NONE)
        a->error = error;
    if (c != NULL) {
        c->waits = NULL;
        if (sim_loses(c->sim))
            c->full = true;
        else
            take(c, a);
    }
    partition_set_free(&a->assignment);
    free(a);
}

/* ---- requests ------------------------------------------------------------ */

static void send(struct sim_client *c, heartbeat_request *m, struct arena *arena)
{
    struct group_env *env = &c->sim->world.env;
    struct consumer_client who = {STR_LITERAL("client"), STR_LITERAL("/host")};
    struct consumer_group_heartbeat_response response;
    struct group_refusal refusal;
    struct answer *a = calloc(1, sizeof(*a));
    ck_assert_ptr_nonnull(a);
    a->base.done = on_committed;
    m->group_id = WORLD_GROUP;
    m->member_id = str_of(c->id);
    m->instance_id = sim_instance(c);
    if (!consumer_heartbeat_is_valid(env->config, m, 1, arena, &refusal))
        ck_abort_msg("%.*s", STR_ARGS(refusal.message));
    if (m->member_epoch >= 0) {
        a->client = c;
        c->waits = a;
    }
    bool made = consumer_heartbeat(env, &who, m, arena, &response, &a->base);
    a->error = (enum kafka_error)response.error_code;
    a->epoch = response.member_epoch;
    a->has_assignment = response.assignment != NULL;
    request_assigned(&response, &a->assignment);
    if (made)
        env->commit(env, &a->base);
    else
        on_committed(&a->base, KAFKA_NONE);
}

static void say_everything(const struct sim_client *c, heartbeat_request *m,
                           struct arena *arena)
{
    char topics[SIM_TOPICS_TEXT];
    struct name_array names =
        request_names(c->regex == NULL ? sim_topics(c, topics) : "", arena);
    m->rebalance_timeout_ms = SIM_REBALANCE_MS;
    m->subscribed_topic_names = names.items;
    m->subscribed_topic_names_count = names.count;
    m->subscribed_topic_regex = c->regex == NULL ? STR_LITERAL("") : str_of(c->regex);
}

/* ---- its turn ------------------------------------------------------------ */

static bool is_subset(const struct partition_set *a, const struct partition_set *b)
{
    for (int32_t i = 0; i < a->count; i++) {
        if (partition_set_find(b, a->items[i].topic_id, a->items[i].partition) == NULL)
            return false;
    }
    return true;
}

/* Gives up what is not assigned any more, and only then takes what is new. */
static void reconcile(struct sim_client *c)
{
    if (partition_set_equal(&c->owned, &c->assigned))
        return;
    if (!is_subset(&c->owned, &c->assigned) && c->delay-- > 0)
        return;
    ck_assert(partition_set_copy(&c->assigned, &c->owned));
    c->told = false;
}

void sim_consumer_turn(struct sim_client *c)
{
    struct arena arena = ARENA_INIT;
    heartbeat_request m = CONSUMER_GROUP_HEARTBEAT_REQUEST_INIT;
    if (c->waits != NULL)
        return;
    bool joins = c->state == CLIENT_OUT;
    if (!joins)
        reconcile(c);
    m.member_epoch = joins ? 0 : c->epoch;
    if (joins || c->full)
        say_everything(c, &m, &arena);
    if (joins || c->full || !c->told)
        request_say_owned(&m, &c->owned, &arena);
    c->full = false;
    c->told = true;
    send(c, &m, &arena);
    arena_reset(&arena);
}

/* Whatever is answered, the process is gone. */
void sim_consumer_leave(struct sim_client *c)
{
    struct arena arena = ARENA_INIT;
    heartbeat_request m = CONSUMER_GROUP_HEARTBEAT_REQUEST_INIT;
    m.member_epoch = c->instance[0] == '\0' ? LEAVE_GROUP_MEMBER_EPOCH
                                            : LEAVE_GROUP_STATIC_MEMBER_EPOCH;
    send(c, &m, &arena);
    arena_reset(&arena);
}
