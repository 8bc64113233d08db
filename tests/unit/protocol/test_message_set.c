#include "protocol/message_set.h"

#include <zlib.h>

#include "tests/support/check_main.h"
#include "tests/support/tsv_file.h"

#define NOW 1700000000000
#define MIB ((size_t)1024 * 1024)
#define PREFIX 12
#define APPEND_TIME 0x08
#define MAX_MESSAGE 100000

/* Kafka's defaults, a day after the golden messages. */
static const struct record_rules defaults = {
    .now_ms = NOW + 86400000,
    .timestamp_type = TIMESTAMP_CREATE_TIME,
    .timestamp_before_max_ms = INT64_MAX,
    .timestamp_after_max_ms = 3600000,
    .keep_codec = true,
    .expand_limit = MIB,
};

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, (int32_t)strlen(s)};
}

static struct bytes view(const struct buf *b)
{
    return (struct bytes){b->data, (int32_t)b->len};
}

static bool same(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.data == NULL) == (b.data == NULL) &&
           (a.len == 0 || memcmp(a.data, b.data, (size_t)a.len) == 0);
}

/* ---- sets by hand -------------------------------------------------------- */

static void put(struct buf *out, struct bytes b)
{
    uint8_t len[4];
    store_be32(len, b.data == NULL ? UINT32_MAX : (uint32_t)b.len);
    buf_append(out, len, sizeof(len));
    if (b.len > 0)
        buf_append(out, b.data, (size_t)b.len);
}

static void renew_crc(struct buf *set, size_t at)
{
    uint8_t *body = set->data + at + PREFIX;
    uint32_t length = load_be32(set->data + at + 8);
    store_be32(body, (uint32_t)crc32(0, body + 4, length - 4));
}

static void add(struct buf *set, int magic, int attributes, int64_t offset,
                int64_t timestamp, struct bytes key, struct bytes value)
{
    size_t start = set->len;
    uint8_t front[PREFIX + 14] = {0};
    size_t size = PREFIX + (magic == 0 ? 6 : 14);
    store_be64(front, (uint64_t)offset);
    front[16] = (uint8_t)magic;
    front[17] = (uint8_t)attributes;
    store_be64(front + 18, (uint64_t)timestamp);
    buf_append(set, front, size);
    put(set, key);
    put(set, value);
    store_be32(set->data + start + 8, (uint32_t)(set->len - start - PREFIX));
    renew_crc(set, start);
}

static void add_plain(struct buf *set, int magic, int64_t offset)
{
    add(set, magic, 0, offset, NOW, text("key"), text("value"));
}

/* A wrapper of what is in `inside`, which is freed. */
static void wrap(struct buf *set, int magic, enum compression codec, int attributes,
                 int64_t offset, struct buf *inside)
{
    struct buf packed = BUF_INIT;
    int rc = magic == 0 ? compression_shrink_magic_0(codec, COMPRESSION_LEVEL_DEFAULT,
                                                     view(inside), &packed, NULL)
                        : compression_shrink(codec, COMPRESSION_LEVEL_DEFAULT,
                                             view(inside), &packed, NULL);
    ck_assert_int_eq(rc, 0);
    add(set, magic, (int)codec | attributes, offset, NOW, BYTES_NULL, view(&packed));
    buf_free(&packed);
    buf_free(inside);
}

/* ---- in ------------------------------------------------------------------ */

/* Converts and frees the set; the caller ends the verdict. */
static int convert(struct buf *set, const struct record_rules *rules,
                   struct record_verdict *verdict)
{
    struct err err = {0};
    uint8_t *exact = malloc(set->len + (set->len == 0));
    ck_assert_ptr_nonnull(exact);
    if (set->len > 0)
        memcpy(exact, set->data, set->len);
    int rc = message_set_convert((struct bytes){exact, (int32_t)set->len}, rules,
                                 MAX_MESSAGE, verdict, &err);
    ck_assert_int_eq(rc, err.code);
    ck_assert(rc == 0 || !verdict->rebuilt);
    free(exact);
    buf_free(set);
    return rc;
}

