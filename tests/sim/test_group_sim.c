/* tests/sim/test_group_sim.c
 *
 * Random members against both protocols, thousands of steps from a seed. The seed is
 * printed; GREGOR_SIM_SEED runs one again, GREGOR_SIM_RUNS and GREGOR_SIM_STEPS say
 * how many there are. GREGOR_SIM_TRACE tells what happens.
 *
 * Now and then all is left in peace for a while: then the group must become stable, and
 * every partition must be with somebody. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"
#include "tests/support/check_main.h"

#define RUNS 4
#define STEPS 1500
#define STEPS_TO_PEACE 200
#define ROUNDS_OF_PEACE 500

static long setting(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : atol(text);
}

/* ---- birth and end ------------------------------------------------------- */

static struct sim *sim_open(uint64_t seed)
{
    static const char *const policies[] = {"bidirectional", "bidirectional", "upgrade",
                                           "downgrade", "disabled"};
    struct sim *s = calloc(1, sizeof(*s));
    char settings[400];
    ck_assert_ptr_nonnull(s);
    struct group_world dice = {.random_state = seed};
    snprintf(settings, sizeof(settings),
             "group.consumer.migration.policy=%s\n"
             "group.initial.rebalance.delay.ms=%d\n"
             "group.consumer.assignors=%s\n"
             "group.consumer.min.assignment.interval.ms=0\n"
             "group.consumer.assignment.interval.ms=%d\n",
             policies[group_world_random(&dice, 5)],
             group_world_random(&dice, 2) == 0 ? 0 : 300,
             group_world_random(&dice, 2) == 0 ? "uniform,range" : "range,uniform",
             group_world_random(&dice, 3) == 0 ? 2000 : 0);
    group_world_open(&s->world, settings);
    s->world.random_state = dice.random_state;
    s->cooperative = sim_random(s, 2) == 0;
    memset(s->offsets, -1, sizeof(s->offsets));
    for (int i = 0; i < SIM_CLIENTS; i++) {
        s->clients[i].sim = s;
        s->clients[i].topics = 1 + sim_random(s, 15);
        if (i % 3 == 0)
            snprintf(s->clients[i].instance, sizeof(s->clients[i].instance), "i%d", i);
    }
    group_world_topic(&s->world, "a", 3);
    group_world_topic(&s->world, "b", 5);
    group_table_init(&s->mirror, &s->world.env);
    return s;
}

static void sim_close(struct sim *s)
{
    for (int i = 0; i < SIM_CLIENTS; i++)
        sim_client_crash(&s->clients[i]);
    group_table_free(&s->mirror);
    group_world_close(&s->world);
    free(s);
}

/* ---- what happens -------------------------------------------------------- */

/* Deleting a topic deletes its offsets (group_forget_topic()). */
static void forget_offsets(struct sim *s, int topic)
{
    struct group_env *env = &s->world.env;
    struct group_records records;
    struct group_write ignored = {0};
    char name[2] = {(char)('a' + topic), '\0'};
    group_records_init(&records, group_now_ms(env));
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        if (s->offsets[topic][p] >= 0)
            group_records_offset_gone(&records, WORLD_GROUP, str_of(name), p);
        s->offsets[topic][p] = -1;
    }
    ck_assert_int_eq(env->change(env, WORLD_GROUP, &records, &ignored), KAFKA_NONE);
}

static void change_topic(struct sim *s)
{
    int topic = (int)sim_random(s, SIM_TOPICS);
    char name[2] = {(char)('a' + topic), '\0'};
    const struct metadata_topic *t = metadata_image_topic(s->world.image, str_of(name));
    if (t != NULL && sim_random(s, 3) == 0 && s->world.refuses == KAFKA_NONE) {
        group_world_remove_topic(&s->world, name);
        forget_offsets(s, topic);
    } else if (t == NULL || t->partition_count < SIM_PARTITIONS) {
        int32_t partitions = t == NULL ? 0 : t->partition_count;
        group_world_topic(&s->world, name, partitions + 1);
    }
}

static void change_subscription(struct sim *s, struct sim_client *c)
{
    static const char *const expressions[] = {".*", "[ab]", "[bcd]"};
    sim_client_subscribe(c, sim_random(s, 6) == 0 ? 0 : 1 + sim_random(s, 15),
                         sim_random(s, 2) == 0 ? expressions[sim_random(s, 3)] : NULL);
}

/* A process begins, or ends in one of several ways, or comes back as another. */
static void change_process(struct sim *s, struct sim_client *c)
{
    enum sim_protocol protocol = sim_random(s, 2) == 0 ? SIM_CONSUMER : SIM_CLASSIC;
    if (c->state == CLIENT_STOPPED) {
        sim_client_start(c, protocol);
        return;
    }
    if (sim_random(s, 3) == 0)
        sim_client_crash(c);
    else
        sim_client_leave(c);
    if (sim_random(s, 2) == 0)
        sim_client_start(c, protocol);
}

static void restart(struct sim *s)
{
    if (sim_random(s, 2) == 0)
        group_world_compact(&s->world, s->world.next_offset - sim_random(s, 200),
                            sim_random(s, 2) == 0);
    group_world_restart(&s->world);
    s->known_consumer = NULL;
    s->known_classic = NULL;
    group_table_free(&s->mirror);
    group_table_init(&s->mirror, &s->world.env);
    s->mirrored = 0;
}

