#include "broker/group/java_string.h"

#define REPLACEMENT 0xFFFDu

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

bool java_string_next(struct java_string *s, uint16_t *unit)
{
    if (s->low != 0) {
        *unit = s->low;
        s->low = 0;
        return true;
    }
    if (s->rest.len == 0)
        return false;
    int32_t used;
    uint32_t point = take_code_point((const uint8_t *)s->rest.data, s->rest.len, &used);
    s->rest.data += used;
    s->rest.len -= used;
    if (point >= 0x10000) {
        s->low = (uint16_t)(0xDC00 + ((point - 0x10000) & 0x3FF));
        point = 0xD800 + ((point - 0x10000) >> 10);
    }
    *unit = (uint16_t)point;
    return true;
}

int32_t java_string_length(struct str s)
{
    struct java_string units = JAVA_STRING(s);
    uint16_t unit;
    int32_t length = 0;
    while (java_string_next(&units, &unit))
        length++;
    return length;
}

int32_t java_string_hash(struct str s)
{
    struct java_string units = JAVA_STRING(s);
    uint16_t unit;
    uint32_t hash = 0;
    while (java_string_next(&units, &unit))
        hash = 31 * hash + unit;
    return (int32_t)hash;
}

int java_string_compare(struct str a, struct str b)
{
    struct java_string left = JAVA_STRING(a), right = JAVA_STRING(b);
    for (;;) {
        uint16_t x = 0, y = 0;
        bool more_left = java_string_next(&left, &x);
        bool more_right = java_string_next(&right, &y);
        if (!more_left || !more_right)
            return more_left - more_right;
        if (x != y)
            return x < y ? -1 : 1;
    }
}
