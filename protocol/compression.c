#include "protocol/compression.h"

#include "protocol/compression_internal.h"

/* Enough for most batches at once, little enough to waste. */
#define SMALLEST_ROOM ((size_t)64 * 1024)

const char *compression_name(int codec)
{
    static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    if (codec < COMPRESSION_NONE || codec > COMPRESSION_ZSTD)
        return NULL;
    return names[codec];
}

static int too_much(const struct expansion *x, struct err *err)
{
    return err_set(err, ERR_MALFORMED, "compressed data expands to more than %zu bytes",
                   x->limit);
}

int expansion_room(struct expansion *x, size_t need, size_t *room, struct err *err)
{
    size_t produced = x->out->len - x->start;
    size_t allowed = x->limit + 1 - produced;
    size_t have = x->out->cap - x->out->len;
    if (need == 0)
        need = 1;
    if (have < need && have < allowed) {
        /* Doubling keeps the copying linear; the bound is met exactly. */
        size_t more = produced > SMALLEST_ROOM ? produced : SMALLEST_ROOM;
        if (more < need)
            more = need;
        if (more > allowed)
            more = allowed;
        if (!buf_reserve_exact(x->out, more))
            return err_nomem(err);
        have = x->out->cap - x->out->len;
    }
    *room = have < allowed ? have : allowed;
    return 0;
}

int expansion_filled(struct expansion *x, size_t len, struct err *err)
{
    x->out->len += len;
    return x->out->len - x->start > x->limit ? too_much(x, err) : 0;
}

int expansion_claim(const struct expansion *x, uint64_t size, struct err *err)
{
    size_t produced = x->out->len - x->start;
    return size > x->limit - produced ? too_much(x, err) : 0;
}

static int copy(struct bytes in, struct expansion *x, struct err *err)
{
    int rc = expansion_claim(x, (uint64_t)in.len, err);
    if (rc != 0)
        return rc;
    if (!buf_reserve_exact(x->out, (size_t)in.len))
        return err_nomem(err);
    buf_append(x->out, in.data, (size_t)in.len);
    return 0;
}

static int expand(enum compression codec, bool magic_0, struct bytes in, size_t limit,
                  struct buf *out, struct err *err)
{
    struct expansion x = {out, out->len, limit < INT32_MAX ? limit : INT32_MAX};
    int rc;
    switch (codec) {
    case COMPRESSION_NONE:
        rc = copy(in, &x, err);
        break;
    case COMPRESSION_GZIP:
        rc = gzip_expand(in, &x, err);
        break;
    case COMPRESSION_SNAPPY:
        rc = snappy_expand(in, &x, err);
        break;
    case COMPRESSION_LZ4:
        rc = lz4_expand(in, magic_0, &x, err);
        break;
    case COMPRESSION_ZSTD:
        rc = zstd_expand(in, &x, err);
        break;
    default:
        rc = err_set(err, ERR_MALFORMED, "compression type %d is unknown", codec);
    }
    /* Nothing is not null: whoever looks at it needs an address. */
    if (rc == 0 && out->data == NULL && !buf_reserve_exact(out, 1))
        rc = err_nomem(err);
    if (rc != 0)
        out->len = x.start;
    return rc;
}

int compression_expand(enum compression codec, struct bytes in, size_t limit,
                       struct buf *out, struct err *err)
{
    return expand(codec, false, in, limit, out, err);
}

int compression_expand_magic_0(enum compression codec, struct bytes in, size_t limit,
                               struct buf *out, struct err *err)
{
    return expand(codec, true, in, limit, out, err);
}

int compression_shrink(enum compression codec, int level, struct bytes in,
                       struct buf *out, struct err *err)
{
    size_t start = out->len;
    int rc;
    switch (codec) {
    case COMPRESSION_NONE:
        buf_append(out, in.data, (size_t)in.len);
        rc = out->failed ? err_nomem(err) : 0;
        break;
    case COMPRESSION_GZIP:
        rc = gzip_shrink(level, in, out, err);
        break;
    case COMPRESSION_SNAPPY:
        rc = snappy_shrink(in, out, err);
        break;
    case COMPRESSION_LZ4:
        rc = lz4_shrink(level, in, out, err);
        break;
    case COMPRESSION_ZSTD:
        rc = zstd_shrink(level, in, out, err);
        break;
    default:
        rc = err_set(err, ERR_INVALID, "compression type %d is unknown", codec);
    }
    if (rc != 0)
        out->len = start;
    return rc;
}

int compression_shrink_magic_0(enum compression codec, int level, struct bytes in,
                               struct buf *out, struct err *err)
{
    size_t start = out->len;
    int rc = compression_shrink(codec, level, in, out, err);
    if (rc == 0 && codec == COMPRESSION_LZ4)
        lz4_break_checksum(out->data + start);
    return rc;
}
