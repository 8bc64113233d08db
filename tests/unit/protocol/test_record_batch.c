#include "protocol/record_batch.h"

#include "tests/support/check_main.h"

#include <glob.h>
#include <stdio.h>

#define SAMPLES GREGOR_TEST_DATA "/apache-kafka-4.3.0"
#define LIMIT ((size_t)1024 * 1024)

static struct buf read_file(const char *path)
{
    struct buf b = BUF_INIT;
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    for (;;) {
        uint8_t *at = buf_extend(&b, 65536);
        size_t len = fread(at, 1, 65536, f);
        b.len -= 65536 - len;
        if (len == 0)
            break;
    }
    fclose(f);
    return b;
}

/* The number behind "name: " in a line of Kafka's dump. */
static long long field(const char *line, const char *name)
{
    char label[64];
    snprintf(label, sizeof(label), "%s: ", name);
    const char *at = strstr(line, label);
    ck_assert_msg(at != NULL, "no %s in %s", name, line);
    return strtoll(at + strlen(label), NULL, 10);
}

static bool has(const char *line, const char *text)
{
    return strstr(line, text) != NULL;
}

static long long dumped_timestamp(const char *line)
{
    return has(line, "LogAppendTime: ") ? field(line, "LogAppendTime")
                                        : field(line, "CreateTime");
}

static void check_batch_against(const char *line, const struct record_batch *b,
                                size_t position)
{
    char codec[32];
    snprintf(codec, sizeof(codec), "compresscodec: %s ",
             compression_name((int)b->compression));
    ck_assert_int_eq(b->base_offset, field(line, "baseOffset"));
    ck_assert_int_eq(b->last_offset, field(line, "lastOffset"));
    ck_assert_int_eq(b->record_count, field(line, "count"));
    ck_assert_int_eq(b->base_sequence, field(line, "baseSequence"));
    ck_assert_int_eq(b->last_sequence, field(line, "lastSequence"));
    ck_assert_int_eq(b->producer_id, field(line, "producerId"));
    ck_assert_int_eq(b->producer_epoch, field(line, "producerEpoch"));
    ck_assert_int_eq(b->leader_epoch, field(line, "partitionLeaderEpoch"));
    ck_assert_int_eq(b->transactional, has(line, "isTransactional: true"));
    ck_assert_int_eq(b->control, has(line, "isControl: true"));
    ck_assert_int_eq(b->has_delete_horizon, !has(line, "OptionalLong.empty"));
    ck_assert_uint_eq(position, (size_t)field(line, "position"));
    ck_assert_int_eq(b->max_timestamp, dumped_timestamp(line));
    ck_assert_int_eq(b->timestamp_type == TIMESTAMP_LOG_APPEND_TIME,
                     has(line, " LogAppendTime: "));
    ck_assert_int_eq(b->size, field(line, "size"));
    ck_assert(has(line, codec));
    ck_assert_uint_eq(b->crc, (uint32_t)field(line, "crc"));
    ck_assert(has(line, "isvalid: true"));
}

static int32_t size_of(struct bytes b)
{
    return b.data == NULL ? -1 : b.len;
}

static void check_record_against(const char *line, const struct record *r)
{
    ck_assert_int_eq(r->offset, field(line, "offset"));
    ck_assert_int_eq(r->timestamp, dumped_timestamp(line));
    ck_assert_int_eq(size_of(r->key), field(line, "keySize"));
    ck_assert_int_eq(size_of(r->value), field(line, "valueSize"));
    if (has(line, "headerKeys: []"))
        ck_assert_int_eq(r->header_count, 0);
    const char *payload = strstr(line, " payload: ");
    /* Other lines show the payload decoded. */
    if (payload != NULL && payload[10] != '{' && r->value.len > 0)
        ck_assert(memcmp(payload + 10, r->value.data, (size_t)r->value.len) == 0);

    struct bytes headers = r->raw_headers;
    struct record_header h;
    int32_t count = 0;
    while (record_header_next(&headers, &h, NULL) == 1) {
        char key[128];
        snprintf(key, sizeof(key), "%.*s", STR_ARGS(h.key));
        ck_assert(has(strstr(line, "headerKeys: ["), key));
        count++;
    }
    ck_assert_int_eq(count, r->header_count);
}

