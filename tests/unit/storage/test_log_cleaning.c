/* Compaction of a log: what is dirty, what is left, what the files look like then, and
 * what happens to a cleaning when the log changes under it. */
#include <ctype.h>
#include <stdio.h>

#include "storage/log_path.h"
#include "storage/offset_map.h"
#include "storage/partition_log_internal.h"
#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

#define MEMORY (1 << 20)
#define DAY 86400000

static struct log_fixture f;

/* Each segment takes two batches of one record, or one of several. */
static void setup(void)
{
    log_fixture_init(&f);
    fake_disk_put(&f.disk, "data/anchor", "", 0);
    f.disk.disk.ops->sync_dir(&f.disk.disk, "data", NULL);
    f.config.segment_bytes = 150;
    f.config.index_interval_bytes = 10;
    log_fixture_open(&f, true);
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static void append(const char *keys, int number)
{
    log_fixture_must_append(&f, (struct fixture_batch){.keys = keys, .number = number});
}

/* One batch a key: "a b" is two batches. */
static void append_each(const char *keys, int number)
{
    for (const char *k = keys; *k != '\0'; k++) {
        char one[2] = {*k, '\0'};
        append(one, number);
    }
}

static void clean(void)
{
    int rc = log_fixture_clean(&f, MEMORY);
    ck_assert_msg(rc == 0, "%s", f.err.message);
}

static void show_batch(struct buf *out, const uint8_t *data,
                       const struct record_batch *batch)
{
    struct record_iter it;
    struct record r;
    ck_assert_int_eq(record_iter_open(&it, data, (size_t)batch->size, 1 << 20, &f.err),
                     0);
    if (batch->record_count == 0)
        buf_printf(out, "[%lld-%lld] ", (long long)batch->base_offset,
                   (long long)batch->last_offset);
    while (record_iter_next(&it, &r, &f.err) == 1) {
        if (batch->control)
            buf_printf(out, "%lld=%s ", (long long)r.offset,
                       record_control_type(&r) == CONTROL_ABORT ? "ABORT" : "COMMIT");
        else if (r.value.data == NULL)
            buf_printf(out, "%lld=%c! ", (long long)r.offset, r.key.data[0]);
        else
            buf_printf(out, "%lld=%.*s ", (long long)r.offset, r.value.len,
                       (const char *)r.value.data);
    }
    record_iter_close(&it);
}

/* The whole log in words: offset=value, a tombstone as offset=key!, an empty batch as
 * [first-last]. */
static const char *content(void)
{
    static char text[4096];
    struct buf all = BUF_INIT;
    struct buf out = BUF_INIT;
    struct record_batch batch;
    log_fixture_read_all(&f, partition_log_start_offset(f.log), INT64_MAX, &all);
    ck_assert_int_ge(partition_log_size_bytes(f.log), (int64_t)all.len);
    for (size_t at = 0; at < all.len; at += (size_t)batch.size) {
        ck_assert_int_eq(record_batch_read(all.data + at, all.len - at, &batch, &f.err),
                         0);
        show_batch(&out, all.data + at, &batch);
    }
    snprintf(text, sizeof(text), "%.*s", out.len > 0 ? (int)out.len - 1 : 0,
             (const char *)out.data);
    buf_free(&all);
    buf_free(&out);
    return text;
}

static void reopen(bool clean_stop)
{
    if (clean_stop)
        log_fixture_seal_and_close(&f);
    else
        log_fixture_close(&f);
    log_fixture_open(&f, clean_stop);
}

static int count_files(const char *suffix)
{
    int count = 0;
    for (int64_t base = 0; base < 200; base++)
        count += fake_disk_has(&f.disk, fixture_path(base, suffix));
    return count;
}

static struct cleanable dirtiness(void)
{
    struct cleanable c;
    ck_assert_int_eq(partition_log_cleanable(f.log, &c, &f.err), 0);
    return c;
}

/* ---- what is dirty ------------------------------------------------------- */

START_TEST(all_but_the_active_segment_is_dirty_at_first)
{
    setup();
    ck_assert(!cleanable_is_due(&(struct cleanable){0}, &f.config));
    struct cleanable c = dirtiness();
    ck_assert_int_eq(c.cleanable_bytes + c.clean_bytes, 0);
    append_each("abcde", 1);
    c = dirtiness();
    ck_assert_int_eq(c.first_dirty_offset, 0);
    ck_assert_int_eq(c.first_uncleanable_offset, 4);
    ck_assert_int_eq(c.clean_bytes, 0);
    ck_assert_int_eq(c.cleanable_bytes,
                     partition_log_size_bytes(f.log) - log_active(f.log)->size);
    ck_assert(c.ratio == 1 && !c.must_clean);
    ck_assert(cleanable_is_due(&c, &f.config));
    teardown();
}
END_TEST

START_TEST(what_was_cleaned_counts_as_clean)
{
    setup();
    append_each("abcdefg", 1);
    clean();
    append_each("a", 2);
    struct cleanable c = dirtiness();
    ck_assert_int_eq(c.first_dirty_offset, 6);
    ck_assert_int_eq(c.first_uncleanable_offset, 6);
    ck_assert_int_eq(c.cleanable_bytes, 0);
    ck_assert(!cleanable_is_due(&c, &f.config));
    append_each("a", 3);
    c = dirtiness();
    ck_assert_int_eq(c.first_uncleanable_offset, 8);
    ck_assert_int_eq(c.clean_bytes, 3 * c.cleanable_bytes);
    ck_assert(c.ratio == 0.25);
    ck_assert(!cleanable_is_due(&c, &f.config));
    f.config.min_cleanable_dirty_ratio = 0.2;
    ck_assert(cleanable_is_due(&c, &f.config));
    teardown();
}
END_TEST

START_TEST(nothing_at_or_above_the_last_stable_offset_is_cleanable)
{
    setup();
    append_each("abc", 1);
    log_fixture_must_append(
        &f,
        (struct fixture_batch){.keys = "d", .producer_id = 5, .transactional = true});
    append_each("efghij", 1);
    /* The transaction is open since offset 3, in the middle of a segment. */
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 2);
    log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 5,
                                                       .end_txn = true,
                                                       .origin = APPEND_COORDINATOR});
    ck_assert_int_eq(dirtiness().first_uncleanable_offset,
                     log_active(f.log)->base_offset);
    teardown();
}
END_TEST

