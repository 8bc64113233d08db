#include "protocol/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_FIRST_BLOCK ((size_t)1024)
#define ARENA_LARGEST_STEP ((size_t)64 * 1024)
#define ARENA_ALIGN (sizeof(max_align_t))

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t cap;
    max_align_t data[];
};

static struct arena_block *block_add(struct arena *a, size_t size)
{
    size_t cap = a->newest == NULL ? ARENA_FIRST_BLOCK : a->newest->cap * 2;
    if (cap > ARENA_LARGEST_STEP)
        cap = ARENA_LARGEST_STEP;
    if (cap < size)
        cap = size;
    struct arena_block *b = malloc(sizeof(*b) + cap);
    if (b == NULL)
        return NULL;
    b->older = a->newest;
    b->used = 0;
    b->cap = cap;
    a->newest = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (a->limit != 0 && size > a->limit - a->used)
        return NULL;
    struct arena_block *b = a->newest;
    if (b == NULL || b->cap - b->used < size) {
        b = block_add(a, size);
        if (b == NULL)
            return NULL;
    }
    void *at = (uint8_t *)b->data + b->used;
    b->used += size;
    a->used += size;
    memset(at, 0, size);
    return at;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(a, total);
}

struct str arena_str(struct arena *a, struct str s)
{
    if (s.data == NULL)
        return STR_NULL;
    char *copy = arena_alloc(a, (size_t)s.len + 1);
    if (copy == NULL)
        return STR_NULL;
    memcpy(copy, s.data, (size_t)s.len);
    return (struct str){copy, s.len};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text == NULL ? STR_NULL : (struct str){text, len};
}

void arena_reset(struct arena *a)
{
    while (a->newest != NULL) {
        struct arena_block *b = a->newest;
        a->newest = b->older;
        free(b);
    }
    a->used = 0;
}
