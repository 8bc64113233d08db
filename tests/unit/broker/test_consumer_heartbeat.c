/* tests/unit/broker/test_consumer_heartbeat.c
 *
 * Members of the consumer protocol that join and go on: which requests are none, ids,
 * epochs, what is answered. Static members, members that leave, settings and regular
 * expressions have files of their own. */
#include "tests/unit/broker/consumer_fixture.h"

/* ---- requests that are none ----------------------------------------------- */

#define FULL .topics = "a", .owned = "", .rebalance_ms = REBALANCE_MS

START_TEST(a_request_must_make_sense_by_itself)
{
    static const struct {
        struct beat beat;
        int16_t version;
        const char *message;
    } refused[] = {
        {{.member = "", FULL}, 1, "MemberId can't be empty."},
        {{.member = "", .epoch = 3}, 0, "MemberId can't be empty."},
        {{.member = "", .epoch = -1}, 0, "MemberId can't be empty."},
        {{.member = "m", .instance = "", FULL}, 1, "InstanceId can't be empty."},
        {{.member = "m", .rack = "", FULL}, 1, "RackId can't be empty."},
        {{.member = "m", .epoch = -2}, 1, "InstanceId can't be null."},
        {{.member = "m", .epoch = -3}, 1, "MemberEpoch is invalid."},
        {{.member = "m", .topics = "a", .owned = ""},
         1,
         "RebalanceTimeoutMs must be provided in first request."},
        {{.member = "m", .topics = "a", .rebalance_ms = 1},
         1,
         "TopicPartitions must be empty when (re-)joining."},
        {{.member = "m", .topics = "a", .owned = "a0", .rebalance_ms = 1},
         1,
         "TopicPartitions must be empty when (re-)joining."},
        {{.member = "m", .owned = "", .rebalance_ms = 1},
         1,
         "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
         "(re-)joining."},
    };
    struct group_world w;
    char message[256];
    consumer_fixture_open(&w, NULL);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ck_assert_int_eq(
            consumer_validate(&w, refused[i].beat, refused[i].version, message),
            KAFKA_INVALID_REQUEST);
        ck_assert_str_eq(message, refused[i].message);
    }
    group_world_close(&w);
}
END_TEST

START_TEST(what_is_not_said_need_not_be)
{
    static const struct beat taken[] = {
        {.member = "m", FULL},
        {.member = "m", .regex = "a.*", .owned = "", .rebalance_ms = 1},
        {.member = "m", .epoch = 3},
        {.member = "m", .epoch = 3, .owned = "a0"},
        {.member = "m", .epoch = -1},
        {.member = "m", .instance = "i", .epoch = -2},
        {.member = "m", .assignor = "range", FULL},
    };
    struct group_world w;
    char message[256];
    consumer_fixture_open(&w, NULL);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        ck_assert_int_eq(consumer_validate(&w, taken[i], 1, message), KAFKA_NONE);
    ck_assert_int_eq(
        consumer_validate(&w, (struct beat){.member = "", FULL}, 0, message),
        KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(an_assignor_must_be_one_that_the_broker_offers)
{
    struct group_world w;
    char message[256];
    struct beat b = {.member = "m", .assignor = "range", FULL};
    consumer_fixture_open(&w, "group.consumer.assignors=uniform\n");
    ck_assert_int_eq(consumer_validate(&w, b, 1, message), KAFKA_UNSUPPORTED_ASSIGNOR);
    ck_assert_str_eq(message, "ServerAssignor range is not supported. Supported "
                              "assignors: uniform.");
    group_world_close(&w);
}
END_TEST

/* ---- joining --------------------------------------------------------------- */

START_TEST(the_first_member_has_everything_at_once)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    ck_assert_str_eq(m.last.member, "m");
    ck_assert_int_eq(m.epoch, 2); /* a new group is in epoch 1 */
    ck_assert_int_eq(m.last.interval_ms, 5000);
    ck_assert_str_eq(m.owned, "a0 a1 a2 a3");
    expect_member(&w, "m", MEMBER_STABLE, "a0 a1 a2 a3", "");
    ck_assert_int_eq(consumer_group_state(group_world_consumer(&w)),
                     CONSUMER_GROUP_STABLE);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_member_without_an_id_is_given_one)
{
    struct group_world w;
    struct beaten first, second;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, (struct beat){.member = "", FULL}, &first);
    consumer_beat(&w, (struct beat){.member = "", FULL}, &second);
    ck_assert_int_eq(first.error, KAFKA_NONE);
    ck_assert_uint_eq(strlen(first.member), UUID_TEXT_SIZE - 1);
    ck_assert_str_ne(first.member, second.member);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 2);
    group_world_close(&w);
}
END_TEST

