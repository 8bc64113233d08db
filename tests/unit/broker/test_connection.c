/* A connection on one end of a socket pair, with a real loop that turns when the
 * test says so, and the client on the other end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/connection.h"
#include "tests/support/check_main.h"

#define REQUEST_MAX 100000

enum manner {
    ECHOING, /* answers with the frame itself */
    SILENCE, /* wants no answer, as Produce with acks=0 */
    HOLDING, /* the test answers, with answer() */
};

struct fixture {
    struct connection_owner owner; /* first */
    uv_loop_t loop;
    struct trace trace;
    char traced[4096];
    struct connection *c;
    int client;
    enum manner manner;
    struct buf seen;     /* all frames, one behind the other */
    struct buf held;     /* the frame under way */
    struct buf got;      /* what the client has received */
    size_t answer_bytes; /* an answer is filled up to so many */
    int frames, gone, closed, active;
    int depth; /* of on_frame() calls inside each other */
    bool holding;
    bool end; /* the client has read the end of the stream */
};

static void keep_line(const struct trace *trace, enum trace_level level,
                      const char *line)
{
    struct fixture *f = trace->context;
    (void)level;
    size_t used = strlen(f->traced);
    snprintf(f->traced + used, sizeof(f->traced) - used, "%s\n", line);
}

static struct response *echo_of(const struct fixture *f, const uint8_t *frame,
                                size_t size)
{
    size_t total = size < f->answer_bytes ? f->answer_bytes : size;
    struct wire_writer w = WIRE_WRITER_INIT;
    wire_write_int32(&w.out, (int32_t)total);
    buf_append(&w.out, frame, size);
    if (total > size)
        memset(buf_extend(&w.out, total - size), 'x', total - size);
    struct response *r = response_create(&w);
    ck_assert_ptr_nonnull(r);
    return r;
}

static void hold(struct fixture *f, const uint8_t *frame, size_t size)
{
    f->holding = true;
    buf_append(&f->held, frame, size);
}

static void on_frame(struct connection_owner *owner, struct connection *c,
                     uint8_t *frame, int32_t size)
{
    struct fixture *f = (struct fixture *)owner;
    ck_assert(!f->holding); /* one at a time */
    f->frames++;
    ck_assert_int_eq(f->depth++, 0);
    buf_append(&f->seen, frame, (size_t)size);
    if (f->manner == ECHOING)
        connection_respond(c, echo_of(f, frame, (size_t)size));
    else if (f->manner == SILENCE)
        connection_respond(c, NULL);
    else
        hold(f, frame, (size_t)size);
    if (size > 0 && f->manner == HOLDING)
        frame[0] ^= 0xff; /* it may be changed in place */
    f->depth--;
}

static void on_peer_gone(struct connection_owner *owner, struct connection *c)
{
    (void)c;
    ((struct fixture *)owner)->gone++;
}

static void on_closed(struct connection_owner *owner, struct connection *c)
{
    struct fixture *f = (struct fixture *)owner;
    ck_assert(!connection_is_open(c));
    f->closed++;
    f->c = NULL;
}

static void on_active(struct connection_owner *owner, struct connection *c)
{
    (void)c;
    ((struct fixture *)owner)->active++;
}

/* Small socket buffers, so that they fill up soon. */
static void open_pair(int *ours, int *client)
{
    int fds[2];
    int small = 8192;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    }
    *ours = fds[0];
    *client = fds[1];
}

static void open_fixture(struct fixture *f, enum manner manner)
{
    int fd;
    memset(f, 0, sizeof(*f));
    f->manner = manner;
    f->trace = (struct trace){TRACE_WARN, keep_line, f};
    ck_assert_int_eq(uv_loop_init(&f->loop), 0);
    f->owner = (struct connection_owner){
        .loop = &f->loop,
        .trace = &f->trace,
        .request_max_bytes = REQUEST_MAX,
        .on_frame = on_frame,
        .on_peer_gone = on_peer_gone,
        .on_closed = on_closed,
        .on_active = on_active,
    };
    open_pair(&fd, &f->client);
    f->c = connection_open(&f->owner, fd, "127.0.0.1:4711");
    ck_assert_ptr_nonnull(f->c);
    ck_assert_str_eq(connection_peer(f->c), "127.0.0.1:4711");
}

