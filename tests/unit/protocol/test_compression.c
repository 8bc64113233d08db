#include "protocol/compression.h"

#include "tests/support/check_main.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#define MIB ((size_t)1024 * 1024)

static const enum compression codecs[] = {COMPRESSION_GZIP, COMPRESSION_SNAPPY,
                                          COMPRESSION_LZ4, COMPRESSION_ZSTD};
#define CODECS (sizeof(codecs) / sizeof(codecs[0]))

static struct bytes view(const struct buf *b)
{
    return (struct bytes){b->data, (int32_t)b->len};
}

/* `noise` of 256 bytes are unpredictable, the others repeat. */
static struct buf sample(size_t len, unsigned noise)
{
    struct buf b = BUF_INIT;
    uint32_t state = 12345;
    uint8_t *at = buf_extend(&b, len + 1);
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525 + 1013904223;
        at[i] = (i & 0xff) < noise ? (uint8_t)(state >> 24) : (uint8_t)(i / 64);
    }
    b.len = len;
    return b;
}

static struct buf shrunk(enum compression codec, int level, struct bytes in)
{
    struct err err = {0};
    struct buf out = BUF_INIT;
    ck_assert_msg(compression_shrink(codec, level, in, &out, &err) == 0, "%s",
                  err.message);
    return out;
}

static void expect_expansion(enum compression codec, struct bytes in, size_t limit,
                             struct bytes wanted)
{
    struct err err = {0};
    struct buf out = BUF_INIT;
    buf_append(&out, "before", 6);
    int rc = compression_expand(codec, in, limit, &out, &err);
    ck_assert_msg(rc == 0, "%s of %d bytes: %s", compression_name((int)codec),
                  wanted.len, err.message);
    ck_assert_uint_eq(out.len, 6 + (size_t)wanted.len);
    ck_assert_mem_eq(out.data, "before", 6);
    ck_assert(wanted.len == 0 ||
              memcmp(out.data + 6, wanted.data, (size_t)wanted.len) == 0);
    buf_free(&out);
}

/* Refused, with nothing left behind and nothing allocated past the limit. */
static void expect_refusal(enum compression codec, struct bytes in, size_t limit)
{
    struct err err = {0};
    struct buf out = BUF_INIT;
    buf_append(&out, "before", 6);
    int rc = compression_expand(codec, in, limit, &out, &err);
    ck_assert_int_eq(rc, ERR_MALFORMED);
    ck_assert_int_eq(err.code, ERR_MALFORMED);
    ck_assert_uint_eq(out.len, 6);
    ck_assert_uint_le(out.cap, 256 + limit + 1);
    buf_free(&out);
}

START_TEST(names_are_kafkas)
{
    ck_assert_str_eq(compression_name(COMPRESSION_NONE), "none");
    ck_assert_str_eq(compression_name(COMPRESSION_ZSTD), "zstd");
    ck_assert_ptr_null(compression_name(5));
    ck_assert_ptr_null(compression_name(-1));
}
END_TEST

START_TEST(every_codec_gives_back_what_it_took)
{
    static const size_t sizes[] = {0,     1,     100,       32768,   32769,
                                   65535, 65536, 65537 * 2, 1 << 20, 3000001};
    for (size_t c = 0; c < CODECS; c++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            for (unsigned noise = 0; noise <= 256; noise += 64) {
                struct buf in = sample(sizes[i], noise);
                struct buf packed =
                    shrunk(codecs[c], COMPRESSION_LEVEL_DEFAULT, view(&in));
                /* Snappy has no block for nothing: only the framing's header. */
                expect_expansion(codecs[c], view(&packed), sizes[i], view(&in));
                buf_free(&packed);
                buf_free(&in);
            }
}
END_TEST

START_TEST(uncompressed_bytes_are_copied_within_the_limit)
{
    struct bytes in = {(const uint8_t *)"hello", 5};
    struct buf same = shrunk(COMPRESSION_NONE, 0, in);
    expect_expansion(COMPRESSION_NONE, view(&same), 5, in);
    expect_refusal(COMPRESSION_NONE, in, 4);
    buf_free(&same);
}
END_TEST

START_TEST(every_level_of_kafka_works)
{
    static const struct {
        enum compression codec;
        int level;
    } levels[] = {
        {COMPRESSION_GZIP, -1},      {COMPRESSION_GZIP, 1},  {COMPRESSION_GZIP, 9},
        {COMPRESSION_LZ4, 1},        {COMPRESSION_LZ4, 9},   {COMPRESSION_LZ4, 17},
        {COMPRESSION_ZSTD, -131072}, {COMPRESSION_ZSTD, -1}, {COMPRESSION_ZSTD, 0},
        {COMPRESSION_ZSTD, 3},       {COMPRESSION_ZSTD, 22}};
    struct buf in = sample(200000, 40);
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        struct buf packed = shrunk(levels[i].codec, levels[i].level, view(&in));
        expect_expansion(levels[i].codec, view(&packed), in.len, view(&in));
        buf_free(&packed);
    }
    struct err err;
    struct buf out = BUF_INIT;
    ck_assert_int_eq(compression_shrink(COMPRESSION_GZIP, 10, view(&in), &out, &err),
                     ERR_INVALID);
    ck_assert_uint_eq(out.len, 0);
    buf_free(&out);
    buf_free(&in);
}
END_TEST

