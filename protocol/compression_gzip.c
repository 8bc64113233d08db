#include "protocol/compression_internal.h"

#include <zlib.h>

/* The largest window, and zlib's sign for a gzip header and trailer. */
#define GZIP_WINDOW_BITS (15 + 16)
#define GZIP_MEMORY_LEVEL 8

/* Java's GZIPInputStream goes on with a further member and ignores anything
 * else that follows the last one. */
static bool another_member_follows(const z_stream *z)
{
    return z->avail_in >= 3 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b &&
           z->next_in[2] == Z_DEFLATED;
}

static int inflate_members(z_stream *z, struct expansion *x, struct err *err)
{
    for (;;) {
        size_t room;
        int rc = expansion_room(x, 0, &room, err);
        if (rc != 0)
            return rc;
        z->next_out = x->out->data + x->out->len;
        z->avail_out = (uInt)room;
        int status = inflate(z, Z_NO_FLUSH);
        rc = expansion_filled(x, room - z->avail_out, err);
        if (rc != 0)
            return rc;
        if (status == Z_MEM_ERROR)
            return err_nomem(err);
        if (status == Z_STREAM_END) {
            if (!another_member_follows(z))
                return 0;
            status = inflateReset(z);
        }
        /* Z_BUF_ERROR: there is room, so it is the input that ended early. */
        if (status != Z_OK)
            return err_set(err, ERR_MALFORMED, "gzip: %s",
                           z->msg != NULL ? z->msg : "the data ends early");
    }
}

int gzip_expand(struct bytes in, struct expansion *x, struct err *err)
{
    z_stream z = {.next_in = (Bytef *)in.data, .avail_in = (uInt)in.len};
    if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return err_nomem(err);
    int rc = inflate_members(&z, x, err);
    inflateEnd(&z);
    return rc;
}

int gzip_shrink(int level, struct bytes in, struct buf *out, struct err *err)
{
    if (level == COMPRESSION_LEVEL_DEFAULT)
        level = Z_DEFAULT_COMPRESSION;
    z_stream z = {0};
    int status = deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW_BITS,
                              GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (status == Z_STREAM_ERROR)
        return err_set(err, ERR_INVALID, "gzip has no compression level %d", level);
    if (status != Z_OK)
        return err_nomem(err);

    int rc = 0;
    uLong bound = deflateBound(&z, (uLong)in.len);
    if (!buf_reserve(out, bound)) {
        rc = err_nomem(err);
        goto done;
    }
    z.next_in = (Bytef *)in.data;
    z.avail_in = (uInt)in.len;
    z.next_out = out->data + out->len;
    z.avail_out = (uInt)bound;
    status = deflate(&z, Z_FINISH);
    if (status != Z_STREAM_END)
        rc = err_set(err, ERR_INVALID, "gzip: compressing ended with %d", status);
    else
        out->len += bound - z.avail_out;
done:
    deflateEnd(&z);
    return rc;
}
