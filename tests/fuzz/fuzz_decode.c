/* Any bytes as any message: the first two choose the message (an index into
 * message_types), the third its version, the rest is decoded. What can be read
 * must be writable, in as many bytes as told, and printable. */
#include "protocol/message.h"

#include <stdlib.h>

/* As in tests/unit/protocol/test_vectors.c. */
#define ARENA_PER_BYTE 32
#define ARENA_FLOOR 64

#define HEAD 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void write_and_print(const struct message_type *type, int16_t version,
                            const void *message)
{
    struct wire_writer w = WIRE_WRITER_INIT;
    demand(type->encode(&w, version, message, NULL) == 0 && !w.out.failed);
    demand(type->encoded_size(version, message) == w.out.len);
    struct buf json = BUF_INIT;
    type->to_json(&json, version, message);
    demand(!json.failed && json.len > 0);
    buf_free(&json);
    wire_writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    const struct message_type *type =
        message_types[load_be16(data) % message_type_count];
    int versions = type->max_version - type->min_version + 1;
    int16_t version = (int16_t)(type->min_version + data[2] % versions);
    struct bytes bytes = {data + HEAD, (int32_t)(size - HEAD)};

    struct arena arena = ARENA_INIT;
    void *message = malloc(type->size);
    demand(message != NULL);
    int rc = message_decode(type, version, bytes, &arena, message, NULL);
    demand(arena.used <= (size_t)bytes.len * ARENA_PER_BYTE + ARENA_FLOOR);
    if (rc == 0)
        write_and_print(type, version, message);
    free(message);
    arena_reset(&arena);
    return 0;
}
