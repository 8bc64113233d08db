/* tests/unit/broker/test_group_table.c
 *
 * What is written with group_records is read back with group_table_replay(), through
 * a real batch. */
#include "broker/group/group_table.h"

#include "broker/group/group_records.h"
#include "tests/support/check_main.h"
#include "tests/support/fake_clock.h"

#define GROUP STR_LITERAL("g")
#define TOPIC STR_LITERAL("t")
#define PRODUCER 77

struct world {
    struct fake_clock clock;
    struct group_env env;
    struct group_table table;
    struct group_records records;
    int64_t next_offset;
};

/* Groups are only loaded here, so no timer is ever armed. */
static void disarm(struct group_env *env, struct deadline *d)
{
    (void)env;
    ck_assert_uint_eq(d->place, 0);
}

static void begin(struct world *w)
{
    group_records_init(&w->records, 1000);
}

static void world_open(struct world *w)
{
    static const struct trace quiet = {.level = TRACE_ERROR};
    *w = (struct world){0};
    fake_clock_init(&w->clock, 1000);
    w->env =
        (struct group_env){.clock = &w->clock.clock, .trace = &quiet, .disarm = disarm};
    group_table_init(&w->table, &w->env);
    begin(w);
}

static void world_close(struct world *w)
{
    group_records_free(&w->records);
    group_table_free(&w->table);
    ck_assert_ptr_null(w->table.pending);
}

/* Lets the table read what was written, as the log would give it. */
static void replay(struct world *w)
{
    struct err err = {0};
    struct record_iter it;
    struct record record;
    ck_assert_int_eq(group_records_finish(&w->records, &err), 0);
    struct buf *batch = &w->records.builder.out;
    record_batch_set_base_offset(batch->data, w->next_offset);
    ck_assert_int_eq(record_iter_open(&it, batch->data, batch->len, 1 << 20, &err), 0);
    while (record_iter_next(&it, &record, &err) == 1)
        ck_assert_int_eq(group_table_replay(&w->table, &it.batch, &record, &err), 0);
    w->next_offset = it.batch.last_offset + 1;
    record_iter_close(&it);
    group_records_free(&w->records);
    begin(w);
}

static void write_offset(struct world *w, int32_t partition, int64_t offset,
                         const char *metadata)
{
    struct committed_offset o = {
        .partition = partition,
        .leader_epoch = 3,
        .offset = offset,
        .commit_timestamp = 1000,
        .expire_timestamp = NO_EXPIRE_TIMESTAMP,
        .metadata = str_of(metadata),
    };
    group_records_offset(&w->records, GROUP, TOPIC, UUID_ZERO, &o);
}

static void make_transactional(struct world *w)
{
    w->records.builder.batch.transactional = true;
    w->records.builder.batch.producer_id = PRODUCER;
    w->records.builder.batch.producer_epoch = 0;
}

static void replay_marker(struct world *w, enum control_record_type type)
{
    uint8_t key[4] = {0, 0, 0, (uint8_t)type}, value[6] = {0};
    make_transactional(w);
    w->records.builder.batch.control = true;
    record_batch_builder_add(&w->records.builder, 1000,
                             (struct bytes){key, sizeof(key)},
                             (struct bytes){value, sizeof(value)}, NULL, 0);
    replay(w);
}

/* -1: none. */
static int64_t offset_of(struct world *w, int32_t partition)
{
    struct group *g = group_table_find(&w->table, GROUP);
    const struct committed_offset *o =
        g == NULL ? NULL : group_offsets_find(&g->offsets, TOPIC, partition);
    return o == NULL ? -1 : o->offset;
}

START_TEST(offsets_are_read_as_they_were_written)
{
    struct world w;
    world_open(&w);
    write_offset(&w, 1, 10, "");
    write_offset(&w, 0, 20, "zero");
    write_offset(&w, 1, 11, "one");
    replay(&w);
    ck_assert_int_eq(offset_of(&w, 0), 20);
    ck_assert_int_eq(offset_of(&w, 1), 11);
    ck_assert_int_eq(offset_of(&w, 2), -1);
    struct group *g = group_table_find(&w.table, GROUP);
    ck_assert(classic_group_is_simple(g->classic));
    const struct committed_offset *o = group_offsets_find(&g->offsets, TOPIC, 1);
    ck_assert(str_is(o->metadata, "one"));
    ck_assert_int_eq(o->leader_epoch, 3);
    ck_assert_int_eq(o->record_offset, 2);
    group_records_offset_gone(&w.records, GROUP, TOPIC, 1);
    replay(&w);
    ck_assert_int_eq(offset_of(&w, 1), -1);
    ck_assert_int_eq(offset_of(&w, 0), 20);
    world_close(&w);
}
END_TEST

START_TEST(an_offset_keeps_its_own_time_to_expire)
{
    struct world w;
    world_open(&w);
    struct committed_offset o = {.offset = 5,
                                 .commit_timestamp = 1,
                                 .expire_timestamp = 9000,
                                 .leader_epoch = -1};
    group_records_offset(&w.records, GROUP, TOPIC, UUID_ZERO, &o);
    replay(&w);
    struct group *g = group_table_find(&w.table, GROUP);
    const struct committed_offset *read = group_offsets_find(&g->offsets, TOPIC, 0);
    ck_assert_int_eq(read->expire_timestamp, 9000);
    ck_assert(!committed_offset_expired(read, 1, 8999, 10));
    ck_assert(committed_offset_expired(read, 1, 9000, 10));
    world_close(&w);
}
END_TEST

