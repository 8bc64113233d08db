/* Properties files as anybody may hand them to --config: what is read, written and
 * read again is the same. */
#include "config/properties.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct properties *a, const struct properties *b)
{
    if (a->count != b->count)
        abort();
    for (size_t i = 0; i < a->count; i++) {
        if (!str_equal(a->items[i].key, b->items[i].key) ||
            !str_equal(a->items[i].value, b->items[i].value))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > PROPERTIES_MAX_BYTES)
        return 0;
    struct properties first = PROPERTIES_INIT;
    struct str text = {(const char *)data, (int32_t)size};
    struct err err;
    if (properties_parse(text, &first, &err) != 0)
        return 0;

    struct buf written = BUF_INIT;
    for (size_t i = 0; i < first.count; i++)
        properties_append(&written, first.items[i].key, first.items[i].value);
    /* Escapes make it longer, perhaps past the limit. */
    if (!written.failed && written.len <= PROPERTIES_MAX_BYTES) {
        struct properties second = PROPERTIES_INIT;
        text = (struct str){(const char *)written.data, (int32_t)written.len};
        if (properties_parse(text, &second, &err) != 0)
            abort();
        check_same(&first, &second);
        properties_free(&second);
    }
    buf_free(&written);
    properties_free(&first);
    return 0;
}
