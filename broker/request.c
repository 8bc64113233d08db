#include "broker/request.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/api/api.h"

/* The fixed front of every request: api key, api version, correlation id. */
#define FRONT_SIZE 8

/* What a request may take of memory beyond its frame. Decoded arrays are a small
 * multiple of the bytes they come from, and only records make a request large,
 * which are not copied. Answers are bounded by what there is to tell: settings of
 * ten thousand topics are the largest. */
#define DECODE_TIMES 16
#define DECODE_FLOOR ((size_t)1 << 20)
#define DECODE_CEILING ((size_t)64 << 20)
#define ANSWER_LIMIT ((size_t)512 << 20)

static void request_end(struct request *r)
{
    if (r->cleanup != NULL)
        r->cleanup(r);
    r->node->in_flight--;
    arena_reset(&r->arena);
    free(r->opening);
    free(r);
}

const char *request_peer(const struct request *r)
{
    return connection_peer(r->connection);
}

bool request_may_wait(const struct request *r)
{
    return !r->node->stopping && connection_is_open(r->connection);
}

/* Ends the request first: answering may begin the connection's next one. */
static void finish(struct request *r, struct response *response)
{
    struct connection *c = r->connection;
    connection_links(c)->request = NULL;
    request_end(r);
    connection_respond(c, response);
}

void request_respond_nothing(struct request *r)
{
    finish(r, NULL);
}

void request_refuse(struct request *r, const char *format, ...)
{
    char why[256];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    connection_refuse(r->connection, "%s", why);
    finish(r, NULL);
}

static void release_gaps(struct wire_writer *w)
{
    for (size_t i = 0; i < w->gap_count; i++) {
        struct log_slice *slice = w->gaps[i].source;
        log_file_release(slice->file);
        slice->file = NULL;
    }
    wire_writer_free(w);
}

/* Frame size, header, body. */
static int encode(const struct request *r, int16_t version, const void *message,
                  struct wire_writer *w, struct err *err)
{
    buf_extend(&w->out, sizeof(int32_t));
    struct response_header header = RESPONSE_HEADER_INIT;
    header.correlation_id = r->correlation_id;
    int16_t header_version = message_response_header_version(r->api->response, version);
    int rc = response_header_type.encode(w, header_version, &header, err);
    if (rc == 0)
        rc = r->api->response->encode(w, version, message, err);
    if (rc == 0 && w->out.failed)
        rc = err_nomem(err);
    size_t total = w->out.len - sizeof(int32_t);
    for (size_t i = 0; i < w->gap_count; i++)
        total += w->gaps[i].len;
    if (rc == 0 && total > INT32_MAX)
        rc = err_set(err, ERR_INVALID, "a response of %zu bytes", total);
    if (rc == 0)
        store_be32(w->out.data, (uint32_t)total);
    return rc;
}

static void respond_in(struct request *r, int16_t version, const void *message)
{
    struct wire_writer w = WIRE_WRITER_INIT;
    struct err err = {0};
    if (encode(r, version, message, &w, &err) != 0) {
        release_gaps(&w);
        request_refuse(r, "%s cannot be answered: %s", r->api->request->name,
                       err.message);
        return;
    }
    struct response *response = response_create(&w);
    if (response == NULL)
        request_refuse(r, "no memory for the answer to %s, or its log cannot be read",
                       r->api->request->name);
    else
        finish(r, response);
}

void request_respond(struct request *r, const void *response)
{
    respond_in(r, r->version, response);
}

/* The one request of unknown version that is answered: a newer client learns
 * which ApiVersions we speak (KIP-511). */
static void respond_unsupported_api_versions(struct request *r)
{
    struct api_versions_response answer = API_VERSIONS_RESPONSE_INIT;
    struct api_versions_response_api_version only =
        API_VERSIONS_RESPONSE_API_VERSION_INIT;
    only.api_key = API_API_VERSIONS;
    only.min_version = r->api->min_version;
    only.max_version = r->api->max_version;
    answer.error_code = KAFKA_UNSUPPORTED_VERSION;
    answer.api_keys = &only;
    answer.api_keys_count = 1;
    respond_in(r, 0, &answer);
}

static int decode(struct request *r, const uint8_t *frame, int32_t size,
                  struct err *err)
{
    struct wire_reader reader = wire_reader_of(frame, (size_t)size, &r->arena);
    struct request_header header = REQUEST_HEADER_INIT;
    request_header_type.decode(
        &reader, message_request_header_version(r->api->request, r->version), &header);
    if (reader.failed)
        return err_set(err, ERR_MALFORMED, "its header cannot be read: %s", reader.why);
    r->client_id = header.client_id;
    r->message = arena_alloc(&r->arena, r->api->request->size);
    if (r->message == NULL)
        return err_nomem(err);
    /* Bytes behind the request are passed over, as Kafka does: librdkafka sends
     * three too many when it asks for the metadata of all topics (its issue 5049). */
    r->api->request->decode(&reader, r->version, r->message);
    if (reader.failed)
        return err_set(err, ERR_MALFORMED, "its body cannot be read: %s", reader.why);
    return 0;
}

