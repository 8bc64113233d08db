/* broker/response.h
 *
 * A response on its way out: the bytes of its frame, with gaps that are filled
 * from log files (protocol/wire.h). What is small is copied in and leaves in
 * one write; what is large goes from file to socket.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_RESPONSE_H
#define GREGOR_BROKER_RESPONSE_H

#include "protocol/wire.h"
#include "storage/log_file.h"

struct response {
    struct wire_writer frame; /* from the size field on */
    struct log_slice *slices; /* owned: one for each gap, in order */
    size_t slice_count;
    size_t next_slice; /* the first one not fully sent */
    size_t sent;       /* bytes of frame.out that have left */
    int64_t slice_sent;
};

enum response_progress {
    RESPONSE_DONE,
    RESPONSE_BLOCKED, /* the socket is full: call again when it is writable */
    RESPONSE_BROKEN,  /* the peer or the file failed: close the connection */
};

/* Takes over the frame and its gaps, whose sources are struct log_slice; the
 * references of the slices move into the response. NULL when out of memory, or
 * when a file holds less than its slice: then frame and slices are released. */
struct response *response_create(struct wire_writer *frame);
void response_destroy(struct response *r);

/* Sends as much as the socket takes. */
enum response_progress response_send(struct response *r, int fd);

#endif
