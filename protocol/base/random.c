#include "protocol/base/random.h"

#include <sys/random.h>

static void system_fill(const struct random *random, void *out, size_t len)
{
    (void)random;
    uint8_t *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n <= 0)
            continue; /* only a signal can interrupt it, before any byte */
        p += n;
        len -= (size_t)n;
    }
}

const struct random random_system = {.fill = system_fill};
