/* What a leader checks before a producer's batch becomes part of the log
 * (Kafka: UnifiedLog.analyzeAndValidateRecords, then LogValidator).
 *
 *   header ── base offset 0, CRC, codec, counts, no control batch, sequence
 *      │
 *   records ─ each well formed, none missing, none left over; a key where the
 *      │      topic is compacted; a timestamp within the topic's bounds
 *      │
 *      ├─ same codec, offset deltas 0, 1, 2 …   patched in place, if at all
 *      └─ otherwise                             built again from its records
 *
 * A malformed record ends it at once and is no fault of a single record; missing
 * keys and bad timestamps are collected, since the producer is told of each.
 *
 * The header's max timestamp is the producer's word: it is replaced when the
 * records say otherwise. A batch that needs no correction keeps every byte.
 *
 * Where this departs from Kafka 4.3, it keeps out of the log what consumers would
 * stumble over, and answers with an error that says what is wrong:
 *   - offset deltas that are not 0, 1, 2 … Kafka stores in an uncompressed batch as
 *     they are, mends when it changes the codec, and stumbles over itself (unknown
 *     server error) when the codec stays; here they are always mended;
 *   - records of a compressed batch are parsed to their ends, where Kafka skips
 *     through them without comparing them with their stated size;
 *   - what Kafka's decompressors, or its builder handed a negative timestamp, throw
 *     as an unknown server error is INVALID_RECORD or INVALID_TIMESTAMP here; so is
 *     an unknown codec UNSUPPORTED_COMPRESSION_TYPE. */
#include "protocol/record_batch.h"

#include "protocol/record_fault.h"

bool record_validate_is_slow(const struct record_batch *batch,
                             const struct record_rules *rules)
{
    return batch->compression != COMPRESSION_NONE ||
           (!rules->keep_codec && rules->compression != COMPRESSION_NONE);
}

static int check_header(const uint8_t *data, const struct record_batch *batch,
                        struct err *err)
{
    if (batch->base_offset != 0)
        return err_set(err, ERR_INVALID_RECORD,
                       "the base offset of a produced batch must be 0, but is %lld",
                       (long long)batch->base_offset);
    if (!record_batch_crc_ok(data, batch->size))
        return err_set(err, ERR_CORRUPT_MESSAGE,
                       "the record batch is corrupt (stored crc %u does not match)",
                       batch->crc);
    if (compression_name(batch->compression) == NULL)
        return err_set(err, ERR_UNSUPPORTED_COMPRESSION_TYPE,
                       "compression type %d is unknown", batch->compression);
    /* record_batch_read() lets no negative number through: 0 records fail, too. */
    int64_t offsets = batch->last_offset - batch->base_offset + 1;
    if (offsets != batch->record_count)
        return err_set(err, ERR_INVALID_RECORD,
                       "a record batch has %d records for %lld offsets",
                       batch->record_count, (long long)offsets);
    if (batch->control)
        return err_set(err, ERR_INVALID_RECORD,
                       "clients are not allowed to write control records");
    if (batch->producer_id > NO_PRODUCER_ID && batch->base_sequence < 0)
        return err_set(err, ERR_INVALID_RECORD,
                       "sequence number %d is invalid in a batch of producer %lld",
                       batch->base_sequence, (long long)batch->producer_id);
    return 0;
}

/* What the walk over the records found out. */
struct findings {
    int64_t max_timestamp;
    bool sequential;    /* offset deltas are 0, 1, 2 … */
    bool negative_time; /* a timestamp below zero that is not NO_TIMESTAMP */
    struct faults faults;
};

/* The hot loop of every produce request: one pass, no memory, no calls. */
static int walk(const uint8_t *at, const uint8_t *end, const struct record_batch *batch,
                const struct record_rules *rules, struct record_verdict *out,
                struct findings *found, struct err *err)
{
    int32_t count = batch->record_count;
    int64_t max = NO_TIMESTAMP;
    int64_t min = 0;
    int32_t out_of_place = 0;
    for (int32_t i = 0; i < count; i++) {
        struct raw_record r;
        at = record_parse(at, end, &r);
        if (__builtin_expect(at == NULL, 0))
            return err_set(err, ERR_INVALID_RECORD,
                           "record %d of %d is malformed or missing", i, count);
        int64_t timestamp = record_timestamp(batch, &r);
        enum fault fault = record_fault(r.key, timestamp, batch->timestamp_type, rules);
        if (__builtin_expect(fault != FAULT_NONE, 0))
            fault_note(out, &found->faults, i, fault);
        out_of_place |= r.offset_delta ^ i;
        max = timestamp > max ? timestamp : max;
        min = timestamp < min ? timestamp : min;
    }
    if (at != end)
        return err_set(err, ERR_INVALID_RECORD, "bytes behind the last of %d records",
                       count);
    found->max_timestamp = max;
    found->sequential = out_of_place == 0;
    found->negative_time = min < NO_TIMESTAMP;
    return 0;
}

