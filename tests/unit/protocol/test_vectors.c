/* Every golden message, as it is and spoiled. */
#include "protocol/messages.h"

#include <jansson.h>

#include "tests/support/check_main.h"
#include "tests/support/vectors.h"

/* What decoding may take for each byte: arrays of structs in compact form are
 * the worst, and the arena rounds up. */
#define ARENA_PER_BYTE 32
#define ARENA_FLOOR 64

#define SPOILED_COPIES 24

static const struct message_type *type_of(const struct vector *v)
{
    const struct message_type *type = message_type_by_name(v->name);
    ck_assert_msg(type != NULL, "%s is unknown", v->name);
    return type;
}

static void *message_new(const struct message_type *type)
{
    void *message = calloc(1, type->size);
    ck_assert_ptr_nonnull(message);
    return message;
}

static bool same_bytes(const struct buf *a, const void *data, size_t len)
{
    return a->len == len && (len == 0 || memcmp(a->data, data, len) == 0);
}

/* A copy of exactly this size, so that ASan sees a read past its end. */
static uint8_t *copy_of(struct bytes b, int32_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : (size_t)len);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, b.data, (size_t)len);
    return copy;
}

static void encode(const struct message_type *type, int16_t version,
                   const void *message, struct wire_writer *w)
{
    struct err err = {0};
    int rc = type->encode(w, version, message, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert(!w->out.failed);
    ck_assert_uint_eq(type->encoded_size(version, message), w->out.len);
}

static char *print(const struct message_type *type, int16_t version,
                   const void *message)
{
    struct buf text = BUF_INIT;
    type->to_json(&text, version, message);
    buf_append(&text, "", 1);
    ck_assert(!text.failed);
    return (char *)text.data;
}

static void check_json(const struct vector *v, char *ours)
{
    json_t *want = json_loads(v->json, 0, NULL);
    json_t *have = json_loads(ours, 0, NULL);
    ck_assert_msg(want != NULL && have != NULL && json_equal(want, have),
                  "%s version %d\nwant %s\nhave %s", v->name, v->version, v->json,
                  ours);
    json_decref(want);
    json_decref(have);
    free(ours);
}

static void check_vector(const struct vector *v)
{
    const struct message_type *type = type_of(v);
    struct arena arena = ARENA_INIT;
    struct wire_writer w = WIRE_WRITER_INIT;
    struct err err = {0};
    void *message = message_new(type);

    int rc = message_decode(type, v->version, v->bytes, &arena, message, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    encode(type, v->version, message, &w);
    ck_assert_msg(same_bytes(&w.out, v->bytes.data, (size_t)v->bytes.len),
                  "%s version %d is written differently", v->name, v->version);
    check_json(v, print(type, v->version, message));

    wire_writer_free(&w);
    arena_reset(&arena);
    free(message);
}

START_TEST(every_vector_is_read_and_written_back)
{
    struct vector_file f;
    struct vector v;
    vector_file_open(&f);
    while (vector_file_next(&f, &v)) {
        ck_assert_int_eq(type_of(&v)->api_key, v.api_key);
        check_vector(&v);
    }
    ck_assert_uint_gt(f.tsv.number, 0);
    vector_file_close(&f);
}
END_TEST

static void check_arena(const struct arena *arena, int32_t len)
{
    ck_assert_uint_le(arena->used, (size_t)len * ARENA_PER_BYTE + ARENA_FLOOR);
}

START_TEST(every_truncation_is_an_error)
{
    struct vector_file f;
    struct vector v;
    vector_file_open(&f);
    while (vector_file_next(&f, &v)) {
        const struct message_type *type = type_of(&v);
        void *message = message_new(type);
        for (int32_t len = 0; len < v.bytes.len; len++) {
            struct arena arena = ARENA_INIT;
            uint8_t *copy = copy_of(v.bytes, len);
            int rc = message_decode(type, v.version, (struct bytes){copy, len}, &arena,
                                    message, NULL);
            ck_assert_int_eq(rc, ERR_MALFORMED);
            check_arena(&arena, len);
            arena_reset(&arena);
            free(copy);
        }
        free(message);
    }
    vector_file_close(&f);
}
END_TEST

/* What could be read can be written and printed; and what we write, unlike the
 * spoiled bytes, has one form only, so a second round changes nothing. */
static void check_round_trip(const struct message_type *type, int16_t version,
                             const void *message)
{
    struct wire_writer first = WIRE_WRITER_INIT;
    struct wire_writer second = WIRE_WRITER_INIT;
    struct arena arena = ARENA_INIT;
    struct err err = {0};
    void *again = message_new(type);

    encode(type, version, message, &first);
    struct bytes written = {first.out.data, (int32_t)first.out.len};
    int rc = message_decode(type, version, written, &arena, again, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    encode(type, version, again, &second);
    ck_assert(same_bytes(&second.out, first.out.data, first.out.len));
    free(print(type, version, message));

    free(again);
    arena_reset(&arena);
    wire_writer_free(&first);
    wire_writer_free(&second);
}

/* Small steps, extremes and noise: each finds other mistakes. */
static uint8_t spoiled_byte(uint8_t byte)
{
    static const uint8_t extremes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    switch (lrand48() % 3) {
    case 0:
        return (uint8_t)(byte ^ 1 << lrand48() % 8);
    case 1:
        return extremes[(size_t)lrand48() % sizeof(extremes)];
    default:
        return (uint8_t)lrand48();
    }
}

static void check_spoiled(const struct message_type *type, const struct vector *v,
                          void *message)
{
    struct arena arena = ARENA_INIT;
    uint8_t *copy = copy_of(v->bytes, v->bytes.len);
    for (long flips = 1 + lrand48() % 4; flips > 0; flips--) {
        long at = lrand48() % v->bytes.len;
        copy[at] = spoiled_byte(copy[at]);
    }
    struct bytes bytes = {copy, v->bytes.len};
    int rc = message_decode(type, v->version, bytes, &arena, message, NULL);
    check_arena(&arena, bytes.len);
    if (rc == 0)
        check_round_trip(type, v->version, message);
    else
        ck_assert_int_eq(rc, ERR_MALFORMED);
    arena_reset(&arena);
    free(copy);
}

START_TEST(spoiled_bytes_give_an_error_or_a_value)
{
    const char *seed_text = getenv("SEED");
    long seed = seed_text == NULL ? 20240229 : atol(seed_text);
    printf("SEED=%ld\n", seed);
    srand48(seed);

    struct vector_file f;
    struct vector v;
    vector_file_open(&f);
    while (vector_file_next(&f, &v)) {
        const struct message_type *type = type_of(&v);
        void *message = message_new(type);
        for (int i = 0; i < SPOILED_COPIES && v.bytes.len > 0; i++)
            check_spoiled(type, &v, message);
        free(message);
    }
    vector_file_close(&f);
}
END_TEST

GREGOR_TESTS("vectors", every_vector_is_read_and_written_back,
             every_truncation_is_an_error, spoiled_bytes_give_an_error_or_a_value)
