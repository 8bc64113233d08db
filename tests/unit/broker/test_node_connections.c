/* The connections of a node that has nothing else; instead of the broker's handlers
 * stands one that waits until it is told that its client is gone. */
#include "broker/node_connections.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/api/api.h"
#include "tests/support/check_main.h"
#include "tests/support/fake_clock.h"

#define MOST 4

struct fixture {
    struct node node; /* first */
    struct fake_clock clock;
    uv_loop_t loop;
    struct trace trace;
    char traced[1024];
    int clients[MOST];
    int count;
    struct request *waiting; /* without peer_gone: it came while a pool job ran */
    int answered;
};

static void answer(struct request *r)
{
    ((struct fixture *)r->node)->answered++;
    r->peer_gone = NULL;
    request_respond_nothing(r);
}

static void handle(struct request *r)
{
    ((struct fixture *)r->node)->waiting = r;
}

/* In the place of api_table.c. */
const struct api *api_find(int16_t key)
{
    static const struct api any = {.key = API_METADATA,
                                   .min_version = 0,
                                   .max_version = 13,
                                   .request = &metadata_request_type,
                                   .response = &metadata_response_type,
                                   .handle = handle};
    (void)key;
    return &any;
}

static void keep_line(const struct trace *trace, enum trace_level level,
                      const char *line)
{
    struct fixture *f = trace->context;
    (void)level;
    snprintf(f->traced, sizeof(f->traced), "%s", line);
}

