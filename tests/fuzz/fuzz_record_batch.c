/* Record batches as a hostile client, or a bad disk, gives them: read, walked
 * with all headers, and validated as a produced one.
 *
 * The first byte of the input chooses the topic's rules, the others are the
 * batch. The length and the CRC are made to fit before the batch is validated,
 * so that the fuzzer gets behind them. */
#include "protocol/record_batch.h"

#include "protocol/base/crc32c.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *data, size_t size)
{
    struct record_iter it;
    if (record_iter_open(&it, data, size, LIMIT, NULL) != 0)
        return;
    struct record r;
    while (record_iter_next(&it, &r, NULL) == 1) {
        struct record_header h;
        int rc;
        while ((rc = record_header_next(&r.raw_headers, &h, NULL)) == 1)
            ;
        if (rc != 0)
            abort(); /* the walk over the record has checked them */
        record_control_type(&r);
    }
    record_iter_close(&it);
}

/* What was accepted is whole, and walks to its end. */
static void check_accepted(const uint8_t *data, size_t size, int32_t records)
{
    struct record_iter it;
    struct record r;
    /* A rebuilt batch may have longer deltas than the one it came from. */
    if (record_iter_open(&it, data, size, 4 * LIMIT, NULL) != 0 ||
        !record_batch_crc_ok(data, it.batch.size) || (size_t)it.batch.size != size)
        abort();
    for (int32_t i = 0; i < records; i++)
        if (record_iter_next(&it, &r, NULL) != 1 || r.offset != i)
            abort();
    if (record_iter_next(&it, &r, NULL) != 0)
        abort();
    record_iter_close(&it);
}

static void validate(uint8_t *data, size_t size, uint8_t choice)
{
    if (size < RECORD_BATCH_OVERHEAD || size > LIMIT)
        return;
    store_be32(data + 8, (uint32_t)size - RECORD_BATCH_PREFIX);
    store_be32(data + 17, crc32c(data + 21, size - 21));
    struct record_batch batch;
    if (record_batch_read(data, size, &batch, NULL) != 0)
        return;
    struct record_rules rules = fuzz_rules(choice);
    struct record_verdict verdict;
    if (record_validate(data, &batch, &rules, &verdict, NULL) == 0) {
        if (verdict.rebuilt)
            check_accepted(verdict.batch.data, verdict.batch.len, batch.record_count);
        else
            check_accepted(data, size, batch.record_count);
    }
    record_verdict_free(&verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t choice = data[0];
    uint8_t *batch = malloc(size - 1); /* exact, and ours to patch */
    memcpy(batch, data + 1, size - 1);
    walk(batch, size - 1);
    validate(batch, size - 1, choice);
    free(batch);
    return 0;
}
