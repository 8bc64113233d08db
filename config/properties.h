/* config/properties.h
 *
 * Java .properties files, the form of server.properties and meta.properties.
 * Read as java.util.Properties does: comments after # or !, key and value
 * parted by =, : or blanks, backslash escapes and \uXXXX, lines continued by a
 * backslash at their end, blanks kept behind a value, the last of equal keys
 * wins. Departures: bytes past ASCII stay as they are, so that UTF-8 means
 * UTF-8 (Java takes them for Latin-1); what cannot be a C string or UTF-8 (a
 * zero byte, half a surrogate pair) is an error; a last line of one lone backslash
 * is nothing (Java: an empty key).
 *
 * Any thread. */
#ifndef GREGOR_CONFIG_PROPERTIES_H
#define GREGOR_CONFIG_PROPERTIES_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/view.h"

#define PROPERTIES_MAX_BYTES (1024 * 1024)
#define PROPERTIES_MAX_KEYS 4096

struct property {
    struct str key; /* terminated, as is value */
    struct str value;
    int line; /* where it begins, from 1 */
};

struct properties {
    struct property *items; /* in the order of first mention */
    size_t count;
    struct arena arena;
};

#define PROPERTIES_INIT ((struct properties){0})

/* Parses a whole file's text. On success the caller ends *out with
 * properties_free(); it holds copies. ERR_INVALID names the line. */
int properties_parse(struct str text, struct properties *out, struct err *err);

/* Accepts PROPERTIES_INIT. */
void properties_free(struct properties *p);

/* NULL when the key is not there. */
const struct property *properties_find(const struct properties *p, const char *key);

/* Appends "key=value\n" so that Java reads back the same. Both are UTF-8; what is
 * not ASCII is written as \uXXXX, a byte that is no UTF-8 as itself. */
void properties_append(struct buf *out, struct str key, struct str value);

#endif
