/* One socket, one request at a time
 *
 *                    bytes                whole frame
 *     CONN_READING ---------> CONN_READING ----------> CONN_BUSY
 *          ^                                             | connection_respond()
 *          |      all sent                               v
 *          +------------------------------------- CONN_WRITING
 *
 *     any state --- error, peer gone, connection_close() ---> CONN_CLOSING
 *
 * Kafka promises that requests of a connection are handled and answered in
 * order. It mutes the channel from the moment a request is complete until its
 * response has left, and so do we: while a connection is BUSY or WRITING it
 * reads nothing, and the kernel's socket buffer is the only queue. That bounds
 * the memory of a client to one frame and one response, however it behaves.
 *
 * A client that closes its side while its request is under way is gone, and what
 * waits is told. But what it sent before counts: a producer with acks=0 sends
 * its batches and leaves. So the requests behind are served until the end of the
 * stream is read; only a connection that failed is closed at once.
 *
 * Polling follows lazily. Going BUSY does not touch epoll, since most requests
 * are answered before the loop comes back; only when the socket turns readable
 * while we cannot read is the interest dropped.
 *
 * An idle connection owns no buffer. The first read of a frame takes a small
 * one, which holds several small pipelined requests; a frame that does not fit
 * gets a buffer of its exact size, so nothing ever lies behind it that would
 * have to be moved. */
#include "broker/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL_BUFFER ((size_t)4096)
#define SIZE_FIELD 4

enum conn_state { CONN_READING, CONN_BUSY, CONN_WRITING, CONN_CLOSING, CONN_STATES };

struct connection {
    struct connection_owner *owner;
    uv_poll_t poll;
    int fd;
    enum conn_state state;
    int polled; /* the events that epoll watches for us */
    bool handle_open;
    bool in_frame;    /* on_frame() has not been answered yet */
    bool dispatching; /* on_frame() is on the stack */
    bool finishing;   /* no more requests after the one under way */
    bool peer_left;   /* the client has closed its side */

    uint8_t *in; /* [in_start, in_end) is not yet consumed */
    size_t in_cap, in_start, in_end;

    struct response *out;
    struct connection_links links;
    char peer[56];
};

static void connection_enter(struct connection *c, enum conn_state next)
{
    static const bool legal[CONN_STATES][CONN_STATES] = {
        [CONN_READING] = {[CONN_BUSY] = true, [CONN_CLOSING] = true},
        [CONN_BUSY] =
            {[CONN_READING] = true, [CONN_WRITING] = true, [CONN_CLOSING] = true},
        [CONN_WRITING] = {[CONN_READING] = true, [CONN_CLOSING] = true},
    };
    assert(legal[c->state][next]);
    c->state = next;
}

/* Frees once libuv has let go of the handle and the request under way, which
 * may look into the buffer, has been answered. */
static void maybe_free(struct connection *c)
{
    if (c->state != CONN_CLOSING || c->handle_open || c->in_frame)
        return;
    c->owner->on_closed(c->owner, c);
    response_destroy(c->out);
    free(c->in);
    free(c);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    close(c->fd);
    c->handle_open = false;
    maybe_free(c);
}

void connection_close(struct connection *c, const char *why)
{
    if (c->state == CONN_CLOSING)
        return;
    trace_debug(c->owner->trace, "connection from %s closed: %s", c->peer, why);
    connection_enter(c, CONN_CLOSING);
    /* The client learns at once, even while its request still has to be
     * answered and keeps our memory. */
    shutdown(c->fd, SHUT_RDWR);
    uv_close((uv_handle_t *)&c->poll, on_handle_closed);
}

void connection_abort(struct connection *c, const char *why)
{
    if (c->state == CONN_CLOSING)
        return;
    connection_close(c, why);
    if (c->in_frame)
        c->owner->on_peer_gone(c->owner, c);
}

void connection_finish(struct connection *c, const char *why)
{
    c->finishing = true;
    if (c->state == CONN_READING)
        connection_close(c, why);
}

