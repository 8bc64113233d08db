/* What is left of each kind of batch, and which transactions let go of their markers.
 * The batches of a test are those of a small log: what() describes them, and see()
 * what the filter makes of them. */
#include <stdio.h>

#include "storage/batch_filter.h"
#include "tests/support/check_main.h"

#define NOW 1700000000000LL
#define RETENTION 5000
#define TIME 1600000000000LL
#define NONE (-1)

struct test_record {
    const char *key;   /* NULL: none */
    const char *value; /* NULL: a tombstone */
};

struct what {
    int64_t base_offset;
    enum compression codec;
    int64_t producer_id; /* 0: none */
    int16_t producer_epoch;
    bool transactional;
    bool log_append_time;
    int64_t horizon; /* 0: none */
    int marker;      /* enum control_record_type + 1; 0: no control batch */
    int32_t leader_epoch;
    struct test_record records[8]; /* up to the first without key and value */
};

static struct offset_map *map;
static struct batch_filter filter;
static struct filtered_batch left;
static struct buf built;
static struct err err;

static struct bytes bytes_of(const char *text)
{
    return text == NULL ? BYTES_NULL
                        : (struct bytes){(const uint8_t *)text, (int32_t)strlen(text)};
}

static void setup(void)
{
    struct offset_map_options options = {.memory_bytes = 1 << 16,
                                         .load_factor = 0.9,
                                         .keys_at_most = 1000,
                                         .random = &random_system};
    ck_assert_int_eq(offset_map_create(&options, &map, &err), 0);
    filter = (struct batch_filter){.map = map,
                                   .end_offset = 1000,
                                   .now_ms = NOW,
                                   .delete_retention_ms = RETENTION,
                                   .upper_offset = 2000};
    ck_assert_int_eq(cleaned_txns_create(NULL, 0, &filter.txns, &err), 0);
}

static void teardown(void)
{
    batch_filter_free(&filter);
    cleaned_txns_destroy(filter.txns);
    offset_map_destroy(map);
    buf_free(&built);
}

static void abort_txns(const struct aborted_txn *txns, size_t count)
{
    cleaned_txns_destroy(filter.txns);
    ck_assert_int_eq(cleaned_txns_create(txns, count, &filter.txns, &err), 0);
}

static void latest(const char *key, int64_t offset)
{
    ck_assert(offset_map_put(map, bytes_of(key), offset));
}

static void add_marker(struct record_batch_builder *b, int type)
{
    uint8_t key[4] = {0, 0, 0, (uint8_t)type};
    uint8_t value[6] = {0};
    record_batch_builder_add(b, TIME, (struct bytes){key, 4}, (struct bytes){value, 6},
                             NULL, 0);
}

/* Offsets of the records are 0, 2, 4 … from the base: as if others had gone before. */
static void build(const struct what *w)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, w->base_offset);
    b.batch.compression = w->codec;
    b.batch.leader_epoch = w->leader_epoch;
    b.batch.transactional = w->transactional;
    b.batch.control = w->marker > 0;
    if (w->producer_id != 0) {
        b.batch.producer_id = w->producer_id;
        b.batch.producer_epoch = w->producer_epoch;
        b.batch.base_sequence = w->marker > 0 ? NO_SEQUENCE : 40;
    }
    if (w->horizon != 0) {
        b.batch.has_delete_horizon = true;
        b.batch.base_timestamp = w->horizon;
    }
    if (w->marker > 0)
        add_marker(&b, w->marker - 1);
    const struct test_record *r = w->records;
    for (int64_t i = 0; r[i].key != NULL || r[i].value != NULL; i++) {
        struct record_header header = {STR_LITERAL("h"), bytes_of("header")};
        b.batch.last_offset = w->base_offset + 2 * i - 1;
        record_batch_builder_add(&b, TIME + i, bytes_of(r[i].key), bytes_of(r[i].value),
                                 &header, 1);
    }
    if (w->log_append_time) {
        b.batch.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
        b.batch.max_timestamp = TIME + 77;
    }
    ck_assert_int_eq(record_batch_builder_finish(&b, &err), 0);
    buf_free(&built);
    built = b.out;
}

/* Filters the batch and tells in words what is left: "gone", "same", "empty", or
 * the records, as offset key=value, a tombstone as offset key. */
