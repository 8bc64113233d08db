/* storage/batch_walk.h
 *
 * Walks the record batches of a stretch of a .log file, from one that begins
 * at a known position: headers alone, or whole batches.
 *
 *     0 ──────────── position ─ batch ─ batch ─ bat│
 *                                             end of the stretch
 *
 * A batch that the stretch cuts short ends the walk: `position` tells where
 * the whole ones end. Any thread, one owner; every call may block. */
#ifndef GREGOR_STORAGE_BATCH_WALK_H
#define GREGOR_STORAGE_BATCH_WALK_H

#include "protocol/record_batch.h"
#include "storage/disk.h"

#define BATCH_WALK_HEADERS 8192           /* room that header walks do well with */
#define BATCH_WALK_SCAN ((size_t)1 << 20) /* room for reading all of a file */

struct batch_walk {
    struct disk *disk;
    int fd;
    int64_t position; /* of the next batch */
    int64_t end;
    uint8_t *window; /* bytes [from, from + len) of the file */
    size_t room;
    int64_t from;
    size_t len;
    bool grows; /* the window is owned, and grows to hold a whole batch */
};

/* Over memory of the caller, at least RECORD_BATCH_OVERHEAD bytes: headers. */
void batch_walk_headers(struct batch_walk *w, struct disk *disk, int fd,
                        int64_t position, int64_t end, uint8_t *window, size_t room);

/* With memory of its own: whole batches. `room` is what is read at a time, unless
 * one batch needs more; BATCH_WALK_SCAN in the second. */
int batch_walk_open_sized(struct batch_walk *w, struct disk *disk, int fd,
                          int64_t position, int64_t end, size_t room, struct err *err);
int batch_walk_open(struct batch_walk *w, struct disk *disk, int fd, int64_t position,
                    int64_t end, struct err *err);
void batch_walk_close(struct batch_walk *w); /* accepts a zeroed one */

/* Takes the next batch: 1, and its header and position; 0 when no whole batch
 * is left; negative, see batch_walk_is_corrupt(), when what is there is none;
 * the disk's errors. The walk stands still on an error. */
int batch_walk_next(struct batch_walk *w, struct record_batch *out, int64_t *position,
                    struct err *err);

/* The same with the batch's bytes, borrowed until the next call. For
 * batch_walk_open() only. */
int batch_walk_next_whole(struct batch_walk *w, struct record_batch *out,
                          const uint8_t **data, struct err *err);

/* Tells bytes that are no batch from a disk that does not answer. */
static inline bool batch_walk_is_corrupt(int rc)
{
    return rc == ERR_CORRUPT_MESSAGE || rc == ERR_INVALID_RECORD ||
           rc == ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
}

#endif
