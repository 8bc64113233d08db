#include "tools/dump/record_decoder.h"

#include <ctype.h>

#include "storage/metadata_record.h"
#include "tools/dump/coordinator_record.h"
#include "tools/utf8.h"

static void decode_text(const struct record *record, struct decoded_record *out)
{
    out->has_key = record->key.data != NULL;
    out->has_value = record->value.data != NULL;
    utf8_append(&out->key, record->key);
    utf8_append(&out->value, record->value);
}

/* "TopicRecord" is shown as TOPIC_RECORD, as Kafka's MetadataRecordType spells it. */
static void append_type_name(struct buf *out, const char *name)
{
    for (const char *at = name; *at != '\0'; at++)
        buf_printf(out, "%s%c", at > name && isupper((unsigned char)*at) ? "_" : "",
                   toupper((unsigned char)*at));
}

static void decode_metadata(const struct record *record, struct decoded_record *out)
{
    struct arena arena = ARENA_INIT;
    struct metadata_record decoded;
    struct err err;
    out->has_value = true;
    if (metadata_record_decode(record->value, &arena, &decoded, &err) == 0) {
        buf_printf(&out->value, "{\"type\":\"");
        append_type_name(&out->value, decoded.type->name);
        buf_printf(&out->value, "\",\"version\":%d,\"data\":", decoded.version);
        decoded.type->to_json(&out->value, decoded.version, decoded.message);
        buf_printf(&out->value, "}");
    } else {
        out->faulty = true;
        buf_printf(&out->value, "Error at %lld, skipping. %s",
                   (long long)record->offset, err.message);
    }
    arena_reset(&arena);
}

void record_decode(enum record_decoder decoder, const struct record *record,
                   struct decoded_record *out)
{
    out->has_key = out->has_value = out->faulty = false;
    out->key.len = out->value.len = 0;
    switch (decoder) {
    case DECODE_TEXT:
        decode_text(record, out);
        break;
    case DECODE_CLUSTER_METADATA:
        decode_metadata(record, out);
        break;
    case DECODE_OFFSETS:
    case DECODE_TRANSACTIONS:
    case DECODE_SHARE_STATE:
        coordinator_record_decode(decoder, record, out);
    }
}

void decoded_record_free(struct decoded_record *d)
{
    buf_free(&d->key);
    buf_free(&d->value);
}
