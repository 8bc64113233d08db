/* Any bytes on a connection, in pieces: a real connection with a real loop on one
 * end of a socket pair, and behind it the way of a request as far as its decoded
 * message. The first byte of the input cuts the rest into pieces; instead of the
 * broker's handlers stand ones that answer nothing, at once or a turn later.
 *
 * Whatever comes, every request that began ends, and the connection goes in the
 * end. ASan and UBSan watch the rest. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/api/api.h"

#define TURNS_AT_END 8
#define REQUEST_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct node node;
    uv_loop_t loop;
    struct trace trace;
    struct connection *connection; /* NULL: closed */
    struct request *waiting;       /* to be answered later */
    unsigned handled;
};

#define WORLD_OF(node_pointer) ((struct world *)(node_pointer))

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* ---- in the place of api_table.c ----------------------------------------- */

/* Every second request waits for a later turn. */
static void handle(struct request *r)
{
    struct world *w = WORLD_OF(r->node);
    demand(r->message != NULL && w->waiting == NULL);
    if (w->handled++ % 2 == 0)
        request_respond_nothing(r);
    else
        w->waiting = r;
}

#define APIS 128

static struct api *all_apis(void)
{
    static struct api apis[APIS];
    for (int16_t key = 0; key < APIS; key++) {
        const struct message_type *type = message_request_type(key);
        if (type == NULL || apis[key].handle != NULL)
            continue;
        apis[key] = (struct api){.key = (enum api_key)key,
                                 .min_version = type->min_version,
                                 .max_version = type->max_version,
                                 .request = type,
                                 .response = &api_versions_response_type,
                                 .handle = handle};
    }
    return apis;
}

const struct api *api_find(int16_t key)
{
    struct api *apis = all_apis();
    return key < 0 || key >= APIS || apis[key].handle == NULL ? NULL : &apis[key];
}

/* ---- the connection's surroundings --------------------------------------- */

static struct world *world_of(struct connection_owner *owner)
{
    return (struct world *)((char *)owner - offsetof(struct world, node.connections));
}

static void on_frame(struct connection_owner *owner, struct connection *c,
                     uint8_t *frame, int32_t size)
{
    request_begin(&world_of(owner)->node, c, frame, size);
}

static void on_peer_gone(struct connection_owner *owner, struct connection *c)
{
    demand(world_of(owner)->waiting == connection_links(c)->request);
}

static void on_closed(struct connection_owner *owner, struct connection *c)
{
    demand(connection_links(c)->request == NULL);
    world_of(owner)->connection = NULL;
}

static void on_active(struct connection_owner *owner, struct connection *c)
{
    (void)owner;
    (void)c;
}

static void drop_line(const struct trace *trace, enum trace_level level,
                      const char *line)
{
    (void)trace;
    (void)level;
    (void)line;
}

static void open_world(struct world *w, int fd)
{
    *w = (struct world){.trace = {.level = TRACE_DEBUG, .write = drop_line}};
    demand(uv_loop_init(&w->loop) == 0);
    w->node.env = (struct node_environment){
        .loop = &w->loop, .clock = &clock_system, .trace = &w->trace};
    w->node.connections = (struct connection_owner){.loop = &w->loop,
                                                    .trace = &w->trace,
                                                    .request_max_bytes = REQUEST_MAX,
                                                    .on_frame = on_frame,
                                                    .on_peer_gone = on_peer_gone,
                                                    .on_closed = on_closed,
                                                    .on_active = on_active};
    w->connection = connection_open(&w->node.connections, fd, "fuzz");
    demand(w->connection != NULL);
}

static void turn(struct world *w)
{
    uv_run(&w->loop, UV_RUN_NOWAIT);
    struct request *waiting = w->waiting;
    w->waiting = NULL;
    if (waiting != NULL)
        request_respond_nothing(waiting);
}

/* Sizes from 1 to a few hundred, chosen by a generator that the input seeds. */
static size_t next_piece(uint32_t *state, size_t left)
{
    *state = *state * 1664525u + 1013904223u;
    size_t piece = 1 + (*state >> 24) * (*state >> 16 & 3);
    return piece < left ? piece : left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    struct world w;
    if (size == 0)
        return 0;
    demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    open_world(&w, fds[0]);
    uint32_t state = data[0];
    for (size_t at = 1; at < size && w.connection != NULL;) {
        ssize_t n =
            send(fds[1], data + at, next_piece(&state, size - at), MSG_NOSIGNAL);
        if (n > 0)
            at += (size_t)n;
        turn(&w);
    }
    close(fds[1]);
    /* Frames that still lie in the socket, then its end. */
    for (int n = 0; w.connection != NULL || n < TURNS_AT_END; n++) {
        turn(&w);
        demand(n < 100000);
    }
    demand(w.node.in_flight == 0);
    demand(uv_loop_close(&w.loop) == 0);
    return 0;
}