/* Walks a log file and its dump side by side; returns the number of records. */
static int check_file(const char *log_path, const char *dump_path)
{
    struct buf log = read_file(log_path);
    FILE *dump = fopen(dump_path, "r");
    ck_assert_msg(dump != NULL, "cannot open %s", dump_path);
    struct record_iter it = {0};
    bool walking = false;
    size_t at = 0;
    int records = 0;
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, dump) > 0) {
        struct err err = {0};
        struct record r;
        if (strncmp(line, "baseOffset: ", 12) == 0) {
            if (walking) {
                ck_assert_int_eq(record_iter_next(&it, &r, &err), 0);
                record_iter_close(&it);
            }
            int rc = record_iter_open(&it, log.data + at, log.len - at, LIMIT, &err);
            ck_assert_msg(rc == 0, "%s at %zu: %s", log_path, at, err.message);
            check_batch_against(line, &it.batch, at);
            ck_assert(record_batch_crc_ok(log.data + at, it.batch.size));
            at += (size_t)it.batch.size;
            walking = true;
        } else if (strncmp(line, "| offset: ", 10) == 0) {
            int rc = record_iter_next(&it, &r, &err);
            ck_assert_msg(rc == 1, "%s: %s", log_path, err.message);
            check_record_against(line, &r);
            records++;
        }
    }
    if (walking) {
        struct record r;
        ck_assert_int_eq(record_iter_next(&it, &r, NULL), 0);
    }
    record_iter_close(&it);
    ck_assert_msg(at == log.len, "%s: %zu of %zu bytes", log_path, at, log.len);
    free(line);
    fclose(dump);
    buf_free(&log);
    return records;
}

/* data/plain-0/000.log is dumped in dumps/plain-0_000.log.txt. */
static void dump_of(const char *path, char *out, size_t size)
{
    const char *name = path + strlen(SAMPLES "/data/");
    snprintf(out, size, "%s/dumps/%s.txt", SAMPLES, name);
    char *slash = strchr(out + strlen(SAMPLES "/dumps/"), '/');
    if (slash != NULL)
        *slash = '_';
}

static glob_t sample_logs(void)
{
    glob_t found;
    ck_assert_int_eq(glob(SAMPLES "/data/*/*.log", 0, NULL, &found), 0);
    ck_assert_int_eq(glob(SAMPLES "/data/*.checkpoint", GLOB_APPEND, NULL, &found), 0);
    return found;
}

static bool holds_batches(const char *path)
{
    return strstr(path, ".log") != NULL || strstr(path, "bootstrap.") != NULL;
}

START_TEST(every_batch_of_kafkas_logs_reads_as_its_dump_says)
{
    glob_t logs = sample_logs();
    int files = 0;
    int records = 0;
    for (size_t i = 0; i < logs.gl_pathc; i++) {
        char dump[512];
        if (!holds_batches(logs.gl_pathv[i]))
            continue;
        dump_of(logs.gl_pathv[i], dump, sizeof(dump));
        records += check_file(logs.gl_pathv[i], dump);
        files++;
    }
    ck_assert_int_eq(files, 19);
    ck_assert_int_gt(records, 300);
    globfree(&logs);
}
END_TEST

START_TEST(control_records_of_kafkas_logs_say_their_type)
{
    struct buf log = read_file(SAMPLES "/data/txn-0/00000000000000000000.log");
    int commits = 0;
    int aborts = 0;
    struct record_iter it;
    for (size_t at = 0; at < log.len;) {
        ck_assert_int_eq(
            record_iter_open(&it, log.data + at, log.len - at, LIMIT, NULL), 0);
        at += (size_t)it.batch.size;
        struct record r;
        while (it.batch.control && record_iter_next(&it, &r, NULL) == 1) {
            commits += record_control_type(&r) == CONTROL_COMMIT;
            aborts += record_control_type(&r) == CONTROL_ABORT;
        }
        record_iter_close(&it);
    }
    ck_assert_int_gt(commits, 0);
    ck_assert_int_gt(aborts, 0);
    struct record odd = {.key = {(const uint8_t *)"\0\0\0", 3}};
    ck_assert_int_eq(record_control_type(&odd), -1);
    buf_free(&log);
}
END_TEST

/* Reads whatever it is; tells the number of records, or an error. */
static int walk(const uint8_t *data, size_t len)
{
    struct record_iter it;
    struct err err;
    int rc = record_iter_open(&it, data, len, LIMIT, &err);
    if (rc != 0)
        return rc;
    struct record r;
    int records = 0;
    while ((rc = record_iter_next(&it, &r, &err)) == 1) {
        struct record_header h;
        int more;
        while ((more = record_header_next(&r.raw_headers, &h, &err)) == 1)
            ;
        ck_assert_int_eq(more, 0);
        records++;
    }
    record_iter_close(&it);
    return rc == 0 ? records : rc;
}

