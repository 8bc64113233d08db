/* How many bytes codec_encode.c will write. The two must agree byte for byte,
 * since a tagged field is preceded by its size: they have the same shape, and
 * the test of the golden vectors compares them. */
#include "protocol/codec.h"

struct sizer {
    int version;
    bool flexible;
};

static size_t struct_size(struct sizer z, uint16_t index, const void *at);

/* len is -1 for a null; `fixed` is the size of a length that is not compact. */
static size_t run_size(int32_t len, bool compact, size_t fixed)
{
    return wire_length_size(len, compact, fixed) + (size_t)(len < 0 ? 0 : len);
}

/* One value: a field that is no array, or an array's element. */
static size_t value_size(struct sizer z, const struct codec_field *f, bool compact,
                         const void *at)
{
    switch ((enum codec_kind)f->kind) {
    case CODEC_STRING: {
        const struct str *v = at;
        return run_size(v->data == NULL ? -1 : v->len, compact, 2);
    }
    case CODEC_BYTES: {
        const struct bytes *v = at;
        return run_size(v->data == NULL ? -1 : v->len, compact, 4);
    }
    case CODEC_RECORDS: {
        const struct records *v = at;
        bool null = v->data == NULL && v->source == NULL;
        return run_size(null ? -1 : v->len, compact, 4);
    }
    case CODEC_STRUCT:
        return struct_size(z, f->inner, at);
    default:
        return codec_item_size(f);
    }
}

static size_t array_size(struct sizer z, const struct codec_field *f, bool compact,
                         const void *member)
{
    struct codec_array a = codec_array_at(member);
    size_t item = codec_item_size(f);
    size_t size = wire_length_size(a.count, compact, 4);
    if (a.count > 0 && f->kind <= CODEC_UUID)
        return size + (size_t)a.count * item;
    for (int32_t i = 0; i < a.count; i++)
        size += value_size(z, f, compact, (char *)a.items + (size_t)i * item);
    return size;
}

static size_t field_size(struct sizer z, const struct codec_field *f,
                         const void *member)
{
    bool compact = codec_is_compact(f, z.flexible);
    if (f->flags & CODEC_ARRAY)
        return array_size(z, f, compact, member);
    if (!(f->flags & CODEC_POINTER))
        return value_size(z, f, compact, member);
    const void *inner = codec_pointer_at(member);
    return (codec_in(f->nullable, z.version) ? 1 : 0) +
           (inner == NULL ? 0 : struct_size(z, f->inner, inner));
}

static size_t tagged_fields_size(struct sizer z, const struct codec_struct *s,
                                 const void *at)
{
    size_t size = 0;
    uint32_t count = 0;
    const struct codec_field *f = &codec_fields[s->first + s->plain];
    for (const struct codec_field *end = f + s->tagged; f < end; f++) {
        const void *member = (const char *)at + f->offset;
        if (!codec_tagged_is_written(f, z.version, member))
            continue;
        size_t len = field_size(z, f, member);
        size += wire_uvarint_size((uint32_t)f->tag);
        size += wire_uvarint_size((uint32_t)len) + len;
        count++;
    }
    return size + wire_uvarint_size(count);
}

static size_t struct_size(struct sizer z, uint16_t index, const void *at)
{
    const struct codec_struct *s = &codec_structs[index];
    const struct codec_field *f = &codec_fields[s->first];
    size_t size = z.flexible ? tagged_fields_size(z, s, at) : 0;
    for (const struct codec_field *end = f + s->plain; f < end; f++) {
        if (codec_in(f->present, z.version))
            size += field_size(z, f, (const char *)at + f->offset);
    }
    return size;
}

size_t codec_field_size(const struct codec_field *f, const void *member, int version,
                        bool flexible)
{
    return field_size((struct sizer){version, flexible}, f, member);
}

size_t codec_encoded_size(const struct message_type *type, uint16_t root,
                          int16_t version, const void *message)
{
    struct sizer z = {.version = version, .flexible = version >= type->first_flexible};
    return struct_size(z, root, message);
}
