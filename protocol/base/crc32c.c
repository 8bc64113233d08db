#include "protocol/base/crc32c.h"

#include <isa-l/crc.h>

/* ISA-L counts in int and leaves the complement at both ends to its caller. */
#define STEP ((size_t)1 << 30)

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t len)
{
    const unsigned char *p = data;
    crc = ~crc;
    while (len > 0) {
        size_t n = len < STEP ? len : STEP;
        crc = crc32_iscsi((unsigned char *)p, (int)n, crc);
        p += n;
        len -= n;
    }
    return ~crc;
}

uint32_t crc32c(const void *data, size_t len)
{
    return crc32c_extend(0, data, len);
}
