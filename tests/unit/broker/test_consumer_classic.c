/* tests/unit/broker/test_consumer_classic.c
 *
 * Members of the classic protocol in a consumer group, beside at least one of the
 * consumer protocol. */
#include "tests/unit/broker/consumer_fixture.h"

/* A consumer group with "m1", which subscribes to "a". */
static void open_group(struct group_world *w, const char *settings, struct member *m)
{
    consumer_fixture_open(w, settings);
    *m = (struct member){.id = "m1", .topics = "a"};
    member_join(w, m);
}

/* Until both have their halves of "a". */
static void settle(struct group_world *w, struct member *m, struct peer *p)
{
    for (int i = 0; i < 3; i++) {
        member_beat(w, m);
        if (peer_beat(w, p) == KAFKA_REBALANCE_IN_PROGRESS) {
            peer_join(w, p);
            ck_assert_int_eq(p->error, KAFKA_NONE);
            peer_sync(w, p);
            ck_assert_int_eq(p->error, KAFKA_NONE);
        }
    }
    ck_assert_int_eq(consumer_group_state(group_world_consumer(w)),
                     CONSUMER_GROUP_STABLE);
}

/* "p" is in, and both are settled. */
static void open_mixed(struct group_world *w, struct member *m, struct peer *p)
{
    open_group(w, NULL, m);
    *p = (struct peer){.topics = "a"};
    peer_join(w, p);
    ck_assert_int_eq(p->error, KAFKA_NONE);
    peer_sync(w, p);
    settle(w, m, p);
    ck_assert_uint_eq(strlen(p->owned), strlen("a0 a1"));
}

static const struct consumer_member *find(struct group_world *w, const char *id)
{
    return consumer_group_member(group_world_consumer(w), str_of(id));
}

/* ---- JoinGroup ------------------------------------------------------------- */

START_TEST(who_joins_without_an_id_is_given_one_first)
{
    struct group_world w;
    struct member m;
    struct peer p = {.topics = "a"};
    open_group(&w, NULL, &m);
    int appends = w.appends;
    peer_ask_to_join(&w, &p, 4);
    ck_assert_int_eq(p.error, KAFKA_MEMBER_ID_REQUIRED);
    ck_assert_str_ne(p.id, "");
    ck_assert_int_eq(w.appends, appends); /* and is nobody yet */
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 1);
    peer_ask_to_join(&w, &p, 4);
    ck_assert_int_eq(p.error, KAFKA_NONE);
    ck_assert_int_eq(p.generation, 3);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(an_old_client_and_a_static_member_are_in_at_once)
{
    struct group_world w;
    struct member m;
    struct peer old = {.topics = "a"}, one = {.topics = "a", .instance = "one"};
    open_group(&w, NULL, &m);
    peer_ask_to_join(&w, &old, 3);
    ck_assert_int_eq(old.error, KAFKA_NONE);
    peer_ask_to_join(&w, &one, 9);
    ck_assert_int_eq(one.error, KAFKA_NONE);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 3);
    ck_assert_int_eq(consumer_group_classic_count(group_world_consumer(&w)), 2);
    group_world_close(&w);
}
END_TEST

