#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

static struct log_fixture f;

static void setup(void)
{
    log_fixture_init(&f);
    log_fixture_open(&f, true);
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static void check_offsets(int64_t start, int64_t end)
{
    ck_assert_int_eq(partition_log_start_offset(f.log), start);
    ck_assert_int_eq(partition_log_end_offset(f.log), end);
}

START_TEST(new_log_is_empty_and_has_kafkas_files)
{
    setup();
    check_offsets(0, 0);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".log")), 0);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".index")), 0);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".timeindex")), 0);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".txnindex")));
    teardown();
}
END_TEST

START_TEST(append_gives_offsets_and_read_returns_the_bytes)
{
    setup();
    struct buf expected = BUF_INIT;
    struct buf got = BUF_INIT;
    for (int i = 0; i < 50; i++) {
        struct buf batch =
            fixture_build(&f, (struct fixture_batch){.records = 3, .value_size = i});
        ck_assert_int_eq(partition_log_append(f.log, batch.data, (int32_t)batch.len, 7,
                                              APPEND_CLIENT, &f.result, &f.err),
                         0);
        ck_assert_int_eq(f.result.base_offset, i * 3);
        ck_assert_int_eq(f.result.last_offset, i * 3 + 2);
        ck_assert_int_eq(f.result.timestamp, NO_TIMESTAMP);
        ck_assert(!f.result.duplicate && !f.result.flush_due);
        struct record_batch read;
        record_batch_read(batch.data, batch.len, &read, NULL);
        ck_assert_int_eq(read.base_offset, i * 3);
        ck_assert_int_eq(read.leader_epoch, 7);
        buf_append(&expected, batch.data, batch.len);
        buf_free(&batch);
    }
    check_offsets(0, 150);
    ck_assert_int_eq(log_fixture_read_all(&f, 0, INT64_MAX, &got), 150);
    ck_assert_uint_eq(got.len, expected.len);
    ck_assert_mem_eq(got.data, expected.data, got.len);
    ck_assert_int_eq(partition_log_size_bytes(f.log), (int64_t)expected.len);
    buf_free(&expected);
    buf_free(&got);
    teardown();
}
END_TEST

/* Every offset leads to the batch that holds it, in whatever segment and with
 * entries on disk, in memory, or neither. */
START_TEST(read_finds_the_batch_of_every_offset)
{
    setup();
    f.config.segment_bytes = 20000;
    f.config.index_interval_bytes = 300;
    for (int i = 0; i < 200; i++)
        log_fixture_must_append(
            &f, (struct fixture_batch){.records = 1 + i % 4, .value_size = i % 97});
    int64_t end = partition_log_end_offset(f.log);
    for (int64_t offset = 0; offset < end; offset++) {
        struct log_slice slice;
        struct record_batch batch;
        uint8_t head[RECORD_BATCH_OVERHEAD];
        ck_assert_int_eq(
            partition_log_read(f.log, offset, end, 1, true, &slice, &f.err), 0);
        ck_assert_ptr_nonnull(slice.file);
        f.disk.disk.ops->read(&f.disk.disk, slice.file->fd, head, sizeof(head),
                              slice.position, NULL);
        ck_assert_int_eq(record_batch_read(head, sizeof(head), &batch, NULL), 0);
        ck_assert(batch.base_offset <= offset && offset <= batch.last_offset);
        ck_assert_int_eq(slice.size, batch.size);
        log_file_release(slice.file);
    }
    teardown();
}
END_TEST

