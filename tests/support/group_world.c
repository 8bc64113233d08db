#include "tests/support/group_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define EXPAND_LIMIT (1 << 20)

static struct group_world *world_of(struct group_env *env)
{
    return (struct group_world *)env;
}

/* ---- time and chance ----------------------------------------------------- */

static void arm(struct group_env *env, struct deadline *d, int64_t delay_ms)
{
    struct group_world *w = world_of(env);
    deadline_remove(&w->deadlines, d);
    ck_assert(
        deadline_add(&w->deadlines, d, clock_mono_ms(&w->clock.clock) + delay_ms));
}

static void disarm(struct group_env *env, struct deadline *d)
{
    deadline_remove(&world_of(env)->deadlines, d);
}

void group_world_pass(struct group_world *w, int64_t ms)
{
    int64_t end = clock_mono_ms(&w->clock.clock) + ms;
    for (;;) {
        int64_t now = clock_mono_ms(&w->clock.clock);
        int64_t next = deadline_next_ms(&w->deadlines);
        if (next > end)
            break;
        fake_clock_advance_ms(&w->clock, next > now ? next - now : 0);
        deadline_run(&w->deadlines, clock_mono_ms(&w->clock.clock));
    }
    fake_clock_advance_ms(&w->clock, end - clock_mono_ms(&w->clock.clock));
}

/* SplitMix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void fill(const struct random *random, void *out, size_t len)
{
    struct group_world *w =
        (struct group_world *)((char *)(uintptr_t)random -
                               offsetof(struct group_world, random));
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)next_random(&w->random_state);
}

uint32_t group_world_random(struct group_world *w, uint32_t below)
{
    return (uint32_t)((next_random(&w->random_state) >> 32) % below);
}

static void hold(struct group_env *env)
{
    world_of(env)->under_way++;
}

static void release(struct group_env *env)
{
    world_of(env)->under_way--;
}

static void settled(struct group_env *env)
{
    world_of(env)->settled++;
}

void group_world_work(struct group_world *w)
{
    fake_executor_run(&w->executor);
}

/* ---- the log ------------------------------------------------------------- */

static struct group_table *table(struct group_env *env, struct str group_id)
{
    struct group_world *w = world_of(env);
    (void)group_id;
    return w->away ? NULL : &w->table;
}

static void replay_batch(struct group_table *t, const uint8_t *data, int32_t size)
{
    struct err err = {0};
    struct record_iter it;
    struct record record;
    ck_assert_int_eq(record_iter_open(&it, data, (size_t)size, EXPAND_LIMIT, &err), 0);
    while (record_iter_next(&it, &record, &err) == 1)
        ck_assert_int_eq(group_table_replay(t, &it.batch, &record, &err), 0);
    record_iter_close(&it);
}

/* Leaves the batch, if there is one, in records->builder.out. */
static enum kafka_error append(struct group_world *w, struct group_records *records)
{
    struct err err = {0};
    if (w->away)
        return KAFKA_NOT_COORDINATOR;
    if (w->refuses != KAFKA_NONE)
        return w->refuses;
    ck_assert_int_eq(records->rc, 0);
    if (records->count == 0)
        return KAFKA_NONE;
    ck_assert_int_eq(group_records_finish(records, &err), 0);
    struct buf *batch = &records->builder.out;
    record_batch_set_base_offset(batch->data, w->next_offset);
    buf_append(&w->log, batch->data, batch->len);
    w->next_offset += records->count;
    w->appends++;
    return KAFKA_NONE;
}

static enum kafka_error change(struct group_env *env, struct str group_id,
                               struct group_records *records, struct group_write *write)
{
    struct group_world *w = world_of(env);
    (void)group_id;
    enum kafka_error error = append(w, records);
    if (error == KAFKA_NONE && records->count > 0)
        replay_batch(&w->table, records->builder.out.data,
                     (int32_t)records->builder.out.len);
    write->last_offset = w->next_offset - 1;
    group_records_free(records);
    return error;
}

