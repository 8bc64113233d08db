/* tests/unit/broker/test_classic_group.c
 *
 * Groups with a clock that the test moves, and a log that commits at once, when it is
 * told to, or never. */
#include "broker/group/classic_group.h"

#include <stdio.h>

#include "tests/support/check_main.h"
#include "tests/support/group_world.h"

#define SESSION_MS 10000
#define REBALANCE_MS 60000
#define MEMBERS 4

static void world_open(struct group_world *w, int initial_delay_ms)
{
    char settings[120];
    snprintf(settings, sizeof(settings),
             "group.initial.rebalance.delay.ms=%d\ngroup.max.size=%d\n",
             initial_delay_ms, MEMBERS);
    group_world_open(w, settings);
    ck_assert_ptr_nonnull(group_table_make(&w->table, WORLD_GROUP));
}

static struct classic_group *group(struct group_world *w)
{
    return group_world_classic(w);
}

/* A member as its client sees it. */
struct client {
    struct classic_join join; /* first */
    struct classic_sync sync;
    char id[80];
    const char *instance;
    int32_t generation;
    bool answered;
    enum kafka_error error;
    bool leads;
    bool skips;
    int members; /* told to the leader */
    char assignment[16];
    char protocol[16];
};

static void on_joined(struct classic_join *join, const struct join_result *r)
{
    struct client *c = (struct client *)join;
    c->answered = true;
    c->error = r->error;
    if (r->member_id.len > 0)
        snprintf(c->id, sizeof(c->id), "%.*s", STR_ARGS(r->member_id));
    if (r->error != KAFKA_NONE)
        return;
    c->generation = r->generation_id;
    c->leads = str_is(r->leader, c->id);
    c->skips = r->skip_assignment;
    c->members = r->members == NULL ? 0 : classic_group_member_count(r->members);
    snprintf(c->protocol, sizeof(c->protocol), "%.*s", STR_ARGS(r->protocol_name));
}

static void on_synced(struct classic_sync *sync, const struct sync_result *r)
{
    struct client *c = (struct client *)((char *)sync - offsetof(struct client, sync));
    c->answered = true;
    c->error = r->error;
    snprintf(c->assignment, sizeof(c->assignment), "%.*s", r->assignment.len,
             r->assignment.data == NULL ? "" : (const char *)r->assignment.data);
}

static struct client client_of(const char *instance)
{
    return (struct client){
        .join = {on_joined}, .sync = {on_synced}, .instance = instance};
}

static struct str instance_of(const struct client *c)
{
    return c->instance == NULL ? STR_NULL : str_of(c->instance);
}

static void join_as(struct group_world *w, struct client *c, const char *protocol,
                    int16_t version)
{
    struct join_group_request_join_group_request_protocol protocols[] = {
        {.name = str_of(protocol), .metadata = BYTES_EMPTY}};
    struct join_group_request r = {
        .group_id = WORLD_GROUP,
        .session_timeout_ms = SESSION_MS,
        .rebalance_timeout_ms = REBALANCE_MS,
        .member_id = str_of(c->id),
        .group_instance_id = instance_of(c),
        .protocol_type = STR_LITERAL("consumer"),
        .protocols = protocols,
        .protocols_count = 1,
    };
    struct classic_client client = {version, STR_LITERAL("c"), STR_LITERAL("/h")};
    c->answered = false;
    classic_group_join(group(w), &client, &r, &c->join);
}

/* As clients do: with the id that they are given first. */
static void join(struct group_world *w, struct client *c)
{
    join_as(w, c, "range", 9);
    if (c->answered && c->error == KAFKA_MEMBER_ID_REQUIRED)
        join_as(w, c, "range", 9);
}

/* The leader gives each member its own id's last letter. */
static void sync_with(struct group_world *w, struct client *c,
                      const struct client *clients, int count)
{
    struct sync_group_request_sync_group_request_assignment assignments[MEMBERS];
    for (int i = 0; i < count; i++) {
        assignments[i].member_id = str_of(clients[i].id);
        assignments[i].assignment = (struct bytes){
            (const uint8_t *)clients[i].id + strlen(clients[i].id) - 4, 4};
    }
    struct sync_group_request r = {
        .group_id = WORLD_GROUP,
        .generation_id = c->generation,
        .member_id = str_of(c->id),
        .group_instance_id = instance_of(c),
        .assignments = assignments,
        .assignments_count = c->leads ? count : 0,
    };
    c->answered = false;
    classic_group_sync(group(w), &r, &c->sync);
}

