/* protocol/message.h
 *
 * The messages of Kafka's protocol, as structs. "protocol/messages.h", which
 * tools/codegen makes from protocol/schemas, declares
 *
 *   struct fetch_request { ... };              one per message and nested type
 *   extern const struct message_type fetch_request_type;
 *
 * Names are the schema's in snake case: message FetchRequest, struct
 * FetchTopic, field MaxWaitMs become `struct fetch_request`,
 * `struct fetch_request_fetch_topic`, `.max_wait_ms` (KRaft is kraft). A nested
 * struct is named after its message and itself, however deep it lies.
 *
 * An array field `Topics` becomes `.topics` (a pointer) and `.topics_count`
 * (int32_t; -1 is null). string is struct str, bytes is struct bytes, records is
 * struct records, uuid is struct uuid, a nullable struct is a pointer.
 *
 * FETCH_REQUEST_INIT, FETCH_REQUEST_FETCH_TOPIC_INIT give a struct its schema's
 * defaults. Begin with them, not with zeroes: a string whose data is NULL is
 * null, and most fields may not be.
 *
 * Decoded messages are views into the bytes read; their arrays live in the
 * arena given, and are freed with it. Any thread. */
#ifndef GREGOR_PROTOCOL_MESSAGE_H
#define GREGOR_PROTOCOL_MESSAGE_H

#include "protocol/wire.h"

#define BYTES_EMPTY ((struct bytes){(const uint8_t *)"", 0})

enum message_kind {
    MESSAGE_REQUEST,
    MESSAGE_RESPONSE,
    MESSAGE_HEADER,
    MESSAGE_DATA,
    MESSAGE_RECORD, /* metadata and coordinator records: api_key is the type */
};

struct message_type {
    const char *name; /* "FetchRequest" */
    enum message_kind kind;
    int16_t api_key; /* -1: none */
    int16_t min_version;
    int16_t max_version;
    int16_t first_flexible; /* INT16_MAX: none */
    bool latest_unstable;   /* max_version is not advertised */
    size_t size;            /* of the struct */

    /* Sets every field to its default. */
    void (*init)(void *message);

    /* Reads one message; fields outside `version` get their defaults. On
     * failure, also for a version that is none, r->failed is set, and the
     * message holds what is safe to look at but means nothing. Bytes behind the
     * message are left unread. */
    void (*decode)(struct wire_reader *r, int16_t version, void *message);

    /* Appends; w->out.failed tells of missing memory. A field set to another
     * value than its default, but outside `version` and not ignorable, is
     * ERR_UNSUPPORTED_VERSION; a null where `version` has none, or a string
     * longer than INT16_MAX, is ERR_INVALID. What was appended until then stays
     * in `w`. */
    int (*encode)(struct wire_writer *w, int16_t version, const void *message,
                  struct err *err);

    /* The number of bytes that a successful encode appends, gaps included. */
    size_t (*encoded_size)(int16_t version, const void *message);

    /* For tests and tracing, as Kafka's JsonConverter prints it: bytes in base64,
     * records as "". Appends; out->failed tells of missing memory. */
    void (*to_json)(struct buf *out, int16_t version, const void *message);
};

/* Decodes the whole of `data`: bytes left over are an error too. */
int message_decode(const struct message_type *type, int16_t version, struct bytes data,
                   struct arena *arena, void *message, struct err *err);

/* The request or response type of an API key; NULL if there is none. */
const struct message_type *message_request_type(int16_t api_key);
const struct message_type *message_response_type(int16_t api_key);

/* The type of a record in __cluster_metadata; NULL if there is none. */
const struct message_type *message_metadata_record_type(int16_t api_key);

/* All of them, by name. */
extern const struct message_type *const message_types[];
extern const size_t message_type_count;

/* By name, "FetchRequest"; NULL if there is none. */
const struct message_type *message_type_by_name(const char *name);

/* The header versions that go with a message (request: 0-2, response: 0-1;
 * ApiVersions' response always 0). */
int16_t message_request_header_version(const struct message_type *type,
                                       int16_t version);
int16_t message_response_header_version(const struct message_type *type,
                                        int16_t version);

#endif