START_TEST(read_keeps_to_its_bounds)
{
    setup();
    struct log_slice slice;
    for (int i = 0; i < 10; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 100});
    int64_t batch = partition_log_size_bytes(f.log) / 10;
    /* An upper offset below the end. */
    ck_assert_int_eq(partition_log_read(f.log, 2, 5, 1 << 20, true, &slice, &f.err), 0);
    ck_assert_int_eq(slice.position, 2 * batch);
    ck_assert_int_eq(slice.size, 3 * batch);
    log_file_release(slice.file);
    /* Just below the newest batch, which is known without a look. */
    ck_assert_int_eq(partition_log_read(f.log, 2, 9, 1 << 20, true, &slice, &f.err), 0);
    ck_assert_int_eq(slice.size, 7 * batch);
    log_file_release(slice.file);
    /* max_bytes cuts the last batch short, but the first may come whole. */
    ck_assert_int_eq(partition_log_read(f.log, 0, 10, 250, true, &slice, &f.err), 0);
    ck_assert_int_eq(slice.size, 250);
    log_file_release(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 0, 10, 10, true, &slice, &f.err), 0);
    ck_assert_int_eq(slice.size, batch);
    log_file_release(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 0, 10, 10, false, &slice, &f.err), 0);
    ck_assert_ptr_null(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 0, 10, 0, false, &slice, &f.err), 0);
    ck_assert_ptr_null(slice.file);
    /* At the ends. */
    ck_assert_int_eq(partition_log_read(f.log, 10, 10, 10, true, &slice, &f.err), 0);
    ck_assert_ptr_null(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 5, 5, 10, true, &slice, &f.err), 0);
    ck_assert_ptr_null(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 11, 10, 10, true, &slice, &f.err),
                     ERR_OFFSET_OUT_OF_RANGE);
    ck_assert_int_eq(partition_log_read(f.log, -1, 10, 10, true, &slice, &f.err),
                     ERR_OFFSET_OUT_OF_RANGE);
    teardown();
}
END_TEST

START_TEST(read_leaves_out_a_batch_that_reaches_the_upper_offset)
{
    setup();
    struct log_slice slice;
    for (int i = 0; i < 3; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.records = 10});
    int64_t batch = partition_log_size_bytes(f.log) / 3;
    ck_assert_int_eq(partition_log_read(f.log, 0, 15, 1 << 20, true, &slice, &f.err),
                     0);
    ck_assert_int_eq(slice.size, batch);
    log_file_release(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 12, 15, 1 << 20, true, &slice, &f.err),
                     0);
    ck_assert_ptr_null(slice.file);
    teardown();
}
END_TEST

START_TEST(limits_are_kafkas)
{
    setup();
    f.config.max_message_bytes = 500;
    ck_assert_int_eq(log_fixture_append(&f, (struct fixture_batch){.value_size = 500}),
                     ERR_MESSAGE_TOO_LARGE);
    ck_assert_int_eq(
        log_fixture_append(&f, (struct fixture_batch){.value_size = 500,
                                                      .origin = APPEND_REPLICATION}),
        0);
    f.config.max_message_bytes = 5000;
    f.config.segment_bytes = 1000;
    ck_assert_int_eq(log_fixture_append(&f, (struct fixture_batch){.value_size = 1000}),
                     ERR_RECORD_LIST_TOO_LARGE);
    ck_assert_int_eq(log_fixture_append(&f,
                                        (struct fixture_batch){
                                            .value_size = 1000,
                                            .origin = APPEND_CONTROLLER,
                                        }),
                     0);
    check_offsets(0, 2);
    ck_assert_ptr_null(partition_log_offline(f.log));
    teardown();
}
END_TEST

START_TEST(rolls_by_size_and_leaves_a_snapshot)
{
    setup();
    f.config.segment_bytes = 1000;
    for (int i = 0; i < 10; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 330});
    /* Two of about 400 bytes fit. */
    for (int base = 0; base < 10; base += 2)
        ck_assert(fake_disk_has(&f.disk, fixture_path(base, ".log")));
    ck_assert(!fake_disk_has(&f.disk, fixture_path(1, ".log")));
    ck_assert(fake_disk_has(&f.disk, fixture_path(2, ".snapshot")));
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".snapshot")));
    /* The largest timestamp ends a closed segment's time index. */
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".timeindex")), 12);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(8, ".timeindex")), 0);
    teardown();
}
END_TEST

START_TEST(rolls_by_the_timestamps_of_batches)
{
    setup();
    f.config.segment_ms = 1000;
    log_fixture_must_append(&f, (struct fixture_batch){.timestamp = 5000});
    fake_clock_advance_ms(&f.clock, 1000000); /* says nothing: records do */
    log_fixture_must_append(&f, (struct fixture_batch){.timestamp = 6000});
    ck_assert(!fake_disk_has(&f.disk, fixture_path(1, ".log")));
    log_fixture_must_append(&f, (struct fixture_batch){.timestamp = 6001});
    ck_assert(fake_disk_has(&f.disk, fixture_path(2, ".log")));
    teardown();
}
END_TEST

