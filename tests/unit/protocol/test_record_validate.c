#include "protocol/record_batch.h"

#include "protocol/base/crc32c.h"
#include "tests/support/check_main.h"

#include <glob.h>
#include <stdio.h>

#define NOW 1700000000000
#define HOUR 3600000
#define MIB ((size_t)1024 * 1024)

/* Kafka's defaults. */
static const struct record_rules defaults = {
    .now_ms = NOW,
    .timestamp_type = TIMESTAMP_CREATE_TIME,
    .timestamp_before_max_ms = INT64_MAX,
    .timestamp_after_max_ms = HOUR,
    .keep_codec = true,
    .expand_limit = MIB,
};

/* One batch on its way, and what became of it. */
struct produced {
    struct record_batch_builder b;
    struct buf before; /* as it was sent */
    struct record_verdict verdict;
    struct err err;
};

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, (int32_t)strlen(s)};
}

static void produce_start(struct produced *p)
{
    *p = (struct produced){0};
    record_batch_builder_init(&p->b, 0);
}

static void add(struct produced *p, int64_t timestamp)
{
    struct record_header h = {STR_LITERAL("h"), text("x")};
    record_batch_builder_add(&p->b, timestamp, text("key"), text("value"), &h, 1);
}

static void add_keyless(struct produced *p, int64_t timestamp)
{
    record_batch_builder_add(&p->b, timestamp, BYTES_NULL, text("value"), NULL, 0);
}

static void produce_finish(struct produced *p)
{
    ck_assert_int_eq(record_batch_builder_finish(&p->b, &p->err), 0);
}

static int validate(struct produced *p, const struct record_rules *rules)
{
    buf_free(&p->before);
    buf_append(&p->before, p->b.out.data, p->b.out.len);
    struct record_batch batch;
    int rc = record_batch_read(p->b.out.data, p->b.out.len, &batch, &p->err);
    if (rc != 0)
        return rc;
    record_verdict_free(&p->verdict);
    rc = record_validate(p->b.out.data, &batch, rules, &p->verdict, &p->err);
    if (rc != 0) {
        ck_assert_int_eq(rc, p->err.code);
        ck_assert(!p->verdict.rebuilt);
        ck_assert_mem_eq(p->before.data, p->b.out.data, p->before.len);
    }
    return rc;
}

static bool untouched(const struct produced *p)
{
    return !p->verdict.rebuilt &&
           memcmp(p->before.data, p->b.out.data, p->before.len) == 0;
}

static const struct buf *stored(const struct produced *p)
{
    return p->verdict.rebuilt ? &p->verdict.batch : &p->b.out;
}

/* The header of what goes into the log; its CRC holds. */
static struct record_batch accepted(const struct produced *p)
{
    const struct buf *out = stored(p);
    struct record_batch batch;
    ck_assert_int_eq(record_batch_read(out->data, out->len, &batch, NULL), 0);
    ck_assert(record_batch_crc_ok(out->data, batch.size));
    ck_assert_uint_eq((size_t)batch.size, out->len);
    return batch;
}

static void produce_end(struct produced *p)
{
    record_batch_builder_free(&p->b);
    buf_free(&p->before);
    record_verdict_free(&p->verdict);
}

static void renew_crc(struct buf *batch)
{
    store_be32(batch->data + 17, crc32c(batch->data + 21, batch->len - 21));
}

/* Two records at NOW; then one byte of the header is changed. */
static int validate_changed(int at, uint8_t byte)
{
    struct produced p;
    produce_start(&p);
    add(&p, NOW);
    add(&p, NOW);
    produce_finish(&p);
    p.b.out.data[at] = byte;
    renew_crc(&p.b.out);
    int rc = validate(&p, &defaults);
    ck_assert_int_eq(p.verdict.record_error_count, 0);
    produce_end(&p);
    return rc;
}

