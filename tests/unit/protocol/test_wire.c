#include "protocol/wire.h"

#include "tests/support/check_main.h"

static const int64_t EDGES[] = {
    0,         1,         -1,        63,        64,        -64,     -65,
    127,       128,       8191,      8192,      16383,     16384,   INT32_MAX,
    INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 35, 1LL << 56, 2097151, 268435455};

#define EDGE_COUNT (sizeof(EDGES) / sizeof(EDGES[0]))

static struct wire_reader reader_of(const struct buf *b)
{
    return wire_reader_of(b->data, b->len, NULL);
}

static void check_consumed(const struct wire_reader *r)
{
    ck_assert(!r->failed);
    ck_assert_uint_eq(wire_left(r), 0);
}

START_TEST(varints_come_back_and_have_the_size_told)
{
    for (size_t i = 0; i < EDGE_COUNT; i++) {
        int32_t narrow = (int32_t)EDGES[i];
        struct buf b = BUF_INIT;
        wire_write_uvarint(&b, (uint32_t)narrow);
        ck_assert_uint_eq(b.len, wire_uvarint_size((uint32_t)narrow));
        wire_write_varint(&b, narrow);
        ck_assert_uint_eq(b.len, wire_uvarint_size((uint32_t)narrow) +
                                     wire_varint_size(narrow));
        size_t before = b.len;
        wire_write_varlong(&b, EDGES[i]);
        ck_assert_uint_eq(b.len - before, wire_varlong_size(EDGES[i]));

        struct wire_reader r = reader_of(&b);
        ck_assert_uint_eq(wire_read_uvarint(&r), (uint32_t)narrow);
        ck_assert_int_eq(wire_read_varint(&r), narrow);
        ck_assert_int_eq(wire_read_varlong(&r), EDGES[i]);
        check_consumed(&r);
        buf_free(&b);
    }
}
END_TEST

