#include "storage/batch_walk.h"

#include <assert.h>
#include <stdlib.h>

void batch_walk_headers(struct batch_walk *w, struct disk *disk, int fd,
                        int64_t position, int64_t end, uint8_t *window, size_t room)
{
    assert(room >= RECORD_BATCH_OVERHEAD);
    *w = (struct batch_walk){
        .disk = disk,
        .fd = fd,
        .position = position,
        .end = end,
        .window = window,
        .room = room,
    };
}

int batch_walk_open_sized(struct batch_walk *w, struct disk *disk, int fd,
                          int64_t position, int64_t end, size_t room, struct err *err)
{
    if (end - position < (int64_t)room)
        room = (size_t)(end - position);
    if (room < RECORD_BATCH_OVERHEAD)
        room = RECORD_BATCH_OVERHEAD;
    uint8_t *window = malloc(room);
    if (window == NULL)
        return err_nomem(err);
    batch_walk_headers(w, disk, fd, position, end, window, room);
    w->grows = true;
    return 0;
}

int batch_walk_open(struct batch_walk *w, struct disk *disk, int fd, int64_t position,
                    int64_t end, struct err *err)
{
    return batch_walk_open_sized(w, disk, fd, position, end, BATCH_WALK_SCAN, err);
}

void batch_walk_close(struct batch_walk *w)
{
    if (w->grows)
        free(w->window);
    *w = (struct batch_walk){0};
}

static bool window_holds(const struct batch_walk *w, size_t len)
{
    return w->position >= w->from &&
           w->position + (int64_t)len <= w->from + (int64_t)w->len;
}

/* Brings `len` bytes from the position on into the window. */
static int fill(struct batch_walk *w, size_t len, struct err *err)
{
    if (window_holds(w, len))
        return 0;
    if (len > w->room) {
        /* A batch lies whole inside the stretch, so this is no larger than
         * the file: a length made up by garbage cannot get here. */
        uint8_t *window = realloc(w->window, len);
        if (window == NULL)
            return err_nomem(err);
        w->window = window;
        w->room = len;
    }
    size_t want = w->room;
    if (w->end - w->position < (int64_t)want)
        want = (size_t)(w->end - w->position);
    w->len = 0;
    int64_t got = w->disk->ops->read(w->disk, w->fd, w->window, want, w->position, err);
    if (got < 0)
        return (int)got;
    w->from = w->position;
    w->len = (size_t)got;
    if (w->len < len)
        return err_set(err, ERR_CORRUPT, "the log file is shorter than it was");
    return 0;
}

static const uint8_t *at_position(const struct batch_walk *w)
{
    return w->window + (w->position - w->from);
}

/* 1: the header of a batch that lies whole in the stretch is in the window. */
static int look(struct batch_walk *w, struct record_batch *out, struct err *err)
{
    int32_t size;
    if (w->end - w->position < RECORD_BATCH_OVERHEAD)
        return 0;
    int rc = fill(w, RECORD_BATCH_OVERHEAD, err);
    if (rc == 0)
        rc = record_batch_size(at_position(w), RECORD_BATCH_OVERHEAD, &size, err);
    if (rc != 0)
        return rc;
    if (size > w->end - w->position)
        return 0;
    rc = record_batch_read(at_position(w), RECORD_BATCH_OVERHEAD, out, err);
    return rc == 0 ? 1 : rc;
}

int batch_walk_next(struct batch_walk *w, struct record_batch *out, int64_t *position,
                    struct err *err)
{
    int rc = look(w, out, err);
    if (rc != 1)
        return rc;
    *position = w->position;
    w->position += out->size;
    return 1;
}

int batch_walk_next_whole(struct batch_walk *w, struct record_batch *out,
                          const uint8_t **data, struct err *err)
{
    assert(w->grows);
    int rc = look(w, out, err);
    if (rc != 1)
        return rc;
    rc = fill(w, (size_t)out->size, err);
    if (rc != 0)
        return rc;
    *data = at_position(w);
    w->position += out->size;
    return 1;
}