static enum kafka_error beat(struct group_world *w, const struct client *c)
{
    struct heartbeat_request r = {
        .generation_id = c->generation,
        .member_id = str_of(c->id),
        .group_instance_id = instance_of(c),
    };
    return classic_group_heartbeat(group(w), &r);
}

static enum kafka_error leave(struct group_world *w, const struct client *c)
{
    struct leave_group_request_member_identity who = {
        .member_id = str_of(c->id), .group_instance_id = instance_of(c)};
    enum kafka_error error;
    classic_group_leave(group(w), &who, 1, &error);
    return error;
}

/* All of them in one stable generation; the initial delay passes, twice since members
 * come during the first. */
static void settle(struct group_world *w, struct client *clients, int count)
{
    for (int i = 0; i < count; i++)
        join(w, &clients[i]);
    group_world_pass(w, 2 * w->config->group_initial_rebalance_delay_ms + 1);
    for (int i = 0; i < count; i++) {
        ck_assert(clients[i].answered);
        ck_assert_int_eq(clients[i].error, KAFKA_NONE);
    }
    for (int i = count - 1; i >= 0; i--)
        sync_with(w, &clients[i], clients, count);
    ck_assert_int_eq(group(w)->state, GROUP_STABLE);
}

START_TEST(a_member_alone_becomes_a_stable_group)
{
    struct group_world w;
    world_open(&w, 0);
    struct client c = client_of(NULL);
    join_as(&w, &c, "range", 9);
    ck_assert_int_eq(c.error, KAFKA_MEMBER_ID_REQUIRED);
    ck_assert_int_eq(group(&w)->state, GROUP_EMPTY);
    join_as(&w, &c, "range", 9);
    ck_assert(!c.answered);
    ck_assert_int_eq(group(&w)->state, GROUP_PREPARING_REBALANCE);
    group_world_pass(&w, 1);
    ck_assert(c.answered && c.leads);
    ck_assert_int_eq(c.members, 1);
    ck_assert_int_eq(group(&w)->state, GROUP_COMPLETING_REBALANCE);
    sync_with(&w, &c, &c, 1);
    ck_assert_int_eq(c.error, KAFKA_NONE);
    ck_assert_str_eq(c.assignment, c.id + strlen(c.id) - 4);
    ck_assert_int_eq(group(&w)->state, GROUP_STABLE);
    group_world_close(&w);
}
END_TEST

START_TEST(the_initial_delay_grows_with_new_members_up_to_the_rebalance_timeout)
{
    struct group_world w;
    world_open(&w, 3000);
    struct client a = client_of(NULL), b = client_of(NULL);
    join(&w, &a);
    group_world_pass(&w, 2000);
    join(&w, &b);
    group_world_pass(&w, 1000);
    ck_assert(!a.answered); /* b came during the delay: another one */
    group_world_pass(&w, 3000);
    ck_assert(a.answered && b.answered);
    ck_assert_int_eq(a.generation, 1);
    ck_assert_int_eq(a.members, 2);
    group_world_close(&w);
}
END_TEST

START_TEST(a_pending_member_that_does_not_join_is_forgotten)
{
    struct group_world w;
    world_open(&w, 0);
    struct client a = client_of(NULL), b = client_of(NULL);
    settle(&w, &a, 1);
    join_as(&w, &b, "range", 9); /* gets its id, and goes silent */
    join(&w, &a);                /* the leader joins again: a rebalance */
    ck_assert(!a.answered);      /* which waits for the pending member */
    group_world_pass(&w, SESSION_MS);
    ck_assert(a.answered);
    ck_assert_int_eq(a.generation, 2);
    group_world_close(&w);
}
END_TEST

