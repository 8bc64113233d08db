/* The disk refuses, call by call: what was acknowledged stays, what was not is
 * there whole or not at all, and a log that failed says so until it is opened
 * anew. */
#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

static struct log_fixture f;

static void setup(void)
{
    log_fixture_init(&f);
    fake_disk_put(&f.disk, "data/anchor", "", 0);
    f.disk.disk.ops->sync_dir(&f.disk.disk, "data", NULL);
    f.config.segment_bytes = 1000;
    f.config.index_interval_bytes = 100;
    f.config.segment_index_bytes = 80;
    log_fixture_open(&f, true);
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static struct fixture_batch batch_number(int i)
{
    return (struct fixture_batch){.value_size = 100,
                                  .producer_id = 9,
                                  .base_sequence = i,
                                  .leader_epoch = i / 3,
                                  .transactional = true};
}

static int64_t count_readable(void)
{
    struct buf got = BUF_INIT;
    int64_t end =
        log_fixture_read_all(&f, partition_log_start_offset(f.log), INT64_MAX, &got);
    ck_assert_int_eq(end, partition_log_end_offset(f.log));
    ck_assert_int_eq((int64_t)got.len, partition_log_size_bytes(f.log));
    buf_free(&got);
    return end;
}

static void check_offline(void)
{
    struct log_slice slice;
    struct log_flush *flush;
    ck_assert_ptr_nonnull(partition_log_offline(f.log));
    ck_assert_int_eq(log_fixture_append(&f, batch_number(0)), ERR_OFFLINE);
    ck_assert_int_eq(partition_log_read(f.log, 0, 1, 100, true, &slice, &f.err),
                     ERR_OFFLINE);
    ck_assert_int_eq(partition_log_flush_begin(f.log, &flush, &f.err), ERR_OFFLINE);
    ck_assert_int_eq(partition_log_seal(f.log, &f.err), ERR_OFFLINE);
    ck_assert_int_eq(partition_log_truncate_to(f.log, 0, &f.err), ERR_OFFLINE);
    ck_assert_int_eq(partition_log_delete_records(f.log, 0, &f.err), ERR_OFFLINE);
}

static void kill_and_recover(void)
{
    log_fixture_close(&f);
    fake_disk_fail_nth(&f.disk, 0);
    fake_disk_limit_space(&f.disk, -1);
    log_fixture_open(&f, false);
}

static int append_marker(void)
{
    return log_fixture_append(&f, (struct fixture_batch){.producer_id = 9,
                                                         .end_txn = true,
                                                         .abort = true,
                                                         .leader_epoch = 100,
                                                         .origin = APPEND_COORDINATOR});
}

/* The nth call of twenty appends and a marker fails: a roll, a new epoch, an
 * index tail, the batch itself, the .txnindex. */
START_TEST(append_survives_each_disk_failure)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        setup();
        int acknowledged = 0;
        int rc = 0;
        fake_disk_fail_nth(&f.disk, nth);
        while (rc == 0 && acknowledged < 20) {
            rc = log_fixture_append(&f, batch_number(acknowledged));
            acknowledged += rc == 0;
        }
        if (rc == 0) {
            rc = append_marker();
            acknowledged += rc == 0;
        }
        fired = fake_disk_fired(&f.disk);
        ck_assert_int_eq(rc == 0, !fired);
        if (fired)
            check_offline();
        kill_and_recover();
        int64_t end = count_readable();
        ck_assert_int_ge(end, acknowledged);
        ck_assert_int_le(end, acknowledged + 1);
        /* Who tries again gets what is there, or a place behind it. */
        if (end < 20) {
            log_fixture_must_append(&f, batch_number(acknowledged));
            ck_assert_int_eq(f.result.base_offset, acknowledged);
            ck_assert_int_eq(f.result.duplicate, end > acknowledged);
        }
        teardown();
    }
}
END_TEST

START_TEST(full_disk_takes_the_log_offline_and_loses_nothing)
{
    for (int64_t space = 0; space < 4500; space += 37) {
        setup();
        int acknowledged = 0;
        fake_disk_limit_space(&f.disk, space);
        while (log_fixture_append(&f, batch_number(acknowledged)) == 0)
            acknowledged++;
        ck_assert_int_eq(f.err.code, ERR_NO_SPACE);
        check_offline();
        kill_and_recover();
        ck_assert_int_eq(count_readable(), acknowledged);
        teardown();
    }
}
END_TEST

START_TEST(failed_sync_takes_the_log_offline_and_the_recovery_point_stays)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        setup();
        for (int i = 0; i < 10; i++)
            log_fixture_must_append(&f, batch_number(i));
        fake_disk_fail_nth(&f.disk, nth);
        int rc = log_fixture_flush(&f);
        fired = fake_disk_fired(&f.disk);
        ck_assert_int_eq(rc != 0, fired);
        ck_assert_int_eq(partition_log_recovery_point(f.log), fired ? 0 : 10);
        if (fired)
            check_offline();
        f.recovery_point = partition_log_recovery_point(f.log);
        log_fixture_close(&f);
        fake_disk_fail_nth(&f.disk, 0);
        fake_disk_crash(&f.disk);
        log_fixture_open(&f, false);
        int64_t end = count_readable();
        if (!fired)
            ck_assert_int_eq(end, 10);
        teardown();
    }
}
END_TEST

