#include "broker/group/group_hash.h"

#define REPLACEMENT 0xFFFDu

static uint32_t hash_unit(uint32_t hash, uint32_t unit)
{
    return 31 * hash + unit;
}

/* The bytes that a UTF-8 sequence has, by its first; 0: none begins so. */
static int32_t sequence_length(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first < 0xE0)
        return 2;
    if ((first & 0xF0) == 0xE0)
        return 3;
    return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

/* Takes one code point from [at, left); *used is how many bytes it has. */
static uint32_t take_code_point(const uint8_t *at, int32_t left, int32_t *used)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    int32_t length = sequence_length(*at);
    *used = 1;
    if (length == 0 || length > left)
        return REPLACEMENT;
    uint32_t point = length == 1 ? *at : *at & (0x7Fu >> length);
    for (int32_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return REPLACEMENT;
        point = point << 6 | (at[i] & 0x3Fu);
    }
    bool surrogate = point >= 0xD800 && point < 0xE000;
    if (point < smallest[length] || surrogate || point > 0x10FFFF)
        return REPLACEMENT;
    *used = length;
    return point;
}

int32_t java_string_hash(struct str s)
{
    uint32_t hash = 0;
    for (int32_t i = 0, used; i < s.len; i += used) {
        uint32_t point = take_code_point((const uint8_t *)s.data + i, s.len - i, &used);
        if (point >= 0x10000) {
            hash = hash_unit(hash, 0xD800 + ((point - 0x10000) >> 10));
            point = 0xDC00 + ((point - 0x10000) & 0x3FF);
        }
        hash = hash_unit(hash, point);
    }
    return (int32_t)hash;
}

int32_t group_partition_of(struct str group_id, int32_t partition_count)
{
    int32_t hash = java_string_hash(group_id);
    if (hash == INT32_MIN)
        return 0;
    return (hash < 0 ? -hash : hash) % partition_count;
}