START_TEST(nothing_at_or_above_the_high_watermark_is_cleanable)
{
    setup();
    for (int i = 0; i < 6; i++) {
        struct buf batch = fixture_build(&f, (struct fixture_batch){.keys = "a"});
        ck_assert_int_eq(partition_log_append(f.log, batch.data, (int32_t)batch.len, 0,
                                              APPEND_CLIENT, &f.result, &f.err),
                         0);
        buf_free(&batch);
    }
    ck_assert_int_eq(dirtiness().cleanable_bytes, 0);
    partition_log_set_high_watermark(f.log, 3);
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 2);
    teardown();
}
END_TEST

START_TEST(young_segments_wait_for_min_compaction_lag)
{
    setup();
    append_each("abc", 1);
    fake_clock_advance_ms(&f.clock, 1000);
    append_each("defg", 1);
    f.config.min_compaction_lag_ms = 500;
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 2);
    reopen(false);
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 2);
    fake_clock_advance_ms(&f.clock, 499);
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 2);
    fake_clock_advance_ms(&f.clock, 1);
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 6);
    teardown();
}
END_TEST

START_TEST(max_compaction_lag_makes_a_log_due_whatever_its_ratio)
{
    setup();
    append_each("abcdefgh", 1);
    clean();
    append_each("abc", 2);
    f.config.min_cleanable_dirty_ratio = 1;
    struct cleanable c = dirtiness();
    ck_assert(!c.must_clean && !cleanable_is_due(&c, &f.config));
    f.config.max_compaction_lag_ms = 1000;
    fake_clock_advance_ms(&f.clock, 1000);
    ck_assert(!dirtiness().must_clean);
    fake_clock_advance_ms(&f.clock, 1);
    reopen(true);
    c = dirtiness();
    ck_assert(c.must_clean && cleanable_is_due(&c, &f.config));
    clean();
    ck_assert(!dirtiness().must_clean);
    teardown();
}
END_TEST

START_TEST(a_checkpoint_outside_of_the_log_means_its_start)
{
    setup();
    append_each("abcd", 1);
    log_fixture_close(&f);
    f.first_dirty_offset = 17;
    log_fixture_open(&f, false);
    ck_assert_int_eq(dirtiness().first_dirty_offset, 0);
    ck_assert_int_eq(partition_log_delete_records(f.log, 3, &f.err), 0);
    ck_assert_int_eq(dirtiness().first_dirty_offset, 3);
    teardown();
}
END_TEST

/* ---- what is left -------------------------------------------------------- */

START_TEST(the_latest_of_each_key_stays_at_its_offset)
{
    setup();
    append_each("abcabdabx", 1);
    clean();
    ck_assert_str_eq(content(), "2=c1 5=d1 6=a1 7=b1 8=x1");
    ck_assert_int_eq(partition_log_end_offset(f.log), 9);
    ck_assert_int_eq(partition_log_first_dirty_offset(f.log), 8);
    reopen(true);
    ck_assert_str_eq(content(), "2=c1 5=d1 6=a1 7=b1 8=x1");
    reopen(false);
    ck_assert_str_eq(content(), "2=c1 5=d1 6=a1 7=b1 8=x1");
    ck_assert_int_eq(partition_log_end_offset(f.log), 9);
    teardown();
}
END_TEST

