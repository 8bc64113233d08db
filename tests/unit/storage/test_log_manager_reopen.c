/* Logs that went offline because the disk was full: when they come back, and when
 * they must not. */
#include "tests/unit/storage/log_manager_fixture.h"

#define RECORDS 6
#define AMPLE (1LL << 30)
#define FIRST_TRY_MS 1000
#define LONGEST_MS 60000

static int count_lines(const struct fixture *f, const char *words)
{
    int count = 0;
    for (const char *at = f->traced; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* An open log of segments with two records each. */
static void begin(struct fixture *f, struct owner *o, struct log_handle *h)
{
    open_fixture(f);
    take_ownership(f, o);
    f->config.segment_bytes = 150;
    create(f, h, "t", 1, 0);
    must_open(f, h);
    must_append(f, h, RECORDS);
    pass_time(f, 0);
}

/* Appends until the disk has no more than `space` bytes more; returns how many. */
static int fill_disk(struct fixture *f, struct log_handle *h, int64_t space)
{
    int appended = 0;
    fake_disk_limit_space(&f->disk, space);
    while (append(f, h) == 0)
        appended++;
    ck_assert_int_eq(f->err.code, ERR_NO_SPACE);
    ck_assert(log_manager_check(f->m, h));
    ck_assert_int_eq(h->state, LOG_OFFLINE);
    return appended;
}

static void check_back(struct fixture *f, struct log_handle *h, int64_t end)
{
    ck_assert_int_eq(h->state, LOG_ONLINE);
    ck_assert_int_eq(partition_log_end_offset(h->log), end);
    ck_assert_int_eq(partition_log_high_watermark(h->log), end);
    must_append(f, h, 3);
    ck_assert_int_eq(partition_log_end_offset(h->log), end + 3);
}

START_TEST(a_log_comes_back_with_the_space)
{
    for (int64_t space = 0; space < 400; space += 13) {
        struct fixture f;
        struct owner o;
        struct log_handle h;
        struct reply r = reply();
        begin(&f, &o, &h);
        int end = RECORDS + fill_disk(&f, &h, space);
        ck_assert_int_eq(o.moved, 1);
        ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &r.request, &f.err),
                         ERR_OFFLINE);
        fake_disk_limit_space(&f.disk, AMPLE);
        pass_time(&f, FIRST_TRY_MS - 1);
        ck_assert_int_eq(h.state, LOG_OFFLINE);
        pass_time(&f, 1);
        ck_assert_int_eq(h.state, LOG_OPENING);
        run(&f);
        ck_assert_int_eq(o.moved, 2);
        ck_assert_int_eq(count_lines(&f, "t-0 goes offline"), 1);
        ck_assert_int_eq(count_lines(&f, "log t-0 is back online"), 1);
        check_back(&f, &h, end);
        stop(&f);
        ck_assert(fake_disk_has(&f.disk, MARKER));
        fake_disk_free(&f.disk);
    }
}
END_TEST

START_TEST(it_is_tried_at_growing_intervals_and_told_once)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    int end = RECORDS + fill_disk(&f, &h, 0);
    int64_t wait = FIRST_TRY_MS;
    for (int i = 0; i < 10; i++) {
        int jobs = f.executor.total;
        pass_time(&f, wait - 1);
        ck_assert_int_eq(h.state, LOG_OFFLINE);
        pass_time(&f, 1);
        ck_assert_int_gt(f.executor.total, jobs);
        run(&f);
        ck_assert_int_eq(h.state, LOG_OFFLINE);
        wait = wait * 2 > LONGEST_MS ? LONGEST_MS : wait * 2;
    }
    ck_assert_int_eq(count_lines(&f, "offline"), 1);
    fake_disk_limit_space(&f.disk, AMPLE);
    pass_time(&f, LONGEST_MS);
    run(&f);
    check_back(&f, &h, end);

    /* Full again soon: it waits as long as before. Later: not so. */
    fill_disk(&f, &h, 0);
    ck_assert_int_eq(h.reopen_delay_ms, LONGEST_MS);
    fake_disk_limit_space(&f.disk, AMPLE);
    pass_time(&f, LONGEST_MS);
    run(&f);
    ck_assert_int_eq(h.state, LOG_ONLINE);
    fake_clock_advance_ms(&f.clock, 3 * LONGEST_MS);
    fill_disk(&f, &h, 0);
    ck_assert_int_eq(h.reopen_delay_ms, FIRST_TRY_MS);
    close_fixture(&f);
}
END_TEST

