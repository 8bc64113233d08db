#include "protocol/codec.h"

size_t codec_item_size(const struct codec_field *f)
{
    switch ((enum codec_kind)f->kind) {
    case CODEC_BOOL:
    case CODEC_INT8:
        return 1;
    case CODEC_INT16:
    case CODEC_UINT16:
        return 2;
    case CODEC_INT32:
    case CODEC_UINT32:
        return 4;
    case CODEC_INT64:
    case CODEC_FLOAT64:
        return 8;
    case CODEC_UUID:
        return sizeof(struct uuid);
    case CODEC_STRING:
        return sizeof(struct str);
    case CODEC_BYTES:
        return sizeof(struct bytes);
    case CODEC_RECORDS:
        return sizeof(struct records);
    case CODEC_STRUCT:
        return codec_structs[f->inner].size;
    }
    return 0;
}

/* The lowest bytes of the number are the value: this machine is little-endian,
 * as protocol/base/buf.h takes for granted too. */
static void init_number(const struct codec_field *f, void *member)
{
    memcpy(member, &f->number, codec_item_size(f));
}

void codec_init_field(const struct codec_field *f, void *member)
{
    bool null = f->flags & CODEC_NULL_DEFAULT;
    if (f->flags & CODEC_ARRAY) {
        codec_array_put(member, NULL, null ? -1 : 0);
        return;
    }
    switch ((enum codec_kind)f->kind) {
    case CODEC_STRING:
        *(struct str *)member = null ? STR_NULL : STR_LITERAL("");
        break;
    case CODEC_BYTES:
        *(struct bytes *)member = null ? BYTES_NULL : BYTES_EMPTY;
        break;
    case CODEC_RECORDS:
        *(struct records *)member = RECORDS_NULL;
        break;
    case CODEC_UUID:
        *(struct uuid *)member = UUID_ZERO;
        break;
    case CODEC_STRUCT:
        if (f->flags & CODEC_POINTER)
            memset(member, 0, sizeof(void *));
        else
            codec_init(f->inner, member);
        break;
    default:
        init_number(f, member);
    }
}

void codec_init(uint16_t root, void *message)
{
    const struct codec_struct *s = &codec_structs[root];
    const struct codec_field *f = &codec_fields[s->first];
    for (int i = 0; i < s->plain + s->tagged; i++)
        codec_init_field(&f[i], (char *)message + f[i].offset);
}

static bool struct_is_default(uint16_t root, const void *message)
{
    const struct codec_struct *s = &codec_structs[root];
    const struct codec_field *f = &codec_fields[s->first];
    for (int i = 0; i < s->plain + s->tagged; i++) {
        if (!codec_is_default(&f[i], (const char *)message + f[i].offset))
            return false;
    }
    return true;
}

static bool struct_field_is_default(const struct codec_field *f, const void *member)
{
    if (!(f->flags & CODEC_POINTER))
        return struct_is_default(f->inner, member);
    const void *inner = codec_pointer_at(member);
    if (f->flags & CODEC_NULL_DEFAULT)
        return inner == NULL;
    return inner != NULL && struct_is_default(f->inner, inner);
}

bool codec_is_default(const struct codec_field *f, const void *member)
{
    bool null = f->flags & CODEC_NULL_DEFAULT;
    if (f->flags & CODEC_ARRAY)
        return codec_array_at(member).count == (null ? -1 : 0);
    switch ((enum codec_kind)f->kind) {
    case CODEC_STRING: {
        const struct str *v = member;
        return null ? v->data == NULL : v->data != NULL && v->len == 0;
    }
    case CODEC_BYTES: {
        const struct bytes *v = member;
        return null ? v->data == NULL : v->data != NULL && v->len == 0;
    }
    case CODEC_RECORDS: {
        const struct records *v = member;
        return v->data == NULL && v->source == NULL;
    }
    case CODEC_UUID:
        return uuid_is_zero(*(const struct uuid *)member);
    case CODEC_STRUCT:
        return struct_field_is_default(f, member);
    default:
        return memcmp(member, &f->number, codec_item_size(f)) == 0;
    }
}
