/* Which segments retention takes, as Kafka's UnifiedLog.deleteOldSegments does, and
 * what a failing disk or a power cut leaves of it. */
#include <stdio.h>

#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

#define HOUR 3600000LL
#define SEGMENTS 5
#define END 10

static struct log_fixture f;

static void setup_empty(void)
{
    log_fixture_init(&f);
    fake_disk_put(&f.disk, "data/anchor", "", 0);
    f.disk.disk.ops->sync_dir(&f.disk.disk, "data", NULL);
    f.config.segment_bytes = 300;
    log_fixture_open(&f, true);
}

/* Segments [0 1] [2 3] [4 5] [6 7] [8 9], an hour from one to the next; the clock
 * stands at the last one. */
static void fill(void)
{
    for (int i = 0; i < END; i++) {
        if (i > 0 && i % 2 == 0)
            fake_clock_advance_ms(&f.clock, HOUR);
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 70,
                                                           .producer_id = 9,
                                                           .base_sequence = i,
                                                           .leader_epoch = i});
    }
    ck_assert(fake_disk_has(&f.disk, fixture_path(8, ".log")));
}

static void setup(void)
{
    setup_empty();
    fill();
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static struct retention_outcome must_retain(void)
{
    struct retention_outcome out;
    int rc = log_fixture_retain(&f, &out);
    ck_assert_msg(rc == 0, "retain: %s", f.err.message);
    return out;
}

static void must_clean_up(void)
{
    bool did;
    int rc = log_fixture_clean_up(&f, &did);
    ck_assert_msg(rc == 0, "clean up: %s", f.err.message);
}

static void check_offsets(int64_t start, int64_t end)
{
    ck_assert_int_eq(partition_log_start_offset(f.log), start);
    ck_assert_int_eq(partition_log_end_offset(f.log), end);
}

static int64_t read_to_the_end(void)
{
    struct buf got = BUF_INIT;
    int64_t end =
        log_fixture_read_all(&f, partition_log_start_offset(f.log), INT64_MAX, &got);
    ck_assert_int_eq(end, partition_log_end_offset(f.log));
    buf_free(&got);
    return end;
}

/* Closes the log as a clean stop does, and opens it: no timestamp is known then but
 * the active segment's. */
static void restart(void)
{
    log_fixture_seal_and_close(&f);
    log_fixture_open(&f, true);
}

START_TEST(time_takes_what_is_older_than_retention_ms)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        setup();
        if (restarted)
            restart();
        f.config.retention_ms = 3 * HOUR;
        struct retention_outcome out = must_retain();
        ck_assert_int_eq(out.deleted, 1);
        ck_assert_int_eq(out.due_ms, FIXTURE_NOW + HOUR + 3 * HOUR + 1);
        check_offsets(2, END); /* [2 3] is three hours old to the millisecond */
        ck_assert_int_eq(must_retain().deleted, 0);
        fake_clock_advance_ms(&f.clock, 1);
        ck_assert_int_eq(must_retain().deleted, 1);
        check_offsets(4, END);
        teardown();
    }
}
END_TEST

START_TEST(size_leaves_at_least_retention_bytes)
{
    setup();
    int64_t total = partition_log_size_bytes(f.log);
    teardown();
    for (int64_t limit = 0; limit <= total + 1; limit += total / 20) {
        setup();
        f.config.retention_bytes = limit;
        /* As many whole segments as leave `limit` bytes or more. */
        int64_t expected = (total - limit) / (total / SEGMENTS);
        if (limit > total)
            expected = 0;
        ck_assert_int_eq(must_retain().deleted, expected);
        check_offsets(2 * expected, END);
        ck_assert_int_eq(partition_log_size_bytes(f.log),
                         total - expected * (total / SEGMENTS));
        teardown();
    }
}
END_TEST

