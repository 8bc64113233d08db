/* What time does to open logs: deleted segments go, idle ones roll and rest. */
#include "tests/unit/storage/log_manager_fixture.h"

#define DELETED_SEGMENT DATA "/t-0/00000000000000000000.log.deleted"
#define DELAY_MS 60000

/* An open log of some segments whose first ones were just deleted. */
static void delete_segments(struct fixture *f, struct log_handle *h)
{
    open_fixture(f);
    f->config.segment_bytes = 100;
    f->config.file_delete_delay_ms = DELAY_MS;
    create(f, h, "t", 1, 0);
    must_open(f, h);
    must_append(f, h, 6);
    partition_log_set_high_watermark(h->log, 6);
    ck_assert_int_eq(partition_log_delete_records(h->log, 4, &f->err), 0);
    log_manager_clean_up(f->m, h);
    ck_assert(!fake_disk_has(&f->disk, DELETED_SEGMENT)); /* not on the loop */
    run(f);
    ck_assert(fake_disk_has(&f->disk, DELETED_SEGMENT));
}

START_TEST(deleted_segments_are_removed_when_their_delay_is_over)
{
    struct fixture f;
    struct log_handle h;
    delete_segments(&f, &h);
    fake_clock_advance_ms(&f.clock, DELAY_MS - 1000);
    ck_assert_int_eq(tick(&f), 1000);
    run(&f);
    ck_assert(fake_disk_has(&f.disk, DELETED_SEGMENT));
    fake_clock_advance_ms(&f.clock, 1000);
    tick(&f);
    ck_assert(fake_disk_has(&f.disk, DELETED_SEGMENT)); /* not on the loop */
    run(&f);
    ck_assert(!fake_disk_has(&f.disk, DELETED_SEGMENT));
    int jobs = f.executor.total;
    tick(&f);
    ck_assert_int_eq(f.executor.total, jobs);
    close_fixture(&f);
}
END_TEST

START_TEST(flushes_and_cleanups_of_a_log_wait_for_each_other)
{
    struct fixture f;
    struct log_handle h;
    struct reply first = reply(), second = reply();
    delete_segments(&f, &h);
    fake_clock_advance_ms(&f.clock, DELAY_MS);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &first.request, &f.err), 0);
    int jobs = f.executor.total;
    ck_assert_int_ge(tick(&f), 20); /* does not spin until the flush is done */
    ck_assert_int_eq(f.executor.total, jobs);
    run(&f);
    expect(&first, 0);
    ck_assert(fake_disk_has(&f.disk, DELETED_SEGMENT));

    tick(&f);
    must_append(&f, &h, 1);
    jobs = f.executor.total;
    ck_assert_int_eq(log_manager_flush(f.m, &h, &second.request, &f.err), 0);
    ck_assert_int_eq(f.executor.total, jobs);
    run(&f);
    expect(&second, 0);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 7);
    ck_assert(!fake_disk_has(&f.disk, DELETED_SEGMENT));
    close_fixture(&f);
}
END_TEST

START_TEST(deleting_the_log_waits_for_its_cleanup)
{
    struct fixture f;
    struct log_handle h;
    struct reply r;
    delete_segments(&f, &h);
    fake_clock_advance_ms(&f.clock, DELAY_MS);
    tick(&f);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    ck_assert(fake_executor_run_one(&f.executor));
    ck_assert(!fake_disk_has(&f.disk, DELETED_SEGMENT));
    ck_assert(fake_disk_has(&f.disk, DATA "/t-0/partition.metadata"));
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    expect(&r, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(the_stop_waits_for_a_cleanup)
{
    struct fixture f;
    struct log_handle h;
    delete_segments(&f, &h);
    fake_clock_advance_ms(&f.clock, DELAY_MS);
    tick(&f);
    stop(&f);
    ck_assert(fake_disk_has(&f.disk, MARKER));
    ck_assert(!fake_disk_has(&f.disk, DELETED_SEGMENT));
    fake_disk_free(&f.disk);
}
END_TEST

START_TEST(a_cleanup_that_fails_is_traced_and_the_log_goes_on)
{
    struct fixture f;
    struct log_handle h;
    delete_segments(&f, &h);
    fake_clock_advance_ms(&f.clock, DELAY_MS);
    tick(&f);
    fake_disk_fail_nth(&f.disk, 1);
    run(&f);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert_ptr_nonnull(strstr(f.traced, "deleted segments of t-0 stay"));
    must_append(&f, &h, 1);
    close_fixture(&f);
}
END_TEST

/* From the deletion of a log to the removal of its folder: whichever call of the disk
 * is the last before the power fails, the next starts end it. A folder that had not
 * got its new name yet belongs to nobody then, and is set aside. */
START_TEST(a_deletion_that_a_power_cut_stops_ends_with_the_next_start)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        struct fixture f;
        struct log_handle h;
        struct reply r;
        delete_segments(&f, &h);
        stop(&f);
        start(&f);
        add(&f, &h, "t", 1, 0);
        must_open(&f, &h);
        fake_disk_fail_nth(&f.disk, nth);
        ck_assert_int_eq(delete_one(&f, &h, &r), 0);
        run(&f);
        ck_assert_int_eq(r.calls, 1);
        tick(&f);
        fake_clock_advance_ms(&f.clock, DELAY_MS);
        tick(&f);
        run(&f);
        fired = fake_disk_fired(&f.disk);
        fake_disk_fail_nth(&f.disk, 0);
        kill_broker(&f);
        fake_disk_crash(&f.disk);
        start(&f);
        log_manager_start(f.m);
        run(&f);
        ck_assert_int_eq(find_folder(&f, "t-0", "-delete").count, 0);
        ck_assert_int_eq(find_folder(&f, "t-0", "-0").count, 0);
        create(&f, &h, "t", 2, 0);
        must_open(&f, &h);
        ck_assert_int_eq(partition_log_end_offset(h.log), 0);
        ck_assert(fired || find_folder(&f, "t-0", "-stray").count == 0);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(idle_logs_roll_by_time_and_keep_few_descriptors)
{
    struct fixture f;
    struct log_handle h;
    struct log_slice slice;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    f.config.segment_ms = 1000;
    tick(&f);
    fake_clock_advance_ms(&f.clock, 5 * 60000);
    tick(&f);
    run(&f);
    ck_assert(fake_disk_has(&f.disk, DATA "/t-0/00000000000000000001.log"));

    /* What is on the disk and not read need not be open. */
    ck_assert_int_eq(log_manager_flush(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    expect(&r, 0);
    ck_assert_int_eq(partition_log_read(h.log, 0, INT64_MAX, 100, true, &slice, &f.err),
                     0);
    log_file_release(slice.file);
    int descriptors = f.disk.open_descriptors;
    for (int i = 0; i < 2; i++) {
        fake_clock_advance_ms(&f.clock, 5 * 60000);
        tick(&f);
        run(&f);
    }
    ck_assert_int_lt(f.disk.open_descriptors, descriptors);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager_cleanup",
             deleted_segments_are_removed_when_their_delay_is_over,
             flushes_and_cleanups_of_a_log_wait_for_each_other,
             deleting_the_log_waits_for_its_cleanup, the_stop_waits_for_a_cleanup,
             a_cleanup_that_fails_is_traced_and_the_log_goes_on,
             a_deletion_that_a_power_cut_stops_ends_with_the_next_start,
             idle_logs_roll_by_time_and_keep_few_descriptors)
