/* replication/metadata_kept.c
 *
 * Records that mean nothing to Gregor yet, kept as they came: client quotas, SCRAM
 * credentials, ACLs, delegation tokens. All that is understood of them is which of
 * them replaces or removes which. */
#include <stdlib.h>

#include "replication/metadata_image_internal.h"

struct kept_record {
    UT_hash_handle hh; /* keyed by type and identity */
    const struct message_type *type;
    struct buf key;
    struct buf bytes; /* encoded in version 0, the only one these have */
};

static void kept_free(struct kept_record *kept)
{
    buf_free(&kept->key);
    buf_free(&kept->bytes);
    free(kept);
}

void metadata_kept_free(struct metadata_image *image)
{
    struct kept_record *kept = image->kept;
    HASH_CLEAR(hh, image->kept); /* leaves the entries, and the links between them */
    while (kept != NULL) {
        struct kept_record *next = kept->hh.next;
        kept_free(kept);
        kept = next;
    }
}

static struct buf key_begin(const struct message_type *type)
{
    struct buf key = BUF_INIT;
    wire_write_int16(&key, type->api_key);
    return key;
}

static void drop(struct metadata_image *image, const struct buf *key)
{
    struct kept_record *old = NULL;
    HASH_FIND(hh, image->kept, key->data, (unsigned)key->len, old);
    if (old == NULL)
        return;
    HASH_DEL(image->kept, old);
    kept_free(old);
}

/* Takes the key over. */
static int keep(struct metadata_image *image, const struct message_type *type,
                struct buf key, const void *message, struct err *err)
{
    if (!key.failed)
        drop(image, &key);
    struct kept_record *kept = calloc(1, sizeof(*kept));
    if (kept == NULL || key.failed) {
        free(kept);
        buf_free(&key);
        return err_nomem(err);
    }
    kept->type = type;
    kept->key = key;
    struct wire_writer w = WIRE_WRITER_INIT;
    int rc = type->encode(&w, 0, message, err);
    kept->bytes = w.out;
    if (rc == 0 && w.out.failed)
        rc = err_nomem(err);
    if (rc != 0) {
        kept_free(kept);
        return rc;
    }
    HASH_ADD_KEYPTR(hh, image->kept, kept->key.data, (unsigned)kept->key.len, kept);
    if (hash_added(kept))
        return 0;
    kept_free(kept);
    return err_nomem(err);
}

/* Takes the key over. */
static int forget(struct metadata_image *image, struct buf key, struct err *err)
{
    int rc = key.failed ? err_nomem(err) : 0;
    if (rc == 0)
        drop(image, &key);
    buf_free(&key);
    return rc;
}

/* A quota's entity is a set of types, so they go into the key in order. */
static void key_add_entity(struct buf *key, const struct client_quota_record *record)
{
    const struct client_quota_record_entity_data *last = NULL;
    for (int32_t written = 0; written < record->entity_count; written++) {
        const struct client_quota_record_entity_data *next = NULL;
        for (int32_t i = 0; i < record->entity_count; i++) {
            const struct client_quota_record_entity_data *e = &record->entity[i];
            if (last != NULL && str_compare(e->entity_type, last->entity_type) <= 0)
                continue;
            if (next == NULL || str_compare(e->entity_type, next->entity_type) < 0)
                next = e;
        }
        if (next == NULL)
            return; /* a type that stands there twice */
        wire_write_string(key, next->entity_type, true);
        wire_write_string(key, next->entity_name, true);
        last = next;
    }
}

int metadata_apply_quota(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct client_quota_record *record = message;
    struct buf key = key_begin(&client_quota_record_type);
    wire_write_string(&key, record->key, true);
    key_add_entity(&key, record);
    if (record->remove)
        return forget(image, key, err);
    return keep(image, &client_quota_record_type, key, message, err);
}

static struct buf scram_key(struct str name, int8_t mechanism)
{
    struct buf key = key_begin(&user_scram_credential_record_type);
    wire_write_int8(&key, mechanism);
    wire_write_string(&key, name, true);
    return key;
}

int metadata_apply_scram(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct user_scram_credential_record *record = message;
    return keep(image, &user_scram_credential_record_type,
                scram_key(record->name, record->mechanism), message, err);
}

int metadata_apply_remove_scram(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct remove_user_scram_credential_record *record = message;
    return forget(image, scram_key(record->name, record->mechanism), err);
}

static struct buf acl_key(struct uuid id)
{
    struct buf key = key_begin(&access_control_entry_record_type);
    wire_write_uuid(&key, id);
    return key;
}

int metadata_apply_acl(struct metadata_image *image, const void *message,
                       struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct access_control_entry_record *record = message;
    return keep(image, &access_control_entry_record_type, acl_key(record->id), message,
                err);
}

int metadata_apply_remove_acl(struct metadata_image *image, const void *message,
                              struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct remove_access_control_entry_record *record = message;
    return forget(image, acl_key(record->id), err);
}

static struct buf token_key(struct str id)
{
    struct buf key = key_begin(&delegation_token_record_type);
    wire_write_string(&key, id, true);
    return key;
}

int metadata_apply_token(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct delegation_token_record *record = message;
    return keep(image, &delegation_token_record_type, token_key(record->token_id),
                message, err);
}

int metadata_apply_remove_token(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct remove_delegation_token_record *record = message;
    return forget(image, token_key(record->token_id), err);
}

static int emit_kept(const struct kept_record *kept, metadata_emit emit, void *context,
                     struct err *err)
{
    struct arena arena = ARENA_INIT;
    void *message = arena_alloc(&arena, kept->type->size);
    struct bytes bytes = {kept->bytes.data, (int32_t)kept->bytes.len};
    int rc = message == NULL
                 ? err_nomem(err)
                 : message_decode(kept->type, 0, bytes, &arena, message, err);
    if (rc == 0) {
        struct metadata_record record = {kept->type, 0, message};
        rc = emit(context, &record, err);
    }
    arena_reset(&arena);
    return rc;
}

int metadata_kept_write(const struct metadata_image *image,
                        const struct message_type *type, metadata_emit emit,
                        void *context, struct err *err)
{
    int rc = 0;
    const struct kept_record *kept = image->kept;
    for (; kept != NULL && rc == 0; kept = kept->hh.next)
        if (kept->type == type)
            rc = emit_kept(kept, emit, context, err);
    return rc;
}

int32_t metadata_kept_count(const struct metadata_image *image,
                            const struct message_type *type)
{
    int32_t count = 0;
    const struct kept_record *kept = image->kept;
    for (; kept != NULL; kept = kept->hh.next)
        count += kept->type == type;
    return count;
}
