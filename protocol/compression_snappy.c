/* Snappy, framed as snappy-java's streams do it ("Xerial"), which is what
 * Kafka's clients and librdkafka exchange:
 *
 *     82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | int32 version | int32 compatible version
 *     then, until the end:  int32 length | one raw snappy block
 *
 * Integers are big-endian. Streams may be joined: a header can stand where a
 * length is expected. Some clients (sarama's and old python ones) send a bare
 * block without the framing; as in snappy-java, data that does not begin with
 * the magic is taken for one. */
#include "protocol/compression_internal.h"

#include <snappy-c.h>

#define XERIAL_HEADER 16
#define XERIAL_VERSION 1
#define XERIAL_BLOCK ((size_t)32 * 1024) /* SnappyOutputStream's default */

static const uint8_t xerial_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

/* No element of a snappy block makes more than 64 bytes, and the smallest that
 * does is 3 bytes long: a block that claims more lies, and is refused before
 * memory is spent on it. */
#define LARGEST_RATIO 22

static bool has_xerial_header(const uint8_t *at, size_t len)
{
    return len >= XERIAL_HEADER && memcmp(at, xerial_magic, sizeof(xerial_magic)) == 0;
}

static int broken_block(struct err *err)
{
    return err_set(err, ERR_MALFORMED, "snappy: a block is corrupt");
}

static int expand_block(const uint8_t *at, size_t len, struct expansion *x,
                        struct err *err)
{
    size_t size;
    if (snappy_uncompressed_length((const char *)at, len, &size) != SNAPPY_OK ||
        size / LARGEST_RATIO > len)
        return broken_block(err);
    int rc = expansion_claim(x, size, err);
    if (rc != 0)
        return rc;
    size_t room;
    rc = expansion_room(x, size, &room, err);
    if (rc != 0)
        return rc;
    char *to = (char *)x->out->data + x->out->len;
    if (snappy_uncompress((const char *)at, len, to, &size) != SNAPPY_OK)
        return broken_block(err);
    return expansion_filled(x, size, err);
}

static int read_header(const uint8_t *at, struct err *err)
{
    uint32_t version = load_be32(at + sizeof(xerial_magic));
    if (version < XERIAL_VERSION || version > INT32_MAX)
        return err_set(err, ERR_MALFORMED, "snappy: framing version %d is unknown",
                       (int32_t)version);
    return 0;
}

int snappy_expand(struct bytes in, struct expansion *x, struct err *err)
{
    const uint8_t *at = in.data;
    const uint8_t *end = at + in.len;
    if (!has_xerial_header(at, (size_t)in.len))
        return expand_block(at, (size_t)in.len, x, err);

    while (at < end) {
        size_t left = (size_t)(end - at);
        int rc;
        if (has_xerial_header(at, left)) {
            rc = read_header(at, err);
            if (rc != 0)
                return rc;
            at += XERIAL_HEADER;
            continue;
        }
        if (left < 4 || load_be32(at) > left - 4)
            return err_set(err, ERR_MALFORMED, "snappy: the data ends early");
        size_t len = load_be32(at);
        rc = expand_block(at + 4, len, x, err);
        if (rc != 0)
            return rc;
        at += 4 + len;
    }
    return 0;
}

int snappy_shrink(struct bytes in, struct buf *out, struct err *err)
{
    uint8_t header[XERIAL_HEADER];
    memcpy(header, xerial_magic, sizeof(xerial_magic));
    store_be32(header + 8, XERIAL_VERSION);
    store_be32(header + 12, XERIAL_VERSION);
    buf_append(out, header, sizeof(header));

    for (size_t done = 0; done < (size_t)in.len;) {
        size_t len = (size_t)in.len - done;
        if (len > XERIAL_BLOCK)
            len = XERIAL_BLOCK;
        size_t size = snappy_max_compressed_length(len);
        if (!buf_reserve(out, 4 + size))
            return err_nomem(err);
        uint8_t *to = out->data + out->len;
        if (snappy_compress((const char *)in.data + done, len, (char *)to + 4, &size) !=
            SNAPPY_OK)
            return err_set(err, ERR_INVALID, "snappy: compressing failed");
        store_be32(to, (uint32_t)size);
        out->len += 4 + size;
        done += len;
    }
    return out->failed ? err_nomem(err) : 0;
}
