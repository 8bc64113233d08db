/* tests/unit/broker/test_assignor_uniform.c */
#include "tests/unit/broker/assignor_fixture.h"

#include "tests/support/check_main.h"

static void begin(struct assignor_fixture *f, int32_t a, int32_t b, int32_t c)
{
    *f = (struct assignor_fixture){&assignor_uniform, .partitions = {a, b, c}};
}

static int32_t size_of(struct assignor_fixture *f, const char *id)
{
    return assignor_fixture_member(f, id)->target.count;
}

START_TEST(assignors_are_found_by_the_names_that_clients_use)
{
    ck_assert_ptr_eq(assignor_find(STR_LITERAL("uniform")), &assignor_uniform);
    ck_assert_ptr_eq(assignor_find(STR_LITERAL("range")), &assignor_range);
    ck_assert_ptr_null(assignor_find(STR_LITERAL("Range")));
    ck_assert_ptr_null(assignor_find(STR_LITERAL("")));
    ck_assert_ptr_null(assignor_find(STR_NULL));
}
END_TEST

/* ---- members that subscribe to the same topics ------------------------------ */

START_TEST(without_members_or_topics_nothing_is_assigned)
{
    struct assignor_fixture f;
    begin(&f, 3, 0, 0);
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.total, 0);
    assignor_fixture_join(&f, "m1", "");
    assignor_fixture_join(&f, "m2", "B"); /* there is none */
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.total, 0);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(members_get_as_many_as_others_of_all_topics_together)
{
    struct assignor_fixture f;
    begin(&f, 3, 3, 1);
    assignor_fixture_join(&f, "m1", "ABC");
    assignor_fixture_join(&f, "m2", "ABC");
    assignor_fixture_join(&f, "m3", "ABC");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.total, 7);
    ck_assert_int_eq(size_of(&f, "m1") + size_of(&f, "m2") + size_of(&f, "m3"), 7);
    ck_assert_int_ge(size_of(&f, "m1"), 2);
    ck_assert_int_ge(size_of(&f, "m2"), 2);
    ck_assert_int_ge(size_of(&f, "m3"), 2);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(of_more_members_than_partitions_some_get_none)
{
    struct assignor_fixture f;
    begin(&f, 2, 0, 0);
    assignor_fixture_join(&f, "m1", "A");
    assignor_fixture_join(&f, "m2", "A");
    assignor_fixture_assign(&f);
    assignor_fixture_join(&f, "m0", "A");
    assignor_fixture_join(&f, "m3", "A");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 2); /* and nobody new takes one away */
    ck_assert_int_eq(size_of(&f, "m0") + size_of(&f, "m3"), 0);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(one_that_joins_gets_its_share_and_nothing_else_moves)
{
    struct assignor_fixture f;
    begin(&f, 3, 3, 0);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_assign(&f);
    assignor_fixture_join(&f, "m0", "AB");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(size_of(&f, "m0"), 2);
    ck_assert_int_eq(f.stayed, 4);
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 6);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(what_one_leaves_behind_is_shared_and_nothing_else_moves)
{
    struct assignor_fixture f;
    begin(&f, 3, 3, 0);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_join(&f, "m3", "AB");
    assignor_fixture_assign(&f);
    assignor_fixture_leave(&f, "m1");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 4);
    ck_assert_int_eq(size_of(&f, "m2"), 3);
    ck_assert_int_eq(size_of(&f, "m3"), 3);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(the_one_more_stays_with_who_has_it)
{
    struct assignor_fixture f;
    begin(&f, 4, 1, 0);
    assignor_fixture_join(&f, "m1", "A");
    assignor_fixture_join(&f, "m2", "A");
    assignor_fixture_assign(&f);
    f.partitions[0] = 5;
    assignor_fixture_assign(&f);
    ck_assert_int_eq(size_of(&f, "m1") + size_of(&f, "m2"), 5);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 5); /* B0 is for the one that had two */
    ck_assert_int_eq(size_of(&f, "m1"), 3);
    ck_assert_int_eq(size_of(&f, "m2"), 3);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(topics_come_grow_and_go)
{
    struct assignor_fixture f;
    begin(&f, 4, 0, 0);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_assign(&f);
    f.partitions[1] = 2;
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 4);
    f.partitions[0] = 8;
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 6);
    ck_assert_int_eq(size_of(&f, "m1"), 5);
    f.partitions[0] = 0;
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 2);
    ck_assert_int_eq(size_of(&f, "m1"), 1);
    assignor_fixture_free(&f);
}
END_TEST