static const char *see(const struct what *w)
{
    static char text[256];
    struct record_batch batch;
    struct record_iter it;
    struct record record;
    size_t used = 0;
    build(w);
    ck_assert_int_eq(record_batch_read(built.data, built.len, &batch, &err), 0);
    int rc = batch_filter_apply(&filter, built.data, &batch, &left, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    if (left.bytes.data == NULL)
        return "gone";
    if (left.bytes.data == built.data)
        return "same";
    /* What every batch that was written anew keeps. */
    struct record_batch now;
    ck_assert_int_eq(
        record_batch_read(left.bytes.data, (size_t)left.bytes.len, &now, &err), 0);
    ck_assert_int_eq(now.size, left.bytes.len);
    ck_assert(record_batch_crc_ok(left.bytes.data, left.bytes.len));
    ck_assert_int_eq(now.base_offset, batch.base_offset);
    ck_assert_int_eq(now.last_offset, batch.last_offset);
    ck_assert_int_eq(now.leader_epoch, batch.leader_epoch);
    ck_assert_int_eq(now.producer_id, batch.producer_id);
    ck_assert_int_eq(now.producer_epoch, batch.producer_epoch);
    ck_assert_int_eq(now.base_sequence, batch.base_sequence);
    ck_assert_int_eq(now.last_sequence, batch.last_sequence);
    ck_assert_int_eq(now.transactional, batch.transactional);
    ck_assert_int_eq(now.control, batch.control);
    ck_assert_int_eq(now.timestamp_type, batch.timestamp_type);
    if (now.record_count == 0) {
        ck_assert_int_eq(now.size, RECORD_BATCH_OVERHEAD);
        ck_assert_int_eq(now.compression, COMPRESSION_NONE);
        ck_assert_int_eq(now.max_timestamp, batch.max_timestamp);
        return "empty";
    }
    ck_assert_int_eq(now.compression, batch.compression);
    ck_assert_int_eq(
        record_iter_open(&it, left.bytes.data, (size_t)left.bytes.len, 1 << 20, &err),
        0);
    text[0] = '\0';
    while (record_iter_next(&it, &record, &err) == 1) {
        int64_t i = (record.offset - batch.base_offset) / 2;
        ck_assert_int_eq(record.timestamp, w->log_append_time ? TIME + 77 : TIME + i);
        if (!batch.control)
            ck_assert_int_eq(record.header_count, 1);
        used += (size_t)snprintf(
            text + used, sizeof(text) - used, "%s%lld %.*s%s%.*s", used > 0 ? ", " : "",
            (long long)record.offset, batch.control ? 0 : record.key.len,
            (const char *)record.key.data,
            record.value.data == NULL || batch.control ? "" : "=",
            batch.control ? 0 : record.value.len, (const char *)record.value.data);
    }
    record_iter_close(&it);
    return text;
}

/* ---- plain data ---------------------------------------------------------- */

START_TEST(only_the_latest_record_of_a_key_stays)
{
    latest("a", 104);
    latest("b", 102);
    latest("c", 900);
    struct what w = {.base_offset = 100,
                     .leader_epoch = 3,
                     .records = {{"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", "4"}}};
    ck_assert_str_eq(see(&w), "102 b=2, 104 a=3");
    ck_assert_int_eq(left.records_read, 4);
    ck_assert_int_eq(left.records_kept, 2);
    ck_assert_int_eq(left.batch.max_timestamp, TIME + 2);
    w.base_offset = 104;
    w.records[1] = (struct test_record){"zz", "of no key in the map"};
    w.records[2] = (struct test_record){NULL, NULL};
    ck_assert_str_eq(see(&w), "same");
}
END_TEST

START_TEST(batches_of_every_codec_stay_in_their_codec)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct what w = {.base_offset = 10,
                         .codec = (enum compression)codec,
                         .records = {{"a", "1"}, {"b", "2"}}};
        latest("a", 500);
        ck_assert_str_eq(see(&w), "12 b=2");
        ck_assert_int_eq(left.batch.compression, codec);
        latest("a", 5);
        ck_assert_str_eq(see(&w), "same");
    }
}
END_TEST

START_TEST(append_time_is_kept)
{
    struct what w = {.base_offset = 10,
                     .log_append_time = true,
                     .records = {{"a", "1"}, {"b", "2"}}};
    latest("a", 500);
    ck_assert_str_eq(see(&w), "12 b=2");
    ck_assert_int_eq(left.batch.max_timestamp, TIME + 77);
}
END_TEST

START_TEST(nothing_stays_of_a_batch_without_latest_records)
{
    struct what w = {.base_offset = 10, .records = {{"a", "1"}}};
    latest("a", 500);
    ck_assert_str_eq(see(&w), "gone");
    /* But the batch that ends the cleaned part stays as a header. */
    filter.upper_offset = 11;
    ck_assert_str_eq(see(&w), "empty");
}
END_TEST