/* A stop that failed is no clean stop: whoever asked is told. */
START_TEST(failed_seal_is_told)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        setup();
        for (int i = 0; i < 10; i++)
            log_fixture_must_append(&f, batch_number(i));
        fake_disk_fail_nth(&f.disk, nth);
        int rc = partition_log_seal(f.log, &f.err);
        fired = fake_disk_fired(&f.disk);
        ck_assert_int_eq(rc != 0, fired);
        kill_and_recover();
        ck_assert_int_eq(count_readable(), 10);
        teardown();
    }
}
END_TEST

START_TEST(open_fails_with_the_disk_and_succeeds_after_it)
{
    for (int clean = 0; clean < 2; clean++) {
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
            setup();
            for (int i = 0; i < 10; i++)
                log_fixture_must_append(&f, batch_number(i));
            if (clean)
                log_fixture_seal_and_close(&f);
            else
                log_fixture_close(&f);
            fake_disk_fail_nth(&f.disk, nth);
            int rc = log_fixture_try_open(&f, clean);
            fired = fake_disk_fired(&f.disk);
            if (rc == 0)
                partition_log_set_high_watermark(f.log, INT64_MAX);
            else
                ck_assert(fired && f.log == NULL);
            fake_disk_fail_nth(&f.disk, 0);
            /* Recovered by its own means, or on the next try. */
            if (rc != 0)
                log_fixture_open(&f, false);
            ck_assert_int_eq(count_readable(), 10);
            teardown();
        }
    }
}
END_TEST

START_TEST(truncation_survives_each_disk_failure)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        setup();
        for (int i = 0; i < 20; i++)
            log_fixture_must_append(&f, batch_number(i));
        fake_disk_fail_nth(&f.disk, nth);
        int rc = partition_log_truncate_to(f.log, 7, &f.err);
        fired = fake_disk_fired(&f.disk);
        ck_assert_int_eq(rc == 0, !fired);
        if (fired)
            ck_assert_ptr_nonnull(partition_log_offline(f.log));
        kill_and_recover();
        int64_t end = count_readable();
        ck_assert_int_ge(end, 7); /* what was to stay has stayed, without a hole */
        teardown();
    }
}
END_TEST

START_TEST(deleting_records_survives_each_disk_failure)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        setup();
        for (int i = 0; i < 20; i++)
            log_fixture_must_append(&f, batch_number(i));
        fake_disk_fail_nth(&f.disk, nth);
        bool did;
        int rc = partition_log_delete_records(f.log, 15, &f.err);
        if (rc == 0)
            rc = log_fixture_clean_up(&f, &did);
        fired = fake_disk_fired(&f.disk);
        ck_assert_int_eq(rc == 0, !fired);
        if (fired)
            check_offline();
        kill_and_recover();
        ck_assert_int_le(partition_log_start_offset(f.log), 15);
        ck_assert_int_eq(count_readable(), 20);
        teardown();
    }
}
END_TEST

START_TEST(removal_that_fails_leaves_the_log_online)
{
    setup();
    bool did;
    for (int i = 0; i < 20; i++)
        log_fixture_must_append(&f, batch_number(i));
    ck_assert_int_eq(partition_log_delete_records(f.log, 15, &f.err), 0);
    ck_assert_int_eq(log_fixture_clean_up(&f, &did), 0);
    fake_clock_advance_ms(&f.clock, 60000);
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_eq(log_fixture_clean_up(&f, &did), ERR_IO);
    ck_assert_ptr_null(partition_log_offline(f.log));
    ck_assert(fake_disk_has(&f.disk, fixture_path(0, ".log.deleted")));
    kill_and_recover();
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".log.deleted")));
    teardown();
}
END_TEST

START_TEST(refused_batches_leave_the_log_online)
{
    setup();
    uint8_t garbage[100] = {0};
    log_fixture_must_append(&f, batch_number(0));
    ck_assert_int_eq(partition_log_append(f.log, garbage, sizeof(garbage), 0,
                                          APPEND_CLIENT, &f.result, &f.err),
                     ERR_CORRUPT_MESSAGE);
    ck_assert_int_eq(log_fixture_append(&f, batch_number(5)),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    ck_assert_ptr_null(partition_log_offline(f.log));
    log_fixture_must_append(&f, batch_number(1));
    teardown();
}
END_TEST

GREGOR_TESTS("partition_log_faults", append_survives_each_disk_failure,
             full_disk_takes_the_log_offline_and_loses_nothing,
             failed_sync_takes_the_log_offline_and_the_recovery_point_stays,
             failed_seal_is_told, open_fails_with_the_disk_and_succeeds_after_it,
             truncation_survives_each_disk_failure,
             deleting_records_survives_each_disk_failure,
             removal_that_fails_leaves_the_log_online,
             refused_batches_leave_the_log_online)