START_TEST(nothing_is_made_for_who_only_goes_on)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    consumer_beat(&w, (struct beat){.member = "m", .epoch = 1}, &out);
    ck_assert_int_eq(out.error, KAFKA_GROUP_ID_NOT_FOUND);
    ck_assert_str_eq(out.message, "Consumer group g not found.");
    ck_assert_ptr_null(group_world_group(&w));
    consumer_beat(&w, (struct beat){.member = "m", FULL}, &out);
    consumer_beat(&w, (struct beat){.member = "n", .epoch = 1}, &out);
    ck_assert_int_eq(out.error, KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    group_world_close(&w);
}
END_TEST

START_TEST(a_full_group_takes_no_more)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"},
                         {.id = "m2", .topics = "a"},
                         {.id = "m3", .topics = "a"}};
    consumer_fixture_open(&w, "group.consumer.max.size=2\n");
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    member_join(&w, &m[2]);
    ck_assert_int_eq(m[2].last.error, KAFKA_GROUP_MAX_SIZE_REACHED);
    member_beat(&w, &m[0]);
    ck_assert_int_eq(m[0].last.error, KAFKA_NONE);
    member_leave(&w, &m[1], LEAVE_GROUP_MEMBER_EPOCH);
    member_join(&w, &m[2]);
    ck_assert_int_eq(m[2].last.error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_second_member_gets_what_the_first_has_given_up)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    ck_assert_int_eq(m[1].epoch, 3);
    ck_assert_str_eq(m[1].owned, "");
    expect_member(&w, "m2", MEMBER_UNRELEASED_PARTITIONS, "", "");
    ck_assert_int_eq(consumer_group_state(group_world_consumer(&w)),
                     CONSUMER_GROUP_RECONCILING);

    char had[256];
    memcpy(had, m[0].owned, sizeof(had));
    member_beat(&w, &m[0]); /* is told to give two up, and has not yet */
    ck_assert_int_eq(m[0].epoch, 2);
    ck_assert(m[0].last.has_assignment);
    ck_assert_uint_eq(strlen(m[0].owned), strlen("a0 a1"));
    member_beat_shortly(&w, &m[0]); /* says nothing of what it owns */
    ck_assert_int_eq(m[0].epoch, 2);
    ck_assert(!m[0].last.has_assignment);
    member_beat(&w, &m[1]);
    ck_assert_str_eq(m[1].owned, "");

    member_beat(&w, &m[0]); /* has */
    ck_assert_int_eq(m[0].epoch, 3);
    ck_assert(!m[0].last.has_assignment); /* it knows what it has */
    member_beat(&w, &m[1]);
    ck_assert_uint_eq(strlen(m[1].owned), strlen("a0 a1"));
    ck_assert_int_eq(consumer_group_state(group_world_consumer(&w)),
                     CONSUMER_GROUP_STABLE);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

/* ---- epochs ---------------------------------------------------------------- */

START_TEST(a_later_epoch_than_known_is_fenced)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    m.epoch++;
    member_beat(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_FENCED_MEMBER_EPOCH);
    group_world_close(&w);
}
END_TEST

START_TEST(the_epoch_before_is_good_for_who_owns_no_more_than_it_was_assigned)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    members_settle(&w, m, 2);
    ck_assert_int_eq(m[0].epoch, 3);
    struct beaten out;
    struct beat b = {.member = "m1", .epoch = 2, .owned = m[0].owned};
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.error, KAFKA_NONE);
    ck_assert_int_eq(out.epoch, 3);
    b.owned = "a0 a1 a2 a3"; /* more */
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.error, KAFKA_FENCED_MEMBER_EPOCH);
    b.owned = NULL; /* does not say */
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.error, KAFKA_FENCED_MEMBER_EPOCH);
    b.owned = "";
    b.epoch = 1; /* two before */
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.error, KAFKA_FENCED_MEMBER_EPOCH);
    group_world_close(&w);
}
END_TEST

START_TEST(a_member_that_joins_again_is_told_what_it_has)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    int appends = w.appends;
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    ck_assert_int_eq(m.epoch, 2);
    ck_assert_str_eq(m.owned, "a0 a1 a2 a3");
    ck_assert_int_eq(w.appends, appends); /* nothing new in the log */
    group_world_close(&w);
}
END_TEST

START_TEST(a_full_request_is_answered_with_the_assignment)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    consumer_beat(&w, (struct beat){.member = "m", .epoch = 2, .owned = "a0"}, &out);
    ck_assert(!out.has_assignment);
    consumer_beat(
        &w,
        (struct beat){
            .member = "m", .epoch = 2, .topics = "a", .owned = "a0", .rebalance_ms = 1},
        &out);
    ck_assert(out.has_assignment);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3");
    group_world_close(&w);
}
END_TEST

