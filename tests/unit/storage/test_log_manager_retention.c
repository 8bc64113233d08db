/* When retention looks at which log, what it costs, and who hears of it. */
#include "tests/unit/storage/log_manager_fixture.h"

#define INITIAL_MS 30000
#define INTERVAL_MS 300000
#define HOUR 3600000LL
#define RECORDS 6

/* A topic of segments with one record each, the records of now. */
static void begin(struct fixture *f, struct owner *o, struct log_handle *h)
{
    open_fixture(f);
    take_ownership(f, o);
    f->config.segment_bytes = 100;
    f->config.file_delete_delay_ms = 60000;
    f->config.retention_ms = HOUR;
    fake_clock_init(&f->clock, 1700000000000LL);
    create(f, h, "t", 1, 0);
    must_open(f, h);
    must_append(f, h, RECORDS);
    partition_log_set_high_watermark(h->log, RECORDS);
    tick(f);
}

static void restart(struct fixture *f, struct owner *o, struct log_handle *h)
{
    stop(f);
    start(f);
    take_ownership(f, o);
    add(f, h, "t", 1, 0);
    log_manager_start(f->m);
    run(f);
    tick(f);
}

/* The topic's own setting, of a config that stays the caller's. */
static void change_retention(struct fixture *f, struct topic_config *changed,
                             int64_t ms)
{
    *changed = f->config;
    changed->retention_ms = ms;
    log_manager_set_config(f->m, id_of(1), changed);
}

static bool has(struct fixture *f, int64_t base_offset, const char *suffix)
{
    char path[128];
    snprintf(path, sizeof(path), DATA "/t-0/%020lld%s", (long long)base_offset, suffix);
    return fake_disk_has(&f->disk, path);
}

START_TEST(first_after_the_initial_delay_and_then_every_interval)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    f.config.retention_ms = 0;
    pass_time(&f, INITIAL_MS - 1);
    run(&f);
    ck_assert_int_eq(partition_log_start_offset(h.log), 0);
    ck_assert_int_eq(tick(&f), 1);
    pass_time(&f, 1);
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    run(&f);
    must_append(&f, &h, 1);
    partition_log_set_high_watermark(h.log, RECORDS + 1);
    pass_time(&f, INTERVAL_MS - 1);
    run(&f);
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    pass_time(&f, 1);
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS + 1);
    close_fixture(&f);
}
END_TEST

START_TEST(files_of_an_open_log_go_in_jobs_and_the_checkpoint_follows)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    pass_time(&f, 2 * HOUR);
    ck_assert_int_eq(o.moved, 1);
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    ck_assert(has(&f, 0, ".log")); /* not on the loop */
    run(&f);
    ck_assert(has(&f, 0, ".log.deleted"));
    ck_assert(has(&f, RECORDS, ".log"));
    ck_assert_int_le(tick(&f), 60000);
    pass_time(&f, 60000);
    run(&f);
    ck_assert(!has(&f, 0, ".log.deleted"));
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "t-0=6 ");
    ck_assert_ptr_nonnull(strstr(f.traced, "t-0: 6 segments of "));
    restart(&f, &o, &h);
    ck_assert_int_eq(partition_log_start_offset(must_open(&f, &h)), RECORDS);
    ck_assert_int_eq(partition_log_end_offset(h.log), RECORDS);
    close_fixture(&f);
}
END_TEST

START_TEST(flush_and_retention_get_along)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply flushed = reply();
    begin(&f, &o, &h);
    fake_clock_advance_ms(&f.clock, 2 * HOUR);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &flushed.request, &f.err), 0);
    tick(&f); /* the flush is under way */
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    run(&f);
    expect(&flushed, 0);
    ck_assert(has(&f, 0, ".log"));
    pass_time(&f, 20);
    run(&f);
    ck_assert(has(&f, 0, ".log.deleted"));
    must_append(&f, &h, 1);
    partition_log_set_high_watermark(h.log, RECORDS + 1);
    pass_time(&f, INTERVAL_MS); /* the pass before has come to its end */
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS + 1);
    close_fixture(&f);
}
END_TEST

START_TEST(closed_log_is_opened_cleaned_and_closed_again)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    restart(&f, &o, &h);
    int descriptors = f.disk.open_descriptors;
    pass_time(&f, 2 * HOUR);
    ck_assert_int_eq(h.state, LOG_OPENING);
    run(&f);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert_int_eq(f.disk.open_descriptors, descriptors);
    /* There is nobody to wait for. */
    ck_assert(!has(&f, 0, ".log") && !has(&f, 0, ".log.deleted"));
    ck_assert(has(&f, RECORDS, ".log"));
    pass_time(&f, 60000);
    run(&f);
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "t-0=6 ");
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "t-0=6 ");
    expect_checkpoint(&f, HIGH_WATERMARK_CHECKPOINT, "t-0=6 ");

    must_open(&f, &h);
    must_append(&f, &h, 1);
    ck_assert_int_eq(partition_log_end_offset(h.log), RECORDS + 1);
    close_fixture(&f);
}
END_TEST