START_TEST(a_batch_that_needs_no_correction_keeps_every_byte)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct produced p;
        produce_start(&p);
        add(&p, NOW - 5);
        add(&p, NOW);
        add(&p, NOW - 7);
        p.b.batch.compression = (enum compression)codec;
        p.b.batch.transactional = true;
        p.b.batch.producer_id = 9;
        p.b.batch.producer_epoch = 1;
        p.b.batch.base_sequence = 5;
        produce_finish(&p);
        ck_assert_int_eq(validate(&p, &defaults), 0);
        ck_assert(untouched(&p));
        ck_assert_int_eq(p.verdict.max_timestamp, NOW);
        ck_assert_int_eq(p.verdict.offset_of_max_timestamp_delta, 2);
        produce_end(&p);
    }
}
END_TEST

/* Takes the batches of Kafka's own logs for produced ones. */
static int validate_log(const char *path)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    struct buf log = BUF_INIT;
    log.len = fread(buf_extend(&log, MIB), 1, MIB, f);
    fclose(f);
    struct record_rules rules = defaults;
    rules.timestamp_after_max_ms = INT64_MAX;
    int batches = 0;
    int32_t size;
    for (size_t at = 0; at < log.len; at += (size_t)size) {
        struct record_batch batch;
        record_batch_set_base_offset(log.data + at, 0);
        ck_assert_int_eq(record_batch_read(log.data + at, log.len - at, &batch, NULL),
                         0);
        size = batch.size;
        if (batch.control || batch.last_offset + 1 != batch.record_count ||
            batch.timestamp_type != TIMESTAMP_CREATE_TIME)
            continue;
        struct buf copy = BUF_INIT;
        struct record_verdict verdict;
        struct err err = {0};
        buf_append(&copy, log.data + at, (size_t)size);
        int rc = record_validate(copy.data, &batch, &rules, &verdict, &err);
        ck_assert_msg(rc == 0, "%s: %s", path, err.message);
        ck_assert(!verdict.rebuilt);
        ck_assert_mem_eq(copy.data, log.data + at, (size_t)size);
        ck_assert_int_eq(verdict.max_timestamp, batch.max_timestamp);
        record_verdict_free(&verdict);
        buf_free(&copy);
        batches++;
    }
    buf_free(&log);
    return batches;
}

START_TEST(kafkas_own_batches_are_accepted_as_they_are)
{
    glob_t logs;
    int batches = 0;
    ck_assert_int_eq(
        glob(GREGOR_TEST_DATA "/apache-kafka-4.3.0/data/*/*.log", 0, NULL, &logs), 0);
    for (size_t i = 0; i < logs.gl_pathc; i++)
        batches += validate_log(logs.gl_pathv[i]);
    ck_assert_int_gt(batches, 100);
    globfree(&logs);
}
END_TEST

START_TEST(headers_that_clients_may_not_send_are_refused)
{
    ck_assert_int_eq(validate_changed(26, 1), 0);                 /* the value it had */
    ck_assert_int_eq(validate_changed(7, 1), ERR_INVALID_RECORD); /* base offset */
    ck_assert_int_eq(validate_changed(26, 0), ERR_INVALID_RECORD); /* last offset */
    ck_assert_int_eq(validate_changed(26, 2), ERR_INVALID_RECORD);
    ck_assert_int_eq(validate_changed(23, 0x80), ERR_INVALID_RECORD);
    ck_assert_int_eq(validate_changed(60, 0), ERR_INVALID_RECORD); /* count */
    ck_assert_int_eq(validate_changed(60, 1), ERR_INVALID_RECORD);
    ck_assert_int_eq(validate_changed(60, 3), ERR_INVALID_RECORD);
    ck_assert_int_eq(validate_changed(57, 0x80), ERR_INVALID_RECORD);
    ck_assert_int_eq(validate_changed(22, 0x20), ERR_INVALID_RECORD); /* control */
    for (uint8_t codec = 5; codec <= 7; codec++)
        ck_assert_int_eq(validate_changed(22, codec), ERR_UNSUPPORTED_COMPRESSION_TYPE);
    /* A producer id of 127 without a sequence; below -1 it is none. */
    ck_assert_int_eq(validate_changed(43, 0x7f), ERR_INVALID_RECORD);
    ck_assert_int_eq(validate_changed(43, 0x80), 0);
}
END_TEST

