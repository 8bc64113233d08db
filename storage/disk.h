/* storage/disk.h
 *
 * Every disk call of the broker goes through this struct of functions, so that
 * tests can make any of them fail, forget what was not synced, or count.
 * Functions return 0 (or a count) and a negative err_code with *err set.
 *
 * All calls may block. Loop thread only for the append of a batch and for
 * reads that disk_cached() vouches for; pool jobs otherwise, and start-up. */
#ifndef GREGOR_STORAGE_DISK_H
#define GREGOR_STORAGE_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/uio.h>

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum disk_open {
    DISK_READ = 0,
    DISK_WRITE = 1 << 0,     /* read and write */
    DISK_CREATE = 1 << 1,    /* make it if it is missing */
    DISK_EXCLUSIVE = 1 << 2, /* with CREATE: ERR_EXISTS if it is there */
    DISK_TRUNCATE = 1 << 3,
};

struct disk_entry {
    const char *name; /* borrowed for the call */
    bool is_dir;
};

struct disk {
    const struct disk_ops *ops;
};

struct disk_ops {
    /* *fd is a descriptor that sendfile() takes, for the system's disk. */
    int (*open)(struct disk *d, const char *path, int flags, int *fd, struct err *err);
    void (*close)(struct disk *d, int fd);
    /* Whole reads and writes: a short one is retried; a read that meets the
     * end returns what there was. */
    int64_t (*read)(struct disk *d, int fd, void *out, size_t len, int64_t at,
                    struct err *err);
    int (*write)(struct disk *d, int fd, const struct iovec *parts, int count,
                 int64_t at, struct err *err);
    /* Data and size. Never called again for what a failed one left. */
    int (*sync)(struct disk *d, int fd, struct err *err);
    int (*truncate)(struct disk *d, int fd, int64_t size, struct err *err);
    int64_t (*size)(struct disk *d, int fd, struct err *err);
    /* When the file's content last changed, wall clock. */
    int (*modified_ms)(struct disk *d, const char *path, int64_t *ms, struct err *err);
    /* Whether a read there would not wait for the device. */
    bool (*cached)(struct disk *d, int fd, int64_t at, size_t len);
    int (*rename)(struct disk *d, const char *from, const char *to, struct err *err);
    int (*remove)(struct disk *d, const char *path,
                  struct err *err); /* file or empty dir */
    int (*mkdir)(struct disk *d, const char *path,
                 struct err *err); /* 0 if it is there; mode 0755, files 0644 */
    int (*sync_dir)(struct disk *d, const char *path, struct err *err);
    /* Calls `each` for every entry but . and ..; its non-zero result ends it. */
    int (*list)(struct disk *d, const char *path,
                int (*each)(void *context, const struct disk_entry *entry),
                void *context, struct err *err);
    /* An advisory lock on the file, which is made if it is missing: held until
     * close(*fd) or the process ends, against this process too. ERR_BUSY. */
    int (*lock)(struct disk *d, const char *path, int *fd, struct err *err);
    /* Free and total bytes of the volume that `path` lies on. */
    int (*space)(struct disk *d, const char *path, int64_t *free_bytes,
                 int64_t *total_bytes, struct err *err);
};

/* The system's files. Stateless: share it. */
extern const struct disk_ops disk_system_ops;

/* Helpers over the above. Appends the whole file; ERR_CORRUPT when it is larger
 * than `limit`. */
int disk_read_file(struct disk *d, const char *path, size_t limit, struct buf *out,
                   struct err *err);
/* Writes path.tmp, syncs it, renames it over `path`, syncs the folder: after a
 * crash either the old or the new content is there. */
int disk_write_file_atomically(struct disk *d, const char *path, const void *data,
                               size_t len, struct err *err);
/* ERR_NO_SPACE, and how much there is, unless so many bytes are free. */
int disk_need_space(struct disk *d, const char *path, int64_t bytes, struct err *err);
/* Syncs a file by its name; one that is not there was deleted meanwhile, and nobody
 * will miss it: 0. */
int disk_sync_file(struct disk *d, const char *path, struct err *err);
/* A folder and everything in it. */
int disk_remove_tree(struct disk *d, const char *path, struct err *err);

#endif