START_TEST(a_changed_byte_in_kafkas_batches_gives_a_value_or_an_error)
{
    static const uint8_t changes[] = {0x01, 0x02, 0x08, 0x80, 0xff};
    glob_t logs = sample_logs();
    for (size_t i = 0; i < logs.gl_pathc; i++) {
        if (!holds_batches(logs.gl_pathv[i]))
            continue;
        struct buf log = read_file(logs.gl_pathv[i]);
        int32_t size = 0;
        /* The first batch is like the others of its log. */
        if (log.len == 0 || record_batch_size(log.data, log.len, &size, NULL) != 0 ||
            size > 2000) {
            buf_free(&log);
            continue;
        }
        uint8_t *copy = malloc((size_t)size); /* exact, for ASan */
        for (int32_t at = 0; at < size; at++)
            for (size_t c = 0; c < sizeof(changes); c++) {
                memcpy(copy, log.data, (size_t)size);
                copy[at] ^= changes[c];
                walk(copy, (size_t)size);
                /* All that the CRC covers, and itself. */
                if (at >= RECORD_BATCH_MAGIC_AT + 1)
                    ck_assert(!record_batch_crc_ok(copy, size));
            }
        free(copy);
        buf_free(&log);
    }
    globfree(&logs);
}
END_TEST

START_TEST(a_batch_cut_anywhere_is_refused)
{
    glob_t logs = sample_logs();
    for (size_t i = 0; i < logs.gl_pathc; i++) {
        struct buf log = read_file(logs.gl_pathv[i]);
        int32_t size = 0;
        if (holds_batches(logs.gl_pathv[i]) &&
            record_batch_size(log.data, log.len, &size, NULL) == 0)
            for (int32_t len = 0; len < size; len++) {
                uint8_t *cut = malloc((size_t)len);
                memcpy(cut, log.data, (size_t)len);
                ck_assert_int_eq(walk(cut, (size_t)len), ERR_CORRUPT_MESSAGE);
                free(cut);
            }
        buf_free(&log);
    }
    globfree(&logs);
}
END_TEST

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, s == NULL ? 0 : (int32_t)strlen(s)};
}

static void add_three(struct record_batch_builder *b)
{
    struct record_header headers[] = {{STR_LITERAL("trace"), text("abc")},
                                      {STR_LITERAL(""), BYTES_NULL}};
    record_batch_builder_add(b, 1000, text("k0"), text("v0"), headers, 2);
    record_batch_builder_add(b, 900, BYTES_NULL, text(""), NULL, 0);
    record_batch_builder_add(b, 5000000000, text(""), BYTES_NULL, NULL, 0);
}

/* Field by field: the structs have padding. */
static void check_same(const struct record_batch *a, const struct record_batch *b)
{
#define SAME(field) ck_assert_int_eq(a->field, b->field)
    SAME(base_offset);
    SAME(last_offset);
    SAME(size);
    SAME(leader_epoch);
    SAME(crc);
    SAME(attributes);
    SAME(compression);
    SAME(timestamp_type);
    SAME(transactional);
    SAME(control);
    SAME(has_delete_horizon);
    SAME(base_timestamp);
    SAME(max_timestamp);
    SAME(producer_id);
    SAME(producer_epoch);
    SAME(base_sequence);
    SAME(last_sequence);
    SAME(record_count);
#undef SAME
}

static struct buf finished(struct record_batch_builder *b)
{
    struct err err = {0};
    ck_assert_msg(record_batch_builder_finish(b, &err) == 0, "%s", err.message);
    struct record_batch read;
    ck_assert_int_eq(record_batch_read(b->out.data, b->out.len, &read, NULL), 0);
    check_same(&read, &b->batch);
    ck_assert(record_batch_crc_ok(b->out.data, read.size));
    ck_assert_uint_eq(b->out.len, (size_t)read.size);
    return b->out;
}

