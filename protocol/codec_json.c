/* Printing a message as JSON, as Kafka's JsonConverter does: 64-bit integers as
 * numbers, bytes in base64, ids in base64url, a tagged field only if it is set.
 * Records are printed as "", for Kafka never prints their bytes either.
 *
 * A tree is built and then written, by jansson. A node that could not be made
 * is NULL; adding NULL to a tree fails, which ends as `failed` of the output. */
#include "protocol/codec.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

struct printer {
    int version;
    bool failed;
};

static json_t *struct_node(struct printer *p, uint16_t index, const void *at);

/* Strings come from the wire unchecked. One that is not UTF-8 is shown with
 * everything but ASCII as '?'. */
static json_t *string_node(const char *text, int32_t len)
{
    json_t *node = json_stringn(text, (size_t)len);
    if (node != NULL)
        return node;
    char *ascii = malloc((size_t)len + 1);
    if (ascii == NULL)
        return NULL;
    for (int32_t i = 0; i < len; i++)
        ascii[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    node = json_stringn(ascii, (size_t)len);
    free(ascii);
    return node;
}

static json_t *base64_node(const uint8_t *data, int32_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = ((size_t)len + 2) / 3 * 4;
    char *text = malloc(size + 1);
    if (text == NULL)
        return NULL;
    char *to = text;
    for (int32_t i = 0; i < len; i += 3) {
        int32_t left = len - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= left > 2 ? data[i + 2] : 0;
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[bits & 63] : '=';
    }
    json_t *node = json_stringn(text, size);
    free(text);
    return node;
}

/* JSON has no such numbers; Kafka's library quotes their Java names. */
static json_t *float_node(double v)
{
    if (isnan(v))
        return json_string("NaN");
    if (isinf(v))
        return json_string(v < 0 ? "-Infinity" : "Infinity");
    return json_real(v);
}

static json_t *uuid_node(struct uuid id)
{
    char text[UUID_TEXT_SIZE];
    return json_string(uuid_text(id, text));
}

static json_t *value_node(struct printer *p, const struct codec_field *f,
                          const void *at)
{
    switch ((enum codec_kind)f->kind) {
    case CODEC_BOOL:
        return json_boolean(*(const bool *)at);
    case CODEC_INT8:
        return json_integer(*(const int8_t *)at);
    case CODEC_INT16:
        return json_integer(*(const int16_t *)at);
    case CODEC_UINT16:
        return json_integer(*(const uint16_t *)at);
    case CODEC_INT32:
        return json_integer(*(const int32_t *)at);
    case CODEC_UINT32:
        return json_integer(*(const uint32_t *)at);
    case CODEC_INT64:
        return json_integer(*(const int64_t *)at);
    case CODEC_FLOAT64:
        return float_node(*(const double *)at);
    case CODEC_UUID:
        return uuid_node(*(const struct uuid *)at);
    case CODEC_STRING: {
        const struct str *v = at;
        return v->data == NULL ? json_null() : string_node(v->data, v->len);
    }
    case CODEC_BYTES: {
        const struct bytes *v = at;
        return v->data == NULL ? json_null() : base64_node(v->data, v->len);
    }
    case CODEC_RECORDS: {
        const struct records *v = at;
        bool null = v->data == NULL && v->source == NULL;
        return null ? json_null() : json_string("");
    }
    case CODEC_STRUCT:
        return struct_node(p, f->inner, at);
    }
    return NULL;
}

static json_t *array_node(struct printer *p, const struct codec_field *f,
                          struct codec_array a)
{
    if (a.count < 0)
        return json_null();
    json_t *node = json_array();
    size_t size = codec_item_size(f);
    for (int32_t i = 0; i < a.count && !p->failed; i++) {
        const void *item = (char *)a.items + (size_t)i * size;
        if (json_array_append_new(node, value_node(p, f, item)) != 0)
            p->failed = true;
    }
    return node;
}

static json_t *field_node(struct printer *p, const struct codec_field *f,
                          const void *member)
{
    if (f->flags & CODEC_ARRAY)
        return array_node(p, f, codec_array_at(member));
    if (!(f->flags & CODEC_POINTER))
        return value_node(p, f, member);
    const void *inner = codec_pointer_at(member);
    return inner == NULL ? json_null() : struct_node(p, f->inner, inner);
}

/* The field declared behind `last` (NULL: the first); NULL: there is none. The tables
 * have tagged fields last, but members lie in memory as they are declared. */
static const struct codec_field *next_declared(const struct codec_struct *s,
                                               const struct codec_field *last)
{
    const struct codec_field *next = NULL;
    const struct codec_field *f = &codec_fields[s->first];
    for (const struct codec_field *end = f + s->plain + s->tagged; f < end; f++) {
        if ((last == NULL || f->offset > last->offset) &&
            (next == NULL || f->offset < next->offset))
            next = f;
    }
    return next;
}

static json_t *struct_node(struct printer *p, uint16_t index, const void *at)
{
    const struct codec_struct *s = &codec_structs[index];
    const struct codec_field *f = NULL;
    json_t *node = json_object();
    while (!p->failed && (f = next_declared(s, f)) != NULL) {
        const void *member = (const char *)at + f->offset;
        bool shown = f->tag < 0 ? codec_in(f->present, p->version)
                                : codec_tagged_is_written(f, p->version, member);
        if (shown && json_object_set_new_nocheck(node, codec_names + f->name,
                                                 field_node(p, f, member)) != 0)
            p->failed = true;
    }
    return node;
}

static int append(const char *text, size_t len, void *out)
{
    buf_append(out, text, len);
    return 0;
}

void codec_to_json(uint16_t root, struct buf *out, int16_t version, const void *message)
{
    struct printer p = {.version = version};
    json_t *node = struct_node(&p, root, message);
    if (node == NULL || p.failed ||
        json_dump_callback(node, append, out, JSON_COMPACT) != 0)
        out->failed = true;
    json_decref(node);
}
