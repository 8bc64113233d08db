#include "storage/txn_index.h"

#include "tests/support/check_main.h"
#include "tests/support/fake_disk.h"

#define BASE 100
#define PATH "d/00000000000000000100.txnindex"

static struct fake_disk d;
static struct txn_index x;
static struct err err;

static void setup(void)
{
    fake_disk_init(&d);
    txn_index_init(&x, &d.disk, "d", BASE, false);
}

static void reopen(void)
{
    txn_index_init(&x, &d.disk, "d", BASE, fake_disk_has(&d, PATH));
}

static void teardown(void)
{
    ck_assert_int_eq(d.open_descriptors, 0);
    fake_disk_free(&d);
}

/* Transaction i: [100 + 10 i, 109 + 10 i], stable up to 110 + 10 i. */
static void append(int from, int to)
{
    for (int i = from; i < to; i++) {
        struct aborted_txn txn = {
            .producer_id = i,
            .first_offset = BASE + 10 * i,
            .last_offset = BASE + 10 * i + 9,
            .last_stable_offset = BASE + 10 * i + 10,
        };
        ck_assert_int_eq(txn_index_append(&x, &txn, &err), 0);
    }
}

static int collect(int64_t from, int64_t to, int64_t *first, bool *done)
{
    struct buf out = BUF_INIT;
    ck_assert_int_eq(txn_index_collect(&x, from, to, &out, done, &err), 0);
    int count = (int)(out.len / sizeof(struct aborted_txn));
    struct aborted_txn txn = {.producer_id = -1};
    if (count > 0)
        memcpy(&txn, out.data, sizeof(txn));
    *first = txn.producer_id;
    buf_free(&out);
    return count;
}

START_TEST(no_abort_no_file)
{
    setup();
    int64_t first;
    bool done;
    ck_assert_int_eq(collect(0, 1000, &first, &done), 0);
    ck_assert(!done);
    ck_assert_int_eq(txn_index_truncate_to(&x, 0, &err), 0);
    ck_assert_int_eq(txn_index_check(&x, &err), 0);
    ck_assert(!fake_disk_has(&d, PATH));
    ck_assert_uint_eq(d.opens, 0);
    teardown();
}
END_TEST

START_TEST(entries_are_kafkas_bytes)
{
    setup();
    static const uint8_t expected[TXN_INDEX_ENTRY] = {
        [9] = 1, [17] = 110, [25] = 119, [33] = 120};
    size_t len;
    append(1, 2);
    const uint8_t *got = fake_disk_content(&d, PATH, &len);
    ck_assert_uint_eq(len, sizeof(expected));
    ck_assert_mem_eq(got, expected, len);
    teardown();
}
END_TEST

START_TEST(collects_what_overlaps)
{
    setup();
    int64_t first;
    bool done;
    append(0, 200);
    reopen();
    append(200, 205);
    for (int i = 0; i < 205; i++) {
        int64_t at = BASE + 10 * i;
        ck_assert_int_eq(collect(at + 9, at + 10, &first, &done), 1);
        ck_assert_int_eq(first, i);
        ck_assert(done); /* its stable offset is where the range ends */
        ck_assert_int_eq(collect(at, at + 11, &first, &done), i == 204 ? 1 : 2);
        ck_assert_int_eq(done, i != 204);
    }
    teardown();
}
END_TEST

START_TEST(truncation_drops_what_ends_at_or_above)
{
    for (int64_t to = BASE; to <= BASE + 60; to++) {
        setup();
        int64_t first;
        bool done;
        append(0, 5);
        reopen();
        ck_assert_int_eq(txn_index_truncate_to(&x, to, &err), 0);
        int left = (int)((to - BASE) / 10);
        left = left > 5 ? 5 : left;
        ck_assert_int_eq(collect(0, INT64_MAX, &first, &done), left);
        ck_assert_int_eq(fake_disk_size(&d, PATH), left == 0 ? -1 : 34 * left);
        append(left, left + 1);
        ck_assert_int_eq(collect(0, INT64_MAX, &first, &done), left + 1);
        ck_assert_int_eq(txn_index_check(&x, &err), 0);
        teardown();
    }
}
END_TEST

START_TEST(check_finds_what_is_wrong)
{
    setup();
    size_t len;
    append(0, 3);
    reopen();
    ck_assert_int_eq(txn_index_check(&x, &err), 0);
    uint8_t *file = fake_disk_content(&d, PATH, &len);
    file[1] = 1; /* version */
    ck_assert_int_eq(txn_index_check(&x, &err), ERR_CORRUPT);
    file[1] = 0;
    file[25] = 99; /* ends before the segment */
    ck_assert_int_eq(txn_index_check(&x, &err), ERR_CORRUPT);
    file[25] = 120; /* behind the next */
    ck_assert_int_eq(txn_index_check(&x, &err), ERR_CORRUPT);
    file[25] = 109;
    ck_assert_int_eq(txn_index_check(&x, &err), 0);
    fake_disk_put(&d, PATH, file, len - 1);
    ck_assert_int_eq(txn_index_check(&x, &err), ERR_CORRUPT);
    teardown();
}
END_TEST

GREGOR_TESTS("txn_index", no_abort_no_file, entries_are_kafkas_bytes,
             collects_what_overlaps, truncation_drops_what_ends_at_or_above,
             check_finds_what_is_wrong)
