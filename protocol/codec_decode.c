/* Decoding: bytes to structs.
 *
 * The bytes come from anywhere. What keeps them harmless:
 *
 * - Every read goes through the wire_reader, which never passes its end and,
 *   once failed, gives zeroes. So the loops below need no checks to be safe: a
 *   failed message is walked to its end, with every member set.
 * - An array is allocated only if its elements could still follow: count times
 *   the smallest size of one on the wire is at most what is left. Memory is thus
 *   a small multiple of the bytes, and the arena's limit bounds the whole.
 * - Recursion follows the schema's nesting, not the data's. */
#include "protocol/codec.h"

struct decoder {
    struct wire_reader *r;
    int version;
    bool flexible;
};

static void read_struct(struct decoder *d, uint16_t index, void *out);

static size_t smallest_size(const struct codec_field *f, bool compact)
{
    switch ((enum codec_kind)f->kind) {
    case CODEC_STRING:
        return compact ? 1 : 2;
    case CODEC_BYTES:
    case CODEC_RECORDS:
        return compact ? 1 : 4;
    case CODEC_STRUCT:
        return codec_structs[f->inner].smallest;
    default:
        return codec_item_size(f);
    }
}

static void refuse_null(struct decoder *d, bool nullable)
{
    if (!nullable)
        wire_fail(d->r, "a field that may not be null is null");
}

static void read_string(struct decoder *d, bool compact, bool nullable, void *out)
{
    struct str v = wire_read_string(d->r, compact);
    if (v.data == NULL)
        refuse_null(d, nullable);
    *(struct str *)out = v;
}

static struct bytes read_bytes(struct decoder *d, bool compact, bool nullable)
{
    struct bytes v = wire_read_bytes(d->r, compact);
    if (v.data == NULL)
        refuse_null(d, nullable);
    return v;
}

/* One value: a field that is no array, or an array's element. */
static void read_value(struct decoder *d, const struct codec_field *f, bool compact,
                       bool nullable, void *out)
{
    switch ((enum codec_kind)f->kind) {
    case CODEC_BOOL:
        *(bool *)out = wire_read_int8(d->r) != 0;
        break;
    case CODEC_INT8:
        *(int8_t *)out = wire_read_int8(d->r);
        break;
    case CODEC_INT16:
    case CODEC_UINT16:
        *(int16_t *)out = wire_read_int16(d->r);
        break;
    case CODEC_INT32:
    case CODEC_UINT32:
        *(int32_t *)out = wire_read_int32(d->r);
        break;
    case CODEC_INT64:
        *(int64_t *)out = wire_read_int64(d->r);
        break;
    case CODEC_FLOAT64:
        *(double *)out = wire_read_float64(d->r);
        break;
    case CODEC_UUID:
        *(struct uuid *)out = wire_read_uuid(d->r);
        break;
    case CODEC_STRING:
        read_string(d, compact, nullable, out);
        break;
    case CODEC_BYTES:
        *(struct bytes *)out = read_bytes(d, compact, nullable);
        break;
    case CODEC_RECORDS: {
        struct bytes v = read_bytes(d, compact, nullable);
        *(struct records *)out = (struct records){.data = v.data, .len = v.len};
        break;
    }
    case CODEC_STRUCT:
        read_struct(d, f->inner, out);
        break;
    }
}

static void *allocate(struct decoder *d, size_t count, size_t size)
{
    void *items = arena_array(d->r->arena, count, size);
    if (items == NULL)
        wire_fail(d->r, "it takes too much memory");
    return items;
}

static void read_array(struct decoder *d, const struct codec_field *f, bool compact,
                       bool nullable, void *member)
{
    int32_t count = wire_read_length32(d->r, compact);
    codec_array_put(member, NULL, count > 0 ? 0 : count);
    if (count < 0)
        refuse_null(d, nullable);
    if (count <= 0)
        return;
    if ((size_t)count > wire_left(d->r) / smallest_size(f, compact)) {
        wire_fail(d->r, "an array is longer than its bytes");
        return;
    }
    size_t size = codec_item_size(f);
    char *items = allocate(d, (size_t)count, size);
    if (items == NULL)
        return;
    for (int32_t i = 0; i < count && !d->r->failed; i++)
        read_value(d, f, compact, false, items + (size_t)i * size);
    /* Behind a failure lie zeroes: not what the schema would have, but safe. */
    codec_array_put(member, items, count);
}

