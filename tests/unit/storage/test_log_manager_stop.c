/* Flushes, checkpoints, the clean stop, sizes. */
#include "tests/unit/storage/log_manager_fixture.h"

/* ---- flushing and checkpoints -------------------------------------------- */

START_TEST(flushes_that_come_during_one_share_the_next)
{
    struct fixture f;
    struct log_handle h;
    struct reply a = reply(), b = reply(), c = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    int before = f.executor.total;
    ck_assert_int_eq(log_manager_flush(f.m, &h, &a.request, &f.err), 0);
    must_append(&f, &h, 1);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &b.request, &f.err), 0);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &c.request, &f.err), 0);
    ck_assert(fake_executor_run_one(&f.executor));
    expect(&a, 0);
    ck_assert_int_eq(b.calls, 0);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 1);
    run(&f);
    expect(&b, 0);
    expect(&c, 0);
    ck_assert_int_eq(f.executor.total, before + 2);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 2);
    close_fixture(&f);
}
END_TEST

START_TEST(a_failed_flush_takes_the_log_offline_and_is_told_once)
{
    struct fixture f;
    struct log_handle h;
    struct reply a = reply(), b = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &a.request, &f.err), 0);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &b.request, &f.err), 0);
    fake_disk_fail_nth(&f.disk, 1);
    run(&f);
    ck_assert(fake_disk_fired(&f.disk));
    expect(&a, ERR_IO);
    expect(&b, ERR_OFFLINE);
    ck_assert_ptr_null(log_handle_log(&h));
    ck_assert(log_manager_check(f.m, &h));
    ck_assert_ptr_nonnull(strstr(f.traced, "t-0 goes offline"));
    ck_assert_ptr_eq(strchr(f.traced, '\n'), strrchr(f.traced, '\n'));
    ck_assert_int_eq(log_manager_flush(f.m, &h, &a.request, &f.err), ERR_OFFLINE);
    close_fixture(&f);
}
END_TEST

START_TEST(a_failed_append_takes_the_log_offline)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    ck_assert(!log_manager_check(f.m, &h));
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_ne(append(&f, &h), 0);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert(log_manager_check(f.m, &h));
    ck_assert_ptr_null(log_handle_log(&h));
    close_fixture(&f);
}
END_TEST

START_TEST(flush_ms_is_honoured_by_the_tick)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    f.config.flush_ms = 500;
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    int64_t wait = log_manager_tick(f.m, clock_mono_ms(&f.clock.clock));
    ck_assert_int_le(wait, 500);
    run(&f);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 0);
    fake_clock_advance_ms(&f.clock, 501);
    log_manager_tick(f.m, clock_mono_ms(&f.clock.clock));
    run(&f);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(checkpoints_come_with_time_and_only_when_something_changed)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 3);
    partition_log_set_high_watermark(h.log, 2);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    int64_t now = clock_mono_ms(&f.clock.clock);
    int64_t wait = log_manager_tick(f.m, now);
    ck_assert_int_le(wait, 60000);
    log_manager_tick(f.m, now + 59999);
    run(&f);
    ck_assert(!fake_disk_has(&f.disk, DATA "/" RECOVERY_POINT_CHECKPOINT));
    log_manager_tick(f.m, now + 60000);
    run(&f);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "t-0=3 ");
    expect_checkpoint(&f, HIGH_WATERMARK_CHECKPOINT, "t-0=2 ");
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "");
    unsigned writes = f.disk.writes;
    log_manager_tick(f.m, now + 120000);
    run(&f);
    ck_assert_uint_eq(f.disk.writes, writes);
    close_fixture(&f);
}
END_TEST

/* ---- the stop ------------------------------------------------------------ */

START_TEST(logs_never_opened_keep_their_checkpointed_offsets)
{
    struct fixture f;
    struct log_handle a, b;
    open_fixture(&f);
    create(&f, &a, "a", 1, 0);
    create(&f, &b, "b", 2, 0);
    must_open(&f, &a);
    must_append(&f, &a, 3);
    partition_log_set_high_watermark(a.log, 3);
    stop(&f);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "a-0=3 b-0=0 ");

    start(&f);
    add(&f, &a, "a", 1, 0);
    add(&f, &b, "b", 2, 0);
    log_manager_start(f.m);
    must_open(&f, &b);
    must_append(&f, &b, 1);
    stop(&f);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "a-0=3 b-0=1 ");
    expect_checkpoint(&f, HIGH_WATERMARK_CHECKPOINT, "a-0=3 b-0=0 ");

    start(&f);
    add(&f, &a, "a", 1, 0);
    ck_assert_int_eq(partition_log_high_watermark(must_open(&f, &a)), 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_stop_waits_for_what_is_under_way)
{
    struct fixture f;
    struct log_handle h;
    struct reply opened = reply(), stopped = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &opened.request, &f.err), 0);
    log_manager_stop(f.m, 1, &stopped.request);
    run(&f);
    expect(&opened, 0);
    expect(&stopped, 0);
    ck_assert_int_eq(f.disk.open_descriptors, 1); /* the lock */
    ck_assert(fake_disk_has(&f.disk, MARKER));
    close_fixture(&f);
}
END_TEST