/* A segment draws anything from 0 to segment.jitter.ms, not included, and rolls that
 * much sooner; the jitter is never longer than segment.ms. */
START_TEST(rolls_sooner_by_its_jitter)
{
    static const int64_t jitters[] = {0, 1, 400, 1000, 5000};
    for (int i = 0; i < 5; i++) {
        for (int drawn = 0; drawn < 256; drawn += 51) {
            log_fixture_init(&f);
            f.random.drawn = (uint8_t)drawn;
            f.config.segment_ms = 1000;
            f.config.segment_jitter_ms = jitters[i];
            log_fixture_open(&f, true);
            int64_t most = jitters[i] < 1000 ? jitters[i] : 1000;
            int64_t sooner = most == 0 ? 0 : (drawn * 0x01010101LL & INT32_MAX) % most;
            int64_t last = 5000 + 1000 - sooner;
            log_fixture_must_append(&f, (struct fixture_batch){.timestamp = 5000});
            log_fixture_must_append(&f, (struct fixture_batch){.timestamp = last});
            ck_assert(!fake_disk_has(&f.disk, fixture_path(1, ".log")));
            log_fixture_must_append(&f, (struct fixture_batch){.timestamp = last + 1});
            ck_assert(fake_disk_has(&f.disk, fixture_path(2, ".log")));
            teardown();
        }
    }
}
END_TEST

START_TEST(rolls_an_idle_log_when_its_time_is_over)
{
    setup();
    f.config.segment_ms = 1000;
    ck_assert_int_eq(partition_log_roll_if_due(f.log, &f.err), 0);
    log_fixture_must_append(&f, (struct fixture_batch){0});
    fake_clock_advance_ms(&f.clock, 1000);
    ck_assert_int_eq(partition_log_roll_if_due(f.log, &f.err), 0);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(1, ".log")));
    fake_clock_advance_ms(&f.clock, 1);
    ck_assert_int_eq(partition_log_roll_if_due(f.log, &f.err), 0);
    ck_assert(fake_disk_has(&f.disk, fixture_path(1, ".log")));
    fake_clock_advance_ms(&f.clock, 5000); /* empty: never */
    ck_assert_int_eq(partition_log_roll_if_due(f.log, &f.err), 0);
    check_offsets(0, 1);
    teardown();
}
END_TEST

START_TEST(rolls_when_an_index_is_full)
{
    setup();
    f.config.index_interval_bytes = 0;
    f.config.segment_index_bytes = 12 * 4; /* 6 offsets, 4 times less one */
    for (int i = 1; i <= 6; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.timestamp = i});
    /* The first batch has no entry; those of the next three fill the times. */
    ck_assert(fake_disk_has(&f.disk, fixture_path(4, ".log")));
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".index")), 3 * 8);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".timeindex")), 3 * 12);
    teardown();
}
END_TEST

START_TEST(rolls_when_relative_offsets_run_out)
{
    setup();
    struct fixture_batch copy = {.origin = APPEND_REPLICATION};
    log_fixture_must_append(&f, copy);
    copy.base_offset = INT32_MAX;
    log_fixture_must_append(&f, copy);
    copy.base_offset = (int64_t)INT32_MAX + 1;
    log_fixture_must_append(&f, copy);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(INT32_MAX, ".log")));
    ck_assert(fake_disk_has(&f.disk, fixture_path((int64_t)INT32_MAX + 1, ".log")));
    copy.base_offset = 10; /* behind the end */
    ck_assert_int_eq(log_fixture_append(&f, copy), ERR_OFFSET_OUT_OF_RANGE);
    struct buf got = BUF_INIT;
    ck_assert_int_eq(log_fixture_read_all(&f, 0, INT64_MAX, &got),
                     (int64_t)INT32_MAX + 2);
    buf_free(&got);
    teardown();
}
END_TEST

START_TEST(log_append_time_is_answered)
{
    setup();
    struct buf batch = fixture_build(&f, (struct fixture_batch){0});
    record_batch_set_append_time(batch.data, 4711);
    ck_assert_int_eq(partition_log_append(f.log, batch.data, (int32_t)batch.len, 0,
                                          APPEND_CLIENT, &f.result, &f.err),
                     0);
    ck_assert_int_eq(f.result.timestamp, 4711);
    buf_free(&batch);
    teardown();
}
END_TEST