START_TEST(records_without_a_key_go)
{
    struct what w = {.base_offset = 10, .records = {{NULL, "1"}, {"b", "2"}}};
    ck_assert_str_eq(see(&w), "12 b=2");
}
END_TEST

/* Where the map was full nothing is known, and all stays. */
START_TEST(records_behind_the_map_stay)
{
    struct what w = {.base_offset = 998,
                     .records = {{"a", "1"}, {"a", "2"}, {NULL, "3"}}};
    latest("a", 998);
    ck_assert_str_eq(see(&w), "same");
    filter.end_offset = 1001;
    latest("a", 1000);
    ck_assert_str_eq(see(&w), "1000 a=2, 1002 =3");
}
END_TEST

START_TEST(a_batch_of_a_later_record_than_the_map_knows_stays)
{
    /* As after a cleaning that was cut short: the map has an older offset. */
    struct what w = {.base_offset = 10, .records = {{"a", "1"}}};
    latest("a", 4);
    ck_assert_str_eq(see(&w), "same");
}
END_TEST

/* ---- tombstones ---------------------------------------------------------- */

START_TEST(a_tombstone_gets_a_horizon_and_stays_until_then)
{
    struct what w = {.base_offset = 10, .records = {{"a", "1"}, {"b", NULL}}};
    ck_assert_str_eq(see(&w), "10 a=1, 12 b");
    ck_assert(left.batch.has_delete_horizon);
    ck_assert_int_eq(left.batch.base_timestamp, NOW + RETENTION);
    ck_assert_int_eq(left.batch.max_timestamp, TIME + 1);

    w.horizon = NOW + 1;
    ck_assert_str_eq(see(&w), "same");
    w.horizon = NOW;
    ck_assert_str_eq(see(&w), "10 a=1");
    ck_assert(left.batch.has_delete_horizon);
    ck_assert_int_eq(left.batch.base_timestamp, NOW);
}
END_TEST

START_TEST(the_horizon_of_a_batch_does_not_move)
{
    struct what w = {
        .base_offset = 10, .horizon = NOW + 3, .records = {{"a", "1"}, {"b", NULL}}};
    latest("a", 500);
    ck_assert_str_eq(see(&w), "12 b");
    ck_assert_int_eq(left.batch.base_timestamp, NOW + 3);
}
END_TEST

START_TEST(a_tombstone_that_is_not_the_latest_goes_at_once)
{
    struct what w = {.base_offset = 10, .records = {{"a", "1"}, {"b", NULL}}};
    latest("b", 500);
    ck_assert_str_eq(see(&w), "10 a=1");
    ck_assert(!left.batch.has_delete_horizon);
}
END_TEST

/* ---- producers ----------------------------------------------------------- */

static void last_of_producers(struct last_record *records, size_t count)
{
    last_records_sort(records, count);
    filter.producers = records;
    filter.producer_count = count;
}

START_TEST(the_newest_batch_of_a_producer_stays_without_records)
{
    struct last_record last[] = {{9, 12, 0}, {4, 80, 0}, {7, 90, 0}};
    struct what w = {.base_offset = 10,
                     .codec = COMPRESSION_LZ4,
                     .producer_id = 9,
                     .records = {{"a", "1"}, {"b", "2"}}};
    last_of_producers(last, 3);
    latest("a", 500);
    latest("b", 500);
    ck_assert_str_eq(see(&w), "empty");
    ck_assert_int_eq(left.batch.last_sequence, 42);
    ck_assert_int_eq(left.batch.base_timestamp, NO_TIMESTAMP);
    w.producer_id = 4; /* whose newest lies elsewhere */
    ck_assert_str_eq(see(&w), "gone");
    w.producer_id = 5; /* expired */
    ck_assert_str_eq(see(&w), "gone");
}
END_TEST

START_TEST(an_empty_batch_goes_when_the_producer_goes_on)
{
    struct last_record last[] = {{9, 11, 0}};
    struct what w = {.base_offset = 10, .producer_id = 9, .records = {{"a", "1"}}};
    struct record_batch batch;
    last_of_producers(last, 1);
    latest("a", 500);
    last[0].last_offset = 10;
    ck_assert_str_eq(see(&w), "empty");
    struct buf kept = BUF_INIT;
    buf_append(&kept, left.bytes.data, (size_t)left.bytes.len);
    ck_assert_int_eq(record_batch_read(kept.data, kept.len, &batch, &err), 0);
    ck_assert_int_eq(batch_filter_apply(&filter, kept.data, &batch, &left, &err), 0);
    ck_assert_int_eq(left.bytes.len, RECORD_BATCH_OVERHEAD); /* as often as need be */
    last[0].last_offset = 50;
    ck_assert_int_eq(batch_filter_apply(&filter, kept.data, &batch, &left, &err), 0);
    ck_assert_ptr_null(left.bytes.data);
    buf_free(&kept);
}
END_TEST

