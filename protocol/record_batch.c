/* A record batch, magic 2. Integers are big-endian; every broker, client and
 * log file holds the same bytes.
 *
 *      0  int64   base offset          set by the leader
 *      8  int32   length               of what follows this field
 *     12  int32   leader epoch         set by the leader
 *     16  int8    magic                2
 *     17  uint32  CRC-32C              of everything from byte 21 on
 *     21  int16   attributes           0-2 codec, 3 timestamp type,
 *                                      4 transactional, 5 control,
 *                                      6 base timestamp is a delete horizon
 *     23  int32   last offset delta
 *     27  int64   base timestamp
 *     35  int64   max timestamp        with LogAppendTime: that of all records
 *     43  int64   producer id          -1: none
 *     51  int16   producer epoch
 *     53  int32   base sequence        -1: none
 *     57  int32   record count
 *     61  records, compressed as one stretch if there is a codec
 *
 * What the leader sets lies before the CRC, so that a batch on its way through
 * the broker is patched, not summed again. Compaction removes records from a
 * batch but keeps its offsets: there the count is less than the last offset
 * delta + 1, and may be 0.
 *
 * A record is a varint size and as many bytes: int8 attributes (unused),
 * varlong timestamp delta, varint offset delta, key and value (varint length,
 * -1 null), varint number of headers, and per header its key and its value. */
#include "protocol/record_batch.h"

#include "protocol/base/crc32c.h"
#include "protocol/record_internal.h"

int record_batch_size(const uint8_t *data, size_t len, int32_t *size, struct err *err)
{
    if (len < RECORD_BATCH_PREFIX)
        return err_set(err, ERR_CORRUPT_MESSAGE,
                       "%zu bytes are not the beginning of a record batch", len);
    int32_t length = (int32_t)load_be32(data + AT_LENGTH);
    if (length < RECORD_BATCH_OVERHEAD - RECORD_BATCH_PREFIX ||
        length > INT32_MAX - RECORD_BATCH_PREFIX)
        return err_set(err, ERR_CORRUPT_MESSAGE, "a record batch cannot have length %d",
                       length);
    *size = length + RECORD_BATCH_PREFIX;
    return 0;
}

/* Wraps to 0 behind INT32_MAX: the negative numbers stand for "none". */
static int32_t sequence_after(int32_t sequence, int32_t increment)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)increment) & INT32_MAX);
}

int32_t record_sequence(const struct record_batch *batch, const struct record *record)
{
    if (batch->base_sequence < 0)
        return NO_SEQUENCE;
    uint64_t delta = (uint64_t)record->offset - (uint64_t)batch->base_offset;
    return sequence_after(batch->base_sequence, (int32_t)delta);
}

static int read_magic(uint8_t magic, struct err *err)
{
    if (magic == RECORD_BATCH_MAGIC)
        return 0;
    if (magic < RECORD_BATCH_MAGIC)
        return err_set(err, ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
                       "messages of magic %d are of a format that is no longer written",
                       magic);
    return err_set(err, ERR_CORRUPT_MESSAGE, "a record batch cannot have magic %d",
                   (int8_t)magic);
}

int record_batch_read(const uint8_t *data, size_t len, struct record_batch *out,
                      struct err *err)
{
    int32_t size = 0;
    int rc = record_batch_size(data, len, &size, err);
    if (rc != 0)
        return rc;
    if (len < RECORD_BATCH_OVERHEAD)
        return err_set(err, ERR_CORRUPT_MESSAGE,
                       "%zu bytes are too few for a record batch's header", len);
    rc = read_magic(data[AT_MAGIC], err);
    if (rc != 0)
        return rc;

    int64_t base_offset = (int64_t)load_be64(data + AT_BASE_OFFSET);
    int32_t last_offset_delta = (int32_t)load_be32(data + AT_LAST_OFFSET_DELTA);
    int32_t record_count = (int32_t)load_be32(data + AT_RECORD_COUNT);
    if (base_offset < 0 || last_offset_delta < 0 || record_count < 0 ||
        base_offset > INT64_MAX - 1 - last_offset_delta)
        return err_set(err, ERR_INVALID_RECORD,
                       "a record batch cannot have base offset %lld, last offset delta "
                       "%d and %d records",
                       (long long)base_offset, last_offset_delta, record_count);

    int16_t attributes = (int16_t)load_be16(data + AT_ATTRIBUTES);
    int32_t base_sequence = (int32_t)load_be32(data + AT_BASE_SEQUENCE);
    *out = (struct record_batch){
        .base_offset = base_offset,
        .last_offset = base_offset + last_offset_delta,
        .size = size,
        .leader_epoch = (int32_t)load_be32(data + AT_LEADER_EPOCH),
        .crc = load_be32(data + AT_CRC),
        .attributes = attributes,
        .compression = attributes & ATTRIBUTE_CODEC,
        .timestamp_type = (attributes & ATTRIBUTE_LOG_APPEND_TIME) != 0
                              ? TIMESTAMP_LOG_APPEND_TIME
                              : TIMESTAMP_CREATE_TIME,
        .transactional = (attributes & ATTRIBUTE_TRANSACTIONAL) != 0,
        .control = (attributes & ATTRIBUTE_CONTROL) != 0,
        .has_delete_horizon = (attributes & ATTRIBUTE_DELETE_HORIZON) != 0,
        .base_timestamp = (int64_t)load_be64(data + AT_BASE_TIMESTAMP),
        .max_timestamp = (int64_t)load_be64(data + AT_MAX_TIMESTAMP),
        .producer_id = (int64_t)load_be64(data + AT_PRODUCER_ID),
        .producer_epoch = (int16_t)load_be16(data + AT_PRODUCER_EPOCH),
        .base_sequence = base_sequence,
        .last_sequence = base_sequence == NO_SEQUENCE
                             ? NO_SEQUENCE
                             : sequence_after(base_sequence, last_offset_delta),
        .record_count = record_count,
    };
    return 0;
}

