#include "tools/utf8.h"

static bool continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Which second bytes may follow a first one of three or four. */
static bool second_fits(uint8_t first, uint8_t second)
{
    if (first == 0xe0)
        return continues(second) && second >= 0xa0;
    if (first == 0xf0)
        return continues(second) && second >= 0x90;
    if (first == 0xf4)
        return continues(second) && second < 0x90;
    return continues(second);
}

/* Bytes that a sequence with this first byte has; 0: none begins so. */
static int length_of(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* How many bytes belong together at `at`, of `left`; *good: they are a character.
 * A half of a surrogate pair is three bytes that are none; a sequence that the end
 * cuts off takes all that is left. */
static int32_t take(const uint8_t *at, int32_t left, bool *good)
{
    int length = length_of(at[0]);
    *good = false;
    for (int i = 1; i < length; i++) {
        if (i == left)
            return left;
        if (i == 1 ? !second_fits(at[0], at[1]) : !continues(at[i]))
            return i;
    }
    *good = length > 0 && !(at[0] == 0xed && at[1] >= 0xa0);
    return length == 0 ? 1 : length;
}

void utf8_append(struct buf *out, struct bytes in)
{
    int32_t from = 0; /* of what is good, and not yet appended */
    for (int32_t i = 0; i < in.len;) {
        bool good;
        int32_t len = take(in.data + i, in.len - i, &good);
        if (!good) {
            buf_append(out, in.data + from, (size_t)(i - from));
            buf_append(out, "\xef\xbf\xbd", 3);
            from = i + len;
        }
        i += len;
    }
    if (from < in.len)
        buf_append(out, in.data + from, (size_t)(in.len - from));
}
