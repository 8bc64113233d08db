/* tests/unit/broker/test_consumer_leave.c
 *
 * Members that go, or are taken out: because they say so, are silent, or do not give
 * up their partitions in time. */
#include "tests/unit/broker/consumer_fixture.h"

static void settle_two(struct group_world *w, struct member m[2])
{
    m[0] = (struct member){.id = "m1", .topics = "a"};
    m[1] = (struct member){.id = "m2", .topics = "a"};
    member_join(w, &m[0]);
    member_join(w, &m[1]);
    members_settle(w, m, 2);
}

static const struct consumer_member *find(struct group_world *w, const char *id)
{
    return consumer_group_member(group_world_consumer(w), str_of(id));
}

START_TEST(who_leaves_makes_room_for_the_others)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    member_leave(&w, &m[0], LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
    ck_assert_int_eq(m[0].last.epoch, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_str_eq(m[0].last.member, "m1");
    ck_assert_uint_eq(HASH_COUNT(group_world_consumer(&w)->members), 1);
    ck_assert_ptr_null(find(&w, "m1"));
    ck_assert_int_eq(consumer_group_state(group_world_consumer(&w)),
                     CONSUMER_GROUP_ASSIGNING);
    expect_replayed(&w);
    member_beat(&w, &m[1]);
    ck_assert_str_eq(m[1].owned, "a0 a1 a2 a3"); /* at once */
    member_beat(&w, &m[0]);
    ck_assert_int_eq(m[0].last.error, KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(the_last_one_leaves_an_empty_group_that_goes_on_from_its_epoch)
{
    struct group_world w;
    struct member m = {.id = "m1", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    member_leave(&w, &m, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(consumer_group_state(group_world_consumer(&w)),
                     CONSUMER_GROUP_EMPTY);
    ck_assert_int_eq(group_may_delete(group_world_group(&w)), KAFKA_NONE);
    ck_assert_uint_eq(w.deadlines.count, 0);
    expect_replayed(&w);
    member_join(&w, &m);
    ck_assert_int_eq(m.epoch, 4);
    group_world_close(&w);
}
END_TEST

START_TEST(who_is_not_there_cannot_leave)
{
    struct group_world w;
    struct member m[2], other = {.id = "m3"};
    consumer_fixture_open(&w, NULL);
    member_leave(&w, &other, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(other.last.error, KAFKA_GROUP_ID_NOT_FOUND);
    settle_two(&w, m);
    int appends = w.appends;
    member_leave(&w, &other, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(other.last.error, KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(w.appends, appends);
    group_world_close(&w);
}
END_TEST

START_TEST(a_silent_member_is_out_after_its_session)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    group_world_pass(&w, SESSION_MS / 2);
    member_beat(&w, &m[1]);
    group_world_pass(&w, SESSION_MS / 2 - 1);
    ck_assert_ptr_nonnull(find(&w, "m1"));
    ck_assert_int_eq(w.settled, 0);
    group_world_pass(&w, 1);
    ck_assert_ptr_null(find(&w, "m1"));
    ck_assert_int_eq(w.settled, 1);
    ck_assert_ptr_nonnull(find(&w, "m2"));
    member_beat(&w, &m[1]);
    ck_assert_str_eq(m[1].owned, "a0 a1 a2 a3");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

/* It is alive, but does not give up what it must. */
START_TEST(who_does_not_give_up_partitions_in_time_is_out)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    for (int64_t ms = 0; ms < REBALANCE_MS; ms += 10000) {
        member_beat_shortly(&w, &m[0]);
        ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
        member_beat(&w, &m[1]);
        group_world_pass(&w, 10000);
    }
    ck_assert_ptr_null(find(&w, "m1"));
    member_beat(&w, &m[1]);
    ck_assert_str_eq(m[1].owned, "a0 a1 a2 a3");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(the_time_to_give_up_partitions_ends_when_they_are)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    member_beat(&w, &m[0]); /* must */
    ck_assert_uint_gt(find(&w, "m1")->rebalance.place, 0);
    member_beat(&w, &m[0]); /* has */
    ck_assert_uint_eq(find(&w, "m1")->rebalance.place, 0);
    group_world_close(&w);
}
END_TEST

START_TEST(a_restart_gives_everybody_a_new_session)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    member_beat_shortly(&w, &m[0]); /* must give up two */
    group_world_pass(&w, SESSION_MS - 1);
    char *before = group_table_text(&w.table, true);
    group_world_restart(&w);
    expect_unchanged(&w, before);
    ck_assert_uint_gt(find(&w, "m1")->rebalance.place, 0);
    group_world_pass(&w, SESSION_MS - 1);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 2);
    group_world_pass(&w, 1);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 0);
    group_world_close(&w);
}
END_TEST

START_TEST(who_cannot_be_taken_out_is_tried_again_later)
{
    struct group_world w;
    struct member m = {.id = "m1", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    group_world_pass(&w, SESSION_MS);
    ck_assert_ptr_nonnull(find(&w, "m1"));
    w.refuses = KAFKA_NONE;
    group_world_pass(&w, SESSION_MS);
    ck_assert_ptr_null(find(&w, "m1"));
    group_world_close(&w);
}
END_TEST

START_TEST(a_leave_that_the_log_refuses_has_not_happened)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    char *before = group_table_text(&w.table, true);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    member_leave(&w, &m[0], LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(m[0].last.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    expect_unchanged(&w, before);
    w.refuses = KAFKA_NONE;
    group_world_pass(&w, SESSION_MS); /* the session still counts */
    ck_assert_ptr_null(find(&w, "m1"));
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_leave", who_leaves_makes_room_for_the_others,
             the_last_one_leaves_an_empty_group_that_goes_on_from_its_epoch,
             who_is_not_there_cannot_leave, a_silent_member_is_out_after_its_session,
             who_does_not_give_up_partitions_in_time_is_out,
             the_time_to_give_up_partitions_ends_when_they_are,
             a_restart_gives_everybody_a_new_session,
             who_cannot_be_taken_out_is_tried_again_later,
             a_leave_that_the_log_refuses_has_not_happened)
