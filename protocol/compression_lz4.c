/* LZ4 frames as Kafka's Lz4BlockOutputStream writes them: independent blocks of
 * 64 KiB, no checksums, no content size. Reading is as wide as Kafka's own
 * reader and no wider: what it would refuse must not get into a log, or its
 * consumers stop there. It knows no linked blocks and no skippable frames, and
 * does not look behind the end mark of the first frame.
 *
 * The header of a frame has a checksum of its own, the second byte of xxHash32:
 *
 *     04 22 4D 18 | flags | block size | [content size] | checksum
 *     └ magic ──┘   └─ what it is made of ───────────┘
 *
 * In messages of magic 0 Kafka's clients made it of the magic, too. */
#include "protocol/compression_internal.h"

#include <lz4frame.h>
#include <lz4hc.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FRAME_FLAGS_AT 4

/* Kafka's default level stands for the fast compressor; every other one is
 * handed to the high compressor (lz4.h's HC), even those below 9. */
#define KAFKA_FAST_LEVEL 9

static int lz4_failed(size_t code, struct err *err)
{
    return err_set(err, ERR_MALFORMED, "lz4: %s", LZ4F_getErrorName(code));
}

static uint8_t checksum(const uint8_t *from, const uint8_t *end)
{
    return (uint8_t)(XXH32(from, (size_t)(end - from), 0) >> 8);
}

void lz4_break_checksum(uint8_t *frame)
{
    uint8_t *at = frame + LZ4F_HEADER_SIZE_MIN - 1; /* lz4_shrink() states no size */
    *at = checksum(frame, at);
}

/* A copy of the header with the right checksum in place of what is there. One that
 * is none, or cut short, is left for the library to refuse. */
static struct bytes mend_header(struct bytes in, uint8_t copy[LZ4F_HEADER_SIZE_MAX])
{
    if (in.len < LZ4F_HEADER_SIZE_MIN)
        return in;
    size_t len = LZ4F_headerSize(in.data, (size_t)in.len);
    if (LZ4F_isError(len) || len > (size_t)in.len)
        return in;
    memcpy(copy, in.data, len);
    copy[len - 1] = checksum(copy + FRAME_FLAGS_AT, copy + len - 1);
    return (struct bytes){copy, (int32_t)len};
}

static int read_frame_header(LZ4F_dctx *d, struct bytes in, bool any_checksum,
                             size_t *used, struct err *err)
{
    LZ4F_frameInfo_t info = LZ4F_INIT_FRAMEINFO;
    uint8_t mended[LZ4F_HEADER_SIZE_MAX];
    if (any_checksum)
        in = mend_header(in, mended);
    *used = (size_t)in.len;
    size_t code = LZ4F_getFrameInfo(d, &info, in.data, used);
    if (LZ4F_isError(code))
        return lz4_failed(code, err);
    if (info.frameType != LZ4F_frame)
        return err_set(err, ERR_MALFORMED, "lz4: a skippable frame");
    if (info.blockMode != LZ4F_blockIndependent)
        return err_set(err, ERR_MALFORMED, "lz4: blocks that depend on each other");
    return 0;
}

static int expand_frame(LZ4F_dctx *d, struct bytes in, bool any_checksum,
                        struct expansion *x, struct err *err)
{
    size_t used;
    int rc = read_frame_header(d, in, any_checksum, &used, err);
    if (rc != 0)
        return rc;
    for (;;) {
        size_t room;
        rc = expansion_room(x, 0, &room, err);
        if (rc != 0)
            return rc;
        size_t taken = (size_t)in.len - used;
        size_t hint = LZ4F_decompress(d, x->out->data + x->out->len, &room,
                                      in.data + used, &taken, NULL);
        if (LZ4F_isError(hint))
            return lz4_failed(hint, err);
        rc = expansion_filled(x, room, err);
        if (rc != 0)
            return rc;
        used += taken;
        if (hint == 0)
            return 0;
        if (taken == 0 && room == 0)
            return err_set(err, ERR_MALFORMED, "lz4: the data ends early");
    }
}

int lz4_expand(struct bytes in, bool any_checksum, struct expansion *x, struct err *err)
{
    LZ4F_dctx *d;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION)))
        return err_nomem(err);
    int rc = expand_frame(d, in, any_checksum, x, err);
    LZ4F_freeDecompressionContext(d);
    return rc;
}

static int library_level(int level)
{
    if (level == COMPRESSION_LEVEL_DEFAULT || level == KAFKA_FAST_LEVEL)
        return 0;
    if (level < LZ4HC_CLEVEL_MIN)
        return LZ4HC_CLEVEL_MIN;
    return level > LZ4HC_CLEVEL_MAX ? LZ4HC_CLEVEL_MAX : level;
}

int lz4_shrink(int level, struct bytes in, struct buf *out, struct err *err)
{
    LZ4F_preferences_t wanted = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB,
                      .blockMode = LZ4F_blockIndependent,
                      .contentChecksumFlag = LZ4F_noContentChecksum},
        .compressionLevel = library_level(level),
    };
    size_t bound = LZ4F_compressFrameBound((size_t)in.len, &wanted);
    if (!buf_reserve(out, bound))
        return err_nomem(err);
    size_t size = LZ4F_compressFrame(out->data + out->len, bound, in.data,
                                     (size_t)in.len, &wanted);
    if (LZ4F_isError(size))
        return err_set(err, ERR_INVALID, "lz4: %s", LZ4F_getErrorName(size));
    out->len += size;
    return 0;
}