START_TEST(sequences_are_checked_and_duplicates_answered)
{
    setup();
    struct fixture_batch b = {.producer_id = 9, .records = 2};
    log_fixture_must_append(&f, b);
    b.base_sequence = 2;
    log_fixture_must_append(&f, b);
    log_fixture_must_append(&f, b);
    ck_assert(f.result.duplicate);
    ck_assert_int_eq(f.result.base_offset, 2);
    ck_assert_int_eq(f.result.last_offset, 3);
    b.base_sequence = 17;
    ck_assert_int_eq(log_fixture_append(&f, b), ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    check_offsets(0, 4);
    /* What replication brings was checked by the leader. */
    b.origin = APPEND_REPLICATION;
    b.base_offset = 4;
    log_fixture_must_append(&f, b);
    teardown();
}
END_TEST

static struct aborted_txn only_aborted(int64_t from, int64_t to)
{
    struct buf out = BUF_INIT;
    struct aborted_txn txn = {0};
    ck_assert_int_eq(partition_log_aborted_txns(f.log, from, to, &out, &f.err), 0);
    ck_assert_uint_le(out.len, sizeof(txn));
    if (out.len > 0)
        memcpy(&txn, out.data, sizeof(txn));
    buf_free(&out);
    return txn;
}

START_TEST(transactions_hold_back_the_last_stable_offset)
{
    setup();
    struct fixture_batch b = {.producer_id = 9, .transactional = true, .records = 2};
    struct fixture_batch end = {
        .producer_id = 9, .end_txn = true, .abort = true, .origin = APPEND_COORDINATOR};
    log_fixture_must_append(&f, (struct fixture_batch){0});
    log_fixture_must_append(&f, b);
    log_fixture_must_append(&f, (struct fixture_batch){0});
    ck_assert_int_eq(partition_log_last_stable_offset(f.log), 1);
    ck_assert_int_eq(partition_log_high_watermark(f.log), 4);
    log_fixture_must_append(&f, end);
    ck_assert_int_eq(partition_log_last_stable_offset(f.log), 5);
    struct aborted_txn txn = only_aborted(0, 5);
    ck_assert_int_eq(txn.producer_id, 9);
    ck_assert_int_eq(txn.first_offset, 1);
    ck_assert_int_eq(txn.last_offset, 4);
    ck_assert_int_eq(only_aborted(0, 1).producer_id, 0);
    ck_assert_int_eq(only_aborted(5, 9).producer_id, 0);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".txnindex")), 34);
    teardown();
}
END_TEST

static bool ask(enum timestamp_query_kind kind, int64_t timestamp,
                struct timestamp_query *q)
{
    ck_assert_int_eq(partition_log_query_begin(f.log, kind, timestamp, q, &f.err), 0);
    ck_assert_msg(timestamp_query_run(q, &f.err) == 0, "%s", f.err.message);
    timestamp_query_end(q);
    return q->found;
}

START_TEST(timestamp_queries_find_the_first_and_the_largest)
{
    setup();
    static const int64_t timestamps[] = {100, 300, 200, 250, 400, 50, 400, 390};
    struct timestamp_query q;
    f.config.segment_bytes = 250; /* three to four batches each */
    f.config.index_interval_bytes = 0;
    ck_assert(!ask(QUERY_MAX_TIMESTAMP, 0, &q));
    ck_assert(!ask(QUERY_FIRST_AT_OR_AFTER, 0, &q));
    for (int i = 0; i < 8; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.timestamp = timestamps[i],
                                                           .leader_epoch = i / 4});
    for (int64_t t = 0; t <= 401; t++) {
        int first = 0;
        while (first < 8 && timestamps[first] < t)
            first++;
        ck_assert_int_eq(ask(QUERY_FIRST_AT_OR_AFTER, t, &q), first < 8);
        if (first == 8)
            continue;
        ck_assert_int_eq(q.found_offset, first);
        ck_assert_int_eq(q.found_timestamp, timestamps[first]);
        ck_assert_int_eq(q.found_leader_epoch, first / 4);
    }
    ck_assert(ask(QUERY_MAX_TIMESTAMP, 0, &q));
    ck_assert_int_eq(q.found_offset, 4);
    ck_assert_int_eq(q.found_timestamp, 400);
    teardown();
}
END_TEST