START_TEST(varints_have_the_bytes_of_kafka)
{
    struct buf b = BUF_INIT;
    wire_write_uvarint(&b, 300);
    wire_write_varint(&b, -1);
    wire_write_varint(&b, 150);
    wire_write_uvarint(&b, UINT32_MAX);
    wire_write_varlong(&b, INT64_MIN);
    static const uint8_t want[] = {0xac, 0x02, 0x01, 0xac, 0x02, 0xff, 0xff,
                                   0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    ck_assert_uint_eq(b.len, sizeof(want));
    ck_assert_mem_eq(b.data, want, sizeof(want));
    buf_free(&b);
}
END_TEST

START_TEST(an_endless_varint_is_an_error)
{
    uint8_t ones[11];
    memset(ones, 0xff, sizeof(ones));
    struct wire_reader r = wire_reader_of(ones, sizeof(ones), NULL);
    ck_assert_uint_eq(wire_read_uvarint(&r), 0);
    ck_assert(r.failed);
    r = wire_reader_of(ones, sizeof(ones), NULL);
    ck_assert_int_eq(wire_read_varlong(&r), 0);
    ck_assert(r.failed);
    r = wire_reader_of(ones, 3, NULL);
    wire_read_varint(&r);
    ck_assert(r.failed);
}
END_TEST

START_TEST(fixed_numbers_are_big_endian)
{
    struct buf b = BUF_INIT;
    struct uuid id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    wire_write_int8(&b, -2);
    wire_write_int16(&b, 0x0102);
    wire_write_int32(&b, 0x01020304);
    wire_write_int64(&b, 0x0102030405060708);
    wire_write_float64(&b, -1.5);
    wire_write_uuid(&b, id);
    static const uint8_t want[] = {0xfe, 1, 2, 1,    2,    3, 4, 1, 2, 3, 4, 5,
                                   6,    7, 8, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0};
    ck_assert_mem_eq(b.data, want, sizeof(want));

    struct wire_reader r = reader_of(&b);
    ck_assert_int_eq(wire_read_int8(&r), -2);
    ck_assert_int_eq(wire_read_int16(&r), 0x0102);
    ck_assert_int_eq(wire_read_int32(&r), 0x01020304);
    ck_assert_int_eq(wire_read_int64(&r), 0x0102030405060708);
    ck_assert_double_eq(wire_read_float64(&r), -1.5);
    ck_assert(uuid_equal(wire_read_uuid(&r), id));
    check_consumed(&r);
    buf_free(&b);
}
END_TEST

static void check_strings(bool compact)
{
    struct buf b = BUF_INIT;
    wire_write_string(&b, STR_LITERAL("abc"), compact);
    wire_write_string(&b, STR_LITERAL(""), compact);
    wire_write_string(&b, STR_NULL, compact);
    wire_write_bytes(&b, (struct bytes){(const uint8_t *)"xy", 2}, compact);
    wire_write_bytes(&b, (struct bytes){(const uint8_t *)"", 0}, compact);
    wire_write_bytes(&b, BYTES_NULL, compact);
    ck_assert_uint_eq(b.len, compact ? 6 + 5 : 3 * 2 + 3 + 3 * 4 + 2);

    struct wire_reader r = reader_of(&b);
    ck_assert(str_is(wire_read_string(&r, compact), "abc"));
    ck_assert(str_is(wire_read_string(&r, compact), ""));
    ck_assert_ptr_null(wire_read_string(&r, compact).data);
    struct bytes xy = wire_read_bytes(&r, compact);
    ck_assert_int_eq(xy.len, 2);
    ck_assert_mem_eq(xy.data, "xy", 2);
    struct bytes empty = wire_read_bytes(&r, compact);
    ck_assert(empty.data != NULL && empty.len == 0);
    ck_assert_ptr_null(wire_read_bytes(&r, compact).data);
    check_consumed(&r);
    buf_free(&b);
}

START_TEST(null_and_empty_differ_in_both_forms)
{
    check_strings(false);
    check_strings(true);
}
END_TEST

START_TEST(a_failed_reader_gives_zeroes_and_keeps_its_first_reason)
{
    static const uint8_t bytes[] = {0, 9, 'a', 'b'};
    struct wire_reader r = wire_reader_of(bytes, sizeof(bytes), NULL);
    ck_assert_ptr_null(wire_read_string(&r, false).data);
    ck_assert(r.failed);
    const char *why = r.why;
    wire_fail(&r, "something else");
    ck_assert_str_eq(r.why, why);
    ck_assert_uint_eq(wire_left(&r), 0);
    ck_assert_int_eq(wire_read_int8(&r), 0);
    ck_assert_int_eq(wire_read_int64(&r), 0);
    ck_assert_ptr_null(wire_take(&r, 0));
}
END_TEST

START_TEST(lengths_out_of_range_are_errors)
{
    /* A compact length of 2^31, and a compact string longer than an int16. */
    static const uint8_t huge[] = {0x80, 0x80, 0x80, 0x80, 0x08};
    struct wire_reader r = wire_reader_of(huge, sizeof(huge), NULL);
    wire_read_bytes(&r, true);
    ck_assert(r.failed);

    static uint8_t zeroes[INT16_MAX + 16];
    struct buf b = BUF_INIT;
    wire_write_uvarint(&b, INT16_MAX + 2);
    buf_append(&b, zeroes, sizeof(zeroes));
    r = reader_of(&b);
    wire_read_string(&r, true);
    ck_assert(r.failed);
    r = reader_of(&b);
    ck_assert_int_eq(wire_read_bytes(&r, true).len, INT16_MAX + 1);
    ck_assert(!r.failed);
    buf_free(&b);
}
END_TEST

START_TEST(unknown_tagged_fields_are_skipped)
{
    static const uint8_t two[] = {2, 5, 3, 'a', 'b', 'c', 0x90, 1, 0, 42};
    struct wire_reader r = wire_reader_of(two, sizeof(two), NULL);
    wire_skip_tagged_fields(&r);
    ck_assert_int_eq(wire_read_int8(&r), 42);
    check_consumed(&r);

    static const uint8_t liar[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 7};
    r = wire_reader_of(liar, sizeof(liar), NULL);
    wire_skip_tagged_fields(&r);
    ck_assert(r.failed);
}
END_TEST

START_TEST(gaps_remember_where_their_bytes_belong)
{
    struct wire_writer w = WIRE_WRITER_INIT;
    int sources[20];
    for (int i = 0; i < 20; i++) {
        wire_write_int32(&w.out, i);
        wire_add_gap(&w, &sources[i], (size_t)i * 10);
    }
    ck_assert_uint_eq(w.gap_count, 20);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_uint_eq(w.gaps[i].at, (i + 1) * 4);
        ck_assert_uint_eq(w.gaps[i].len, i * 10);
        ck_assert_ptr_eq(w.gaps[i].source, &sources[i]);
    }
    wire_writer_free(&w);
    ck_assert_ptr_null(w.gaps);
}
END_TEST

GREGOR_TESTS("wire", varints_come_back_and_have_the_size_told,
             varints_have_the_bytes_of_kafka, an_endless_varint_is_an_error,
             fixed_numbers_are_big_endian, null_and_empty_differ_in_both_forms,
             a_failed_reader_gives_zeroes_and_keeps_its_first_reason,
             lengths_out_of_range_are_errors, unknown_tagged_fields_are_skipped,
             gaps_remember_where_their_bytes_belong)