START_TEST(protocols_must_be_those_of_all_classic_members)
{
    struct group_world w;
    struct member m;
    struct peer p = {.topics = "a"}, other = {.topics = "a", .protocol = "roundrobin"};
    open_group(&w, NULL, &m);
    peer_join(&w, &p);
    peer_join(&w, &other);
    ck_assert_int_eq(other.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    peer_leave(&w, &p);
    peer_join(&w, &other); /* there is nobody any more who minds */
    ck_assert_int_eq(other.error, KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_full_group_takes_no_more)
{
    struct group_world w;
    struct member m;
    struct peer p = {.topics = "a"};
    open_group(&w, "group.consumer.max.size=1\n", &m);
    peer_join(&w, &p);
    ck_assert_int_eq(p.error, KAFKA_GROUP_MAX_SIZE_REACHED);
    group_world_close(&w);
}
END_TEST

START_TEST(a_member_that_is_told_its_id_may_have_no_other_instance)
{
    struct group_world w;
    struct member m;
    struct peer one = {.topics = "a", .instance = "one"};
    open_group(&w, NULL, &m);
    peer_join(&w, &one);
    struct peer fenced = one;
    struct peer again = {.topics = "a", .instance = "one"};
    peer_join(&w, &again); /* without an id: takes the place */
    ck_assert_int_eq(again.error, KAFKA_NONE);
    ck_assert_str_ne(again.id, fenced.id);
    ck_assert_int_eq(group_world_consumer(&w)->member_count, 2);
    peer_join(&w, &fenced);
    ck_assert_int_eq(fenced.error, KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(peer_beat(&w, &fenced), KAFKA_FENCED_INSTANCE_ID);
    struct peer unknown = {.id = "x", .topics = "a", .instance = "two"};
    peer_join(&w, &unknown);
    ck_assert_int_eq(unknown.error, KAFKA_UNKNOWN_MEMBER_ID);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_join_that_the_log_refuses_has_not_happened)
{
    struct group_world w;
    struct member m;
    struct peer p = {.topics = "a"};
    open_group(&w, NULL, &m);
    peer_ask_to_join(&w, &p, 9);
    char *before = group_table_text(&w.table, true);
    w.refuses = KAFKA_COORDINATOR_NOT_AVAILABLE;
    peer_ask_to_join(&w, &p, 9);
    ck_assert_int_eq(p.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    expect_unchanged(&w, before);
    group_world_close(&w);
}
END_TEST

/* ---- the assignment --------------------------------------------------------- */

START_TEST(both_protocols_share_the_partitions)
{
    struct group_world w;
    struct member m;
    struct peer p = {.topics = "a"};
    open_group(&w, NULL, &m);
    peer_join(&w, &p);
    peer_sync(&w, &p);
    ck_assert_str_eq(p.owned, ""); /* all is still held */
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_NONE);
    member_beat(&w, &m);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_NONE); /* waits for it */
    member_beat(&w, &m);                             /* has given up */
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_REBALANCE_IN_PROGRESS);
    peer_join(&w, &p);
    peer_sync(&w, &p);
    ck_assert_uint_eq(strlen(p.owned), strlen("a0 a1"));
    expect_member(&w, p.id, MEMBER_STABLE, p.owned, "");
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_NONE);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_classic_member_gives_up_by_joining_again)
{
    struct group_world w;
    struct member m, n = {.id = "m2", .topics = "a"};
    struct peer p;
    open_mixed(&w, &m, &p);
    member_join(&w, &n);
    member_beat(&w, &m);
    /* It hears so, joins with all that it has, and is left with less. */
    while (peer_beat(&w, &p) == KAFKA_REBALANCE_IN_PROGRESS &&
           strlen(p.owned) == strlen("a0 a1")) {
        peer_join(&w, &p);
        peer_sync(&w, &p);
        ck_assert_int_eq(p.error, KAFKA_NONE);
    }
    ck_assert_uint_eq(strlen(p.owned), strlen("a0"));
    ck_assert_int_eq(find(&w, p.id)->current.state, MEMBER_UNREVOKED_PARTITIONS);
    member_beat(&w, &n);
    ck_assert_str_eq(n.owned, ""); /* not before it says so */
    peer_join(&w, &p);
    ck_assert_int_eq(find(&w, p.id)->current.state, MEMBER_STABLE);
    peer_sync(&w, &p);
    member_beat(&w, &n);
    ck_assert_uint_eq(strlen(n.owned), strlen("a0"));
    group_world_close(&w);
}
END_TEST

START_TEST(who_asks_for_its_assignment_must_say_what_it_joined)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, &m, &p);
    p.generation++;
    peer_sync(&w, &p);
    ck_assert_int_eq(p.error, KAFKA_ILLEGAL_GENERATION);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_ILLEGAL_GENERATION);
    struct peer nobody = {.id = "nobody", .generation = 3};
    peer_sync(&w, &nobody);
    ck_assert_int_eq(nobody.error, KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(peer_beat(&w, &nobody), KAFKA_UNKNOWN_MEMBER_ID);
    struct peer modern = {.id = "m1", .generation = m.epoch};
    peer_sync(&w, &modern); /* speaks the other protocol */
    ck_assert_int_eq(modern.error, KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(peer_beat(&w, &modern), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(who_is_behind_the_target_must_join_again)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, &m, &p);
    group_world_topic(&w, "a", 6);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_NONE); /* nobody has seen it */
    member_beat(&w, &m);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_REBALANCE_IN_PROGRESS);
    peer_sync(&w, &p);
    ck_assert_int_eq(p.error, KAFKA_REBALANCE_IN_PROGRESS);
    settle(&w, &m, &p);
    ck_assert_uint_eq(strlen(p.owned), strlen("a0 a1 a2"));
    group_world_close(&w);
}
END_TEST