/* As records that someone else wrote may have it. */
static void spoil(struct partition_set *target, char topic, int32_t partition)
{
    struct topic_partition p = {assignor_fixture_topic(topic), partition, 0};
    ck_assert(partition_set_append(target, p));
    partition_set_sort(target);
}

START_TEST(targets_that_cannot_be_are_set_right)
{
    for (int mixed = 0; mixed < 2; mixed++) {
        struct assignor_fixture f;
        begin(&f, 4, 2, 0);
        assignor_fixture_join(&f, "m1", mixed ? "AB" : "A");
        assignor_fixture_join(&f, "m2", "A");
        for (int i = 0; i < 2; i++) {
            spoil(&f.members[i].target, 'A', 0); /* with both of them */
            spoil(&f.members[i].target, 'A', 4); /* beyond the last */
            spoil(&f.members[i].target, 'A', -1);
            spoil(&f.members[i].target, 'C', 0); /* there is none */
        }
        assignor_fixture_assign(&f);
        ck_assert_int_eq(f.total, mixed ? 6 : 4);
        ck_assert(fixture_member_has(&f.members[0], 'A', 0));
        ck_assert_int_eq(size_of(&f, "m1"), mixed ? 3 : 2);
        assignor_fixture_free(&f);
    }
}
END_TEST

/* ---- members that subscribe to different ones ------------------------------- */