START_TEST(settings_count_from_the_next_time)
{
    setup();
    ck_assert_int_eq(must_retain().due_ms, INT64_MAX); /* -1 is for ever */
    check_offsets(0, END);
    f.config.retention_ms = 2 * HOUR;
    f.config.cleanup_delete = false; /* compact, or nothing at all */
    f.config.retention_bytes = 0;
    ck_assert_int_eq(must_retain().deleted, 0);
    f.config.cleanup_delete = true;
    f.config.retention_bytes = -1;
    ck_assert_int_eq(must_retain().deleted, 2);
    check_offsets(4, END);
    teardown();
}
END_TEST

START_TEST(active_segment_goes_too_and_the_log_goes_on_behind_it)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        setup();
        f.config.retention_ms = HOUR;
        fake_clock_advance_ms(&f.clock, 2 * HOUR);
        if (restarted)
            restart();
        ck_assert_int_eq(must_retain().deleted, SEGMENTS);
        check_offsets(END, END);
        ck_assert_int_eq(partition_log_size_bytes(f.log), 0);
        must_clean_up();
        ck_assert(fake_disk_has(&f.disk, fixture_path(END, ".log")));
        ck_assert(!fake_disk_has(&f.disk, fixture_path(8, ".log")));
        fake_clock_advance_ms(&f.clock, 100 * HOUR);
        ck_assert_int_eq(must_retain().deleted, 0); /* an empty end stays */
        ck_assert_int_eq(must_retain().due_ms, INT64_MAX);

        /* The producer is known, though its records are gone. */
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 70,
                                                           .producer_id = 9,
                                                           .base_sequence = END,
                                                           .leader_epoch = END});
        ck_assert_int_eq(f.result.base_offset, END);
        restart();
        check_offsets(END, END + 1);
        ck_assert_int_eq(read_to_the_end(), END + 1);
        teardown();
    }
}
END_TEST

START_TEST(nothing_above_the_high_watermark_goes)
{
    for (int64_t high_watermark = 0; high_watermark <= END; high_watermark++) {
        setup();
        log_fixture_seal_and_close(&f);
        ck_assert_int_eq(log_fixture_try_open(&f, true), 0);
        partition_log_set_high_watermark(f.log, high_watermark);
        f.config.retention_ms = 0;
        f.config.retention_bytes = high_watermark % 3 == 0 ? 0 : -1;
        fake_clock_advance_ms(&f.clock, HOUR);
        ck_assert_int_eq(must_retain().deleted, high_watermark / 2);
        check_offsets(high_watermark / 2 * 2, END);
        if (high_watermark < END) /* looked at again with the next pass */
            ck_assert_int_eq(must_retain().due_ms, clock_wall_ms(&f.clock.clock));
        teardown();
    }
}
END_TEST

START_TEST(what_lies_below_the_start_goes_whatever_the_policy)
{
    for (int64_t start = 0; start <= END; start++) {
        setup();
        log_fixture_seal_and_close(&f);
        /* The checkpoint was written, but the power failed before the renames. */
        f.log_start_offset = start;
        f.config.cleanup_delete = false;
        f.config.cleanup_compact = true;
        log_fixture_open(&f, true);
        check_offsets(start, END);
        /* The active segment, [8 9], stays in any case. */
        ck_assert_int_eq(must_retain().deleted, start >= 8 ? 4 : start / 2);
        check_offsets(start, END);
        ck_assert_int_eq(read_to_the_end(), END);
        teardown();
    }
}
END_TEST

