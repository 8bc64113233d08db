#include "tests/support/log_fixture.h"

#include <check.h>
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

#include "storage/log_path.h"

static void fill_drawn(const struct random *random, void *out, size_t len)
{
    memset(out, ((const struct fixture_random *)random)->drawn, len);
}

static void say_nothing(const struct trace *trace, enum trace_level level,
                        const char *line)
{
    (void)trace;
    (void)level;
    (void)line;
}

static const struct trace no_trace = {.level = TRACE_ERROR, .write = say_nothing};

void log_fixture_init(struct log_fixture *f)
{
    *f = (struct log_fixture){0};
    fake_disk_init(&f->disk);
    fake_clock_init(&f->clock, FIXTURE_NOW);
    f->random.random.fill = fill_drawn;
    f->disk.clock = &f->clock.clock;
    f->disk.disk.ops->mkdir(&f->disk.disk, "data", NULL);
    f->config = (struct topic_config){
        .references = 1,
        .retention_ms = -1,
        .retention_bytes = -1,
        .file_delete_delay_ms = 60000,
        .cleanup_delete = true,
        .segment_bytes = 1 << 30,
        .segment_ms = 604800000,
        .segment_index_bytes = 10485760,
        .index_interval_bytes = 4096,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .max_message_bytes = 1048588,
        .compression_type = TOPIC_COMPRESSION_PRODUCER,
        .delete_retention_ms = 86400000,
        .max_compaction_lag_ms = INT64_MAX,
        .min_cleanable_dirty_ratio = 0.5,
        .min_insync_replicas = 1,
    };
}

int log_fixture_try_open(struct log_fixture *f, bool clean)
{
    struct partition_log_options options = {
        .dir = FIXTURE_DIR,
        .disk = &f->disk.disk,
        .clock = &f->clock.clock,
        .random = &f->random.random,
        .trace = &no_trace,
        .config = &f->config,
        .clean = clean,
        .recovery_point = f->recovery_point,
        .log_start_offset = f->log_start_offset,
        .first_dirty_offset = f->first_dirty_offset,
        .producer_id_expiration_ms = 86400000,
    };
    return partition_log_open(&options, &f->log, &f->recovery, &f->err);
}

void log_fixture_open(struct log_fixture *f, bool clean)
{
    int rc = log_fixture_try_open(f, clean);
    ck_assert_msg(rc == 0, "open: %s", f->err.message);
    partition_log_set_high_watermark(f->log, INT64_MAX);
}

void log_fixture_close(struct log_fixture *f)
{
    partition_log_close(f->log);
    f->log = NULL;
}

void log_fixture_seal_and_close(struct log_fixture *f)
{
    int rc = partition_log_seal(f->log, &f->err);
    ck_assert_msg(rc == 0, "seal: %s", f->err.message);
    f->recovery_point = partition_log_recovery_point(f->log);
    f->log_start_offset = partition_log_start_offset(f->log);
    f->first_dirty_offset = partition_log_first_dirty_offset(f->log);
    log_fixture_close(f);
}

void log_fixture_free(struct log_fixture *f)
{
    log_fixture_close(f);
    fake_disk_free(&f->disk);
}

static void add_keyed(struct record_batch_builder *b, struct fixture_batch what,
                      int64_t timestamp)
{
    for (const char *k = what.keys; *k != '\0'; k++) {
        char value[32];
        uint8_t key = (uint8_t)tolower(*k);
        int len = snprintf(value, sizeof(value), "%c%d", key, what.number);
        struct bytes text = {(const uint8_t *)value, len};
        record_batch_builder_add(b, timestamp, (struct bytes){&key, 1},
                                 isupper((unsigned char)*k) ? BYTES_NULL : text, NULL,
                                 0);
    }
}

static void add_records(struct record_batch_builder *b, struct fixture_batch what,
                        int64_t timestamp)
{
    if (what.keys != NULL) {
        add_keyed(b, what, timestamp);
        return;
    }
    int count = what.records == 0 ? 1 : what.records;
    uint8_t *value = calloc(1, (size_t)what.value_size + 1);
    ck_assert_ptr_nonnull(value);
    memset(value, 'v', (size_t)what.value_size);
    for (int i = 0; i < count; i++)
        record_batch_builder_add(b, timestamp, (struct bytes){(const uint8_t *)"k", 1},
                                 (struct bytes){value, what.value_size}, NULL, 0);
    free(value);
}

static void add_marker(struct record_batch_builder *b, struct fixture_batch what,
                       int64_t timestamp)
{
    uint8_t key[4] = {0, 0, 0, what.abort ? CONTROL_ABORT : CONTROL_COMMIT};
    uint8_t value[6] = {0};
    record_batch_builder_add(b, timestamp, (struct bytes){key, sizeof(key)},
                             (struct bytes){value, sizeof(value)}, NULL, 0);
    b->batch.control = true;
}

struct buf fixture_build(const struct log_fixture *f, struct fixture_batch what)
{
    struct record_batch_builder b;
    int64_t timestamp = what.timestamp == 0 ? f->clock.wall_now_ms : what.timestamp;
    record_batch_builder_init(&b, what.base_offset);
    if (what.producer_id != 0) {
        b.batch.producer_id = what.producer_id;
        b.batch.producer_epoch = what.producer_epoch;
        b.batch.base_sequence = what.end_txn ? NO_SEQUENCE : what.base_sequence;
    }
    b.batch.transactional = what.transactional || what.end_txn;
    b.batch.leader_epoch = what.leader_epoch;
    b.batch.compression = what.codec;
    if (what.end_txn)
        add_marker(&b, what, timestamp);
    else
        add_records(&b, what, timestamp);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    struct buf out = b.out;
    b.out = BUF_INIT;
    record_batch_builder_free(&b);
    return out;
}

