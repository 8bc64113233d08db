#include "protocol/wire.h"

#include <stdlib.h>

#define UVARINT_LONGEST 5
#define VARLONG_LONGEST 10

void wire_fail(struct wire_reader *r, const char *why)
{
    if (!r->failed)
        r->why = why;
    r->failed = true;
    r->at = r->end;
}

double wire_read_float64(struct wire_reader *r)
{
    int64_t bits = wire_read_int64(r);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

struct uuid wire_read_uuid(struct wire_reader *r)
{
    struct uuid v = UUID_ZERO;
    const uint8_t *at = wire_take(r, sizeof(v.bytes));
    if (at != NULL)
        memcpy(v.bytes, at, sizeof(v.bytes));
    return v;
}

static uint64_t read_base128(struct wire_reader *r, int longest)
{
    uint64_t v = 0;
    for (int i = 0; i < longest; i++) {
        const uint8_t *at = wire_take(r, 1);
        if (at == NULL)
            return 0;
        v |= (uint64_t)(*at & 0x7f) << (7 * i);
        if (*at < 0x80)
            return v;
    }
    wire_fail(r, "a variable-length integer is too long");
    return 0;
}

uint32_t wire_read_uvarint(struct wire_reader *r)
{
    return (uint32_t)read_base128(r, UVARINT_LONGEST);
}

int32_t wire_read_varint(struct wire_reader *r)
{
    uint32_t v = wire_read_uvarint(r);
    return (int32_t)(v >> 1 ^ -(v & 1));
}

int64_t wire_read_varlong(struct wire_reader *r)
{
    uint64_t v = read_base128(r, VARLONG_LONGEST);
    return (int64_t)(v >> 1 ^ -(v & 1));
}

/* Kafka lets a value past INT32_MAX wrap, so that some of them mean null. Nobody
 * writes these, and they are refused here. */
static int32_t read_compact_length(struct wire_reader *r)
{
    uint32_t v = wire_read_uvarint(r);
    if (v > INT32_MAX) {
        wire_fail(r, "a length is out of range");
        return 0;
    }
    return r->failed ? 0 : (int32_t)v - 1;
}

int32_t wire_read_length16(struct wire_reader *r, bool compact)
{
    int32_t len = compact ? read_compact_length(r) : wire_read_int16(r);
    return len < 0 ? -1 : len;
}

int32_t wire_read_length32(struct wire_reader *r, bool compact)
{
    int32_t len = compact ? read_compact_length(r) : wire_read_int32(r);
    return len < 0 ? -1 : len;
}

struct str wire_read_string(struct wire_reader *r, bool compact)
{
    int32_t len = wire_read_length16(r, compact);
    if (len < 0)
        return STR_NULL;
    if (len > INT16_MAX)
        wire_fail(r, "a string is too long");
    const uint8_t *at = wire_take(r, (size_t)len);
    return at == NULL ? STR_NULL : (struct str){(const char *)at, len};
}

struct bytes wire_read_bytes(struct wire_reader *r, bool compact)
{
    int32_t len = wire_read_length32(r, compact);
    if (len < 0)
        return BYTES_NULL;
    const uint8_t *at = wire_take(r, (size_t)len);
    return at == NULL ? BYTES_NULL : (struct bytes){at, len};
}

/* The count needs no check of its own: each turn reads two bytes or fails. */
void wire_skip_tagged_fields(struct wire_reader *r)
{
    uint32_t count = wire_read_uvarint(r);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        wire_read_uvarint(r);
        wire_take(r, wire_read_uvarint(r));
    }
}

void wire_writer_free(struct wire_writer *w)
{
    buf_free(&w->out);
    free(w->gaps);
    *w = WIRE_WRITER_INIT;
}

void wire_add_gap(struct wire_writer *w, void *source, size_t len)
{
    if (w->gap_count == w->gap_cap) {
        size_t cap = w->gap_cap == 0 ? 8 : w->gap_cap * 2;
        struct wire_gap *gaps = realloc(w->gaps, cap * sizeof(*gaps));
        if (gaps == NULL) {
            w->out.failed = true;
            return;
        }
        w->gaps = gaps;
        w->gap_cap = cap;
    }
    w->gaps[w->gap_count++] =
        (struct wire_gap){.at = w->out.len, .len = len, .source = source};
}

void wire_write_float64(struct buf *out, double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    wire_write_int64(out, bits);
}

void wire_write_uuid(struct buf *out, struct uuid v)
{
    buf_append(out, v.bytes, sizeof(v.bytes));
}

static void write_base128(struct buf *out, uint64_t v)
{
    uint8_t text[VARLONG_LONGEST];
    size_t n = 0;
    while (v >= 0x80) {
        text[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    text[n++] = (uint8_t)v;
    buf_append(out, text, n);
}

static uint32_t zigzag32(int32_t v)
{
    return (uint32_t)v << 1 ^ (v < 0 ? UINT32_MAX : 0);
}

static uint64_t zigzag64(int64_t v)
{
    return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

void wire_write_uvarint(struct buf *out, uint32_t v)
{
    write_base128(out, v);
}

void wire_write_varint(struct buf *out, int32_t v)
{
    write_base128(out, zigzag32(v));
}

void wire_write_varlong(struct buf *out, int64_t v)
{
    write_base128(out, zigzag64(v));
}

void wire_write_length16(struct buf *out, int32_t len, bool compact)
{
    if (compact)
        wire_write_uvarint(out, (uint32_t)len + 1);
    else
        wire_write_int16(out, (int16_t)len);
}

void wire_write_length32(struct buf *out, int32_t len, bool compact)
{
    if (compact)
        wire_write_uvarint(out, (uint32_t)len + 1);
    else
        wire_write_int32(out, len);
}

void wire_write_string(struct buf *out, struct str v, bool compact)
{
    wire_write_length16(out, v.data == NULL ? -1 : v.len, compact);
    if (v.data != NULL)
        buf_append(out, v.data, (size_t)v.len);
}

void wire_write_bytes(struct buf *out, struct bytes v, bool compact)
{
    wire_write_length32(out, v.data == NULL ? -1 : v.len, compact);
    if (v.data != NULL)
        buf_append(out, v.data, (size_t)v.len);
}

static size_t base128_size(uint64_t v)
{
    int bits = 64 - __builtin_clzll(v | 1);
    return (size_t)(bits + 6) / 7;
}

size_t wire_uvarint_size(uint32_t v)
{
    return base128_size(v);
}

size_t wire_varint_size(int32_t v)
{
    return base128_size(zigzag32(v));
}

size_t wire_varlong_size(int64_t v)
{
    return base128_size(zigzag64(v));
}