/* ---- transactions -------------------------------------------------------- */

static struct what data_of(int64_t producer_id, int64_t offset, const char *key)
{
    return (struct what){.base_offset = offset,
                         .producer_id = producer_id,
                         .transactional = true,
                         .records = {{key, "v"}}};
}

static struct what marker_of(int64_t producer_id, int64_t offset,
                             enum control_record_type type)
{
    return (struct what){.base_offset = offset,
                         .producer_id = producer_id,
                         .transactional = true,
                         .marker = (int)type + 1};
}

START_TEST(aborted_records_go_and_their_marker_stays_while_one_was_left)
{
    const struct aborted_txn txns[] = {{5, 10, 14, 15}};
    struct what data = data_of(5, 10, "a"), other = data_of(6, 12, "a");
    struct what marker = marker_of(5, 14, CONTROL_ABORT), later = data_of(5, 16, "a");
    abort_txns(txns, 1);
    latest("a", 10); /* which the map would not know, had it been built */
    ck_assert_str_eq(see(&data), "gone");
    ck_assert_str_eq(see(&other), "same"); /* another's, committed */
    ck_assert_str_eq(see(&marker), "same");
    ck_assert(left.indexed);
    ck_assert_int_eq(left.aborted.first_offset, 10);
    ck_assert_str_eq(see(&later), "same"); /* the next transaction of the same */
    ck_assert(!left.indexed);
}
END_TEST

START_TEST(an_abort_marker_without_data_gets_a_horizon_and_goes_then)
{
    const struct aborted_txn txns[] = {{5, 10, 14, 15}};
    struct what marker = marker_of(5, 14, CONTROL_ABORT);
    abort_txns(txns, 1);
    ck_assert_str_eq(see(&marker), "14 ");
    ck_assert(!left.indexed);
    ck_assert(left.batch.has_delete_horizon);
    ck_assert_int_eq(left.batch.base_timestamp, NOW + RETENTION);
    abort_txns(NULL, 0); /* as the next cleaning finds no entry for it */
    marker.horizon = NOW + 1;
    ck_assert_str_eq(see(&marker), "same");
    marker.horizon = NOW;
    ck_assert_str_eq(see(&marker), "gone");
}
END_TEST

START_TEST(a_commit_marker_stays_while_any_batch_of_its_transaction_does)
{
    struct what data = data_of(5, 10, "a"), marker = marker_of(5, 14, CONTROL_COMMIT);
    ck_assert_str_eq(see(&data), "same");
    marker.horizon = NOW - 1;
    ck_assert_str_eq(see(&marker), "same");
    ck_assert_str_eq(see(&marker), "gone"); /* another, of which nothing was seen */
    /* A transaction whose last records go just now still counts. */
    latest("a", 500);
    ck_assert_str_eq(see(&data), "gone");
    ck_assert_str_eq(see(&marker), "same");
}
END_TEST

START_TEST(an_aborted_batch_that_is_a_producers_newest_stays_empty)
{
    const struct aborted_txn txns[] = {{5, 10, 14, 15}};
    struct last_record last[] = {{5, 10, 0}};
    struct what data = data_of(5, 10, "a"), marker = marker_of(5, 14, CONTROL_ABORT);
    abort_txns(txns, 1);
    last_of_producers(last, 1);
    ck_assert_str_eq(see(&data), "empty");
    ck_assert(left.batch.transactional);
    ck_assert_str_eq(see(&marker), "same");
    ck_assert(left.indexed); /* or a reader would take the empty batch for good */
}
END_TEST

START_TEST(the_marker_that_alone_tells_a_producers_epoch_stays)
{
    struct last_record last[] = {{5, NONE, 3}};
    struct what marker = marker_of(5, 14, CONTROL_COMMIT);
    marker.horizon = NOW - 1;
    marker.producer_epoch = 3;
    last_of_producers(last, 1);
    ck_assert_str_eq(see(&marker), "empty");
    ck_assert(left.batch.control);
    marker.producer_epoch = 2;
    ck_assert_str_eq(see(&marker), "gone");
}
END_TEST

