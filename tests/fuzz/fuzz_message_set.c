/* Sets of messages as a hostile client sends them, and batches of a log as an old
 * client gets them.
 *
 * The first byte of the input chooses the topic's rules and a magic, the others are
 * the set. The CRCs of its messages, and of those in an uncompressed batch, are made to
 * fit, so that the fuzzer gets behind them. What is taken becomes messages again, and
 * those the same batch. */
#include "protocol/message_set.h"

#include "protocol/base/crc32c.h"

#include <stdlib.h>
#include <zlib.h>

#include "tests/fuzz/fuzz_rules.h"

#define PREFIX 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *data, size_t size)
{
    int32_t length;
    for (size_t at = 0; at < size; at += (size_t)length) {
        if (message_set_peek(data + at, size - at, &length, NULL) != 0 || length == 0)
            return;
        uint8_t *body = data + at + PREFIX;
        if (body[4] < RECORD_BATCH_MAGIC)
            store_be32(body, (uint32_t)crc32(0, body + 4, (uInt)(length - PREFIX - 4)));
    }
}

static int32_t record_count(const uint8_t *data, size_t size)
{
    struct record_batch batch;
    if (record_batch_read(data, size, &batch, NULL) != 0 ||
        !record_batch_crc_ok(data, batch.size) || (size_t)batch.size != size)
        abort();
    return batch.record_count;
}

/* A batch that was taken has as many records when it has been out and in again. */
static void check_round(const struct buf *batch, int magic)
{
    struct record_rules lenient = {.timestamp_before_max_ms = INT64_MAX,
                                   .timestamp_after_max_ms = INT64_MAX,
                                   .keep_codec = true,
                                   .expand_limit = 16 * LIMIT};
    struct buf set = BUF_INIT;
    struct record_verdict again;
    int rc =
        message_set_append(&set, magic, batch->data, batch->len, 0, 4 * LIMIT, NULL);
    if (rc == ERR_UNSUPPORTED_COMPRESSION_TYPE)
        return;
    if (rc != 0 ||
        message_set_convert((struct bytes){set.data, (int32_t)set.len}, &lenient,
                            INT32_MAX, &again, NULL) != 0 ||
        record_count(again.batch.data, again.batch.len) !=
            record_count(batch->data, batch->len))
        abort();
    record_verdict_free(&again);
    buf_free(&set);
}

static void take(uint8_t *data, size_t size, uint8_t choice)
{
    struct record_rules rules = fuzz_rules(choice);
    struct record_verdict verdict;
    mend(data, size);
    int rc = message_set_convert((struct bytes){data, (int32_t)size}, &rules,
                                 (int32_t)LIMIT, &verdict, NULL);
    if (rc == 0 && verdict.rebuilt)
        check_round(&verdict.batch, choice & 1);
    record_verdict_free(&verdict);
}

static void give(uint8_t *data, size_t size, int magic)
{
    struct buf out = BUF_INIT;
    if (size >= RECORD_BATCH_OVERHEAD) {
        store_be32(data + 8, (uint32_t)size - RECORD_BATCH_PREFIX);
        store_be32(data + 17, crc32c(data + 21, size - 21));
    }
    int rc = message_set_append(&out, magic, data, size, 3, LIMIT, NULL);
    if (rc != 0 && out.len > 0)
        abort();
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > LIMIT)
        return 0;
    uint8_t *copy = malloc(size - 1); /* exact, and ours to patch */
    memcpy(copy, data + 1, size - 1);
    take(copy, size - 1, data[0]);
    give(copy, size - 1, data[0] & 1);
    free(copy);
    return 0;
}
