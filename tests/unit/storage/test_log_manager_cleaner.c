/* The log cleaner: which log is cleaned, when, at what rate; what ends a cleaning; and
 * the logs that are closed, or cannot be cleaned. */
#include <math.h>

#include "storage/log_manager_internal.h"
#include "storage/log_path.h"
#include "tests/unit/storage/log_manager_fixture.h"

#define BACKOFF_MS 15000

static struct fixture f;
static struct log_handle h[4];

static void setup(void)
{
    open_fixture(&f);
    f.trace.level = TRACE_INFO;
    f.config.segment_bytes = 200;
    f.config.cleanup_compact = true;
    f.config.min_cleanable_dirty_ratio = 0.5;
    f.config.max_compaction_lag_ms = INT64_MAX;
    f.config.delete_retention_ms = 86400000;
    f.config.file_delete_delay_ms = 60000;
}

/* Sets the manager up as a broker does at its start. */
static void enable(int threads)
{
    struct log_cleaner_config config = {.threads = threads,
                                        .backoff_ms = BACKOFF_MS,
                                        .dedupe_buffer_bytes = 4 << 20,
                                        .io_buffer_bytes = 64 << 10,
                                        .load_factor = 0.9,
                                        .io_max_bytes_per_second = INFINITY};
    f.m->o.cleaner.enable = true;
    log_manager_set_cleaner(f.m, &config);
}

/* The first tick sets the clock, the one after the backoff looks for work. */
static void round_begins(void)
{
    tick(&f);
    fake_clock_advance_ms(&f.clock, BACKOFF_MS);
    tick(&f);
}

static void append_key(struct log_handle *to, char key)
{
    struct record_batch_builder b;
    struct append_result result;
    uint8_t byte = (uint8_t)key;
    record_batch_builder_init(&b, 0);
    record_batch_builder_add(&b, 1700000000000LL, (struct bytes){&byte, 1},
                             (struct bytes){(const uint8_t *)"hello", 5}, NULL, 0);
    ck_assert_int_eq(record_batch_builder_finish(&b, &f.err), 0);
    ck_assert_int_eq(partition_log_append(to->log, b.out.data, (int32_t)b.out.len, 0,
                                          APPEND_CLIENT, &result, &f.err),
                     0);
    record_batch_builder_free(&b);
    partition_log_set_high_watermark(to->log, INT64_MAX);
}

/* A log of `count` records of the same key, two a segment. */
static void make_dirty(struct log_handle *to, uint8_t id, int count)
{
    char name[2] = {(char)('a' + id), '\0'};
    create(&f, to, name, id, 0);
    must_open(&f, to);
    while (count-- > 0)
        append_key(to, 'k');
}

static int64_t first_dirty(const struct log_handle *of)
{
    return partition_log_first_dirty_offset(of->log);
}

START_TEST(a_dirty_log_is_cleaned_after_the_backoff_and_checkpointed)
{
    setup();
    enable(1);
    make_dirty(&h[0], 1, 9);
    tick(&f);
    fake_clock_advance_ms(&f.clock, BACKOFF_MS - 1);
    tick(&f);
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 0);
    fake_clock_advance_ms(&f.clock, 1);
    tick(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 0); /* not on the loop */
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 8);
    ck_assert_ptr_nonnull(strstr(f.traced,
                                 "log b-0 is cleaned from offset 0 to 8: 1 of "
                                 "8 records"));
    expect_checkpoint(&f, CLEANER_CHECKPOINT, "b-0=8 ");
    stop(&f);
    start(&f);
    add(&f, &h[0], "b", 1, 0);
    ck_assert_int_eq(h[0].first_dirty_offset, 8);
    must_open(&f, &h[0]);
    ck_assert_int_eq(first_dirty(&h[0]), 8);
    close_fixture(&f);
}
END_TEST

START_TEST(the_dirtiest_log_is_first_and_the_others_follow_at_once)
{
    setup();
    enable(1);
    make_dirty(&h[0], 1, 9);
    make_dirty(&h[1], 2, 9);
    round_begins();
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 8);
    ck_assert_int_eq(first_dirty(&h[1]), 8);
    /* Both have a clean part now; what is left of it differs. */
    f.traced[0] = '\0';
    for (int i = 0; i < 4; i++)
        append_key(&h[0], (char)('k' + i));
    for (int i = 0; i < 40; i++)
        append_key(&h[1], 'k');
    round_begins();
    run(&f);
    const char *a = strstr(f.traced, "log b-0 is cleaned");
    const char *b = strstr(f.traced, "log c-0 is cleaned");
    ck_assert(a != NULL && b != NULL);
    close_fixture(&f);
}
END_TEST