/* Little space is not enough to begin with. */
START_TEST(space_for_the_next_batches_is_asked_for)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    int end = RECORDS + fill_disk(&f, &h, 0);
    fake_disk_limit_space(&f.disk, 2 * f.config.max_message_bytes - 1);
    pass_time(&f, FIRST_TRY_MS);
    run(&f);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    fake_disk_limit_space(&f.disk, 2 * f.config.max_message_bytes);
    pass_time(&f, 2 * FIRST_TRY_MS);
    run(&f);
    check_back(&f, &h, end);
    close_fixture(&f);
}
END_TEST

START_TEST(what_else_the_disk_refuses_waits_for_a_restart)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_eq(append(&f, &h), ERR_IO);
    ck_assert(log_manager_check(f.m, &h));
    pass_time(&f, 10 * LONGEST_MS);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    close_fixture(&f);
}
END_TEST

/* The kernel may have dropped pages, and recovery would not see it. */
START_TEST(a_failed_sync_waits_for_a_restart_even_for_want_of_space)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply r = reply();
    begin(&f, &o, &h);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &r.request, &f.err), 0);
    f.disk.fail_code = ERR_NO_SPACE;
    fake_disk_fail_nth(&f.disk, 1);
    run(&f);
    expect(&r, ERR_NO_SPACE);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    pass_time(&f, 10 * LONGEST_MS);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    close_fixture(&f);
}
END_TEST

START_TEST(a_log_that_lost_something_stays_offline_and_says_so)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    const char *last = DATA "/t-0/00000000000000000004.log";
    size_t size;
    begin(&f, &o, &h);
    fill_disk(&f, &h, 0);
    fake_disk_content(&f.disk, last, &size)[size - 1] ^= 1;
    fake_disk_limit_space(&f.disk, AMPLE);
    pass_time(&f, FIRST_TRY_MS);
    run(&f);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    ck_assert_int_eq(count_lines(&f, "log t-0 is offline until a restart: after "
                                     "recovery it ends at offset 5, and was at 6"),
                     1);
    pass_time(&f, 10 * LONGEST_MS);
    ck_assert_int_eq(h.state, LOG_OFFLINE);
    close_fixture(&f);
}
END_TEST

/* Whatever fails while a log is recovered, the next try or the next start has all. */
START_TEST(coming_back_survives_each_disk_failure)
{
    for (int i = 0; i < 2; i++) {
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
            struct fixture f;
            struct owner o;
            struct log_handle h;
            begin(&f, &o, &h);
            int end = RECORDS + fill_disk(&f, &h, 40);
            fake_disk_limit_space(&f.disk, AMPLE);
            pass_time(&f, FIRST_TRY_MS);
            f.disk.fail_code = i == 0 ? ERR_IO : ERR_NO_SPACE;
            fake_disk_fail_nth(&f.disk, nth);
            run(&f);
            fired = fake_disk_fired(&f.disk);
            fake_disk_fail_nth(&f.disk, 0);
            ck_assert(h.state == LOG_ONLINE || (fired && h.state == LOG_OFFLINE));
            if (h.state == LOG_OFFLINE && i == 1) {
                pass_time(&f, 2 * FIRST_TRY_MS);
                run(&f);
            } else if (h.state == LOG_OFFLINE) {
                kill_broker(&f);
                start(&f);
                take_ownership(&f, &o);
                add(&f, &h, "t", 1, 0);
                must_open(&f, &h);
            }
            check_back(&f, &h, end);
            close_fixture(&f);
        }
    }
}
END_TEST

START_TEST(a_folder_that_could_not_be_made_is_made_later)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    struct log_handle *handles[] = {&h};
    open_fixture(&f);
    fake_disk_limit_space(&f.disk, 0);
    add(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &r.request, &f.err), 0);
    run(&f);
    expect(&r, ERR_NO_SPACE);
    ck_assert_int_eq(count_lines(&f, "log t-0 is offline until there is space"), 1);
    pass_time(&f, 0);
    fake_disk_limit_space(&f.disk, AMPLE);
    pass_time(&f, FIRST_TRY_MS);
    run(&f);
    ck_assert_int_eq(h.state, LOG_ONLINE);
    ck_assert_int_eq(find_folder(&f, "t-0", "-stray").count, 0);
    must_append(&f, &h, 1);
    close_fixture(&f);
}
END_TEST