START_TEST(the_crc_is_looked_at_before_the_counts)
{
    struct produced p;
    produce_start(&p);
    add(&p, NOW);
    produce_finish(&p);
    p.b.out.data[60] = 9;
    ck_assert_int_eq(validate(&p, &defaults), ERR_CORRUPT_MESSAGE);
    /* The base offset lies outside it, and comes first. */
    p.b.out.data[7] = 1;
    ck_assert_int_eq(validate(&p, &defaults), ERR_INVALID_RECORD);
    produce_end(&p);
}
END_TEST

START_TEST(a_wrong_max_timestamp_is_corrected_by_the_records)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_LZ4; codec++) {
        struct produced p;
        produce_start(&p);
        add(&p, NOW - 5);
        add(&p, NOW - 6);
        p.b.batch.max_timestamp = NOW + 99;
        p.b.batch.compression = (enum compression)codec;
        produce_finish(&p);
        ck_assert_int_eq(validate(&p, &defaults), 0);
        ck_assert(!p.verdict.rebuilt);
        ck_assert_int_eq(accepted(&p).max_timestamp, NOW - 5);
        ck_assert_int_eq(p.verdict.max_timestamp, NOW - 5);
        produce_end(&p);
    }
}
END_TEST

START_TEST(records_without_timestamps_have_no_max_timestamp)
{
    struct produced p;
    produce_start(&p);
    add(&p, NO_TIMESTAMP);
    add(&p, NO_TIMESTAMP);
    produce_finish(&p);
    struct record_rules narrow = defaults;
    narrow.timestamp_before_max_ms = 0;
    narrow.timestamp_after_max_ms = 0;
    ck_assert_int_eq(validate(&p, &narrow), 0);
    ck_assert(untouched(&p));
    ck_assert_int_eq(p.verdict.max_timestamp, NO_TIMESTAMP);
    ck_assert_int_eq(p.verdict.offset_of_max_timestamp_delta, -1);
    produce_end(&p);
}
END_TEST

START_TEST(append_time_is_set_in_place_also_when_compressed)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct produced p;
        produce_start(&p);
        add(&p, 1);
        add(&p, NOW + 100 * (int64_t)HOUR); /* bounds are for create time only */
        p.b.batch.compression = (enum compression)codec;
        produce_finish(&p);
        struct record_rules rules = defaults;
        rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
        ck_assert_int_eq(validate(&p, &rules), 0);
        ck_assert(!p.verdict.rebuilt);
        struct record_batch batch = accepted(&p);
        ck_assert_int_eq(batch.timestamp_type, TIMESTAMP_LOG_APPEND_TIME);
        ck_assert_int_eq(batch.max_timestamp, NOW);
        ck_assert_int_eq(batch.base_timestamp, 1);
        ck_assert_int_eq(batch.compression, codec);
        ck_assert_int_eq(p.verdict.max_timestamp, NOW);
        ck_assert_int_eq(p.verdict.offset_of_max_timestamp_delta, 1);
        produce_end(&p);
    }
}
END_TEST

START_TEST(attribute_bits_without_a_meaning_last_until_the_crc_is_made_anew)
{
    struct produced p;
    produce_start(&p);
    add(&p, NOW);
    produce_finish(&p);
    p.b.out.data[21] = 0x01;
    p.b.out.data[22] |= 0x80;
    renew_crc(&p.b.out);
    ck_assert_int_eq(validate(&p, &defaults), 0);
    ck_assert(untouched(&p));
    struct record_rules rules = defaults;
    rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    ck_assert_int_eq(validate(&p, &rules), 0);
    ck_assert_int_eq(accepted(&p).attributes, 0x08);
    produce_end(&p);
}
END_TEST

START_TEST(a_producer_that_sets_append_time_is_refused_where_kafka_does)
{
    struct produced p;
    produce_start(&p);
    add(&p, NOW);
    add(&p, NOW);
    p.b.batch.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    produce_finish(&p);
    struct record_rules rules = defaults;
    rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(p.verdict.record_error_count, 2);
    /* On a topic with create time it counts as that, and is turned to it. */
    ck_assert_int_eq(validate(&p, &defaults), 0);
    ck_assert_int_eq(accepted(&p).timestamp_type, TIMESTAMP_CREATE_TIME);
    produce_end(&p);
}
END_TEST

