#include "protocol/message_set_internal.h"

#include "protocol/record_internal.h"

struct set_builder {
    struct buf *out;
    int magic;
    const struct record_batch *batch;
};

static uint8_t attributes_of(const struct set_builder *b, enum compression codec)
{
    uint8_t attributes = (uint8_t)codec;
    if (b->magic > 0 && b->batch->timestamp_type == TIMESTAMP_LOG_APPEND_TIME)
        attributes |= MESSAGE_LOG_APPEND_TIME;
    return attributes;
}

static size_t overhead_of(const struct set_builder *b)
{
    return b->magic > 0 ? MESSAGE_OVERHEAD_1 : MESSAGE_OVERHEAD_0;
}

static uint8_t *write_length(uint8_t *at, int32_t len)
{
    store_be32(at, (uint32_t)len);
    return at + 4;
}

static uint8_t *write_bytes(uint8_t *at, struct bytes b)
{
    if (b.data == NULL)
        return write_length(at, -1);
    at = write_length(at, b.len);
    memcpy(at, b.data, (size_t)b.len);
    return at + b.len;
}

/* All that lies before the key; returns where that begins. */
static uint8_t *write_front(const struct set_builder *b, uint8_t *at, size_t length,
                            int64_t offset, int64_t timestamp, enum compression codec)
{
    store_be64(at, (uint64_t)offset);
    store_be32(at + MESSAGE_LENGTH_AT, (uint32_t)length);
    at += MESSAGE_PREFIX;
    at[MESSAGE_MAGIC_AT] = (uint8_t)b->magic;
    at[MESSAGE_ATTRIBUTES_AT] = attributes_of(b, codec);
    at += MESSAGE_TIMESTAMP_AT;
    if (b->magic == 0)
        return at;
    store_be64(at, (uint64_t)timestamp);
    return at + sizeof(int64_t);
}

static void write_crc(uint8_t *message, size_t length)
{
    struct bytes body = {message + MESSAGE_PREFIX, (int32_t)length};
    store_be32(message + MESSAGE_PREFIX + MESSAGE_CRC_AT, message_crc(body));
}

static int check_length(size_t length, struct err *err)
{
    if (length <= INT32_MAX - MESSAGE_PREFIX)
        return 0;
    return err_set(err, ERR_MESSAGE_TOO_LARGE, "%zu bytes do not fit into one message",
                   length);
}

static int add_message(const struct set_builder *b, struct buf *out, int64_t offset,
                       const struct record *r, struct err *err)
{
    size_t length = overhead_of(b) + (size_t)r->key.len + (size_t)r->value.len;
    int rc = check_length(length, err);
    if (rc != 0)
        return rc;
    uint8_t *message = buf_extend(out, MESSAGE_PREFIX + length);
    if (message == NULL)
        return err_nomem(err);
    uint8_t *at =
        write_front(b, message, length, offset, r->timestamp, COMPRESSION_NONE);
    at = write_bytes(at, r->key);
    write_bytes(at, r->value);
    write_crc(message, length);
    return 0;
}

static int add_each(const struct set_builder *b, struct record_iter *it,
                    int64_t first_offset, struct err *err)
{
    struct record r;
    int rc;
    while ((rc = record_iter_next(it, &r, err)) == 1) {
        if (r.offset < first_offset)
            continue;
        rc = add_message(b, b->out, r.offset, &r, err);
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* What a wrapper says of the messages inside. */
struct wrapped {
    struct buf messages;
    int64_t base_offset; /* of the first: where magic 1 counts from */
    int64_t last_offset;
    int64_t max_timestamp;
};

static int wrap_each(const struct set_builder *b, struct record_iter *it,
                     struct wrapped *w, struct err *err)
{
    struct record r;
    int rc;
    while ((rc = record_iter_next(it, &r, err)) == 1) {
        if (w->messages.len == 0)
            w->base_offset = r.offset;
        int64_t offset =
            b->magic > 0 ? subtract_wrapping(r.offset, w->base_offset) : r.offset;
        rc = add_message(b, &w->messages, offset, &r, err);
        if (rc != 0)
            return rc;
        w->last_offset = r.offset;
        if (r.timestamp > w->max_timestamp)
            w->max_timestamp = r.timestamp;
    }
    if (rc == 0 && w->messages.len > INT32_MAX)
        return check_length(w->messages.len, err);
    return rc;
}

static int add_wrapper(const struct set_builder *b, const struct wrapped *w,
                       struct err *err)
{
    struct bytes inside = {w->messages.data, (int32_t)w->messages.len};
    size_t front = MESSAGE_PREFIX + overhead_of(b);
    size_t start = b->out->len;
    if (buf_extend(b->out, front) == NULL)
        return err_nomem(err);
    int rc = b->magic > 0
                 ? compression_shrink(b->batch->compression, COMPRESSION_LEVEL_DEFAULT,
                                      inside, b->out, err)
                 : compression_shrink_magic_0(b->batch->compression,
                                              COMPRESSION_LEVEL_DEFAULT, inside, b->out,
                                              err);
    size_t length = b->out->len - start - MESSAGE_PREFIX;
    if (rc == 0)
        rc = check_length(length, err);
    if (rc != 0)
        return rc;
    uint8_t *message = b->out->data + start;
    uint8_t *at = write_front(b, message, length, w->last_offset, w->max_timestamp,
                              b->batch->compression);
    at = write_bytes(at, BYTES_NULL);
    write_length(at, (int32_t)(b->out->len - start - front));
    write_crc(message, length);
    return 0;
}

/* Readers pass over messages below the offset that they asked for, and ask for it
 * again if there are no others. */
static int wrap(const struct set_builder *b, struct record_iter *it,
                int64_t first_offset, struct err *err)
{
    struct wrapped w = {.max_timestamp = NO_TIMESTAMP};
    int rc = wrap_each(b, it, &w, err);
    if (rc == 0 && w.messages.len > 0 && w.last_offset >= first_offset)
        rc = add_wrapper(b, &w, err);
    buf_free(&w.messages);
    return rc;
}

static int check_batch(const uint8_t *data, const struct record_batch *batch,
                       struct err *err)
{
    if (!record_batch_crc_ok(data, batch->size))
        return err_set(err, ERR_CORRUPT_MESSAGE,
                       "the record batch at offset %lld is corrupt",
                       (long long)batch->base_offset);
    if (batch->compression == COMPRESSION_ZSTD)
        return err_set(err, ERR_UNSUPPORTED_COMPRESSION_TYPE,
                       "zstd has no place in messages of magic 0 and 1");
    return 0;
}

int message_set_append(struct buf *out, int magic, const uint8_t *data, size_t len,
                       int64_t first_offset, size_t expand_limit, struct err *err)
{
    struct record_batch batch;
    struct record_iter it;
    size_t start = out->len;
    int rc = record_batch_read(data, len, &batch, err);
    if (rc != 0 || batch.control)
        return rc;
    rc = check_batch(data, &batch, err);
    if (rc == 0)
        rc = record_iter_open(&it, data, len, expand_limit, err);
    if (rc != 0)
        return rc;
    struct set_builder b = {out, magic, &batch};
    rc = batch.compression == COMPRESSION_NONE ? add_each(&b, &it, first_offset, err)
                                               : wrap(&b, &it, first_offset, err);
    record_iter_close(&it);
    if (rc != 0)
        out->len = start;
    return rc;
}