START_TEST(timestamp_query_looks_past_deleted_records)
{
    setup();
    struct timestamp_query q;
    f.config.segment_bytes = 250;
    for (int i = 0; i < 8; i++)
        log_fixture_must_append(&f,
                                (struct fixture_batch){.timestamp = i == 0 ? 900 : i});
    log_fixture_must_append(&f, (struct fixture_batch){.timestamp = 950});
    ck_assert(ask(QUERY_FIRST_AT_OR_AFTER, 800, &q));
    ck_assert_int_eq(q.found_offset, 0);
    ck_assert_int_eq(partition_log_delete_records(f.log, 1, &f.err), 0);
    ck_assert(ask(QUERY_FIRST_AT_OR_AFTER, 800, &q));
    ck_assert_int_eq(q.found_offset, 8);
    teardown();
}
END_TEST

START_TEST(deleted_records_are_gone_and_their_files_later)
{
    setup();
    struct log_slice slice;
    bool did;
    f.config.segment_bytes = 250;
    for (int i = 0; i < 9; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.leader_epoch = i});
    int64_t size = partition_log_size_bytes(f.log);
    ck_assert_int_eq(partition_log_delete_records(f.log, 10, &f.err),
                     ERR_OFFSET_OUT_OF_RANGE);
    /* A reader that is still at it keeps what it reads. */
    ck_assert_int_eq(partition_log_read(f.log, 0, 9, 100, true, &slice, &f.err), 0);
    ck_assert_int_eq(partition_log_delete_records(f.log, 5, &f.err), 0);
    check_offsets(5, 9);
    uint8_t byte;
    ck_assert_int_eq(
        f.disk.disk.ops->read(&f.disk.disk, slice.file->fd, &byte, 1, 0, NULL), 1);
    log_file_release(slice.file);
    ck_assert_int_eq(partition_log_read(f.log, 4, 9, 100, true, &slice, &f.err),
                     ERR_OFFSET_OUT_OF_RANGE);
    ck_assert(partition_log_size_bytes(f.log) < size);
    ck_assert(fake_disk_has(&f.disk, fixture_path(0, ".log")));
    ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".log")));
    ck_assert(fake_disk_has(&f.disk, fixture_path(0, ".log.deleted")));
    ck_assert(fake_disk_has(&f.disk, fixture_path(3, ".snapshot")));

    ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
    ck_assert(!did);
    fake_clock_advance_ms(&f.clock, 60000);
    ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
    ck_assert(did);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".log.deleted")));
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".index.deleted")));

    log_fixture_seal_and_close(&f);
    log_fixture_open(&f, true);
    check_offsets(5, 9);
    teardown();
}
END_TEST

START_TEST(truncation_drops_the_end_and_what_follows_from_it)
{
    for (int64_t to = 0; to <= 10; to++) {
        setup();
        struct buf got = BUF_INIT;
        struct leader_epoch_entry latest;
        f.config.segment_bytes = 300;
        f.config.index_interval_bytes = 0;
        for (int i = 0; i < 10; i++)
            log_fixture_must_append(&f, (struct fixture_batch){.leader_epoch = i,
                                                               .timestamp = i + 1,
                                                               .producer_id = 9,
                                                               .base_sequence = i});
        log_fixture_flush(&f);
        ck_assert_int_eq(partition_log_truncate_to(f.log, to, &f.err), 0);
        check_offsets(0, to);
        ck_assert_int_eq(partition_log_high_watermark(f.log), to);
        ck_assert_int_eq(partition_log_recovery_point(f.log), to);
        ck_assert_int_eq(log_fixture_read_all(&f, 0, INT64_MAX, &got), to);
        ck_assert_int_eq(partition_log_size_bytes(f.log), (int64_t)got.len);
        bool any =
            leader_epoch_cache_latest(partition_log_leader_epochs(f.log), &latest);
        ck_assert_int_eq(any, to > 0);
        if (any)
            ck_assert_int_eq(latest.leader_epoch, to - 1);
        struct timestamp_query q;
        ck_assert_int_eq(ask(QUERY_MAX_TIMESTAMP, 0, &q), to > 0);
        if (to > 0)
            ck_assert_int_eq(q.found_timestamp, to);
        /* The producer goes on where it was then. */
        log_fixture_must_append(
            &f, (struct fixture_batch){.producer_id = 9, .base_sequence = (int32_t)to});
        ck_assert(!f.result.duplicate);
        check_offsets(0, to + 1);
        log_fixture_seal_and_close(&f);
        log_fixture_open(&f, true);
        check_offsets(0, to + 1);
        buf_free(&got);
        teardown();
    }
}
END_TEST