/* What becomes of it by these rules; 0 or the error. */
static int outcome(struct buf *set, const struct record_rules *rules)
{
    struct record_verdict verdict;
    int rc = convert(set, rules, &verdict);
    record_verdict_free(&verdict);
    return rc;
}

/* How many records the batch has that is made of the set. */
static int32_t accepted(struct buf *set)
{
    struct record_verdict verdict;
    struct record_batch batch = {0};
    ck_assert_int_eq(convert(set, &defaults, &verdict), 0);
    if (verdict.rebuilt)
        ck_assert_int_eq(
            record_batch_read(verdict.batch.data, verdict.batch.len, &batch, NULL), 0);
    record_verdict_free(&verdict);
    return batch.record_count;
}

/* ---- golden sets --------------------------------------------------------- */

struct golden {
    const char *name;
    struct bytes batch;
    int64_t first_offset;
    struct bytes sets[2]; /* magic 0 and 1 */
};

static bool golden_next(struct tsv_file *f, struct golden *out)
{
    char *columns[5];
    if (!tsv_file_next(f, columns, 5))
        return false;
    *out = (struct golden){
        .name = columns[0],
        .batch = tsv_file_hex(f, columns[1]),
        .first_offset = atoll(columns[2]),
        .sets = {tsv_file_hex(f, columns[3]), tsv_file_hex(f, columns[4])},
    };
    return true;
}

static void each_golden(void (*check)(const struct golden *g, int magic))
{
    struct tsv_file f;
    struct golden g;
    int seen = 0;
    tsv_file_open(&f, GREGOR_TEST_DATA "/message_sets/sets.tsv");
    while (golden_next(&f, &g)) {
        for (int magic = 0; magic < 2; magic++)
            check(&g, magic);
        seen++;
    }
    tsv_file_close(&f);
    ck_assert_int_eq(seen, 12);
}

static bool ends_with_append_time(const char *name)
{
    return strstr(name, "append-time") != NULL;
}

/* Where the value of a wrapper begins. */
static size_t value_at(int magic)
{
    return PREFIX + (magic == 0 ? 14 : 22);
}

/* Compressors differ; all else must not, nor what comes out of them. */
static void check_same_wrapper(const struct golden *g, int magic, struct bytes ours)
{
    struct bytes theirs = g->sets[magic];
    size_t at = value_at(magic);
    struct buf expanded[2] = {BUF_INIT, BUF_INIT};
    struct bytes both[2] = {ours, theirs};
    enum compression codec = ours.data[17] & 7;
    for (int i = 0; i < 2; i++) {
        struct bytes value = {both[i].data + at, both[i].len - (int32_t)at};
        int rc = magic == 0
                     ? compression_expand_magic_0(codec, value, MIB, &expanded[i], NULL)
                     : compression_expand(codec, value, MIB, &expanded[i], NULL);
        ck_assert_int_eq(rc, 0);
    }
    ck_assert_mem_eq(ours.data, theirs.data, 8);                     /* offset */
    ck_assert_mem_eq(ours.data + 16, theirs.data + 16, at - 4 - 16); /* up to length */
    ck_assert_int_eq(load_be32(ours.data + 8), ours.len - PREFIX);
    ck_assert_int_eq(load_be32(ours.data + at - 4), ours.len - (int32_t)at);
    ck_assert(same(view(&expanded[0]), view(&expanded[1])));
    if (codec == COMPRESSION_LZ4)
        ck_assert_mem_eq(ours.data + at, theirs.data + at, 7); /* checksum and all */
    buf_free(&expanded[0]);
    buf_free(&expanded[1]);
}

static void check_build(const struct golden *g, int magic)
{
    struct buf out = BUF_INIT;
    ck_assert_int_eq(message_set_append(&out, magic, g->batch.data,
                                        (size_t)g->batch.len, g->first_offset, MIB,
                                        NULL),
                     0);
    if ((out.data[17] & 7) == COMPRESSION_NONE)
        ck_assert_msg(same(view(&out), g->sets[magic]), "%s in magic %d", g->name,
                      magic);
    else
        check_same_wrapper(g, magic, view(&out));
    ck_assert_int_gt(accepted(&out), 0); /* its CRCs hold */
}