/* ---- time ------------------------------------------------------------------- */

START_TEST(a_classic_member_has_its_own_session)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, &m, &p);
    group_world_pass(&w, CLASSIC_SESSION_MS - 1);
    ck_assert_int_eq(peer_beat(&w, &p), KAFKA_NONE);
    group_world_pass(&w, CLASSIC_SESSION_MS - 1);
    ck_assert_ptr_nonnull(find(&w, p.id));
    group_world_pass(&w, 1);
    ck_assert_ptr_null(find(&w, p.id));
    ck_assert_ptr_nonnull(find(&w, "m1"));
    group_world_close(&w);
}
END_TEST

START_TEST(who_does_not_join_again_in_time_is_out)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, &m, &p);
    group_world_topic(&w, "a", 6);
    for (int64_t ms = 0; ms < REBALANCE_MS; ms += 5000) {
        member_beat(&w, &m);
        ck_assert_int_eq(peer_beat(&w, &p), KAFKA_REBALANCE_IN_PROGRESS);
        group_world_pass(&w, 5000);
    }
    ck_assert_ptr_null(find(&w, p.id));
    group_world_close(&w);
}
END_TEST

START_TEST(who_does_not_ask_for_its_assignment_in_time_is_out)
{
    struct group_world w;
    struct member m;
    struct peer p = {.topics = "a"};
    open_group(&w, NULL, &m);
    peer_join(&w, &p);
    for (int64_t ms = 0; ms < REBALANCE_MS; ms += 5000) {
        ck_assert_ptr_nonnull(find(&w, p.id));
        member_beat(&w, &m);
        peer_beat(&w, &p);
        group_world_pass(&w, 5000);
    }
    ck_assert_ptr_null(find(&w, p.id));
    group_world_close(&w);
}
END_TEST

START_TEST(who_has_asked_for_its_assignment_has_no_timer_but_its_session)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, &m, &p);
    const struct consumer_member *is = find(&w, p.id);
    ck_assert_uint_gt(is->session.place, 0);
    ck_assert_uint_eq(is->sync.place + is->join.place + is->rebalance.place, 0);
    group_world_close(&w);
}
END_TEST

/* ---- LeaveGroup -------------------------------------------------------------- */

START_TEST(a_classic_member_leaves_a_consumer_group)
{
    struct group_world w;
    struct member m;
    struct peer p;
    open_mixed(&w, &m, &p);
    ck_assert_int_eq(peer_leave(&w, &p), KAFKA_NONE);
    ck_assert_ptr_null(find(&w, p.id));
    ck_assert_int_eq(peer_leave(&w, &p), KAFKA_UNKNOWN_MEMBER_ID);
    members_settle(&w, &m, 1);
    ck_assert_str_eq(m.owned, "a0 a1 a2 a3");
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(who_cannot_leave_changes_nothing)
{
    struct group_world w;
    struct member m;
    struct peer p, nobody = {.id = "nobody"},
                   other = {.id = "nobody", .instance = "one"},
                   one = {.topics = "a", .instance = "one"};
    open_mixed(&w, &m, &p);
    peer_join(&w, &one);
    int32_t epoch = group_world_consumer(&w)->group_epoch;
    int appends = w.appends;
    ck_assert_int_eq(peer_leave(&w, &nobody), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(peer_leave(&w, &other), KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(group_world_consumer(&w)->group_epoch, epoch);
    ck_assert_int_eq(w.appends, appends);
    other.id[0] = '\0'; /* an administrator names the instance alone */
    ck_assert_int_eq(peer_leave(&w, &other), KAFKA_NONE);
    ck_assert_ptr_null(find(&w, one.id));
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_classic", who_joins_without_an_id_is_given_one_first,
             an_old_client_and_a_static_member_are_in_at_once,
             protocols_must_be_those_of_all_classic_members, a_full_group_takes_no_more,
             a_member_that_is_told_its_id_may_have_no_other_instance,
             a_join_that_the_log_refuses_has_not_happened,
             both_protocols_share_the_partitions,
             a_classic_member_gives_up_by_joining_again,
             who_asks_for_its_assignment_must_say_what_it_joined,
             who_is_behind_the_target_must_join_again,
             a_classic_member_has_its_own_session,
             who_does_not_join_again_in_time_is_out,
             who_does_not_ask_for_its_assignment_in_time_is_out,
             who_has_asked_for_its_assignment_has_no_timer_but_its_session,
             a_classic_member_leaves_a_consumer_group, who_cannot_leave_changes_nothing)