START_TEST(an_emptied_control_batch_goes)
{
    struct last_record last[] = {{5, NONE, 0}};
    struct what marker = marker_of(5, 14, CONTROL_COMMIT);
    struct record_batch batch;
    marker.horizon = NOW - 1;
    last_of_producers(last, 1);
    ck_assert_str_eq(see(&marker), "empty");
    struct buf kept = BUF_INIT;
    buf_append(&kept, left.bytes.data, (size_t)left.bytes.len);
    ck_assert_int_eq(record_batch_read(kept.data, kept.len, &batch, &err), 0);
    last_of_producers(NULL, 0);
    ck_assert_int_eq(batch_filter_apply(&filter, kept.data, &batch, &left, &err), 0);
    ck_assert_ptr_null(left.bytes.data);
    buf_free(&kept);
}
END_TEST

START_TEST(markers_of_other_kinds_stay)
{
    struct what marker = marker_of(5, 14, CONTROL_LEADER_CHANGE);
    marker.horizon = NOW - 1;
    ck_assert_str_eq(see(&marker), "same");
}
END_TEST

START_TEST(interleaved_and_repeated_transactions_are_told_apart)
{
    /* Out of order, and one of them told twice. */
    const struct aborted_txn txns[] = {
        {5, 30, 34, 35}, {5, 10, 16, 17}, {6, 12, 18, 19}, {5, 10, 16, 17}};
    abort_txns(txns, 4);
    struct {
        struct what batch;
        const char *seen;
        bool indexed;
    } log[] = {
        {data_of(5, 10, "a"), "gone", false},
        {data_of(6, 12, "b"), "gone", false},
        {data_of(7, 14, "c"), "same", false},
        {marker_of(5, 16, CONTROL_ABORT), "same", true},
        {marker_of(6, 18, CONTROL_ABORT), "same", true},
        {marker_of(7, 20, CONTROL_COMMIT), "same", false},
        {data_of(5, 22, "d"), "same", false}, /* committed, between two aborted */
        {marker_of(5, 24, CONTROL_COMMIT), "same", false},
        {data_of(5, 30, "e"), "gone", false},
        {marker_of(5, 34, CONTROL_ABORT), "same", true},
    };
    for (size_t i = 0; i < sizeof(log) / sizeof(*log); i++) {
        ck_assert_msg(strcmp(see(&log[i].batch), log[i].seen) == 0, "batch %zu", i);
        ck_assert_int_eq(left.indexed, log[i].indexed);
    }
}
END_TEST

/* ---- what cannot be read ------------------------------------------------- */

START_TEST(malformed_records_are_an_error)
{
    struct what w = {.base_offset = 10, .records = {{"a", "1"}, {"b", "2"}}};
    struct record_batch batch;
    build(&w);
    built.data[RECORD_BATCH_OVERHEAD] = 0x7e; /* a record larger than the batch */
    ck_assert_int_eq(record_batch_read(built.data, built.len, &batch, &err), 0);
    ck_assert_int_eq(batch_filter_apply(&filter, built.data, &batch, &left, &err),
                     ERR_INVALID_RECORD);
    w.codec = COMPRESSION_ZSTD;
    build(&w);
    built.data[RECORD_BATCH_OVERHEAD] ^= 0xff;
    ck_assert_int_eq(record_batch_read(built.data, built.len, &batch, &err), 0);
    ck_assert_int_eq(batch_filter_apply(&filter, built.data, &batch, &left, &err),
                     ERR_INVALID_RECORD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch_filter");
    TCase *cases = tcase_create("batch_filter");
    const TTest *const tests[] = {
        only_the_latest_record_of_a_key_stays,
        batches_of_every_codec_stay_in_their_codec,
        append_time_is_kept,
        nothing_stays_of_a_batch_without_latest_records,
        records_without_a_key_go,
        records_behind_the_map_stay,
        a_batch_of_a_later_record_than_the_map_knows_stays,
        a_tombstone_gets_a_horizon_and_stays_until_then,
        the_horizon_of_a_batch_does_not_move,
        a_tombstone_that_is_not_the_latest_goes_at_once,
        the_newest_batch_of_a_producer_stays_without_records,
        an_empty_batch_goes_when_the_producer_goes_on,
        aborted_records_go_and_their_marker_stays_while_one_was_left,
        an_abort_marker_without_data_gets_a_horizon_and_goes_then,
        a_commit_marker_stays_while_any_batch_of_its_transaction_does,
        an_aborted_batch_that_is_a_producers_newest_stays_empty,
        the_marker_that_alone_tells_a_producers_epoch_stays,
        an_emptied_control_batch_goes,
        markers_of_other_kinds_stay,
        interleaved_and_repeated_transactions_are_told_apart,
        malformed_records_are_an_error,
    };
    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