/* It is looked at once, and then when its time has come or its settings change. */
START_TEST(closed_log_is_left_alone_until_it_is_due)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    f.config.retention_ms = 24 * HOUR;
    restart(&f, &o, &h);
    pass_time(&f, INITIAL_MS);
    run(&f);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert_int_eq(h.retention_due_ms, 1700000000000LL + 24 * HOUR + 1);
    unsigned opens = f.disk.opens;
    pass_time(&f, 23 * HOUR);
    run(&f);
    opens = f.disk.opens; /* checkpoints, the first time */
    pass_time(&f, INTERVAL_MS);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    run(&f);
    ck_assert_uint_eq(f.disk.opens, opens);

    struct topic_config changed;
    change_retention(&f, &changed, HOUR);
    pass_time(&f, INTERVAL_MS);
    run(&f);
    ck_assert_int_eq(h.log_start_offset, RECORDS);
    log_manager_set_config(f.m, id_of(1), &f.config);
    close_fixture(&f);
}
END_TEST

START_TEST(settings_that_change_during_a_visit_bring_the_next)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    f.config.retention_ms = 24 * HOUR;
    restart(&f, &o, &h);
    pass_time(&f, 2 * HOUR);
    fake_executor_work(&f.executor);
    struct topic_config changed;
    change_retention(&f, &changed, HOUR);
    run(&f);
    ck_assert_int_eq(h.log_start_offset, 0);
    pass_time(&f, INTERVAL_MS);
    run(&f);
    ck_assert_int_eq(h.log_start_offset, RECORDS);
    log_manager_set_config(f.m, id_of(1), &f.config);
    close_fixture(&f);
}
END_TEST

START_TEST(who_asks_during_a_visit_gets_the_log)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply r = reply();
    begin(&f, &o, &h);
    restart(&f, &o, &h);
    pass_time(&f, 2 * HOUR);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    expect(&r, 0);
    ck_assert_ptr_nonnull(log_handle_log(&h));
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    ck_assert_int_eq(partition_log_high_watermark(h.log), RECORDS);
    must_append(&f, &h, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(log_without_segments_is_not_made)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    f.config.retention_ms = HOUR;
    take_ownership(&f, &o);
    create(&f, &h, "t", 1, 0);
    tick(&f);
    pass_time(&f, INITIAL_MS);
    run(&f);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert(!has(&f, 0, ".log"));
    int jobs = f.executor.total;
    pass_time(&f, INTERVAL_MS);
    ck_assert_int_le(f.executor.total, jobs + 1); /* the checkpoints' */
    run(&f);

    /* Nor does it keep anybody from it. */
    log_manager_set_config(f.m, id_of(1), &f.config);
    pass_time(&f, INTERVAL_MS);
    ck_assert_int_eq(h.state, LOG_OPENING);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    expect(&r, 0);
    must_append(&f, &h, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(files_on_their_way_out_go_after_a_restart)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    pass_time(&f, 2 * HOUR);
    run(&f);
    restart(&f, &o, &h);
    ck_assert(has(&f, 0, ".log.deleted"));
    pass_time(&f, INITIAL_MS);
    run(&f);
    ck_assert(!has(&f, 0, ".log.deleted"));
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &h)), RECORDS);
    close_fixture(&f);
}
END_TEST

