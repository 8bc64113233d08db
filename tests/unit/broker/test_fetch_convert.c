#include "broker/api/fetch_convert.h"

#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

#define LIMIT ((size_t)1024 * 1024)
#define PREFIX 12

static struct log_fixture f;
static struct log_slice slice;
static struct fetch_conversion c;

static void setup(void)
{
    log_fixture_init(&f);
    log_fixture_open(&f, true);
}

static void teardown(void)
{
    log_file_release(slice.file);
    slice = (struct log_slice){0};
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static void append(int records, int value_size)
{
    log_fixture_must_append(
        &f, (struct fixture_batch){.records = records, .value_size = value_size});
}

static void append_marker(void)
{
    log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 1,
                                                       .end_txn = true,
                                                       .origin = APPEND_COORDINATOR});
}

/* Reads and converts; the caller frees the conversion. */
static void convert(int64_t offset, int32_t max_bytes)
{
    log_file_release(slice.file);
    ck_assert_int_eq(
        partition_log_read(f.log, offset, INT64_MAX, max_bytes, true, &slice, &f.err),
        0);
    ck_assert_ptr_nonnull(slice.file);
    c = (struct fetch_conversion){
        .slice = &slice, .magic = 1, .first_offset = offset, .expand_limit = LIMIT};
    fetch_convert(&c);
}

/* How many messages there are; their offsets go up from `offset`. */
static int count(int64_t offset)
{
    int n = 0;
    size_t at = 0;
    for (; at < c.messages.len; n++) {
        ck_assert_int_eq((int64_t)load_be64(c.messages.data + at), offset + n);
        at += PREFIX + load_be32(c.messages.data + at + 8);
    }
    ck_assert_uint_eq(at, c.messages.len);
    return n;
}

START_TEST(batches_become_messages_until_the_slice_ends)
{
    setup();
    for (int i = 0; i < 5; i++)
        append(2, 1000);
    convert(3, INT32_MAX);
    ck_assert_int_eq(c.rc, 0);
    ck_assert_int_eq(count(3), 7);
    ck_assert_int_eq(c.next_offset, 10);
    fetch_conversion_free(&c);
    teardown();
}
END_TEST

START_TEST(a_batch_that_would_make_it_larger_than_the_slice_is_left)
{
    setup();
    for (int i = 0; i < 10; i++)
        append(20, 0);
    convert(0, INT32_MAX);
    ck_assert_int_gt(count(0), 0);
    ck_assert_int_eq(count(0) % 20, 0);
    ck_assert_int_le((int64_t)c.messages.len, slice.size);
    ck_assert_int_eq(c.next_offset, count(0));
    int32_t slice_size = slice.size;
    fetch_conversion_free(&c);
    /* The first one comes, or the reader would be stuck. */
    convert(0, slice_size / 10);
    ck_assert_int_eq(count(0), 20);
    ck_assert_int_gt((int64_t)c.messages.len, slice.size);
    fetch_conversion_free(&c);
    teardown();
}
END_TEST

START_TEST(markers_alone_come_to_nothing_with_a_place_to_go_on)
{
    setup();
    append(1, 10);
    append_marker();
    append_marker();
    convert(1, INT32_MAX);
    ck_assert_int_eq(c.rc, 0);
    ck_assert_uint_eq(c.messages.len, 0);
    ck_assert_int_eq(c.next_offset, 3);
    fetch_conversion_free(&c);
    teardown();
}
END_TEST

START_TEST(what_is_good_comes_before_what_is_corrupt)
{
    size_t len;
    setup();
    append(1, 10);
    append(1, 10);
    uint8_t *log = fake_disk_content(&f.disk, fixture_path(0, ".log"), &len);
    log[len - 1] ^= 1;
    convert(0, INT32_MAX);
    ck_assert_int_eq(c.rc, 0);
    ck_assert_int_eq(count(0), 1);
    ck_assert_int_eq(c.next_offset, 1);
    fetch_conversion_free(&c);
    convert(1, INT32_MAX);
    ck_assert_int_eq(c.rc, ERR_CORRUPT_MESSAGE);
    ck_assert_int_eq(c.err.code, c.rc);
    ck_assert_uint_eq(c.messages.len, 0);
    fetch_conversion_free(&c);
    teardown();
}
END_TEST

START_TEST(a_disk_that_fails_is_told_of)
{
    setup();
    append(1, 10);
    ck_assert_int_eq(
        partition_log_read(f.log, 0, INT64_MAX, 1000, true, &slice, &f.err), 0);
    fake_disk_fail_nth(&f.disk, 1);
    c = (struct fetch_conversion){.slice = &slice, .magic = 0, .expand_limit = LIMIT};
    fetch_convert(&c);
    ck_assert_int_eq(c.rc, ERR_IO);
    ck_assert_uint_eq(c.messages.len, 0);
    fetch_conversion_free(&c);
    teardown();
}
END_TEST

GREGOR_TESTS("fetch_convert", batches_become_messages_until_the_slice_ends,
             a_batch_that_would_make_it_larger_than_the_slice_is_left,
             markers_alone_come_to_nothing_with_a_place_to_go_on,
             what_is_good_comes_before_what_is_corrupt, a_disk_that_fails_is_told_of)
