/* tests/unit/broker/test_group_migration.c
 *
 * Groups that change their protocol while members live: up, when the first member of
 * the consumer protocol joins, down, when the last one goes, as the policy allows. */
#include "tests/unit/broker/consumer_fixture.h"

#define POLICY(name)                       \
    "group.initial.rebalance.delay.ms=0\n" \
    "group.consumer.migration.policy=" name "\n"

/* A classic group of two members, each with half of "a". */
static void open_classic(struct group_world *w, const char *settings, struct peer p[2])
{
    static const char *const halves[] = {"a0 a1", "a2 a3"};
    consumer_fixture_open(w, settings);
    for (int i = 0; i < 2; i++) {
        p[i] = (struct peer){.topics = "a", .generation = -1};
        peer_join(w, &p[i]);
    }
    group_world_pass(w, 1);
    ck_assert(p[0].leads);
    peer_sync(w, &p[1]);
    peer_lead(w, &p[0], p, halves, 2);
    ck_assert_int_eq(p[1].error, KAFKA_NONE);
    ck_assert_str_eq(p[0].owned, "a0 a1");
    ck_assert_str_eq(p[1].owned, "a2 a3");
    ck_assert_int_eq(group_world_classic(w)->state, GROUP_STABLE);
}

/* A consumer group of "m1" and a classic member, each with half of "a". */
static void open_mixed(struct group_world *w, const char *settings, struct member *m,
                       struct peer *p)
{
    consumer_fixture_open(w, settings);
    *m = (struct member){.id = "m1", .topics = "a"};
    *p = (struct peer){.topics = "a", .generation = -1};
    member_join(w, m);
    peer_join(w, p);
    peer_sync(w, p);
    member_beat(w, m);
    member_beat(w, m);
    peer_join(w, p);
    peer_sync(w, p);
    ck_assert_uint_eq(strlen(p->owned), strlen("a0 a1"));
    ck_assert_int_eq(consumer_group_state(group_world_consumer(w)),
                     CONSUMER_GROUP_STABLE);
}

/* ---- up ---------------------------------------------------------------------- */

START_TEST(a_classic_group_is_taken_over_with_its_members)
{
    struct group_world w;
    struct peer p[2];
    struct member m = {.id = "m1", .topics = "a"};
    open_classic(&w, POLICY("bidirectional"), p);
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    const struct consumer_group *g = group_world_consumer(&w);
    ck_assert_ptr_nonnull(g);
    ck_assert_int_eq(g->member_count, 3);
    ck_assert_int_eq(consumer_group_classic_count(g), 2);
    ck_assert_int_eq(m.epoch, p[0].generation + 1);
    ck_assert_str_eq(m.owned, ""); /* all is still held */
    expect_member(&w, p[0].id, MEMBER_STABLE, "a0 a1", "");
    expect_member(&w, p[1].id, MEMBER_STABLE, "a2 a3", "");
    expect_replayed(&w);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(peer_beat(&w, &p[i]), KAFKA_REBALANCE_IN_PROGRESS);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            if (peer_beat(&w, &p[i]) == KAFKA_NONE)
                continue;
            peer_join(&w, &p[i]);
            peer_sync(&w, &p[i]);
            ck_assert_int_eq(p[i].error, KAFKA_NONE);
        }
        member_beat(&w, &m);
    }
    ck_assert_int_eq(consumer_group_state(g), CONSUMER_GROUP_STABLE);
    ck_assert_uint_gt(strlen(m.owned), 0);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(members_that_were_taken_over_keep_their_sessions)
{
    struct group_world w;
    struct peer p[2];
    struct member m = {.id = "m1", .topics = "a"};
    open_classic(&w, POLICY("upgrade"), p);
    member_join(&w, &m);
    group_world_pass(&w, CLASSIC_SESSION_MS - 1);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 3);
    group_world_pass(&w, 1);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    group_world_close(&w);
}
END_TEST

