/* Responses made of bytes and pieces of real files, sent over a socket pair whose
 * buffers are tiny. */
#include "broker/response.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

#define FILE_BYTES (300 * 1024)
#define MOST 4

struct fixture {
    struct temp_dir dir;
    struct log_file *file;
    uint8_t *content;
    struct wire_writer w;
    struct log_slice slices[MOST];
    int slice_count;
    struct buf want, got;
    int ours, client;
};

static void open_fixture(struct fixture *f)
{
    int fds[2], small = 4096;
    memset(f, 0, sizeof(*f));
    temp_dir_open(&f->dir);
    f->content = malloc(FILE_BYTES);
    for (int i = 0; i < FILE_BYTES; i++)
        f->content[i] = (uint8_t)(i % 251);
    int fd = open(temp_dir_path(&f->dir, "log"), O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, f->content, FILE_BYTES), FILE_BYTES);
    f->file = log_file_create(&f->dir.disk, fd);
    ck_assert_ptr_nonnull(f->file);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f->ours = fds[0];
    f->client = fds[1];
    setsockopt(f->ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
}

static void close_fixture(struct fixture *f)
{
    ck_assert_int_eq(f->file->refs, 1); /* nobody else's is left */
    log_file_release(f->file);
    temp_dir_close(&f->dir);
    free(f->content);
    buf_free(&f->want);
    buf_free(&f->got);
    close(f->ours);
    if (f->client >= 0)
        close(f->client);
}

static void add_text(struct fixture *f, const char *text)
{
    buf_append(&f->w.out, text, strlen(text));
    buf_append(&f->want, text, strlen(text));
}

static void add_slice(struct fixture *f, int64_t position, int32_t size)
{
    struct log_slice *s = &f->slices[f->slice_count++];
    *s = (struct log_slice){log_file_acquire(f->file), position, size};
    wire_add_gap(&f->w, s, (size_t)size);
    if (position + size <= FILE_BYTES)
        buf_append(&f->want, f->content + position, (size_t)size);
}

static struct response *create(struct fixture *f)
{
    struct response *r = response_create(&f->w);
    for (int i = 0; i < f->slice_count; i++)
        ck_assert_ptr_null(f->slices[i].file); /* the reference went along */
    return r;
}

static bool receive(struct fixture *f, size_t most)
{
    uint8_t bytes[2000];
    ssize_t n = recv(f->client, bytes, most < sizeof(bytes) ? most : sizeof(bytes), 0);
    if (n > 0)
        buf_append(&f->got, bytes, (size_t)n);
    return n > 0;
}

/* Sends and receives in turns; returns how often the socket was full. */
static int deliver(struct fixture *f, struct response *r, size_t sip)
{
    int blocked = 0;
    enum response_progress p;
    while ((p = response_send(r, f->ours)) == RESPONSE_BLOCKED) {
        blocked++;
        ck_assert(receive(f, sip));
    }
    ck_assert_int_eq(p, RESPONSE_DONE);
    while (receive(f, 2000)) {
    }
    ck_assert_uint_eq(f->got.len, f->want.len);
    ck_assert_mem_eq(f->got.data, f->want.data, f->want.len);
    response_destroy(r);
    return blocked;
}

START_TEST(bytes_alone_leave_whole)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "hello");
    ck_assert_int_eq(deliver(&f, create(&f), 1), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(many_bytes_leave_as_the_socket_takes_them)
{
    struct fixture f;
    open_fixture(&f);
    uint8_t *at = buf_extend(&f.w.out, FILE_BYTES);
    memcpy(at, f.content, FILE_BYTES);
    buf_append(&f.want, f.content, FILE_BYTES);
    ck_assert_int_gt(deliver(&f, create(&f), 1500), 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_small_slice_is_copied_in)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "front ");
    add_slice(&f, 1000, 700);
    add_text(&f, " middle ");
    add_slice(&f, 5, 1);
    add_text(&f, " end");
    struct response *r = create(&f);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->frame.out.len, f.want.len);
    ck_assert_mem_eq(r->frame.out.data, f.want.data, f.want.len);
    deliver(&f, r, 100);
    close_fixture(&f);
}
END_TEST

START_TEST(large_slices_go_from_file_to_socket_though_it_blocks)
{
    struct fixture f;
    open_fixture(&f);
    add_slice(&f, 17, 100000); /* nothing before the first */
    add_text(&f, "between");
    add_slice(&f, 0, 1);
    add_slice(&f, FILE_BYTES - 90000, 90000); /* nothing between two */
    add_text(&f, "last");
    struct response *r = create(&f);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->frame.out.len, strlen("betweenlast")); /* no copy */
    ck_assert_int_gt(deliver(&f, r, 700), 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_slice_may_be_the_end)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "only ");
    add_slice(&f, 0, FILE_BYTES);
    deliver(&f, create(&f), 2000);
    close_fixture(&f);
}
END_TEST

START_TEST(an_empty_slice_is_nothing)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "a");
    f.slices[0] = (struct log_slice){log_file_acquire(f.file), 9, 0};
    f.slice_count = 1;
    wire_add_gap(&f.w, &f.slices[0], 0);
    add_text(&f, "b");
    add_slice(&f, 0, 150000);
    deliver(&f, create(&f), 2000);
    close_fixture(&f);
}
END_TEST

START_TEST(a_file_too_short_for_its_slice_breaks_the_answer)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "size says more");
    add_slice(&f, FILE_BYTES - 1000, 160000);
    struct response *r = create(&f);
    ck_assert_ptr_nonnull(r);
    enum response_progress p;
    while ((p = response_send(r, f.ours)) == RESPONSE_BLOCKED)
        ck_assert(receive(&f, 2000));
    ck_assert_int_eq(p, RESPONSE_BROKEN);
    response_destroy(r);
    close_fixture(&f);
}
END_TEST

START_TEST(a_file_too_short_to_copy_from_gives_no_answer)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "front");
    add_slice(&f, 0, 10);
    add_slice(&f, FILE_BYTES - 5, 6);
    ck_assert_ptr_null(create(&f));
    close_fixture(&f);
}
END_TEST

START_TEST(a_peer_that_left_breaks_the_answer)
{
    struct fixture f;
    open_fixture(&f);
    add_text(&f, "nobody reads this");
    struct response *r = create(&f);
    close(f.client);
    f.client = -1;
    ck_assert_int_eq(response_send(r, f.ours), RESPONSE_BROKEN);
    response_destroy(r);
    close_fixture(&f);
}
END_TEST

START_TEST(destroying_half_a_response_lets_its_files_go)
{
    struct fixture f;
    open_fixture(&f);
    add_slice(&f, 0, 200000);
    add_slice(&f, 0, 200000);
    struct response *r = create(&f);
    ck_assert_int_eq(response_send(r, f.ours), RESPONSE_BLOCKED);
    ck_assert_int_eq(f.file->refs, 3);
    response_destroy(r);
    response_destroy(NULL);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("response", bytes_alone_leave_whole,
             many_bytes_leave_as_the_socket_takes_them, a_small_slice_is_copied_in,
             large_slices_go_from_file_to_socket_though_it_blocks,
             a_slice_may_be_the_end, an_empty_slice_is_nothing,
             a_file_too_short_for_its_slice_breaks_the_answer,
             a_file_too_short_to_copy_from_gives_no_answer,
             a_peer_that_left_breaks_the_answer,
             destroying_half_a_response_lets_its_files_go)