START_TEST(those_with_fewer_topics_get_more_of_them)
{
    struct assignor_fixture f;
    begin(&f, 3, 3, 0);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "B");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m1", "A0 A1 A2");
    assignor_fixture_expect(&f, "m2", "B0 B1 B2");
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(what_cannot_be_balanced_is_left_to_who_must_have_it)
{
    struct assignor_fixture f;
    begin(&f, 6, 2, 0);
    assignor_fixture_join(&f, "m1", "A");
    assignor_fixture_join(&f, "m2", "B");
    assignor_fixture_join(&f, "m3", "B");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(size_of(&f, "m1"), 6);
    ck_assert_int_eq(size_of(&f, "m2"), 1);
    ck_assert_int_eq(size_of(&f, "m3"), 1);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(partitions_that_are_not_subscribed_to_any_more_go_to_others)
{
    struct assignor_fixture f;
    begin(&f, 2, 2, 2);
    assignor_fixture_join(&f, "m1", "ABC");
    assignor_fixture_join(&f, "m2", "ABC");
    assignor_fixture_join(&f, "m3", "A");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m3", "A0 A1");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(size_of(&f, "m1"), 2);
    ck_assert_int_eq(size_of(&f, "m2"), 2);
    ck_assert_int_eq(size_of(&f, "m3"), 2);
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(one_that_joins_with_other_topics_takes_from_those_with_most)
{
    struct assignor_fixture f;
    begin(&f, 4, 4, 0);
    assignor_fixture_join(&f, "m1", "A");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_assign(&f);
    assignor_fixture_join(&f, "m3", "B");
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.stayed, 5); /* two of m2's four move, and one of m1's to m2 */
    ck_assert_int_eq(size_of(&f, "m1"), 3);
    ck_assert_int_eq(size_of(&f, "m2"), 3);
    ck_assert_int_eq(size_of(&f, "m3"), 2);
    assignor_fixture_free(&f);
}
END_TEST

/* ---- random groups ---------------------------------------------------------- */

/* With each of its partitions a member that has more than the least can keep one
 * more, as long as there are extras; more than that would cost the balance. */
static int32_t most_that_can_stay(const int32_t *had, int32_t members, int32_t total)
{
    int32_t least = total / members, extras = total % members, stay = 0;
    for (int32_t i = 0; i < members; i++) {
        stay += had[i] < least ? had[i] : least;
        if (had[i] > least && extras > 0) {
            stay++;
            extras--;
        }
    }
    return stay;
}

static void count_had(struct assignor_fixture *f, int32_t had[FIXTURE_MEMBERS])
{
    for (int32_t i = 0; i < f->member_count; i++) {
        had[i] = 0;
        for (char t = 'A'; t < 'A' + FIXTURE_TOPICS; t++) {
            for (int32_t p = 0; p < f->partitions[t - 'A']; p++)
                had[i] += fixture_member_has(&f->members[i], t, p);
        }
    }
}

static bool is_even(const struct assignor_fixture *f)
{
    int32_t least = f->total / f->member_count, uneven = f->total % f->member_count;
    for (int32_t i = 0; i < f->member_count; i++) {
        int32_t more = f->members[i].target.count - least;
        if (more != 0 && (more != 1 || uneven == 0))
            return false;
    }
    return true;
}

START_TEST(groups_of_like_members_are_even_and_move_the_fewest)
{
    unsigned seed = check_seed();
    for (int group = 0; group < 20; group++) {
        struct assignor_fixture f = {&assignor_uniform};
        for (int step = 0; step < 200; step++) {
            int32_t had[FIXTURE_MEMBERS];
            assignor_fixture_change(&f, &seed, "ABCDEFGHIJKL");
            count_had(&f, had);
            assignor_fixture_assign(&f);
            if (f.member_count == 0)
                continue;
            ck_assert(is_even(&f));
            ck_assert_int_eq(f.stayed,
                             most_that_can_stay(had, f.member_count, f.total));
        }
        assignor_fixture_free(&f);
    }
}
END_TEST

/* Nobody has something that a subscriber with two fewer could have as well. */
static void check_no_move_helps(struct assignor_fixture *f, char topic)
{
    int32_t most = -1, least = INT32_MAX;
    for (int32_t i = 0; i < f->member_count; i++) {
        const struct fixture_member *m = &f->members[i];
        if (!fixture_member_subscribes(m, topic))
            continue;
        int32_t size = m->target.count;
        least = size < least ? size : least;
        for (int32_t p = 0; p < f->partitions[topic - 'A']; p++) {
            if (fixture_member_has(m, topic, p) && size > most)
                most = size;
        }
    }
    if (most >= 0 && most - least > 1)
        ck_abort_msg("%c: %d and %d", topic, most, least);
}

START_TEST(groups_of_unlike_members_cannot_be_evened_by_any_one_move)
{
    unsigned seed = check_seed();
    for (int group = 0; group < 20; group++) {
        struct assignor_fixture f = {&assignor_uniform};
        for (int step = 0; step < 200; step++) {
            assignor_fixture_change(&f, &seed, NULL);
            assignor_fixture_assign(&f);
            for (char topic = 'A'; topic < 'A' + FIXTURE_TOPICS; topic++)
                check_no_move_helps(&f, topic);
            assignor_fixture_assign(&f);
            ck_assert_int_eq(f.stayed, f.total); /* nothing new, nothing moves */
        }
        assignor_fixture_free(&f);
    }
}
END_TEST

GREGOR_TESTS("assignor_uniform", assignors_are_found_by_the_names_that_clients_use,
             without_members_or_topics_nothing_is_assigned,
             members_get_as_many_as_others_of_all_topics_together,
             of_more_members_than_partitions_some_get_none,
             one_that_joins_gets_its_share_and_nothing_else_moves,
             what_one_leaves_behind_is_shared_and_nothing_else_moves,
             the_one_more_stays_with_who_has_it, topics_come_grow_and_go,
             targets_that_cannot_be_are_set_right,
             those_with_fewer_topics_get_more_of_them,
             what_cannot_be_balanced_is_left_to_who_must_have_it,
             partitions_that_are_not_subscribed_to_any_more_go_to_others,
             one_that_joins_with_other_topics_takes_from_those_with_most,
             groups_of_like_members_are_even_and_move_the_fewest,
             groups_of_unlike_members_cannot_be_evened_by_any_one_move)