START_TEST(what_is_built_is_read_back_with_every_codec)
{
    for (int codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct record_batch_builder b;
        record_batch_builder_init(&b, 70);
        add_three(&b);
        b.batch.compression = (enum compression)codec;
        struct buf out = finished(&b);

        struct record_iter it;
        struct record r;
        struct record_header h;
        ck_assert_int_eq(record_iter_open(&it, out.data, out.len, LIMIT, NULL), 0);
        ck_assert_int_eq(it.batch.last_offset, 72);
        ck_assert_int_eq(it.batch.record_count, 3);
        ck_assert_int_eq(it.batch.base_timestamp, 1000);
        ck_assert_int_eq(it.batch.max_timestamp, 5000000000);
        ck_assert_int_eq(it.batch.producer_id, NO_PRODUCER_ID);

        ck_assert_int_eq(record_iter_next(&it, &r, NULL), 1);
        ck_assert_int_eq(r.offset, 70);
        ck_assert_int_eq(r.timestamp, 1000);
        ck_assert_mem_eq(r.key.data, "k0", 2);
        ck_assert_mem_eq(r.value.data, "v0", 2);
        ck_assert_int_eq(r.header_count, 2);
        ck_assert_int_eq(record_header_next(&r.raw_headers, &h, NULL), 1);
        ck_assert(str_is(h.key, "trace") && h.value.len == 3);
        ck_assert_int_eq(record_header_next(&r.raw_headers, &h, NULL), 1);
        ck_assert(str_is(h.key, "") && h.value.data == NULL);
        ck_assert_int_eq(record_header_next(&r.raw_headers, &h, NULL), 0);

        ck_assert_int_eq(record_iter_next(&it, &r, NULL), 1);
        ck_assert(r.offset == 71 && r.timestamp == 900);
        ck_assert(r.key.data == NULL && r.value.data != NULL && r.value.len == 0);
        ck_assert_int_eq(record_iter_next(&it, &r, NULL), 1);
        ck_assert(r.offset == 72 && r.timestamp == 5000000000);
        ck_assert(r.key.data != NULL && r.key.len == 0 && r.value.data == NULL);
        ck_assert_int_eq(record_iter_next(&it, &r, NULL), 0);
        record_iter_close(&it);
        record_batch_builder_free(&b);
    }
}
END_TEST

START_TEST(the_builder_writes_every_field_of_the_header)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 1000000000000);
    b.batch.has_delete_horizon = true;
    b.batch.base_timestamp = 12345;
    add_three(&b);
    b.batch.leader_epoch = 7;
    b.batch.timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
    b.batch.max_timestamp = 77;
    b.batch.transactional = true;
    b.batch.control = true;
    b.batch.producer_id = 1LL << 40;
    b.batch.producer_epoch = 300;
    b.batch.base_sequence = INT32_MAX - 1;
    finished(&b);
    ck_assert_int_eq(b.batch.base_timestamp, 12345);
    ck_assert_int_eq(b.batch.last_sequence, 0); /* two, and wrapped */
    ck_assert_int_eq(b.batch.attributes, 0x78);
    record_batch_builder_free(&b);
}
END_TEST

START_TEST(offsets_can_be_left_out_and_batches_emptied_as_compaction_does)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 10);
    b.batch.last_offset = 12;
    record_batch_builder_add(&b, 1, text("k"), text("v"), NULL, 0);
    b.batch.last_offset = 19;
    struct buf out = finished(&b);
    struct record_iter it;
    struct record r;
    ck_assert_int_eq(record_iter_open(&it, out.data, out.len, LIMIT, NULL), 0);
    ck_assert(it.batch.last_offset == 19 && it.batch.record_count == 1);
    ck_assert_int_eq(record_iter_next(&it, &r, NULL), 1);
    ck_assert_int_eq(r.offset, 13);
    record_iter_close(&it);
    record_batch_builder_free(&b);

    record_batch_builder_init(&b, 10);
    b.batch.last_offset = 15;
    out = finished(&b);
    ck_assert_uint_eq(out.len, RECORD_BATCH_OVERHEAD);
    ck_assert_int_eq(walk(out.data, out.len), 0);
    record_batch_builder_free(&b);

    record_batch_builder_init(&b, 10);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), ERR_INVALID_RECORD);
    record_batch_builder_free(&b);
}
END_TEST

START_TEST(offset_and_leader_epoch_are_patched_outside_the_crc)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    add_three(&b);
    struct buf out = finished(&b);
    record_batch_set_base_offset(out.data, 123456789012345);
    record_batch_set_leader_epoch(out.data, 42);
    struct record_batch read;
    ck_assert_int_eq(record_batch_read(out.data, out.len, &read, NULL), 0);
    ck_assert_int_eq(read.base_offset, 123456789012345);
    ck_assert_int_eq(read.last_offset, 123456789012347);
    ck_assert_int_eq(read.leader_epoch, 42);
    ck_assert_uint_eq(read.crc, b.batch.crc);
    ck_assert(record_batch_crc_ok(out.data, read.size));
    record_batch_builder_free(&b);
}
END_TEST