START_TEST(a_group_goes_with_its_tombstone)
{
    struct world w;
    world_open(&w);
    struct group_metadata_value value = {.protocol_type = STR_LITERAL("consumer"),
                                         .generation = 4,
                                         .current_state_timestamp = 500};
    group_records_group(&w.records, GROUP, &value);
    replay(&w);
    struct group *g = group_table_find(&w.table, GROUP);
    ck_assert_int_eq(g->classic->generation_id, 4);
    ck_assert_int_eq(g->classic->state_timestamp, 500);
    ck_assert_int_eq(g->classic->state, GROUP_EMPTY);
    group_records_group_gone(&w.records, GROUP);
    replay(&w);
    ck_assert_ptr_null(group_table_find(&w.table, GROUP));
    world_close(&w);
}
END_TEST

START_TEST(offsets_of_a_transaction_count_when_it_commits)
{
    struct world w;
    world_open(&w);
    write_offset(&w, 0, 5, "");
    replay(&w);
    make_transactional(&w);
    write_offset(&w, 0, 6, "in a transaction");
    replay(&w);
    struct group *g = group_table_find(&w.table, GROUP);
    ck_assert_int_eq(offset_of(&w, 0), 5);
    ck_assert(group_table_offset_is_pending(&w.table, g, TOPIC, 0));
    ck_assert(!group_table_offset_is_pending(&w.table, g, TOPIC, 1));
    replay_marker(&w, CONTROL_COMMIT);
    ck_assert_int_eq(offset_of(&w, 0), 6);
    ck_assert(!group_table_offset_is_pending(&w.table, g, TOPIC, 0));
    world_close(&w);
}
END_TEST

START_TEST(offsets_of_an_aborted_transaction_are_forgotten)
{
    struct world w;
    world_open(&w);
    make_transactional(&w);
    write_offset(&w, 0, 6, "");
    replay(&w);
    replay_marker(&w, CONTROL_ABORT);
    ck_assert_int_eq(offset_of(&w, 0), -1);
    ck_assert_int_eq(group_table_find(&w.table, GROUP)->pending_offsets, 0);
    world_close(&w);
}
END_TEST

START_TEST(what_was_committed_later_wins_over_a_transaction)
{
    struct world w;
    world_open(&w);
    make_transactional(&w);
    write_offset(&w, 0, 6, "");
    replay(&w);
    write_offset(&w, 0, 7, "");
    replay(&w);
    replay_marker(&w, CONTROL_COMMIT);
    ck_assert_int_eq(offset_of(&w, 0), 7);
    world_close(&w);
}
END_TEST

/* Adds a record with a key of `type` for the group, and a value unless `gone`. */
static void write_foreign(struct world *w, uint8_t type, bool gone)
{
    const uint8_t key[] = {0, type, 0, 1, 'g'}, value[] = {0, 0, 0, 0, 0, 1, 0};
    record_batch_builder_add(
        &w->records.builder, 1000, (struct bytes){key, sizeof(key)},
        gone ? BYTES_NULL : (struct bytes){value, sizeof(value)}, NULL, 0);
    replay(w);
}

START_TEST(groups_of_other_kinds_are_kept_apart_with_their_offsets)
{
    struct world w;
    world_open(&w);
    write_offset(&w, 0, 5, "");
    replay(&w);
    write_foreign(&w, 11, false);
    struct group *g = group_table_find(&w.table, GROUP);
    ck_assert_int_eq(g->kind, GROUP_SHARE);
    ck_assert_ptr_null(g->classic);
    ck_assert_int_eq(offset_of(&w, 0), 5);
    ck_assert_int_eq(w.table.foreign_records, 1);
    write_foreign(&w, 11, true);
    ck_assert_ptr_null(group_table_find(&w.table, GROUP));
    world_close(&w);
}
END_TEST

START_TEST(what_cannot_be_read_is_counted_and_left_alone)
{
    struct world w;
    world_open(&w);
    write_offset(&w, 0, 5, "");
    replay(&w);
    write_foreign(&w, 99, false); /* no such type */
    write_foreign(&w, 1, false);  /* an offset's key, cut short */
    write_foreign(&w, 2, false);  /* a group's value, too short */
    ck_assert_int_eq(w.table.unreadable_records, 3);
    ck_assert_int_eq(offset_of(&w, 0), 5);
    world_close(&w);
}
END_TEST

START_TEST(topics_and_partitions_come_and_go_in_any_order)
{
    struct group_offsets o = GROUP_OFFSETS_INIT;
    static const char *const names[] = {"m", "a", "z", "aa", ""};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5 * 20; i++) {
            struct committed_offset c = {
                .partition = i * 7 % 20, .offset = i, .metadata = STR_LITERAL("x")};
            ck_assert(group_offsets_put(&o, str_of(names[i / 20]), UUID_ZERO, &c));
        }
        ck_assert_int_eq(o.count, 5);
        for (int i = 0; i < 5 * 20; i++) {
            struct str name = str_of(names[i / 20]);
            const struct committed_offset *c = group_offsets_find(&o, name, i * 7 % 20);
            ck_assert_ptr_nonnull(c);
            ck_assert_int_eq(c->offset, i);
            group_offsets_remove(&o, name, i * 7 % 20);
            ck_assert_ptr_null(group_offsets_find(&o, name, i * 7 % 20));
        }
        ck_assert_int_eq(o.count, 0);
    }
    group_offsets_free(&o);
}
END_TEST

GREGOR_TESTS("group_table", offsets_are_read_as_they_were_written,
             an_offset_keeps_its_own_time_to_expire, a_group_goes_with_its_tombstone,
             offsets_of_a_transaction_count_when_it_commits,
             offsets_of_an_aborted_transaction_are_forgotten,
             what_was_committed_later_wins_over_a_transaction,
             groups_of_other_kinds_are_kept_apart_with_their_offsets,
             what_cannot_be_read_is_counted_and_left_alone,
             topics_and_partitions_come_and_go_in_any_order)