START_TEST(segments_are_merged_and_the_old_files_go_later)
{
    setup();
    append_each("abcabdabx", 1);
    ck_assert_int_eq(count_files(".log"), 5);
    ck_assert_int_eq(count_files(".snapshot"), 4);
    f.config.segment_bytes = 1000;
    clean();
    ck_assert_int_eq(count_files(".log"), 2);
    ck_assert_int_eq(count_files(".index"), 2);
    ck_assert_int_eq(count_files(".timeindex"), 2);
    ck_assert_int_eq(count_files(".snapshot"), 1); /* that of the active one */
    ck_assert_int_eq(count_files(".log.deleted"), 4);
    ck_assert_int_eq(count_files(".log.swap") + count_files(".log.cleaned"), 0);
    int64_t size = 0;
    for (int64_t base = 0; base < 10; base++) {
        int64_t one = fake_disk_size(&f.disk, fixture_path(base, ".log"));
        size += one < 0 ? 0 : one;
    }
    ck_assert_int_eq(partition_log_size_bytes(f.log), size);

    bool did;
    fake_clock_advance_ms(&f.clock, 60000);
    ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
    ck_assert(did);
    ck_assert_int_eq(count_files(".log.deleted") + count_files(".index.deleted") +
                         count_files(".timeindex.deleted") +
                         count_files(".snapshot.deleted"),
                     0);
    teardown();
}
END_TEST

START_TEST(segments_are_merged_up_to_segment_bytes)
{
    setup();
    append_each("abcdefgh", 1); /* nothing to be removed */
    append_each("x", 1);
    f.config.segment_bytes = 310;
    clean();
    ck_assert_int_eq(count_files(".log"), 3);
    ck_assert(fake_disk_has(&f.disk, fixture_path(4, ".log")));
    ck_assert_str_eq(content(), "0=a1 1=b1 2=c1 3=d1 4=e1 5=f1 6=g1 7=h1 8=x1");
    teardown();
}
END_TEST

START_TEST(every_offset_and_time_is_found_after_cleaning)
{
    setup();
    f.config.segment_bytes = 2000;
    for (int i = 0; i < 100; i++) {
        const char key[2] = {(char)('a' + i % 26), '\0'};
        log_fixture_must_append(
            &f, (struct fixture_batch){
                    .keys = key, .number = i, .timestamp = FIXTURE_NOW + i});
    }
    int64_t dirty_end = log_active(f.log)->base_offset;
    clean();
    for (int round = 0; round < 2; round++) {
        for (int64_t offset = 0; offset < 100; offset++) {
            struct log_slice slice;
            ck_assert_int_eq(
                partition_log_read(f.log, offset, INT64_MAX, 1, true, &slice, &f.err),
                0);
            uint8_t header[RECORD_BATCH_OVERHEAD];
            struct record_batch batch;
            f.disk.disk.ops->read(&f.disk.disk, slice.file->fd, header, sizeof(header),
                                  slice.position, NULL);
            log_file_release(slice.file);
            record_batch_read(header, sizeof(header), &batch, NULL);
            ck_assert_int_ge(batch.last_offset, offset);
            ck_assert(offset < dirty_end - 26 || batch.base_offset == offset ||
                      offset < dirty_end);
            /* The first one at or behind the time of that record. */
            struct timestamp_query q;
            ck_assert_int_eq(partition_log_query_begin(f.log, QUERY_FIRST_AT_OR_AFTER,
                                                       FIXTURE_NOW + batch.base_offset,
                                                       &q, &f.err),
                             0);
            ck_assert_int_eq(timestamp_query_run(&q, &f.err), 0);
            ck_assert(q.found);
            ck_assert_int_eq(q.found_offset, batch.base_offset);
            timestamp_query_end(&q);
        }
        reopen(round == 0);
    }
    teardown();
}
END_TEST

START_TEST(tombstones_go_once_their_horizon_is_over)
{
    setup();
    append_each("abAxx", 1);
    clean();
    ck_assert_str_eq(content(), "1=b1 2=a! 3=x1 4=x1");
    append_each("xxx", 2);
    fake_clock_advance_ms(&f.clock, DAY - 1);
    clean();
    ck_assert_str_eq(content(), "1=b1 2=a! 5=x2 6=x2 7=x2");
    append_each("xx", 3);
    fake_clock_advance_ms(&f.clock, 1);
    clean();
    ck_assert_str_eq(content(), "1=b1 7=x2 8=x3 9=x3");
    teardown();
}
END_TEST

