/* A set of messages: one behind the other, with nothing around them. Integers are
 * big-endian.
 *
 *      0  int64   offset
 *      8  int32   length               of what follows this field
 *     12  uint32  CRC-32               of everything from byte 16 on
 *     16  int8    magic                0 or 1
 *     17  int8    attributes           0-2 codec, 3 timestamp type (magic 1)
 *     18  int64   timestamp            magic 1 only
 *         int32   key length, key      -1: null
 *         int32   value length, value  -1: null
 *
 * Compressed messages are the value of another one, their wrapper, without a key:
 *
 *     │ offset 7 │ … codec │ ▒▒▒▒▒▒▒▒▒▒▒▒▒ │
 *                              ├ offset 0 (magic 1) or 4 (magic 0) │ … │
 *                              ├ offset 2           or 6           │ … │
 *                              └ offset 3           or 7           │ … │
 *
 * The wrapper has the offset of its last message. With magic 0 those inside have
 * their own, so that a broker had to compress anew what it gave offsets; with magic 1
 * they count from the first, and the last tells how far that is below the wrapper's.
 * Producers send whatever offsets they like: librdkafka's wrappers had 0.
 *
 * A wrapper of LogAppendTime gives its timestamp to all that is inside.
 *
 * Readers receive what fits: the last message may be cut short, and then counts for
 * nothing. So does one that a producer sends. */
#include "protocol/message_set_internal.h"

#include <zlib.h>

int message_set_peek(const uint8_t *data, size_t len, int32_t *size, struct err *err)
{
    *size = 0;
    if (len < MESSAGE_PREFIX)
        return 0;
    int32_t length = (int32_t)load_be32(data + MESSAGE_LENGTH_AT);
    if (length < MESSAGE_OVERHEAD_0)
        return err_set(err, ERR_CORRUPT_MESSAGE, "a record batch cannot have length %d",
                       length);
    if (len <= RECORD_BATCH_MAGIC_AT)
        return 0;
    if (data[RECORD_BATCH_MAGIC_AT] > RECORD_BATCH_MAGIC)
        return err_set(err, ERR_CORRUPT_MESSAGE, "a record batch cannot have magic %d",
                       (int8_t)data[RECORD_BATCH_MAGIC_AT]);
    if ((size_t)length <= len - MESSAGE_PREFIX)
        *size = length + MESSAGE_PREFIX;
    return 0;
}

void message_read(const uint8_t *data, int32_t size, struct message *out)
{
    struct bytes body = {data + MESSAGE_PREFIX, size - MESSAGE_PREFIX};
    uint8_t magic = body.data[MESSAGE_MAGIC_AT];
    uint8_t attributes = body.data[MESSAGE_ATTRIBUTES_AT];
    bool append_time = magic > 0 && (attributes & MESSAGE_LOG_APPEND_TIME) != 0;
    *out = (struct message){
        .offset = (int64_t)load_be64(data),
        .body = body,
        .magic = magic,
        .compression = attributes & MESSAGE_CODEC,
        .timestamp_type =
            append_time ? TIMESTAMP_LOG_APPEND_TIME : TIMESTAMP_CREATE_TIME,
        .timestamp = NO_TIMESTAMP,
    };
}

/* A length and as many bytes; a negative length is null. NULL: too few. */
static const uint8_t *read_bytes(const uint8_t *at, const uint8_t *end,
                                 struct bytes *out)
{
    if (at == NULL || end - at < 4)
        return NULL;
    int32_t len = (int32_t)load_be32(at);
    at += 4;
    if (len > end - at)
        return NULL;
    if (len < 0) {
        *out = BYTES_NULL;
        return at;
    }
    *out = (struct bytes){at, len};
    return at + len;
}

int message_read_fields(struct message *m, struct err *err)
{
    const uint8_t *at = m->body.data + MESSAGE_TIMESTAMP_AT;
    const uint8_t *end = m->body.data + m->body.len;
    if (m->magic > 0) {
        /* The shortest message has room for it. */
        m->timestamp = (int64_t)load_be64(at);
        at += sizeof(int64_t);
    }
    at = read_bytes(at, end, &m->key);
    at = read_bytes(at, end, &m->value);
    if (at == NULL)
        return err_set(err, ERR_INVALID_RECORD,
                       "a message of magic %d and %d bytes is malformed", m->magic,
                       m->body.len);
    return 0;
}

uint32_t message_crc(struct bytes body)
{
    return (uint32_t)crc32(0, body.data + MESSAGE_MAGIC_AT,
                           (uInt)(body.len - MESSAGE_MAGIC_AT));
}

bool message_crc_ok(const struct message *m)
{
    return load_be32(m->body.data + MESSAGE_CRC_AT) == message_crc(m->body);
}
