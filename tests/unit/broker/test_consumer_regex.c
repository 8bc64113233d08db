/* tests/unit/broker/test_consumer_regex.c
 *
 * Members that subscribe by regular expression. Topics are matched by a job of the
 * pool, which runs when the test says so. */
#include "tests/unit/broker/consumer_fixture.h"

#define REFRESH_MS 10001 /* a group is matched no sooner than this */

static struct beat join_by(const char *member, const char *regex)
{
    return (struct beat){
        .member = member, .regex = regex, .owned = "", .rebalance_ms = REBALANCE_MS};
}

static const struct group_regex *resolved(struct group_world *w, const char *pattern)
{
    return consumer_group_regex(group_world_consumer(w), str_of(pattern));
}

START_TEST(topics_are_assigned_when_they_have_been_matched)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m", "[ab]"), &out);
    ck_assert_int_eq(out.error, KAFKA_NONE);
    ck_assert_str_eq(out.assignment, "");
    ck_assert_int_eq(w.under_way, 1);
    ck_assert_ptr_null(resolved(&w, "[ab]"));
    group_world_work(&w);
    ck_assert_int_eq(w.under_way, 0);
    ck_assert_int_eq(w.settled, 1);
    ck_assert_int_eq(resolved(&w, "[ab]")->topic_count, 2);
    int32_t epoch = out.epoch;
    consumer_beat(&w, (struct beat){.member = "m", .epoch = epoch}, &out);
    ck_assert_int_eq(out.epoch, epoch + 1); /* one rebalance */
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3 b0 b1");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(an_expression_that_is_none_is_refused)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m", "("), &out);
    ck_assert_int_eq(out.error, KAFKA_INVALID_REGULAR_EXPRESSION);
    ck_assert_ptr_null(group_world_group(&w));
    ck_assert_int_eq(w.under_way, 0);
    group_world_close(&w);
}
END_TEST

START_TEST(what_one_member_has_had_matched_is_there_for_the_next)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m1", "a"), &out);
    group_world_work(&w);
    int32_t epoch = group_world_consumer(&w)->group_epoch;
    consumer_beat(&w, join_by("m2", "a"), &out);
    ck_assert_int_eq(group_world_consumer(&w)->group_epoch, epoch + 1);
    ck_assert_int_eq(w.executor.total, 1);
    group_world_close(&w);
}
END_TEST

START_TEST(new_topics_are_matched_after_a_while)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m", "a.*"), &out);
    group_world_work(&w);
    group_world_topic(&w, "aa", 1);
    struct beat b = {.member = "m", .epoch = out.epoch};
    group_world_pass(&w, REFRESH_MS - 1);
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(w.under_way, 0); /* too soon */
    group_world_pass(&w, 1);
    b.epoch = out.epoch;
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(w.under_way, 1);
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(w.under_way, 1); /* one at a time */
    group_world_work(&w);
    b.epoch = out.epoch;
    consumer_beat(&w, b, &out);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3 aa0");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(an_expression_goes_with_the_last_who_wants_it)
{
    struct group_world w;
    struct beaten out, first;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m1", "a"), &first);
    group_world_work(&w);
    consumer_beat(&w, join_by("m2", "a"), &out);
    consumer_beat(&w, (struct beat){.member = "m1", .epoch = -1}, &out);
    ck_assert_ptr_nonnull(resolved(&w, "a"));
    consumer_beat(&w, (struct beat){.member = "m2", .epoch = -1}, &out);
    ck_assert_ptr_null(resolved(&w, "a"));
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(names_may_take_the_place_of_an_expression)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m", "a"), &out);
    group_world_work(&w);
    consumer_beat(&w, (struct beat){.member = "m", .epoch = out.epoch}, &out);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3");
    struct beat b = {
        .member = "m", .epoch = out.epoch, .topics = "b", .regex = "", .owned = ""};
    consumer_beat(&w, b, &out);
    ck_assert_str_eq(out.assignment, "b0 b1");
    ck_assert_ptr_null(resolved(&w, "a"));
    group_world_close(&w);
}
END_TEST

START_TEST(names_and_an_expression_count_together)
{
    struct group_world w;
    struct beaten out;
    struct beat b = join_by("m", "b");
    consumer_fixture_open(&w, NULL);
    b.topics = "a";
    consumer_beat(&w, b, &out);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3");
    group_world_work(&w);
    consumer_beat(&w, (struct beat){.member = "m", .epoch = out.epoch}, &out);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3 b0 b1");
    group_world_close(&w);
}
END_TEST

/* What it had is for the others, though the group wants no other topics than before. */
START_TEST(an_expression_that_matches_nothing_makes_room)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m1", "a"), &out);
    group_world_work(&w);
    consumer_beat(&w, (struct beat){.member = "m1", .epoch = out.epoch}, &out);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3");
    struct member m2 = {.id = "m2", .topics = "a"};
    member_join(&w, &m2);
    consumer_beat(&w, (struct beat){.member = "m1", .epoch = out.epoch}, &out);
    struct beat b = {.member = "m1", .epoch = out.epoch, .owned = out.assignment};
    consumer_beat(&w, b, &out);
    struct beat none = {.member = "m1", .epoch = out.epoch, .regex = "z", .owned = ""};
    consumer_beat(&w, none, &out);
    ck_assert_int_eq(out.error, KAFKA_NONE);
    group_world_pass(&w, REFRESH_MS);
    for (int i = 0; i < 3; i++) {
        consumer_beat(
            &w, (struct beat){.member = "m1", .epoch = out.epoch, .owned = ""}, &out);
        group_world_work(&w);
        member_beat(&w, &m2);
    }
    ck_assert_str_eq(m2.owned, "a0 a1 a2 a3");
    group_world_close(&w);
}
END_TEST

START_TEST(topics_that_are_matched_too_late_change_nothing)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m", "a"), &out);
    consumer_beat(&w, (struct beat){.member = "m", .epoch = -1}, &out);
    group_world_work(&w);
    ck_assert_ptr_null(resolved(&w, "a"));
    ck_assert_int_eq(w.under_way, 0);
    expect_replayed(&w);
    consumer_beat(&w, join_by("m", "a"), &out);
    group_world_restart(&w); /* the job ends, and finds a group that was read anew */
    ck_assert_int_eq(w.under_way, 0);
    group_world_close(&w);
}
END_TEST

START_TEST(an_outcome_that_the_log_refuses_is_worked_out_again)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, join_by("m", "a"), &out);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    group_world_work(&w);
    ck_assert_ptr_null(resolved(&w, "a"));
    w.refuses = KAFKA_NONE;
    struct beat b = {.member = "m", .epoch = out.epoch};
    consumer_beat(&w, b, &out);
    group_world_work(&w);
    ck_assert_ptr_nonnull(resolved(&w, "a"));
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_regex", topics_are_assigned_when_they_have_been_matched,
             an_expression_that_is_none_is_refused,
             what_one_member_has_had_matched_is_there_for_the_next,
             new_topics_are_matched_after_a_while,
             an_expression_goes_with_the_last_who_wants_it,
             names_may_take_the_place_of_an_expression,
             names_and_an_expression_count_together,
             an_expression_that_matches_nothing_makes_room,
             topics_that_are_matched_too_late_change_nothing,
             an_outcome_that_the_log_refuses_is_worked_out_again)