START_TEST(a_log_larger_than_the_map_is_cleaned_in_passes)
{
    setup();
    append_each("abcdefabcdefabcdefx", 1);
    /* Three keys fit. */
    int64_t before = 0;
    int passes = 0;
    while (partition_log_first_dirty_offset(f.log) < 18) {
        ck_assert_int_eq(log_fixture_clean(&f, 4 * OFFSET_MAP_ENTRY), 0);
        ck_assert_int_gt(partition_log_first_dirty_offset(f.log), before);
        before = partition_log_first_dirty_offset(f.log);
        passes++;
    }
    ck_assert_int_eq(passes, 6);
    ck_assert_str_eq(content(), "12=a1 13=b1 14=c1 15=d1 16=e1 17=f1 18=x1");
    teardown();
}
END_TEST

/* Nothing else would tell a reader, or a follower, how far the log had come. */
START_TEST(the_batch_that_ends_the_cleaned_part_stays_empty)
{
    setup();
    append_each("abca", 1);
    log_fixture_must_append(
        &f,
        (struct fixture_batch){.keys = "x", .producer_id = 5, .transactional = true});
    log_fixture_must_append(&f, (struct fixture_batch){.keys = "y",
                                                       .producer_id = 5,
                                                       .transactional = true,
                                                       .base_sequence = 1});
    log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 5,
                                                       .end_txn = true,
                                                       .abort = true,
                                                       .origin = APPEND_COORDINATOR});
    log_fixture_must_append(
        &f, (struct fixture_batch){.keys = "z", .producer_id = 5, .base_sequence = 2});
    ck_assert_int_eq(dirtiness().first_uncleanable_offset, 6);
    clean();
    ck_assert_str_eq(content(), "1=b1 2=c1 3=a1 [5-5] 6=ABORT 7=z0");
    teardown();
}
END_TEST

START_TEST(aborted_records_go_and_readers_are_still_told)
{
    struct buf txns = BUF_INIT;
    setup();
    const struct fixture_batch data = {
        .keys = "a", .producer_id = 5, .transactional = true};
    const struct fixture_batch abort = {
        .producer_id = 5, .end_txn = true, .abort = true, .origin = APPEND_COORDINATOR};
    append_each("ab", 1);
    log_fixture_must_append(&f, data);
    append_each("c", 1);
    log_fixture_must_append(&f, abort);
    append_each("defg", 1);
    clean();
    /* The aborted a is no later record of its key. Its batch, the producer's newest,
     * stays emptied. */
    ck_assert_str_eq(content(), "0=a1 1=b1 [2-2] 3=c1 4=ABORT 5=d1 6=e1 7=f1 8=g1");
    for (int round = 0; round < 2; round++) {
        txns.len = 0;
        ck_assert_int_eq(partition_log_aborted_txns(f.log, 0, 9, &txns, &f.err), 0);
        ck_assert_int_eq(txns.len, sizeof(struct aborted_txn));
        const struct aborted_txn *txn = (const void *)txns.data;
        ck_assert_int_eq(txn->first_offset, 2);
        ck_assert_int_eq(txn->last_offset, 4);
        reopen(round == 0);
    }
    /* The producer goes on, so its empty batch goes; then the marker has nothing to
     * end, and a day to wait. */
    log_fixture_must_append(
        &f, (struct fixture_batch){.keys = "z", .producer_id = 5, .base_sequence = 1});
    append_each("yx", 1);
    clean();
    ck_assert_ptr_nonnull(strstr(content(), "1=b1 3=c1 4=ABORT 5=d1"));
    append_each("yx", 2);
    clean();
    ck_assert_ptr_nonnull(strstr(content(), "1=b1 3=c1 4=ABORT 5=d1"));
    txns.len = 0;
    ck_assert_int_eq(partition_log_aborted_txns(f.log, 0, 9, &txns, &f.err), 0);
    ck_assert_int_eq(txns.len, 0);
    fake_clock_advance_ms(&f.clock, DAY);
    append_each("vut", 1);
    clean();
    ck_assert_ptr_nonnull(strstr(content(), "1=b1 3=c1 5=d1"));
    buf_free(&txns);
    teardown();
}
END_TEST

