/* Random logs, compacted, crashed and opened again, against a model: ten thousand
 * steps. A failing run names its seed; SEED=n plays it again, and STEPS=n makes it
 * longer. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "storage/log_path.h"
#include "storage/offset_map.h"
#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

#define STEPS 10000
#define STEPS_A_LOG 120
#define RECORDS 4000
#define BATCHES 2000
#define RETENTION_MS 1000
#define IDEMPOTENT 3 /* producers 1 … 3; the transactional ones follow */
#define PRODUCERS 6

/* ---- randomness ---------------------------------------------------------- */

static uint64_t state;

static uint32_t drawn(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static bool chance(uint32_t percent)
{
    return drawn(100) < percent;
}

/* ---- the model ----------------------------------------------------------- */

struct model_record {
    char key; /* 0: a marker is there */
    bool tombstone;
    int number;
    int batch;
};

struct model_batch {
    int64_t base_offset;
    int64_t last_offset;
    int64_t producer_id; /* 0: none */
    int32_t last_sequence;
    bool transactional;
    bool marker;
    bool abort;
};

static struct log_fixture f;
static struct model_record records[RECORDS]; /* by offset */
static struct model_batch batches[BATCHES];
static int batch_count;
static int64_t flushed_end;
static int appended; /* numbers the values */

static int64_t model_end(void)
{
    return batch_count == 0 ? 0 : batches[batch_count - 1].last_offset + 1;
}

enum fate { PLAIN, OPEN, COMMITTED, ABORTED };

static enum fate fates[RECORDS];
static bool superseded[RECORDS]; /* by a later record of its key that counts */

/* From the end to the start, where the markers come before what they end. */
static void judge(void)
{
    enum fate of_producer[PRODUCERS + 1];
    bool later[128] = {false};
    for (int id = 0; id <= PRODUCERS; id++)
        of_producer[id] = OPEN;
    for (int64_t offset = model_end() - 1; offset >= 0; offset--) {
        const struct model_record *r = &records[offset];
        const struct model_batch *b = &batches[r->batch];
        if (b->marker)
            of_producer[b->producer_id] = b->abort ? ABORTED : COMMITTED;
        fates[offset] = b->transactional ? of_producer[b->producer_id] : PLAIN;
        superseded[offset] = later[(int)r->key];
        if (fates[offset] == PLAIN || fates[offset] == COMMITTED)
            later[(int)r->key] = true;
    }
}

static bool is_open(int64_t producer_id)
{
    for (int b = batch_count - 1; b >= 0; b--) {
        if (batches[b].producer_id == producer_id)
            return !batches[b].marker;
    }
    return false;
}

/* The newest batch of data; -1: none. */
static int newest_of(int64_t producer_id)
{
    for (int b = batch_count - 1; b >= 0; b--) {
        if (batches[b].producer_id == producer_id && !batches[b].marker)
            return b;
    }
    return -1;
}

struct sought {
    int64_t producer_id;
    int32_t last_sequence;
};

static void find_sequence(void *context, const struct producer_info *info)
{
    struct sought *s = context;
    if (info->producer_id == s->producer_id)
        s->last_sequence = info->last_sequence;
}

/* What the log expects: it may know nothing of a producer any more. */
static int32_t next_sequence(int64_t producer_id)
{
    struct sought s = {producer_id, NO_SEQUENCE};
    producer_state_each(partition_log_producers(f.log), find_sequence, &s);
    return s.last_sequence + 1;
}

/* Nobody may miss it: not aborted, and no later record of its key counts. */
static bool must_be_there(int64_t offset)
{
    if (fates[offset] == OPEN)
        return true;
    return fates[offset] != ABORTED && !records[offset].tombstone &&
           !superseded[offset];
}

/* ---- looking at the log -------------------------------------------------- */

static bool seen[RECORDS];
static bool visible[RECORDS]; /* to a reader of committed records */

static void take_record(const struct record *r, bool shown)
{
    ck_assert_int_lt(r->offset, model_end());
    const struct model_record *m = &records[r->offset];
    ck_assert_int_eq(r->key.len, 1);
    ck_assert_int_eq(r->key.data[0], m->key);
    ck_assert_int_eq(r->value.data == NULL, m->tombstone);
    if (!m->tombstone) {
        char value[32];
        int len = snprintf(value, sizeof(value), "%c%d", m->key, m->number);
        ck_assert_int_eq(r->value.len, len);
        ck_assert_mem_eq(r->value.data, value, (size_t)len);
    }
    ck_assert(!seen[r->offset]);
    seen[r->offset] = true;
    visible[r->offset] = shown;
}

/* What a client keeps while it reads (Kafka: Fetcher). */
struct client {
    const struct aborted_txn *txns;
    size_t count;
    bool taken[256];
    bool aborts[PRODUCERS + 1];
};

static void open_aborted(struct client *c, int64_t offset)
{
    ck_assert_uint_lt(c->count, sizeof(c->taken));
    for (size_t i = 0; i < c->count; i++) {
        if (!c->taken[i] && c->txns[i].first_offset <= offset) {
            c->taken[i] = true;
            c->aborts[c->txns[i].producer_id] = true;
        }
    }
}

static void take_batch(struct client *c, const uint8_t *data,
                       const struct record_batch *batch, int64_t stable)
{
    struct record_iter it;
    struct record r;
    bool shown = batch->base_offset < stable;
    if (batch->producer_id > 0) {
        open_aborted(c, batch->last_offset);
        if (batch->transactional && c->aborts[batch->producer_id])
            shown = false;
    }
    ck_assert_int_eq(record_iter_open(&it, data, (size_t)batch->size, 1 << 20, &f.err),
                     0);
    while (record_iter_next(&it, &r, &f.err) == 1) {
        if (!batch->control)
            take_record(&r, shown);
        else if (record_control_type(&r) == CONTROL_ABORT)
            c->aborts[batch->producer_id] = false;
    }
    record_iter_close(&it);
}

static void look(void)
{
    struct buf all = BUF_INIT;
    struct buf txns = BUF_INIT;
    struct record_batch batch;
    int64_t start = partition_log_start_offset(f.log);
    int64_t stable = partition_log_last_stable_offset(f.log);
    memset(seen, 0, sizeof(seen));
    memset(visible, 0, sizeof(visible));
    log_fixture_read_all(&f, start, INT64_MAX, &all);
    ck_assert_int_eq(partition_log_aborted_txns(f.log, start, stable, &txns, &f.err),
                     0);
    struct client client = {.txns = (const void *)txns.data,
                            .count = txns.len / sizeof(struct aborted_txn)};
    int64_t behind = -1;
    for (size_t at = 0; at < all.len; at += (size_t)batch.size) {
        ck_assert_int_eq(record_batch_read(all.data + at, all.len - at, &batch, &f.err),
                         0);
        ck_assert_int_gt(batch.base_offset, behind);
        behind = batch.last_offset;
        take_batch(&client, all.data + at, &batch, stable);
    }
    buf_free(&all);
    buf_free(&txns);
}

static void check_producer(void *context, const struct producer_info *info)
{
    bool *known = context;
    int b = newest_of(info->producer_id);
    known[info->producer_id] = true;
    ck_assert_int_ge(b, 0);
    ck_assert_int_eq(info->current_txn_first_offset >= 0,
                     info->producer_id > IDEMPOTENT && is_open(info->producer_id));
    if (info->last_sequence == NO_SEQUENCE) /* DeleteRecords left the marker alone */
        ck_assert_int_lt(batches[b].base_offset, partition_log_start_offset(f.log));
    else
        ck_assert_int_eq(info->last_sequence, batches[b].last_sequence);
}

/* Every producer is remembered by its newest batch, if that was not deleted. */
static void check_producers(void)
{
    bool known[PRODUCERS + 1] = {false};
    producer_state_each(partition_log_producers(f.log), check_producer, known);
    for (int64_t id = 1; id <= PRODUCERS; id++) {
        int b = newest_of(id);
        ck_assert(known[id] || b < 0 ||
                  batches[b].base_offset < partition_log_start_offset(f.log));
    }
}

static void check(void)
{
    ck_assert_int_eq(partition_log_end_offset(f.log), model_end());
    judge();
    look();
    int64_t stable = partition_log_last_stable_offset(f.log);
    for (int64_t offset = partition_log_start_offset(f.log); offset < model_end();
         offset++) {
        if (records[offset].key == 0)
            continue;
        enum fate fate = fates[offset];
        ck_assert_msg(seen[offset] || !must_be_there(offset),
                      "offset %" PRId64 " is lost", offset);
        ck_assert_msg(!visible[offset] || fate == PLAIN || fate == COMMITTED ||
                          (fate == OPEN && offset >= stable),
                      "offset %" PRId64 " was aborted", offset);
        ck_assert_msg(!seen[offset] || offset >= stable || visible[offset] ||
                          fate == ABORTED,
                      "offset %" PRId64 " is hidden", offset);
    }
    check_producers();
}

/* ---- steps --------------------------------------------------------------- */

static void note(const struct fixture_batch *what, int64_t base_offset)
{
    int count = what->end_txn ? 1 : (int)strlen(what->keys);
    ck_assert_int_lt(batch_count, BATCHES);
    ck_assert_int_lt(base_offset + count, RECORDS);
    batches[batch_count] =
        (struct model_batch){.base_offset = base_offset,
                             .last_offset = base_offset + count - 1,
                             .producer_id = what->producer_id,
                             .last_sequence = what->base_sequence + count - 1,
                             .transactional = what->transactional,
                             .marker = what->end_txn,
                             .abort = what->abort};
    for (int i = 0; i < count; i++) {
        char key = what->end_txn ? 0 : what->keys[i];
        records[base_offset + i] =
            (struct model_record){.key = (char)tolower(key),
                                  .tombstone = isupper((unsigned char)key),
                                  .number = what->number,
                                  .batch = batch_count};
    }
    batch_count++;
}

static void append(struct fixture_batch what)
{
    log_fixture_must_append(&f, what);
    ck_assert(!f.result.duplicate);
    note(&what, f.result.base_offset);
}

static void append_data(void)
{
    static char keys[8];
    int count = 1 + (int)drawn(4);
    for (int i = 0; i < count; i++) {
        keys[i] = (char)('a' + drawn(6));
        if (chance(15))
            keys[i] = (char)toupper(keys[i]);
    }
    keys[count] = '\0';
    struct fixture_batch what = {.keys = keys,
                                 .number = appended++,
                                 .codec = chance(30) ? (enum compression)drawn(5) : 0};
    if (chance(60)) {
        what.producer_id = 1 + drawn(PRODUCERS);
        what.base_sequence = next_sequence(what.producer_id);
        what.transactional = what.producer_id > IDEMPOTENT;
    }
    append(what);
}

static void end_transaction(void)
{
    int64_t producer_id = IDEMPOTENT + 1 + drawn(PRODUCERS - IDEMPOTENT);
    if (is_open(producer_id))
        append((struct fixture_batch){.producer_id = producer_id,
                                      .end_txn = true,
                                      .abort = chance(50),
                                      .origin = APPEND_COORDINATOR});
}

static void flush(void)
{
    ck_assert_int_eq(log_fixture_flush(&f), 0);
    flushed_end = model_end();
}

static int leftover(void *context, const struct disk_entry *entry)
{
    (void)context;
    return ends_with(entry->name, CLEANED_SUFFIX) ||
           ends_with(entry->name, SWAP_SUFFIX);
}

/* What a power cut does to records that were never flushed is another test's affair:
 * here it comes only when all of them were. */
static void restart(bool power_cut)
{
    f.recovery_point = chance(20) ? 0 : partition_log_recovery_point(f.log);
    f.log_start_offset = partition_log_start_offset(f.log);
    f.first_dirty_offset = partition_log_first_dirty_offset(f.log);
    fake_disk_fail_nth(&f.disk, 0);
    log_fixture_close(&f);
    if (power_cut && flushed_end == model_end())
        fake_disk_crash(&f.disk);
    log_fixture_open(&f, false);
    ck_assert_int_eq(
        f.disk.disk.ops->list(&f.disk.disk, FIXTURE_DIR, leftover, NULL, NULL), 0);
}

static void stop_and_start(void)
{
    log_fixture_seal_and_close(&f);
    flushed_end = model_end();
    log_fixture_open(&f, true);
}

/* A cleaning that may be given up, run into a failing disk, or a crash. */
static void clean(void)
{
    enum cleaning_next next = CLEANING_RUN;
    uint32_t steps = chance(60) ? 1000 : 1 + drawn(30);
    uint32_t how = drawn(4);
    bool quiet = chance(50);
    if (quiet)
        flush();
    struct log_cleaning *c = log_fixture_begin_cleaning(
        &f, (chance(50) ? 100 : 2 + drawn(6)) * OFFSET_MAP_ENTRY);
    if (chance(30))
        fake_disk_fail_nth(&f.disk, 1 + drawn(80));
    while (steps-- > 0 && (next == CLEANING_RUN || next == CLEANING_RUN_ALONE)) {
        next = log_fixture_step(&f, c);
        if (next == CLEANING_RUN && !quiet && f.disk.fail_at == 0 && chance(5))
            append_data();
    }
    bool over = next == CLEANING_OVER && partition_log_offline(f.log) == NULL;
    bool can_stop = next != CLEANING_OVER && log_cleaning_may_stop(c);
    if (!over && can_stop && how == 0) {
        fake_disk_fail_nth(&f.disk, 0);
        ck_assert_int_eq(log_cleaning_abandon(c, &f.err), 0);
        over = true;
    }
    log_cleaning_end(c);
    fake_disk_fail_nth(&f.disk, 0);
    if (!over)
        restart(how == 1);
}

static void delete_some(void)
{
    int64_t start = partition_log_start_offset(f.log);
    int64_t before = start + drawn(40);
    int64_t stable = partition_log_last_stable_offset(f.log);
    if (before < stable)
        ck_assert_int_eq(partition_log_delete_records(f.log, before, &f.err), 0);
}

static void step(void)
{
    uint32_t what = drawn(100);
    if (what < 60)
        append_data();
    else if (what < 70)
        end_transaction();
    else if (what < 75)
        flush();
    else if (what < 78)
        fake_clock_advance_ms(&f.clock, drawn(RETENTION_MS));
    else if (what < 79)
        delete_some();
    else if (what < 82)
        stop_and_start();
    else if (what < 85)
        restart(false);
    else if (what < 88)
        restart(true);
    else
        clean();
    if (what >= 78)
        check();
}

static void begin_log(void)
{
    log_fixture_init(&f);
    fake_disk_put(&f.disk, "data/anchor", "", 0);
    f.disk.disk.ops->sync_dir(&f.disk.disk, "data", NULL);
    f.config.segment_bytes = 400 + (int)drawn(400);
    f.config.index_interval_bytes = 10 + (int)drawn(300);
    f.config.segment_index_bytes = 80 + (int)drawn(200);
    f.config.delete_retention_ms = RETENTION_MS;
    log_fixture_open(&f, true);
    batch_count = 0;
    flushed_end = 0;
}

START_TEST(random_logs_agree_with_the_model)
{
    const char *seed = getenv("SEED");
    const char *steps = getenv("STEPS");
    state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    int left = steps != NULL ? atoi(steps) : STEPS;
    printf("SEED=%" PRIu64 "\n", state);
    fflush(stdout);
    while (left > 0) {
        begin_log();
        for (int i = 0; i < STEPS_A_LOG && left > 0; i++, left--)
            step();
        check();
        log_fixture_free(&f);
        ck_assert_int_eq(f.disk.open_descriptors, 0);
    }
}
END_TEST

GREGOR_TESTS("log_cleaning_random", random_logs_agree_with_the_model)