START_TEST(who_waits_in_the_old_group_is_told_to_join_the_new_one)
{
    struct group_world w;
    struct peer p[2];
    struct member m = {.id = "m1", .topics = "a"};
    open_classic(&w, POLICY("bidirectional"), p);
    peer_join(&w, &p[0]); /* the leader begins a rebalance */
    ck_assert(p[0].waits);
    member_join(&w, &m);
    ck_assert(!p[0].waits);
    ck_assert_int_eq(p[0].error, KAFKA_REBALANCE_IN_PROGRESS);
    peer_join(&w, &p[0]);
    ck_assert_int_eq(p[0].error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

/* While a classic group rebalances, not all partitions are with somebody. */
START_TEST(a_group_that_is_taken_over_gets_a_new_target)
{
    struct group_world w;
    struct peer p[2];
    struct beaten out;
    open_classic(&w, POLICY("bidirectional"), p);
    peer_leave(&w, &p[1]);
    consumer_beat(&w,
                  (struct beat){.member = "m1",
                                .topics = "", /* wants nothing */
                                .owned = "",
                                .rebalance_ms = REBALANCE_MS},
                  &out);
    ck_assert_int_eq(out.error, KAFKA_NONE);
    expect_target(&w, p[0].id, "a0 a1 a2 a3");
    group_world_close(&w);
}
END_TEST

START_TEST(offsets_stay_when_a_group_changes)
{
    struct group_world w;
    struct peer p[2];
    struct member m = {.id = "m1", .topics = "a"};
    struct group_records records;
    struct group_write ignored = {0};
    struct committed_offset o = {.offset = 5, .expire_timestamp = NO_EXPIRE_TIMESTAMP};
    open_classic(&w, POLICY("bidirectional"), p);
    group_records_init(&records, group_now_ms(&w.env));
    group_records_offset(&records, WORLD_GROUP, STR_LITERAL("a"), UUID_ZERO, &o);
    w.env.change(&w.env, WORLD_GROUP, &records, &ignored);
    member_join(&w, &m);
    ck_assert_ptr_nonnull(group_world_consumer(&w));
    expect_replayed(&w);
    member_leave(&w, &m, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_ptr_nonnull(group_world_classic(&w));
    const struct group_offsets *offsets = &group_world_group(&w)->offsets;
    ck_assert_int_eq(group_offsets_find(offsets, STR_LITERAL("a"), 0)->offset, 5);
    group_world_close(&w);
}
END_TEST

START_TEST(an_upgrade_that_may_not_be_changes_nothing)
{
    static const char *const settings[] = {
        POLICY("disabled"), POLICY("downgrade"),
        POLICY("bidirectional") "group.consumer.max.size=1\n"};
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct group_world w;
        struct peer p[2];
        struct member m = {.id = "m1", .topics = "a"};
        open_classic(&w, settings[i], p);
        member_join(&w, &m);
        ck_assert_int_eq(m.last.error, KAFKA_GROUP_ID_NOT_FOUND);
        ck_assert_int_eq(group_world_classic(&w)->state, GROUP_STABLE);
        ck_assert_int_eq(peer_beat(&w, &p[0]), KAFKA_NONE);
        expect_replayed(&w);
        group_world_close(&w);
    }
}
END_TEST

START_TEST(an_upgrade_that_the_log_refuses_changes_nothing)
{
    struct group_world w;
    struct peer p[2];
    struct member m = {.id = "m1", .topics = "a"};
    open_classic(&w, POLICY("bidirectional"), p);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    ck_assert_ptr_nonnull(group_world_classic(&w));
    ck_assert_int_eq(peer_beat(&w, &p[0]), KAFKA_NONE);
    w.refuses = KAFKA_NONE;
    expect_replayed(&w);
    group_world_pass(&w, CLASSIC_SESSION_MS - 1);
    ck_assert_int_eq(classic_group_member_count(group_world_classic(&w)), 2);
    group_world_close(&w);
}
END_TEST

START_TEST(only_groups_of_consumers_are_taken_over)
{
    struct group_world w;
    struct member m = {.id = "m1", .topics = "a"};
    struct peer p = {.topics = "a", .type = "connect"};
    consumer_fixture_open(&w, POLICY("bidirectional"));
    peer_join(&w, &p);
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_GROUP_ID_NOT_FOUND);
    ck_assert(p.waits);
    group_world_pass(&w, 1);
    ck_assert_int_eq(p.error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

/* One that has an id, and has not joined with it, is nobody yet. */
START_TEST(a_pending_member_does_not_make_an_upgrade)
{
    struct group_world w;
    struct member m = {.id = "m1", .topics = "a"};
    struct peer p = {.topics = "a"};
    consumer_fixture_open(&w, POLICY("disabled"));
    peer_ask_to_join(&w, &p, 9);
    ck_assert_int_eq(p.error, KAFKA_MEMBER_ID_REQUIRED);
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    group_world_close(&w);
}
END_TEST

/* ---- down -------------------------------------------------------------------- */

START_TEST(the_last_consumer_leaves_a_classic_group_that_rebalances)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, POLICY("bidirectional"), &m, &p);
    int32_t epoch = group_world_consumer(&w)->group_epoch;
    member_leave(&w, &m, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    const struct classic_group *g = group_world_classic(&w);
    ck_assert_ptr_nonnull(g);
    ck_assert_int_eq(g->state, GROUP_PREPARING_REBALANCE);
    ck_assert_int_eq(g->generation_id, epoch);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_REBALANCE_IN_PROGRESS);
    peer_join(&w, &p);
    ck_assert(!p.waits && p.leads);
    ck_assert_int_eq(p.generation, epoch + 1);
    peer_lead(&w, &p, &p, (const char *const[]){"a0 a1 a2 a3"}, 1);
    ck_assert_str_eq(p.owned, "a0 a1 a2 a3");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(the_last_consumer_whose_session_is_over_leaves_a_classic_group)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, POLICY("downgrade"), &m, &p);
    for (int64_t ms = 0; ms < SESSION_MS; ms += 5000) {
        ck_assert_ptr_nonnull(group_world_consumer(&w));
        peer_beat(&w, &p);
        group_world_pass(&w, 5000);
    }
    ck_assert_ptr_nonnull(group_world_classic(&w));
    ck_assert_int_eq(classic_group_member_count(group_world_classic(&w)), 1);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_REBALANCE_IN_PROGRESS);
    group_world_close(&w);
}
END_TEST