/* The marker lies in a segment that cannot be cleaned, far above the data. */
START_TEST(an_abort_above_the_cleaned_part_counts)
{
    setup();
    append_each("ab", 1);
    log_fixture_must_append(
        &f,
        (struct fixture_batch){.keys = "a", .producer_id = 5, .transactional = true});
    append_each("cdef", 1);
    log_fixture_must_append(
        &f,
        (struct fixture_batch){.keys = "w", .producer_id = 6, .transactional = true});
    append_each("ghij", 1);
    log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 5,
                                                       .end_txn = true,
                                                       .abort = true,
                                                       .origin = APPEND_COORDINATOR});
    clean();
    ck_assert_int_eq(partition_log_first_dirty_offset(f.log), 6);
    ck_assert_ptr_nonnull(strstr(content(), "0=a1 1=b1 [2-2] 3=c1"));
    teardown();
}
END_TEST

START_TEST(a_clean_log_keeps_what_its_producers_are_known_by)
{
    setup();
    for (int i = 0; i < 4; i++)
        log_fixture_must_append(
            &f, (struct fixture_batch){
                    .keys = "a", .number = i, .producer_id = 7, .base_sequence = i});
    append_each("abc", 9);
    clean();
    ck_assert_str_eq(content(), "[3-3] 4=a9 5=b9 6=c9");
    reopen(false);
    /* The fifth of the producer follows the fourth, which holds no record any more;
     * and the fourth again is known for what it is. */
    log_fixture_must_append(
        &f, (struct fixture_batch){.keys = "a", .producer_id = 7, .base_sequence = 3});
    ck_assert(f.result.duplicate);
    ck_assert_int_eq(f.result.base_offset, 3);
    log_fixture_must_append(
        &f, (struct fixture_batch){.keys = "a", .producer_id = 7, .base_sequence = 4});
    ck_assert(!f.result.duplicate);
    teardown();
}
END_TEST

START_TEST(leader_epochs_stay)
{
    struct leader_epoch_entry latest;
    setup();
    for (int i = 0; i < 8; i++)
        log_fixture_must_append(
            &f,
            (struct fixture_batch){.keys = "a", .number = i, .leader_epoch = i / 3});
    clean();
    struct leader_epoch_cache *epochs = partition_log_leader_epochs(f.log);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(epochs, 2), 0);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(epochs, 3), 1);
    ck_assert(leader_epoch_cache_latest(epochs, &latest));
    ck_assert_int_eq(latest.start_offset, 6);
    teardown();
}
END_TEST

/* The later record was never flushed, the earlier one was: a power cut leaves one of
 * the two. */
START_TEST(a_record_goes_only_when_the_later_one_is_on_the_disk)
{
    for (int steps = 0; steps < 60; steps++) {
        setup();
        append_each("ab", 1);
        ck_assert_int_eq(log_fixture_flush(&f), 0);
        append_each("ab", 2);
        log_fixture_must_append(
            &f, (struct fixture_batch){
                    .keys = "a", .number = 3, .producer_id = 5, .transactional = true});
        append_each("xyzuv", 1);
        /* The commit lies in the active segment. */
        log_fixture_must_append(
            &f, (struct fixture_batch){
                    .producer_id = 5, .end_txn = true, .origin = APPEND_COORDINATOR});
        f.recovery_point = partition_log_recovery_point(f.log);
        struct log_cleaning *c = log_fixture_begin_cleaning(&f, MEMORY);
        enum cleaning_next next = CLEANING_RUN;
        for (int i = 0; i < steps && next != CLEANING_OVER; i++)
            next = log_fixture_step(&f, c);
        log_cleaning_end(c);
        bool third_counts = strstr(content(), "a2") == NULL;
        log_fixture_close(&f);
        fake_disk_crash(&f.disk);
        log_fixture_open(&f, false);
        const char *left = content();
        ck_assert_ptr_nonnull(strstr(left, "=b"));
        ck_assert_ptr_nonnull(strstr(left, "=a"));
        /* An open transaction is no later record: it may be aborted yet. */
        if (third_counts)
            ck_assert_ptr_nonnull(strstr(left, "COMMIT"));
        teardown();
    }
}
END_TEST

/* ---- what goes on meanwhile ---------------------------------------------- */

/* Steps until the cleaning wants the log alone, `times` times. */
static enum cleaning_next step_to(struct log_cleaning *c, int times)
{
    enum cleaning_next next = CLEANING_RUN;
    while (times > 0 && (next == CLEANING_RUN || next == CLEANING_RUN_ALONE)) {
        next = log_fixture_step(&f, c);
        times -= next == CLEANING_RUN_ALONE;
    }
    return next;
}

