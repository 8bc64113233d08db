/* Appending: the way of one batch into the log.
 *
 *   size ok? ─► sequence ok? ─► offsets, epoch ─► epoch file ─► roll ─► write
 *      │             │                                                    │
 *      ▼             ▼                                                    ▼
 *    refused      duplicate                        log end, producers, .txnindex
 *
 * Up to the epoch file nothing has changed, and errors are answers. From there
 * on an error of the disk takes the log offline. A batch whose write failed is
 * not in the log; one whose producer state or .txnindex entry failed is, though
 * never acknowledged: Kafka's order too, since offsets must not be given twice.
 *
 * All of it runs on the loop. Per batch: one write, no memory, no lookup. Every
 * segment.bytes or so a roll makes three files, and every few MiB a tail of the
 * index is written. */
#include "storage/partition_log_internal.h"

#include <assert.h>

static int check_size(const struct partition_log *log, const struct record_batch *batch,
                      enum append_origin origin, struct err *err)
{
    /* A follower takes what its leader took, and the metadata log knows its
     * own limits. */
    bool limited = origin == APPEND_CLIENT || origin == APPEND_COORDINATOR;
    if (limited && batch->size > log->config->max_message_bytes)
        return err_set(err, ERR_MESSAGE_TOO_LARGE,
                       "a batch of %d bytes is larger than max.message.bytes, %d",
                       batch->size, log->config->max_message_bytes);
    if (origin != APPEND_CONTROLLER && batch->size > log->config->segment_bytes)
        return err_set(err, ERR_RECORD_LIST_TOO_LARGE,
                       "a batch of %d bytes is larger than segment.bytes, %d",
                       batch->size, log->config->segment_bytes);
    return 0;
}

static int answer_duplicate(const struct producer_batch *known,
                            struct append_result *out)
{
    *out = (struct append_result){
        .base_offset = known->first_offset,
        .last_offset = known->last_offset,
        .timestamp = known->timestamp,
        .duplicate = true,
    };
    return 0;
}

/* Gives the batch its offsets, or checks those that the leader gave it. */
static int place_batch(struct partition_log *log, uint8_t *data,
                       struct record_batch *batch, int32_t leader_epoch,
                       enum append_origin origin, struct err *err)
{
    if (origin == APPEND_REPLICATION) {
        if (batch->base_offset < log->log_end_offset)
            return err_set(err, ERR_OFFSET_OUT_OF_RANGE,
                           "the leader's batch begins at %lld, below the log end %lld",
                           (long long)batch->base_offset,
                           (long long)log->log_end_offset);
        return 0;
    }
    int64_t delta = batch->last_offset - batch->base_offset;
    if (log->log_end_offset > INT64_MAX - 1 - delta)
        return err_set(err, ERR_INVALID_RECORD, "the log has no offsets left");
    record_batch_set_base_offset(data, log->log_end_offset);
    record_batch_set_leader_epoch(data, leader_epoch);
    batch->base_offset = log->log_end_offset;
    batch->last_offset = log->log_end_offset + delta;
    batch->leader_epoch = leader_epoch;
    return 0;
}

static int64_t waited_ms(const struct segment *s, int64_t now_ms, int64_t timestamp)
{
    return s->first_timestamp >= 0 ? timestamp - s->first_timestamp
                                   : now_ms - s->created_ms;
}

static bool indexes_are_full(const struct partition_log *log, struct segment *s)
{
    int64_t limit = log->config->segment_index_bytes;
    /* One slot of the time index stays free for the entry of the roll. */
    return offset_index_count(&s->offsets) >= limit / OFFSET_INDEX_ENTRY ||
           time_index_count(&s->times) >= limit / TIME_INDEX_ENTRY - 1;
}

/* Kafka's LogSegment.shouldRoll, but that an empty segment is never rolled to
 * make another at the same offset. */
static bool must_roll(const struct partition_log *log, const struct record_batch *batch)
{
    struct segment *s = log_active(log);
    if (!segment_fits_offset(s, batch->last_offset))
        return true;
    if (s->size == 0)
        return false;
    if (s->size > (int64_t)log->config->segment_bytes - batch->size)
        return true;
    if (waited_ms(s, clock_wall_ms(log->clock), batch->max_timestamp) >
        log->config->segment_ms - s->jitter_ms)
        return true;
    return indexes_are_full(log, s);
}

int log_roll(struct partition_log *log, int64_t base_offset, struct err *err)
{
    struct segment *old = log_active(log);
    int rc = segment_write_out(old, true, err);
    if (rc == 0)
        rc = log_write_snapshot(log, base_offset, err);
    if (rc == 0)
        rc = log_create_segment(log, base_offset, err);
    if (rc != 0)
        return rc;
    segment_rest_indexes(old);
    return 0;
}

static int roll_for(struct partition_log *log, const struct record_batch *batch,
                    struct err *err)
{
    if (!must_roll(log, batch))
        return 0;
    if (batch->base_offset == log_active(log)->base_offset)
        return err_set(err, ERR_INVALID_RECORD,
                       "a batch of more offsets than a segment can have");
    return log_roll(log, batch->base_offset, err);
}

