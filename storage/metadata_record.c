#include "storage/metadata_record.h"

#define FRAME_VERSION 1

int metadata_record_encode(const struct metadata_record *record, struct buf *out,
                           struct err *err)
{
    struct wire_writer w = {.out = *out};
    wire_write_uvarint(&w.out, FRAME_VERSION);
    wire_write_uvarint(&w.out, (uint32_t)record->type->api_key);
    wire_write_uvarint(&w.out, (uint32_t)record->version);
    int rc = record->type->encode(&w, record->version, record->message, err);
    *out = w.out; /* such messages have no gaps */
    if (rc == 0 && out->failed)
        rc = err_nomem(err);
    return rc;
}

int metadata_record_decode(struct bytes value, struct arena *arena,
                           struct metadata_record *out, struct err *err)
{
    struct wire_reader r = wire_reader_of(value.data, (size_t)value.len, arena);
    uint32_t frame = wire_read_uvarint(&r);
    uint32_t key = wire_read_uvarint(&r);
    uint32_t version = wire_read_uvarint(&r);
    if (r.failed)
        return err_set(err, ERR_CORRUPT, "a metadata record is too short");
    if (frame != FRAME_VERSION)
        return err_set(err, ERR_UNSUPPORTED_VERSION,
                       "a metadata record has frame version %u", frame);
    const struct message_type *type =
        key > INT16_MAX ? NULL : message_metadata_record_type((int16_t)key);
    if (type == NULL || version > (uint32_t)type->max_version ||
        version < (uint32_t)type->min_version)
        return err_set(err, ERR_UNSUPPORTED_VERSION,
                       "a metadata record of type %u, version %u is unknown here", key,
                       version);
    void *message = arena_alloc(arena, type->size);
    if (message == NULL)
        return err_nomem(err);
    struct bytes body = {r.at, (int32_t)wire_left(&r)};
    int rc = message_decode(type, (int16_t)version, body, arena, message, err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != 0)
        return err_set(err, ERR_CORRUPT, "a %s is corrupt", type->name);
    *out = (struct metadata_record){type, (int16_t)version, message};
    return 0;
}