START_TEST(appends_and_reads_go_on_between_any_two_steps)
{
    setup();
    append_each("abcabdabxyz", 1);
    struct log_cleaning *c = log_fixture_begin_cleaning(&f, MEMORY);
    enum cleaning_next next;
    int appended = 0;
    do {
        ck_assert(partition_log_cleaning_holds(f.log, c));
        next = log_fixture_step(&f, c);
        append_each("a", 100 + appended++);
        const char *now = content();
        ck_assert_ptr_nonnull(strstr(now, "=c1"));
        ck_assert_ptr_nonnull(strstr(now, "=d1"));
        ck_assert_ptr_nonnull(strstr(now, "=z1"));
        ck_assert_int_eq(log_fixture_flush(&f), 0);
    } while (next == CLEANING_RUN || next == CLEANING_RUN_ALONE);
    ck_assert_int_eq(next, CLEANING_OVER);
    log_cleaning_end(c);
    ck_assert_int_eq(partition_log_end_offset(f.log), 11 + appended);
    ck_assert_int_eq(partition_log_first_dirty_offset(f.log), 10);
    ck_assert_ptr_eq(strstr(content(), "2=c1"), content());
    reopen(true);
    ck_assert_int_eq(partition_log_end_offset(f.log), 11 + appended);
    teardown();
}
END_TEST

START_TEST(a_reader_keeps_the_segment_that_is_replaced)
{
    struct log_slice slice;
    uint8_t header[RECORD_BATCH_OVERHEAD];
    struct record_batch batch;
    setup();
    append_each("aaaaa", 1);
    ck_assert_int_eq(
        partition_log_read(f.log, 0, INT64_MAX, 1000, true, &slice, &f.err), 0);
    clean();
    ck_assert_int_eq(f.disk.disk.ops->read(&f.disk.disk, slice.file->fd, header,
                                           sizeof(header), slice.position, NULL),
                     RECORD_BATCH_OVERHEAD);
    ck_assert_int_eq(record_batch_read(header, sizeof(header), &batch, NULL), 0);
    ck_assert_int_eq(batch.base_offset, 0);
    log_file_release(slice.file);
    teardown();
}
END_TEST

/* DeleteRecords takes what is below `before` away, in front of step `at`. */
static void clean_while_deleting(int at, int64_t before)
{
    struct log_cleaning *c = log_fixture_begin_cleaning(&f, MEMORY);
    enum cleaning_next next = CLEANING_RUN;
    bool did;
    for (int step = 0; next == CLEANING_RUN || next == CLEANING_RUN_ALONE; step++) {
        if (step == at)
            ck_assert_int_eq(partition_log_delete_records(f.log, before, &f.err), 0);
        next = log_fixture_step(&f, c);
        if (next == CLEANING_RUN) /* else it has the log alone */
            ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
    }
    if (next == CLEANING_FAILED) {
        ck_assert_int_eq(partition_log_start_offset(f.log), before);
        ck_assert_int_eq(f.err.code, ERR_CANCELED);
        ck_assert_int_eq(log_cleaning_abandon(c, &f.err), 0);
    }
    log_cleaning_end(c);
    ck_assert_ptr_null(partition_log_offline(f.log));
    ck_assert_int_eq(partition_log_delete_records(f.log, before, &f.err), 0);
}

static void check_what_is_left(int64_t before)
{
    static const char *const lefts[] = {"6=a1 7=b1 8=x1", "7=b1 8=x1", "8=x1", ""};
    const char *left = before <= 5 ? "=d1" : lefts[before - 6];
    ck_assert_int_eq(partition_log_start_offset(f.log), before);
    ck_assert_ptr_nonnull(strstr(content(), left));
    ck_assert_int_eq(partition_log_end_offset(f.log), 9);
    ck_assert_int_eq(count_files(".log.swap") + count_files(".log.cleaned"), 0);
}

static void check_deleting_meanwhile(int32_t segment_bytes)
{
    for (int at = 0; at < 40; at++) {
        for (int64_t before = 1; before <= 9; before++) {
            struct retention_outcome outcome;
            bool did;
            setup();
            append_each("abcabdabx", 1);
            f.config.segment_bytes = segment_bytes;
            clean_while_deleting(at, before);
            ck_assert_int_eq(log_fixture_retain(&f, &outcome), 0);
            ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
            check_what_is_left(before);
            f.log_start_offset = before;
            reopen(false);
            check_what_is_left(before);
            teardown();
        }
    }
}

START_TEST(records_deleted_meanwhile_stay_deleted)
{
    check_deleting_meanwhile(150);
}
END_TEST

START_TEST(records_deleted_while_segments_are_merged_stay_deleted)
{
    check_deleting_meanwhile(400);
}
END_TEST

START_TEST(a_truncation_ends_the_cleaning)
{
    setup();
    append_each("abcabdabx", 1);
    struct log_cleaning *c = log_fixture_begin_cleaning(&f, MEMORY);
    ck_assert_int_eq(step_to(c, 1), CLEANING_RUN_ALONE);
    ck_assert(log_cleaning_may_stop(c));
    ck_assert_int_eq(partition_log_truncate_to(f.log, 5, &f.err), 0);
    ck_assert(!partition_log_cleaning_holds(f.log, c));
    ck_assert_int_eq(log_cleaning_abandon(c, &f.err), 0);
    log_cleaning_end(c);
    ck_assert_str_eq(content(), "0=a1 1=b1 2=c1 3=a1 4=b1");
    ck_assert_int_eq(count_files(".log.cleaned") + count_files(".index.cleaned"), 0);
    teardown();
}
END_TEST

