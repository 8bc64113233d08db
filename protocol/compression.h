/* protocol/compression.h
 *
 * The four codecs of record batches, as streams of whole buffers. gzip is
 * zlib's, snappy the Xerial framing (bare blocks are read too), lz4 the frame
 * format with independent blocks, zstd the frame format.
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

/* "none", "gzip", …; NULL for a value that is none of them. */
const char *compression_name(int codec);

/* Appends what `in` expands to. More than `limit` bytes are ERR_MALFORMED,
 * found before they are allocated; so is anything that is not of the codec. */
int compression_expand(enum compression codec, struct bytes in, size_t limit,
                       struct buf *out, struct err *err);

/* Appends `in`, compressed. `level` is Kafka's compression.<codec>.level; -1
 * is gzip's own default; ignored by snappy. */
int compression_shrink(enum compression codec, int level, struct bytes in,
                       struct buf *out, struct err *err);

#endif