START_TEST(logs_that_are_not_compacted_or_not_dirty_enough_stay)
{
    setup();
    enable(1);
    f.config.cleanup_compact = false;
    make_dirty(&h[0], 1, 9);
    round_begins();
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 0);
    f.config.cleanup_compact = true;
    f.config.min_cleanable_dirty_ratio = 1; /* never above it */
    round_begins();
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 0);
    f.config.min_cleanable_dirty_ratio = 0.5;
    f.m->o.cleaner.enable = false;
    round_begins();
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(as_many_logs_are_cleaned_at_once_as_there_are_threads)
{
    setup();
    enable(2);
    for (uint8_t i = 0; i < 3; i++)
        make_dirty(&h[i], (uint8_t)(i + 1), 9);
    round_begins();
    ck_assert_int_eq(f.m->cleaner.lane_count, 2);
    ck_assert_int_eq(f.executor.count, 2);
    run(&f);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(first_dirty(&h[i]), 8);
    close_fixture(&f);
}
END_TEST

START_TEST(the_rate_is_kept)
{
    setup();
    enable(1);
    f.m->o.cleaner.io_max_bytes_per_second = 1000;
    make_dirty(&h[0], 1, 9);
    int64_t size = partition_log_size_bytes(h[0].log);
    round_begins();
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 0); /* the first slice is to be paid for */
    int64_t waited = 0;
    while (first_dirty(&h[0]) == 0) {
        fake_clock_advance_ms(&f.clock, 20);
        waited += 20;
        ck_assert_int_le(log_manager_tick(f.m, clock_mono_ms(&f.clock.clock)),
                         BACKOFF_MS);
        run(&f);
        ck_assert_int_lt(waited, 60000);
    }
    /* All but the active segment is read, for the map and again. */
    ck_assert_int_ge(waited, size);
    close_fixture(&f);
}
END_TEST

START_TEST(flushes_go_on_and_are_answered)
{
    struct reply r[40];
    int asked = 0;
    setup();
    enable(1);
    make_dirty(&h[0], 1, 9);
    round_begins();
    while (f.executor.count > 0 && asked < 40) {
        append_key(&h[0], 'k');
        r[asked] = reply();
        ck_assert_int_eq(log_manager_flush(f.m, &h[0], &r[asked].request, &f.err), 0);
        asked++;
        fake_executor_run_one(&f.executor);
    }
    run(&f);
    for (int i = 0; i < asked; i++)
        expect(&r[i], 0);
    ck_assert_int_ge(first_dirty(&h[0]), 8);
    ck_assert_int_eq(partition_log_end_offset(h[0].log), 9 + asked);
    close_fixture(&f);
}
END_TEST

static int left_over(void *context, const struct disk_entry *entry)
{
    (void)context;
    return ends_with(entry->name, ".cleaned") || ends_with(entry->name, ".swap");
}

static void expect_no_leftovers(const char *folder)
{
    struct disk *disk = &f.disk.disk;
    ck_assert_int_eq(disk->ops->list(disk, folder, left_over, NULL, &f.err), 0);
}

/* Begins a cleaning and lets so many jobs of it run; whether it is still at work. Then
 * its log is deleted, or its policy changed, or the broker stopped. */
static bool clean_for(int jobs)
{
    setup();
    enable(1);
    make_dirty(&h[0], 1, 9);
    round_begins();
    for (int i = 0; i < jobs; i++)
        fake_executor_run_one(&f.executor);
    return h[0].cleaning != NULL;
}

START_TEST(a_cleaning_ends_when_its_log_is_deleted)
{
    bool busy = true;
    for (int jobs = 0; busy; jobs++) {
        struct reply r;
        busy = clean_for(jobs);
        ck_assert_int_eq(delete_one(&f, &h[0], &r), 0);
        run(&f);
        expect(&r, 0);
        ck_assert_int_eq(f.m->cleaner.lane_count, 0);
        ck_assert_int_eq(find_folder(&f, "b-0.", "-delete").count, 1);
        ck_assert_int_eq(find_folder(&f, "b-0", "b-0").count, 0);
        expect_checkpoint(&f, CLEANER_CHECKPOINT, "");
        close_fixture(&f);
    }
}
END_TEST

