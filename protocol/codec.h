/* protocol/codec.h
 *
 * Private to protocol/: the tables that tools/codegen makes of the schemas, and
 * the functions that interpret them.
 *
 * Why tables and not code for each message: 266 messages in all their versions,
 * unrolled, would be a mass of machine code that nobody reviews, while the tables
 * of all fields are 50 KiB and every bound is checked in one place. The price is
 * small, 3 to 8 ns a field, for what is large on the wire, records, is one field:
 * a produce request of one batch takes 70 ns to decode.
 *
 * Tables hold numbers, not pointers: they need no relocation, so their pages
 * are shared with the file and cost memory only once touched.
 *
 *   message ─root─> codec_structs[i] ─first, plain, tagged─> codec_fields[..]
 *                         ^                                     │      │
 *                         └───────────────inner─────────────────┘      name
 *                                                                      v
 *                                                          codec_names + name
 *
 * A struct's fields lie together: the plain ones in wire order, then those with
 * a tag, ascending. Structs never contain themselves (the notation has no way to
 * say it), so recursion along `inner` ends after the few levels of the schema.
 *
 * Any thread. */
#ifndef GREGOR_PROTOCOL_CODEC_H
#define GREGOR_PROTOCOL_CODEC_H

#include "protocol/message.h"

enum codec_kind {
    CODEC_BOOL,
    CODEC_INT8,
    CODEC_INT16,
    CODEC_UINT16,
    CODEC_INT32,
    CODEC_UINT32,
    CODEC_INT64,
    CODEC_FLOAT64,
    CODEC_UUID,
    CODEC_STRING,
    CODEC_BYTES,
    CODEC_RECORDS,
    CODEC_STRUCT,
};

enum codec_flag {
    CODEC_ARRAY = 1 << 0,
    CODEC_POINTER = 1 << 1, /* a nullable struct: the member points to it */
    CODEC_IGNORABLE = 1 << 2,
    CODEC_NULL_DEFAULT = 1 << 3,
    CODEC_NEVER_COMPACT = 1 << 4, /* even in a flexible version */
};

struct codec_versions {
    int8_t first;
    int8_t last; /* inclusive; INT8_MAX: all that follow */
};

struct codec_field {
    int64_t number; /* the default of a bool or an integer */
    uint16_t name;
    uint16_t offset; /* in the C struct; an array's count follows its pointer */
    uint16_t inner;  /* index of a CODEC_STRUCT's struct */
    uint8_t kind;    /* enum codec_kind; of an array, its elements' */
    uint8_t flags;
    struct codec_versions present;
    struct codec_versions nullable;
    int8_t tag; /* -1: none */
};

struct codec_struct {
    uint16_t first; /* index of the first field */
    uint8_t plain;
    uint8_t tagged;
    uint16_t size;
    uint8_t smallest; /* bytes it takes on the wire at least, in any version */
};

extern const struct codec_field codec_fields[];
extern const struct codec_struct codec_structs[];
extern const char codec_names[];

extern const struct message_type *const codec_requests[]; /* by API key */
extern const size_t codec_requests_count;
extern const struct message_type *const codec_responses[];
extern const size_t codec_responses_count;
extern const struct message_type *const codec_metadata_records[];
extern const size_t codec_metadata_records_count;

/* What a member of a C struct looks like when it is an array. */
struct codec_array {
    void *items;
    int32_t count; /* -1: null */
};

static inline struct codec_array codec_array_at(const void *member)
{
    struct codec_array a;
    memcpy(&a.items, member, sizeof(a.items));
    memcpy(&a.count, (const char *)member + sizeof(a.items), sizeof(a.count));
    return a;
}

static inline void codec_array_put(void *member, void *items, int32_t count)
{
    memcpy(member, &items, sizeof(items));
    memcpy((char *)member + sizeof(items), &count, sizeof(count));
}

static inline void *codec_pointer_at(const void *member)
{
    void *p;
    memcpy(&p, member, sizeof(p));
    return p;
}

static inline bool codec_in(struct codec_versions range, int version)
{
    return range.first <= version && version <= range.last;
}

static inline bool codec_is_compact(const struct codec_field *f, bool flexible)
{
    return flexible && !(f->flags & CODEC_NEVER_COMPACT);
}

static inline bool codec_version_known(const struct message_type *type, int16_t version)
{
    return type->min_version <= version && version <= type->max_version;
}

/* The bytes that one value of this kind takes in a C struct or array. */
size_t codec_item_size(const struct codec_field *f);

/* Sets every field of struct `root` to its default. */
void codec_init(uint16_t root, void *message);
void codec_init_field(const struct codec_field *f, void *member);

/* Whether a field has its default (Kafka: the comparison in generated code). */
bool codec_is_default(const struct codec_field *f, const void *member);

/* Whether a field with a tag is worth writing in this version. */
static inline bool codec_tagged_is_written(const struct codec_field *f, int version,
                                           const void *member)
{
    return codec_in(f->present, version) && !codec_is_default(f, member);
}

/* The functions of struct message_type, with the type and its root struct. */
void codec_decode(const struct message_type *type, uint16_t root, struct wire_reader *r,
                  int16_t version, void *message);
int codec_encode(const struct message_type *type, uint16_t root, struct wire_writer *w,
                 int16_t version, const void *message, struct err *err);
size_t codec_encoded_size(const struct message_type *type, uint16_t root,
                          int16_t version, const void *message);
void codec_to_json(uint16_t root, struct buf *out, int16_t version,
                   const void *message);

/* The bytes of one field, without tag and size. */
size_t codec_field_size(const struct codec_field *f, const void *member, int version,
                        bool flexible);

/* Defines one message type; used by the generated tables only. */
#define CODEC_MESSAGE(id, type_name, type_kind, key, min, max, flexible, unstable,  \
                      root)                                                         \
    static void id##_init(void *message)                                            \
    {                                                                               \
        codec_init(root, message);                                                  \
    }                                                                               \
    static void id##_decode(struct wire_reader *r, int16_t version, void *message)  \
    {                                                                               \
        codec_decode(&id##_type, root, r, version, message);                        \
    }                                                                               \
    static int id##_encode(struct wire_writer *w, int16_t version,                  \
                           const void *message, struct err *err)                    \
    {                                                                               \
        return codec_encode(&id##_type, root, w, version, message, err);            \
    }                                                                               \
    static size_t id##_encoded_size(int16_t version, const void *message)           \
    {                                                                               \
        return codec_encoded_size(&id##_type, root, version, message);              \
    }                                                                               \
    static void id##_to_json(struct buf *out, int16_t version, const void *message) \
    {                                                                               \
        codec_to_json(root, out, version, message);                                 \
    }                                                                               \
    const struct message_type id##_type = {                                         \
        .name = (type_name),                                                        \
        .kind = (type_kind),                                                        \
        .api_key = (key),                                                           \
        .min_version = (min),                                                       \
        .max_version = (max),                                                       \
        .first_flexible = (flexible),                                               \
        .latest_unstable = (unstable),                                              \
        .size = sizeof(struct id),                                                  \
        .init = id##_init,                                                          \
        .decode = id##_decode,                                                      \
        .encode = id##_encode,                                                      \
        .encoded_size = id##_encoded_size,                                          \
        .to_json = id##_to_json,                                                    \
    };

#endif