START_TEST(timestamp_in_the_future_keeps_what_follows)
{
    setup_empty();
    f.config.retention_ms = HOUR;
    int64_t future = FIXTURE_NOW + 50 * HOUR;
    log_fixture_must_append(&f,
                            (struct fixture_batch){.value_size = 200, .timestamp = 1});
    log_fixture_must_append(
        &f, (struct fixture_batch){.value_size = 200, .timestamp = future});
    log_fixture_must_append(&f, (struct fixture_batch){.value_size = 200});
    fake_clock_advance_ms(&f.clock, 10 * HOUR);
    struct retention_outcome out = must_retain();
    ck_assert_int_eq(out.deleted, 1);
    ck_assert_int_eq(out.due_ms, future + HOUR + 1);
    check_offsets(1, 3);
    /* The largest timestamp there is does not overflow. */
    f.config.retention_ms = INT64_MAX;
    ck_assert_int_eq(must_retain().due_ms, INT64_MAX);
    f.config.retention_ms = HOUR;
    fake_clock_advance_ms(&f.clock, 41 * HOUR + 1);
    ck_assert_int_eq(must_retain().deleted, 2);
    check_offsets(3, 3);
    teardown();
}
END_TEST

START_TEST(without_timestamps_the_time_of_the_file_counts)
{
    for (int restarted = 0; restarted < 2; restarted++) {
        setup_empty();
        f.config.retention_ms = HOUR;
        for (int i = 0; i < 4; i++)
            log_fixture_must_append(
                &f, (struct fixture_batch){.value_size = i < 3 ? 200 : 1,
                                           .timestamp = NO_TIMESTAMP});
        if (restarted)
            restart();
        ck_assert_int_eq(must_retain().deleted, 0);
        fake_disk_set_modified(&f.disk, fixture_path(1, ".log"), 1);
        fake_clock_advance_ms(&f.clock, HOUR + 1);
        /* The active segment has changed since, the others have not. */
        log_fixture_must_append(
            &f, (struct fixture_batch){.value_size = 1, .timestamp = NO_TIMESTAMP});
        struct retention_outcome out = must_retain();
        ck_assert_int_eq(out.deleted, 3);
        ck_assert_int_eq(out.due_ms, clock_wall_ms(&f.clock.clock) + HOUR + 1);
        check_offsets(3, 5);
        fake_clock_advance_ms(&f.clock, HOUR + 1);
        ck_assert_int_eq(must_retain().deleted, 1);
        check_offsets(5, 5);
        teardown();
    }
}
END_TEST

/* What was read while a batch came is not true of the segment any more. */
START_TEST(time_of_a_file_that_was_written_meanwhile_is_read_again)
{
    setup_empty();
    struct log_ages *ages;
    struct retention_outcome out;
    struct fixture_batch batch = {.value_size = 10, .timestamp = NO_TIMESTAMP};
    f.config.retention_ms = HOUR;
    log_fixture_must_append(&f, batch);
    fake_clock_advance_ms(&f.clock, 2 * HOUR);
    ck_assert_int_eq(partition_log_retain(f.log, &out, &f.err), 0);
    ck_assert(out.unknown);
    ck_assert_int_eq(partition_log_ages_begin(f.log, &ages, &f.err), 0);
    ck_assert_int_eq(log_ages_run(ages, &f.err), 0);
    log_fixture_must_append(&f, batch);
    partition_log_ages_end(f.log, ages);
    ck_assert_int_eq(must_retain().deleted, 0);
    check_offsets(0, 2);
    teardown();
}
END_TEST

/* A log of many old segments is gone through in portions, and of a young one only
 * the first segment's time is read. */
START_TEST(times_are_read_as_far_as_need_be)
{
    setup_empty();
    enum { MANY = 150 };
    for (int i = 0; i < MANY; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 200});
    log_fixture_seal_and_close(&f);
    log_fixture_open(&f, true);
    f.config.retention_ms = HOUR;
    unsigned opens = f.disk.opens;
    ck_assert_int_eq(must_retain().deleted, 0);
    ck_assert_uint_eq(f.disk.opens - opens, 1);
    fake_clock_advance_ms(&f.clock, 2 * HOUR);
    ck_assert_int_eq(must_retain().deleted, MANY);
    check_offsets(MANY, MANY);
    teardown();
}
END_TEST

