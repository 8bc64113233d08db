/* protocol/wire.h
 *
 * The primitive types of Kafka's wire protocol, read from and written to
 * memory; the generated codecs (protocol/message.h) are made of these calls.
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
    return (struct wire_reader){.at = at, .end = at + len, .arena = arena};
}

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

struct wire_writer {
    struct buf out;
    struct wire_gap *gaps; /* owned; in ascending order of `at` */
    size_t gap_count;
    size_t gap_cap;
};

#define WIRE_WRITER_INIT ((struct wire_writer){0})

/* Frees the bytes and the list of gaps, not the gaps' sources. */
void wire_writer_free(struct wire_writer *w);

#endif