/* Words from a small book, in no order: what the two compressors of lz4 tell
 * apart. */
static struct buf words(size_t len)
{
    static const char *const book[] = {"alpha ", "beta ",  "gamma ", "delta ",
                                       "eps ",   "zeta ",  "eta ",   "theta ",
                                       "iota ",  "kappa ", "la ",    "mu "};
    struct buf b = BUF_INIT;
    uint32_t state = 7;
    while (b.len < len) {
        state = state * 1664525 + 1013904223;
        const char *word = book[(state >> 16) % 12];
        buf_append(&b, word, strlen(word));
    }
    return b;
}

START_TEST(lz4_level_nine_is_the_fast_compressor_and_others_the_high_one)
{
    struct buf in = words(100000);
    struct buf fast = shrunk(COMPRESSION_LZ4, 9, view(&in));
    struct buf by_default =
        shrunk(COMPRESSION_LZ4, COMPRESSION_LEVEL_DEFAULT, view(&in));
    ck_assert_uint_eq(fast.len, by_default.len);
    for (int level = 1; level <= 17; level++) {
        struct buf high = shrunk(COMPRESSION_LZ4, level, view(&in));
        if (level != 9)
            ck_assert_uint_lt(high.len, fast.len);
        buf_free(&high);
    }
    buf_free(&by_default);
    buf_free(&fast);
    buf_free(&in);
}
END_TEST

START_TEST(frames_begin_as_kafka_writes_them)
{
    struct buf in = sample(100, 256);
    struct buf lz4 = shrunk(COMPRESSION_LZ4, 9, view(&in));
    /* Magic; version 1, independent, no checksums, no size; 64 KiB; its hash. */
    ck_assert_mem_eq(lz4.data, "\x04\x22\x4d\x18\x60\x40\x82", 7);
    ck_assert_mem_eq(lz4.data + lz4.len - 4, "\0\0\0\0", 4);
    struct buf snappy = shrunk(COMPRESSION_SNAPPY, 0, view(&in));
    ck_assert_mem_eq(snappy.data, "\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
    ck_assert_uint_eq(load_be32(snappy.data + 16), snappy.len - 20);
    buf_free(&snappy);
    buf_free(&lz4);
    buf_free(&in);
}
END_TEST

START_TEST(the_limit_is_met_to_the_byte)
{
    static const size_t sizes[] = {1, 1000, 65536, 1 << 20};
    for (size_t c = 0; c < CODECS; c++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct buf in = sample(sizes[i], 10);
            struct buf packed = shrunk(codecs[c], COMPRESSION_LEVEL_DEFAULT, view(&in));
            expect_expansion(codecs[c], view(&packed), sizes[i], view(&in));
            expect_refusal(codecs[c], view(&packed), sizes[i] - 1);
            expect_refusal(codecs[c], view(&packed), 0);
            buf_free(&packed);
            buf_free(&in);
        }
}
END_TEST

START_TEST(a_bomb_is_refused_before_its_memory_is_taken)
{
    struct buf in = BUF_INIT;
    memset(buf_extend(&in, 64 * MIB), 0, 64 * MIB);
    for (size_t c = 0; c < CODECS; c++) {
        struct buf packed = shrunk(codecs[c], COMPRESSION_LEVEL_DEFAULT, view(&in));
        ck_assert_uint_lt(packed.len, 4 * MIB);
        expect_refusal(codecs[c], view(&packed), MIB);
        expect_refusal(codecs[c], view(&packed), 100);
        buf_free(&packed);
    }
    buf_free(&in);
}
END_TEST

/* Streaming writers do not know the size when they write the frame's header. */
static struct buf zstd_stream(struct bytes in)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    struct buf out = BUF_INIT;
    size_t bound = ZSTD_compressBound((size_t)in.len) + 64;
    ZSTD_outBuffer to = {buf_extend(&out, bound), bound, 0};
    ZSTD_inBuffer from = {in.data, (size_t)in.len, 0};
    while (from.pos < from.size)
        ZSTD_compressStream2(c, &to, &from, ZSTD_e_continue);
    ck_assert_uint_eq(ZSTD_compressStream2(c, &to, &from, ZSTD_e_end), 0);
    out.len = to.pos;
    ZSTD_freeCCtx(c);
    return out;
}

