/* protocol/base/view.h
 *
 * Borrowed stretches of memory. A view is valid as long as what it looks
 * into; data == NULL is Kafka's null (a null string, bytes or records), an
 * empty one has data != NULL and len == 0.
 *
 * Any thread. */
#ifndef GREGOR_PROTOCOL_BASE_VIEW_H
#define GREGOR_PROTOCOL_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data; /* not terminated */
    int32_t len;
};

struct bytes {
    const uint8_t *data;
    int32_t len;
};

#define STR_NULL ((struct str){NULL, 0})
#define STR_LITERAL(text) ((struct str){(text), (int32_t)sizeof(text) - 1})
#define BYTES_NULL ((struct bytes){NULL, 0})

/* For printf: "%.*s", STR_ARGS(s). */
#define STR_ARGS(s) (int)(s).len, (s).data == NULL ? "" : (s).data

static inline struct str str_of(const char *text)
{
    return (struct str){text, text == NULL ? 0 : (int32_t)strlen(text)};
}

static inline bool str_equal(struct str a, struct str b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.len == b.len && memcmp(a.data, b.data, (size_t)a.len) == 0;
}

/* Byte by byte, as memcmp(); neither may be null. */
static inline int str_compare(struct str a, struct str b)
{
    int32_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, (size_t)shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_is(struct str a, const char *text)
{
    return a.data != NULL && str_equal(a, str_of(text));
}

#endif
