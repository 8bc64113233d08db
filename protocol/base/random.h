/* protocol/base/random.h
 *
 * Randomness comes in through this struct, so that tests replay it from a
 * seed. Any thread for random_system. */
#ifndef GREGOR_PROTOCOL_BASE_RANDOM_H
#define GREGOR_PROTOCOL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    void (*fill)(const struct random *random, void *out, size_t len);
};

/* The kernel's generator. */
extern const struct random random_system;

static inline void random_fill(const struct random *random, void *out, size_t len)
{
    random->fill(random, out, len);
}

#endif