START_TEST(readers_get_what_kafka_3_9_gives_them)
{
    each_golden(check_build);
}
END_TEST

/* What the golden batch holds from the first offset on. */
static void check_records(const struct golden *g, int magic,
                          const struct record_verdict *v)
{
    struct record_iter was, is;
    struct record a, b;
    int64_t offset = 0;
    ck_assert(record_batch_crc_ok(v->batch.data, (int32_t)v->batch.len));
    ck_assert_int_eq(
        record_iter_open(&was, g->batch.data, (size_t)g->batch.len, MIB, NULL), 0);
    ck_assert_int_eq(record_iter_open(&is, v->batch.data, v->batch.len, MIB, NULL), 0);
    bool whole = was.batch.compression != COMPRESSION_NONE;
    while (record_iter_next(&was, &a, NULL) == 1) {
        if (a.offset < g->first_offset && !whole)
            continue;
        ck_assert_int_eq(record_iter_next(&is, &b, NULL), 1);
        ck_assert_int_eq(b.offset, offset++);
        ck_assert_int_eq(b.timestamp, magic == 0 ? NO_TIMESTAMP : a.timestamp);
        ck_assert(same(a.key, b.key) && same(a.value, b.value));
        ck_assert_int_eq(b.header_count, 0);
    }
    ck_assert_int_eq(record_iter_next(&is, &b, NULL), 0);
    ck_assert_int_eq(is.batch.base_offset, 0);
    ck_assert_int_eq(is.batch.producer_id, NO_PRODUCER_ID);
    ck_assert_int_eq(v->max_timestamp, is.batch.max_timestamp);
    ck_assert_int_eq(is.batch.max_timestamp, magic == 0 ? NO_TIMESTAMP
                                             : ends_with_append_time(g->name) ? NOW + 60
                                             : whole || g->first_offset == 100
                                                 ? NOW + 9
                                                 : NOW + 3);
    record_iter_close(&was);
    record_iter_close(&is);
}

static void check_convert(const struct golden *g, int magic)
{
    for (int codec = -1; codec <= COMPRESSION_ZSTD; codec++) {
        struct record_rules rules = defaults;
        struct record_verdict v;
        struct buf set = BUF_INIT;
        rules.keep_codec = codec < 0;
        rules.compression = codec < 0 ? COMPRESSION_NONE : (enum compression)codec;
        rules.compression_level = COMPRESSION_LEVEL_DEFAULT;
        buf_append(&set, g->sets[magic].data, (size_t)g->sets[magic].len);
        int source = set.data[17] & 7;
        ck_assert_msg(convert(&set, &rules, &v) == 0, "%s in magic %d", g->name, magic);
        ck_assert_int_eq(v.batch.data[22] & 7, codec < 0 ? source : codec);
        check_records(g, magic, &v);
        record_verdict_free(&v);
    }
}

START_TEST(what_kafkas_producers_sent_becomes_one_batch_in_every_codec)
{
    each_golden(check_convert);
}
END_TEST