static int validate_at(int64_t timestamp, int64_t before, int64_t after)
{
    struct produced p;
    produce_start(&p);
    add(&p, timestamp);
    produce_finish(&p);
    struct record_rules rules = defaults;
    rules.timestamp_before_max_ms = before;
    rules.timestamp_after_max_ms = after;
    int rc = validate(&p, &rules);
    produce_end(&p);
    return rc;
}

START_TEST(timestamps_are_held_within_the_topics_bounds)
{
    ck_assert_int_eq(validate_at(NOW - 10, 10, 20), 0);
    ck_assert_int_eq(validate_at(NOW - 11, 10, 20), ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(validate_at(NOW + 20, 10, 20), 0);
    ck_assert_int_eq(validate_at(NOW + 21, 10, 20), ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(validate_at(0, INT64_MAX, HOUR), 0);
    ck_assert_int_eq(validate_at(NOW + HOUR + 1, INT64_MAX, HOUR),
                     ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(validate_at(INT64_MAX, INT64_MAX, INT64_MAX), 0);
    /* Kafka's difference wraps here, to a time far in the future. */
    ck_assert_int_eq(validate_at(INT64_MIN, INT64_MAX, HOUR), ERR_INVALID_TIMESTAMP);
}
END_TEST

START_TEST(each_record_at_fault_is_named)
{
    struct record_rules rules = defaults;
    rules.compacted = true;
    struct produced p;
    produce_start(&p);
    add(&p, NOW);
    add_keyless(&p, NOW);
    add(&p, NOW);
    add_keyless(&p, NOW + 2 * HOUR); /* the key is looked at first */
    produce_finish(&p);
    ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_RECORD);
    ck_assert_int_eq(p.verdict.record_error_count, 2);
    ck_assert_int_eq(p.verdict.record_errors[0].batch_index, 1);
    ck_assert_int_eq(p.verdict.record_errors[1].batch_index, 3);
    ck_assert_ptr_nonnull(strstr(p.verdict.record_errors[0].message, "without key"));
    rules.compacted = false;
    ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(p.verdict.record_error_count, 1);
    ck_assert_int_eq(p.verdict.record_errors[0].batch_index, 3);
    produce_end(&p);
}
END_TEST

START_TEST(one_bad_timestamp_outweighs_missing_keys)
{
    struct record_rules rules = defaults;
    rules.compacted = true;
    struct produced p;
    produce_start(&p);
    for (int i = 0; i < 40; i++)
        add_keyless(&p, NOW);
    add(&p, NOW + 2 * HOUR);
    produce_finish(&p);
    ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(p.verdict.record_error_count, RECORD_ERRORS_KEPT);
    produce_end(&p);
}
END_TEST

START_TEST(a_malformed_record_is_the_fault_of_the_batch)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_GZIP; codec++) {
        struct record_rules rules = defaults;
        rules.compacted = true;
        struct produced p;
        produce_start(&p);
        add_keyless(&p, NOW);
        add(&p, NOW);
        p.b.out.data[p.b.out.len - 1] = 1; /* the last header's value */
        p.b.out.data[p.b.out.len - 2] = 6; /* ends behind the record */
        p.b.batch.compression = (enum compression)codec;
        produce_finish(&p);
        ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_RECORD);
        ck_assert_int_eq(p.verdict.record_error_count, 0);
        produce_end(&p);
    }
}
END_TEST

START_TEST(missing_and_surplus_records_are_refused)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_GZIP; codec++)
        for (int change = -1; change <= 1; change++) {
            struct produced p;
            produce_start(&p);
            add(&p, NOW);
            add(&p, NOW);
            p.b.batch.record_count += change;
            p.b.batch.last_offset += change;
            p.b.batch.compression = (enum compression)codec;
            produce_finish(&p);
            ck_assert_int_eq(validate(&p, &defaults),
                             change == 0 ? 0 : ERR_INVALID_RECORD);
            produce_end(&p);
        }
}
END_TEST