static void receive(struct fixture *f)
{
    while (f->client >= 0 && !f->end) {
        uint8_t bytes[4096];
        ssize_t n = recv(f->client, bytes, sizeof(bytes), 0);
        if (n > 0)
            buf_append(&f->got, bytes, (size_t)n);
        else if (n == 0 || errno == ECONNRESET)
            f->end = true;
        else
            return;
    }
}

/* Turns of the loop, without and with a client that reads. */
static void turn(struct fixture *f)
{
    for (int i = 0; i < 4; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void turn_and_receive(struct fixture *f)
{
    for (int i = 0; i < 4; i++) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        receive(f);
    }
}

/* As much as the socket takes; returns how much. */
static size_t send_some(struct fixture *f, const void *bytes, size_t len)
{
    ssize_t n = send(f->client, bytes, len, MSG_NOSIGNAL);
    ck_assert(n >= 0 || errno == EAGAIN);
    return n < 0 ? 0 : (size_t)n;
}

static void send_all(struct fixture *f, const void *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        sent += send_some(f, (const uint8_t *)bytes + sent, len - sent);
        turn_and_receive(f);
    }
}

static void add_frame(struct buf *out, const char *text)
{
    wire_write_int32(out, (int32_t)strlen(text));
    buf_append(out, text, strlen(text));
}

static void send_frames(struct fixture *f, int count, const char *const *texts)
{
    struct buf out = BUF_INIT;
    for (int i = 0; i < count; i++)
        add_frame(&out, texts[i]);
    ck_assert_uint_eq(send_some(f, out.data, out.len), out.len);
    buf_free(&out);
}

#define SEND(f, ...)                                                                \
    send_frames((f), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
                (const char *[]){__VA_ARGS__})

static void send_size(struct fixture *f, int32_t size)
{
    uint8_t bytes[4];
    store_be32(bytes, (uint32_t)size);
    ck_assert_uint_eq(send_some(f, bytes, sizeof(bytes)), sizeof(bytes));
}

static void check_bytes(const struct buf *have, const char *want, size_t len)
{
    ck_assert_uint_eq(have->len, len);
    if (len > 0)
        ck_assert_mem_eq(have->data, want, len);
}

static void check_seen(const struct fixture *f, const char *want)
{
    check_bytes(&f->seen, want, strlen(want));
}

static void expect_answers(const struct fixture *f, int count, const char *const *texts)
{
    struct buf want = BUF_INIT;
    for (int i = 0; i < count; i++)
        add_frame(&want, texts[i]);
    check_bytes(&f->got, (const char *)want.data, want.len);
    buf_free(&want);
}

#define EXPECT(f, ...)                                                                 \
    expect_answers((f), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), \
                   (const char *[]){__VA_ARGS__})

/* Answers the request that is held. */
static void answer(struct fixture *f)
{
    struct buf held = f->held;
    f->held = BUF_INIT;
    f->holding = false;
    connection_respond(f->c, echo_of(f, held.data, held.len));
    buf_free(&held);
}

static void answer_nothing(struct fixture *f)
{
    buf_free(&f->held);
    f->held = BUF_INIT;
    f->holding = false;
    connection_respond(f->c, NULL);
}

static void client_leaves(struct fixture *f)
{
    close(f->client);
    f->client = -1;
}

static void close_fixture(struct fixture *f)
{
    if (f->c != NULL)
        connection_close(f->c, "the test is over");
    turn(f);
    ck_assert_int_eq(f->closed, 1);
    if (f->client >= 0)
        close(f->client);
    ck_assert_int_eq(uv_loop_close(&f->loop), 0);
    buf_free(&f->seen);
    buf_free(&f->held);
    buf_free(&f->got);
}

