/* protocol/record_batch.h
 *
 * The record batch, magic 2 (record_batch.c draws its layout): reading its header,
 * checking it, walking its records, building one, and patching the fields that a broker
 * sets.
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
#define RECORD_BATCH_CODEC_AT 22 /* in its lowest three bits */
#define NO_TIMESTAMP (-1)
#define NO_PRODUCER_ID (-1)
#define NO_PRODUCER_EPOCH (-1)
#define NO_SEQUENCE (-1)
#define NO_LEADER_EPOCH (-1)

enum timestamp_type { TIMESTAMP_CREATE_TIME = 0, TIMESTAMP_LOG_APPEND_TIME = 1 };

/* As message.timestamp.type spells it. */
static inline const char *timestamp_type_name(enum timestamp_type type)
{
    return type == TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime";
}

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
 * there, the rest of the batch need not. Checks the length, the magic (0 and 1
 * are ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, others that are not 2
 * ERR_CORRUPT_MESSAGE) and that offsets and count can be (none negative, last
 * offset + 1 does not overflow; otherwise ERR_INVALID_RECORD). Whether they fit
 * together is not judged: compacted batches have fewer records than offsets. */
int record_batch_read(const uint8_t *data, size_t len, struct record_batch *out,
                      struct err *err);

/* Whether the CRC of a whole batch, record_batch.size bytes, holds. `size` is at
 * least RECORD_BATCH_OVERHEAD. */
bool record_batch_crc_ok(const uint8_t *data, int32_t size);

/* Set in place in a whole batch. The first two lie outside the CRC; the third
 * turns the batch to LogAppendTime and makes a new CRC. */
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
 * here, up to `limit` bytes (pool job, unless the batch is known to be small).
 * Errors are record_batch_read()'s; ERR_CORRUPT_MESSAGE if the batch does not end
 * within `len`; ERR_UNSUPPORTED_COMPRESSION_TYPE; ERR_INVALID_RECORD if it cannot
 * be expanded. The CRC is not looked at. A failed open needs no close. */
int record_iter_open(struct record_iter *it, const uint8_t *data, size_t len,
                     size_t limit, struct err *err);

/* 1: *out is the next record; 0: there are no more; negative: the batch is
 * corrupt (ERR_INVALID_RECORD), and the walk is over. Views live until
 * record_iter_close(). */
int record_iter_next(struct record_iter *it, struct record *out, struct err *err);

void record_iter_close(struct record_iter *it);

/* 1, 0 or negative as record_iter_next; consumes from *raw_headers. */
int record_header_next(struct bytes *raw_headers, struct record_header *out,
                       struct err *err);

/* The sequence of a record of that batch; NO_SEQUENCE if the batch has none. */
int32_t record_sequence(const struct record_batch *batch, const struct record *record);

/* The enum control_record_type in the key of a control batch's record, or a
 * higher value of a later Kafka; -1 if the key is none. */
int record_control_type(const struct record *record);

/* Builds a batch record by record.
 *
 * What differs from init is set in `batch` before finish: compression (and
 * `level`), leader epoch, producer, flags; for LogAppendTime the timestamp type
 * and max_timestamp. A last_offset set there may lie behind the last record, and
 * then the batch may be empty, as compaction leaves them. A delete horizon
 * (has_delete_horizon and base_timestamp) is set before the first record.
 * Missing memory shows at finish. */
struct record_batch_builder {
    struct buf out; /* room for the header, then the records, uncompressed */
    struct record_batch batch;
    int level; /* COMPRESSION_LEVEL_DEFAULT unless set */
};

/* Starts at `base_offset`, uncompressed, CreateTime, no producer. */
void record_batch_builder_init(struct record_batch_builder *b, int64_t base_offset);

/* Offset deltas are 0, 1, 2 …: each record's is one behind batch.last_offset,
 * which the caller may move forward to leave offsets out. The bytes are copied.
 * `headers` may be NULL if there are none; their keys may not be null. */
void record_batch_builder_add(struct record_batch_builder *b, int64_t timestamp,
                              struct bytes key, struct bytes value,
                              const struct record_header *headers,
                              int32_t header_count);