static void check_append_time(const struct golden *g, int magic)
{
    struct record_rules rules = defaults;
    struct record_verdict v;
    struct record_batch batch;
    struct buf set = BUF_INIT;
    rules.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    buf_append(&set, g->sets[magic].data, (size_t)g->sets[magic].len);
    int rc = convert(&set, &rules, &v);
    if (magic == 1 && ends_with_append_time(g->name)) {
        ck_assert_int_eq(rc, ERR_INVALID_TIMESTAMP);
        return;
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(record_batch_read(v.batch.data, v.batch.len, &batch, NULL), 0);
    ck_assert_int_eq(batch.timestamp_type, TIMESTAMP_LOG_APPEND_TIME);
    ck_assert_int_eq(batch.max_timestamp, rules.now_ms);
    ck_assert_int_eq(v.max_timestamp, rules.now_ms);
    record_verdict_free(&v);
}

START_TEST(a_topic_of_append_time_gives_its_own)
{
    each_golden(check_append_time);
}
END_TEST

/* ---- sets that need not be taken ----------------------------------------- */

START_TEST(what_is_cut_short_at_the_end_is_passed_over)
{
    for (int magic = 0; magic < 2; magic++) {
        struct buf whole = BUF_INIT;
        add_plain(&whole, magic, 0);
        size_t first = whole.len;
        add_plain(&whole, magic, 1);
        for (size_t len = 0; len <= whole.len; len++) {
            struct buf set = BUF_INIT;
            buf_append(&set, whole.data, len);
            ck_assert_int_eq(accepted(&set), (len >= first) + (len == whole.len));
        }
        buf_free(&whole);
    }
}
END_TEST

START_TEST(the_last_message_inside_may_be_cut_short_too)
{
    struct buf inside = BUF_INIT, set = BUF_INIT;
    add_plain(&inside, 1, 0);
    add_plain(&inside, 1, 1);
    inside.len--;
    wrap(&set, 1, COMPRESSION_GZIP, 0, 1, &inside);
    ck_assert_int_eq(accepted(&set), 1);
}
END_TEST

START_TEST(a_length_or_a_magic_that_cannot_be_is_corrupt)
{
    struct buf set = BUF_INIT;
    add_plain(&set, 1, 0);
    size_t second = set.len;
    add_plain(&set, 1, 1);
    store_be32(set.data + second + 8, 13);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_CORRUPT_MESSAGE);
    add_plain(&set, 0, 0);
    store_be32(set.data + 8, UINT32_MAX);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_CORRUPT_MESSAGE);
    add_plain(&set, 3, 0);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_CORRUPT_MESSAGE);
}
END_TEST

START_TEST(every_byte_that_a_crc_covers_is_held_by_it)
{
    for (int magic = 0; magic < 2; magic++)
        for (int compressed = 0; compressed < 2; compressed++) {
            struct buf good = BUF_INIT, inside = BUF_INIT;
            add_plain(&inside, magic, 0);
            if (compressed)
                wrap(&good, magic, COMPRESSION_SNAPPY, 0, 0, &inside);
            else
                good = inside;
            /* A changed magic is another fault of the same message. */
            for (size_t at = PREFIX; at < good.len; at++) {
                struct buf set = BUF_INIT;
                buf_append(&set, good.data, good.len);
                set.data[at] ^= 0x40;
                ck_assert_int_eq(outcome(&set, &defaults), ERR_CORRUPT_MESSAGE);
            }
            buf_free(&good);
        }
}
END_TEST

START_TEST(a_corrupt_message_inside_is_corrupt)
{
    struct buf inside = BUF_INIT, set = BUF_INIT;
    add_plain(&inside, 1, 0);
    inside.data[inside.len - 1] ^= 1;
    wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &inside);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_CORRUPT_MESSAGE);
    add_plain(&inside, 1, 0);
    store_be32(inside.data + 8, 13);
    wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &inside);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_CORRUPT_MESSAGE);
}
END_TEST

START_TEST(a_message_larger_than_allowed_is_refused_before_its_crc_is_looked_at)
{
    struct buf set = BUF_INIT;
    struct buf large = BUF_INIT;
    ck_assert_ptr_nonnull(buf_extend(&large, MAX_MESSAGE));
    memset(large.data, 'x', large.len);
    large.len = MAX_MESSAGE - PREFIX - 14;
    add(&set, 0, 0, 0, 0, BYTES_NULL, view(&large));
    ck_assert_int_eq(set.len, MAX_MESSAGE);
    ck_assert_int_eq(accepted(&set), 1);
    large.len++;
    add_plain(&set, 0, 0);
    add(&set, 0, 0, 1, 0, BYTES_NULL, view(&large));
    set.data[set.len - 1] ^= 1;
    ck_assert_int_eq(outcome(&set, &defaults), ERR_MESSAGE_TOO_LARGE);
    buf_free(&large);
}
END_TEST

START_TEST(magics_do_not_mix)
{
    struct buf inside = BUF_INIT, set = BUF_INIT;
    add_plain(&set, 0, 0);
    add_plain(&set, 1, 1);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    for (int magic = 0; magic < 2; magic++) {
        add_plain(&inside, 1 - magic, 0);
        wrap(&set, magic, COMPRESSION_GZIP, 0, 0, &inside);
        ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
        add_plain(&inside, 7, 0);
        wrap(&set, magic, COMPRESSION_GZIP, 0, 0, &inside);
        ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    }
}
END_TEST

