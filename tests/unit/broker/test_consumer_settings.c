/* tests/unit/broker/test_consumer_settings.c
 *
 * What a group may say for itself (KIP-848), and how often a new target
 * is made. */
#include "tests/unit/broker/consumer_fixture.h"

START_TEST(a_group_has_its_own_intervals_within_the_brokers_bounds)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    const struct consumer_group *g = group_world_consumer(&w);
    ck_assert_int_eq(consumer_group_session_timeout_ms(g), 45000);
    ck_assert_int_eq(consumer_group_heartbeat_interval_ms(g), 5000);
    group_world_group_setting(&w, "consumer.session.timeout.ms", "50000");
    group_world_group_setting(&w, "consumer.heartbeat.interval.ms", "6000");
    ck_assert_int_eq(consumer_group_session_timeout_ms(g), 50000);
    member_beat(&w, &m);
    ck_assert_int_eq(m.last.interval_ms, 6000);
    group_world_group_setting(&w, "consumer.session.timeout.ms", "1");
    group_world_group_setting(&w, "consumer.heartbeat.interval.ms", "99999999");
    ck_assert_int_eq(consumer_group_session_timeout_ms(g), 45000);
    ck_assert_int_eq(consumer_group_heartbeat_interval_ms(g), 15000);
    group_world_group_setting(&w, "consumer.session.timeout.ms", "soon");
    ck_assert_int_eq(consumer_group_session_timeout_ms(g), 45000);
    group_world_close(&w);
}
END_TEST

START_TEST(a_session_is_as_long_as_the_group_says_from_the_next_heartbeat_on)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    group_world_group_setting(&w, "consumer.session.timeout.ms", "60000");
    member_beat(&w, &m);
    group_world_pass(&w, 59999);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    group_world_pass(&w, 1);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 0);
    group_world_close(&w);
}
END_TEST

#define INTERVAL "group.consumer.assignment.interval.ms=3000\n"

/* The group's epoch moves on, its target follows later. */
START_TEST(a_new_target_waits_for_its_time)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, INTERVAL);
    member_join(&w, &m[0]); /* the first one need not wait */
    ck_assert_str_eq(m[0].owned, "a0 a1 a2 a3");
    group_world_pass(&w, 1000);
    member_join(&w, &m[1]);
    const struct consumer_group *g = group_world_consumer(&w);
    ck_assert_int_eq(m[1].epoch, 2); /* of the target that there is */
    ck_assert_int_eq(g->group_epoch, 3);
    ck_assert_int_eq(g->assignment_epoch, 2);
    ck_assert_int_eq(consumer_group_state(g), CONSUMER_GROUP_ASSIGNING);
    group_world_pass(&w, 1999);
    member_beat(&w, &m[0]);
    ck_assert_int_eq(g->assignment_epoch, 2);
    group_world_pass(&w, 1);
    member_beat(&w, &m[0]);
    ck_assert_int_eq(g->assignment_epoch, 3);
    members_settle(&w, m, 2);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_target_that_waits_is_made_after_a_restart)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, INTERVAL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    group_world_restart(&w);
    member_beat(&w, &m[0]); /* the time of the last one is in the log */
    ck_assert_int_eq(group_world_consumer(&w)->assignment_epoch, 2);
    group_world_pass(&w, 3000);
    members_settle(&w, m, 2);
    ck_assert_int_eq(group_world_consumer(&w)->assignment_epoch, 3);
    group_world_close(&w);
}
END_TEST

START_TEST(a_group_may_have_its_targets_made_at_once)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, INTERVAL);
    group_world_group_setting(&w, "consumer.assignment.interval.ms", "0");
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    ck_assert_int_eq(m[1].epoch, 3);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_settings",
             a_group_has_its_own_intervals_within_the_brokers_bounds,
             a_session_is_as_long_as_the_group_says_from_the_next_heartbeat_on,
             a_new_target_waits_for_its_time,
             a_target_that_waits_is_made_after_a_restart,
             a_group_may_have_its_targets_made_at_once)