START_TEST(zstd_frames_without_a_size_are_expanded_within_the_limit)
{
    struct buf in = sample(3 * MIB, 3);
    struct buf packed = zstd_stream(view(&in));
    ck_assert(ZSTD_getFrameContentSize(packed.data, packed.len) ==
              ZSTD_CONTENTSIZE_UNKNOWN);
    expect_expansion(COMPRESSION_ZSTD, view(&packed), in.len, view(&in));
    expect_refusal(COMPRESSION_ZSTD, view(&packed), in.len - 1);
    buf_free(&packed);
    buf_free(&in);
}
END_TEST

START_TEST(zstd_windows_above_128_mib_are_refused)
{
    /* Magic, no flags, window descriptor, one empty last raw block. */
    uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x01, 0, 0};
    expect_expansion(COMPRESSION_ZSTD, (struct bytes){frame, sizeof(frame)}, 100,
                     (struct bytes){frame, 0});
    frame[5]++; /* an eighth more */
    expect_refusal(COMPRESSION_ZSTD, (struct bytes){frame, sizeof(frame)}, 100);
}
END_TEST

START_TEST(joined_streams_are_read_as_one)
{
    static const enum compression joinable[] = {COMPRESSION_GZIP, COMPRESSION_SNAPPY,
                                                COMPRESSION_ZSTD};
    for (size_t c = 0; c < 3; c++) {
        struct buf first = sample(100000, 20);
        struct buf second = sample(50, 256);
        struct buf packed =
            shrunk(joinable[c], COMPRESSION_LEVEL_DEFAULT, view(&first));
        struct buf more = shrunk(joinable[c], COMPRESSION_LEVEL_DEFAULT, view(&second));
        buf_append(&packed, more.data, more.len);
        buf_append(&first, second.data, second.len);
        expect_expansion(joinable[c], view(&packed), first.len, view(&first));
        expect_refusal(joinable[c], view(&packed), first.len - 1);
        buf_free(&more);
        buf_free(&packed);
        buf_free(&second);
        buf_free(&first);
    }
}
END_TEST

START_TEST(bytes_behind_a_gzip_member_or_an_lz4_frame_are_ignored_as_in_java)
{
    static const enum compression lenient[] = {COMPRESSION_GZIP, COMPRESSION_LZ4};
    for (size_t c = 0; c < 2; c++) {
        struct buf in = sample(1000, 20);
        struct buf packed = shrunk(lenient[c], COMPRESSION_LEVEL_DEFAULT, view(&in));
        buf_append(&packed, "garbage", 7);
        expect_expansion(lenient[c], view(&packed), in.len, view(&in));
        buf_free(&packed);
        buf_free(&in);
    }
}
END_TEST

START_TEST(snappy_without_framing_is_read)
{
    struct buf in = sample(100000, 20);
    struct buf packed = BUF_INIT;
    size_t len = snappy_max_compressed_length(in.len);
    char *to = (char *)buf_extend(&packed, len);
    ck_assert_int_eq(snappy_compress((char *)in.data, in.len, to, &len), SNAPPY_OK);
    packed.len = len;
    expect_expansion(COMPRESSION_SNAPPY, view(&packed), in.len, view(&in));
    expect_refusal(COMPRESSION_SNAPPY, view(&packed), in.len - 1);
    buf_free(&packed);
    buf_free(&in);
}
END_TEST

START_TEST(a_snappy_block_that_claims_too_much_takes_no_memory)
{
    /* "256 MiB" in a preamble of five bytes, then one literal byte. */
    static const uint8_t lie[] = {0x80, 0x80, 0x80, 0x80, 0x01, 0x00, 'x'};
    struct buf out = BUF_INIT;
    struct err err;
    ck_assert_int_eq(compression_expand(COMPRESSION_SNAPPY,
                                        (struct bytes){lie, sizeof(lie)}, 1024 * MIB,
                                        &out, &err),
                     ERR_MALFORMED);
    ck_assert_uint_eq(out.cap, 0);
    buf_free(&out);
}
END_TEST

