#include <stdio.h>

#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

static struct log_fixture f;

/* Segments from 0, 2, 4 and 6 on, written to at 100, 200, 300 and 400; the last one
 * has one batch. */
static void setup(void)
{
    log_fixture_init(&f);
    log_fixture_open(&f, true);
    f.config.segment_bytes = 200;
    for (int i = 0; i < 7; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = 20});
    for (int i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof(path), FIXTURE_DIR "/%020d.log", 2 * i);
        fake_disk_set_modified(&f.disk, path, 100 * (i + 1));
    }
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static void check_before(int64_t timestamp, int count)
{
    static const int64_t all[] = {0, 2, 4, 6, 7};
    struct offsets_before o;
    ck_assert_int_eq(partition_log_offsets_begin(f.log, &o, &f.err), 0);
    ck_assert_int_eq(offsets_before_run(&o, timestamp, 1000, &f.err), 0);
    ck_assert_int_eq(o.count, count);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(o.offsets[i], all[i]);
    offsets_before_free(&o);
}

START_TEST(what_was_written_by_then_is_left)
{
    setup();
    check_before(99, 0);
    for (int i = 0; i < 4; i++) {
        check_before(100 * (i + 1), i + 1);
        check_before(100 * (i + 1) + 99, i + 1);
    }
    check_before(999, 4);
    check_before(1000, 5);
    teardown();
}
END_TEST

START_TEST(an_empty_log_has_its_beginning_alone)
{
    struct offsets_before o;
    log_fixture_init(&f);
    log_fixture_open(&f, true);
    ck_assert_int_eq(partition_log_offsets_begin(f.log, &o, &f.err), 0);
    ck_assert_int_eq(o.count, 1);
    ck_assert_int_eq(o.offsets[0], 0);
    offsets_before_free(&o);
    teardown();
}
END_TEST

START_TEST(a_segment_that_went_meanwhile_is_older_than_any_time)
{
    struct offsets_before o;
    setup();
    ck_assert_int_eq(partition_log_offsets_begin(f.log, &o, &f.err), 0);
    fake_disk_drop(&f.disk, FIXTURE_DIR "/00000000000000000000.log");
    fake_disk_drop(&f.disk, FIXTURE_DIR "/00000000000000000002.log");
    ck_assert_int_eq(offsets_before_run(&o, 50, 1000, &f.err), 0);
    ck_assert_int_eq(o.count, 2);
    offsets_before_free(&o);
    teardown();
}
END_TEST

START_TEST(a_failing_disk_is_told_of)
{
    struct offsets_before o;
    setup();
    for (unsigned nth = 1; nth <= 4; nth++) {
        ck_assert_int_eq(partition_log_offsets_begin(f.log, &o, &f.err), 0);
        fake_disk_fail_nth(&f.disk, nth);
        ck_assert_int_eq(offsets_before_run(&o, 50, 1000, &f.err), ERR_IO);
        ck_assert(fake_disk_fired(&f.disk));
        fake_disk_fail_nth(&f.disk, 0);
        offsets_before_free(&o);
    }
    teardown();
}
END_TEST

GREGOR_TESTS("partition_log_offsets", what_was_written_by_then_is_left,
             an_empty_log_has_its_beginning_alone,
             a_segment_that_went_meanwhile_is_older_than_any_time,
             a_failing_disk_is_told_of)
