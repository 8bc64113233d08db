/* The map of keys: what it says of each, how full it becomes, what it takes. */
#include <stdio.h>
#include <string.h>

#include "storage/offset_map.h"
#include "tests/support/check_main.h"

#define KEYS 20000

static struct offset_map *make(int64_t memory, double load_factor, int64_t keys)
{
    struct offset_map_options options = {.memory_bytes = memory,
                                         .load_factor = load_factor,
                                         .keys_at_most = keys,
                                         .random = &random_system};
    struct offset_map *m;
    struct err err;
    ck_assert_int_eq(offset_map_create(&options, &m, &err), 0);
    return m;
}

static struct bytes key_number(int i)
{
    static char text[4][64];
    static int next;
    char *at = text[next++ % 4];
    /* Keys of every length, the empty one included. */
    int len = i == 0 ? 0
                     : snprintf(at, 64, "%.*s%d", i % 40,
                                "........................"
                                "................",
                                i);
    return (struct bytes){(const uint8_t *)at, len};
}

START_TEST(every_key_has_the_offset_that_was_put_last)
{
    struct offset_map *m = make(1 << 20, 0.9, KEYS);
    ck_assert_int_eq(offset_map_get(m, key_number(1)), -1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < KEYS; i++)
            ck_assert(offset_map_put(m, key_number(i), round * KEYS + i));
        ck_assert_int_eq(offset_map_count(m), KEYS);
    }
    for (int i = 0; i < KEYS; i++)
        ck_assert_int_eq(offset_map_get(m, key_number(i)), 2 * KEYS + i);
    ck_assert_int_eq(offset_map_get(m, key_number(KEYS)), -1);
    offset_map_destroy(m);
}
END_TEST

START_TEST(a_full_map_takes_nothing_and_forgets_nothing)
{
    struct offset_map *m = make(100 * OFFSET_MAP_ENTRY, 0.9, KEYS);
    ck_assert_int_eq(offset_map_limit(m), 90);
    for (int i = 0; i < 90; i++)
        ck_assert(offset_map_put(m, key_number(i), i));
    ck_assert(!offset_map_put(m, key_number(90), 90));
    ck_assert(!offset_map_put(m, key_number(1), 91)); /* as in Kafka */
    ck_assert_int_eq(offset_map_count(m), 90);
    ck_assert_int_eq(offset_map_get(m, key_number(90)), -1);
    for (int i = 0; i < 90; i++)
        ck_assert_int_eq(offset_map_get(m, key_number(i)), i);
    offset_map_destroy(m);
}
END_TEST

/* Whatever the settings say, one key fits, and a search comes to an end. */
START_TEST(the_smallest_map_takes_one_key)
{
    const double factors[] = {0, 0.9, 1, 7};
    for (size_t i = 0; i < sizeof(factors) / sizeof(*factors); i++) {
        struct offset_map *m = make(0, factors[i], KEYS);
        ck_assert(offset_map_put(m, key_number(5), 17));
        ck_assert(!offset_map_put(m, key_number(6), 18));
        ck_assert_int_eq(offset_map_get(m, key_number(5)), 17);
        ck_assert_int_eq(offset_map_get(m, key_number(6)), -1);
        offset_map_destroy(m);
    }
}
END_TEST

START_TEST(memory_is_bounded_and_few_keys_take_little)
{
    struct offset_map *m = make(1 << 20, 0.9, INT64_MAX);
    ck_assert_int_le(offset_map_memory(m), 1 << 20);
    ck_assert_int_ge(offset_map_memory(m), (1 << 20) - OFFSET_MAP_ENTRY);
    offset_map_destroy(m);
    m = make((int64_t)1 << 40, 0.9, 1000);
    ck_assert_int_le(offset_map_memory(m), 2000 * OFFSET_MAP_ENTRY);
    for (int i = 0; i < 1000; i++)
        ck_assert(offset_map_put(m, key_number(i), i));
    offset_map_destroy(m);
}
END_TEST

GREGOR_TESTS("offset_map", every_key_has_the_offset_that_was_put_last,
             a_full_map_takes_nothing_and_forgets_nothing,
             the_smallest_map_takes_one_key, memory_is_bounded_and_few_keys_take_little)
