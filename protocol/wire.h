/* protocol/wire.h
 *
 * The primitive types of Kafka's wire protocol, read from and written to
 * memory; the codec (protocol/message.h) is made of these calls, and so are
 * record batches and the frames of metadata records.
 *
 * A reader that meets bytes it cannot read turns `failed` and gives zeroes
 * from then on, so a decoder looks once at its end. Views point into the
 * bytes that were read. Any thread, one owner. */
#ifndef GREGOR_PROTOCOL_WIRE_H
#define GREGOR_PROTOCOL_WIRE_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/uuid.h"
#include "protocol/base/view.h"

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    struct arena *arena; /* where arrays of structs go */
    bool failed;
    const char *why; /* set with failed: a static sentence */
};

static inline struct wire_reader wire_reader_of(const void *data, size_t len,
                                                struct arena *arena)
{
    const uint8_t *at = data;
    return (struct wire_reader){
        .at = at, .end = len == 0 ? at : at + len, .arena = arena};
}

/* The number of bytes not yet read; 0 once the reader has failed. */
static inline size_t wire_left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Fails the reader, and leaves it nothing to read. The first reason stays. */
void wire_fail(struct wire_reader *r, const char *why);

/* Takes the next `len` bytes; NULL, and failed set, if they are not there. */
static inline const uint8_t *wire_take(struct wire_reader *r, size_t len)
{
    if (len > wire_left(r) || r->failed) {
        wire_fail(r, "the bytes end too early");
        return NULL;
    }
    const uint8_t *at = r->at;
    if (len > 0)
        r->at += len;
    return at;
}

static inline int8_t wire_read_int8(struct wire_reader *r)
{
    const uint8_t *at = wire_take(r, 1);
    return at == NULL ? 0 : (int8_t)*at;
}

static inline int16_t wire_read_int16(struct wire_reader *r)
{
    const uint8_t *at = wire_take(r, 2);
    return at == NULL ? 0 : (int16_t)load_be16(at);
}

static inline int32_t wire_read_int32(struct wire_reader *r)
{
    const uint8_t *at = wire_take(r, 4);
    return at == NULL ? 0 : (int32_t)load_be32(at);
}

static inline int64_t wire_read_int64(struct wire_reader *r)
{
    const uint8_t *at = wire_take(r, 8);
    return at == NULL ? 0 : (int64_t)load_be64(at);
}

double wire_read_float64(struct wire_reader *r);
struct uuid wire_read_uuid(struct wire_reader *r);

/* Variable-length integers (Kafka: ByteUtils): 7 bits a byte, lowest first;
 * the signed forms are zig-zag. More than 5 bytes, 10 for a varlong, are an
 * error; bits that the last byte has too many are dropped, as Kafka does. */
uint32_t wire_read_uvarint(struct wire_reader *r);
int32_t wire_read_varint(struct wire_reader *r);
int64_t wire_read_varlong(struct wire_reader *r);

/* The lengths before strings, bytes and arrays, -1 for null: int16 or int32,
 * or in the compact form an unsigned varint of length + 1. A length below -1
 * is read as null, as Kafka does. */
int32_t wire_read_length16(struct wire_reader *r, bool compact);
int32_t wire_read_length32(struct wire_reader *r, bool compact);

/* data is NULL for a null; whether null is allowed is the caller's business. */
struct str wire_read_string(struct wire_reader *r, bool compact);
struct bytes wire_read_bytes(struct wire_reader *r, bool compact);

/* Skips the tagged-field section of a struct of which no tag is known. */
void wire_skip_tagged_fields(struct wire_reader *r);

/* A stretch of the output that does not lie in memory: `len` bytes that the
 * sender puts in at `at` of the written bytes, straight from a file. */
struct wire_gap {
    size_t at;
    size_t len;
    void *source; /* the struct records' own, see below */
};

/* Record batches in a message. Decoded, and usually encoded: a view. A
 * response may leave data NULL and give `source` instead, with len > 0 or 0:
 * then the bytes become a gap. Null records: data and source both NULL. */
struct records {
    const uint8_t *data;
    int32_t len;
    void *source;
};

#define RECORDS_NULL ((struct records){NULL, 0, NULL})

struct wire_writer {
    struct buf out;
    struct wire_gap *gaps; /* owned; in ascending order of `at` */
    size_t gap_count;
    size_t gap_cap;
};

#define WIRE_WRITER_INIT ((struct wire_writer){0})

/* Frees the bytes and the list of gaps, not the gaps' sources. */
void wire_writer_free(struct wire_writer *w);

/* Notes that `len` bytes of `source` belong behind what is written so far. */
void wire_add_gap(struct wire_writer *w, void *source, size_t len);

/* These append to any buf, for instance a writer's `out`. */
static inline void wire_write_int8(struct buf *out, int8_t v)
{
    uint8_t *at = buf_extend(out, 1);
    if (at != NULL)
        *at = (uint8_t)v;
}

static inline void wire_write_int16(struct buf *out, int16_t v)
{
    uint8_t *at = buf_extend(out, 2);
    if (at != NULL)
        store_be16(at, (uint16_t)v);
}

static inline void wire_write_int32(struct buf *out, int32_t v)
{
    uint8_t *at = buf_extend(out, 4);
    if (at != NULL)
        store_be32(at, (uint32_t)v);
}

static inline void wire_write_int64(struct buf *out, int64_t v)
{
    uint8_t *at = buf_extend(out, 8);
    if (at != NULL)
        store_be64(at, (uint64_t)v);
}

void wire_write_float64(struct buf *out, double v);
void wire_write_uuid(struct buf *out, struct uuid v);
void wire_write_uvarint(struct buf *out, uint32_t v);
void wire_write_varint(struct buf *out, int32_t v);
void wire_write_varlong(struct buf *out, int64_t v);
void wire_write_length16(struct buf *out, int32_t len, bool compact);
void wire_write_length32(struct buf *out, int32_t len, bool compact);
void wire_write_string(struct buf *out, struct str v, bool compact);
void wire_write_bytes(struct buf *out, struct bytes v, bool compact);

/* The bytes that the calls above would write. */
size_t wire_uvarint_size(uint32_t v);
size_t wire_varint_size(int32_t v);
size_t wire_varlong_size(int64_t v);

/* Of a length, as written before a string (fixed 2) or bytes, array (fixed 4). */
static inline size_t wire_length_size(int32_t len, bool compact, size_t fixed)
{
    return compact ? wire_uvarint_size((uint32_t)len + 1) : fixed;
}

#endif