START_TEST(an_administrator_may_take_out_the_last_consumer)
{
    struct group_world w;
    struct member m;
    struct peer p, out = {.id = "m1"};
    open_mixed(&w, POLICY("bidirectional"), &m, &p);
    ck_assert_int_eq(peer_leave(&w, &out), KAFKA_NONE);
    ck_assert_ptr_nonnull(group_world_classic(&w));
    ck_assert_int_eq(classic_group_member_count(group_world_classic(&w)), 1);
    group_world_close(&w);
}
END_TEST

START_TEST(who_leaves_together_with_the_last_consumer_is_out)
{
    struct group_world w;
    struct member m;
    struct peer p, q = {.topics = "a", .generation = -1};
    struct arena arena = ARENA_INIT;
    struct group_write ignored = {0};
    enum kafka_error errors[2];
    open_mixed(&w, POLICY("bidirectional"), &m, &p);
    peer_join(&w, &q);
    struct leave_group_request_member_identity who[] = {
        {.member_id = str_of(q.id), .group_instance_id = STR_NULL},
        {.member_id = STR_LITERAL("m1"), .group_instance_id = STR_NULL}};
    ck_assert_int_eq(consumer_classic_leave(group_world_consumer(&w), who, 2, &arena,
                                            errors, &ignored),
                     KAFKA_NONE);
    ck_assert_int_eq(errors[0], KAFKA_NONE);
    ck_assert_int_eq(errors[1], KAFKA_NONE);
    ck_assert_int_eq(classic_group_member_count(group_world_classic(&w)), 1);
    ck_assert_int_eq(peer_beat(&w, &q), KAFKA_UNKNOWN_MEMBER_ID);
    arena_reset(&arena);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_consumer_that_comes_back_as_a_classic_member_is_the_last_one)
{
    struct group_world w;
    consumer_fixture_open(&w, POLICY("bidirectional"));
    struct member m = {.id = "m1", .instance = "one", .topics = "a"};
    struct peer back = {.topics = "a", .instance = "one", .generation = -1};
    member_join(&w, &m);
    int32_t epoch = m.epoch;
    member_leave(&w, &m, LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    peer_join(&w, &back);
    ck_assert_int_eq(back.error, KAFKA_NONE);
    const struct classic_group *g = group_world_classic(&w);
    ck_assert_ptr_nonnull(g);
    ck_assert_int_eq(g->state, GROUP_STABLE); /* it had all, and has it again */
    ck_assert_int_eq(g->generation_id, epoch);
    ck_assert_int_eq(back.generation, epoch);
    peer_sync(&w, &back);
    ck_assert_str_eq(back.owned, "a0 a1 a2 a3");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_consumer_that_comes_back_with_other_topics_begins_a_rebalance)
{
    struct group_world w;
    consumer_fixture_open(&w, POLICY("bidirectional"));
    struct member m = {.id = "m1", .instance = "one", .topics = "a"};
    struct peer back = {.topics = "b", .instance = "one", .generation = -1};
    member_join(&w, &m);
    member_leave(&w, &m, LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    peer_join(&w, &back);
    ck_assert_int_eq(back.error, KAFKA_NONE);
    ck_assert_int_eq(group_world_classic(&w)->state, GROUP_PREPARING_REBALANCE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_downgrade_that_may_not_be_leaves_a_consumer_group)
{
    static const char *const settings[] = {POLICY("disabled"), POLICY("upgrade")};
    for (size_t i = 0; i < 2; i++) {
        struct group_world w;
        struct member m;
        struct peer p;
        open_mixed(&w, settings[i], &m, &p);
        member_leave(&w, &m, LEAVE_GROUP_MEMBER_EPOCH);
        ck_assert_int_eq(m.last.error, KAFKA_NONE);
        ck_assert_ptr_nonnull(group_world_consumer(&w));
        ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
        peer_join(&w, &p);
        peer_sync(&w, &p);
        ck_assert_str_eq(p.owned, "a0 a1 a2 a3");
        expect_replayed(&w);
        group_world_close(&w);
    }
}
END_TEST

START_TEST(a_downgrade_that_the_log_refuses_changes_nothing)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, POLICY("bidirectional"), &m, &p);
    char *before = group_table_text(&w.table, true);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    member_leave(&w, &m, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(m.last.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    expect_unchanged(&w, before);
    w.refuses = KAFKA_NONE;
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_NONE);
    member_beat(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

/* ---- with nobody in ----------------------------------------------------------- */

START_TEST(an_empty_classic_group_becomes_a_consumer_group_under_any_policy)
{
    struct group_world w;
    struct peer p[2];
    struct member m = {.id = "m1", .topics = "a"};
    open_classic(&w, POLICY("disabled"), p);
    peer_leave(&w, &p[0]);
    peer_leave(&w, &p[1]);
    group_world_pass(&w, REBALANCE_MS);
    ck_assert_int_eq(group_world_classic(&w)->state, GROUP_EMPTY);
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    ck_assert_int_eq(m.epoch, 2);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("group_migration", a_classic_group_is_taken_over_with_its_members,
             members_that_were_taken_over_keep_their_sessions,
             who_waits_in_the_old_group_is_told_to_join_the_new_one,
             a_group_that_is_taken_over_gets_a_new_target,
             offsets_stay_when_a_group_changes,
             an_upgrade_that_may_not_be_changes_nothing,
             an_upgrade_that_the_log_refuses_changes_nothing,
             only_groups_of_consumers_are_taken_over,
             a_pending_member_does_not_make_an_upgrade,
             the_last_consumer_leaves_a_classic_group_that_rebalances,
             the_last_consumer_whose_session_is_over_leaves_a_classic_group,
             an_administrator_may_take_out_the_last_consumer,
             who_leaves_together_with_the_last_consumer_is_out,
             a_static_consumer_that_comes_back_as_a_classic_member_is_the_last_one,
             a_static_consumer_that_comes_back_with_other_topics_begins_a_rebalance,
             a_downgrade_that_may_not_be_leaves_a_consumer_group,
             a_downgrade_that_the_log_refuses_changes_nothing,
             an_empty_classic_group_becomes_a_consumer_group_under_any_policy)