START_TEST(every_file_of_a_segment_goes)
{
    static const char *const suffixes[] = {".log", ".index", ".timeindex", ".txnindex",
                                           ".snapshot"};
    setup_empty();
    for (int i = 0; i < 3; i++) {
        struct fixture_batch batch = {.value_size = 150,
                                      .producer_id = 9,
                                      .base_sequence = i,
                                      .transactional = true,
                                      .leader_epoch = 2 * i};
        log_fixture_must_append(&f, batch);
        batch.end_txn = batch.abort = true;
        batch.origin = APPEND_COORDINATOR;
        log_fixture_must_append(&f, batch);
    }
    /* The first segment begins at 0 and has no snapshot; the second has all five. */
    for (int i = 0; i < 5; i++)
        ck_assert(fake_disk_has(&f.disk, fixture_path(2, suffixes[i])));
    ck_assert_int_eq(partition_log_delete_records(f.log, 5, &f.err), 0);
    for (int step = 0; step < 2; step++) {
        must_clean_up();
        for (int i = 0; i < 5; i++) {
            char deleted[64];
            snprintf(deleted, sizeof(deleted), "%s.deleted", suffixes[i]);
            ck_assert(!fake_disk_has(&f.disk, fixture_path(2, suffixes[i])));
            ck_assert_int_eq(fake_disk_has(&f.disk, fixture_path(2, deleted)),
                             step == 0);
        }
        fake_clock_advance_ms(&f.clock, 60000);
    }
    /* Epochs 0 and 2 ended below the start; 4 was writing there. */
    struct leader_epoch_cache *epochs = partition_log_leader_epochs(f.log);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(epochs, 4), -1);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(epochs, 5), 4);
    teardown();
}
END_TEST

START_TEST(delay_without_end_is_one)
{
    setup();
    f.config.retention_bytes = 0;
    f.config.file_delete_delay_ms = INT64_MAX;
    must_retain();
    ck_assert_int_eq(partition_log_cleanup_due_ms(f.log), INT64_MIN);
    must_clean_up();
    ck_assert_int_eq(partition_log_cleanup_due_ms(f.log), INT64_MAX);
    ck_assert(fake_disk_has(&f.disk, fixture_path(0, ".log.deleted")));
    f.config.file_delete_delay_ms = 0;
    log_fixture_must_append(&f, (struct fixture_batch){0});
    must_retain();
    must_clean_up(); /* renamed and removed at once */
    ck_assert(!fake_disk_has(&f.disk, fixture_path(END, ".log.deleted")));
    teardown();
}
END_TEST

/* Their files still have the old names when others of the same names come. */
START_TEST(truncation_does_not_meet_segments_on_their_way_out)
{
    setup();
    ck_assert_int_eq(partition_log_delete_records(f.log, 6, &f.err), 0);
    ck_assert_int_eq(partition_log_truncate_to(f.log, 4, &f.err), 0);
    check_offsets(4, 4);
    must_clean_up();
    ck_assert(fake_disk_has(&f.disk, fixture_path(4, ".log")));
    log_fixture_must_append(&f, (struct fixture_batch){.value_size = 70});
    restart();
    check_offsets(4, 5);
    ck_assert_int_eq(read_to_the_end(), 5);
    teardown();
}
END_TEST

START_TEST(seal_renames_what_is_left)
{
    setup();
    ck_assert_int_eq(partition_log_delete_records(f.log, 5, &f.err), 0);
    ck_assert(fake_disk_has(&f.disk, fixture_path(0, ".log")));
    restart();
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".log")));
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".log.deleted")));
    check_offsets(5, END);
    teardown();
}
END_TEST

/* Everything from retention to the removal of files, some segments or all of them;
 * whatever fails, or when the power does, the log's end stays and what is left from
 * its start on can be read. */
static int delete_old(int64_t retention_ms)
{
    struct retention_outcome out;
    bool did;
    f.config.retention_ms = retention_ms;
    int rc = log_fixture_retain(&f, &out);
    if (rc == 0)
        rc = log_fixture_clean_up(&f, &did);
    fake_clock_advance_ms(&f.clock, 60000);
    if (rc == 0 && out.deleted > 0)
        log_fixture_clean_up(&f, &did); /* what it cannot remove stays */
    return rc;
}

