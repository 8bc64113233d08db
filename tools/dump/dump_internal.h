/* tools/dump/dump_internal.h: what the printers of each kind of file share. */
#ifndef GREGOR_TOOLS_DUMP_DUMP_INTERNAL_H
#define GREGOR_TOOLS_DUMP_DUMP_INTERNAL_H

#include <limits.h>

#include "protocol/record_batch.h"
#include "tools/dump/dump.h"

/* A file, open, and what its name tells. */
struct dump_source {
    const char *path;
    const char *name;    /* in `path`, behind the folders */
    int64_t base_offset; /* -1: the name begins with none */
    const char
        *departure; /* ".deleted", ".cleaned", ".swap" at the name's end, or "" */
    int fd;
    int64_t size;
};

/* "PATH: what is wrong"; the dump is faulty. */
void dump_complain(struct dump *d, const struct dump_source *s, const struct err *err);

/* A number that may be missing, as Java prints one. */
void dump_optional(struct dump *d, bool there, int64_t value);

/* Lines about one file that are told together, behind the file's own. A damaged file
 * may give any number of them: only the first are kept, the others counted. */
struct findings {
    const char *title; /* the path stands behind it */
    struct buf lines;
    int32_t count;
};

#define FINDINGS_KEPT 1000

void findings_add(struct findings *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells and frees them. */
void findings_end(struct findings *f, struct dump *d, const struct dump_source *s);

/* Walks a file of entries of one size. `each` ends it with a non-zero result, which is
 * returned; the errors of the disk. A piece of an entry at the end is left out. */
#define ENTRY_MAX 64
int dump_each_entry(struct dump *d, const struct dump_source *s, int entry_size,
                    int (*each)(void *context, const uint8_t *entry, struct err *err),
                    void *context, struct err *err);

/* Reads a whole batch of the open file into d->batch. ERR_MESSAGE_TOO_LARGE for one
 * that is larger than any broker takes. */
int dump_read_batch(struct dump *d, int fd, const struct record_batch *batch,
                    int64_t position, struct err *err);

/* Expands and walks a whole batch. */
int dump_open_records(struct dump *d, const struct record_batch *batch,
                      struct record_iter *out, struct err *err);

/* Opens the .log that an index belongs to; *size is its length. */
int dump_open_log(struct dump *d, const struct dump_source *index, int *fd,
                  int64_t *size, struct err *err);

/* dump_record.c: one line. `batch` is the one that the record is of. ERR_CORRUPT,
 * once the line is ended, for a control record that is none. */
int dump_record(struct dump *d, const struct record_batch *batch,
                const struct record *record, struct err *err);

/* A printer of one kind of file. */
typedef int (*dump_printer)(struct dump *d, const struct dump_source *s,
                            struct err *err);

int dump_batches(struct dump *d, const struct dump_source *s, struct err *err);
int dump_snapshot_of_metadata(struct dump *d, const struct dump_source *s,
                              struct err *err);
int dump_offset_index(struct dump *d, const struct dump_source *s, struct err *err);
int dump_time_index(struct dump *d, const struct dump_source *s, struct err *err);
int dump_txn_index(struct dump *d, const struct dump_source *s, struct err *err);
int dump_producers(struct dump *d, const struct dump_source *s, struct err *err);
int dump_offset_checkpoint(struct dump *d, const struct dump_source *s,
                           struct err *err);
int dump_leader_epochs(struct dump *d, const struct dump_source *s, struct err *err);
int dump_partition_metadata(struct dump *d, const struct dump_source *s,
                            struct err *err);

#endif