static void commit(struct group_env *env, struct group_write *write)
{
    struct group_world *w = world_of(env);
    if (w->holds_commits || w->held != NULL)
        DL_APPEND(w->held, write);
    else
        write->done(write, KAFKA_NONE);
}

static void store(struct group_env *env, struct classic_group *g,
                  struct group_write *write)
{
    struct group_world *w = world_of(env);
    struct arena arena = ARENA_INIT;
    struct group_metadata_value value;
    struct group_records records;
    ck_assert(
        classic_group_value(g, g->state == GROUP_COMPLETING_REBALANCE, &arena, &value));
    group_records_init(&records, group_now_ms(env));
    group_records_group(&records, g->id, &value);
    enum kafka_error error = append(w, &records);
    group_records_free(&records);
    arena_reset(&arena);
    w->classic_is_ahead = error != KAFKA_NONE;
    if (error == KAFKA_NONE)
        commit(env, write);
    else
        write->done(write, error);
}

void group_world_commit(struct group_world *w, enum kafka_error error)
{
    struct group_write *held = w->held;
    w->held = NULL;
    w->classic_is_ahead |= held != NULL && error != KAFKA_NONE;
    while (held != NULL) {
        struct group_write *write = held;
        DL_DELETE(held, write);
        write->done(write, error);
    }
}

void group_world_replay_more(struct group_world *w, struct group_table *t, size_t *at)
{
    struct err err = {0};
    int32_t size;
    for (; *at < w->log.len; *at += (size_t)size) {
        ck_assert_int_eq(
            record_batch_size(w->log.data + *at, w->log.len - *at, &size, &err), 0);
        replay_batch(t, w->log.data + *at, size);
    }
}

void group_world_replay(struct group_world *w, struct group_table *out)
{
    size_t at = 0;
    group_table_init(out, &w->env);
    group_world_replay_more(w, out, &at);
}

void group_world_restart(struct group_world *w)
{
    w->away = true;
    group_world_commit(w, KAFKA_NOT_COORDINATOR);
    group_table_free(&w->table);
    group_world_work(w);
    w->away = false;
    group_world_replay(w, &w->table);
    for (struct group *g = w->table.groups; g != NULL; g = g->hh.next) {
        if (g->classic != NULL)
            classic_group_start(g->classic);
        if (g->consumer != NULL)
            consumer_group_start(g->consumer);
    }
    w->classic_is_ahead = false;
}

/* ---- compaction ---------------------------------------------------------- */

struct kept_record {
    UT_hash_handle hh;
    int64_t offset;
    int64_t timestamp;
    struct bytes key, value;
};

static struct bytes copy_of(struct arena *arena, struct bytes b)
{
    struct str s = arena_str(arena, (struct str){(const char *)b.data, b.len});
    return (struct bytes){(const uint8_t *)s.data, s.len};
}

static void keep(struct kept_record **all, struct arena *arena, const struct record *r)
{
    struct kept_record *k = NULL;
    HASH_FIND(hh, *all, r->key.data, (unsigned)r->key.len, k);
    if (k == NULL) {
        k = arena_alloc(arena, sizeof(*k));
        ck_assert_ptr_nonnull(k);
        k->key = copy_of(arena, r->key);
    } else {
        HASH_DEL(*all, k);
    }
    k->offset = r->offset;
    k->timestamp = r->timestamp;
    k->value = r->value.data == NULL ? BYTES_NULL : copy_of(arena, r->value);
    HASH_ADD_KEYPTR(hh, *all, k->key.data, (unsigned)k->key.len, k);
}

static void keep_batch(struct kept_record **all, struct arena *arena,
                       const uint8_t *data, int32_t size)
{
    struct err err = {0};
    struct record_iter it;
    struct record record;
    ck_assert_int_eq(record_iter_open(&it, data, (size_t)size, EXPAND_LIMIT, &err), 0);
    while (record_iter_next(&it, &record, &err) == 1)
        keep(all, arena, &record);
    record_iter_close(&it);
}

