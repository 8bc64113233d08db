/* replication/metadata_transaction.c
 *
 * Records of a metadata transaction, held back until it ends (Kafka:
 * MetadataBatchLoader). A controller that dies between begin and end leaves it
 * open; the next one aborts it. They are kept encoded: they outlive the call that
 * brings them, and are few. */
#include <stdlib.h>

#include "replication/metadata_image_internal.h"

struct held_record {
    const struct message_type *type;
    int16_t version;
    struct buf bytes;
};

bool metadata_image_in_transaction(const struct metadata_image *image)
{
    return image->in_transaction;
}

void metadata_transaction_drop(struct metadata_image *image)
{
    for (int32_t i = 0; i < image->held_count; i++)
        buf_free(&image->held[i].bytes);
    free(image->held);
    image->held = NULL;
    image->held_count = 0;
    image->held_cap = 0;
    image->in_transaction = false;
}

int metadata_transaction_begin(struct metadata_image *image, struct err *err)
{
    if (image->in_transaction)
        return err_set(err, ERR_CORRUPT,
                       "a metadata transaction begins within another");
    image->in_transaction = true;
    return 0;
}

int metadata_transaction_hold(struct metadata_image *image,
                              const struct metadata_record *record, struct err *err)
{
    if (!metadata_grow((void **)&image->held, image->held_count, &image->held_cap,
                       sizeof(*image->held)))
        return err_nomem(err);
    struct wire_writer w = WIRE_WRITER_INIT;
    int rc = record->type->encode(&w, record->version, record->message, err);
    if (rc == 0 && w.out.failed)
        rc = err_nomem(err);
    if (rc != 0) {
        wire_writer_free(&w);
        return rc;
    }
    image->held[image->held_count++] = (struct held_record){
        .type = record->type, .version = record->version, .bytes = w.out};
    return 0;
}

static int apply_held(struct metadata_image *image, const struct held_record *held,
                      struct metadata_delta *delta, struct err *err)
{
    struct arena arena = ARENA_INIT;
    void *message = arena_alloc(&arena, held->type->size);
    struct bytes bytes = {held->bytes.data, (int32_t)held->bytes.len};
    int rc = message == NULL ? err_nomem(err)
                             : message_decode(held->type, held->version, bytes, &arena,
                                              message, err);
    if (rc == 0) {
        struct metadata_record record = {held->type, held->version, message};
        rc = metadata_apply_now(image, &record, delta, err);
    }
    arena_reset(&arena);
    return rc;
}

int metadata_transaction_end(struct metadata_image *image, struct metadata_delta *delta,
                             struct err *err)
{
    if (!image->in_transaction)
        return err_set(err, ERR_CORRUPT,
                       "a metadata transaction ends that never began");
    int rc = 0;
    for (int32_t i = 0; i < image->held_count && rc == 0; i++)
        rc = apply_held(image, &image->held[i], delta, err);
    metadata_transaction_drop(image);
    return rc;
}

int metadata_transaction_abort(struct metadata_image *image, struct err *err)
{
    if (!image->in_transaction)
        return err_set(err, ERR_CORRUPT,
                       "a metadata transaction is aborted that never began");
    metadata_transaction_drop(image);
    return 0;
}