/* Adds a record as record_iter_next() gives it, at its own offset, which lies behind
 * that of the one before. */
void record_batch_builder_copy(struct record_batch_builder *b,
                               const struct record *record);

/* Compresses if batch.compression says so (then: a pool job), fills in the header
 * and the CRC, and leaves the whole batch in b->out; b->batch is its header.
 * ERR_MESSAGE_TOO_LARGE beyond INT32_MAX bytes. Nothing may be added after. */
int record_batch_builder_finish(struct record_batch_builder *b, struct err *err);

void record_batch_builder_free(struct record_batch_builder *b);

/* What a topic demands of the batches that producers send it (Kafka:
 * LogValidator). */
struct record_rules {
    int64_t now_ms; /* LogAppendTime's timestamp, and the middle of the bounds */
    enum timestamp_type timestamp_type; /* message.timestamp.type */
    int64_t timestamp_before_max_ms;    /* message.timestamp.before.max.ms */
    int64_t timestamp_after_max_ms;     /* message.timestamp.after.max.ms */
    bool compacted;                     /* every record needs a key */
    bool keep_codec;                    /* compression.type=producer */
    enum compression compression;       /* otherwise: the topic's */
    int compression_level;              /* the topic's, for that codec */
    size_t expand_limit;                /* largest size a batch may expand to */
};

struct record_error {
    int32_t batch_index; /* position of the record in the batch */
    const char *message; /* static */
};

/* Kafka reports every record at fault; here the first ones are. */
#define RECORD_ERRORS_KEPT 16

struct record_verdict {
    bool rebuilt;     /* `batch` replaces the producer's bytes */
    struct buf batch; /* owned by the caller when rebuilt; base offset 0 */

    /* What the time index is told: the largest timestamp, and the offset that
     * goes with it, relative to the base offset. That is the batch's last one,
     * not that of the record: followers and recovery do not look inside. Both -1
     * if no record has a timestamp. */
    int64_t max_timestamp;
    int64_t offset_of_max_timestamp_delta;

    int32_t record_error_count; /* how many are kept */
    struct record_error record_errors[RECORD_ERRORS_KEPT];
};

/* Whether record_validate() would expand or compress this batch: then it
 * belongs in a pool job. Otherwise it takes the CRC and a few nanoseconds a
 * record, and may run on the loop. */
bool record_validate_is_slow(const struct record_batch *batch,
                             const struct record_rules *rules);

/* Checks a producer's whole batch (batch->size bytes at `data`, of which `batch`
 * is the header), header and every record inside, and corrects it in place
 * (timestamp type and max timestamp, with a new CRC; `batch` is then out of
 * date) or rebuilds it (another codec; offset deltas that are not 0, 1, 2 …). A
 * batch that needs neither keeps every byte. Base offset and leader epoch remain
 * for the caller to set, and so does the check that the size, which a rebuilt
 * batch changes, is allowed.
 *
 * Errors are Kafka's, in its order: ERR_INVALID_RECORD for a base offset that is
 * not 0; ERR_CORRUPT_MESSAGE for the CRC; ERR_UNSUPPORTED_COMPRESSION_TYPE for a
 * codec that is none; ERR_INVALID_RECORD for counts that do not fit together,
 * control batches, a producer id without a sequence, malformed records and data
 * that does not expand, or to more than the limit; and with the records at fault
 * in the verdict, as far as it has room, ERR_INVALID_TIMESTAMP if a timestamp is
 * at fault, ERR_INVALID_RECORD if only keys are missing. record_validate.c says
 * where Kafka is laxer.
 *
 * On failure the bytes are untouched. *out is filled either way, and freed with
 * record_verdict_free(). */
int record_validate(uint8_t *data, const struct record_batch *batch,
                    const struct record_rules *rules, struct record_verdict *out,
                    struct err *err);

/* Frees what is left in the verdict: a caller that has taken `batch` over sets it
 * to BUF_INIT before. */
void record_verdict_free(struct record_verdict *v);

#endif