START_TEST(a_cleaning_ends_when_its_log_is_compacted_no_more)
{
    bool busy = true;
    for (int jobs = 0; busy; jobs++) {
        struct topic_config other;
        busy = clean_for(jobs);
        other = f.config;
        other.cleanup_compact = false;
        log_manager_set_config(f.m, id_of(1), &other);
        run(&f);
        ck_assert_int_eq(f.m->cleaner.lane_count, 0);
        ck_assert_ptr_null(h[0].job);
        ck_assert_ptr_null(partition_log_offline(h[0].log));
        expect_no_leftovers(DATA "/b-0");
        append_key(&h[0], 'x');
        log_manager_set_config(f.m, id_of(1), &f.config);
        close_fixture(&f);
    }
}
END_TEST

START_TEST(the_stop_ends_a_cleaning)
{
    bool busy = true;
    for (int jobs = 0; busy; jobs++) {
        busy = clean_for(jobs);
        stop(&f);
        ck_assert(fake_disk_has(&f.disk, MARKER));
        expect_no_leftovers(DATA "/b-0");
        fake_disk_free(&f.disk);
    }
}
END_TEST

START_TEST(the_stop_does_not_wait_for_the_rate)
{
    setup();
    enable(1);
    f.m->o.cleaner.io_max_bytes_per_second = 1;
    make_dirty(&h[0], 1, 9);
    round_begins();
    run(&f);
    ck_assert_int_eq(f.m->cleaner.lane_count, 1);
    stop(&f);
    fake_disk_free(&f.disk);
}
END_TEST

START_TEST(a_log_that_cannot_be_cleaned_is_told_of_once_and_the_others_go_on)
{
    size_t len;
    setup();
    enable(1);
    make_dirty(&h[0], 1, 9);
    make_dirty(&h[1], 2, 9);
    fake_disk_content(&f.disk, DATA "/b-0/00000000000000000002.log", &len)[70] ^= 1;
    for (int i = 0; i < 3; i++) {
        round_begins();
        run(&f);
    }
    const char *told = strstr(f.traced, "log b-0 cannot be cleaned");
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_nonnull(strstr(told,
                                 "b-0/00000000000000000002.log: the batch at offset "
                                 "2: the checksum does not hold"));
    ck_assert_ptr_null(strstr(told + 1, "log b-0 cannot be cleaned"));
    ck_assert_int_eq(first_dirty(&h[1]), 8);
    append_key(&h[0], 'k'); /* it works as before */
    expect_no_leftovers(DATA "/b-0");
    close_fixture(&f);
}
END_TEST

START_TEST(a_full_disk_is_told_of_once_and_tried_again)
{
    setup();
    enable(1);
    make_dirty(&h[0], 1, 9);
    append_key(&h[0], 'z');
    append_key(&h[0], 'k');
    append_key(&h[0], 'k');
    fake_disk_limit_space(&f.disk, 0);
    for (int i = 0; i < 3; i++) {
        round_begins();
        run(&f);
    }
    const char *told = strstr(f.traced, "log b-0 cannot be cleaned for now");
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_null(strstr(told + 1, "log b-0 cannot be cleaned"));
    ck_assert_int_eq(h[0].state, LOG_ONLINE);
    fake_disk_limit_space(&f.disk, -1);
    round_begins();
    run(&f);
    ck_assert_int_eq(first_dirty(&h[0]), 10);
    close_fixture(&f);
}
END_TEST

START_TEST(a_failing_rename_takes_the_log_offline_and_a_restart_mends_it)
{
    int offline = 0;
    for (unsigned nth = 1; nth < 120; nth++) {
        setup();
        enable(1);
        make_dirty(&h[0], 1, 9);
        append_key(&h[0], 'z');
        round_begins();
        fake_disk_fail_nth(&f.disk, nth);
        run(&f);
        fake_disk_fail_nth(&f.disk, 0);
        offline += h[0].state == LOG_OFFLINE;
        kill_broker(&f);
        start(&f);
        add(&f, &h[0], "b", 1, 0);
        must_open(&f, &h[0]);
        ck_assert_int_eq(partition_log_end_offset(h[0].log), 10);
        expect_no_leftovers(DATA "/b-0");
        close_fixture(&f);
    }
    ck_assert_int_gt(offline, 10);
}
END_TEST