static void check_after(int64_t new_start)
{
    log_fixture_close(&f);
    log_fixture_open(&f, false);
    check_offsets(partition_log_start_offset(f.log), END);
    ck_assert_int_le(partition_log_start_offset(f.log), new_start);
    ck_assert_int_eq(partition_log_start_offset(f.log) % 2, 0);
    ck_assert_int_eq(read_to_the_end(), END);
    /* What was not finished is taken up again. */
    ck_assert_int_eq(delete_old(f.config.retention_ms), 0);
    check_offsets(new_start, END);
    ck_assert_int_eq(read_to_the_end(), END);
    log_fixture_must_append(&f, (struct fixture_batch){.leader_epoch = END});
    ck_assert_int_eq(f.result.base_offset, END);
}

static const struct {
    int64_t retention_ms;
    int64_t new_start;
} extents[] = {{2 * HOUR + HOUR / 2, 4}, {0, END}};

START_TEST(each_disk_failure_is_survived)
{
    for (int i = 0; i < 2; i++) {
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
            setup();
            restart();
            fake_clock_advance_ms(&f.clock, 1);
            fake_disk_fail_nth(&f.disk, nth);
            int rc = delete_old(extents[i].retention_ms);
            fired = fake_disk_fired(&f.disk);
            ck_assert(fired || rc == 0);
            /* Offline, unless only a time could not be read or a file not removed. */
            if (partition_log_offline(f.log) != NULL)
                ck_assert_int_ne(rc, 0);
            fake_disk_fail_nth(&f.disk, 0);
            check_after(extents[i].new_start);
            teardown();
        }
    }
}
END_TEST

START_TEST(each_power_cut_is_survived)
{
    for (int i = 0; i < 4; i++) {
        bool reordered = i >= 2;
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
            setup();
            restart();
            fake_clock_advance_ms(&f.clock, 1);
            fake_disk_fail_nth(&f.disk, nth);
            delete_old(extents[i % 2].retention_ms);
            fired = fake_disk_fired(&f.disk);
            fake_disk_fail_nth(&f.disk, 0);
            f.recovery_point = END;
            log_fixture_close(&f);
            if (reordered)
                fake_disk_crash_reordered(&f.disk);
            else
                fake_disk_crash(&f.disk);
            check_after(extents[i % 2].new_start);
            teardown();
        }
    }
}
END_TEST

START_TEST(failed_rename_takes_the_log_offline_and_says_so)
{
    setup();
    bool did;
    f.config.retention_ms = 2 * HOUR;
    must_retain();
    fake_disk_fail_nth(&f.disk, 2); /* the first is the sync of the folder */
    ck_assert_int_eq(log_fixture_clean_up(&f, &did), ERR_IO);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert_ptr_nonnull(partition_log_offline(f.log));
    ck_assert_int_eq(log_fixture_append(&f, (struct fixture_batch){0}), ERR_OFFLINE);
    teardown();
}
END_TEST

GREGOR_TESTS("partition_log_retention", time_takes_what_is_older_than_retention_ms,
             size_leaves_at_least_retention_bytes, settings_count_from_the_next_time,
             active_segment_goes_too_and_the_log_goes_on_behind_it,
             nothing_above_the_high_watermark_goes,
             what_lies_below_the_start_goes_whatever_the_policy,
             timestamp_in_the_future_keeps_what_follows,
             without_timestamps_the_time_of_the_file_counts,
             time_of_a_file_that_was_written_meanwhile_is_read_again,
             times_are_read_as_far_as_need_be, every_file_of_a_segment_goes,
             delay_without_end_is_one,
             truncation_does_not_meet_segments_on_their_way_out,
             seal_renames_what_is_left, each_disk_failure_is_survived,
             each_power_cut_is_survived,
             failed_rename_takes_the_log_offline_and_says_so)
