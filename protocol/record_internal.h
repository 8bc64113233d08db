/* protocol/record_internal.h
 *
 * The layout of a batch, and the reading and writing of one record inside it.
 * Private to protocol/.
 *
 * The varints here are not wire_read_varint()'s: every produced record costs
 * five to seven of them on the loop thread, so they work on two pointers that
 * stay in registers, inlined for the one and two bytes that nearly all of them
 * have, with no reader to keep in memory and no flag to set. */
#ifndef GREGOR_PROTOCOL_RECORD_INTERNAL_H
#define GREGOR_PROTOCOL_RECORD_INTERNAL_H

#include "protocol/record_batch.h"

/* Where the fields of a batch's header lie; the drawing is in record_batch.c. */
enum {
    AT_BASE_OFFSET = 0,
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = RECORD_BATCH_MAGIC_AT,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21, /* from here on the CRC counts */
    AT_LAST_OFFSET_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_RECORD_COUNT = 57,
};

enum {
    ATTRIBUTE_CODEC = 0x07,
    ATTRIBUTE_LOG_APPEND_TIME = 0x08,
    ATTRIBUTE_TRANSACTIONAL = 0x10,
    ATTRIBUTE_CONTROL = 0x20,
    ATTRIBUTE_DELETE_HORIZON = 0x40,
};

#define VARINT_MAX 5
#define VARLONG_MAX 10

/* Hostile numbers may overflow; Java's wrap, and so do these. */
static inline int64_t add_wrapping(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t subtract_wrapping(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t unzigzag(uint64_t raw)
{
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

/* Reads a varint of at most `most` bytes; NULL if it does not end there. Bits
 * beyond the type's width are dropped, as in Kafka's ByteUtils. */
const uint8_t *varint_read_long_form(const uint8_t *at, const uint8_t *end, int most,
                                     uint64_t *raw);

static inline const uint8_t *varint_read_raw(const uint8_t *at, const uint8_t *end,
                                             int most, uint64_t *raw)
{
    if (__builtin_expect(end - at >= 2, 1)) {
        if (at[0] < 0x80) {
            *raw = at[0];
            return at + 1;
        }
        if (at[1] < 0x80) {
            *raw = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
            return at + 2;
        }
    }
    return varint_read_long_form(at, end, most, raw);
}

/* Both return the byte behind the number; NULL if there is none. */
static inline const uint8_t *varint_read(const uint8_t *at, const uint8_t *end,
                                         int32_t *out)
{
    uint64_t raw = 0;
    at = varint_read_raw(at, end, VARINT_MAX, &raw);
    *out = (int32_t)unzigzag((uint32_t)raw);
    return at;
}

static inline const uint8_t *varlong_read(const uint8_t *at, const uint8_t *end,
                                          int64_t *out)
{
    uint64_t raw = 0;
    at = varint_read_raw(at, end, VARLONG_MAX, &raw);
    *out = unzigzag(raw);
    return at;
}

/* A length and as many bytes; a negative length is null. */
static inline const uint8_t *varbytes_read(const uint8_t *at, const uint8_t *end,
                                           struct bytes *out)
{
    int32_t len;
    at = varint_read(at, end, &len);
    if (__builtin_expect(at == NULL || len > end - at, 0))
        return NULL;
    if (len < 0) {
        *out = BYTES_NULL;
        return at;
    }
    *out = (struct bytes){at, len};
    return at + len;
}

/* One record as it is written: deltas, not sums. */
struct raw_record {
    int64_t timestamp_delta;
    int32_t offset_delta;
    struct bytes key;
    struct bytes value;
    int32_t header_count;
    struct bytes headers;
};

/* Walks over `count` headers, which must end at `end`. */
bool record_headers_ok(const uint8_t *at, const uint8_t *end, int32_t count);

/* Reads the record at `at`; returns the byte behind it, or NULL if it is not
 * whole or not well formed. Inlined: callers that want only some of the fields
 * do not pay for the others. */
static inline const uint8_t *record_parse(const uint8_t *at, const uint8_t *end,
                                          struct raw_record *r)
{
    int32_t size;
    at = varint_read(at, end, &size);
    /* At least the attributes and five varints. */
    if (__builtin_expect(at == NULL || size < 6 || size > end - at, 0))
        return NULL;
    end = at + size;
    at++; /* the record's attributes: none are defined */
    at = varlong_read(at, end, &r->timestamp_delta);
    if (__builtin_expect(at == NULL, 0))
        return NULL;
    at = varint_read(at, end, &r->offset_delta);
    if (__builtin_expect(at == NULL, 0))
        return NULL;
    at = varbytes_read(at, end, &r->key);
    if (__builtin_expect(at == NULL, 0))
        return NULL;
    at = varbytes_read(at, end, &r->value);
    if (__builtin_expect(at == NULL, 0))
        return NULL;
    at = varint_read(at, end, &r->header_count);
    if (__builtin_expect(at == NULL || r->header_count < 0, 0))
        return NULL;
    r->headers = (struct bytes){at, (int32_t)(end - at)};
    if (r->header_count == 0)
        return at == end ? end : NULL;
    return record_headers_ok(at, end, r->header_count) ? end : NULL;
}

/* With LogAppendTime the batch's stands for that of every record. */
static inline int64_t record_timestamp(const struct record_batch *batch,
                                       const struct raw_record *r)
{
    return batch->timestamp_type == TIMESTAMP_LOG_APPEND_TIME
               ? batch->max_timestamp
               : add_wrapping(batch->base_timestamp, r->timestamp_delta);
}

/* Sets the timestamp type and the largest timestamp, and makes a new CRC; does
 * nothing if both are there already (Kafka: DefaultRecordBatch.setMaxTimestamp). */
void record_batch_set_max_timestamp(uint8_t *data, enum timestamp_type type,
                                    int64_t timestamp);

/* Writes the header of a batch of batch->size bytes, whose records are in
 * place, with its CRC; batch->crc and batch->attributes are set with it. */
void record_batch_write_header(uint8_t *data, struct record_batch *batch);

/* record_batch_builder_add() for headers that are encoded already. */
void record_batch_builder_add_raw(struct record_batch_builder *b, int64_t timestamp,
                                  struct bytes key, struct bytes value,
                                  struct bytes raw_headers, int32_t header_count);

#define RECORD_VERDICT_INIT                                 \
    ((struct record_verdict){.max_timestamp = NO_TIMESTAMP, \
                             .offset_of_max_timestamp_delta = -1})

/* Finishes the batch that replaces what a producer sent in `codec`, by the topic's
 * rules, and moves it into the verdict. Takes the builder over, also on failure. */
int record_verdict_build(struct record_verdict *out, struct record_batch_builder *b,
                         const struct record_rules *rules, enum compression codec,
                         struct err *err);

#endif