/* ---- closed logs --------------------------------------------------------- */

START_TEST(of_closed_logs_only_dirty_ones_are_opened)
{
    setup();
    make_dirty(&h[0], 1, 9);
    make_dirty(&h[1], 2, 1);
    make_dirty(&h[2], 3, 9);
    stop(&f);
    f.config.min_cleanable_dirty_ratio = 0.5;
    start(&f);
    enable(1);
    for (uint8_t i = 0; i < 3; i++) {
        char name[2] = {(char)('b' + i), '\0'};
        add(&f, &h[i], name, (uint8_t)(i + 1), 0);
    }
    h[2].first_dirty_offset = 8; /* as if the checkpoint said so: clean */
    round_begins();
    run(&f);
    ck_assert_int_eq(h[0].state, LOG_ONLINE);
    ck_assert_int_eq(first_dirty(&h[0]), 8);
    ck_assert_int_eq(h[1].state, LOG_CLOSED);
    ck_assert_int_eq(h[2].state, LOG_CLOSED);
    /* And they are not looked at again, until settings change. */
    unsigned opens = f.disk.opens;
    round_begins();
    run(&f);
    ck_assert_uint_eq(f.disk.opens, opens);
    struct topic_config other = f.config;
    other.max_compaction_lag_ms = 1000;
    log_manager_set_config(f.m, id_of(2), &other);
    round_begins();
    run(&f);
    ck_assert_uint_gt(f.disk.opens, opens);
    ck_assert_int_eq(h[1].state, LOG_CLOSED); /* nothing in it but the active segment */
    log_manager_set_config(f.m, id_of(2), &f.config);
    close_fixture(&f);
}
END_TEST

START_TEST(many_closed_logs_are_looked_at_in_portions)
{
    enum { MANY = 150 };
    static struct log_handle many[MANY];
    setup();
    for (int i = 0; i < MANY; i++)
        create(&f, &many[i], "t", 1, i);
    stop(&f);
    start(&f);
    enable(1);
    for (int i = 0; i < MANY; i++)
        add(&f, &many[i], "t", 1, i);
    int before = f.executor.total;
    round_begins();
    run(&f);
    ck_assert_int_eq(f.executor.total - before, 3);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(many[i].state, LOG_CLOSED);
    close_fixture(&f);
}
END_TEST

START_TEST(an_unreadable_checkpoint_means_cleaning_from_the_start)
{
    setup();
    make_dirty(&h[0], 1, 9);
    stop(&f);
    fake_disk_put(&f.disk, DATA "/" CLEANER_CHECKPOINT, "0\n1\nb zero 8\n", 13);
    start(&f);
    ck_assert_ptr_nonnull(strstr(f.traced, "the logs are cleaned from their start"));
    kill_broker(&f);
    f.traced[0] = '\0';
    fake_disk_put(&f.disk, DATA "/" CLEANER_CHECKPOINT, "", 0); /* as Kafka begins it */
    start(&f);
    ck_assert_str_eq(f.traced, "");
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager_cleaner",
             a_dirty_log_is_cleaned_after_the_backoff_and_checkpointed,
             the_dirtiest_log_is_first_and_the_others_follow_at_once,
             logs_that_are_not_compacted_or_not_dirty_enough_stay,
             as_many_logs_are_cleaned_at_once_as_there_are_threads, the_rate_is_kept,
             flushes_go_on_and_are_answered, a_cleaning_ends_when_its_log_is_deleted,
             a_cleaning_ends_when_its_log_is_compacted_no_more,
             the_stop_ends_a_cleaning, the_stop_does_not_wait_for_the_rate,
             a_log_that_cannot_be_cleaned_is_told_of_once_and_the_others_go_on,
             a_full_disk_is_told_of_once_and_tried_again,
             a_failing_rename_takes_the_log_offline_and_a_restart_mends_it,
             of_closed_logs_only_dirty_ones_are_opened,
             many_closed_logs_are_looked_at_in_portions,
             an_unreadable_checkpoint_means_cleaning_from_the_start)
