#include "broker/deadline.h"

#include <string.h>

#include "tests/support/check_main.h"

#define ITEMS 200

struct item {
    struct deadline d; /* first */
    int64_t at_ms;     /* -1: not in the heap */
};

/* What expired, in its order; and what expiring does besides. */
static struct {
    struct deadline_heap heap;
    struct deadline *expired[2000];
    size_t count;
    struct deadline *removes, *adds;
    int64_t adds_at_ms;
} world;

static void on_expired(struct deadline *d)
{
    ck_assert_uint_eq(d->place, 0);
    world.expired[world.count++] = d;
    struct deadline *added = world.adds;
    world.adds = NULL;
    if (world.removes != NULL)
        deadline_remove(&world.heap, world.removes);
    world.removes = NULL;
    if (added != NULL)
        ck_assert(deadline_add(&world.heap, added, world.adds_at_ms));
}

static void begin(struct deadline *d, size_t count)
{
    memset(&world, 0, sizeof(world));
    for (size_t i = 0; i < count; i++)
        d[i] = (struct deadline){.expired = on_expired};
}

static void add(struct deadline *d, int64_t at_ms)
{
    ck_assert(deadline_add(&world.heap, d, at_ms));
}

START_TEST(an_empty_heap_is_never_due)
{
    begin(NULL, 0);
    ck_assert_int_eq(deadline_next_ms(&world.heap), INT64_MAX);
    deadline_run(&world.heap, INT64_MAX);
    deadline_heap_free(&world.heap);
}
END_TEST

START_TEST(deadlines_expire_in_order_and_not_before_their_time)
{
    struct deadline d[3];
    begin(d, 3);
    add(&d[0], 30);
    add(&d[1], 10);
    add(&d[2], 20);
    ck_assert_int_eq(deadline_next_ms(&world.heap), 10);
    deadline_run(&world.heap, 9);
    ck_assert_uint_eq(world.count, 0);
    deadline_run(&world.heap, 20);
    ck_assert_uint_eq(world.count, 2);
    ck_assert_ptr_eq(world.expired[0], &d[1]);
    ck_assert_ptr_eq(world.expired[1], &d[2]);
    ck_assert_int_eq(deadline_next_ms(&world.heap), 30);
    deadline_run(&world.heap, INT64_MAX);
    ck_assert_ptr_eq(world.expired[2], &d[0]);
    deadline_heap_free(&world.heap);
}
END_TEST

START_TEST(what_is_removed_does_not_expire)
{
    struct deadline d[3];
    begin(d, 3);
    add(&d[0], 1);
    add(&d[1], 2);
    deadline_remove(&world.heap, &d[0]);
    deadline_remove(&world.heap, &d[0]); /* not in it any more */
    deadline_remove(&world.heap, &d[2]); /* never was */
    deadline_run(&world.heap, 5);
    ck_assert_uint_eq(world.count, 1);
    ck_assert_ptr_eq(world.expired[0], &d[1]);
    add(&d[0], 7); /* and may come again */
    ck_assert_int_eq(deadline_next_ms(&world.heap), 7);
    deadline_remove(&world.heap, &d[0]);
    ck_assert_int_eq(deadline_next_ms(&world.heap), INT64_MAX);
    deadline_heap_free(&world.heap);
}
END_TEST

START_TEST(expiring_may_remove_another_that_is_due)
{
    struct deadline d[3];
    begin(d, 3);
    for (int i = 0; i < 3; i++)
        add(&d[i], i + 1);
    world.removes = &d[1];
    deadline_run(&world.heap, 10);
    ck_assert_uint_eq(world.count, 2);
    ck_assert_ptr_eq(world.expired[1], &d[2]);
    deadline_heap_free(&world.heap);
}
END_TEST

START_TEST(expiring_may_add_others_and_itself)
{
    struct deadline d[2];
    begin(d, 2);
    add(&d[0], 1);
    world.adds = &d[1];
    world.adds_at_ms = 10; /* due at once: it expires in the same run */
    deadline_run(&world.heap, 10);
    ck_assert_uint_eq(world.count, 2);
    ck_assert_ptr_eq(world.expired[1], &d[1]);
    add(&d[0], 11);
    world.adds = &d[0];
    world.adds_at_ms = 12;
    deadline_run(&world.heap, 11);
    ck_assert_uint_eq(world.count, 3);
    ck_assert_int_eq(deadline_next_ms(&world.heap), 12);
    deadline_heap_free(&world.heap);
}
END_TEST

static int64_t earliest(const struct item *items)
{
    int64_t at = INT64_MAX;
    for (int i = 0; i < ITEMS; i++) {
        if (items[i].at_ms >= 0 && items[i].at_ms < at)
            at = items[i].at_ms;
    }
    return at;
}

/* All that the model says is due has expired, in order of time, nothing else. */
static void check_run(struct item *items, int64_t now_ms)
{
    int64_t last = -1;
    world.count = 0;
    deadline_run(&world.heap, now_ms);
    for (size_t i = 0; i < world.count; i++) {
        struct item *item = (struct item *)world.expired[i];
        ck_assert_int_ge(item->at_ms, last);
        ck_assert_int_le(item->at_ms, now_ms);
        last = item->at_ms;
        item->at_ms = -1;
    }
    ck_assert_int_gt(earliest(items), now_ms);
}

START_TEST(any_order_of_calls_agrees_with_a_sorted_list)
{
    unsigned seed = check_seed();
    struct item items[ITEMS];
    begin(NULL, 0);
    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct item){{.expired = on_expired}, -1};
    int64_t now_ms = 0;
    for (int step = 0; step < 20000; step++) {
        struct item *item = &items[rand_r(&seed) % ITEMS];
        if (rand_r(&seed) % 50 == 0) {
            now_ms += rand_r(&seed) % 300;
            check_run(items, now_ms);
        } else if (item->at_ms >= 0) {
            deadline_remove(&world.heap, &item->d);
            item->at_ms = -1;
        } else {
            item->at_ms = now_ms + 1 + rand_r(&seed) % 1000;
            add(&item->d, item->at_ms);
        }
        ck_assert_int_eq(deadline_next_ms(&world.heap), earliest(items));
    }
    check_run(items, INT64_MAX - 1);
    deadline_heap_free(&world.heap);
}
END_TEST

GREGOR_TESTS("deadline", an_empty_heap_is_never_due,
             deadlines_expire_in_order_and_not_before_their_time,
             what_is_removed_does_not_expire, expiring_may_remove_another_that_is_due,
             expiring_may_add_others_and_itself,
             any_order_of_calls_agrees_with_a_sorted_list)
