/* storage/log_file.h
 *
 * The descriptor of a segment's .log, shared between the segment and the
 * responses that still send from it: a segment may be deleted while a slow
 * reader drains it. Counted on the loop thread; the last release closes. */
#ifndef GREGOR_STORAGE_LOG_FILE_H
#define GREGOR_STORAGE_LOG_FILE_H

#include "storage/disk.h"

struct log_file {
    struct disk *disk;
    int fd;
    int refs;
};

/* Takes over `fd`; one reference. NULL when out of memory (fd stays open). */
struct log_file *log_file_create(struct disk *disk, int fd);
struct log_file *log_file_acquire(struct log_file *f);
void log_file_release(struct log_file *f); /* accepts NULL */

/* Bytes of a log on their way to a reader. Owns a reference on `file`. */
struct log_slice {
    struct log_file *file; /* NULL: empty */
    int64_t position;
    int32_t size;
};

#endif