START_TEST(compacted_and_unlimited_logs_are_not_opened)
{
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        struct owner o;
        struct log_handle h;
        begin(&f, &o, &h);
        if (i == 0)
            f.config.cleanup_delete = false;
        else
            f.config.retention_ms = -1;
        pass_time(&f, 100 * HOUR);
        run(&f);
        ck_assert_int_eq(partition_log_start_offset(h.log), 0);
        restart(&f, &o, &h);
        pass_time(&f, 100 * HOUR);
        ck_assert_int_eq(h.state, LOG_CLOSED);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(high_watermark_holds_back_unless_nobody_else_has_a_say)
{
    for (int alone = 0; alone < 2; alone++) {
        struct fixture f;
        struct owner o;
        struct log_handle h;
        begin(&f, &o, &h);
        restart(&f, &o, &h);
        h.high_watermark = 3; /* of an old checkpoint */
        o.alone = alone;
        pass_time(&f, 2 * HOUR);
        run(&f);
        ck_assert_int_eq(h.log_start_offset, alone ? RECORDS : 3);
        ck_assert_int_eq(h.high_watermark, alone ? RECORDS : 3);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(logs_of_an_unclean_stop_wait_for_recovery)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply r = reply();
    begin(&f, &o, &h);
    kill_broker(&f);
    start(&f);
    take_ownership(&f, &o);
    add(&f, &h, "t", 1, 0);
    tick(&f);
    pass_time(&f, 2 * HOUR);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    run(&f);
    expect(&r, 0);
    ck_assert_int_eq(partition_log_high_watermark(h.log), RECORDS);
    pass_time(&f, INTERVAL_MS);
    run(&f);
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    close_fixture(&f);
}
END_TEST

/* Of the segments of a log that was opened, the times are not known yet. */
START_TEST(times_that_are_not_known_are_read_in_a_job)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply r;
    begin(&f, &o, &h);
    restart(&f, &o, &h);
    must_open(&f, &h);
    pass_time(&f, 60000);
    run(&f);
    pass_time(&f, 2 * HOUR);
    ck_assert_int_eq(partition_log_start_offset(h.log), 1); /* it was read before */
    run(&f);
    ck_assert_int_eq(partition_log_start_offset(h.log), RECORDS);
    pass_time(&f, 20);
    run(&f);
    ck_assert(has(&f, RECORDS - 1, ".log.deleted"));
    stop(&f);

    /* The log may be gone by the time that they are. */
    fake_disk_free(&f.disk);
    begin(&f, &o, &h);
    restart(&f, &o, &h);
    must_open(&f, &h);
    pass_time(&f, 2 * HOUR);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    run(&f);
    expect(&r, 0);
    stop(&f);
    fake_disk_free(&f.disk);
}
END_TEST

/* ---- many ----------------------------------------------------------------- */

#define MANY 60 /* two partitions a topic */

/* In static storage; copied by whoever takes it. */
static const char *topic_of(int i)
{
    static char name[16];
    snprintf(name, sizeof(name), "t%d", i / 2);
    return name;
}

static void restart_many(struct fixture *f, struct owner *o, struct log_handle *handles)
{
    open_fixture(f);
    f->config.segment_bytes = 100;
    f->config.retention_ms = HOUR;
    for (int i = 0; i < MANY; i++) {
        create(f, &handles[i], topic_of(i), (uint8_t)(i / 2), i % 2);
        must_open(f, &handles[i]);
        must_append(f, &handles[i], 3);
        partition_log_set_high_watermark(handles[i].log, 3);
    }
    stop(f);
    start(f);
    take_ownership(f, o);
    for (int i = 0; i < MANY; i++)
        add(f, &handles[i], topic_of(i), (uint8_t)(i / 2), i % 2);
    tick(f);
}

START_TEST(closed_logs_are_visited_one_by_one)
{
    struct fixture f;
    struct owner o;
    struct log_handle handles[MANY];
    restart_many(&f, &o, handles);
    int descriptors = f.disk.open_descriptors;
    fake_clock_advance_ms(&f.clock, 2 * HOUR);
    tick(&f);
    run(&f); /* checkpoints */
    fake_clock_advance_ms(&f.clock, INTERVAL_MS);
    int most = f.disk.open_descriptors;
    while (fake_executor_run_one(&f.executor)) {
        if (f.disk.open_descriptors > most)
            most = f.disk.open_descriptors;
    }
    ck_assert_int_eq(most, descriptors);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(handles[i].state, LOG_CLOSED);
        ck_assert_int_eq(handles[i].log_start_offset, 3);
    }
    ck_assert_int_le(f.executor.most, 2); /* a checkpoint beside it */
    close_fixture(&f);
}
END_TEST

