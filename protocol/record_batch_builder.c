#include "protocol/record_batch.h"

#include "protocol/record_internal.h"

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static size_t varlong_size(int64_t value)
{
    uint64_t raw = zigzag(value);
    size_t size = 1;
    while (raw >= 0x80) {
        raw >>= 7;
        size++;
    }
    return size;
}

static uint8_t *varlong_write(uint8_t *at, int64_t value)
{
    uint64_t raw = zigzag(value);
    while (raw >= 0x80) {
        *at++ = (uint8_t)(raw | 0x80);
        raw >>= 7;
    }
    *at++ = (uint8_t)raw;
    return at;
}

static size_t varbytes_size(struct bytes b)
{
    return b.data == NULL ? varlong_size(-1) : varlong_size(b.len) + (size_t)b.len;
}

static uint8_t *varbytes_write(uint8_t *at, struct bytes b)
{
    if (b.data == NULL)
        return varlong_write(at, -1);
    at = varlong_write(at, b.len);
    memcpy(at, b.data, (size_t)b.len);
    return at + b.len;
}

static struct bytes header_key(const struct record_header *h)
{
    return (struct bytes){(const uint8_t *)h->key.data, h->key.len};
}

void record_batch_builder_init(struct record_batch_builder *b, int64_t base_offset)
{
    *b = (struct record_batch_builder){
        .level = COMPRESSION_LEVEL_DEFAULT,
        .batch =
            {
                .base_offset = base_offset,
                .last_offset = base_offset - 1,
                .leader_epoch = NO_LEADER_EPOCH,
                .base_timestamp = NO_TIMESTAMP,
                .max_timestamp = NO_TIMESTAMP,
                .producer_id = NO_PRODUCER_ID,
                .producer_epoch = NO_PRODUCER_EPOCH,
                .base_sequence = NO_SEQUENCE,
                .last_sequence = NO_SEQUENCE,
            },
    };
    uint8_t *header = buf_extend(&b->out, RECORD_BATCH_OVERHEAD);
    if (header != NULL)
        memset(header, 0, RECORD_BATCH_OVERHEAD);
}

/* Appends a record but for its headers, `headers_size` bytes that the caller
 * fills in at what is returned; NULL without memory. */
static uint8_t *add_record(struct record_batch_builder *b, int64_t timestamp,
                           struct bytes key, struct bytes value, size_t headers_size,
                           int32_t header_count)
{
    struct record_batch *batch = &b->batch;
    if (batch->record_count == 0 && !batch->has_delete_horizon)
        batch->base_timestamp = timestamp;
    int64_t timestamp_delta = subtract_wrapping(timestamp, batch->base_timestamp);
    int64_t offset_delta = batch->last_offset + 1 - batch->base_offset;

    size_t body = 1 + varlong_size(timestamp_delta) + varlong_size(offset_delta) +
                  varbytes_size(key) + varbytes_size(value) +
                  varlong_size(header_count) + headers_size;
    uint8_t *at = buf_extend(&b->out, varlong_size((int64_t)body) + body);
    if (at == NULL)
        return NULL;
    at = varlong_write(at, (int64_t)body);
    *at++ = 0; /* attributes */
    at = varlong_write(at, timestamp_delta);
    at = varlong_write(at, offset_delta);
    at = varbytes_write(at, key);
    at = varbytes_write(at, value);
    at = varlong_write(at, header_count);

    batch->record_count++;
    batch->last_offset++;
    if (timestamp > batch->max_timestamp)
        batch->max_timestamp = timestamp;
    return at;
}

void record_batch_builder_add(struct record_batch_builder *b, int64_t timestamp,
                              struct bytes key, struct bytes value,
                              const struct record_header *headers, int32_t header_count)
{
    size_t headers_size = 0;
    for (int32_t i = 0; i < header_count; i++)
        headers_size +=
            varbytes_size(header_key(&headers[i])) + varbytes_size(headers[i].value);
    uint8_t *at = add_record(b, timestamp, key, value, headers_size, header_count);
    for (int32_t i = 0; i < header_count && at != NULL; i++) {
        at = varbytes_write(at, header_key(&headers[i]));
        at = varbytes_write(at, headers[i].value);
    }
}

void record_batch_builder_add_raw(struct record_batch_builder *b, int64_t timestamp,
                                  struct bytes key, struct bytes value,
                                  struct bytes raw_headers, int32_t header_count)
{
    size_t size = (size_t)raw_headers.len;
    uint8_t *at = add_record(b, timestamp, key, value, size, header_count);
    if (at != NULL && size > 0)
        memcpy(at, raw_headers.data, size);
}

void record_batch_builder_copy(struct record_batch_builder *b,
                               const struct record *record)
{
    b->batch.last_offset = record->offset - 1;
    record_batch_builder_add_raw(b, record->timestamp, record->key, record->value,
                                 record->raw_headers, record->header_count);
}

/* Puts the compressed records behind a fresh header. */
static int shrink(struct record_batch_builder *b, struct err *err)
{
    struct bytes records = {b->out.data + RECORD_BATCH_OVERHEAD,
                            (int32_t)(b->out.len - RECORD_BATCH_OVERHEAD)};
    struct buf packed = BUF_INIT;
    buf_extend(&packed, RECORD_BATCH_OVERHEAD);
    int rc = compression_shrink(b->batch.compression, b->level, records, &packed, err);
    if (rc != 0) {
        buf_free(&packed);
        return rc;
    }
    buf_free(&b->out);
    b->out = packed;
    return 0;
}

static int check_size(const struct record_batch_builder *b, struct err *err)
{
    if (b->out.failed)
        return err_nomem(err);
    if (b->out.len > INT32_MAX)
        return err_set(err, ERR_MESSAGE_TOO_LARGE,
                       "%d records of %zu bytes do not fit into one batch",
                       b->batch.record_count, b->out.len);
    return 0;
}

int record_batch_builder_finish(struct record_batch_builder *b, struct err *err)
{
    int rc = check_size(b, err);
    if (rc != 0)
        return rc;
    if (b->batch.last_offset < b->batch.base_offset)
        return err_set(err, ERR_INVALID_RECORD, "a batch without an offset");
    if (b->batch.compression != COMPRESSION_NONE) {
        rc = shrink(b, err);
        if (rc == 0)
            rc = check_size(b, err);
        if (rc != 0)
            return rc;
    }
    b->batch.size = (int32_t)b->out.len;
    record_batch_write_header(b->out.data, &b->batch);
    return 0;
}

void record_batch_builder_free(struct record_batch_builder *b)
{
    buf_free(&b->out);
}
