#include "storage/metadata_batch.h"

#define EXPAND_LIMIT ((size_t)64 << 20)

static int visit_record(struct metadata_visitor *v, const struct record_batch *batch,
                        const struct record *record, struct arena *arena,
                        struct err *err)
{
    if (batch->control)
        return v->control == NULL ? 0
                                  : v->control(v->context, record_control_type(record),
                                               record->value, err);
    if (v->record == NULL)
        return 0;
    struct metadata_record decoded;
    int rc = metadata_record_decode(record->value, arena, &decoded, err);
    if (rc == 0)
        rc = v->record(v->context, &decoded, record->offset, err);
    if (rc != 0)
        rc = err_context(err, "offset %lld", (long long)record->offset);
    arena_reset(arena);
    return rc;
}

static int visit_batch(struct metadata_visitor *v, const uint8_t *data, size_t len,
                       struct err *err)
{
    struct record_iter it;
    struct record record;
    struct arena arena = ARENA_INIT;
    if (!record_batch_crc_ok(data, (int32_t)len))
        return err_set(err, ERR_CORRUPT, "the checksum of a batch does not hold");
    int rc = record_iter_open(&it, data, len, EXPAND_LIMIT, err);
    if (rc != 0)
        return err_set(err, ERR_CORRUPT, "a batch cannot be read: %s",
                       err == NULL ? "" : err->message);
    int more;
    while (rc == 0 && (more = record_iter_next(&it, &record, err)) != 0)
        rc = more < 0 ? err_set(err, ERR_CORRUPT, "a batch holds a damaged record")
                      : visit_record(v, &it.batch, &record, &arena, err);
    v->next_offset = it.batch.last_offset + 1;
    v->last_timestamp = it.batch.max_timestamp;
    v->leader_epoch = it.batch.leader_epoch;
    record_iter_close(&it);
    arena_reset(&arena);
    return rc;
}

int metadata_batches_visit(const uint8_t *data, size_t len, struct metadata_visitor *v,
                           size_t *used, struct err *err)
{
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && len - at >= RECORD_BATCH_PREFIX) {
        int32_t size;
        if (record_batch_size(data + at, len - at, &size, err) != 0) {
            rc = err_set(err, ERR_CORRUPT, "there is no batch where one must begin");
            break;
        }
        if ((size_t)size > len - at)
            break;
        rc = visit_batch(v, data + at, (size_t)size, err);
        at += (size_t)size;
    }
    *used = at;
    return rc;
}

void metadata_control_add_raw(struct record_batch_builder *b, int64_t timestamp,
                              enum control_record_type type, struct bytes value)
{
    uint8_t key[4];
    store_be16(key, 0); /* version */
    store_be16(key + 2, (uint16_t)type);
    b->batch.control = true;
    record_batch_builder_add(b, timestamp, (struct bytes){key, sizeof(key)}, value,
                             NULL, 0);
}

int metadata_control_add(struct record_batch_builder *b, int64_t timestamp,
                         enum control_record_type type, const struct message_type *of,
                         int16_t version, const void *message, struct err *err)
{
    struct wire_writer w = WIRE_WRITER_INIT;
    int rc = of->encode(&w, version, message, err);
    if (rc == 0 && w.out.failed)
        rc = err_nomem(err);
    if (rc == 0)
        metadata_control_add_raw(b, timestamp, type,
                                 (struct bytes){w.out.data, (int32_t)w.out.len});
    wire_writer_free(&w);
    return rc;
}