/* A stop leaves no marker while a log waits; nothing that it had is lost. */
START_TEST(a_stop_while_it_waits_is_no_clean_one)
{
    for (int tried = 0; tried < 2; tried++) {
        struct fixture f;
        struct owner o;
        struct log_handle h;
        struct reply r = reply();
        begin(&f, &o, &h);
        int end = RECORDS + fill_disk(&f, &h, 0);
        if (tried) {
            pass_time(&f, FIRST_TRY_MS);
            run(&f);
        }
        fake_disk_limit_space(&f.disk, AMPLE);
        log_manager_stop(f.m, 12, &r.request);
        run(&f);
        ck_assert_int_eq(r.calls, 1);
        ck_assert(!fake_disk_has(&f.disk, MARKER));
        kill_broker(&f);
        start(&f);
        take_ownership(&f, &o);
        add(&f, &h, "t", 1, 0);
        must_open(&f, &h);
        check_back(&f, &h, end);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(many_come_back_some_at_a_time)
{
    enum { MANY = 40, THREADS = 4 };
    struct fixture f;
    struct log_handle handles[MANY];
    open_fixture(&f);
    for (int i = 0; i < MANY; i++) {
        create(&f, &handles[i], "t", 1, i);
        must_open(&f, &handles[i]);
    }
    pass_time(&f, 0);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(fill_disk(&f, &handles[i], 10), 0);
    fake_disk_limit_space(&f.disk, AMPLE);
    f.executor.most = 0;
    int ticks = 0;
    for (int online = 0; online < MANY; ticks++) {
        ck_assert_int_lt(ticks, MANY);
        pass_time(&f, FIRST_TRY_MS);
        run(&f);
        online = 0;
        for (int i = 0; i < MANY; i++)
            online += handles[i].state == LOG_ONLINE;
    }
    ck_assert_int_le(f.executor.most, THREADS);
    ck_assert_int_eq(ticks, MANY / THREADS);
    close_fixture(&f);
}
END_TEST

START_TEST(checkpoints_that_fail_are_told_once_and_when_they_do_not)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    begin(&f, &o, &h);
    fake_disk_limit_space(&f.disk, 0);
    for (int i = 0; i < 3; i++) {
        pass_time(&f, 60000);
        run(&f);
    }
    ck_assert_int_eq(count_lines(&f, "cannot write a checkpoint: the fake disk"), 1);
    fake_disk_limit_space(&f.disk, AMPLE);
    for (int i = 0; i < 3; i++) {
        pass_time(&f, 60000);
        run(&f);
    }
    ck_assert_int_eq(count_lines(&f, "checkpoints can be written again"), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_log_may_be_deleted_while_it_comes_back)
{
    struct fixture f;
    struct owner o;
    struct log_handle h;
    struct reply r;
    begin(&f, &o, &h);
    fill_disk(&f, &h, 0);
    fake_disk_limit_space(&f.disk, AMPLE);
    pass_time(&f, FIRST_TRY_MS);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    run(&f);
    expect(&r, 0);
    ck_assert_int_eq(count_lines(&f, "back online"), 0);
    create(&f, &h, "t", 2, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager_reopen", a_log_comes_back_with_the_space,
             it_is_tried_at_growing_intervals_and_told_once,
             space_for_the_next_batches_is_asked_for,
             what_else_the_disk_refuses_waits_for_a_restart,
             a_failed_sync_waits_for_a_restart_even_for_want_of_space,
             a_log_that_lost_something_stays_offline_and_says_so,
             coming_back_survives_each_disk_failure,
             a_folder_that_could_not_be_made_is_made_later,
             a_stop_while_it_waits_is_no_clean_one, many_come_back_some_at_a_time,
             checkpoints_that_fail_are_told_once_and_when_they_do_not,
             a_log_may_be_deleted_while_it_comes_back)