START_TEST(pipelined_frames_are_answered_in_order)
{
    struct fixture f;
    open_fixture(&f, ECHOING);
    SEND(&f, "one", "", "three", "four");
    turn_and_receive(&f);
    EXPECT(&f, "one", "", "three", "four");
    ck_assert_int_eq(f.frames, 4);
    ck_assert_int_gt(f.active, 0);
    ck_assert(connection_is_open(f.c));
    close_fixture(&f);
}
END_TEST

START_TEST(a_frame_waits_for_the_answer_to_the_one_before)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "one", "two");
    turn_and_receive(&f);
    SEND(&f, "three");
    turn_and_receive(&f);
    check_seen(&f, "one");
    answer(&f);
    turn_and_receive(&f);
    EXPECT(&f, "one");
    check_seen(&f, "onetwo");
    answer_nothing(&f);
    turn_and_receive(&f);
    check_seen(&f, "onetwothree");
    answer(&f);
    turn_and_receive(&f);
    EXPECT(&f, "one", "three");
    close_fixture(&f);
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte)
{
    struct fixture f;
    struct buf out = BUF_INIT;
    open_fixture(&f, ECHOING);
    add_frame(&out, "slow");
    add_frame(&out, "slower");
    for (size_t i = 0; i < out.len; i++) {
        ck_assert_int_eq(f.frames, i >= 8 ? 1 : 0);
        send_all(&f, out.data + i, 1);
    }
    EXPECT(&f, "slow", "slower");
    buf_free(&out);
    close_fixture(&f);
}
END_TEST

START_TEST(a_large_frame_is_followed_by_small_ones)
{
    struct fixture f;
    struct buf out = BUF_INIT;
    char *large = malloc(REQUEST_MAX + 1);
    open_fixture(&f, ECHOING);
    for (int i = 0; i < REQUEST_MAX; i++)
        large[i] = (char)('a' + i % 23);
    large[REQUEST_MAX] = '\0';
    add_frame(&out, "before");
    add_frame(&out, large);
    add_frame(&out, "behind");
    send_all(&f, out.data, out.len);
    turn_and_receive(&f);
    EXPECT(&f, "before", large, "behind");
    free(large);
    buf_free(&out);
    close_fixture(&f);
}
END_TEST

static void expect_refusal(int32_t size, const char *why)
{
    struct fixture f;
    open_fixture(&f, ECHOING);
    snprintf(connection_links(f.c)->client_id, sizeof(connection_links(f.c)->client_id),
             "wild");
    SEND(&f, "good");
    send_size(&f, size);
    turn_and_receive(&f);
    EXPECT(&f, "good");
    ck_assert(f.end);
    ck_assert_int_eq(f.closed, 1);
    ck_assert_ptr_nonnull(strstr(f.traced, why));
    ck_assert_ptr_nonnull(strstr(f.traced, "127.0.0.1:4711"));
    ck_assert_ptr_nonnull(strstr(f.traced, "client.id 'wild'"));
    close_fixture(&f);
}

START_TEST(sizes_that_cannot_be_are_refused_with_a_line)
{
    expect_refusal(-1, "negative size -1");
    expect_refusal(INT32_MIN, "negative size -2147483648");
    expect_refusal(REQUEST_MAX + 1, "socket.request.max.bytes is 100000");
    expect_refusal(INT32_MAX, "2147483647 bytes");
}
END_TEST

START_TEST(a_refusal_is_told_once)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "bad");
    turn(&f);
    connection_refuse(f.c, "it is %s", "bad");
    connection_refuse(f.c, "it is %s", "worse");
    answer_nothing(&f);
    turn(&f);
    ck_assert_int_eq(f.closed, 1);
    ck_assert_ptr_nonnull(strstr(f.traced, "it is bad"));
    ck_assert_ptr_null(strstr(f.traced, "worse"));
    close_fixture(&f);
}
END_TEST

