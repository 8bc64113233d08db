/* tests/unit/broker/test_consumer_static.c
 *
 * Static members of the consumer protocol: they go for a while and come back, with all
 * that they had; nobody else may have their instance id meanwhile. */
#include "tests/unit/broker/consumer_fixture.h"

/* Two members that have settled: "one", static, and "m2". */
static void settle_two(struct group_world *w, struct member m[2])
{
    m[0] = (struct member){.id = "m1", .instance = "one", .topics = "a"};
    m[1] = (struct member){.id = "m2", .topics = "a"};
    member_join(w, &m[0]);
    member_join(w, &m[1]);
    members_settle(w, m, 2);
}

START_TEST(a_static_member_comes_back_to_what_it_had)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    int32_t epoch = group_world_consumer(&w)->group_epoch;
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
    ck_assert_int_eq(m[0].last.epoch, LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 2);
    expect_replayed(&w);

    struct member again = {.id = "m3", .instance = "one", .topics = "a"};
    member_join(&w, &again);
    ck_assert_int_eq(again.last.error, KAFKA_NONE);
    ck_assert_int_eq(again.epoch, epoch); /* nobody else has noticed */
    ck_assert_str_eq(again.owned, m[0].owned);
    ck_assert_ptr_null(
        consumer_group_member(group_world_consumer(&w), STR_LITERAL("m1")));
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 2);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_member_may_come_back_with_its_own_id)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    char had[256];
    memcpy(had, m[0].owned, sizeof(had));
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    member_join(&w, &m[0]);
    ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
    ck_assert_str_eq(m[0].owned, had);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(an_instance_that_is_there_is_not_given_away)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    struct member thief = {.id = "m3", .instance = "one", .topics = "a"};
    member_join(&w, &thief);
    ck_assert_int_eq(thief.last.error, KAFKA_UNRELEASED_INSTANCE_ID);
    member_beat(&w, &m[0]);
    ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
    group_world_pass(&w, SESSION_MS); /* both are silent, and out */
    member_join(&w, &thief);
    ck_assert_int_eq(thief.last.error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(who_has_been_replaced_is_fenced)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    struct member again = {.id = "m3", .instance = "one", .topics = "a"};
    member_join(&w, &again);
    member_beat(&w, &m[0]);
    ck_assert_int_eq(m[0].last.error, KAFKA_FENCED_INSTANCE_ID);
    member_leave(&w, &m[0], LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(m[0].last.error, KAFKA_FENCED_INSTANCE_ID);
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    ck_assert_int_eq(m[0].last.error, KAFKA_FENCED_INSTANCE_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(an_instance_that_nobody_has_is_unknown)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    struct member other = {.id = "m1", .instance = "two", .epoch = 3};
    member_beat(&w, &other);
    ck_assert_int_eq(other.last.error, KAFKA_UNKNOWN_MEMBER_ID);
    member_leave(&w, &other, LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    ck_assert_int_eq(other.last.error, KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_member_that_stays_away_is_out_after_its_session)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    group_world_pass(&w, SESSION_MS / 2);
    member_beat(&w, &m[1]);
    ck_assert_uint_eq(strlen(m[1].owned), strlen("a0 a1"));
    group_world_pass(&w, SESSION_MS / 2);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    members_settle(&w, &m[1], 1);
    ck_assert_str_eq(m[1].owned, "a0 a1 a2 a3");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_static_member_that_leaves_for_good_is_out_at_once)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    member_leave(&w, &m[0], LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    group_world_close(&w);
}
END_TEST

/* What it was to give up is free while it is away; what it keeps is not. */
START_TEST(who_goes_while_it_gives_up_partitions_gives_them_up)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .instance = "one", .topics = "a"},
                         {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    member_beat_shortly(&w, &m[0]); /* is told to give two up */
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    member_beat(&w, &m[1]);
    ck_assert_uint_eq(strlen(m[1].owned), strlen("a0 a1"));
    group_world_pass(&w, SESSION_MS - 1); /* no timer is left but the session's */
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 2);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

/* Offsets of the process before must not be committed by one that is gone. */
START_TEST(what_it_had_counts_as_assigned_since_epoch_0)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    const struct consumer_member *is =
        consumer_group_member(group_world_consumer(&w), STR_LITERAL("m1"));
    for (int32_t i = 0; i < is->current.assigned.count; i++)
        ck_assert_int_eq(is->current.assigned.items[i].epoch, 0);
    ck_assert_int_eq(consumer_group_may_commit(group_world_consumer(&w),
                                               STR_LITERAL("m1"), m[0].epoch, 9),
                     KAFKA_STALE_MEMBER_EPOCH);
    group_world_close(&w);
}
END_TEST

START_TEST(topics_that_grow_while_a_member_goes_are_not_forgotten)
{
    struct group_world w;
    struct member m[2];
    consumer_fixture_open(&w, NULL);
    settle_two(&w, m);
    group_world_topic(&w, "a", 5);
    member_leave(&w, &m[0], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    int32_t epoch = group_world_consumer(&w)->group_epoch;
    member_beat(&w, &m[1]);
    ck_assert_int_eq(group_world_consumer(&w)->group_epoch, epoch + 1);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_static", a_static_member_comes_back_to_what_it_had,
             a_static_member_may_come_back_with_its_own_id,
             an_instance_that_is_there_is_not_given_away,
             who_has_been_replaced_is_fenced, an_instance_that_nobody_has_is_unknown,
             a_static_member_that_stays_away_is_out_after_its_session,
             a_static_member_that_leaves_for_good_is_out_at_once,
             who_goes_while_it_gives_up_partitions_gives_them_up,
             what_it_had_counts_as_assigned_since_epoch_0,
             topics_that_grow_while_a_member_goes_are_not_forgotten)