START_TEST(what_is_appended_after_a_truncation_is_dirty)
{
    setup();
    append_each("abcabdabx", 1);
    clean();
    ck_assert_int_eq(partition_log_first_dirty_offset(f.log), 8);
    ck_assert_int_eq(partition_log_truncate_to(f.log, 6, &f.err), 0);
    ck_assert_int_le(partition_log_first_dirty_offset(f.log), 6);
    append_each("dxyz", 2);
    clean();
    ck_assert_ptr_null(strstr(content(), "d1"));
    teardown();
}
END_TEST

START_TEST(a_cleaning_that_is_given_up_leaves_the_log_as_it_was)
{
    setup();
    append_each("abcabdabx", 1);
    for (int steps = 0;; steps++) {
        struct log_cleaning *c = log_fixture_begin_cleaning(&f, MEMORY);
        for (int i = 0; i < steps; i++)
            log_fixture_step(&f, c);
        bool may_stop = log_cleaning_may_stop(c);
        if (may_stop) {
            ck_assert_int_eq(log_cleaning_abandon(c, &f.err), 0);
            ck_assert_int_eq(count_files(".log.cleaned") +
                                 count_files(".index.cleaned") +
                                 count_files(".timeindex.cleaned"),
                             0);
            ck_assert_str_eq(content(), "0=a1 1=b1 2=c1 3=a1 4=b1 5=d1 6=a1 7=b1 8=x1");
        }
        log_cleaning_end(c);
        if (!may_stop)
            break;
    }
    teardown();
}
END_TEST

/* ---- each step may be the last ------------------------------------------- */

/* A log of several groups, on the disk for good, with a transaction to be forgotten. */
static void make_flushed(void)
{
    setup();
    append_each("abca", 1);
    log_fixture_must_append(
        &f,
        (struct fixture_batch){.keys = "b", .producer_id = 5, .transactional = true});
    log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 5,
                                                       .end_txn = true,
                                                       .abort = true,
                                                       .origin = APPEND_COORDINATOR});
    append_each("bdabxyz", 2);
    f.config.segment_bytes = 310;
    ck_assert_int_eq(log_fixture_flush(&f), 0);
    f.recovery_point = partition_log_recovery_point(f.log);
}

#define CLEANED "2=c1 [4-4] 5=ABORT 7=d2 8=a2 9=b2 10=x2 11=y2 12=z2"

/* Of each key the latest, where it was, whatever else is still there. */
static void check_latest(void)
{
    static const char *const latest[] = {"2=c1",  "7=d2",  "8=a2", "9=b2",
                                         "10=x2", "11=y2", "12=z2"};
    struct buf txns = BUF_INIT;
    const char *now = content();
    for (size_t i = 0; i < sizeof(latest) / sizeof(*latest); i++)
        ck_assert_msg(strstr(now, latest[i]) != NULL, "%s is not in %s", latest[i],
                      now);
    ck_assert_int_eq(partition_log_end_offset(f.log), 13);
    ck_assert_int_eq(partition_log_aborted_txns(f.log, 0, 13, &txns, &f.err), 0);
    ck_assert_uint_eq(txns.len, sizeof(struct aborted_txn));
    buf_free(&txns);
    ck_assert_int_eq(count_files(".log.cleaned") + count_files(".log.swap"), 0);
}

START_TEST(a_crash_at_each_call_leaves_the_latest_records)
{
    for (int power_cut = 0; power_cut < 2; power_cut++) {
        bool fired = true;
        unsigned calls = 0;
        for (unsigned nth = 1; fired; nth++) {
            make_flushed();
            fake_disk_fail_nth(&f.disk, nth);
            int rc = log_fixture_clean(&f, MEMORY);
            fired = fake_disk_fired(&f.disk);
            ck_assert_int_eq(rc == 0, !fired);
            log_fixture_close(&f);
            fake_disk_fail_nth(&f.disk, 0);
            if (power_cut)
                fake_disk_crash(&f.disk);
            log_fixture_open(&f, false);
            check_latest();
            clean();
            check_latest();
            ck_assert_str_eq(content(), CLEANED);
            teardown();
            calls = nth;
        }
        ck_assert_uint_gt(calls, 60);
    }
}
END_TEST

/* ---- what cannot be cleaned ---------------------------------------------- */