START_TEST(truncation_below_the_log_starts_anew_there)
{
    setup();
    f.config.segment_bytes = 250;
    for (int i = 0; i < 9; i++)
        log_fixture_must_append(&f, (struct fixture_batch){0});
    ck_assert_int_eq(partition_log_delete_records(f.log, 7, &f.err), 0);
    ck_assert_int_eq(partition_log_truncate_to(f.log, 2, &f.err), 0);
    check_offsets(2, 2);
    log_fixture_must_append(&f, (struct fixture_batch){0});
    ck_assert_int_eq(f.result.base_offset, 2);
    teardown();
}
END_TEST

START_TEST(flush_moves_the_recovery_point_and_is_due_by_count_and_time)
{
    setup();
    struct log_flush *flush;
    f.config.flush_messages = 3;
    f.config.flush_ms = 1000;
    log_fixture_flush(&f);
    ck_assert(!partition_log_flush_overdue(f.log));
    log_fixture_must_append(&f, (struct fixture_batch){.records = 2});
    ck_assert(!f.result.flush_due);
    log_fixture_must_append(&f, (struct fixture_batch){0});
    ck_assert(f.result.flush_due);
    fake_clock_advance_ms(&f.clock, 999);
    ck_assert(!partition_log_flush_overdue(f.log));
    fake_clock_advance_ms(&f.clock, 1);
    ck_assert(partition_log_flush_overdue(f.log));

    ck_assert_int_eq(partition_log_flush_begin(f.log, &flush, &f.err), 0);
    log_fixture_must_append(&f, (struct fixture_batch){0}); /* while it runs */
    ck_assert_int_eq(log_flush_run(flush, &f.err), 0);
    ck_assert_int_eq(partition_log_recovery_point(f.log), 0);
    partition_log_flush_end(f.log, flush, 0, &f.err);
    ck_assert_int_eq(partition_log_recovery_point(f.log), 3);
    ck_assert_int_eq(log_fixture_flush(&f), 0);
    ck_assert_int_eq(partition_log_recovery_point(f.log), 4);
    ck_assert_int_eq(partition_log_flush_begin(f.log, &flush, &f.err), 0);
    ck_assert_ptr_null(flush);
    ck_assert(!partition_log_flush_overdue(f.log));
    teardown();
}
END_TEST

START_TEST(flush_of_a_steady_log_is_one_sync)
{
    setup();
    log_fixture_must_append(&f, (struct fixture_batch){0});
    log_fixture_flush(&f);
    unsigned before = f.disk.syncs;
    log_fixture_must_append(&f, (struct fixture_batch){0});
    log_fixture_flush(&f);
    ck_assert_uint_eq(f.disk.syncs - before, 1);
    teardown();
}
END_TEST

START_TEST(append_is_one_write_and_a_tail_read_reads_nothing)
{
    setup();
    struct log_slice slice;
    log_fixture_must_append(&f, (struct fixture_batch){0});
    unsigned writes = f.disk.writes;
    unsigned opens = f.disk.opens;
    unsigned reads = f.disk.reads;
    for (int i = 1; i < 100; i++) {
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 900});
        ck_assert_int_eq(
            partition_log_read(f.log, i, i + 1, 1 << 20, true, &slice, &f.err), 0);
        ck_assert_ptr_nonnull(slice.file);
        log_file_release(slice.file);
    }
    ck_assert_uint_eq(f.disk.writes - writes, 99);
    ck_assert_uint_eq(f.disk.opens - opens, 0);
    ck_assert_uint_eq(f.disk.reads - reads, 0);
    teardown();
}
END_TEST