START_TEST(a_silent_member_is_removed_and_the_others_join_again)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[2] = {client_of(NULL), client_of(NULL)};
    settle(&w, c, 2);
    group_world_pass(&w, SESSION_MS / 2);
    ck_assert_int_eq(beat(&w, &c[1]), KAFKA_NONE);
    group_world_pass(&w, SESSION_MS / 2 + 1);
    ck_assert_int_eq(group(&w)->state, GROUP_PREPARING_REBALANCE);
    ck_assert_int_eq(beat(&w, &c[0]), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(beat(&w, &c[1]), KAFKA_REBALANCE_IN_PROGRESS);
    join(&w, &c[1]);
    ck_assert(c[1].answered && c[1].leads);
    ck_assert_int_eq(c[1].generation, 2);
    group_world_close(&w);
}
END_TEST

START_TEST(who_does_not_join_again_in_time_is_removed)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[2] = {client_of(NULL), client_of(NULL)};
    settle(&w, c, 2);
    join(&w, &c[0]);
    for (int64_t ms = 0; ms < REBALANCE_MS; ms += 1000) {
        ck_assert(!c[0].answered);
        ck_assert_int_eq(beat(&w, &c[1]), KAFKA_REBALANCE_IN_PROGRESS);
        group_world_pass(&w, 1000);
    }
    ck_assert(c[0].answered);
    ck_assert_int_eq(c[0].members, 1);
    ck_assert_int_eq(beat(&w, &c[1]), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(who_does_not_ask_for_its_assignment_in_time_is_removed)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[2] = {client_of(NULL), client_of(NULL)};
    join(&w, &c[0]);
    join(&w, &c[1]);
    group_world_pass(&w, 20);
    sync_with(&w, &c[0], c, 2);
    ck_assert_int_eq(group(&w)->state, GROUP_STABLE);
    for (int64_t ms = 0; ms < REBALANCE_MS; ms += 1000) {
        beat(&w, &c[0]);
        beat(&w, &c[1]);
        group_world_pass(&w, 1000);
    }
    ck_assert_int_eq(group(&w)->state, GROUP_PREPARING_REBALANCE);
    ck_assert_int_eq(beat(&w, &c[1]), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(nobody_hears_of_an_assignment_that_is_not_stored)
{
    struct group_world w;
    world_open(&w, 0);
    struct client c = client_of(NULL);
    join(&w, &c);
    group_world_pass(&w, 1);
    w.holds_commits = true;
    sync_with(&w, &c, &c, 1);
    ck_assert(!c.answered);
    ck_assert_int_eq(group(&w)->state, GROUP_COMPLETING_REBALANCE);
    group_world_commit(&w, KAFKA_NONE);
    ck_assert(c.answered);
    ck_assert_int_eq(group(&w)->state, GROUP_STABLE);
    group_world_close(&w);
}
END_TEST

START_TEST(an_assignment_that_cannot_be_stored_starts_a_rebalance)
{
    struct group_world w;
    world_open(&w, 0);
    struct client c = client_of(NULL);
    join(&w, &c);
    group_world_pass(&w, 1);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    sync_with(&w, &c, &c, 1);
    ck_assert_int_eq(c.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    ck_assert_int_eq(group(&w)->state, GROUP_PREPARING_REBALANCE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_store_may_outlive_its_group)
{
    struct group_world w;
    world_open(&w, 0);
    struct client c = client_of(NULL);
    join(&w, &c);
    group_world_pass(&w, 1);
    w.holds_commits = true;
    sync_with(&w, &c, &c, 1);
    group_table_free(&w.table);
    ck_assert_int_eq(c.error, KAFKA_NOT_COORDINATOR);
    group_world_commit(&w, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(the_last_member_leaves_an_empty_group_that_is_stored)
{
    struct group_world w;
    world_open(&w, 0);
    struct client c = client_of(NULL);
    settle(&w, &c, 1);
    int before = w.appends;
    ck_assert_int_eq(leave(&w, &c), KAFKA_NONE);
    ck_assert_int_eq(group(&w)->state, GROUP_EMPTY);
    ck_assert_int_eq(group(&w)->generation_id, 2);
    ck_assert_int_eq(w.appends, before + 1);
    ck_assert_int_eq(leave(&w, &c), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(classic_group_expiry(group(&w)), EXPIRE_SINCE_EMPTY);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_member_comes_back_without_a_rebalance)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[2] = {client_of("one"), client_of(NULL)};
    settle(&w, c, 2);
    struct client again = client_of("one");
    join(&w, &again);
    ck_assert(again.answered);
    ck_assert_int_eq(again.error, KAFKA_NONE);
    ck_assert(again.skips);
    ck_assert_int_eq(again.generation, 1);
    ck_assert_int_eq(group(&w)->state, GROUP_STABLE);
    ck_assert_int_eq(beat(&w, &c[0]), KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(beat(&w, &again), KAFKA_NONE);
    ck_assert_int_eq(beat(&w, &c[1]), KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_member_whose_return_cannot_be_stored_keeps_its_old_id)
{
    struct group_world w;
    world_open(&w, 0);
    struct client c = client_of("one"), again = client_of("one");
    settle(&w, &c, 1);
    w.refuses = KAFKA_NOT_COORDINATOR;
    join(&w, &again);
    ck_assert_int_eq(again.error, KAFKA_NOT_COORDINATOR);
    ck_assert_int_eq(beat(&w, &c), KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_member_that_is_late_stays_until_its_session_ends)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[2] = {client_of("one"), client_of(NULL)};
    settle(&w, c, 2);
    join(&w, &c[1]); /* follows, so nothing changes */
    ck_assert(c[1].answered);
    ck_assert_int_eq(leave(&w, &c[1]), KAFKA_NONE);
    ck_assert_int_eq(group(&w)->state, GROUP_PREPARING_REBALANCE);
    group_world_pass(&w, SESSION_MS - 100);
    ck_assert_int_eq(classic_group_member_count(group(&w)), 1);
    group_world_pass(&w, 200);
    ck_assert_int_eq(group(&w)->state, GROUP_EMPTY);
    group_world_close(&w);
}
END_TEST

START_TEST(a_full_group_takes_no_more)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[MEMBERS + 1];
    for (int i = 0; i <= MEMBERS; i++)
        c[i] = client_of(NULL);
    settle(&w, c, MEMBERS);
    join(&w, &c[MEMBERS]);
    ck_assert_int_eq(c[MEMBERS].error, KAFKA_GROUP_MAX_SIZE_REACHED);
    ck_assert_int_eq(group(&w)->state, GROUP_STABLE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_group_is_loaded_as_it_was_stored)
{
    struct group_world w;
    world_open(&w, 10);
    struct client c[2] = {client_of("one"), client_of(NULL)};
    settle(&w, c, 2);
    group_world_restart(&w);
    const struct classic_group *loaded = group(&w);
    ck_assert_int_eq(loaded->state, GROUP_STABLE);
    ck_assert_int_eq(loaded->generation_id, 1);
    ck_assert_int_eq(beat(&w, &c[0]), KAFKA_NONE);
    sync_with(&w, &c[1], c, 2);
    ck_assert_str_eq(c[1].assignment, c[1].id + strlen(c[1].id) - 4);
    group_world_pass(&w, SESSION_MS + 1);
    ck_assert_int_eq(loaded->state, GROUP_EMPTY);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("classic_group", a_member_alone_becomes_a_stable_group,
             the_initial_delay_grows_with_new_members_up_to_the_rebalance_timeout,
             a_pending_member_that_does_not_join_is_forgotten,
             a_silent_member_is_removed_and_the_others_join_again,
             who_does_not_join_again_in_time_is_removed,
             who_does_not_ask_for_its_assignment_in_time_is_removed,
             nobody_hears_of_an_assignment_that_is_not_stored,
             an_assignment_that_cannot_be_stored_starts_a_rebalance,
             a_store_may_outlive_its_group,
             the_last_member_leaves_an_empty_group_that_is_stored,
             a_static_member_comes_back_without_a_rebalance,
             a_static_member_whose_return_cannot_be_stored_keeps_its_old_id,
             a_static_member_that_is_late_stays_until_its_session_ends,
             a_full_group_takes_no_more, a_group_is_loaded_as_it_was_stored)
