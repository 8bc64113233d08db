#include "protocol/compression_internal.h"

#include <zstd.h>
#include <zstd_errors.h>

/* 128 MiB: the library's own default, said here because it is a bound on
 * memory. A window takes that much only as far as the data fills it. */
#define LARGEST_WINDOW_LOG 27

static int zstd_failed(size_t code, struct err *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return err_nomem(err);
    return err_set(err, ERR_MALFORMED, "zstd: %s", ZSTD_getErrorName(code));
}

/* The size that the first frame's header states: 0 if it does not. The library
 * then writes straight into the output, without a window. */
static int stated_size(struct bytes in, const struct expansion *x, size_t *size,
                       struct err *err)
{
    unsigned long long stated = ZSTD_getFrameContentSize(in.data, (size_t)in.len);
    *size = 0;
    if (stated == ZSTD_CONTENTSIZE_UNKNOWN || stated == ZSTD_CONTENTSIZE_ERROR)
        return 0;
    int rc = expansion_claim(x, stated, err);
    if (rc == 0)
        *size = (size_t)stated;
    return rc;
}

static int expand_frames(ZSTD_DCtx *d, struct bytes in, struct expansion *x,
                         struct err *err)
{
    size_t hint;
    int rc = stated_size(in, x, &hint, err);
    if (rc != 0)
        return rc;
    ZSTD_inBuffer from = {in.data, (size_t)in.len, 0};
    for (;;) {
        size_t room;
        rc = expansion_room(x, hint, &room, err);
        if (rc != 0)
            return rc;
        ZSTD_outBuffer to = {x->out->data + x->out->len, room, 0};
        size_t left = ZSTD_decompressStream(d, &to, &from);
        if (ZSTD_isError(left))
            return zstd_failed(left, err);
        rc = expansion_filled(x, to.pos, err);
        if (rc != 0)
            return rc;
        bool all_read = from.pos == from.size;
        if (left == 0 && all_read)
            return 0;
        /* With room left and nothing to read, it waits for what is not there.
         * Otherwise there is more to write, or another frame to read. */
        if (all_read && to.pos < to.size)
            return err_set(err, ERR_MALFORMED, "zstd: the data ends early");
    }
}

int zstd_expand(struct bytes in, struct expansion *x, struct err *err)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    if (d == NULL)
        return err_nomem(err);
    int rc;
    size_t code = ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, LARGEST_WINDOW_LOG);
    if (ZSTD_isError(code))
        rc = zstd_failed(code, err);
    else
        rc = expand_frames(d, in, x, err);
    ZSTD_freeDCtx(d);
    return rc;
}

int zstd_shrink(int level, struct bytes in, struct buf *out, struct err *err)
{
    if (level == COMPRESSION_LEVEL_DEFAULT)
        level = ZSTD_CLEVEL_DEFAULT;
    size_t bound = ZSTD_compressBound((size_t)in.len);
    if (!buf_reserve(out, bound))
        return err_nomem(err);
    size_t size =
        ZSTD_compress(out->data + out->len, bound, in.data, (size_t)in.len, level);
    if (ZSTD_isError(size)) {
        if (ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
            return err_nomem(err);
        return err_set(err, ERR_INVALID, "zstd: %s", ZSTD_getErrorName(size));
    }
    out->len += size;
    return 0;
}