void connection_refuse(struct connection *c, const char *format, ...)
{
    char why[256];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (c->state == CONN_CLOSING)
        return;
    trace_warn(c->owner->trace, "closing the connection from %s (client.id '%s'): %s",
               c->peer, c->links.client_id, why);
    connection_close(c, why);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void poll_for(struct connection *c, int events)
{
    if (c->polled == events || c->state == CONN_CLOSING)
        return;
    c->polled = events;
    if (events == 0)
        uv_poll_stop(&c->poll);
    else
        uv_poll_start(&c->poll, events, on_poll);
}

/* Makes sure that the frame whose size is known fits, in one piece. */
static bool make_room(struct connection *c, size_t frame_bytes)
{
    size_t have = c->in_end - c->in_start;
    if (c->in_start + frame_bytes <= c->in_cap)
        return true;
    uint8_t *in = malloc(frame_bytes);
    if (in == NULL)
        return false;
    memcpy(in, c->in + c->in_start, have);
    free(c->in);
    c->in = in;
    c->in_cap = frame_bytes;
    c->in_start = 0;
    c->in_end = have;
    return true;
}

static void drop_consumed(struct connection *c, size_t frame_bytes)
{
    c->in_start += frame_bytes;
    if (c->in_start < c->in_end)
        return;
    free(c->in);
    c->in = NULL;
    c->in_cap = c->in_start = c->in_end = 0;
}

/* The size of the frame at the front with its size field, 0 while unknown, -1
 * when the connection has been refused. */
static int64_t front_frame(struct connection *c)
{
    if (c->in_end - c->in_start < SIZE_FIELD)
        return 0;
    int32_t size = (int32_t)load_be32(c->in + c->in_start);
    if (size < 0) {
        connection_refuse(c, "a request of negative size %d", size);
        return -1;
    }
    if (size > c->owner->request_max_bytes) {
        connection_refuse(c, "a request of %d bytes; socket.request.max.bytes is %d",
                          size, c->owner->request_max_bytes);
        return -1;
    }
    return (int64_t)size + SIZE_FIELD;
}

/* Hands whole frames to the owner until one waits, or none is whole. */
static void dispatch_frames(struct connection *c)
{
    if (c->dispatching)
        return; /* the loop below goes on by itself */
    c->dispatching = true;
    while (c->state == CONN_READING) {
        int64_t frame = front_frame(c);
        if (frame <= 0 || (int64_t)(c->in_end - c->in_start) < frame)
            break;
        connection_enter(c, CONN_BUSY);
        c->in_frame = true;
        c->owner->on_frame(c->owner, c, c->in + c->in_start + SIZE_FIELD,
                           (int32_t)(frame - SIZE_FIELD));
    }
    c->dispatching = false;
}

/* Ends the request at the front and turns to the next one. */
static void next_request(struct connection *c)
{
    connection_enter(c, CONN_READING);
    if (c->finishing) {
        connection_close(c, "the broker stops");
        return;
    }
    poll_for(c, UV_READABLE);
    dispatch_frames(c);
}

static void write_out(struct connection *c)
{
    enum response_progress p = response_send(c->out, c->fd);
    if (p == RESPONSE_BLOCKED) {
        poll_for(c, UV_WRITABLE);
        return;
    }
    response_destroy(c->out);
    c->out = NULL;
    if (p == RESPONSE_BROKEN)
        connection_close(c, "the response could not be sent");
    else
        next_request(c);
}

void connection_respond(struct connection *c, struct response *response)
{
    assert(c->in_frame);
    c->in_frame = false;
    if (c->state == CONN_CLOSING) {
        response_destroy(response);
        maybe_free(c);
        return;
    }
    drop_consumed(c, SIZE_FIELD + load_be32(c->in + c->in_start));
    if (response == NULL) {
        next_request(c);
        return;
    }
    c->out = response;
    connection_enter(c, CONN_WRITING);
    write_out(c);
}

/* How much one recv() may bring: the rest of a frame that has begun, or what a
 * small buffer holds. */
static bool prepare_read(struct connection *c)
{
    if (c->in == NULL) {
        c->in = malloc(SMALL_BUFFER);
        c->in_cap = c->in == NULL ? 0 : SMALL_BUFFER;
        return c->in != NULL;
    }
    int64_t frame = front_frame(c);
    if (frame < 0)
        return false;
    return make_room(c, frame == 0 ? SMALL_BUFFER : (size_t)frame);
}

/* Reads until the socket is empty or a request is under way. The number of
 * rounds is bounded so that one busy client cannot keep the loop. */
static void read_in(struct connection *c)
{
    for (int round = 0; round < 16 && c->state == CONN_READING; round++) {
        if (!prepare_read(c)) {
            if (c->state != CONN_CLOSING)
                connection_refuse(c, "no memory for its request");
            return;
        }
        size_t room = c->in_cap - c->in_end;
        ssize_t n = recv(c->fd, c->in + c->in_end, room, 0);
        if (n == 0) {
            connection_close(c, "the client closed it");
            return;
        }
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                connection_close(c, strerror(errno));
            else if (c->in_end == c->in_start)
                drop_consumed(c, 0);
            return;
        }
        c->in_end += (size_t)n;
        dispatch_frames(c);
        if ((size_t)n < room)
            return; /* the socket is empty: epoll tells when it is not */
    }
}

/* Nothing more comes, so nothing is watched until the request is answered. */
static void on_peer_left(struct connection *c)
{
    poll_for(c, 0);
    c->peer_left = true;
    c->owner->on_peer_gone(c->owner, c);
}

/* Readable while a request is under way: more requests, which must wait, or
 * the end of the connection, which must not. */
static void peek_while_busy(struct connection *c)
{
    char byte;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0)
        on_peer_left(c);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        connection_abort(c, strerror(errno));
    else
        poll_for(c, UV_DISCONNECT);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct connection *c = poll->data;
    if (status < 0) {
        /* libuv says EBADF, whatever it is. */
        connection_abort(c, "the connection failed");
        return;
    }
    c->owner->on_active(c->owner, c);
    if (c->state == CONN_WRITING && (events & UV_WRITABLE))
        write_out(c);
    else if (c->state == CONN_WRITING && (events & UV_READABLE))
        poll_for(c, UV_WRITABLE);
    else if (c->state == CONN_BUSY && (events & UV_DISCONNECT))
        on_peer_left(c);
    else if (c->state == CONN_BUSY)
        peek_while_busy(c);
    else if (c->state == CONN_READING)
        read_in(c);
}

struct connection *connection_open(struct connection_owner *owner, int fd,
                                   const char *peer)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL || uv_poll_init(owner->loop, &c->poll, fd) != 0) {
        close(fd);
        free(c);
        return NULL;
    }
    c->owner = owner;
    c->fd = fd;
    c->poll.data = c;
    c->handle_open = true;
    snprintf(c->peer, sizeof(c->peer), "%s", peer);
    poll_for(c, UV_READABLE);
    return c;
}

bool connection_is_open(const struct connection *c)
{
    return c->state != CONN_CLOSING && !c->peer_left;
}

const char *connection_peer(const struct connection *c)
{
    return c->peer;
}

struct connection_links *connection_links(struct connection *c)
{
    return &c->links;
}
