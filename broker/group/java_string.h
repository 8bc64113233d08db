/* broker/group/java_string.h
 *
 * Strings as Java sees them: runs of UTF-16 units. What Kafka hashes or sorts by them
 * must come out the same here.
 *
 * Bytes that are not UTF-8 count as U+FFFD, each of them. A null string is empty. Any
 * thread. */
#ifndef GREGOR_BROKER_GROUP_JAVA_STRING_H
#define GREGOR_BROKER_GROUP_JAVA_STRING_H

#include "protocol/base/view.h"

struct java_string {
    struct str rest; /* not read yet */
    uint16_t low;    /* the second half of a surrogate pair, next; else 0 */
};

#define JAVA_STRING(s) ((struct java_string){.rest = (s)})

/* False: there are no more. */
bool java_string_next(struct java_string *s, uint16_t *unit);

/* How many units: String.length(). */
int32_t java_string_length(struct str s);

/* String.hashCode(): over the units, 31 * hash + unit. */
int32_t java_string_hash(struct str s);

/* The order of String.compareTo(): of units. It is not that of the bytes: what lies
 * beyond U+FFFF comes before U+E000. */
int java_string_compare(struct str a, struct str b);

#endif
