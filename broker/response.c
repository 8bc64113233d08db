/* Two ways out of a file
 *
 * A fetch answered with a few records is best read into the frame and sent with
 * one call: sendfile() would cost a system call for each piece and two small
 * packets. A fetch of much is best sent by sendfile(), which hands page-cache
 * pages to the socket without copying. On loopback the two cost the same processor
 * time at about 100 KiB; COPY_LIMIT is below that, since what is copied is memory
 * for as long as the reader is slow.
 *
 * A file that turns out shorter than its slice (truncated, or a failing disk)
 * cannot be answered any more, since the frame's size has been sent: the
 * connection is closed, and the client asks again. */
#include "broker/response.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define COPY_LIMIT ((size_t)64 * 1024)

static void release_slices(struct log_slice *slices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        log_file_release(slices[i].file);
    free(slices);
}

/* Moves the slices that the gaps point at into one array of our own. */
static struct log_slice *take_slices(struct wire_writer *frame)
{
    struct log_slice *slices = calloc(frame->gap_count, sizeof(*slices));
    for (size_t i = 0; i < frame->gap_count; i++) {
        struct log_slice *source = frame->gaps[i].source;
        if (slices != NULL)
            slices[i] = *source;
        else
            log_file_release(source->file);
        source->file = NULL;
    }
    return slices;
}

/* Puts what the gaps stand for into the frame itself. */
static bool copy_in(struct response *r, size_t total)
{
    struct buf whole = BUF_INIT;
    if (!buf_reserve(&whole, r->frame.out.len + total))
        return false;
    size_t copied = 0;
    bool ok = true;
    for (size_t i = 0; i < r->slice_count && ok; i++) {
        struct log_slice *s = &r->slices[i];
        size_t upto = r->frame.gaps[i].at;
        buf_append(&whole, r->frame.out.data + copied, upto - copied);
        copied = upto;
        uint8_t *at = buf_extend(&whole, (size_t)s->size);
        struct disk *disk = s->file->disk;
        ok = at != NULL && disk->ops->read(disk, s->file->fd, at, (size_t)s->size,
                                           s->position, NULL) == s->size;
    }
    buf_append(&whole, r->frame.out.data + copied, r->frame.out.len - copied);
    if (!ok || whole.failed) {
        buf_free(&whole);
        return false;
    }
    buf_free(&r->frame.out);
    r->frame.out = whole;
    r->next_slice = r->slice_count;
    return true;
}

struct response *response_create(struct wire_writer *frame)
{
    struct response *r = calloc(1, sizeof(*r));
    struct log_slice *slices = frame->gap_count == 0 ? NULL : take_slices(frame);
    size_t total = 0;
    for (size_t i = 0; i < frame->gap_count; i++)
        total += frame->gaps[i].len;
    if (r == NULL || (slices == NULL && frame->gap_count > 0)) {
        if (slices != NULL)
            release_slices(slices, frame->gap_count);
        wire_writer_free(frame);
        free(r);
        return NULL;
    }
    r->frame = *frame;
    r->slices = slices;
    r->slice_count = frame->gap_count;
    *frame = WIRE_WRITER_INIT;
    if (total > 0 && total <= COPY_LIMIT && !copy_in(r, total)) {
        response_destroy(r);
        return NULL;
    }
    return r;
}

void response_destroy(struct response *r)
{
    if (r == NULL)
        return;
    release_slices(r->slices, r->slice_count);
    wire_writer_free(&r->frame);
    free(r);
}

static enum response_progress after_failed_call(void)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return RESPONSE_BLOCKED;
    return errno == EINTR ? RESPONSE_DONE : RESPONSE_BROKEN;
}

/* Sends frame bytes up to `upto`; MSG_MORE holds the last packet back for the
 * file bytes that follow. */
static enum response_progress send_bytes(struct response *r, int fd, size_t upto,
                                         bool more)
{
    while (r->sent < upto) {
        ssize_t n = send(fd, r->frame.out.data + r->sent, upto - r->sent,
                         MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (n >= 0) {
            r->sent += (size_t)n;
            continue;
        }
        enum response_progress p = after_failed_call();
        if (p != RESPONSE_DONE)
            return p;
    }
    return RESPONSE_DONE;
}

static enum response_progress send_slice(struct response *r, int fd)
{
    struct log_slice *s = &r->slices[r->next_slice];
    while (r->slice_sent < s->size) {
        off_t at = s->position + r->slice_sent;
        ssize_t n = sendfile(fd, s->file->fd, &at, (size_t)(s->size - r->slice_sent));
        if (n > 0) {
            r->slice_sent += n;
            continue;
        }
        if (n == 0)
            return RESPONSE_BROKEN; /* the file ends before the slice */
        enum response_progress p = after_failed_call();
        if (p != RESPONSE_DONE)
            return p;
    }
    r->slice_sent = 0;
    r->next_slice++;
    return RESPONSE_DONE;
}

enum response_progress response_send(struct response *r, int fd)
{
    enum response_progress p = RESPONSE_DONE;
    while (p == RESPONSE_DONE && r->next_slice < r->slice_count) {
        p = send_bytes(r, fd, r->frame.gaps[r->next_slice].at, true);
        if (p == RESPONSE_DONE)
            p = send_slice(r, fd);
    }
    if (p == RESPONSE_DONE)
        p = send_bytes(r, fd, r->frame.out.len, false);
    return p;
}