static void write_kept(const struct kept_record *k, struct buf *out)
{
    struct record_batch_builder b;
    struct err err = {0};
    record_batch_builder_init(&b, 0);
    record_batch_builder_add(&b, k->timestamp, k->key, k->value, NULL, 0);
    ck_assert_int_eq(record_batch_builder_finish(&b, &err), 0);
    record_batch_set_base_offset(b.out.data, k->offset);
    buf_append(out, b.out.data, b.out.len);
    record_batch_builder_free(&b);
}

/* The size of the batch at place `at`, and whether it ends before `until`. */
static bool is_before(const struct group_world *w, size_t at, int64_t until,
                      int32_t *size)
{
    struct record_batch batch;
    struct err err = {0};
    ck_assert_int_eq(record_batch_size(w->log.data + at, w->log.len - at, size, &err),
                     0);
    ck_assert_int_eq(record_batch_read(w->log.data + at, (size_t)*size, &batch, &err),
                     0);
    return batch.last_offset < until;
}

void group_world_compact(struct group_world *w, int64_t until, bool drops_tombstones)
{
    struct kept_record *all = NULL, *k, *next;
    struct arena arena = ARENA_INIT;
    struct buf compacted = BUF_INIT;
    int32_t size;
    size_t at = 0;
    for (; at < w->log.len && is_before(w, at, until, &size); at += (size_t)size)
        keep_batch(&all, &arena, w->log.data + at, size);
    /* In the order in which they were added, which is that of their offsets. */
    HASH_ITER (hh, all, k, next) {
        if (!drops_tombstones || k->value.data != NULL)
            write_kept(k, &compacted);
    }
    HASH_CLEAR(hh, all);
    arena_reset(&arena);
    buf_append(&compacted, w->log.data + at, w->log.len - at);
    buf_free(&w->log);
    w->log = compacted;
}

/* ---- birth and end ------------------------------------------------------- */

void group_world_open(struct group_world *w, const char *settings)
{
    static const struct trace quiet = {.level = TRACE_ERROR};
    struct broker_config_input input = {
        .profile = PROFILE_KAFKA,
        .file_name = "server.properties",
        .file = str_of(settings == NULL ? "" : settings),
    };
    struct err err = {0};
    *w = (struct group_world){.random = {fill}, .random_state = 1};
    fake_clock_init(&w->clock, 1000000);
    fake_executor_init(&w->executor);
    w->image = metadata_image_create(&err);
    ck_assert_ptr_nonnull(w->image);
    if (broker_config_create(&input, &w->config, &err) != 0)
        ck_abort_msg("%s", err.message);
    w->env = (struct group_env){
        .clock = &w->clock.clock,
        .random = &w->random,
        .trace = &quiet,
        .config = w->config,
        .executor = &w->executor.executor,
        .image = w->image,
        .arm = arm,
        .disarm = disarm,
        .table = table,
        .change = change,
        .commit = commit,
        .store = store,
        .hold = hold,
        .release = release,
        .settled = settled,
    };
    group_table_init(&w->table, &w->env);
}

void group_world_close(struct group_world *w)
{
    group_world_commit(w, KAFKA_NOT_COORDINATOR);
    group_table_free(&w->table);
    group_world_work(w);
    ck_assert_int_eq(w->under_way, 0);
    ck_assert_uint_eq(w->deadlines.count, 0);
    deadline_heap_free(&w->deadlines);
    buf_free(&w->log);
    metadata_image_destroy(w->image);
    broker_config_destroy(w->config);
}

/* ---- questions ----------------------------------------------------------- */

struct group *group_world_group(const struct group_world *w)
{
    return group_table_find(&w->table, WORLD_GROUP);
}

struct consumer_group *group_world_consumer(const struct group_world *w)
{
    struct group *g = group_world_group(w);
    return g == NULL ? NULL : g->consumer;
}

struct classic_group *group_world_classic(const struct group_world *w)
{
    struct group *g = group_world_group(w);
    return g == NULL ? NULL : g->classic;
}