static void change_log(struct sim *s)
{
    struct group_world *w = &s->world;
    static const enum kafka_error errors[] = {KAFKA_NONE, KAFKA_NONE, KAFKA_NONE,
                                              KAFKA_COORDINATOR_NOT_AVAILABLE};
    w->refuses = sim_random(s, 4) == 0 ? KAFKA_NOT_COORDINATOR : KAFKA_NONE;
    w->holds_commits = sim_random(s, 2) == 0;
    group_world_commit(w, errors[sim_random(s, 4)]);
}

static void one_thing(struct sim *s)
{
    struct sim_client *c = &s->clients[sim_random(s, SIM_CLIENTS)];
    uint32_t what = sim_random(s, 1000);
    if (what < 780)
        sim_client_turn(c);
    else if (what < 880)
        sim_client_commit(c);
    else if (what < 920)
        change_process(s, c);
    else if (what < 940)
        change_subscription(s, c);
    else if (what < 950)
        change_topic(s);
    else if (what < 965)
        change_log(s);
    else if (what < 975)
        s->lost_answers = 1;
    else if (what < 985)
        c->stalled = (int)sim_random(s, 60);
    else if (what < 990)
        restart(s);
    else
        fake_executor_run_one(&s->world.executor);
}

/* ---- peace --------------------------------------------------------------- */

static bool is_peaceful(const struct sim *s)
{
    const struct group *g = group_world_group(&s->world);
    bool runs = false;
    for (int i = 0; i < SIM_CLIENTS; i++) {
        if (!sim_client_is_settled(&s->clients[i]))
            return false;
        runs |= s->clients[i].state != CLIENT_STOPPED;
    }
    if (!runs)
        return true;
    bool stable = g->consumer != NULL
                      ? consumer_group_state(g->consumer) == CONSUMER_GROUP_STABLE
                      : g->classic->state == GROUP_STABLE;
    return stable && sim_forgotten(s) == NULL;
}

/* Whoever is to see that topics or members have changed is not always there: after a
 * downgrade no client knows that it leads; and where a group may not be downgraded,
 * members of the classic protocol alone do not make a new target (in Kafka neither).
 * Then all waits for the next one that comes. */
static void stir(struct sim *s)
{
    struct sim_client *chosen = NULL;
    for (int i = 0; i < SIM_CLIENTS; i++) {
        struct sim_client *c = &s->clients[i];
        if (c->state == CLIENT_STOPPED)
            continue;
        if (c->protocol == SIM_CONSUMER || c->leads)
            return;
        if (c->instance[0] == '\0')
            chosen = c;
    }
    if (chosen == NULL)
        return;
    sim_client_leave(chosen);
    sim_client_start(chosen, SIM_CLASSIC);
}

static void come_to_peace(struct sim *s)
{
    s->world.refuses = KAFKA_NONE;
    s->world.holds_commits = false;
    s->lost_answers = 0;
    group_world_commit(&s->world, KAFKA_NONE);
    for (int i = 0; i < SIM_CLIENTS; i++)
        s->clients[i].stalled = 0;
    int rounds = 0;
    for (; rounds < ROUNDS_OF_PEACE && !is_peaceful(s); rounds++) {
        if (rounds % 100 == 99)
            stir(s);
        for (int i = 0; i < SIM_CLIENTS; i++)
            sim_client_turn(&s->clients[i]);
        group_world_work(&s->world);
        group_world_pass(&s->world, 500);
        sim_check(s);
    }
    if (rounds == ROUNDS_OF_PEACE) {
        sim_tell(s);
        const char *forgotten = sim_forgotten(s);
        ck_abort_msg("step %d: the group does not come to rest; topic %s is forgotten",
                     s->step, forgotten == NULL ? "(none)" : forgotten);
    }
}

/* ---- runs ---------------------------------------------------------------- */

static void run(uint64_t seed, long steps)
{
    struct sim *s = sim_open(seed);
    bool tells = getenv("GREGOR_SIM_TRACE") != NULL;
    struct trace trace = trace_stderr;
    trace.level = TRACE_INFO;
    if (tells)
        s->world.env.trace = &trace;
    for (; s->step < steps; s->step++) {
        int settled = s->world.settled;
        one_thing(s);
        sim_check(s);
        group_world_pass(&s->world, sim_random(s, 300));
        if (s->world.settled != settled)
            sim_check(s);
        if (s->step % STEPS_TO_PEACE == STEPS_TO_PEACE - 1)
            come_to_peace(s);
    }
    sim_close(s);
}

START_TEST(members_of_both_protocols_share_partitions_whatever_happens)
{
    long steps = setting("GREGOR_SIM_STEPS", STEPS);
    long seed = setting("GREGOR_SIM_SEED", 0);
    long runs = seed == 0 ? setting("GREGOR_SIM_RUNS", RUNS) : 1;
    long first = seed == 0 ? (long)getpid() * 1000 : seed;
    for (long i = 0; i < runs; i++) {
        printf("GREGOR_SIM_SEED=%ld\n", first + i);
        fflush(stdout);
        run((uint64_t)(first + i), steps);
    }
}
END_TEST

GREGOR_TESTS("group_sim", members_of_both_protocols_share_partitions_whatever_happens)