static uint32_t batch_crc(const uint8_t *data, int32_t size)
{
    return crc32c(data + AT_ATTRIBUTES, (size_t)(size - AT_ATTRIBUTES));
}

bool record_batch_crc_ok(const uint8_t *data, int32_t size)
{
    return load_be32(data + AT_CRC) == batch_crc(data, size);
}

void record_batch_set_base_offset(uint8_t *data, int64_t base_offset)
{
    store_be64(data + AT_BASE_OFFSET, (uint64_t)base_offset);
}

void record_batch_set_leader_epoch(uint8_t *data, int32_t leader_epoch)
{
    store_be32(data + AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void record_batch_set_max_timestamp(uint8_t *data, enum timestamp_type type,
                                    int64_t timestamp)
{
    uint16_t attributes = load_be16(data + AT_ATTRIBUTES);
    /* The bits that mean nothing today go, as in Kafka, when the CRC is made
     * again anyway. */
    uint16_t wanted = attributes & 0x7f & ~ATTRIBUTE_LOG_APPEND_TIME;
    if (type == TIMESTAMP_LOG_APPEND_TIME)
        wanted |= ATTRIBUTE_LOG_APPEND_TIME;
    bool same_type = ((attributes ^ wanted) & ATTRIBUTE_LOG_APPEND_TIME) == 0;
    if (same_type && (int64_t)load_be64(data + AT_MAX_TIMESTAMP) == timestamp)
        return;
    store_be16(data + AT_ATTRIBUTES, wanted);
    store_be64(data + AT_MAX_TIMESTAMP, (uint64_t)timestamp);
    int32_t size = (int32_t)load_be32(data + AT_LENGTH) + RECORD_BATCH_PREFIX;
    store_be32(data + AT_CRC, batch_crc(data, size));
}

void record_batch_set_append_time(uint8_t *data, int64_t timestamp)
{
    record_batch_set_max_timestamp(data, TIMESTAMP_LOG_APPEND_TIME, timestamp);
}

static int16_t attributes_of(const struct record_batch *batch)
{
    int attributes = batch->compression & ATTRIBUTE_CODEC;
    if (batch->timestamp_type == TIMESTAMP_LOG_APPEND_TIME)
        attributes |= ATTRIBUTE_LOG_APPEND_TIME;
    if (batch->transactional)
        attributes |= ATTRIBUTE_TRANSACTIONAL;
    if (batch->control)
        attributes |= ATTRIBUTE_CONTROL;
    if (batch->has_delete_horizon)
        attributes |= ATTRIBUTE_DELETE_HORIZON;
    return (int16_t)attributes;
}

void record_batch_write_header(uint8_t *data, struct record_batch *batch)
{
    int32_t last_offset_delta = (int32_t)(batch->last_offset - batch->base_offset);
    batch->attributes = attributes_of(batch);
    batch->last_sequence =
        batch->base_sequence == NO_SEQUENCE
            ? NO_SEQUENCE
            : sequence_after(batch->base_sequence, last_offset_delta);
    store_be64(data + AT_BASE_OFFSET, (uint64_t)batch->base_offset);
    store_be32(data + AT_LENGTH, (uint32_t)(batch->size - RECORD_BATCH_PREFIX));
    store_be32(data + AT_LEADER_EPOCH, (uint32_t)batch->leader_epoch);
    data[AT_MAGIC] = RECORD_BATCH_MAGIC;
    store_be16(data + AT_ATTRIBUTES, (uint16_t)batch->attributes);
    store_be32(data + AT_LAST_OFFSET_DELTA, (uint32_t)last_offset_delta);
    store_be64(data + AT_BASE_TIMESTAMP, (uint64_t)batch->base_timestamp);
    store_be64(data + AT_MAX_TIMESTAMP, (uint64_t)batch->max_timestamp);
    store_be64(data + AT_PRODUCER_ID, (uint64_t)batch->producer_id);
    store_be16(data + AT_PRODUCER_EPOCH, (uint16_t)batch->producer_epoch);
    store_be32(data + AT_BASE_SEQUENCE, (uint32_t)batch->base_sequence);
    store_be32(data + AT_RECORD_COUNT, (uint32_t)batch->record_count);
    batch->crc = batch_crc(data, batch->size);
    store_be32(data + AT_CRC, batch->crc);
}