START_TEST(no_marker_is_written_when_a_log_failed)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_ne(append(&f, &h), 0);
    fake_disk_fail_nth(&f.disk, 0);
    log_manager_check(f.m, &h);
    log_manager_stop(f.m, 1, &r.request);
    run(&f);
    ck_assert_int_eq(r.calls, 1);
    ck_assert(!fake_disk_has(&f.disk, MARKER));
    close_fixture(&f);
}
END_TEST

/* Whichever disk call of the stop fails: the marker is there only if all went
 * well, and the next start finds every record. */
START_TEST(a_stop_that_fails_anywhere_loses_nothing)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        struct fixture f;
        struct log_handle h;
        struct reply r = reply();
        open_fixture(&f);
        create(&f, &h, "t", 1, 0);
        must_open(&f, &h);
        must_append(&f, &h, 2);
        fake_disk_fail_nth(&f.disk, nth);
        log_manager_stop(f.m, 1, &r.request);
        run(&f);
        fired = fake_disk_fired(&f.disk);
        fake_disk_fail_nth(&f.disk, 0);
        ck_assert_int_eq(r.calls, 1);
        ck_assert(r.rc == 0 || fired);
        /* A log that could not be sealed is reason enough for no marker. */
        ck_assert(!fake_disk_has(&f.disk, MARKER) ||
                  strstr(f.traced, "offline") == NULL);
        kill_broker(&f);

        start(&f);
        struct reply again = reply();
        add(&f, &h, "t", 1, 0);
        if (f.dir.clean)
            must_open(&f, &h);
        else
            ck_assert_int_eq(log_manager_recover_all(f.m, &again.request, &f.err), 0);
        run(&f);
        ck_assert_int_eq(partition_log_end_offset(log_handle_log(&h)), 2);
        close_fixture(&f);
        ck_assert_uint_lt(nth, 500);
    }
}
END_TEST

START_TEST(ten_thousand_idle_partitions_stop_in_few_jobs)
{
    struct fixture f;
    struct log_handle *handles = calloc(10000, sizeof(*handles));
    open_fixture(&f);
    for (int i = 0; i < 10000; i++)
        add(&f, &handles[i], "t", 1, i);
    int before = f.executor.total;
    struct reply r = reply();
    log_manager_stop(f.m, 1, &r.request);
    run(&f);
    expect(&r, 0);
    ck_assert_int_eq(f.executor.total, before + 1);
    close_fixture(&f);
    free(handles);
}
END_TEST

struct sizes_reply {
    struct log_describe d; /* first */
    int calls;
};

static void on_sizes(struct log_request *request, int rc, const struct err *err)
{
    ck_assert_msg(rc == 0, "%s", err->message);
    ((struct sizes_reply *)request)->calls++;
}

START_TEST(sizes_are_told_of_logs_not_open_too)
{
    struct fixture f;
    struct log_handle a, b;
    struct sizes_reply r = {.d = {.request = {.done = on_sizes}}};
    open_fixture(&f);
    create(&f, &a, "a", 1, 0);
    must_open(&f, &a);
    must_append(&f, &a, 3);
    int64_t size = partition_log_size_bytes(a.log);
    stop(&f);
    start(&f);
    add(&f, &a, "a", 1, 0);
    create(&f, &b, "b", 2, 3);
    must_open(&f, &b);
    must_append(&f, &b, 1);
    ck_assert_int_eq(log_manager_describe(f.m, &r.d, &f.err), 0);
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    ck_assert_int_eq(r.calls, 1);
    ck_assert_int_eq(r.d.count, 2);
    ck_assert(uuid_equal(r.d.sizes[0].topic_id, id_of(1)));
    ck_assert_int_eq(r.d.sizes[0].size_bytes, size);
    ck_assert_int_eq(r.d.sizes[1].partition, 3);
    ck_assert_int_eq(r.d.sizes[1].size_bytes, size / 3);
    log_manager_describe_end(&r.d);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager_stop", flushes_that_come_during_one_share_the_next,
             a_failed_flush_takes_the_log_offline_and_is_told_once,
             a_failed_append_takes_the_log_offline, flush_ms_is_honoured_by_the_tick,
             checkpoints_come_with_time_and_only_when_something_changed,
             logs_never_opened_keep_their_checkpointed_offsets,
             a_stop_waits_for_what_is_under_way, no_marker_is_written_when_a_log_failed,
             a_stop_that_fails_anywhere_loses_nothing,
             ten_thousand_idle_partitions_stop_in_few_jobs,
             sizes_are_told_of_logs_not_open_too)