static size_t decode_limit(int32_t size)
{
    size_t limit = DECODE_FLOOR + (size_t)size * DECODE_TIMES;
    return limit < DECODE_CEILING ? limit : DECODE_CEILING;
}

static struct request *request_create(struct node *node, struct connection *c,
                                      int32_t size)
{
    struct request *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    r->node = node;
    r->connection = c;
    r->received_us = clock_mono_us(node->env.clock);
    r->arena.limit = decode_limit(size);
    node->in_flight++;
    connection_links(c)->request = r;
    return r;
}

static void note_client_id(struct request *r)
{
    struct connection_links *links = connection_links(r->connection);
    snprintf(links->client_id, sizeof(links->client_id), "%.*s",
             STR_ARGS(r->client_id));
}

void request_begin(struct node *node, struct connection *c, uint8_t *frame,
                   int32_t size)
{
    if (size < FRONT_SIZE) {
        connection_refuse(c, "a request of %d bytes", size);
        connection_respond(c, NULL);
        return;
    }
    struct request *r = request_create(node, c, size);
    if (r == NULL) {
        connection_refuse(c, "no memory for its request");
        connection_respond(c, NULL);
        return;
    }
    int16_t key = (int16_t)load_be16(frame);
    r->version = (int16_t)load_be16(frame + 2);
    r->correlation_id = (int32_t)load_be32(frame + 4);
    r->api = api_find(key);
    if (r->api == NULL) {
        const struct message_type *type = message_request_type(key);
        request_refuse(r, "%s (API key %d) is not served here",
                       type == NULL ? "an unknown request" : type->name, key);
        return;
    }
    if (r->version < r->api->min_version || r->version > r->api->max_version) {
        if (key == API_API_VERSIONS)
            respond_unsupported_api_versions(r);
        else
            request_refuse(r, "%s version %d is not served; versions %d to %d are",
                           r->api->request->name, r->version, r->api->min_version,
                           r->api->max_version);
        return;
    }
    struct err err = {0};
    if (decode(r, frame, size, &err) != 0) {
        request_refuse(r, "%s version %d cannot be decoded: %s", r->api->request->name,
                       r->version, err.message);
        return;
    }
    note_client_id(r);
    r->arena.limit = ANSWER_LIMIT;
    r->api->handle(r);
}

/* Opening the logs that a request needs
 *
 * Every log that is closed is asked for; the request waits for all of them and
 * is then handled from its start. Those that could not be opened are OFFLINE or
 * gone by then, which the handler finds out by itself. */
struct request_opening {
    struct request *request;
    int waiting;
    struct opening_wait {
        struct log_request base;
        struct request_opening *opening;
    } waits[];
};

static void on_opened(struct log_request *base, int rc, const struct err *err)
{
    (void)rc; /* the handle's state says the same to the handler */
    (void)err;
    struct request_opening *o = ((struct opening_wait *)base)->opening;
    if (--o->waiting > 0)
        return;
    struct request *r = o->request;
    r->opening = NULL;
    free(o);
    r->api->handle(r);
}

static bool needs_opening(const struct partition *p)
{
    return p != NULL &&
           (p->handle.state == LOG_CLOSED || p->handle.state == LOG_OPENING);
}

bool request_open_logs(struct request *r, struct partition *const *partitions,
                       int count)
{
    int closed = 0;
    for (int i = 0; i < count; i++)
        closed += needs_opening(partitions[i]);
    if (closed == 0)
        return true;
    struct request_opening *o =
        calloc(1, sizeof(*o) + (size_t)closed * sizeof(struct opening_wait));
    if (o == NULL) {
        /* The handler meets closed logs and answers KAFKA_STORAGE_ERROR. */
        return true;
    }
    o->request = r;
    for (int i = 0; i < count; i++) {
        if (!needs_opening(partitions[i]))
            continue;
        struct opening_wait *wait = &o->waits[o->waiting];
        wait->opening = o;
        wait->base.done = on_opened;
        if (log_manager_ensure_open(r->node->logs, &partitions[i]->handle, &wait->base,
                                    NULL) == 0)
            o->waiting++;
    }
    if (o->waiting == 0) {
        free(o);
        return true;
    }
    r->opening = o;
    return false;
}