/* ---- the group's epoch ----------------------------------------------------- */

START_TEST(another_subscription_moves_the_group_on)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    struct beaten out;
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    struct beat b = {.member = "m", .epoch = 2, .topics = "b,a,b"};
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.epoch, 3);
    ck_assert_str_eq(out.assignment, "a0 a1 a2 a3 b0 b1");
    b.epoch = 3;
    b.topics = "a,b"; /* the same, in another order */
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.epoch, 3);
    b.topics = "b";
    consumer_beat(&w, b, &out);
    ck_assert_int_eq(out.epoch, 3);
    ck_assert_str_eq(out.assignment, "b0 b1");
    expect_member(&w, "m", MEMBER_UNREVOKED_PARTITIONS, "b0 b1", "a0 a1 a2 a3");
    ck_assert_int_eq(group_world_consumer(&w)->group_epoch, 4);
    group_world_close(&w);
}
END_TEST

START_TEST(new_partitions_move_the_group_on_and_others_do_not)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    group_world_topic(&w, "b", 9);
    member_beat(&w, &m);
    ck_assert_int_eq(m.epoch, 2);
    group_world_topic(&w, "a", 5);
    member_beat(&w, &m);
    ck_assert_int_eq(m.epoch, 3);
    ck_assert_str_eq(m.owned, "a0 a1 a2 a3 a4");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_topic_that_comes_later_is_assigned_then)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "c"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    ck_assert_str_eq(m.owned, "");
    group_world_topic(&w, "c", 1);
    member_beat(&w, &m);
    ck_assert_str_eq(m.owned, "c0");
    group_world_remove_topic(&w, "c");
    member_beat_shortly(&w, &m);
    ck_assert_str_eq(m.last.assignment, "");
    ck_assert(m.last.has_assignment);
    group_world_close(&w);
}
END_TEST

START_TEST(most_members_decide_on_the_assignor)
{
    struct group_world w;
    struct beaten out;
    consumer_fixture_open(&w, "group.consumer.assignors=uniform,range\n");
    struct beat b = {.member = "m1",
                     .assignor = "range",
                     .topics = "a,b",
                     .owned = "",
                     .rebalance_ms = 1};
    consumer_beat(&w, b, &out);
    b.member = "m2";
    consumer_beat(&w, b, &out);
    /* Range gives the same stretch of each topic. */
    expect_target(&w, "m1", "a0 a1 b0");
    expect_target(&w, "m2", "a2 a3 b1");
    group_world_close(&w);
}
END_TEST

/* ---- the log --------------------------------------------------------------- */

START_TEST(what_the_log_refuses_has_not_happened)
{
    struct group_world w;
    struct member m[] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    member_join(&w, &m[0]);
    ck_assert_int_eq(m[0].last.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    ck_assert_ptr_null(group_world_group(&w));
    w.refuses = KAFKA_NONE;
    member_join(&w, &m[0]);
    char *before = group_table_text(&w.table, true);
    w.refuses = KAFKA_NOT_COORDINATOR;
    member_join(&w, &m[1]);
    ck_assert_int_eq(m[1].last.error, KAFKA_NOT_COORDINATOR);
    expect_unchanged(&w, before);
    group_world_close(&w);
}
END_TEST

START_TEST(nobody_hears_of_what_is_not_committed)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    w.holds_commits = true;
    member_join(&w, &m);
    ck_assert(!m.last.told);
    group_world_commit(&w, KAFKA_NONE);
    ck_assert(m.last.told);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_group_of_another_coordinator_is_not_found)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    w.away = true;
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NOT_COORDINATOR);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_heartbeat", a_request_must_make_sense_by_itself,
             what_is_not_said_need_not_be,
             an_assignor_must_be_one_that_the_broker_offers,
             the_first_member_has_everything_at_once,
             a_member_without_an_id_is_given_one, nothing_is_made_for_who_only_goes_on,
             a_full_group_takes_no_more,
             a_second_member_gets_what_the_first_has_given_up,
             a_later_epoch_than_known_is_fenced,
             the_epoch_before_is_good_for_who_owns_no_more_than_it_was_assigned,
             a_member_that_joins_again_is_told_what_it_has,
             a_full_request_is_answered_with_the_assignment,
             another_subscription_moves_the_group_on,
             new_partitions_move_the_group_on_and_others_do_not,
             a_topic_that_comes_later_is_assigned_then,
             most_members_decide_on_the_assignor, what_the_log_refuses_has_not_happened,
             nobody_hears_of_what_is_not_committed,
             a_group_of_another_coordinator_is_not_found)