static void verdict_tell_time(struct record_verdict *out, int64_t max_timestamp,
                              int32_t record_count)
{
    out->max_timestamp = max_timestamp;
    out->offset_of_max_timestamp_delta =
        max_timestamp == NO_TIMESTAMP ? -1 : record_count - 1;
}

int record_verdict_build(struct record_verdict *out, struct record_batch_builder *b,
                         const struct record_rules *rules, enum compression codec,
                         struct err *err)
{
    b->batch.compression = rules->keep_codec ? codec : rules->compression;
    b->level = rules->keep_codec ? COMPRESSION_LEVEL_DEFAULT : rules->compression_level;
    b->batch.timestamp_type = rules->timestamp_type;
    if (rules->timestamp_type == TIMESTAMP_LOG_APPEND_TIME)
        b->batch.max_timestamp = rules->now_ms;
    int rc = record_batch_builder_finish(b, err);
    if (rc != 0) {
        record_batch_builder_free(b);
        return rc;
    }
    verdict_tell_time(out, b->batch.max_timestamp, b->batch.record_count);
    out->batch = b->out;
    out->rebuilt = true;
    return 0;
}

/* Kafka carries over producer and transaction; the delete horizon is its own
 * and a producer's is dropped. */
static int build_again(const uint8_t *at, const uint8_t *end,
                       const struct record_batch *batch,
                       const struct record_rules *rules, struct record_verdict *out,
                       struct err *err)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, 0);
    for (int32_t i = 0; i < batch->record_count; i++) {
        struct raw_record r;
        at = record_parse(at, end, &r);
        record_batch_builder_add_raw(&b, record_timestamp(batch, &r), r.key, r.value,
                                     r.headers, r.header_count);
    }
    b.batch.leader_epoch = batch->leader_epoch;
    b.batch.transactional = batch->transactional;
    b.batch.producer_id = batch->producer_id;
    b.batch.producer_epoch = batch->producer_epoch;
    b.batch.base_sequence = batch->base_sequence;
    return record_verdict_build(out, &b, rules, batch->compression, err);
}

/* A rebuilt batch must not hold what Kafka's builder refuses to write. */
static int refuse_negative_times(const uint8_t *at, const uint8_t *end,
                                 const struct record_batch *batch,
                                 struct record_verdict *out, struct findings *found,
                                 struct err *err)
{
    for (int32_t i = 0; i < batch->record_count; i++) {
        struct raw_record r;
        at = record_parse(at, end, &r);
        if (record_timestamp(batch, &r) < NO_TIMESTAMP)
            fault_note(out, &found->faults, i, FAULT_NEGATIVE);
    }
    return faults_report(&found->faults, out, err);
}

static int validate_records(uint8_t *data, const uint8_t *at, const uint8_t *end,
                            const struct record_batch *batch,
                            const struct record_rules *rules,
                            struct record_verdict *out, struct err *err)
{
    struct findings found = {0};
    int rc = walk(at, end, batch, rules, out, &found, err);
    if (rc != 0) {
        out->record_error_count = 0; /* the batch is at fault, not they */
        return rc;
    }
    rc = faults_report(&found.faults, out, err);
    if (rc != 0)
        return rc;

    enum compression codec =
        rules->keep_codec ? batch->compression : rules->compression;
    if (codec != batch->compression || !found.sequential) {
        if (found.negative_time)
            return refuse_negative_times(at, end, batch, out, &found, err);
        return build_again(at, end, batch, rules, out, err);
    }
    bool append_time = rules->timestamp_type == TIMESTAMP_LOG_APPEND_TIME;
    verdict_tell_time(out, append_time ? rules->now_ms : found.max_timestamp,
                      batch->record_count);
    record_batch_set_max_timestamp(data, rules->timestamp_type, out->max_timestamp);
    return 0;
}

int record_validate(uint8_t *data, const struct record_batch *batch,
                    const struct record_rules *rules, struct record_verdict *out,
                    struct err *err)
{
    *out = RECORD_VERDICT_INIT;
    int rc = check_header(data, batch, err);
    if (rc != 0)
        return rc;

    struct bytes body = {data + RECORD_BATCH_OVERHEAD,
                         batch->size - RECORD_BATCH_OVERHEAD};
    if (batch->compression == COMPRESSION_NONE)
        return validate_records(data, body.data, body.data + body.len, batch, rules,
                                out, err);

    struct buf expanded = BUF_INIT;
    rc = compression_expand(batch->compression, body, rules->expand_limit, &expanded,
                            err);
    if (rc == 0)
        rc = validate_records(data, expanded.data, expanded.data + expanded.len, batch,
                              rules, out, err);
    else if (rc == ERR_MALFORMED)
        rc = err_set(err, ERR_INVALID_RECORD, "the records cannot be decompressed");
    buf_free(&expanded);
    return rc;
}

void record_verdict_free(struct record_verdict *v)
{
    buf_free(&v->batch);
    *v = (struct record_verdict){0};
}
