#include "storage/segment.h"

#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

static struct log_fixture f; /* for its disk and its batches */
static struct segment *s;

static void setup(void)
{
    log_fixture_init(&f);
    ck_assert_int_eq(segment_create(&f.disk.disk, FIXTURE_DIR, 100, 0, &s, &f.err), 0);
}

static void reopen(void)
{
    segment_close(s);
    ck_assert_int_eq(segment_open(&f.disk.disk, FIXTURE_DIR, 100, 0, false, &s, &f.err),
                     0);
    ck_assert_int_eq(segment_prepare(s, &f.err), 0);
}

static void teardown(void)
{
    segment_close(s);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
    log_fixture_free(&f);
}

/* Batches of two records; one offset between each is left out. */
static int append(int i, int64_t timestamp, int32_t interval)
{
    struct record_batch batch;
    struct buf data = fixture_build(
        &f, (struct fixture_batch){
                .records = 2, .base_offset = 100 + 3 * i, .timestamp = timestamp});
    record_batch_read(data.data, data.len, &batch, NULL);
    int rc = segment_append(s, data.data, &batch, interval, &f.err);
    buf_free(&data);
    return rc;
}

static void append_many(int count, int32_t interval)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(append(i, 1000 + i, interval), 0);
}

static void check_finds(int count)
{
    struct batch_place place;
    for (int64_t offset = 100; offset < 100 + 3 * count - 1; offset++) {
        int64_t base = 100 + (offset - 100) / 3 * 3;
        if (offset == base + 2)
            base += 3; /* the gap leads to the next */
        ck_assert_int_eq(segment_find(s, offset, &place, &f.err), 1);
        ck_assert_int_eq(place.base_offset, base);
        ck_assert_int_eq(place.last_offset, base + 1);
    }
    ck_assert_int_eq(segment_find(s, 100 + 3 * count - 1, &place, &f.err), 0);
}

START_TEST(finds_the_batch_of_an_offset)
{
    static const int32_t intervals[] = {0, 150, 4096};
    for (int i = 0; i < 3; i++) {
        setup();
        append_many(700, intervals[i]);
        check_finds(700);
        ck_assert_int_eq(segment_write_out(s, true, &f.err), 0);
        reopen();
        check_finds(700);
        int64_t next;
        ck_assert_int_eq(segment_next_offset(s, &next, &f.err), 0);
        ck_assert_int_eq(next, 100 + 3 * 700 - 1);
        segment_rest(s);
        check_finds(700);
        teardown();
    }
}
END_TEST

START_TEST(an_index_that_leads_astray_is_passed_by)
{
    setup();
    append_many(50, 0);
    ck_assert_int_eq(segment_write_out(s, true, &f.err), 0);
    size_t len;
    uint8_t *index = fake_disk_content(&f.disk, fixture_path(100, ".index"), &len);
    for (size_t at = 0; at < len; at += 8)
        store_be32(index + at + 4, load_be32(index + at + 4) - 1);
    reopen();
    check_finds(50);
    teardown();
}
END_TEST

START_TEST(entry_comes_when_more_than_the_interval_lies_behind)
{
    setup();
    append_many(1, 0);
    int32_t batch = (int32_t)s->size;
    teardown();
    setup();
    append_many(10, 3 * batch); /* not at 3, but at 4; then at 8 */
    ck_assert_int_eq(offset_index_count(&s->offsets), 2);
    ck_assert_int_eq(s->offsets.last.position, 8 * batch);
    ck_assert_int_eq(s->offsets.last.offset, 100 + 3 * 8 + 1);
    ck_assert_int_eq(s->times.last.timestamp, 1008);
    teardown();
}
END_TEST

START_TEST(failed_append_is_undone)
{
    setup();
    append_many(5, 0);
    int64_t before = s->size;
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_eq(append(5, 2000, 0), ERR_IO);
    ck_assert_int_eq(s->size, before);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(100, ".log")), before);
    ck_assert_int_eq(s->max_timestamp.timestamp, 1004);
    check_finds(5);
    ck_assert_int_eq(append(5, 2000, 0), 0);
    check_finds(6);
    teardown();
}
END_TEST

START_TEST(largest_timestamp_is_known_after_closing_and_cutting)
{
    setup();
    struct timestamp_offset max;
    static const int64_t timestamps[] = {10, 50, 20, 40, 60, 30};
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(append(i, timestamps[i], 1 << 20), 0);
    ck_assert_int_eq(segment_write_out(s, true, &f.err), 0);
    reopen();
    segment_max_timestamp(s, &max, &f.err);
    ck_assert_int_eq(max.timestamp, 60);
    ck_assert_int_eq(max.offset, 100 + 3 * 4 + 1);
    ck_assert_int_eq(segment_truncate_to(s, 100 + 3 * 4, &f.err), 0);
    segment_max_timestamp(s, &max, &f.err);
    ck_assert_int_eq(max.timestamp, 50);
    ck_assert_int_eq(max.offset, 100 + 3 + 1);
    ck_assert_int_eq(s->first_timestamp, 10);
    ck_assert_int_eq(segment_truncate_to(s, 100, &f.err), 0);
    segment_max_timestamp(s, &max, &f.err);
    ck_assert_int_eq(max.timestamp, -1);
    ck_assert_int_eq(s->size, 0);
    teardown();
}
END_TEST

START_TEST(end_that_is_no_batch_is_told)
{
    setup();
    append_many(5, 0);
    ck_assert_int_eq(segment_write_out(s, true, &f.err), 0);
    size_t len;
    int64_t next;
    struct buf log = BUF_INIT;
    const uint8_t *data = fake_disk_content(&f.disk, fixture_path(100, ".log"), &len);
    buf_append(&log, data, len);
    for (size_t cut = 1; cut < len / 5; cut++) {
        fake_disk_put(&f.disk, fixture_path(100, ".log"), log.data, len - cut);
        segment_close(s);
        ck_assert_int_eq(
            segment_open(&f.disk.disk, FIXTURE_DIR, 100, 0, false, &s, &f.err), 0);
        ck_assert_int_eq(segment_next_offset(s, &next, &f.err), ERR_CORRUPT);
    }
    buf_free(&log);
    teardown();
}
END_TEST

GREGOR_TESTS("segment", finds_the_batch_of_an_offset,
             an_index_that_leads_astray_is_passed_by,
             entry_comes_when_more_than_the_interval_lies_behind,
             failed_append_is_undone,
             largest_timestamp_is_known_after_closing_and_cutting,
             end_that_is_no_batch_is_told)
