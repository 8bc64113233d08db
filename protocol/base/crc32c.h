/* protocol/base/crc32c.h
 *
 * CRC-32C (Castagnoli) as record batches and snapshots carry it. Any thread. */
#ifndef GREGOR_PROTOCOL_BASE_CRC32C_H
#define GREGOR_PROTOCOL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *data, size_t len);

/* The CRC of what `crc` was taken of, with `data` behind it. */
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t len);

#endif
