#include "protocol/record_batch.h"

#include "protocol/record_internal.h"

const uint8_t *varint_read_long_form(const uint8_t *at, const uint8_t *end, int most,
                                     uint64_t *raw)
{
    uint64_t value = 0;
    for (int i = 0; i < most && at < end; i++) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *raw = value;
            return at;
        }
    }
    return NULL;
}

static const uint8_t *header_parse(const uint8_t *at, const uint8_t *end,
                                   struct bytes *key, struct bytes *value)
{
    at = varbytes_read(at, end, key);
    if (at == NULL || key->data == NULL)
        return NULL;
    return varbytes_read(at, end, value);
}

bool record_headers_ok(const uint8_t *at, const uint8_t *end, int32_t count)
{
    /* Each takes two bytes at least, so the loop is bounded by the record. */
    for (int32_t i = 0; i < count; i++) {
        struct bytes key;
        struct bytes value;
        at = header_parse(at, end, &key, &value);
        if (at == NULL)
            return false;
    }
    return at == end;
}

static int expand(struct record_iter *it, const uint8_t *data, size_t limit,
                  struct err *err)
{
    if (compression_name(it->batch.compression) == NULL)
        return err_set(err, ERR_UNSUPPORTED_COMPRESSION_TYPE,
                       "compression type %d is unknown", it->batch.compression);
    struct bytes packed = {data + RECORD_BATCH_OVERHEAD,
                           it->batch.size - RECORD_BATCH_OVERHEAD};
    int rc =
        compression_expand(it->batch.compression, packed, limit, &it->expanded, err);
    if (rc == ERR_MALFORMED)
        return err_set(err, ERR_INVALID_RECORD,
                       "the records of the batch at offset %lld cannot be expanded",
                       (long long)it->batch.base_offset);
    if (rc != 0)
        return rc;
    it->at = it->expanded.data;
    it->end = it->at + it->expanded.len;
    return 0;
}

int record_iter_open(struct record_iter *it, const uint8_t *data, size_t len,
                     size_t limit, struct err *err)
{
    *it = (struct record_iter){0};
    int rc = record_batch_read(data, len, &it->batch, err);
    if (rc != 0)
        return rc;
    if (len < (size_t)it->batch.size)
        return err_set(err, ERR_CORRUPT_MESSAGE,
                       "a record batch of %d bytes ends after %zu", it->batch.size,
                       len);
    it->left = it->batch.record_count;
    it->at = data + RECORD_BATCH_OVERHEAD;
    it->end = data + it->batch.size;
    /* What an emptied batch has behind its header is nobody's. */
    if (it->batch.compression != COMPRESSION_NONE && it->left > 0)
        rc = expand(it, data, limit, err);
    if (rc != 0)
        record_iter_close(it);
    return rc;
}

int record_iter_next(struct record_iter *it, struct record *out, struct err *err)
{
    if (it->left == 0)
        return 0;
    struct raw_record r;
    const uint8_t *next = record_parse(it->at, it->end, &r);
    if (next == NULL)
        return err_set(err, ERR_INVALID_RECORD,
                       "record %d of the batch at offset %lld is malformed",
                       it->batch.record_count - it->left,
                       (long long)it->batch.base_offset);
    it->at = next;
    it->left--;
    if (it->left == 0 && it->at != it->end)
        return err_set(err, ERR_INVALID_RECORD,
                       "the batch at offset %lld has bytes behind its last record",
                       (long long)it->batch.base_offset);
    *out = (struct record){
        .offset = add_wrapping(it->batch.base_offset, r.offset_delta),
        .timestamp = record_timestamp(&it->batch, &r),
        .key = r.key,
        .value = r.value,
        .header_count = r.header_count,
        .raw_headers = r.headers,
    };
    return 1;
}

void record_iter_close(struct record_iter *it)
{
    buf_free(&it->expanded);
    *it = (struct record_iter){0};
}

int record_header_next(struct bytes *raw_headers, struct record_header *out,
                       struct err *err)
{
    if (raw_headers->len == 0)
        return 0;
    const uint8_t *end = raw_headers->data + raw_headers->len;
    struct bytes key;
    const uint8_t *next = header_parse(raw_headers->data, end, &key, &out->value);
    if (next == NULL)
        return err_set(err, ERR_INVALID_RECORD, "a record header is malformed");
    out->key = (struct str){(const char *)key.data, key.len};
    *raw_headers = (struct bytes){next, (int32_t)(end - next)};
    return 1;
}

int record_control_type(const struct record *record)
{
    if (record->key.data == NULL || record->key.len < 4)
        return -1;
    int16_t version = (int16_t)load_be16(record->key.data);
    int16_t type = (int16_t)load_be16(record->key.data + 2);
    return version < 0 || type < 0 ? -1 : type;
}
