/* protocol/compression.h
 *
 * The four codecs of record batches, as streams of whole buffers: what Kafka's
 * own clients write is read, and what is written here they read. gzip is
 * zlib's, snappy the Xerial framing (bare blocks are read too), lz4 the frame
 * format with independent blocks of 64 KiB, zstd the frame format.
 *
 * Pool job (may take milliseconds); keeps no state between calls. */
#ifndef GREGOR_PROTOCOL_COMPRESSION_H
#define GREGOR_PROTOCOL_COMPRESSION_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/view.h"

enum compression {
    COMPRESSION_NONE = 0,
    COMPRESSION_GZIP = 1,
    COMPRESSION_SNAPPY = 2,
    COMPRESSION_LZ4 = 3,
    COMPRESSION_ZSTD = 4,
};

/* The codec's own default: gzip -1, lz4 9, zstd 3 (Kafka: CompressionType). */
#define COMPRESSION_LEVEL_DEFAULT INT32_MIN

/* "none", "gzip", …; NULL for a value that is none of them. */
const char *compression_name(int codec);

/* Appends what `in` expands to. More than `limit` bytes are ERR_MALFORMED,
 * found before they are allocated; so is anything that is not of the codec.
 * After a failure *out holds what it held before; after success out->data is not
 * NULL, even if there was nothing. limit above INT32_MAX counts
 * as INT32_MAX, which is the most that a view can hold. */
int compression_expand(enum compression codec, struct bytes in, size_t limit,
                       struct buf *out, struct err *err);

/* Appends `in`, compressed. `level` is Kafka's compression.<codec>.level, or
 * COMPRESSION_LEVEL_DEFAULT; ignored by snappy. A level that the codec does not
 * have is ERR_INVALID for gzip, and the nearest that it has for the others.
 * After a failure *out holds what it held before. */
int compression_shrink(enum compression codec, int level, struct bytes in,
                       struct buf *out, struct err *err);

/* The same two for messages of magic 0. Kafka's clients made the checksum in the
 * header of an LZ4 frame of the wrong bytes as long as they wrote those, and expect
 * it so (KAFKA-3160): expanding takes any, shrinking makes the wrong one. */
int compression_expand_magic_0(enum compression codec, struct bytes in, size_t limit,
                               struct buf *out, struct err *err);
int compression_shrink_magic_0(enum compression codec, int level, struct bytes in,
                               struct buf *out, struct err *err);

#endif