START_TEST(append_time_stands_for_every_record_and_renews_the_crc)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    add_three(&b);
    struct buf out = finished(&b);
    record_batch_set_append_time(out.data, 1800000000000);
    struct record_iter it;
    struct record r;
    ck_assert_int_eq(record_iter_open(&it, out.data, out.len, LIMIT, NULL), 0);
    ck_assert_int_eq(it.batch.timestamp_type, TIMESTAMP_LOG_APPEND_TIME);
    ck_assert_uint_ne(it.batch.crc, b.batch.crc);
    ck_assert(record_batch_crc_ok(out.data, it.batch.size));
    while (record_iter_next(&it, &r, NULL) == 1)
        ck_assert_int_eq(r.timestamp, 1800000000000);
    record_iter_close(&it);
    record_batch_builder_free(&b);
}
END_TEST

static int read_with(int32_t at, uint8_t byte)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    add_three(&b);
    struct buf out = finished(&b);
    out.data[at] = byte;
    struct record_batch read;
    struct err err = {0};
    int rc = record_batch_read(out.data, out.len, &read, &err);
    ck_assert_int_eq(rc, err.code);
    record_batch_builder_free(&b);
    return rc;
}

START_TEST(headers_that_cannot_be_are_refused)
{
    ck_assert_int_eq(read_with(RECORD_BATCH_MAGIC_AT, 0),
                     ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT);
    ck_assert_int_eq(read_with(RECORD_BATCH_MAGIC_AT, 1),
                     ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT);
    ck_assert_int_eq(read_with(RECORD_BATCH_MAGIC_AT, 3), ERR_CORRUPT_MESSAGE);
    ck_assert_int_eq(read_with(RECORD_BATCH_MAGIC_AT, 0xff), ERR_CORRUPT_MESSAGE);
    ck_assert_int_eq(read_with(8, 0x80), ERR_CORRUPT_MESSAGE); /* length */
    ck_assert_int_eq(read_with(11, 48), ERR_CORRUPT_MESSAGE);  /* too short */
    ck_assert_int_eq(read_with(11, 49), 0);                    /* header only */
    ck_assert_int_eq(read_with(0, 0x80), ERR_INVALID_RECORD);  /* base offset */
    ck_assert_int_eq(read_with(23, 0x80), ERR_INVALID_RECORD); /* last offset */
    ck_assert_int_eq(read_with(57, 0x80), ERR_INVALID_RECORD); /* count */
}
END_TEST

START_TEST(a_last_offset_beyond_the_largest_is_refused)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    add_three(&b);
    struct buf out = finished(&b);
    struct record_batch read;
    /* The offset behind the last must be a number, too. */
    record_batch_set_base_offset(out.data, INT64_MAX - 3);
    ck_assert_int_eq(record_batch_read(out.data, out.len, &read, NULL), 0);
    record_batch_set_base_offset(out.data, INT64_MAX - 2);
    ck_assert_int_eq(record_batch_read(out.data, out.len, &read, NULL),
                     ERR_INVALID_RECORD);
    record_batch_builder_free(&b);
}
END_TEST

/* A batch of one record, whose bytes are given. */
static int walk_one(const void *record, size_t len)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    b.batch.last_offset = 0;
    buf_append(&b.out, record, len);
    b.batch.record_count = 1;
    struct buf out = finished(&b);
    uint8_t *exact = malloc(out.len); /* for ASan */
    memcpy(exact, out.data, out.len);
    int rc = walk(exact, out.len);
    free(exact);
    record_batch_builder_free(&b);
    return rc;
}

#define WALK_ONE(literal) walk_one(literal, sizeof(literal) - 1)