/* Nothing but the sockets' own buffers holds what a client does not read. */
START_TEST(a_client_that_does_not_read_is_not_served_on)
{
    struct fixture f;
    struct buf out = BUF_INIT;
    open_fixture(&f, ECHOING);
    f.answer_bytes = 50000;
    for (int i = 0; i < 100; i++)
        add_frame(&out, "give me much");
    ck_assert_uint_eq(send_some(&f, out.data, out.len), out.len);
    turn(&f);
    int served = f.frames;
    ck_assert_int_gt(served, 0);
    ck_assert_int_lt(served, 5);
    turn(&f);
    ck_assert_int_eq(f.frames, served);
    for (int i = 0; i < 10000 && f.got.len < 100 * 50004; i++)
        turn_and_receive(&f);
    ck_assert_uint_eq(f.got.len, 100 * 50004);
    ck_assert_int_eq(f.frames, 100);
    for (size_t i = 0; i < 100; i++) {
        const uint8_t *at = f.got.data + i * 50004;
        ck_assert_uint_eq(load_be32(at), 50000);
        ck_assert_mem_eq(at + 4, "give me much", 12);
    }
    buf_free(&out);
    close_fixture(&f);
}
END_TEST

START_TEST(many_pipelined_frames_are_not_handled_inside_each_other)
{
    struct fixture f;
    struct buf out = BUF_INIT;
    open_fixture(&f, SILENCE);
    for (int i = 0; i < 50000; i++)
        wire_write_int32(&out, 0);
    send_all(&f, out.data, out.len);
    turn(&f);
    ck_assert_int_eq(f.frames, 50000);
    buf_free(&out);
    close_fixture(&f);
}
END_TEST

