/* protocol/base/uuid.h
 *
 * Kafka's ids: 16 bytes, written as 22 characters of unpadded base64url.
 * Any thread. */
#ifndef GREGOR_PROTOCOL_BASE_UUID_H
#define GREGOR_PROTOCOL_BASE_UUID_H

#include "protocol/base/err.h"
#include "protocol/base/random.h"
#include "protocol/base/view.h"

#define UUID_TEXT_SIZE 23 /* with the terminating zero */

struct uuid {
    uint8_t bytes[16];
};

#define UUID_ZERO ((struct uuid){{0}})

static inline bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

static inline bool uuid_is_zero(struct uuid id)
{
    return uuid_equal(id, UUID_ZERO);
}

/* A version 4 id whose text does not begin with '-', and that is none of the
 * reserved ones (Kafka: Uuid.randomUuid). */
struct uuid uuid_random(const struct random *random);

/* Writes the text and a terminating zero; returns `out`. */
char *uuid_text(struct uuid id, char out[UUID_TEXT_SIZE]);

int uuid_parse(struct str text, struct uuid *out, struct err *err);

#endif