START_TEST(records_are_read_as_strictly_as_kafka_does)
{
    /* size, attributes, timestamp, offset, key, value, headers */
    ck_assert_int_eq(WALK_ONE("\x0c\0\0\0\1\1\0"), 1);
    ck_assert_int_eq(WALK_ONE("\x0c\7\0\0\1\1\0"), 1);
    /* Longer than need be. */
    ck_assert_int_eq(WALK_ONE("\x8e\x80\0\0\0\0\1\x81\0\0"), 1);
    ck_assert_int_eq(WALK_ONE("\x14\0\0\0\x81\x80\x80\x80\0\1\0"), 1);
    ck_assert_int_eq(WALK_ONE("\x1e\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\0\1\1\0"),
                     1);
    /* Any negative length is null. */
    ck_assert_int_eq(WALK_ONE("\x0c\0\0\0\3\5\0"), 1);
    /* A varint without an end. */
    ck_assert_int_eq(WALK_ONE("\x16\0\0\0\x81\x80\x80\x80\x80\0\1\0"),
                     ERR_INVALID_RECORD);
    ck_assert_int_eq(
        WALK_ONE("\x20\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\0\1\1\0"),
        ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x8c"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE(""), ERR_INVALID_RECORD);
    /* Sizes that lie: too small, negative, too large, bytes left. */
    ck_assert_int_eq(WALK_ONE("\x0a\0\0\0\1\1\0"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x0b\0\0\0\1\1\0"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x0e\0\0\0\1\1\0"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x0e\0\0\0\1\1\0x"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x0c\0\0\0\1\1\0x"), ERR_INVALID_RECORD);
    /* A key, and a value, longer than the record. */
    ck_assert_int_eq(WALK_ONE("\x0c\0\0\0\6\1\0"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x0c\0\0\0\1\4\0"), ERR_INVALID_RECORD);
    /* Headers: one; a negative count; more than there are; fewer; a null key. */
    ck_assert_int_eq(WALK_ONE("\x12\0\0\0\1\1\2\2k\1"), 1);
    ck_assert_int_eq(WALK_ONE("\x0c\0\0\0\1\1\1"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x12\0\0\0\1\1\4\2k\1"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x14\0\0\0\1\1\2\2k\1\1"), ERR_INVALID_RECORD);
    ck_assert_int_eq(WALK_ONE("\x10\0\0\0\1\1\2\1\1"), ERR_INVALID_RECORD);
}
END_TEST

START_TEST(a_bomb_and_an_unknown_codec_are_errors_of_the_batch)
{
    struct record_batch_builder b;
    struct record_iter it;
    uint8_t *zeroes = calloc(1, LIMIT);
    record_batch_builder_init(&b, 0);
    record_batch_builder_add(&b, 0, BYTES_NULL, (struct bytes){zeroes, (int32_t)LIMIT},
                             NULL, 0);
    b.batch.compression = COMPRESSION_GZIP;
    struct buf out = finished(&b);
    struct err err;
    ck_assert_int_eq(record_iter_open(&it, out.data, out.len, LIMIT, &err),
                     ERR_INVALID_RECORD);
    ck_assert_int_eq(err.code, ERR_INVALID_RECORD);
    ck_assert_int_eq(record_iter_open(&it, out.data, out.len, LIMIT + 100, &err), 0);
    record_iter_close(&it);
    out.data[22] = 6;
    ck_assert_int_eq(record_iter_open(&it, out.data, out.len, LIMIT, &err),
                     ERR_UNSUPPORTED_COMPRESSION_TYPE);
    free(zeroes);
    record_batch_builder_free(&b);
}
END_TEST

/* The framing's header alone expands to nothing, without an address even. */
START_TEST(a_stream_of_nothing_holds_no_record)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    b.batch.last_offset = 0;
    b.batch.record_count = 1;
    b.batch.compression = COMPRESSION_SNAPPY;
    struct buf out = finished(&b);
    ck_assert_uint_eq(out.len, RECORD_BATCH_OVERHEAD + 16);
    ck_assert_int_eq(walk(out.data, out.len), ERR_INVALID_RECORD);
    record_batch_builder_free(&b);
}
END_TEST

GREGOR_TESTS("record_batch", every_batch_of_kafkas_logs_reads_as_its_dump_says,
             control_records_of_kafkas_logs_say_their_type,
             a_changed_byte_in_kafkas_batches_gives_a_value_or_an_error,
             a_batch_cut_anywhere_is_refused,
             what_is_built_is_read_back_with_every_codec,
             the_builder_writes_every_field_of_the_header,
             offsets_can_be_left_out_and_batches_emptied_as_compaction_does,
             offset_and_leader_epoch_are_patched_outside_the_crc,
             append_time_stands_for_every_record_and_renews_the_crc,
             headers_that_cannot_be_are_refused,
             a_last_offset_beyond_the_largest_is_refused,
             records_are_read_as_strictly_as_kafka_does,
             a_bomb_and_an_unknown_codec_are_errors_of_the_batch,
             a_stream_of_nothing_holds_no_record)
