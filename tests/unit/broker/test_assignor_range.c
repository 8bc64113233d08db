/* tests/unit/broker/test_assignor_range.c */
#include "tests/unit/broker/assignor_fixture.h"

#include "tests/support/check_main.h"

static void begin(struct assignor_fixture *f, int32_t a, int32_t b, int32_t c)
{
    *f = (struct assignor_fixture){&assignor_range, .partitions = {a, b, c}};
}

START_TEST(without_members_nothing_is_assigned)
{
    struct assignor_fixture f;
    begin(&f, 3, 0, 0);
    assignor_fixture_assign(&f);
    ck_assert_int_eq(f.total, 0);
}
END_TEST

START_TEST(the_same_partitions_of_topics_of_one_size_are_together)
{
    struct assignor_fixture f;
    begin(&f, 3, 3, 0);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m1", "A0 A1 B0 B1");
    assignor_fixture_expect(&f, "m2", "A2 B2");
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(what_does_not_come_out_even_goes_to_the_first_ones)
{
    struct assignor_fixture f;
    begin(&f, 8, 2, 0);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "AB");
    assignor_fixture_join(&f, "m3", "AB");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m1", "A0 A1 A2 B0");
    assignor_fixture_expect(&f, "m2", "A3 A4 A5 B1");
    assignor_fixture_expect(&f, "m3", "A6 A7");
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(each_topic_is_cut_for_its_own_subscribers)
{
    struct assignor_fixture f;
    begin(&f, 3, 3, 2);
    assignor_fixture_join(&f, "m1", "AB");
    assignor_fixture_join(&f, "m2", "C");
    assignor_fixture_join(&f, "m3", "BC");
    assignor_fixture_join(&f, "m4", "");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m1", "A0 A1 A2 B0 B1");
    assignor_fixture_expect(&f, "m2", "C0");
    assignor_fixture_expect(&f, "m3", "B2 C1");
    assignor_fixture_expect(&f, "m4", "");
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(static_members_come_first_and_keep_their_stretches_when_started_again)
{
    struct assignor_fixture f;
    begin(&f, 3, 0, 0);
    assignor_fixture_join(&f, "m1", "A");
    assignor_fixture_join(&f, "m8", "A");
    assignor_fixture_join(&f, "m9", "A");
    strcpy(assignor_fixture_member(&f, "m8")->instance_id, "i2");
    strcpy(assignor_fixture_member(&f, "m9")->instance_id, "i1");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m9", "A0");
    assignor_fixture_expect(&f, "m8", "A1");
    assignor_fixture_expect(&f, "m1", "A2");
    assignor_fixture_leave(&f, "m9");
    assignor_fixture_join(&f, "m4", "A");
    strcpy(assignor_fixture_member(&f, "m4")->instance_id, "i1");
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "m4", "A0");
    assignor_fixture_expect(&f, "m8", "A1");
    assignor_fixture_free(&f);
}
END_TEST

START_TEST(ids_are_in_the_order_of_java)
{
    struct assignor_fixture f;
    begin(&f, 2, 0, 0);
    assignor_fixture_join(&f, "\xef\xbf\xbd", "A");     /* U+FFFD */
    assignor_fixture_join(&f, "\xf0\x9f\x98\x80", "A"); /* U+1F600: D83D … */
    assignor_fixture_assign(&f);
    assignor_fixture_expect(&f, "\xf0\x9f\x98\x80", "A0");
    assignor_fixture_expect(&f, "\xef\xbf\xbd", "A1");
    assignor_fixture_free(&f);
}
END_TEST

/* ---- a model ---------------------------------------------------------------- */

static bool comes_before(const struct fixture_member *a, const struct fixture_member *b)
{
    bool a_static = a->instance_id[0] != 0, b_static = b->instance_id[0] != 0;
    if (a_static != b_static)
        return a_static;
    return a_static ? strcmp(a->instance_id, b->instance_id) < 0
                    : strcmp(a->id, b->id) < 0;
}

/* The stretches of one topic: everybody counts who is before. */
static void check_topic(struct assignor_fixture *f, char topic)
{
    int32_t partitions = f->partitions[topic - 'A'], subscribers = 0;
    for (int32_t i = 0; i < f->member_count; i++)
        subscribers += fixture_member_subscribes(&f->members[i], topic);
    for (int32_t i = 0; i < f->member_count; i++) {
        const struct fixture_member *m = &f->members[i];
        if (!fixture_member_subscribes(m, topic))
            continue;
        int32_t before = 0, begin = 0;
        for (int32_t j = 0; j < f->member_count; j++)
            before += fixture_member_subscribes(&f->members[j], topic) &&
                      comes_before(&f->members[j], m);
        int32_t even = partitions / subscribers, uneven = partitions % subscribers;
        for (int32_t j = 0; j < before; j++)
            begin += even + (j < uneven);
        int32_t end = begin + even + (before < uneven);
        for (int32_t p = 0; p < partitions; p++) {
            if (fixture_member_has(m, topic, p) != (p >= begin && p < end))
                ck_abort_msg("%s and %c%d", m->id, topic, p);
        }
    }
}

START_TEST(random_groups_get_what_a_simple_model_says)
{
    unsigned seed = check_seed();
    for (int group = 0; group < 20; group++) {
        struct assignor_fixture f = {&assignor_range};
        for (int step = 0; step < 100; step++) {
            assignor_fixture_change(&f, &seed, group % 2 == 0 ? "ABCDEFGHIJKL" : NULL);
            assignor_fixture_assign(&f);
            for (char topic = 'A'; topic < 'A' + FIXTURE_TOPICS; topic++)
                check_topic(&f, topic);
        }
        assignor_fixture_free(&f);
    }
}
END_TEST

GREGOR_TESTS("assignor_range", without_members_nothing_is_assigned,
             the_same_partitions_of_topics_of_one_size_are_together,
             what_does_not_come_out_even_goes_to_the_first_ones,
             each_topic_is_cut_for_its_own_subscribers,
             static_members_come_first_and_keep_their_stretches_when_started_again,
             ids_are_in_the_order_of_java, random_groups_get_what_a_simple_model_says)
