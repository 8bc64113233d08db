#include "storage/offset_index.h"

#include "storage/log_path.h"
#include "tests/support/check_main.h"
#include "tests/support/fake_disk.h"

#define BASE 1000
#define PATH "d/00000000000000001000.index"

static struct fake_disk d;
static struct offset_index x;
static struct err err;

static void setup(void)
{
    fake_disk_init(&d);
    offset_index_init(&x, &d.disk, "d", BASE);
    ck_assert_int_eq(offset_index_create(&x, &err), 0);
}

static void reopen(void)
{
    offset_index_close(&x);
    offset_index_init(&x, &d.disk, "d", BASE);
}

static void teardown(void)
{
    offset_index_close(&x);
    ck_assert_int_eq(d.open_descriptors, 0);
    fake_disk_free(&d);
}

/* Entry i: offset BASE + 10 * i + 5, position 100 * (i + 1). */
static void append(int from, int to)
{
    for (int i = from; i < to; i++) {
        ck_assert_int_eq(offset_index_reserve(&x, &err), 0);
        offset_index_append(&x, BASE + 10 * i + 5, 100 * (i + 1));
    }
}

static void check_lookups(int count)
{
    struct offset_position got;
    for (int64_t offset = BASE; offset < BASE + 10 * count + 20; offset++) {
        int i = offset < BASE + 5 ? -1 : (int)((offset - BASE - 5) / 10);
        if (i >= count)
            i = count - 1;
        ck_assert_int_eq(offset_index_lookup(&x, offset, &got, &err), 0);
        ck_assert_int_eq(got.offset, i < 0 ? BASE : BASE + 10 * i + 5);
        ck_assert_int_eq(got.position, i < 0 ? 0 : 100 * (i + 1));
    }
}

START_TEST(lookup_finds_the_entry_at_or_below)
{
    static const int counts[] = {0, 1, 2, 100, 511, 512, 513, 1500};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        setup();
        append(0, counts[i]);
        check_lookups(counts[i]); /* in file and tail */
        ck_assert_int_eq(index_file_write_out(&x.file, true, &err), 0);
        check_lookups(counts[i]);
        reopen();
        check_lookups(counts[i]); /* in the file */
        ck_assert_int_eq(fake_disk_size(&d, PATH), 8 * counts[i]);
        teardown();
    }
}
END_TEST

START_TEST(entries_are_kafkas_bytes)
{
    setup();
    static const uint8_t expected[] = {0, 0, 0, 5,  0, 0, 0, 100,
                                       0, 0, 0, 15, 0, 0, 0, 200};
    size_t len;
    append(0, 2);
    ck_assert_int_eq(fake_disk_size(&d, PATH), 0);
    ck_assert_int_eq(index_file_write_out(&x.file, true, &err), 0);
    ck_assert_mem_eq(fake_disk_content(&d, PATH, &len), expected, sizeof(expected));
    teardown();
}
END_TEST

START_TEST(tail_takes_no_more_than_four_kib)
{
    setup();
    append(0, 512);
    ck_assert_int_eq(fake_disk_size(&d, PATH), 0);
    append(512, 513);
    ck_assert_int_eq(fake_disk_size(&d, PATH), 4096);
    ck_assert_uint_le(x.file.tail.cap, 4096);
    teardown();
}
END_TEST

START_TEST(reserve_that_fails_changes_nothing)
{
    setup();
    append(0, 512);
    for (unsigned nth = 1; nth <= 2; nth++) { /* the open, the write */
        index_file_rest(&x.file);
        fake_disk_fail_nth(&d, nth);
        ck_assert_int_eq(offset_index_reserve(&x, &err), ERR_IO);
    }
    fake_disk_fail_nth(&d, 0);
    check_lookups(512);
    append(512, 600);
    check_lookups(600);
    teardown();
}
END_TEST

START_TEST(truncation_drops_entries_at_or_above)
{
    for (int tail = 0; tail < 2; tail++) {
        for (int64_t to = BASE; to < BASE + 130; to++) {
            setup();
            append(0, 6);
            if (tail == 0)
                index_file_write_out(&x.file, true, &err);
            append(6, 10);
            ck_assert_int_eq(offset_index_truncate_to(&x, to, &err), 0);
            int left = to <= BASE + 5 ? 0 : (int)((to - 1 - BASE - 5) / 10) + 1;
            left = left > 10 ? 10 : left;
            ck_assert_int_eq(offset_index_count(&x), left);
            check_lookups(left);
            append(left, left + 3);
            check_lookups(left + 3);
            ck_assert_int_eq(index_file_write_out(&x.file, true, &err), 0);
            reopen();
            check_lookups(left + 3);
            teardown();
        }
    }
}
END_TEST

/* As a crashed Kafka leaves it: preallocated, the rest zeros. */
START_TEST(zeros_behind_the_entries_do_not_count)
{
    for (int count = 0; count < 4; count++) {
        setup();
        uint8_t file[8192] = {0};
        for (int i = 0; i < count; i++) {
            store_be32(file + 8 * i, (uint32_t)(10 * i + 5));
            store_be32(file + 8 * i + 4, (uint32_t)(100 * (i + 1)));
        }
        fake_disk_put(&d, PATH, file, sizeof(file));
        reopen();
        check_lookups(count);
        append(count, count + 2);
        check_lookups(count + 2);
        teardown();
    }
}
END_TEST

START_TEST(a_piece_of_an_entry_does_not_count)
{
    for (size_t len = 0; len < 8; len++) {
        setup();
        uint8_t file[24] = {0, 0,  0, 5, 0, 0,   0, 100, 0, 0,
                            0, 15, 0, 0, 0, 200, 0, 0,   1};
        fake_disk_put(&d, PATH, file, 16 + len);
        reopen();
        check_lookups(2);
        append(2, 3);
        index_file_write_out(&x.file, true, &err);
        reopen();
        check_lookups(3);
        teardown();
    }
}
END_TEST

START_TEST(missing_file_is_told)
{
    setup();
    struct offset_position got;
    fake_disk_drop(&d, PATH);
    reopen();
    ck_assert_int_eq(offset_index_lookup(&x, BASE, &got, &err), ERR_NOT_FOUND);
    teardown();
}
END_TEST

START_TEST(search_of_a_large_file_reads_little)
{
    setup();
    struct offset_position got;
    append(0, 100000);
    index_file_write_out(&x.file, true, &err);
    unsigned before = d.reads;
    ck_assert_int_eq(offset_index_lookup(&x, BASE + 333333, &got, &err), 0);
    ck_assert_uint_le(d.reads - before, 9);
    teardown();
}
END_TEST

GREGOR_TESTS("offset_index", lookup_finds_the_entry_at_or_below,
             entries_are_kafkas_bytes, tail_takes_no_more_than_four_kib,
             reserve_that_fails_changes_nothing, truncation_drops_entries_at_or_above,
             zeros_behind_the_entries_do_not_count, a_piece_of_an_entry_does_not_count,
             missing_file_is_told, search_of_a_large_file_reads_little)
