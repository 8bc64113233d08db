/* tools/folder_listing.h
 *
 * The files of a partition's folder by name and size, read and left as they are
 * (storage/folder_contents.h tidies up). May block; one owner. */
#ifndef GREGOR_TOOLS_FOLDER_LISTING_H
#define GREGOR_TOOLS_FOLDER_LISTING_H

#include "protocol/base/arena.h"
#include "storage/disk.h"

struct listed_file {
    const char *name;
    const char *suffix;  /* in `name`, behind the base offset; NULL: it has none */
    int64_t base_offset; /* -1 without */
    int64_t size;        /* -1: it cannot be read, or is gone again */
    bool is_dir;
};

struct folder_listing {
    struct listed_file *files; /* by name, so by base offset */
    size_t count;
    struct arena arena; /* what all of it lies in */
};

#define FOLDER_LISTING_INIT ((struct folder_listing){0})

/* ERR_NOT_FOUND: there is no such folder. *out is freed in any case. */
int folder_listing_read(struct disk *disk, const char *path, struct folder_listing *out,
                        struct err *err);
void folder_listing_free(struct folder_listing *l);

static inline bool listed_file_is(const struct listed_file *f, const char *suffix)
{
    return f->suffix != NULL && strcmp(f->suffix, suffix) == 0;
}

/* Calls for each file: `f` counts through them. */
#define folder_listing_each(l, f)                  \
    for (const struct listed_file *f = (l)->files; \
         f != NULL && f < (l)->files + (l)->count; f++)

#endif