/* What says that there is none is -1 before a plain field, 0 before a tagged one. */
static void read_pointer(struct decoder *d, const struct codec_field *f, bool nullable,
                         void *member)
{
    bool null = nullable && wire_read_int8(d->r) < (f->tag < 0 ? 0 : 1);
    void *inner =
        null || d->r->failed ? NULL : allocate(d, 1, codec_structs[f->inner].size);
    if (inner != NULL)
        read_struct(d, f->inner, inner);
    memcpy(member, &inner, sizeof(inner));
}

static void read_field(struct decoder *d, const struct codec_field *f, void *member)
{
    bool compact = codec_is_compact(f, d->flexible);
    bool nullable = codec_in(f->nullable, d->version);
    if (f->flags & CODEC_ARRAY)
        read_array(d, f, compact, nullable, member);
    else if (f->flags & CODEC_POINTER)
        read_pointer(d, f, nullable, member);
    else
        read_value(d, f, compact, nullable, member);
}

/* The field must fill its bytes: Kafka trusts that it does, and would go on
 * with whatever follows. */
static void read_tagged_field(struct decoder *d, const struct codec_field *f,
                              uint32_t size, void *member)
{
    struct wire_reader *outer = d->r;
    const uint8_t *at = wire_take(outer, size);
    struct wire_reader r = wire_reader_of(at, at == NULL ? 0 : size, outer->arena);
    d->r = &r;
    read_field(d, f, member);
    d->r = outer;
    if (!r.failed && wire_left(&r) > 0)
        wire_fail(&r, "a tagged field is shorter than its size");
    if (r.failed)
        wire_fail(outer, r.why);
}

static const struct codec_field *field_of_tag(const struct decoder *d,
                                              const struct codec_struct *s,
                                              uint32_t tag)
{
    const struct codec_field *f = &codec_fields[s->first + s->plain];
    for (int i = 0; i < s->tagged; i++) {
        if ((uint32_t)f[i].tag == tag)
            return codec_in(f[i].present, d->version) ? &f[i] : NULL;
    }
    return NULL;
}

static void read_tagged_fields(struct decoder *d, const struct codec_struct *s,
                               void *out)
{
    uint32_t count = wire_read_uvarint(d->r);
    for (uint32_t i = 0; i < count && !d->r->failed; i++) {
        uint32_t tag = wire_read_uvarint(d->r);
        uint32_t size = wire_read_uvarint(d->r);
        const struct codec_field *f = field_of_tag(d, s, tag);
        if (f == NULL)
            wire_take(d->r, size);
        else
            read_tagged_field(d, f, size, (char *)out + f->offset);
    }
}

/* A nullable struct that is not on the wire is not null, unless its default is. */
static void init_tagged_field(struct decoder *d, const struct codec_field *f,
                              void *member)
{
    codec_init_field(f, member);
    if (!(f->flags & CODEC_POINTER) || f->flags & CODEC_NULL_DEFAULT)
        return;
    void *inner = allocate(d, 1, codec_structs[f->inner].size);
    if (inner != NULL)
        codec_init(f->inner, inner);
    memcpy(member, &inner, sizeof(inner));
}

static void read_struct(struct decoder *d, uint16_t index, void *out)
{
    const struct codec_struct *s = &codec_structs[index];
    const struct codec_field *f = &codec_fields[s->first];
    for (const struct codec_field *end = f + s->plain; f < end; f++) {
        if (codec_in(f->present, d->version))
            read_field(d, f, (char *)out + f->offset);
        else
            codec_init_field(f, (char *)out + f->offset);
    }
    for (const struct codec_field *end = f + s->tagged; f < end; f++)
        init_tagged_field(d, f, (char *)out + f->offset);
    if (d->flexible)
        read_tagged_fields(d, s, out);
}

void codec_decode(const struct message_type *type, uint16_t root, struct wire_reader *r,
                  int16_t version, void *message)
{
    if (!codec_version_known(type, version)) {
        wire_fail(r, "there is no such version");
        codec_init(root, message);
        return;
    }
    struct decoder d = {
        .r = r, .version = version, .flexible = version >= type->first_flexible};
    read_struct(&d, root, message);
}
