#include "storage/time_index.h"

#include "tests/support/check_main.h"
#include "tests/support/fake_disk.h"

#define BASE 1000
#define PATH "d/00000000000000001000.timeindex"

static struct fake_disk d;
static struct time_index x;
static struct err err;

static void setup(void)
{
    fake_disk_init(&d);
    time_index_init(&x, &d.disk, "d", BASE);
    ck_assert_int_eq(time_index_create(&x, &err), 0);
}

static void reopen(void)
{
    time_index_close(&x);
    time_index_init(&x, &d.disk, "d", BASE);
}

static void teardown(void)
{
    time_index_close(&x);
    ck_assert_int_eq(d.open_descriptors, 0);
    fake_disk_free(&d);
}

static void append_one(int64_t timestamp, int64_t offset)
{
    ck_assert_int_eq(time_index_reserve(&x, &err), 0);
    time_index_append(&x, (struct timestamp_offset){timestamp, offset});
}

/* Entry i: timestamp 100 * i, offset BASE + 10 * i. */
static void append(int from, int to)
{
    for (int i = from; i < to; i++)
        append_one(100 * i, BASE + 10 * i);
}

static void check_lookups(int count)
{
    struct timestamp_offset got;
    for (int64_t timestamp = -3; timestamp < 100 * count + 50; timestamp += 7) {
        int i = timestamp < 0 ? -1 : (int)(timestamp / 100);
        if (i >= count)
            i = count - 1;
        ck_assert_int_eq(time_index_lookup(&x, timestamp, &got, &err), 0);
        ck_assert_int_eq(got.timestamp, i < 0 ? -1 : 100 * i);
        ck_assert_int_eq(got.offset, i < 0 ? BASE : BASE + 10 * i);
    }
}

START_TEST(lookup_finds_the_entry_at_or_before)
{
    static const int counts[] = {0, 1, 2, 100, 341, 342, 1500};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        setup();
        append(0, counts[i]);
        check_lookups(counts[i]);
        ck_assert_int_eq(index_file_write_out(&x.file, true, &err), 0);
        reopen();
        check_lookups(counts[i]);
        teardown();
    }
}
END_TEST

START_TEST(entries_are_kafkas_bytes)
{
    setup();
    static const uint8_t expected[] = {0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 7};
    size_t len;
    append_one(0x0000010000000002, BASE + 7);
    index_file_write_out(&x.file, true, &err);
    ck_assert_mem_eq(fake_disk_content(&d, PATH, &len), expected, sizeof(expected));
    teardown();
}
END_TEST

START_TEST(only_larger_timestamps_get_an_entry)
{
    setup();
    append_one(-1, BASE); /* a batch without a timestamp */
    ck_assert_int_eq(time_index_count(&x), 0);
    append_one(500, BASE + 1);
    append_one(500, BASE + 1);
    append_one(400, BASE + 2);
    ck_assert_int_eq(time_index_count(&x), 1);
    append_one(501, BASE + 3);
    ck_assert_int_eq(time_index_count(&x), 2);
    teardown();
}
END_TEST

START_TEST(truncation_drops_entries_at_or_above_an_offset)
{
    for (int64_t to = BASE; to < BASE + 130; to++) {
        setup();
        append(0, 6);
        index_file_write_out(&x.file, true, &err);
        append(6, 10);
        ck_assert_int_eq(time_index_truncate_to(&x, to, &err), 0);
        int left = to <= BASE ? 0 : (int)((to - 1 - BASE) / 10) + 1;
        left = left > 10 ? 10 : left;
        ck_assert_int_eq(time_index_count(&x), left);
        append(left, left + 2);
        check_lookups(left + 2);
        teardown();
    }
}
END_TEST

START_TEST(zeros_behind_the_entries_do_not_count)
{
    for (int count = 0; count < 4; count++) {
        setup();
        uint8_t file[6000] = {0};
        for (int i = 0; i < count; i++) {
            store_be64(file + 12 * i, (uint64_t)(100 * i + 100));
            store_be32(file + 12 * i + 8, (uint32_t)(10 * i + 10));
        }
        fake_disk_put(&d, PATH, file, sizeof(file));
        reopen();
        ck_assert_int_eq(time_index_load(&x, &err), 0);
        ck_assert_int_eq(time_index_count(&x), count);
        ck_assert_int_eq(x.last.timestamp, count == 0 ? -1 : 100 * count);
        teardown();
    }
}
END_TEST

START_TEST(a_record_of_1970_may_have_an_entry_of_zeros)
{
    setup();
    uint8_t zeros[12] = {0};
    fake_disk_put(&d, PATH, zeros, sizeof(zeros));
    reopen();
    ck_assert_int_eq(time_index_load(&x, &err), 0);
    ck_assert_int_eq(time_index_count(&x), 1);
    ck_assert_int_eq(x.last.timestamp, 0);
    teardown();
}
END_TEST

GREGOR_TESTS("time_index", lookup_finds_the_entry_at_or_before,
             entries_are_kafkas_bytes, only_larger_timestamps_get_an_entry,
             truncation_drops_entries_at_or_above_an_offset,
             zeros_behind_the_entries_do_not_count,
             a_record_of_1970_may_have_an_entry_of_zeros)