/* Topics are deleted while the pass is at them, before them and behind them. */
START_TEST(topics_may_go_during_the_pass)
{
    for (int steps = 0; steps < MANY; steps += 7) {
        struct fixture f;
        struct owner o;
        struct log_handle handles[MANY];
        struct reply r = reply();
        struct log_handle *doomed[] = {&handles[0],        &handles[1],
                                       &handles[steps],    &handles[steps ^ 1],
                                       &handles[MANY - 2], &handles[MANY - 1]};
        int count = steps < 2 ? 2 : 6;
        restart_many(&f, &o, handles);
        fake_clock_advance_ms(&f.clock, 2 * HOUR);
        tick(&f);
        for (int i = 0; i < steps; i++)
            ck_assert(fake_executor_run_one(&f.executor));
        if (steps < 2 || steps >= MANY - 2)
            count = 2;
        ck_assert_int_eq(log_manager_delete(f.m, doomed, count, &r.request, &f.err), 0);
        run(&f);
        expect(&r, 0);
        int visited = 0;
        for (int i = 0; i < MANY; i++)
            visited += handles[i].topic != NULL && handles[i].log_start_offset == 3;
        ck_assert_int_eq(visited, MANY - count);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_stop_ends_the_pass)
{
    struct fixture f;
    struct owner o;
    struct log_handle handles[MANY];
    restart_many(&f, &o, handles);
    fake_clock_advance_ms(&f.clock, 2 * HOUR);
    tick(&f);
    for (int i = 0; i < 5; i++)
        fake_executor_run_one(&f.executor);
    stop(&f);
    ck_assert(fake_disk_has(&f.disk, MARKER));
    ck_assert_int_eq(handles[0].log_start_offset, 3);
    ck_assert_int_eq(handles[MANY - 1].log_start_offset, 0);
    fake_disk_free(&f.disk);
}
END_TEST

/* ---- failures -------------------------------------------------------------- */

START_TEST(failed_rename_takes_an_open_log_offline)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    pass_time(&f, 60000);
    run(&f); /* the checkpoints do not get in the way then */
    pass_time(&f, 2 * HOUR);
    fake_disk_fail_nth(&f.disk, 2);
    run(&f);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    ck_assert_int_eq(o.moved, 2);
    ck_assert_ptr_nonnull(strstr(f.traced, "t-0 goes offline: the fake disk fails"));
    /* The next start finds all of it in order. */
    kill_broker(&f);
    start(&f);
    add(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    ck_assert_int_eq(partition_log_end_offset(h.log), RECORDS);
    close_fixture(&f);
}
END_TEST

/* A visit during which the nth call fails: the log is closed or offline, and then the
 * stop is no clean one; what was not to go is there afterwards. */
START_TEST(visits_survive_each_disk_failure)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        struct fixture f;
        struct owner o;
        struct log_handle h;
        begin(&f, &o, &h);
        restart(&f, &o, &h);
        pass_time(&f, 60000);
        run(&f); /* the checkpoints do not get in the way then */
        pass_time(&f, 2 * HOUR);
        ck_assert_int_eq(h.state, LOG_OPENING);
        fake_disk_fail_nth(&f.disk, nth);
        run(&f);
        fired = fake_disk_fired(&f.disk);
        fake_disk_fail_nth(&f.disk, 0);
        ck_assert(h.state == LOG_CLOSED || (fired && h.state == LOG_OFFLINE));
        ck_assert_int_eq(h.state == LOG_OFFLINE, o.moved > 0);
        bool offline = h.state == LOG_OFFLINE;
        stop(&f);
        ck_assert_int_eq(fake_disk_has(&f.disk, MARKER), !offline);
        start(&f);
        add(&f, &h, "t", 1, 0);
        must_open(&f, &h);
        ck_assert_int_eq(partition_log_end_offset(h.log), RECORDS);
        must_append(&f, &h, 1);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(timestamp_in_the_future_is_told_once)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    f.clock.wall_now_ms -= 24 * HOUR; /* the clock was set back */
    for (int i = 0; i < 3; i++) {
        pass_time(&f, INTERVAL_MS);
        run(&f);
    }
    const char *words = "t-0: the segment at 0 has a timestamp in the future";
    char *told = strstr(f.traced, words);
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_null(strstr(told + 1, words));
    ck_assert_int_eq(partition_log_start_offset(h.log), 0);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager_retention",
             first_after_the_initial_delay_and_then_every_interval,
             files_of_an_open_log_go_in_jobs_and_the_checkpoint_follows,
             flush_and_retention_get_along,
             closed_log_is_opened_cleaned_and_closed_again,
             closed_log_is_left_alone_until_it_is_due,
             settings_that_change_during_a_visit_bring_the_next,
             who_asks_during_a_visit_gets_the_log, log_without_segments_is_not_made,
             files_on_their_way_out_go_after_a_restart,
             compacted_and_unlimited_logs_are_not_opened,
             high_watermark_holds_back_unless_nobody_else_has_a_say,
             logs_of_an_unclean_stop_wait_for_recovery,
             times_that_are_not_known_are_read_in_a_job,
             closed_logs_are_visited_one_by_one, topics_may_go_during_the_pass,
             a_stop_ends_the_pass, failed_rename_takes_an_open_log_offline,
             visits_survive_each_disk_failure, timestamp_in_the_future_is_told_once)
