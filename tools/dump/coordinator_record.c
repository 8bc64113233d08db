#include "tools/dump/coordinator_record.h"

#include "protocol/messages.h"
#include "tools/dump/group_metadata_json.h"

#define VERSION_SIZE 2

struct record_kind {
    int16_t type;
    const struct message_type *key;
    const struct message_type *value;
};

#define KIND(number, name)                           \
    {                                                \
        number, &name##_key_type, &name##_value_type \
    }

static const struct record_kind group_kinds[] = {
    KIND(0, legacy_offset_commit),
    KIND(1, offset_commit),
    KIND(2, group_metadata),
    KIND(3, consumer_group_metadata),
    KIND(4, consumer_group_partition_metadata),
    KIND(5, consumer_group_member_metadata),
    KIND(6, consumer_group_target_assignment_metadata),
    KIND(7, consumer_group_target_assignment_member),
    KIND(8, consumer_group_current_member_assignment),
    KIND(10, share_group_member_metadata),
    KIND(11, share_group_metadata),
    KIND(12, share_group_target_assignment_metadata),
    KIND(13, share_group_target_assignment_member),
    KIND(14, share_group_current_member_assignment),
    KIND(15, share_group_state_partition_metadata),
    KIND(16, consumer_group_regular_expression),
    KIND(17, streams_group_metadata),
    KIND(19, streams_group_member_metadata),
    KIND(20, streams_group_target_assignment_metadata),
    KIND(21, streams_group_target_assignment_member),
    KIND(22, streams_group_current_member_assignment),
    KIND(23, streams_group_topology),
    {-1, NULL, NULL},
};

static const struct record_kind transaction_kinds[] = {
    KIND(0, transaction_log),
    {-1, NULL, NULL},
};

static const struct record_kind share_kinds[] = {
    KIND(0, share_snapshot),
    KIND(1, share_update),
    {-1, NULL, NULL},
};

static const struct record_kind *find_kind(enum record_decoder decoder, int16_t type)
{
    const struct record_kind *kind = decoder == DECODE_OFFSETS ? group_kinds
                                     : decoder == DECODE_TRANSACTIONS
                                         ? transaction_kinds
                                         : share_kinds;
    for (; kind->key != NULL; kind++)
        if (kind->type == type)
            return kind;
    return NULL;
}

/* The int16 before a message, and the message. */
static int split(struct bytes in, const char *what, int16_t *number,
                 struct bytes *message, struct err *err)
{
    if (in.len < VERSION_SIZE)
        return err_set(err, ERR_CORRUPT, "the %s has no version", what);
    *number = (int16_t)load_be16(in.data);
    *message = (struct bytes){in.data + VERSION_SIZE, in.len - VERSION_SIZE};
    return 0;
}

static int append_message(struct buf *out, const struct message_type *type,
                          int16_t version, struct bytes in, struct err *err)
{
    struct arena arena = ARENA_INIT;
    void *message = arena_alloc(&arena, type->size);
    int rc = message == NULL ? err_nomem(err)
                             : message_decode(type, version, in, &arena, message, err);
    if (rc == 0 && type == &group_metadata_value_type)
        group_metadata_json(out, version, message);
    else if (rc == 0)
        type->to_json(out, version, message);
    arena_reset(&arena);
    return rc;
}

static int append_value(struct buf *out, const struct record_kind *kind,
                        struct bytes value, struct err *err)
{
    int16_t version = 0;
    struct bytes body = BYTES_NULL;
    int rc = split(value, "value", &version, &body, err);
    if (rc != 0)
        return rc;
    if (version < kind->value->min_version || version > kind->value->max_version)
        return err_set(err, ERR_UNSUPPORTED_VERSION, "%s has no version %d",
                       kind->value->name, version);
    buf_printf(out, "{\"version\":\"%d\",\"data\":", version);
    rc = append_message(out, kind->value, version, body, err);
    buf_printf(out, "}");
    return rc;
}

static int decode(enum record_decoder decoder, const struct record *record,
                  struct decoded_record *out, struct err *err)
{
    int16_t type = 0;
    struct bytes body = BYTES_NULL;
    int rc = split(record->key, "key", &type, &body, err);
    if (rc != 0)
        return rc;
    const struct record_kind *kind = find_kind(decoder, type);
    if (kind == NULL) {
        /* Of a later Kafka: no fault. */
        buf_printf(&out->key, "Unknown record type %d at offset %lld, skipping.", type,
                   (long long)record->offset);
        return 0;
    }
    buf_printf(&out->key, "{\"type\":\"%d\",\"data\":", type);
    rc = append_message(&out->key, kind->key, kind->key->min_version, body, err);
    buf_printf(&out->key, "}");
    if (rc != 0)
        return rc;
    out->has_value = true;
    if (record->value.data == NULL) {
        buf_printf(&out->value, "<DELETE>");
        return 0;
    }
    return append_value(&out->value, kind, record->value, err);
}

void coordinator_record_decode(enum record_decoder decoder, const struct record *record,
                               struct decoded_record *out)
{
    struct err err;
    out->has_key = true;
    if (decode(decoder, record, out, &err) == 0)
        return;
    out->faulty = true;
    out->has_value = false;
    out->key.len = 0;
    buf_printf(&out->key, "Error at offset %lld, skipping. %s",
               (long long)record->offset, err.message);
}