START_TEST(a_compressed_message_is_alone_and_holds_uncompressed_ones)
{
    struct buf inside = BUF_INIT, set = BUF_INIT, middle = BUF_INIT;
    add_plain(&inside, 1, 0);
    wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &inside);
    add_plain(&set, 1, 1);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);

    add_plain(&set, 1, 0);
    add_plain(&inside, 1, 0);
    wrap(&set, 1, COMPRESSION_GZIP, 0, 1, &inside);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);

    add_plain(&inside, 1, 0);
    wrap(&middle, 1, COMPRESSION_GZIP, 0, 0, &inside);
    wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &middle);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
}
END_TEST

START_TEST(a_compressed_message_without_messages_is_refused)
{
    struct buf inside = BUF_INIT, set = BUF_INIT;
    ck_assert(buf_reserve(&inside, 1));
    wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &inside);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    add(&set, 1, COMPRESSION_GZIP, 0, NOW, BYTES_NULL, BYTES_NULL);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    add(&set, 1, COMPRESSION_GZIP, 0, NOW, BYTES_NULL, text("not gzip"));
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
}
END_TEST

START_TEST(zstd_and_codecs_that_are_none_are_refused)
{
    struct buf inside = BUF_INIT, set = BUF_INIT;
    add_plain(&inside, 1, 0);
    wrap(&set, 1, COMPRESSION_ZSTD, 0, 0, &inside);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    for (int codec = 5; codec < 8; codec++) {
        add(&set, 1, codec, 0, NOW, BYTES_NULL, text("x"));
        ck_assert_int_eq(outcome(&set, &defaults), ERR_UNSUPPORTED_COMPRESSION_TYPE);
    }
}
END_TEST

/* librdkafka's wrappers had offset 0. */
START_TEST(a_wrappers_offset_is_0_or_not_below_those_inside)
{
    for (int64_t offset = 0; offset < 4; offset++) {
        struct buf inside = BUF_INIT, set = BUF_INIT;
        for (int64_t i = 0; i < 3; i++)
            add_plain(&inside, 1, i);
        wrap(&set, 1, COMPRESSION_GZIP, 0, offset, &inside);
        ck_assert_int_eq(outcome(&set, &defaults),
                         offset == 1 ? ERR_INVALID_RECORD : 0);
    }
    /* With magic 0 nobody counts from it. */
    struct buf inside = BUF_INIT, set = BUF_INIT;
    add_plain(&inside, 0, 7);
    wrap(&set, 0, COMPRESSION_GZIP, 0, 3, &inside);
    ck_assert_int_eq(accepted(&set), 1);
}
END_TEST

START_TEST(offsets_out_of_order_are_given_anew)
{
    static const int64_t offsets[] = {5, 0, 0, 9, 2};
    struct buf inside = BUF_INIT, set = BUF_INIT;
    for (int i = 0; i < 5; i++)
        add_plain(&inside, 1, offsets[i]);
    wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &inside);
    ck_assert_int_eq(accepted(&set), 5);
}
END_TEST

START_TEST(lengths_that_lead_out_of_a_message_are_refused)
{
    static const uint32_t lengths[] = {4, 9, 1000, INT32_MAX};
    for (int magic = 0; magic < 2; magic++)
        for (size_t field = 0; field < 2; field++)
            for (size_t i = 0; i < 4; i++) {
                struct buf set = BUF_INIT;
                add(&set, magic, 0, 0, NOW, text("key"), text("value"));
                size_t at = value_at(magic) - 8 + field * (4 + 3);
                store_be32(set.data + at, lengths[i]);
                renew_crc(&set, 0);
                /* A key may take the value's place, its length then lies in it. */
                int rc = outcome(&set, &defaults);
                ck_assert(rc == ERR_INVALID_RECORD ||
                          (field == 1 && lengths[i] == 4 && rc == 0));
            }
}
END_TEST