START_TEST(lz4_frames_that_kafka_cannot_read_are_refused)
{
    struct buf in = sample(200000, 20);
    struct buf packed = BUF_INIT;
    LZ4F_preferences_t linked = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockLinked}};
    size_t bound = LZ4F_compressFrameBound(in.len, &linked);
    packed.len =
        LZ4F_compressFrame(buf_extend(&packed, bound), bound, in.data, in.len, &linked);
    expect_refusal(COMPRESSION_LZ4, view(&packed), in.len);
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0,
                                        'x',  0,    0,    0,    0, 0, 0, 0};
    expect_refusal(COMPRESSION_LZ4, (struct bytes){skippable, sizeof(skippable)}, 100);
    buf_free(&packed);
    buf_free(&in);
}
END_TEST

START_TEST(lz4_frames_with_large_blocks_and_checksums_are_read)
{
    struct buf in = sample(5 * MIB, 20);
    struct buf packed = BUF_INIT;
    LZ4F_preferences_t large = {
        .frameInfo = {.blockSizeID = LZ4F_max4MB,
                      .blockMode = LZ4F_blockIndependent,
                      .contentChecksumFlag = LZ4F_contentChecksumEnabled,
                      .blockChecksumFlag = LZ4F_blockChecksumEnabled}};
    size_t bound = LZ4F_compressFrameBound(in.len, &large);
    packed.len =
        LZ4F_compressFrame(buf_extend(&packed, bound), bound, in.data, in.len, &large);
    expect_expansion(COMPRESSION_LZ4, view(&packed), in.len, view(&in));
    expect_refusal(COMPRESSION_LZ4, view(&packed), in.len - 1);
    buf_free(&packed);
    buf_free(&in);
}
END_TEST

START_TEST(a_stream_cut_anywhere_is_refused)
{
    struct buf in = sample(3000, 128);
    for (size_t c = 0; c < CODECS; c++) {
        struct buf packed = shrunk(codecs[c], COMPRESSION_LEVEL_DEFAULT, view(&in));
        for (int32_t len = 0; len < (int32_t)packed.len; len++) {
            /* The bare header of the Xerial framing is an empty stream. */
            if (codecs[c] == COMPRESSION_SNAPPY && len == 16)
                continue;
            /* A copy of that size, so that ASan sees a read behind it. */
            uint8_t *cut = malloc((size_t)len);
            memcpy(cut, packed.data, (size_t)len);
            expect_refusal(codecs[c], (struct bytes){cut, len}, in.len);
            free(cut);
        }
        buf_free(&packed);
    }
    buf_free(&in);
}
END_TEST

START_TEST(a_changed_byte_gives_a_value_or_an_error)
{
    struct buf in = sample(2000, 64);
    for (size_t c = 0; c < CODECS; c++) {
        struct buf packed = shrunk(codecs[c], COMPRESSION_LEVEL_DEFAULT, view(&in));
        for (size_t i = 0; i < packed.len; i++)
            for (unsigned bit = 0; bit < 8; bit++) {
                struct buf out = BUF_INIT;
                packed.data[i] ^= (uint8_t)(1u << bit);
                int rc =
                    compression_expand(codecs[c], view(&packed), 10000, &out, NULL);
                ck_assert(rc == 0 || rc == ERR_MALFORMED);
                ck_assert_uint_le(out.cap, 10001);
                packed.data[i] ^= (uint8_t)(1u << bit);
                buf_free(&out);
            }
        buf_free(&packed);
    }
    buf_free(&in);
}
END_TEST

START_TEST(an_unknown_codec_is_refused)
{
    struct buf out = BUF_INIT;
    struct err err;
    struct bytes in = {(const uint8_t *)"x", 1};
    ck_assert_int_eq(compression_expand((enum compression)5, in, 10, &out, &err),
                     ERR_MALFORMED);
    ck_assert_int_eq(compression_shrink((enum compression)7, 0, in, &out, &err),
                     ERR_INVALID);
    buf_free(&out);
}
END_TEST

GREGOR_TESTS("compression", names_are_kafkas, every_codec_gives_back_what_it_took,
             uncompressed_bytes_are_copied_within_the_limit, every_level_of_kafka_works,
             lz4_level_nine_is_the_fast_compressor_and_others_the_high_one,
             frames_begin_as_kafka_writes_them, the_limit_is_met_to_the_byte,
             a_bomb_is_refused_before_its_memory_is_taken,
             zstd_frames_without_a_size_are_expanded_within_the_limit,
             zstd_windows_above_128_mib_are_refused, joined_streams_are_read_as_one,
             bytes_behind_a_gzip_member_or_an_lz4_frame_are_ignored_as_in_java,
             snappy_without_framing_is_read,
             a_snappy_block_that_claims_too_much_takes_no_memory,
             lz4_frames_that_kafka_cannot_read_are_refused,
             lz4_frames_with_large_blocks_and_checksums_are_read,
             a_stream_cut_anywhere_is_refused, a_changed_byte_gives_a_value_or_an_error,
             an_unknown_codec_is_refused)