static void check_records(const struct buf *batch, int count, int64_t first_timestamp)
{
    struct record_iter it;
    struct record r;
    ck_assert_int_eq(record_iter_open(&it, batch->data, batch->len, MIB, NULL), 0);
    for (int i = 0; i < count; i++) {
        struct record_header h;
        ck_assert_int_eq(record_iter_next(&it, &r, NULL), 1);
        ck_assert_int_eq(r.offset, i);
        if (it.batch.timestamp_type == TIMESTAMP_CREATE_TIME)
            ck_assert_int_eq(r.timestamp, first_timestamp + i);
        ck_assert_mem_eq(r.key.data, "key", 3);
        ck_assert_mem_eq(r.value.data, "value", 5);
        ck_assert_int_eq(record_header_next(&r.raw_headers, &h, NULL), 1);
        ck_assert(str_is(h.key, "h") && h.value.len == 1);
    }
    ck_assert_int_eq(record_iter_next(&it, &r, NULL), 0);
    record_iter_close(&it);
}

START_TEST(a_batch_is_rebuilt_in_the_topics_codec)
{
    for (int from = COMPRESSION_NONE; from <= COMPRESSION_ZSTD; from++)
        for (int to = COMPRESSION_NONE; to <= COMPRESSION_ZSTD; to++)
            for (int type = 0; type <= 1; type++) {
                struct produced p;
                produce_start(&p);
                for (int i = 0; i < 10; i++)
                    add(&p, NOW - 100 + i);
                p.b.batch.compression = (enum compression)from;
                p.b.batch.transactional = true;
                p.b.batch.producer_id = 77;
                p.b.batch.producer_epoch = 3;
                p.b.batch.base_sequence = 1000;
                produce_finish(&p);
                struct record_rules rules = defaults;
                rules.keep_codec = false;
                rules.compression = (enum compression)to;
                rules.compression_level = COMPRESSION_LEVEL_DEFAULT;
                rules.timestamp_type = (enum timestamp_type)type;
                ck_assert_int_eq(record_validate_is_slow(&p.b.batch, &rules),
                                 from != COMPRESSION_NONE || to != COMPRESSION_NONE);
                ck_assert_int_eq(validate(&p, &rules), 0);
                ck_assert_int_eq(p.verdict.rebuilt, from != to);
                struct record_batch batch = accepted(&p);
                ck_assert_int_eq(batch.compression, to);
                ck_assert_int_eq(batch.timestamp_type, type);
                ck_assert_int_eq(batch.max_timestamp, type == 1 ? NOW : NOW - 91);
                ck_assert_int_eq(p.verdict.max_timestamp, batch.max_timestamp);
                ck_assert_int_eq(batch.base_timestamp, NOW - 100);
                ck_assert(batch.transactional && batch.producer_id == 77);
                ck_assert(batch.producer_epoch == 3 && batch.base_sequence == 1000);
                ck_assert_int_eq(batch.last_sequence, 1009);
                ck_assert_int_eq(batch.last_offset, 9);
                check_records(stored(&p), 10, NOW - 100);
                produce_end(&p);
            }
}
END_TEST

START_TEST(offset_deltas_out_of_order_are_given_anew)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct produced p;
        produce_start(&p);
        add(&p, NOW - 1);
        p.b.batch.last_offset = 4; /* the next delta is 5 */
        add(&p, NOW);
        p.b.batch.last_offset = 1;
        p.b.batch.compression = (enum compression)codec;
        produce_finish(&p);
        ck_assert_int_eq(validate(&p, &defaults), 0);
        ck_assert(p.verdict.rebuilt);
        ck_assert_int_eq(accepted(&p).compression, codec);
        check_records(stored(&p), 2, NOW - 1);
        produce_end(&p);
    }
}
END_TEST

START_TEST(a_delete_horizon_from_a_client_does_not_survive_a_rebuild)
{
    struct produced p;
    produce_start(&p);
    p.b.batch.has_delete_horizon = true;
    p.b.batch.base_timestamp = NOW - 50;
    add(&p, NOW);
    produce_finish(&p);
    ck_assert_int_eq(validate(&p, &defaults), 0);
    ck_assert(untouched(&p)); /* Kafka lets it pass, too */
    struct record_rules rules = defaults;
    rules.keep_codec = false;
    rules.compression = COMPRESSION_SNAPPY;
    ck_assert_int_eq(validate(&p, &rules), 0);
    struct record_batch batch = accepted(&p);
    ck_assert(!batch.has_delete_horizon && batch.base_timestamp == NOW);
    check_records(stored(&p), 1, NOW);
    produce_end(&p);
}
END_TEST

