/* broker/connection.h
 *
 * One client's socket: frames in, responses out, one request at a time.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_CONNECTION_H
#define GREGOR_BROKER_CONNECTION_H

#include <uv.h>

#include "broker/response.h"
#include "protocol/base/trace.h"

struct connection;
struct listener;
struct request;

/* What a connection needs of its surroundings; borrowed for its life. */
struct connection_owner {
    uv_loop_t *loop;
    const struct trace *trace;
    int32_t request_max_bytes; /* socket.request.max.bytes */

    /* A whole frame has come: the request is the connection's until it calls
     * connection_respond(). `frame` is without the size
     * field, may be changed in place, and stays valid until then. */
    void (*on_frame)(struct connection_owner *owner, struct connection *c,
                     uint8_t *frame, int32_t size);
    /* The client is gone while a request is under way: what waits need not.
     * connection_respond() must still follow, now or later. */
    void (*on_peer_gone)(struct connection_owner *owner, struct connection *c);
    /* The last call for this connection, before its memory is freed. */
    void (*on_closed)(struct connection_owner *owner, struct connection *c);
    /* Bytes came or went. */
    void (*on_active)(struct connection_owner *owner, struct connection *c);
};

/* Takes over the non-blocking socket. NULL when out of memory: fd is closed.
 * `peer` is the client's address for traces, copied. */
struct connection *connection_open(struct connection_owner *owner, int fd,
                                   const char *peer);

/* Answers the request under way. NULL: this request wants no answer (acks=0).
 * The response is taken over. */
void connection_respond(struct connection *c, struct response *response);

/* Closes the socket. A request under way must still be ended, with
 * connection_respond(c, NULL). refuse() says why in a warning: the client is at
 * fault. */
void connection_close(struct connection *c, const char *why);
void connection_refuse(struct connection *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As close, for everybody but the request under way, which learns of it through
 * on_peer_gone(). */
void connection_abort(struct connection *c, const char *why);

/* Closes once what is being sent has left: at once, if nothing is. */
void connection_finish(struct connection *c, const char *why);

/* False once the client has closed its side, or we ours: nobody waits for an
 * answer. Requests that came before may still follow. */
bool connection_is_open(const struct connection *c);
const char *connection_peer(const struct connection *c);

/* For the owner: a request under way, a list of connections, the client's
 * last known name. */
struct connection_links {
    struct connection *prev, *next; /* by activity, oldest first */
    int64_t active_ms;
    struct request *request;
    struct listener *listener;
    char ip[46];
    char client_id[64];
    char client_software[64]; /* name and version, from ApiVersions */
};
struct connection_links *connection_links(struct connection *c);

#endif
