/* Encoding: structs to bytes.
 *
 * What a version cannot say is an error and not silently dropped, unless the
 * schema calls the field ignorable. An encoder that met an error goes on to its
 * end, as a failed reader does: what it writes then does not matter. */
#include "protocol/codec.h"

struct encoder {
    const struct message_type *type;
    struct wire_writer *w;
    struct err *err;
    int version;
    bool flexible;
    int rc; /* the first error */
};

static void write_struct(struct encoder *e, uint16_t index, const void *at);

static void refuse(struct encoder *e, int code, const struct codec_field *f,
                   const char *why)
{
    if (e->rc != 0)
        return;
    e->rc = err_set(e->err, code, "%s version %d cannot be written: %s %s",
                    e->type->name, e->version, codec_names + f->name, why);
}

static void check_null(struct encoder *e, const struct codec_field *f, bool null)
{
    if (null && !codec_in(f->nullable, e->version))
        refuse(e, ERR_INVALID, f, "may not be null");
}

static void write_string(struct encoder *e, const struct codec_field *f, bool compact,
                         struct str v)
{
    if (v.len > INT16_MAX)
        refuse(e, ERR_INVALID, f, "is longer than 32767 bytes");
    else
        wire_write_string(&e->w->out, v, compact);
}

static void write_records(struct encoder *e, const struct codec_field *f, bool compact,
                          struct records v)
{
    check_null(e, f, v.data == NULL && v.source == NULL);
    if (v.data == NULL && v.source != NULL) {
        wire_write_length32(&e->w->out, v.len, compact);
        wire_add_gap(e->w, v.source, (size_t)v.len);
        return;
    }
    wire_write_bytes(&e->w->out, (struct bytes){v.data, v.len}, compact);
}

/* One value: a field that is no array, or an array's element. */
static void write_value(struct encoder *e, const struct codec_field *f, bool compact,
                        const void *at)
{
    struct buf *out = &e->w->out;
    switch ((enum codec_kind)f->kind) {
    case CODEC_BOOL:
        wire_write_int8(out, *(const bool *)at ? 1 : 0);
        break;
    case CODEC_INT8:
        wire_write_int8(out, *(const int8_t *)at);
        break;
    case CODEC_INT16:
    case CODEC_UINT16:
        wire_write_int16(out, *(const int16_t *)at);
        break;
    case CODEC_INT32:
    case CODEC_UINT32:
        wire_write_int32(out, *(const int32_t *)at);
        break;
    case CODEC_INT64:
        wire_write_int64(out, *(const int64_t *)at);
        break;
    case CODEC_FLOAT64:
        wire_write_float64(out, *(const double *)at);
        break;
    case CODEC_UUID:
        wire_write_uuid(out, *(const struct uuid *)at);
        break;
    case CODEC_STRING:
        write_string(e, f, compact, *(const struct str *)at);
        break;
    case CODEC_BYTES:
        wire_write_bytes(out, *(const struct bytes *)at, compact);
        break;
    case CODEC_RECORDS:
        write_records(e, f, compact, *(const struct records *)at);
        break;
    case CODEC_STRUCT:
        write_struct(e, f->inner, at);
        break;
    }
}

/* Elements are never null (Kafka: generateVariableLengthWriter). */
static bool item_is_null(const struct codec_field *f, const void *item)
{
    return (f->kind == CODEC_STRING && ((const struct str *)item)->data == NULL) ||
           (f->kind == CODEC_BYTES && ((const struct bytes *)item)->data == NULL);
}

static void write_array(struct encoder *e, const struct codec_field *f, bool compact,
                        struct codec_array a)
{
    check_null(e, f, a.count < 0);
    wire_write_length32(&e->w->out, a.count < 0 ? -1 : a.count, compact);
    size_t size = codec_item_size(f);
    for (int32_t i = 0; i < a.count; i++) {
        const void *item = (char *)a.items + (size_t)i * size;
        if (item_is_null(f, item))
            refuse(e, ERR_INVALID, f, "has an element that is null");
        write_value(e, f, compact, item);
    }
}

static void write_pointer(struct encoder *e, const struct codec_field *f,
                          const void *inner)
{
    check_null(e, f, inner == NULL);
    if (codec_in(f->nullable, e->version))
        wire_write_int8(&e->w->out, inner != NULL ? 1 : f->tag < 0 ? -1 : 0);
    if (inner != NULL)
        write_struct(e, f->inner, inner);
}

static void write_field(struct encoder *e, const struct codec_field *f,
                        const void *member)
{
    bool compact = codec_is_compact(f, e->flexible);
    if (f->flags & CODEC_ARRAY) {
        write_array(e, f, compact, codec_array_at(member));
    } else if (f->flags & CODEC_POINTER) {
        write_pointer(e, f, codec_pointer_at(member));
    } else {
        check_null(e, f, item_is_null(f, member));
        write_value(e, f, compact, member);
    }
}

static void check_absent(struct encoder *e, const struct codec_field *f,
                         const void *member)
{
    if (!(f->flags & CODEC_IGNORABLE) && !codec_is_default(f, member))
        refuse(e, ERR_UNSUPPORTED_VERSION, f, "is set, but this version lacks it");
}

static void write_tagged_fields(struct encoder *e, const struct codec_struct *s,
                                const void *at)
{
    struct buf *out = &e->w->out;
    const struct codec_field *first = &codec_fields[s->first + s->plain];
    uint32_t count = 0;
    for (int i = 0; i < s->tagged; i++)
        count += codec_tagged_is_written(&first[i], e->version,
                                         (const char *)at + first[i].offset);
    wire_write_uvarint(out, count);
    for (int i = 0; i < s->tagged; i++) {
        const struct codec_field *f = &first[i];
        const void *member = (const char *)at + f->offset;
        if (!codec_tagged_is_written(f, e->version, member))
            continue;
        wire_write_uvarint(out, (uint32_t)f->tag);
        wire_write_uvarint(
            out, (uint32_t)codec_field_size(f, member, e->version, e->flexible));
        write_field(e, f, member);
    }
}

static void write_struct(struct encoder *e, uint16_t index, const void *at)
{
    const struct codec_struct *s = &codec_structs[index];
    const struct codec_field *first = &codec_fields[s->first];
    for (int i = 0; i < s->plain + s->tagged; i++) {
        const struct codec_field *f = &first[i];
        const void *member = (const char *)at + f->offset;
        if (!codec_in(f->present, e->version))
            check_absent(e, f, member);
        else if (i < s->plain)
            write_field(e, f, member);
    }
    if (e->flexible)
        write_tagged_fields(e, s, at);
}

int codec_encode(const struct message_type *type, uint16_t root, struct wire_writer *w,
                 int16_t version, const void *message, struct err *err)
{
    if (!codec_version_known(type, version))
        return err_set(err, ERR_UNSUPPORTED_VERSION, "%s has no version %d", type->name,
                       version);
    struct encoder e = {.type = type,
                        .w = w,
                        .err = err,
                        .version = version,
                        .flexible = version >= type->first_flexible};
    write_struct(&e, root, message);
    return e.rc;
}