START_TEST(negative_timestamps_cannot_be_rebuilt)
{
    struct produced p;
    produce_start(&p);
    add(&p, NOW);
    add(&p, -2);
    produce_finish(&p);
    ck_assert_int_eq(validate(&p, &defaults), 0);
    struct record_rules rules = defaults;
    rules.keep_codec = false;
    rules.compression = COMPRESSION_LZ4;
    rules.compression_level = 9;
    ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_TIMESTAMP);
    ck_assert_int_eq(p.verdict.record_error_count, 1);
    ck_assert_int_eq(p.verdict.record_errors[0].batch_index, 1);
    produce_end(&p);
}
END_TEST

START_TEST(a_batch_that_expands_beyond_the_limit_is_refused)
{
    for (int codec = COMPRESSION_GZIP; codec <= COMPRESSION_ZSTD; codec++) {
        struct produced p;
        produce_start(&p);
        for (int i = 0; i < 10000; i++)
            add(&p, NOW);
        size_t size = p.b.out.len - RECORD_BATCH_OVERHEAD;
        p.b.batch.compression = (enum compression)codec;
        produce_finish(&p);
        struct record_rules rules = defaults;
        rules.expand_limit = size;
        ck_assert_int_eq(validate(&p, &rules), 0);
        rules.expand_limit = size - 1;
        ck_assert_int_eq(validate(&p, &rules), ERR_INVALID_RECORD);
        produce_end(&p);
    }
}
END_TEST

START_TEST(bytes_that_are_not_of_the_codec_are_refused)
{
    for (uint8_t codec = COMPRESSION_GZIP; codec <= COMPRESSION_ZSTD; codec++)
        ck_assert_int_eq(validate_changed(22, codec), ERR_INVALID_RECORD);
}
END_TEST

START_TEST(a_changed_byte_under_a_right_crc_gives_a_verdict_or_an_error)
{
    struct record_rules rules = defaults;
    rules.keep_codec = false;
    rules.compression = COMPRESSION_SNAPPY;
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct produced p;
        produce_start(&p);
        add(&p, NOW);
        add_keyless(&p, NOW - 1000);
        p.b.batch.compression = (enum compression)codec;
        produce_finish(&p);
        for (size_t at = 21; at < p.b.out.len; at++)
            for (unsigned change = 1; change < 256; change += 3) {
                struct produced q = {0};
                buf_append(&q.b.out, p.b.out.data, p.b.out.len);
                q.b.out.data[at] ^= (uint8_t)change;
                renew_crc(&q.b.out);
                int rc = validate(&q, change % 2 == 0 ? &defaults : &rules);
                if (rc == 0)
                    accepted(&q);
                produce_end(&q);
            }
        produce_end(&p);
    }
}
END_TEST

GREGOR_TESTS("record_validate", a_batch_that_needs_no_correction_keeps_every_byte,
             kafkas_own_batches_are_accepted_as_they_are,
             headers_that_clients_may_not_send_are_refused,
             the_crc_is_looked_at_before_the_counts,
             a_wrong_max_timestamp_is_corrected_by_the_records,
             records_without_timestamps_have_no_max_timestamp,
             append_time_is_set_in_place_also_when_compressed,
             attribute_bits_without_a_meaning_last_until_the_crc_is_made_anew,
             a_producer_that_sets_append_time_is_refused_where_kafka_does,
             timestamps_are_held_within_the_topics_bounds,
             each_record_at_fault_is_named, one_bad_timestamp_outweighs_missing_keys,
             a_malformed_record_is_the_fault_of_the_batch,
             missing_and_surplus_records_are_refused,
             a_batch_is_rebuilt_in_the_topics_codec,
             offset_deltas_out_of_order_are_given_anew,
             a_delete_horizon_from_a_client_does_not_survive_a_rebuild,
             negative_timestamps_cannot_be_rebuilt,
             a_batch_that_expands_beyond_the_limit_is_refused,
             bytes_that_are_not_of_the_codec_are_refused,
             a_changed_byte_under_a_right_crc_gives_a_verdict_or_an_error)