START_TEST(a_message_of_magic_1_too_short_for_its_fields_is_refused)
{
    struct buf set = BUF_INIT;
    add(&set, 1, 0, 0, NOW, BYTES_NULL, BYTES_NULL);
    set.len = PREFIX + 14;
    store_be32(set.data + 8, 14);
    renew_crc(&set, 0);
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
}
END_TEST

START_TEST(bytes_behind_a_value_are_passed_over)
{
    struct buf set = BUF_INIT;
    add_plain(&set, 0, 0);
    buf_append(&set, "more", 4);
    store_be32(set.data + 8, (uint32_t)set.len - PREFIX);
    renew_crc(&set, 0);
    ck_assert_int_eq(accepted(&set), 1);
}
END_TEST

START_TEST(data_that_expands_beyond_the_limit_is_refused)
{
    for (int magic = 0; magic < 2; magic++)
        for (int codec = COMPRESSION_GZIP; codec <= COMPRESSION_LZ4; codec++)
            for (size_t less = 0; less < 2; less++) {
                struct buf inside = BUF_INIT, set = BUF_INIT;
                for (int64_t i = 0; i < 1000; i++)
                    add_plain(&inside, magic, i);
                struct record_rules rules = defaults;
                rules.expand_limit = inside.len - less;
                wrap(&set, magic, (enum compression)codec, 0, 0, &inside);
                ck_assert_int_eq(outcome(&set, &rules),
                                 less == 0 ? 0 : ERR_INVALID_RECORD);
            }
}
END_TEST

/* ---- the topic's rules --------------------------------------------------- */

START_TEST(a_compacted_topic_wants_keys)
{
    struct record_rules rules = defaults;
    rules.compacted = true;
    for (int magic = 0; magic < 2; magic++)
        for (int compressed = 0; compressed < 2; compressed++) {
            struct buf inside = BUF_INIT, set = BUF_INIT;
            add_plain(&inside, magic, 0);
            add(&inside, magic, 0, 1, NOW, BYTES_NULL, text("v"));
            if (compressed)
                wrap(&set, magic, COMPRESSION_GZIP, 0, 0, &inside);
            else
                set = inside;
            struct record_verdict v;
            ck_assert_int_eq(convert(&set, &rules, &v), ERR_INVALID_RECORD);
            ck_assert_int_eq(v.record_error_count, 1);
            ck_assert_int_eq(v.record_errors[0].batch_index, 1);
            record_verdict_free(&v);
        }
}
END_TEST

START_TEST(timestamps_are_held_within_the_topics_bounds)
{
    int64_t future = defaults.now_ms + defaults.timestamp_after_max_ms + 1;
    struct buf set = BUF_INIT;
    add(&set, 1, 0, 0, future - 1, text("k"), text("v"));
    add(&set, 1, 0, 0, NO_TIMESTAMP, text("k"), text("v"));
    ck_assert_int_eq(accepted(&set), 2);
    add(&set, 1, 0, 0, future, text("k"), text("v"));
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_TIMESTAMP);
    add(&set, 1, 0, 0, -2, text("k"), text("v"));
    ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_TIMESTAMP);
}
END_TEST

/* Of several faults the first tells where messages lie side by side, and a bad
 * timestamp outweighs others inside of a wrapper. */
START_TEST(which_fault_is_told)
{
    struct record_rules rules = defaults;
    rules.compacted = true;
    for (int compressed = 0; compressed < 2; compressed++) {
        struct buf inside = BUF_INIT, set = BUF_INIT;
        add(&inside, 1, 0, 0, NOW, BYTES_NULL, text("v"));
        add(&inside, 1, 0, 1, INT64_MAX, text("k"), text("v"));
        if (compressed)
            wrap(&set, 1, COMPRESSION_GZIP, 0, 0, &inside);
        else
            set = inside;
        struct record_verdict v;
        ck_assert_int_eq(convert(&set, &rules, &v),
                         compressed ? ERR_INVALID_TIMESTAMP : ERR_INVALID_RECORD);
        ck_assert_int_eq(v.record_error_count, compressed ? 2 : 1);
        record_verdict_free(&v);
    }
}
END_TEST

