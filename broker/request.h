/* broker/request.h
 *
 * One request from frame to answer: what a handler is given and how it answers.
 *
 * A handler is called with the decoded message in r->message, a view into the
 * connection's buffer. It ends the request exactly once with one of the
 * request_respond…() calls, at once or on a later turn. What it needs meanwhile
 * comes from r->arena and is freed after the answer.
 *
 * A handler that waits may set r->peer_gone: it is called when the client goes
 * away, and may end the wait early. The answer is still due; it is dropped.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_REQUEST_H
#define GREGOR_BROKER_REQUEST_H

#include "broker/node.h"
#include "protocol/kafka_error.h"
#include "protocol/message.h"

struct api;
struct connection;
struct partition;

struct request {
    struct node *node;
    struct connection *connection;
    const struct api *api;
    int16_t version;
    int32_t correlation_id;
    struct str client_id; /* may be null */
    struct arena arena;
    void *message; /* of api's request type */
    void *state;   /* the handler's own */
    void (*peer_gone)(struct request *r);
    void (*cleanup)(struct request *r); /* before the arena goes; may be NULL */
    int64_t received_us;                /* monotonic */
    struct request_opening *opening;
};

/* Encodes and sends `response`, a struct of the api's response type, borrowed
 * for the call. Records with a source become bytes from a log: the source is a
 * struct log_slice, whose reference is taken over. */
void request_respond(struct request *r, const void *response);

/* For Produce with acks=0: no answer. */
void request_respond_nothing(struct request *r);

/* Closes the connection instead of answering; says why in a warning. */
void request_refuse(struct request *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* False when nobody waits for the answer any more, or the broker stops: a handler
 * that would wait answers at once with what it has. */
bool request_may_wait(const struct request *r);

/* Logs open on first use. True: all of these are open (or offline, or gone:
 * using them says so) and the handler goes on. False: the handler returns, and
 * is called again from its start once they are. NULLs are skipped. */
bool request_open_logs(struct request *r, struct partition *const *partitions,
                       int count);

/* Decodes the frame, finds its handler and calls it: connection_owner.on_frame. */
void request_begin(struct node *node, struct connection *c, uint8_t *frame,
                   int32_t size);

/* For traces: who asks. */
const char *request_peer(const struct request *r);

#endif