START_TEST(a_client_that_leaves_is_noticed_while_its_request_is_under_way)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "wait");
    turn(&f);
    ck_assert(connection_is_open(f.c));
    client_leaves(&f);
    turn(&f);
    ck_assert_int_eq(f.gone, 1);
    ck_assert(!connection_is_open(f.c));
    ck_assert_int_eq(f.closed, 0); /* the request still needs its frame */
    answer(&f);
    turn(&f);
    ck_assert_int_eq(f.closed, 1);
    ck_assert_int_eq(f.gone, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(what_a_client_sent_before_it_left_is_served)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "one");
    turn(&f);
    SEND(&f, "two", "three");
    turn(&f);
    client_leaves(&f);
    turn(&f);
    answer_nothing(&f);
    turn(&f);
    check_seen(&f, "onetwo");
    answer_nothing(&f);
    turn(&f);
    check_seen(&f, "onetwothree");
    answer_nothing(&f);
    turn(&f);
    ck_assert_int_eq(f.closed, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_client_that_only_stops_sending_gets_its_answer)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "last words");
    ck_assert_int_eq(shutdown(f.client, SHUT_WR), 0);
    turn(&f);
    ck_assert_int_eq(f.gone, 1);
    answer(&f);
    turn_and_receive(&f);
    EXPECT(&f, "last words");
    ck_assert(f.end);
    ck_assert_int_eq(f.closed, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_client_that_leaves_amid_an_answer_ends_the_connection)
{
    struct fixture f;
    open_fixture(&f, ECHOING);
    f.answer_bytes = 1 << 20;
    SEND(&f, "much", "more");
    turn(&f);
    ck_assert_int_eq(f.frames, 1);
    client_leaves(&f);
    turn(&f);
    ck_assert_int_eq(f.closed, 1);
    ck_assert_int_eq(f.frames, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_client_that_leaves_amid_a_frame_ends_the_connection)
{
    struct fixture f;
    open_fixture(&f, ECHOING);
    send_size(&f, 10);
    send_all(&f, "half", 4);
    client_leaves(&f);
    turn(&f);
    ck_assert_int_eq(f.closed, 1);
    ck_assert_int_eq(f.frames, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(an_abort_tells_the_request_under_way)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "wait", "never");
    turn(&f);
    connection_abort(f.c, "the test says so");
    ck_assert_int_eq(f.gone, 1);
    connection_abort(f.c, "again");
    ck_assert_int_eq(f.gone, 1);
    turn_and_receive(&f);
    ck_assert(f.end); /* the client knows, though the request is not over */
    ck_assert_int_eq(f.closed, 0);
    answer(&f);
    ck_assert_int_eq(f.closed, 1); /* at once: the handle is long gone */
    check_seen(&f, "wait");
    close_fixture(&f);
}
END_TEST

START_TEST(a_close_tells_nobody_and_waits_for_the_request)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    SEND(&f, "wait");
    turn(&f);
    connection_close(f.c, "the test says so");
    ck_assert_int_eq(f.gone, 0);
    answer_nothing(&f); /* before libuv has let go of the handle */
    ck_assert_int_eq(f.closed, 0);
    turn(&f);
    ck_assert_int_eq(f.closed, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(finishing_closes_an_idle_connection_at_once)
{
    struct fixture f;
    open_fixture(&f, ECHOING);
    turn(&f);
    connection_finish(f.c, "the test says so");
    turn_and_receive(&f);
    ck_assert(f.end);
    ck_assert_int_eq(f.closed, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(finishing_lets_the_request_under_way_be_answered)
{
    struct fixture f;
    open_fixture(&f, HOLDING);
    f.answer_bytes = 200000;
    SEND(&f, "last", "too late");
    turn(&f);
    connection_finish(f.c, "the test says so");
    ck_assert(connection_is_open(f.c));
    answer(&f);
    for (int i = 0; i < 1000 && !f.end; i++)
        turn_and_receive(&f);
    ck_assert_uint_eq(f.got.len, 200004);
    ck_assert(f.end);
    check_seen(&f, "last");
    ck_assert_int_eq(f.closed, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(frames_cut_anywhere_come_whole)
{
    unsigned seed = check_seed();
    struct fixture f;
    struct buf out = BUF_INIT, payloads = BUF_INIT;
    open_fixture(&f, ECHOING);
    for (int i = 0; i < 300; i++) {
        uint8_t bytes[9000];
        int size = rand_r(&seed) % 3 == 0 ? rand_r(&seed) % 9000 : rand_r(&seed) % 30;
        for (int n = 0; n < size; n++)
            bytes[n] = (uint8_t)rand_r(&seed);
        wire_write_int32(&out, size);
        buf_append(&out, bytes, (size_t)size);
        buf_append(&payloads, bytes, (size_t)size);
    }
    for (size_t at = 0; at < out.len;) {
        size_t piece = 1 + (size_t)(rand_r(&seed) % 6000);
        if (piece > out.len - at)
            piece = out.len - at;
        at += send_some(&f, out.data + at, piece);
        f.manner = rand_r(&seed) % 2 == 0 ? HOLDING : ECHOING;
        uv_run(&f.loop, UV_RUN_NOWAIT);
        receive(&f);
        f.manner = ECHOING;
        if (f.holding)
            answer(&f);
    }
    for (int i = 0; i < 10000 && f.got.len < out.len; i++)
        turn_and_receive(&f);
    check_bytes(&f.seen, (const char *)payloads.data, payloads.len);
    check_bytes(&f.got, (const char *)out.data, out.len);
    buf_free(&out);
    buf_free(&payloads);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("connection", pipelined_frames_are_answered_in_order,
             a_frame_waits_for_the_answer_to_the_one_before,
             a_frame_may_come_byte_by_byte, a_large_frame_is_followed_by_small_ones,
             sizes_that_cannot_be_are_refused_with_a_line, a_refusal_is_told_once,
             a_client_that_does_not_read_is_not_served_on,
             many_pipelined_frames_are_not_handled_inside_each_other,
             a_client_that_leaves_is_noticed_while_its_request_is_under_way,
             what_a_client_sent_before_it_left_is_served,
             a_client_that_only_stops_sending_gets_its_answer,
             a_client_that_leaves_amid_an_answer_ends_the_connection,
             a_client_that_leaves_amid_a_frame_ends_the_connection,
             an_abort_tells_the_request_under_way,
             a_close_tells_nobody_and_waits_for_the_request,
             finishing_closes_an_idle_connection_at_once,
             finishing_lets_the_request_under_way_be_answered,
             frames_cut_anywhere_come_whole)