START_TEST(a_wrapper_of_append_time_gives_its_timestamp)
{
    struct buf inside = BUF_INIT, set = BUF_INIT;
    struct record_verdict v;
    struct record_iter it;
    struct record r;
    add(&inside, 1, 0, 0, 5, text("k"), text("v"));
    wrap(&set, 1, COMPRESSION_GZIP, APPEND_TIME, 0, &inside);
    ck_assert_int_eq(convert(&set, &defaults, &v), 0);
    ck_assert_int_eq(record_iter_open(&it, v.batch.data, v.batch.len, MIB, NULL), 0);
    ck_assert_int_eq(record_iter_next(&it, &r, NULL), 1);
    ck_assert_int_eq(r.timestamp, NOW);
    record_iter_close(&it);
    record_verdict_free(&v);
}
END_TEST

/* ---- LZ4 ----------------------------------------------------------------- */

START_TEST(the_checksum_of_lz4_may_be_wrong_in_magic_0_alone)
{
    for (int magic = 0; magic < 2; magic++)
        for (int change = 0; change < 256; change += 5) {
            struct buf inside = BUF_INIT, set = BUF_INIT;
            add_plain(&inside, magic, 0);
            wrap(&set, magic, COMPRESSION_LZ4, 0, 0, &inside);
            set.data[value_at(magic) + 6] ^= (uint8_t)change;
            renew_crc(&set, 0);
            ck_assert_int_eq(outcome(&set, &defaults),
                             magic == 0 || change == 0 ? 0 : ERR_INVALID_RECORD);
        }
}
END_TEST

START_TEST(lz4_frames_that_are_none_are_refused_in_magic_0)
{
    struct buf inside = BUF_INIT, good = BUF_INIT;
    add_plain(&inside, 0, 0);
    wrap(&good, 0, COMPRESSION_LZ4, 0, 0, &inside);
    int32_t size = (int32_t)(good.len - value_at(0));
    for (int32_t len = 0; len < size - 4; len++) { /* the end mark may be missing */
        struct buf set = BUF_INIT;
        struct bytes value = {good.data + value_at(0), len};
        add(&set, 0, COMPRESSION_LZ4, 0, 0, BYTES_NULL, value);
        ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    }
    for (size_t at = value_at(0); at < value_at(0) + 6; at++) {
        struct buf set = BUF_INIT;
        buf_append(&set, good.data, good.len);
        set.data[at] = 0xff;
        renew_crc(&set, 0);
        ck_assert_int_eq(outcome(&set, &defaults), ERR_INVALID_RECORD);
    }
    buf_free(&good);
}
END_TEST

/* ---- out ----------------------------------------------------------------- */

static void builder_add(struct record_batch_builder *b)
{
    record_batch_builder_add(b, NOW, text("k"), text("v"), NULL, 0);
}

static int build(struct record_batch_builder *b, int magic, int64_t first_offset,
                 struct buf *out)
{
    ck_assert_int_eq(record_batch_builder_finish(b, NULL), 0);
    int rc = message_set_append(out, magic, b->out.data, b->out.len, first_offset, MIB,
                                NULL);
    record_batch_builder_free(b);
    return rc;
}

START_TEST(what_old_readers_do_not_know_is_kept_from_them)
{
    struct record_batch_builder b;
    struct buf out = BUF_INIT;
    buf_append(&out, "before", 6);
    for (int magic = 0; magic < 2; magic++) {
        record_batch_builder_init(&b, 10);
        builder_add(&b);
        b.batch.control = true;
        ck_assert_int_eq(build(&b, magic, 10, &out), 0);

        record_batch_builder_init(&b, 10); /* emptied by compaction */
        b.batch.last_offset = 12;
        ck_assert_int_eq(build(&b, magic, 10, &out), 0);

        record_batch_builder_init(&b, 10);
        builder_add(&b);
        b.batch.compression = COMPRESSION_ZSTD;
        ck_assert_int_eq(build(&b, magic, 10, &out), ERR_UNSUPPORTED_COMPRESSION_TYPE);
        ck_assert_uint_eq(out.len, 6);
    }
    buf_free(&out);
}
END_TEST