int log_fixture_append(struct log_fixture *f, struct fixture_batch what)
{
    struct buf batch = fixture_build(f, what);
    int rc = partition_log_append(f->log, batch.data, (int32_t)batch.len,
                                  what.leader_epoch, what.origin, &f->result, &f->err);
    buf_free(&batch);
    if (rc == 0)
        partition_log_set_high_watermark(f->log, INT64_MAX);
    return rc;
}

void log_fixture_must_append(struct log_fixture *f, struct fixture_batch what)
{
    int rc = log_fixture_append(f, what);
    ck_assert_msg(rc == 0, "append: %s", f->err.message);
}

int log_fixture_flush(struct log_fixture *f)
{
    struct log_flush *flush;
    int rc = partition_log_flush_begin(f->log, &flush, &f->err);
    if (rc != 0)
        return rc;
    rc = log_flush_run(flush, &f->err);
    partition_log_flush_end(f->log, flush, rc, &f->err);
    return rc;
}

int log_fixture_clean_up(struct log_fixture *f, bool *did)
{
    struct log_cleanup *cleanup;
    int rc = partition_log_cleanup_begin(f->log, clock_mono_ms(&f->clock.clock),
                                         &cleanup, &f->err);
    if (rc != 0)
        return rc;
    *did = cleanup != NULL;
    rc = log_cleanup_run(cleanup, &f->err);
    partition_log_cleanup_end(f->log, cleanup, rc, &f->err);
    return rc;
}

int log_fixture_retain(struct log_fixture *f, struct retention_outcome *out)
{
    struct log_ages *ages;
    int deleted = 0;
    for (;;) {
        int rc = partition_log_retain(f->log, out, &f->err);
        out->deleted = deleted += out->deleted;
        if (rc != 0 || !out->unknown)
            return rc;
        rc = partition_log_ages_begin(f->log, &ages, &f->err);
        if (rc == 0)
            rc = log_ages_run(ages, &f->err);
        if (rc == 0)
            partition_log_ages_end(f->log, ages);
        else
            log_ages_free(ages);
        if (rc != 0)
            return rc;
    }
}

struct log_cleaning *log_fixture_begin_cleaning(struct log_fixture *f,
                                                int64_t dedupe_bytes)
{
    const struct log_cleaning_options options = {.dedupe_bytes = dedupe_bytes,
                                                 .dedupe_load_factor = 0.9,
                                                 .io_bytes = 512,
                                                 .slice_bytes = 400};
    struct cleanable cleanable;
    struct log_cleaning *c;
    ck_assert_int_eq(partition_log_cleanable(f->log, &cleanable, &f->err), 0);
    ck_assert_int_eq(
        partition_log_cleaning_begin(f->log, &cleanable, &options, &c, &f->err), 0);
    return c;
}

enum cleaning_next log_fixture_step(struct log_fixture *f, struct log_cleaning *c)
{
    int rc = log_cleaning_run(c, &f->err);
    return partition_log_cleaning_next(f->log, c, rc, &f->err);
}

int log_fixture_clean(struct log_fixture *f, int64_t dedupe_bytes)
{
    struct log_cleaning *c = log_fixture_begin_cleaning(f, dedupe_bytes);
    enum cleaning_next next;
    do {
        next = log_fixture_step(f, c);
    } while (next == CLEANING_RUN || next == CLEANING_RUN_ALONE);
    log_cleaning_end(c);
    return next == CLEANING_OVER && partition_log_offline(f->log) == NULL ? 0
                                                                          : f->err.code;
}

int64_t log_fixture_read_all(struct log_fixture *f, int64_t offset,
                             int64_t upper_offset, struct buf *out)
{
    for (;;) {
        struct log_slice slice;
        struct record_batch batch;
        int rc = partition_log_read(f->log, offset, upper_offset, INT32_MAX, true,
                                    &slice, &f->err);
        ck_assert_msg(rc == 0, "read at %lld: %s", (long long)offset, f->err.message);
        if (slice.file == NULL)
            return offset;
        uint8_t *to = buf_extend(out, (size_t)slice.size);
        ck_assert_ptr_nonnull(to);
        struct disk *disk = slice.file->disk;
        int64_t got = disk->ops->read(disk, slice.file->fd, to, (size_t)slice.size,
                                      slice.position, NULL);
        ck_assert_int_eq(got, slice.size);
        log_file_release(slice.file);
        for (int32_t at = 0; at < slice.size; at += batch.size) {
            ck_assert_int_eq(
                record_batch_read(to + at, (size_t)(slice.size - at), &batch, &f->err),
                0);
            ck_assert_int_le(batch.size, slice.size - at);
            ck_assert(record_batch_crc_ok(to + at, batch.size));
            ck_assert_int_ge(batch.last_offset, offset);
            offset = batch.last_offset + 1;
        }
    }
}

const char *fixture_path(int64_t base_offset, const char *suffix)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];
    log_path(path, FIXTURE_DIR, base_offset, suffix);
    return path;
}
