#include "protocol/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_SMALLEST 256

void buf_free(struct buf *b)
{
    free(b->data);
    *b = BUF_INIT;
}

static bool grow_to(struct buf *b, size_t cap)
{
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;
    size_t cap = b->cap < BUF_SMALLEST ? BUF_SMALLEST : b->cap;
    while (cap - b->len < more) {
        if (cap > SIZE_MAX / 2) {
            b->failed = true;
            return false;
        }
        cap *= 2;
    }
    return grow_to(b, cap);
}

bool buf_reserve_exact(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;
    if (more > SIZE_MAX - b->len) {
        b->failed = true;
        return false;
    }
    return grow_to(b, b->len + more);
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
    if (!buf_reserve(b, len))
        return NULL;
    uint8_t *at = b->data + b->len;
    b->len += len;
    return at;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return; /* there may be no memory yet to point into */
    uint8_t *at = buf_extend(b, len);
    if (at != NULL)
        memcpy(at, data, len);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buf_reserve(b, (size_t)len + 1)) {
        b->failed = true;
    } else {
        vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}