static void open_fixture(struct fixture *f)
{
    struct broker_config_input input = {.profile = PROFILE_DEV};
    struct broker_config *config;
    memset(f, 0, sizeof(*f));
    f->trace = (struct trace){TRACE_WARN, keep_line, f};
    ck_assert_int_eq(uv_loop_init(&f->loop), 0);
    ck_assert_int_eq(broker_config_create(&input, &config, NULL), 0);
    f->node.config = config;
    fake_clock_init(&f->clock, 0);
    f->node.env = (struct node_environment){
        .loop = &f->loop, .clock = &f->clock.clock, .trace = &f->trace};
    node_connections_init(&f->node);
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < 4; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* A client of that address; whether it was taken in. */
static bool connect_from(struct fixture *f, const char *ip)
{
    int fds[2];
    int before = f->node.connection_count;
    struct sockaddr_storage address = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    in->sin_family = AF_INET;
    in->sin_port = htons(1234);
    inet_pton(AF_INET, ip, &in->sin_addr);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f->clients[f->count++] = fds[1];
    node_accept(&f->node, NULL, fds[0], &address);
    return f->node.connection_count > before;
}

static void send_request(struct fixture *f, int client)
{
    struct buf out = BUF_INIT;
    wire_write_int32(&out, 14);
    wire_write_int16(&out, API_METADATA);
    wire_write_int16(&out, 0);
    wire_write_int32(&out, 1);
    wire_write_int16(&out, -1); /* no client id */
    wire_write_int32(&out, 0);  /* no topics */
    ck_assert_int_eq(send(f->clients[client], out.data, out.len, 0), (ssize_t)out.len);
    buf_free(&out);
    turn(f);
    ck_assert_ptr_nonnull(f->waiting);
}

static bool is_closed(struct fixture *f, int client)
{
    char byte;
    turn(f);
    return recv(f->clients[client], &byte, 1, 0) == 0;
}

static void close_fixture(struct fixture *f)
{
    node_close_all(&f->node);
    turn(f);
    ck_assert_int_eq(f->node.connection_count, 0);
    ck_assert_int_eq(f->node.in_flight, 0);
    ck_assert_ptr_null(f->node.oldest);
    ck_assert_ptr_null(f->node.ip_counts);
    for (int i = 0; i < f->count; i++)
        close(f->clients[i]);
    broker_config_destroy(f->node.config);
    ck_assert_int_eq(uv_loop_close(&f->loop), 0);
}

START_TEST(an_address_has_its_share_of_connections)
{
    struct fixture f;
    open_fixture(&f);
    f.node.config->max_connections_per_ip = 1;
    ck_assert(connect_from(&f, "10.0.0.1"));
    ck_assert(!connect_from(&f, "10.0.0.1"));
    ck_assert_ptr_nonnull(strstr(f.traced, "max.connections.per.ip is 1"));
    ck_assert(is_closed(&f, 1));
    ck_assert(connect_from(&f, "10.0.0.2"));
    close(f.clients[0]);
    f.clients[0] = dup(f.clients[1]);
    turn(&f);
    ck_assert(connect_from(&f, "10.0.0.1")); /* its place is free again */
    close_fixture(&f);
}
END_TEST

START_TEST(no_more_are_accepted_than_allowed)
{
    struct fixture f;
    open_fixture(&f);
    f.node.config->max_connections = 1;
    ck_assert(node_may_accept(&f.node));
    ck_assert(connect_from(&f, "10.0.0.1"));
    ck_assert(!node_may_accept(&f.node));
    close_fixture(&f);
}
END_TEST

START_TEST(who_was_silent_for_long_is_closed)
{
    struct fixture f;
    open_fixture(&f);
    connect_from(&f, "10.0.0.1");
    connect_from(&f, "10.0.0.2");
    struct connection *first = f.node.oldest, *second = f.node.newest;
    fake_clock_advance_ms(&f.clock, 1000);
    send_request(&f, 0); /* active: now the other stands at the front */
    ck_assert_ptr_eq(f.node.oldest, second);
    ck_assert_ptr_eq(f.node.newest, first);
    f.node.config->connections_max_idle_ms = 600000;
    node_close_idle(&f.node);
    ck_assert(!is_closed(&f, 1));
    f.node.config->connections_max_idle_ms = 1000;
    node_close_idle(&f.node);
    ck_assert(is_closed(&f, 1));
    ck_assert(!is_closed(&f, 0));
    answer(f.waiting);
    close_fixture(&f);
}
END_TEST

START_TEST(a_drain_closes_the_idle_and_ends_the_waits)
{
    struct fixture f;
    open_fixture(&f);
    connect_from(&f, "10.0.0.1");
    connect_from(&f, "10.0.0.1");
    send_request(&f, 0);
    f.waiting->peer_gone = answer;
    ck_assert(request_may_wait(f.waiting));
    node_drain_connections(&f.node);
    ck_assert_int_eq(f.answered, 1);
    ck_assert(is_closed(&f, 0));
    ck_assert(is_closed(&f, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(a_request_at_work_is_answered_during_the_drain_and_then_closed)
{
    struct fixture f;
    open_fixture(&f);
    connect_from(&f, "10.0.0.1");
    send_request(&f, 0);
    node_drain_connections(&f.node);
    ck_assert(!is_closed(&f, 0));
    answer(f.waiting); /* the pool job is done */
    ck_assert(is_closed(&f, 0));
    close_fixture(&f);
}
END_TEST

/* Its connection is freed with the answer, while the drain goes through the list. */
START_TEST(a_drain_survives_a_wait_whose_client_went_before)
{
    struct fixture f;
    open_fixture(&f);
    connect_from(&f, "10.0.0.1");
    connect_from(&f, "10.0.0.2");
    send_request(&f, 0);
    connection_abort(f.waiting->connection, "the test says so");
    turn(&f); /* libuv has let go of the handle */
    ck_assert_int_eq(f.node.connection_count, 2);
    ck_assert(!request_may_wait(f.waiting));
    f.waiting->peer_gone = answer; /* begun to wait only now */
    node_drain_connections(&f.node);
    ck_assert_int_eq(f.answered, 1);
    ck_assert_int_eq(f.node.connection_count, 1);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("node_connections", an_address_has_its_share_of_connections,
             no_more_are_accepted_than_allowed, who_was_silent_for_long_is_closed,
             a_drain_closes_the_idle_and_ends_the_waits,
             a_request_at_work_is_answered_during_the_drain_and_then_closed,
             a_drain_survives_a_wait_whose_client_went_before)
