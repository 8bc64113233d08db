/* protocol/base/buf.h
 *
 * A growable run of bytes, and the big-endian loads and stores that Kafka's
 * formats need.
 *
 * A buf that runs out of memory turns `failed`: later appends do nothing, and
 * the owner looks once, at the end. One owner, any thread. */
#ifndef GREGOR_PROTOCOL_BASE_BUF_H
#define GREGOR_PROTOCOL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed;
};

#define BUF_INIT ((struct buf){0})

/* Frees the memory and leaves an empty buf. Accepts a zeroed one. */
void buf_free(struct buf *b);

/* Makes room for `more` bytes behind len; false, and failed set, without. */
bool buf_reserve(struct buf *b, size_t more);

/* The same, but when it grows, to exactly that: for owners that bound their
 * memory. */
bool buf_reserve_exact(struct buf *b, size_t more);

void buf_append(struct buf *b, const void *data, size_t len);

/* Appends `len` bytes for the caller to fill; NULL when out of memory. */
uint8_t *buf_extend(struct buf *b, size_t len);

void buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline uint16_t load_be16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof(v));
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof(v));
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof(v));
}

#endif