/* A reader that is given only what it passes over asks for the same again. */
START_TEST(nothing_comes_of_a_batch_that_lost_what_is_asked_for)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_LZ4; codec++)
        for (int64_t first_offset = 10; first_offset < 14; first_offset++) {
            struct record_batch_builder b;
            struct buf out = BUF_INIT;
            record_batch_builder_init(&b, 10);
            builder_add(&b);
            builder_add(&b);
            b.batch.last_offset = 13;
            b.batch.compression = (enum compression)codec;
            ck_assert_int_eq(build(&b, 1, first_offset, &out), 0);
            ck_assert_int_eq(out.len > 0, first_offset <= 11);
            buf_free(&out);
        }
}
END_TEST

START_TEST(a_corrupt_batch_gets_no_new_crc)
{
    struct record_batch_builder b;
    struct buf out = BUF_INIT;
    record_batch_builder_init(&b, 0);
    builder_add(&b);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    for (size_t at = 17; at < b.out.len; at++) {
        b.out.data[at] ^= 0x10;
        int rc = message_set_append(&out, 1, b.out.data, b.out.len, 0, MIB, NULL);
        /* One that says to be a marker is left out as such. */
        ck_assert(rc == ERR_CORRUPT_MESSAGE || rc == ERR_INVALID_RECORD);
        ck_assert_uint_eq(out.len, 0);
        b.out.data[at] ^= 0x10;
    }
    record_batch_builder_free(&b);
    buf_free(&out);
}
END_TEST

START_TEST(a_batch_that_expands_beyond_the_limit_is_not_built)
{
    struct record_batch_builder b;
    struct buf out = BUF_INIT;
    record_batch_builder_init(&b, 0);
    for (int i = 0; i < 1000; i++)
        builder_add(&b);
    size_t size = b.out.len - RECORD_BATCH_OVERHEAD;
    b.batch.compression = COMPRESSION_GZIP;
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    ck_assert_int_eq(
        message_set_append(&out, 1, b.out.data, b.out.len, 0, size - 1, NULL),
        ERR_INVALID_RECORD);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_int_eq(message_set_append(&out, 1, b.out.data, b.out.len, 0, size, NULL),
                     0);
    record_batch_builder_free(&b);
    buf_free(&out);
}
END_TEST

GREGOR_TESTS(
    "message_set", readers_get_what_kafka_3_9_gives_them,
    what_kafkas_producers_sent_becomes_one_batch_in_every_codec,
    a_topic_of_append_time_gives_its_own, what_is_cut_short_at_the_end_is_passed_over,
    the_last_message_inside_may_be_cut_short_too,
    a_length_or_a_magic_that_cannot_be_is_corrupt,
    every_byte_that_a_crc_covers_is_held_by_it, a_corrupt_message_inside_is_corrupt,
    a_message_larger_than_allowed_is_refused_before_its_crc_is_looked_at,
    magics_do_not_mix, a_compressed_message_is_alone_and_holds_uncompressed_ones,
    a_compressed_message_without_messages_is_refused,
    zstd_and_codecs_that_are_none_are_refused,
    a_wrappers_offset_is_0_or_not_below_those_inside,
    offsets_out_of_order_are_given_anew, lengths_that_lead_out_of_a_message_are_refused,
    a_message_of_magic_1_too_short_for_its_fields_is_refused,
    bytes_behind_a_value_are_passed_over, data_that_expands_beyond_the_limit_is_refused,
    a_compacted_topic_wants_keys, timestamps_are_held_within_the_topics_bounds,
    which_fault_is_told, a_wrapper_of_append_time_gives_its_timestamp,
    the_checksum_of_lz4_may_be_wrong_in_magic_0_alone,
    lz4_frames_that_are_none_are_refused_in_magic_0,
    what_old_readers_do_not_know_is_kept_from_them,
    nothing_comes_of_a_batch_that_lost_what_is_asked_for,
    a_corrupt_batch_gets_no_new_crc, a_batch_that_expands_beyond_the_limit_is_not_built)
