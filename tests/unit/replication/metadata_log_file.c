/* tests/unit/replication/metadata_log_file.c */
#include "tests/unit/replication/metadata_log_file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/record_batch.h"

struct replaying {
    int (*visit)(void *context, const struct metadata_record *record, struct err *err);
    void *context;
    int count;
};

static struct buf read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    struct buf out = BUF_INIT;
    uint8_t part[4096];
    size_t got;
    while ((got = fread(part, 1, sizeof(part), file)) > 0)
        buf_append(&out, part, got);
    fclose(file);
    return out;
}

/* Frame version, type, version, then the record. */
static void replay_record(struct replaying *r, struct bytes value)
{
    struct arena arena = ARENA_INIT;
    struct wire_reader reader = wire_reader_of(value.data, (size_t)value.len, &arena);
    ck_assert_uint_eq(wire_read_uvarint(&reader), 1);
    const struct message_type *type =
        message_metadata_record_type((int16_t)wire_read_uvarint(&reader));
    int16_t version = (int16_t)wire_read_uvarint(&reader);
    ck_assert_ptr_nonnull(type);
    void *message = arena_alloc(&arena, type->size);
    type->decode(&reader, version, message);
    ck_assert_msg(!reader.failed, "%s: %s", type->name, reader.why);
    ck_assert_uint_eq(wire_left(&reader), 0);

    struct metadata_record record = {type, version, message};
    struct err err = {0};
    ck_assert_msg(r->visit(r->context, &record, &err) == 0, "%s: %s", type->name,
                  err.message);
    r->count++;
    arena_reset(&arena);
}

static int32_t replay_batch(struct replaying *r, const uint8_t *data, size_t len)
{
    struct record_iter it;
    struct record record;
    ck_assert_int_eq(record_iter_open(&it, data, len, len, NULL), 0);
    while (record_iter_next(&it, &record, NULL) == 1)
        if (!it.batch.control)
            replay_record(r, record.value);
    int32_t size = it.batch.size;
    record_iter_close(&it);
    return size;
}

int metadata_log_file_replay(const char *path,
                             int (*visit)(void *context,
                                          const struct metadata_record *record,
                                          struct err *err),
                             void *context)
{
    struct replaying r = {visit, context, 0};
    struct buf file = read_whole(path);
    size_t at = 0;
    while (at < file.len)
        at += (size_t)replay_batch(&r, file.data + at, file.len - at);
    buf_free(&file);
    return r.count;
}
