/* storage/index_file.h
 *
 * What .index and .timeindex have in common: a file of entries of one size
 * that only grows. New entries gather in memory (the tail) and go to the file
 * 4 KiB at a time, or when somebody asks; reading sees both as one array.
 *
 *      file: [0] [1] … [n-1]   tail: [n] [n+1] …
 *
 * The descriptor is opened on use and stays until index_file_rest(). Nothing
 * but the tail takes memory, and the tail goes with each write-out that asks
 * for it, so an idle log costs next to nothing.
 *
 * Owned by its segment; used where that is used. Every call may block. */
#ifndef GREGOR_STORAGE_INDEX_FILE_H
#define GREGOR_STORAGE_INDEX_FILE_H

#include "storage/disk.h"

#define INDEX_ENTRY_MAX 12
#define INDEX_CHUNK 512 /* entries that one read of a search brings in */

/* What tells one kind of index from the other. */
struct index_kind {
    const char *suffix;
    int entry_size;
    bool (*in_order)(const uint8_t *a, const uint8_t *b); /* b may follow a */
    bool (*makes_sense)(const uint8_t *entry);            /* leads nowhere outside */
};

struct index_file {
    const struct index_kind *kind;
    struct disk *disk;
    const char *dir; /* borrowed from the log */
    int64_t base_offset;
    const char *stage;    /* of the name, as log_path_staged() has it */
    int fd;               /* -1: closed */
    int64_t file_entries; /* -1: the file was not looked at yet */
    struct buf tail;
};

void index_file_init(struct index_file *x, const struct index_kind *kind,
                     struct disk *disk, const char *dir, int64_t base_offset);

/* Frees the tail and closes; what was not written out is lost. */
void index_file_close(struct index_file *x);

/* Makes the file, empty; one that is there loses its content. */
int index_file_create(struct index_file *x, struct err *err);

/* Learns how many entries the file has; a piece of one at the end does not count.
 * Only the ends are looked at: if they are not in order, as in a file that was
 * preallocated or torn, entries count from the first on while they are, and the
 * rest is cut off. ERR_NOT_FOUND: there is no file. */
int index_file_load(struct index_file *x, struct err *err);

/* Whether that was done. */
bool index_file_is_loaded(const struct index_file *x);

/* Entries in file and tail. The index is loaded. */
int64_t index_file_count(const struct index_file *x);

/* Copies entries [from, from + count) to `out`. The index is loaded and has
 * them; a file that shrank meanwhile is ERR_CORRUPT. */
int index_file_read(struct index_file *x, int64_t from, int64_t count, uint8_t *out,
                    struct err *err);

/* Makes sure that the next append cannot fail: room in memory, a full tail
 * written out. Nothing has changed if it fails. */
int index_file_reserve(struct index_file *x, struct err *err);
/* Appends one entry, after index_file_reserve(). */
void index_file_append(struct index_file *x, const uint8_t *entry);

/* Writes the tail to the file. `forget`: and gives its memory back. */
int index_file_write_out(struct index_file *x, bool forget, struct err *err);

/* Keeps the first `count` entries, in the file too. */
int index_file_truncate(struct index_file *x, int64_t count, struct err *err);

/* The last entry whose key is <= the one sought; -1 if there is none. `above`
 * says whether an entry's key is larger than `key`. On success with *found >= 0
 * the entry is copied to `entry`. */
int index_file_search(struct index_file *x,
                      bool (*above)(const uint8_t *entry, int64_t key), int64_t key,
                      int64_t *found, uint8_t *entry, struct err *err);

/* Closes the descriptor; it comes back with the next use. */
void index_file_rest(struct index_file *x);

#endif
