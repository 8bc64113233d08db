/* protocol/base/arena.h
 *
 * Memory that lives and dies together: what one request needs to be decoded
 * and answered. Blocks are chained, grow with use, and are freed at once.
 * `limit` bounds the whole, so that hostile input cannot make it grow.
 *
 * One owner, any thread. */
#ifndef GREGOR_PROTOCOL_BASE_ARENA_H
#define GREGOR_PROTOCOL_BASE_ARENA_H

#include "protocol/base/view.h"

struct arena_block;

struct arena {
    struct arena_block *newest;
    size_t used;  /* bytes handed out since the last reset */
    size_t limit; /* 0: none */
};

#define ARENA_INIT ((struct arena){0})

/* Zeroed memory, aligned for any object; NULL when out of memory or past the
 * limit. size may be 0. */
void *arena_alloc(struct arena *a, size_t size);

/* As arena_alloc for count objects, refusing sizes that overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* A terminated copy; data NULL when out of memory. Keeps NULL as NULL. */
struct str arena_str(struct arena *a, struct str s);

struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees all of it and leaves an empty arena with the same limit. */
void arena_reset(struct arena *a);

#endif