static void flip(int64_t base_offset, size_t at)
{
    size_t len;
    uint8_t *data = fake_disk_content(&f.disk, fixture_path(base_offset, ".log"), &len);
    ck_assert_uint_lt(at, len);
    data[at] ^= 1;
}

START_TEST(a_batch_whose_checksum_fails_is_not_written_anew)
{
    /* In the clean part, and in the dirty one. */
    for (int dirty = 0; dirty < 2; dirty++) {
        setup();
        append_each("abcabdabx", 1);
        clean();
        append_each("abcx", 2);
        flip(dirty ? 10 : 2, 66);
        int rc = log_fixture_clean(&f, MEMORY);
        ck_assert_int_eq(rc, ERR_CORRUPT_MESSAGE);
        ck_assert_ptr_nonnull(strstr(f.err.message, ".log: the batch at offset"));
        ck_assert_ptr_null(partition_log_offline(f.log));
        append_each("y", 1);
        teardown();
    }
}
END_TEST

START_TEST(bytes_that_are_no_batch_are_told_by_name)
{
    setup();
    append_each("abcabdabx", 1);
    flip(2, 16); /* the magic */
    ck_assert_int_lt(log_fixture_clean(&f, MEMORY), 0);
    ck_assert_ptr_nonnull(strstr(f.err.message, "00000000000000000002.log"));
    flip(2, 16);
    flip(2, 8); /* the length */
    ck_assert_int_lt(log_fixture_clean(&f, MEMORY), 0);
    ck_assert_ptr_nonnull(strstr(f.err.message, "00000000000000000002.log"));
    flip(2, 8);
    clean();
    teardown();
}
END_TEST

START_TEST(a_full_disk_leaves_the_log_as_it_was)
{
    int failed = 0;
    for (int64_t space = 0; space < 900; space += 9) {
        setup();
        append_each("abcabdabx", 1);
        fake_disk_limit_space(&f.disk, space);
        struct log_cleaning *c = log_fixture_begin_cleaning(&f, MEMORY);
        enum cleaning_next next;
        do {
            next = log_fixture_step(&f, c);
        } while (next == CLEANING_RUN || next == CLEANING_RUN_ALONE);
        ck_assert_ptr_null(partition_log_offline(f.log));
        if (next == CLEANING_FAILED) {
            failed++;
            ck_assert_int_eq(f.err.code, ERR_NO_SPACE);
            ck_assert_int_eq(log_cleaning_abandon(c, &f.err), 0);
        }
        log_cleaning_end(c);
        ck_assert_ptr_nonnull(strstr(content(), "2=c1"));
        fake_disk_limit_space(&f.disk, -1);
        clean(); /* space came back */
        ck_assert_str_eq(content(), "2=c1 5=d1 6=a1 7=b1 8=x1");
        teardown();
    }
    ck_assert_int_gt(failed, 5);
}
END_TEST

GREGOR_TESTS("log_cleaning", all_but_the_active_segment_is_dirty_at_first,
             what_was_cleaned_counts_as_clean,
             nothing_at_or_above_the_last_stable_offset_is_cleanable,
             nothing_at_or_above_the_high_watermark_is_cleanable,
             young_segments_wait_for_min_compaction_lag,
             max_compaction_lag_makes_a_log_due_whatever_its_ratio,
             a_checkpoint_outside_of_the_log_means_its_start,
             the_latest_of_each_key_stays_at_its_offset,
             segments_are_merged_and_the_old_files_go_later,
             segments_are_merged_up_to_segment_bytes,
             every_offset_and_time_is_found_after_cleaning,
             tombstones_go_once_their_horizon_is_over,
             a_log_larger_than_the_map_is_cleaned_in_passes,
             the_batch_that_ends_the_cleaned_part_stays_empty,
             aborted_records_go_and_readers_are_still_told,
             an_abort_above_the_cleaned_part_counts,
             a_clean_log_keeps_what_its_producers_are_known_by, leader_epochs_stay,
             a_record_goes_only_when_the_later_one_is_on_the_disk,
             appends_and_reads_go_on_between_any_two_steps,
             a_reader_keeps_the_segment_that_is_replaced,
             records_deleted_meanwhile_stay_deleted,
             records_deleted_while_segments_are_merged_stay_deleted,
             a_truncation_ends_the_cleaning,
             what_is_appended_after_a_truncation_is_dirty,
             a_cleaning_that_is_given_up_leaves_the_log_as_it_was,
             a_crash_at_each_call_leaves_the_latest_records,
             a_batch_whose_checksum_fails_is_not_written_anew,
             bytes_that_are_no_batch_are_told_by_name,
             a_full_disk_leaves_the_log_as_it_was)