int log_read_end_txn(const uint8_t *data, const struct record_batch *batch,
                     struct end_txn *out, struct err *err)
{
    if (!batch->control || batch->producer_id == NO_PRODUCER_ID)
        return 0;
    struct record_iter it;
    struct record record;
    int rc = record_iter_open(&it, data, (size_t)batch->size,
                              (size_t)RECORD_BATCH_OVERHEAD * 8, err);
    if (rc != 0)
        return rc;
    rc = record_iter_next(&it, &record, err);
    int type = rc == 1 ? record_control_type(&record) : -1;
    /* A batch whose record was compacted away ends nothing any more; nor do the
     * types that later versions may bring. */
    if (type != CONTROL_ABORT && type != CONTROL_COMMIT) {
        rc = rc < 0 ? rc : 0;
    } else if (record.value.len < 6) {
        rc = err_set(err, ERR_INVALID_RECORD, "an end-transaction marker is too short");
    } else {
        out->type = (enum control_record_type)type;
        out->coordinator_epoch = (int32_t)load_be32(record.value.data + 2);
    }
    record_iter_close(&it);
    return rc;
}

/* Tells the producers' state of a batch that is in the log. */
static int note_producer(struct partition_log *log, const struct record_batch *batch,
                         const struct end_txn *end, struct err *err)
{
    struct aborted_txn aborted;
    /* A control batch without its record: the transaction was compacted away. */
    if (batch->producer_id == NO_PRODUCER_ID || (batch->control && end == NULL))
        return 0;
    int rc = producer_state_update(log->producers, batch, end, &aborted, err);
    if (rc == 1)
        rc = txn_index_append(&log_active(log)->txns, &aborted, err);
    return rc;
}

static void note_append(struct partition_log *log, const struct record_batch *batch)
{
    struct segment *s = log_active(log);
    log->newest = (struct batch_place){
        .position = (int32_t)(s->size - batch->size),
        .size = batch->size,
        .base_offset = batch->base_offset,
        .last_offset = batch->last_offset,
    };
    log->size_bytes += batch->size;
    log->log_end_offset = batch->last_offset + 1;
    log->sealed = false;
    if (log->unsynced_since_ms < 0)
        log->unsynced_since_ms = clock_mono_ms(log->clock);
}

/* From here on the disk is written to. */
static int write_batch(struct partition_log *log, const uint8_t *data,
                       const struct record_batch *batch, const struct end_txn *end,
                       struct err *err)
{
    int rc = log_note_epoch(log, batch, err);
    if (rc == 0)
        rc = roll_for(log, batch, err);
    if (rc == 0)
        rc = segment_append(log_active(log), data, batch,
                            log->config->index_interval_bytes, err);
    if (rc != 0)
        return log_fail(log, rc, err);
    note_append(log, batch);
    rc = note_producer(log, batch, end, err);
    if (rc != 0) {
        /* The batch is in, its consequences are not: without memory too the
         * log can only be read anew. */
        log_fail(log, ERR_IO, err);
        return rc;
    }
    return 0;
}

int partition_log_append(struct partition_log *log, uint8_t *data, int32_t size,
                         int32_t leader_epoch, enum append_origin origin,
                         struct append_result *out, struct err *err)
{
    struct record_batch batch;
    struct producer_batch known;
    struct end_txn end;
    int rc = log_check_online(log, err);
    if (rc == 0)
        rc = record_batch_read(data, (size_t)size, &batch, err);
    if (rc == 0 && batch.size != size)
        rc = err_set(err, ERR_CORRUPT_MESSAGE, "%d bytes hold a batch of %d", size,
                     batch.size);
    if (rc == 0)
        rc = check_size(log, &batch, origin, err);
    if (rc == 0 && origin == APPEND_CLIENT && batch.producer_id != NO_PRODUCER_ID)
        rc = producer_state_check(log->producers, &batch, &known, err);
    if (rc < 0)
        return rc;
    if (rc == 1)
        return answer_duplicate(&known, out);

    rc = place_batch(log, data, &batch, leader_epoch, origin, err);
    if (rc != 0)
        return rc;
    int ends_txn = log_read_end_txn(data, &batch, &end, err);
    if (ends_txn < 0)
        return ends_txn;
    rc = write_batch(log, data, &batch, ends_txn == 1 ? &end : NULL, err);
    if (rc != 0)
        return rc;

    *out = (struct append_result){
        .base_offset = batch.base_offset,
        .last_offset = batch.last_offset,
        .timestamp = batch.timestamp_type == TIMESTAMP_LOG_APPEND_TIME
                         ? batch.max_timestamp
                         : NO_TIMESTAMP,
        .flush_due =
            log->log_end_offset - log->recovery_point >= log->config->flush_messages,
    };
    return 0;
}

int partition_log_roll_if_due(struct partition_log *log, struct err *err)
{
    int rc = log_check_online(log, err);
    if (rc != 0)
        return rc;
    /* Called now and then: who has not read since need not keep files open. */
    log_cool(log);
    struct segment *s = log_active(log);
    segment_rest_indexes(s);
    int64_t now_ms = clock_wall_ms(log->clock);
    if (s->size == 0 ||
        waited_ms(s, now_ms, now_ms) <= log->config->segment_ms - s->jitter_ms)
        return 0;
    rc = log_roll(log, log->log_end_offset, err);
    return rc == 0 ? 0 : log_fail(log, rc, err);
}
