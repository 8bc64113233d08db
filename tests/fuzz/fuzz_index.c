/* The files of one segment as a crash, a bad disk or a stranger leaves them:
 * opened with and without trust, read, searched, cut, appended to.
 *
 *   byte 0      bit 0: a clean stop; bits 1-2: where to cut; bit 3: fix CRCs
 *   bytes 1-3   sizes of .index, .timeindex and .txnindex, in entries
 *   the rest    the files, the .log last
 *
 * What is checked: nothing crashes, a log that opened can be read from end to
 * end when it was recovered, and takes a batch that is still there when it is
 * opened once more. */
#include "storage/partition_log.h"

#include <stdlib.h>

#include "protocol/base/crc32c.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_disk.h"

#define DIR_PATH "data/t-0"
#define SEGMENT DIR_PATH "/00000000000000000010"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_bytes(const struct random *random, void *out, size_t len)
{
    (void)random;
    memset(out, 0, len);
}

static void no_line(const struct trace *trace, enum trace_level level, const char *line)
{
    (void)trace;
    (void)level;
    (void)line;
}

static const struct random no_random = {.fill = no_bytes};
static const struct trace no_trace = {.level = TRACE_ERROR, .write = no_line};
static const struct topic_config config = {
    .segment_bytes = 1 << 20,
    .segment_ms = INT64_MAX,
    .segment_index_bytes = 1 << 20,
    .index_interval_bytes = 100,
    .flush_messages = INT64_MAX,
    .flush_ms = INT64_MAX,
    .max_message_bytes = 1 << 20,
};

static void must(bool held)
{
    if (!held)
        abort();
}

static struct partition_log *open_log(struct fake_disk *d, const struct clock *clock,
                                      bool clean)
{
    struct partition_log *log = NULL;
    struct err err;
    struct partition_log_options options = {
        .dir = DIR_PATH,
        .disk = &d->disk,
        .clock = clock,
        .random = &no_random,
        .trace = &no_trace,
        .config = &config,
        .clean = clean,
        .producer_id_expiration_ms = INT64_MAX,
    };
    if (partition_log_open(&options, &log, NULL, &err) != 0)
        return NULL;
    partition_log_set_high_watermark(log, INT64_MAX);
    return log;
}

/* Makes the CRCs hold, so that recovery looks at more than the first batch. */
static void fix_crcs(uint8_t *log, size_t len)
{
    size_t at = 0;
    while (len - at >= RECORD_BATCH_OVERHEAD) {
        int32_t batch;
        if (record_batch_size(log + at, len - at, &batch, NULL) != 0 ||
            (size_t)batch > len - at)
            return;
        store_be32(log + at + 17, crc32c(log + at + 21, (size_t)batch - 21));
        at += (size_t)batch;
    }
}

static size_t put(struct fake_disk *d, const char *path, const uint8_t **at,
                  size_t left, size_t len)
{
    if (len > left)
        len = left;
    fake_disk_put(d, path, *at, len);
    *at += len;
    return left - len;
}

static void lay_out(struct fake_disk *d, const uint8_t *data, size_t size)
{
    const uint8_t *at = data + 4;
    size_t left = size - 4;
    size_t len;
    d->disk.ops->mkdir(&d->disk, "data", NULL);
    d->disk.ops->mkdir(&d->disk, DIR_PATH, NULL);
    left = put(d, SEGMENT ".index", &at, left, data[1] * 8u);
    left = put(d, SEGMENT ".timeindex", &at, left, data[2] * 12u);
    if (data[3] > 0)
        left = put(d, SEGMENT ".txnindex", &at, left, data[3] * 34u);
    put(d, SEGMENT ".log", &at, left, left);
    uint8_t *log = fake_disk_content(d, SEGMENT ".log", &len);
    if (data[0] & 8 && len > 0)
        fix_crcs(log, len);
}

static void search(struct partition_log *log, enum timestamp_query_kind kind,
                   int64_t timestamp)
{
    struct timestamp_query q;
    if (partition_log_query_begin(log, kind, timestamp, &q, NULL) != 0)
        return;
    timestamp_query_run(&q, NULL);
    timestamp_query_end(&q);
}

/* Looks at every part of what is there; a recovered log must be readable. */
static void look(struct partition_log *log, bool recovered)
{
    int64_t end = partition_log_end_offset(log);
    int64_t offset = partition_log_start_offset(log);
    for (int i = 0; i < 64 && offset < end; i++) {
        struct log_slice slice;
        int rc = partition_log_read(log, offset, end, 100, true, &slice, NULL);
        must(rc == 0 || !recovered);
        log_file_release(slice.file);
        offset += 1 + (end - offset) / 16;
    }
    struct buf aborted = BUF_INIT;
    partition_log_aborted_txns(log, 0, end, &aborted, NULL);
    buf_free(&aborted);
    search(log, QUERY_MAX_TIMESTAMP, 0);
    search(log, QUERY_FIRST_AT_OR_AFTER, 1000);
}

static int64_t append(struct partition_log *log)
{
    struct record_batch_builder b;
    struct append_result result;
    record_batch_builder_init(&b, 0);
    record_batch_builder_add(&b, 1, BYTES_NULL, BYTES_NULL, NULL, 0);
    must(record_batch_builder_finish(&b, NULL) == 0);
    int rc = partition_log_append(log, b.out.data, (int32_t)b.out.len, 0,
                                  APPEND_COORDINATOR, &result, NULL);
    record_batch_builder_free(&b);
    return rc == 0 ? result.base_offset : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_disk d;
    struct fake_clock clock;
    if (size < 4)
        return 0;
    fake_disk_init(&d);
    fake_clock_init(&clock, 1000);
    lay_out(&d, data, size);
    bool clean = data[0] & 1;
    struct partition_log *log = open_log(&d, &clock.clock, clean);
    if (log != NULL) {
        look(log, !clean);
        int64_t start = partition_log_start_offset(log);
        int64_t end = partition_log_end_offset(log);
        partition_log_truncate_to(log, start + (end - start) / 3 * (data[0] >> 1 & 3),
                                  NULL);
        int64_t appended = append(log);
        partition_log_close(log);
        log = open_log(&d, &clock.clock, false);
        must(appended < 0 || clean ||
             (log != NULL && partition_log_end_offset(log) == appended + 1));
        if (log != NULL)
            look(log, true);
        partition_log_close(log);
    }
    must(d.open_descriptors == 0);
    fake_disk_free(&d);
    return 0;
}
