/* protocol/compression_internal.h
 *
 * What the codecs share: an output that grows with use, and never past the
 * bound that the caller set. Private to protocol/compression*.c. */
#ifndef GREGOR_PROTOCOL_COMPRESSION_INTERNAL_H
#define GREGOR_PROTOCOL_COMPRESSION_INTERNAL_H

#include "protocol/compression.h"

struct expansion {
    struct buf *out;
    size_t start; /* out->len before the first byte */
    size_t limit;
};

/* Makes room behind out->len: `need` bytes and one at least, if the bound
 * allows; usually more. *room is how many there are. The bound leaves room for
 * one byte more than the limit: a codec that fills it has shown that there is
 * too much. */
int expansion_room(struct expansion *x, size_t need, size_t *room, struct err *err);

/* `len` bytes of the room were filled. */
int expansion_filled(struct expansion *x, size_t len, struct err *err);

/* Refuses a size that the input claims for itself. */
int expansion_claim(const struct expansion *x, uint64_t size, struct err *err);

/* One pair a codec; the dispatch undoes what they leave behind on failure. */
int gzip_expand(struct bytes in, struct expansion *x, struct err *err);
int gzip_shrink(int level, struct bytes in, struct buf *out, struct err *err);
int snappy_expand(struct bytes in, struct expansion *x, struct err *err);
int snappy_shrink(struct bytes in, struct buf *out, struct err *err);
int lz4_expand(struct bytes in, bool any_checksum, struct expansion *x,
               struct err *err);
int lz4_shrink(int level, struct bytes in, struct buf *out, struct err *err);
/* Turns the header checksum of a frame of lz4_shrink() into that of magic 0. */
void lz4_break_checksum(uint8_t *frame);
int zstd_expand(struct bytes in, struct expansion *x, struct err *err);
int zstd_shrink(int level, struct bytes in, struct buf *out, struct err *err);

#endif
