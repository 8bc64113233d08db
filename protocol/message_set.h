/* protocol/message_set.h
 *
 * Sets of messages of magic 0 and 1, in which clients older than Kafka 0.11 send and
 * receive records (message_set.c draws their layout). Logs hold record batches,
 * magic 2: a producer's set becomes one batch on its way in, and batches become sets
 * on their way out, as Apache Kafka 3.9 converts them, the last to do so.
 *
 * Any thread; what converts may expand and compress, and belongs in a pool job. */
#ifndef GREGOR_PROTOCOL_MESSAGE_SET_H
#define GREGOR_PROTOCOL_MESSAGE_SET_H

#include "protocol/record_batch.h"

/* The size of the batch or message that begins at `data`, whatever its magic; 0
 * where none lies there as a whole: one cut short is none, and bytes that are too
 * few are passed over. ERR_CORRUPT_MESSAGE for a length or a magic that cannot be
 * (Kafka: ByteBufferLogInputStream.nextBatchSize). */
int message_set_peek(const uint8_t *data, size_t len, int32_t *size, struct err *err);

/* Checks a producer's set by the topic's rules and makes one batch of it, in
 * out->batch, base offset 0, in the codec that the rules demand or else that of the
 * set. Without a whole message, out->rebuilt is false and the result 0. Bytes behind
 * the last whole message are passed over.
 *
 * Errors are Kafka's, in its order (UnifiedLog.analyzeAndValidateRecords, then
 * LogValidator). Of the messages as they lie there: ERR_MESSAGE_TOO_LARGE for one
 * above max_message_bytes; ERR_CORRUPT_MESSAGE for its CRC, length or magic;
 * ERR_UNSUPPORTED_COMPRESSION_TYPE for a codec that is none. Then ERR_INVALID_RECORD
 * for two magics in one set, for anything beside a compressed message, and for one
 * that does not expand, or to more than rules->expand_limit, or to nothing, or by
 * zstd; for malformed messages; and what the rules find in each message, as
 * record_validate() does. How large the batch may be is for the caller to check.
 *
 * *out is filled either way, and freed with record_verdict_free(). */
int message_set_convert(struct bytes set, const struct record_rules *rules,
                        int32_t max_message_bytes, struct record_verdict *out,
                        struct err *err);

/* Appends what a reader of `magic`, 0 or 1, gets for a whole batch of a log: a
 * message for each record, all inside of another one if the batch is compressed. The
 * batch's headers, producer and epochs have no place there. Records below
 * first_offset are left out of an uncompressed batch; nothing is appended for a
 * control batch, or for one without a record at or above first_offset (Kafka:
 * RecordsUtil.downConvert).
 *
 * ERR_UNSUPPORTED_COMPRESSION_TYPE: zstd, which such readers do not know.
 * ERR_CORRUPT_MESSAGE for the CRC: it is not made anew over bytes that are not what
 * was written. Other errors are record_iter_open()'s and record_iter_next()'s. After
 * a failure *out holds what it held before. */
int message_set_append(struct buf *out, int magic, const uint8_t *data, size_t len,
                       int64_t first_offset, size_t expand_limit, struct err *err);

#endif
