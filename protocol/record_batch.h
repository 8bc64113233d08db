/* protocol/record_batch.h
 *
 * The record batch, magic 2 (the layout stands in README's formats section
 * and in record_batch.c): reading its header, checking it, walking its
 * records, building one, and patching the fields that a broker sets.
 *
 * Any thread; what may expand or compress says so and belongs in a pool job. */
#ifndef GREGOR_PROTOCOL_RECORD_BATCH_H
#define GREGOR_PROTOCOL_RECORD_BATCH_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/view.h"
#include "protocol/compression.h"

#define RECORD_BATCH_MAGIC 2
#define RECORD_BATCH_PREFIX 12   /* base offset and length: what length omits */
#define RECORD_BATCH_OVERHEAD 61 /* bytes before the first record */
#define RECORD_BATCH_MAGIC_AT 16
#define NO_TIMESTAMP (-1)
#define NO_PRODUCER_ID (-1)
#define NO_SEQUENCE (-1)

enum timestamp_type { TIMESTAMP_CREATE_TIME = 0, TIMESTAMP_LOG_APPEND_TIME = 1 };

enum control_record_type {
    CONTROL_ABORT = 0,
    CONTROL_COMMIT = 1,
    CONTROL_LEADER_CHANGE = 2,
    CONTROL_SNAPSHOT_HEADER = 3,
    CONTROL_SNAPSHOT_FOOTER = 4,
    CONTROL_KRAFT_VERSION = 5,
    CONTROL_KRAFT_VOTERS = 6,
};

struct record_batch {
    int64_t base_offset;
    int64_t last_offset; /* base offset + last offset delta */
    int32_t size;        /* of the whole batch in bytes */
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attributes;
    enum compression compression; /* may hold a value that is no codec */
    enum timestamp_type timestamp_type;
    bool transactional;
    bool control;
    bool has_delete_horizon;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t last_sequence; /* wraps to 0 after INT32_MAX as Kafka's does */
    int32_t record_count;
};

/* The size of the batch that begins at `data`, from its first
 * RECORD_BATCH_PREFIX bytes; ERR_CORRUPT_MESSAGE if it cannot be one. */
int record_batch_size(const uint8_t *data, size_t len, int32_t *size, struct err *err);

/* Reads the header at `data`; all of RECORD_BATCH_OVERHEAD bytes must be
 * there, the rest of the batch need not. Checks length, magic (another one is
 * ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT) and that counts make sense. */
int record_batch_read(const uint8_t *data, size_t len, struct record_batch *out,
                      struct err *err);

/* Whether the CRC of a whole batch, record_batch.size bytes, holds. */
bool record_batch_crc_ok(const uint8_t *data, int32_t size);

/* Set in place. The first two lie outside the CRC; the third makes a new one. */
void record_batch_set_base_offset(uint8_t *data, int64_t base_offset);
void record_batch_set_leader_epoch(uint8_t *data, int32_t leader_epoch);
void record_batch_set_append_time(uint8_t *data, int64_t timestamp);

struct record_header {
    struct str key;
    struct bytes value;
};

struct record {
    int64_t offset;
    int64_t timestamp;
    struct bytes key;   /* may be null */
    struct bytes value; /* may be null */
    int32_t header_count;
    struct bytes raw_headers; /* read with record_header_next() */
};

/* Walks the records of one whole batch. */
struct record_iter {
    struct record_batch batch;
    const uint8_t *at;
    const uint8_t *end;
    int32_t left;
    struct buf expanded; /* what a compressed batch expanded to */
};

/* `data` is borrowed until record_iter_close(). A compressed batch is expanded
 * here, up to `limit` bytes (pool job, unless the batch is known to be small). */
int record_iter_open(struct record_iter *it, const uint8_t *data, size_t len,
                     size_t limit, struct err *err);

/* 1: *out is the next record; 0: there are no more; negative: the batch is
 * corrupt (ERR_INVALID_RECORD). Views live until record_iter_close(). */
int record_iter_next(struct record_iter *it, struct record *out, struct err *err);

void record_iter_close(struct record_iter *it);

/* 1, 0 or negative as record_iter_next; consumes from *raw_headers. */
int record_header_next(struct bytes *raw_headers, struct record_header *out,
                       struct err *err);

/* Builds a batch record by record. */
struct record_batch_builder {
    struct buf out;      /* header, then the records, uncompressed */
    struct record_batch batch; /* set what differs from init before finish */
    int level;
};

/* Starts at `base_offset`, uncompressed, CreateTime, no producer. */
void record_batch_builder_init(struct record_batch_builder *b, int64_t base_offset);

/* Offset deltas are 0, 1, 2 …. `headers` may be NULL. */
void record_batch_builder_add(struct record_batch_builder *b, int64_t timestamp,
                              struct bytes key, struct bytes value,
                              const struct record_header *headers, int32_t header_count);

/* Compresses if batch.compression says so, fills in the header and the CRC,
 * and leaves the whole batch in b->out. */
int record_batch_builder_finish(struct record_batch_builder *b, struct err *err);

void record_batch_builder_free(struct record_batch_builder *b);

/* What a topic demands of the batches that producers send it (Kafka:
 * LogValidator). */
struct record_rules {
    int64_t now_ms;
    enum timestamp_type timestamp_type;
    int64_t timestamp_before_max_ms;
    int64_t timestamp_after_max_ms;
    bool compacted;                      /* every record needs a key */
    bool keep_codec;                     /* compression.type=producer */
    enum compression compression;        /* otherwise: the topic's */
    int compression_level;
    size_t expand_limit; /* largest size a batch may expand to */
};

struct record_error {
    int32_t batch_index; /* position of the record in the batch */
    const char *message; /* static */
};

#define RECORD_ERRORS_KEPT 16

struct record_verdict {
    bool rebuilt;         /* `batch` replaces the producer's bytes */
    struct buf batch;     /* owned by the caller when rebuilt */
    int64_t max_timestamp;
    int64_t offset_of_max_timestamp_delta; /* relative to the base offset */
    int32_t record_error_count;
    struct record_error record_errors[RECORD_ERRORS_KEPT];
};

/* Whether record_validate() would expand or compress this batch: then it
 * belongs in a pool job. */
bool record_validate_is_slow(const struct record_batch *batch,
                             const struct record_rules *rules);

/* Checks a producer's whole batch (header read, size right), header and every
 * record inside, and patches it in place (LogAppendTime) or rebuilds it (another
 * codec). Errors are Kafka's: ERR_CORRUPT_MESSAGE, ERR_INVALID_RECORD,
 * ERR_INVALID_TIMESTAMP, ERR_UNSUPPORTED_COMPRESSION_TYPE, with the records at
 * fault in the verdict as far as it has room. */
int record_validate(uint8_t *data, const struct record_batch *batch,
                    const struct record_rules *rules, struct record_verdict *out,
                    struct err *err);

void record_verdict_free(struct record_verdict *v);

#endif
