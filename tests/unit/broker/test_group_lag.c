/* tests/unit/broker/test_group_lag.c
 *
 * The lag of a group over real logs, on a disk in memory. */
#include "broker/group/group_lag.h"

#include "tests/support/check_main.h"
#include "tests/unit/replication/replica_fixture.h"

#define TOPIC 1

struct world {
    struct replica_fixture f;
    struct partition_lag seen[4];
    int seen_count;
    struct group group; /* last: it ends with its name, here none */
};

/* A topic of two partitions, the first with three records. */
static void world_open(struct world *w)
{
    *w = (struct world){0};
    replica_fixture_open(&w->f);
    put_topic(&w->f, TOPIC, "t");
    put_partition(&w->f, TOPIC, 0, REPLICA_NODE, 0);
    put_partition(&w->f, TOPIC, 1, REPLICA_NODE, 0);
    publish_and_run(&w->f);
    struct partition *p = open_partition(&w->f, TOPIC, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(append_one(&w->f, p), 0);
}

static void world_close(struct world *w)
{
    group_offsets_free(&w->group.offsets);
    replica_fixture_close(&w->f);
}

static void commit(struct world *w, const char *topic, struct uuid id,
                   int32_t partition, int64_t offset)
{
    struct committed_offset o = {.partition = partition, .offset = offset};
    ck_assert(group_offsets_put(&w->group.offsets, str_of(topic), id, &o));
}

static void see(void *context, const struct partition_lag *lag)
{
    struct world *w = context;
    ck_assert_int_lt(w->seen_count, 4);
    w->seen[w->seen_count++] = *lag;
}

static const struct partition_lag *look(struct world *w)
{
    w->seen_count = 0;
    group_lag_each(&w->group, w->f.m, w->f.image, see, w);
    return w->seen;
}

START_TEST(lag_is_what_is_left_to_read)
{
    struct world w;
    world_open(&w);
    commit(&w, "t", replica_topic_id(TOPIC), 0, 1);
    const struct partition_lag *lag = look(&w);
    ck_assert_int_eq(w.seen_count, 1);
    ck_assert(str_is(lag->topic, "t"));
    ck_assert_int_eq(lag->high_watermark, 3);
    ck_assert_int_eq(lag->lag, 2);
    ck_assert_int_eq(lag->stable_lag, 2);
    ck_assert_int_eq(append_one(&w.f, open_partition(&w.f, TOPIC, 0)), 0);
    ck_assert_int_eq(look(&w)->lag, 3);
    world_close(&w);
}
END_TEST

START_TEST(an_offset_behind_the_end_is_no_lag)
{
    struct world w;
    world_open(&w);
    commit(&w, "t", replica_topic_id(TOPIC), 0, 99);
    ck_assert_int_eq(look(&w)->lag, 0);
    world_close(&w);
}
END_TEST

START_TEST(a_closed_log_tells_its_checkpointed_end)
{
    struct world w;
    world_open(&w);
    struct partition *p = replica_manager_find(w.f.m, replica_topic_id(TOPIC), 1);
    ck_assert_ptr_null(partition_log_of(p));
    p->handle.high_watermark = 7;
    commit(&w, "t", replica_topic_id(TOPIC), 1, 5);
    const struct partition_lag *lag = look(&w);
    ck_assert_int_eq(lag->lag, 2);
    ck_assert_int_eq(lag->stable_lag, LAG_UNKNOWN);
    ck_assert_ptr_null(partition_log_of(p)); /* it was not opened for it */
    world_close(&w);
}
END_TEST

START_TEST(what_is_not_here_has_no_known_lag)
{
    struct world w;
    world_open(&w);
    commit(&w, "gone", UUID_ZERO, 0, 1);
    commit(&w, "t", replica_topic_id(9), 0, 1); /* of another topic of that name */
    const struct partition_lag *lag = look(&w);
    ck_assert_int_eq(w.seen_count, 2);
    ck_assert_int_eq(lag[0].lag, LAG_UNKNOWN);
    ck_assert_int_eq(lag[1].lag, LAG_UNKNOWN);
    ck_assert_int_eq(lag[1].high_watermark, LAG_UNKNOWN);
    world_close(&w);
}
END_TEST

START_TEST(a_partition_led_elsewhere_has_no_known_lag)
{
    struct world w;
    world_open(&w);
    commit(&w, "t", replica_topic_id(TOPIC), 0, 1);
    put_leader(&w.f, TOPIC, 0, REPLICA_NODE + 1);
    publish_and_run(&w.f);
    ck_assert_int_eq(look(&w)->lag, LAG_UNKNOWN);
    world_close(&w);
}
END_TEST

START_TEST(a_group_sums_up_what_is_known)
{
    struct world w;
    world_open(&w);
    commit(&w, "t", replica_topic_id(TOPIC), 0, 1);
    commit(&w, "t", replica_topic_id(TOPIC), 1, 0);
    commit(&w, "gone", UUID_ZERO, 0, 1);
    struct group_lag sum = group_lag_of(&w.group, w.f.m, w.f.image);
    ck_assert_int_eq(sum.total, 2);
    ck_assert_int_eq(sum.most, 2);
    ck_assert_int_eq(sum.known_count, 2);
    ck_assert_int_eq(sum.unknown_count, 1);
    world_close(&w);
}
END_TEST

GREGOR_TESTS("group_lag", lag_is_what_is_left_to_read,
             an_offset_behind_the_end_is_no_lag,
             a_closed_log_tells_its_checkpointed_end, what_is_not_here_has_no_known_lag,
             a_partition_led_elsewhere_has_no_known_lag, a_group_sums_up_what_is_known)
