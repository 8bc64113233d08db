/* tests/unit/broker/test_partition_set.c */
#include "broker/group/partition_set.h"

#include "tests/support/check_main.h"

static struct uuid topic(uint8_t first, uint8_t last)
{
    return (struct uuid){.bytes = {[0] = first, [15] = last}};
}

static void append(struct partition_set *s, struct uuid topic_id, int32_t partition,
                   int32_t epoch)
{
    ck_assert(
        partition_set_append(s, (struct topic_partition){topic_id, partition, epoch}));
}

static void check_item(const struct partition_set *s, int32_t place,
                       struct uuid topic_id, int32_t partition, int32_t epoch)
{
    ck_assert_int_lt(place, s->count);
    ck_assert(uuid_equal(s->items[place].topic_id, topic_id));
    ck_assert_int_eq(s->items[place].partition, partition);
    ck_assert_int_eq(s->items[place].epoch, epoch);
}

START_TEST(an_empty_set_can_be_asked_and_copied)
{
    struct partition_set s = PARTITION_SET_INIT, copy = PARTITION_SET_INIT;
    partition_set_sort(&s);
    ck_assert_int_eq(s.count, 0);
    ck_assert_ptr_null(partition_set_find(&s, topic(1, 1), 0));
    append(&copy, topic(1, 1), 0, 0);
    ck_assert(!partition_set_equal(&s, &copy));
    ck_assert(partition_set_copy(&s, &copy));
    ck_assert_int_eq(copy.count, 0);
    ck_assert(partition_set_equal(&s, &copy));
    partition_set_free(&copy);
    partition_set_free(&s);
    append(&s, topic(1, 1), 7, 0); /* good to be used again */
    check_item(&s, 0, topic(1, 1), 7, 0);
    partition_set_free(&s);
}
END_TEST

START_TEST(ids_are_ordered_as_bytes_and_partitions_as_numbers)
{
    struct partition_set s = PARTITION_SET_INIT;
    append(&s, topic(0x80, 0), 0, 0);
    append(&s, topic(0x7f, 2), 0, 0);
    append(&s, topic(0x7f, 1), 300, 0);
    append(&s, topic(0x7f, 1), 5, 0);
    partition_set_sort(&s);
    ck_assert_int_eq(s.count, 4);
    check_item(&s, 0, topic(0x7f, 1), 5, 0);
    check_item(&s, 1, topic(0x7f, 1), 300, 0);
    check_item(&s, 2, topic(0x7f, 2), 0, 0);
    check_item(&s, 3, topic(0x80, 0), 0, 0);
    partition_set_free(&s);
}
END_TEST

START_TEST(of_the_same_partition_the_first_stays)
{
    struct partition_set s = PARTITION_SET_INIT;
    append(&s, topic(1, 1), 2, 30);
    append(&s, topic(1, 1), 1, 20);
    append(&s, topic(1, 1), 2, 10);
    append(&s, topic(1, 1), 1, 40);
    append(&s, topic(1, 1), 2, 50);
    partition_set_sort(&s);
    ck_assert_int_eq(s.count, 2);
    check_item(&s, 0, topic(1, 1), 1, 20);
    check_item(&s, 1, topic(1, 1), 2, 30);
    partition_set_free(&s);
}
END_TEST

START_TEST(partitions_are_found_and_others_are_not)
{
    struct partition_set s = PARTITION_SET_INIT;
    for (int32_t i = 0; i < 20; i += 2)
        append(&s, topic(1, (uint8_t)(i / 10)), i, 100 + i);
    partition_set_sort(&s);
    for (int32_t i = 0; i < 20; i++) {
        const struct topic_partition *p =
            partition_set_find(&s, topic(1, (uint8_t)(i / 10)), i);
        if (i % 2 == 0)
            ck_assert_int_eq(p->epoch, 100 + i);
        else
            ck_assert_ptr_null(p);
    }
    ck_assert_ptr_null(partition_set_find(&s, topic(1, 2), 0));
    ck_assert_ptr_null(partition_set_find(&s, topic(0, 0), 0));
    partition_set_free(&s);
}
END_TEST

START_TEST(sets_are_equal_by_their_partitions_alone)
{
    struct partition_set a = PARTITION_SET_INIT, b = PARTITION_SET_INIT;
    append(&a, topic(1, 1), 0, 5);
    append(&a, topic(1, 1), 1, 5);
    ck_assert(partition_set_copy(&a, &b));
    b.items[0].epoch = 6;
    ck_assert(partition_set_equal(&a, &b));
    check_item(&a, 0, topic(1, 1), 0, 5);
    b.items[1].partition = 2;
    ck_assert(!partition_set_equal(&a, &b));
    b.count = 1;
    ck_assert(!partition_set_equal(&a, &b));
    partition_set_free(&a);
    partition_set_free(&b);
}
END_TEST

START_TEST(a_run_ends_with_its_topic)
{
    struct partition_set s = PARTITION_SET_INIT;
    for (int32_t i = 0; i < 3; i++)
        append(&s, topic(1, 1), i, 0);
    append(&s, topic(1, 2), 0, 0);
    ck_assert_int_eq(partition_set_run(&s, 0), 3);
    ck_assert_int_eq(partition_set_run(&s, 2), 1);
    ck_assert_int_eq(partition_set_run(&s, 3), 1);
    partition_set_free(&s);
}
END_TEST

#define TOPICS 4
#define PARTITIONS 50

/* What a table of everything that could be in it says. */
static void check_against_table(const struct partition_set *s,
                                int32_t first_epoch[TOPICS][PARTITIONS])
{
    int32_t place = 0;
    for (int t = 0; t < TOPICS; t++) {
        for (int32_t p = 0; p < PARTITIONS; p++) {
            if (first_epoch[t][p] > 0)
                check_item(s, place++, topic((uint8_t)t, 9), p, first_epoch[t][p]);
        }
    }
    ck_assert_int_eq(place, s->count);
}

START_TEST(any_order_of_appends_is_sorted)
{
    unsigned seed = check_seed();
    for (int round = 0; round < 500; round++) {
        struct partition_set s = PARTITION_SET_INIT;
        int32_t first_epoch[TOPICS][PARTITIONS] = {0};
        int count = rand_r(&seed) % 300;
        int t = 0;
        int32_t p = 0;
        for (int i = 1; i <= count; i++) {
            bool jumps = rand_r(&seed) % 10 < round % 11; /* or goes on in order */
            t = jumps ? rand_r(&seed) % TOPICS : t;
            p = jumps ? rand_r(&seed) % PARTITIONS : (p + 1) % PARTITIONS;
            append(&s, topic((uint8_t)t, 9), p, i);
            if (first_epoch[t][p] == 0)
                first_epoch[t][p] = i;
        }
        partition_set_sort(&s);
        check_against_table(&s, first_epoch);
        partition_set_free(&s);
    }
}
END_TEST

GREGOR_TESTS("partition_set", an_empty_set_can_be_asked_and_copied,
             ids_are_ordered_as_bytes_and_partitions_as_numbers,
             of_the_same_partition_the_first_stays,
             partitions_are_found_and_others_are_not,
             sets_are_equal_by_their_partitions_alone, a_run_ends_with_its_topic,
             any_order_of_appends_is_sorted)
