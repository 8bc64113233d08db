/* tests/unit/broker/test_producer_ids.c */
#include "broker/api/producer_ids.h"

#include "tests/support/check_main.h"

/* Stands in for the controller: keeps the one question that is open. */
static struct controller_request *asked;
static struct producer_id_block *wanted;

void controller_allocate_producer_ids(struct controller *c,
                                      struct controller_request *r,
                                      struct producer_id_block *block)
{
    (void)c;
    ck_assert_ptr_null(asked);
    asked = r;
    wanted = block;
}

static void grant(int64_t first, int32_t count)
{
    struct controller_request *r = asked;
    struct err err = {0};
    asked = NULL;
    wanted->first_producer_id = first;
    wanted->count = count;
    r->done(r, 0, &err);
}

static void refuse(void)
{
    struct controller_request *r = asked;
    struct err err = {.code = ERR_CANCELED};
    asked = NULL;
    r->done(r, ERR_CANCELED, &err);
}

struct taker {
    struct producer_id_request base;
    int calls;
    int rc;
    int64_t id;
};

static void on_id(struct producer_id_request *base, int rc, int64_t producer_id)
{
    struct taker *t = (struct taker *)base;
    t->calls++;
    t->rc = rc;
    t->id = producer_id;
}

static struct producer_ids *new_ids(void)
{
    static struct node node = {.id = 7};
    asked = NULL;
    struct producer_ids *ids = producer_ids_create(&node);
    ck_assert_ptr_nonnull(ids);
    return ids;
}

static void take(struct producer_ids *ids, struct taker *t)
{
    *t = (struct taker){.base = {.done = on_id}};
    producer_ids_take(ids, &t->base);
}

static void check_has(const struct taker *t, int64_t id)
{
    ck_assert_int_eq(t->calls, 1);
    ck_assert_int_eq(t->rc, 0);
    ck_assert_int_eq(t->id, id);
}

START_TEST(the_first_asks_for_a_block_and_the_next_do_not)
{
    struct producer_ids *ids = new_ids();
    struct taker first, second;
    take(ids, &first);
    ck_assert_int_eq(first.calls, 0);
    ck_assert_int_eq(wanted->broker_id, 7);
    grant(3000, 2);
    check_has(&first, 3000);
    take(ids, &second);
    check_has(&second, 3001);
    ck_assert_ptr_null(asked);
    producer_ids_destroy(ids);
}
END_TEST

START_TEST(an_empty_block_is_followed_by_the_next)
{
    struct producer_ids *ids = new_ids();
    struct taker takers[2];
    take(ids, &takers[0]);
    grant(0, 1);
    take(ids, &takers[1]);
    ck_assert_int_eq(takers[1].calls, 0);
    grant(1000, 1);
    check_has(&takers[1], 1000);
    producer_ids_destroy(ids);
}
END_TEST

START_TEST(more_than_a_block_may_wait)
{
    struct producer_ids *ids = new_ids();
    struct taker takers[5];
    for (int i = 0; i < 5; i++)
        take(ids, &takers[i]);
    grant(10, 2);
    check_has(&takers[0], 10);
    check_has(&takers[1], 11);
    ck_assert_int_eq(takers[2].calls, 0);
    grant(20, 3);
    check_has(&takers[2], 20);
    check_has(&takers[3], 21);
    check_has(&takers[4], 22);
    producer_ids_destroy(ids);
}
END_TEST

START_TEST(without_a_block_all_who_wait_are_told_and_the_next_asks_again)
{
    struct producer_ids *ids = new_ids();
    struct taker takers[3];
    take(ids, &takers[0]);
    take(ids, &takers[1]);
    refuse();
    ck_assert_int_eq(takers[0].rc, ERR_CANCELED);
    ck_assert_int_eq(takers[1].rc, ERR_CANCELED);
    ck_assert_int_eq(takers[1].calls, 1);
    take(ids, &takers[2]);
    grant(0, 1);
    check_has(&takers[2], 0);
    producer_ids_destroy(ids);
}
END_TEST

/* One whose callback takes another id, as the next request of a connection may. */
struct greedy_taker {
    struct taker base;
    struct producer_ids *ids;
    struct taker more;
};

static void on_greedy_id(struct producer_id_request *base, int rc, int64_t producer_id)
{
    struct greedy_taker *t = (struct greedy_taker *)base;
    on_id(base, rc, producer_id);
    take(t->ids, &t->more);
}

START_TEST(a_callback_may_take_another)
{
    struct producer_ids *ids = new_ids();
    struct greedy_taker greedy = {.base.base.done = on_greedy_id, .ids = ids};
    struct taker behind;
    producer_ids_take(ids, &greedy.base.base);
    take(ids, &behind);
    grant(0, 2);
    check_has(&greedy.base, 0);
    check_has(&behind, 1);
    ck_assert_int_eq(greedy.more.calls, 0);
    grant(50, 1);
    check_has(&greedy.more, 50);
    producer_ids_destroy(ids);
}
END_TEST

GREGOR_TESTS("producer_ids", the_first_asks_for_a_block_and_the_next_do_not,
             an_empty_block_is_followed_by_the_next, more_than_a_block_may_wait,
             without_a_block_all_who_wait_are_told_and_the_next_asks_again,
             a_callback_may_take_another)