START_TEST(idle_log_keeps_one_descriptor)
{
    setup();
    f.config.segment_bytes = 1000;
    for (int i = 0; i < 30; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 200});
    struct buf got = BUF_INIT;
    log_fixture_read_all(&f, 0, INT64_MAX, &got);
    log_fixture_flush(&f);
    ck_assert_int_eq(partition_log_roll_if_due(f.log, &f.err), 0);
    ck_assert_int_eq(f.disk.open_descriptors, 1);
    buf_free(&got);
    teardown();
}
END_TEST

START_TEST(clean_open_scans_nothing_and_goes_on)
{
    setup();
    for (int i = 0; i < 300; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 1000,
                                                           .producer_id = 9,
                                                           .base_sequence = i});
    log_fixture_seal_and_close(&f);
    ck_assert_int_eq(f.recovery_point, 300);
    fake_disk_fail_nth(&f.disk, 0);
    unsigned reads = f.disk.reads;
    log_fixture_open(&f, true);
    ck_assert_uint_le(f.disk.reads - reads, 12);
    ck_assert_int_eq(f.recovery.segments_recovered, 0);
    ck_assert_int_eq(f.disk.open_descriptors, 1);
    check_offsets(0, 300);
    ck_assert_int_eq(partition_log_recovery_point(f.log), 300);
    log_fixture_must_append(
        &f, (struct fixture_batch){.producer_id = 9, .base_sequence = 300});
    ck_assert(!f.result.duplicate);
    log_fixture_must_append(
        &f, (struct fixture_batch){.producer_id = 9, .base_sequence = 299});
    ck_assert(f.result.duplicate);
    teardown();
}
END_TEST

START_TEST(full_index_tails_are_written_through_a_passing_descriptor)
{
    setup();
    f.config.index_interval_bytes = 0;
    for (int i = 0; i < 600; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.timestamp = i + 1});
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".index")), 4096);
    ck_assert_int_eq(f.disk.open_descriptors, 1);
    teardown();
}
END_TEST

START_TEST(sealing_again_writes_nothing)
{
    setup();
    log_fixture_must_append(&f, (struct fixture_batch){0});
    log_fixture_seal_and_close(&f);
    unsigned writes = f.disk.writes;
    unsigned syncs = f.disk.syncs;
    log_fixture_open(&f, true);
    ck_assert_int_eq(partition_log_seal(f.log, &f.err), 0);
    ck_assert_uint_eq(f.disk.writes, writes);
    ck_assert_uint_eq(f.disk.syncs, syncs);
    log_fixture_must_append(&f, (struct fixture_batch){0});
    ck_assert_int_eq(partition_log_seal(f.log, &f.err), 0);
    ck_assert_uint_gt(f.disk.syncs, syncs);
    ck_assert(fake_disk_has(&f.disk, fixture_path(2, ".snapshot")));
    teardown();
}
END_TEST

GREGOR_TESTS("partition_log", new_log_is_empty_and_has_kafkas_files,
             append_gives_offsets_and_read_returns_the_bytes,
             read_finds_the_batch_of_every_offset, read_keeps_to_its_bounds,
             read_leaves_out_a_batch_that_reaches_the_upper_offset, limits_are_kafkas,
             rolls_by_size_and_leaves_a_snapshot, rolls_by_the_timestamps_of_batches,
             rolls_sooner_by_its_jitter, rolls_an_idle_log_when_its_time_is_over,
             rolls_when_an_index_is_full, rolls_when_relative_offsets_run_out,
             log_append_time_is_answered, sequences_are_checked_and_duplicates_answered,
             transactions_hold_back_the_last_stable_offset,
             timestamp_queries_find_the_first_and_the_largest,
             timestamp_query_looks_past_deleted_records,
             deleted_records_are_gone_and_their_files_later,
             truncation_drops_the_end_and_what_follows_from_it,
             truncation_below_the_log_starts_anew_there,
             flush_moves_the_recovery_point_and_is_due_by_count_and_time,
             flush_of_a_steady_log_is_one_sync,
             append_is_one_write_and_a_tail_read_reads_nothing,
             idle_log_keeps_one_descriptor, clean_open_scans_nothing_and_goes_on,
             sealing_again_writes_nothing,
             full_index_tails_are_written_through_a_passing_descriptor)
