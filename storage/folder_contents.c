#include "storage/folder_contents.h"

#include <stdlib.h>

#include "storage/batch_walk.h"
#include "storage/log_path.h"

struct file {
    int64_t offset;
    char suffix[40]; /* ".log", ".index.swap", … */
};

struct listing {
    struct buf files; /* of struct file, by offset and suffix once sorted */
};

static struct file *file_at(const struct listing *l, int i)
{
    return (struct file *)(void *)l->files.data + i;
}

static int file_count(const struct listing *l)
{
    return (int)(l->files.len / sizeof(struct file));
}

static int note_file(void *context, const struct disk_entry *entry)
{
    struct listing *l = context;
    struct file file;
    const char *suffix;
    if (entry->is_dir || !log_path_parse(entry->name, &file.offset, &suffix) ||
        strlen(suffix) >= sizeof(file.suffix))
        return 0;
    snprintf(file.suffix, sizeof(file.suffix), "%s", suffix);
    buf_append(&l->files, &file, sizeof(file));
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    const struct file *x = a;
    const struct file *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return strcmp(x->suffix, y->suffix);
}

static int list_files(struct disk *disk, const char *dir, struct listing *l,
                      struct err *err)
{
    l->files.len = 0;
    int rc = disk->ops->list(disk, dir, note_file, l, err);
    if (rc == 0 && l->files.failed)
        rc = err_nomem(err);
    if (rc == 0 && file_count(l) > 1)
        qsort(l->files.data, (size_t)file_count(l), sizeof(struct file), compare_files);
    return rc;
}

static int remove_file(struct disk *disk, const char *dir, const struct file *f,
                       struct err *err)
{
    char path[PATH_MAX];
    log_path(path, dir, f->offset, f->suffix);
    return disk->ops->remove(disk, path, err);
}

/* Removes what is half made, half removed, or belongs to what is. */
static int remove_leftovers(struct disk *disk, const char *dir, const struct listing *l,
                            bool *any_swap, struct err *err)
{
    int64_t first_cleaned = INT64_MAX;
    *any_swap = false;
    for (int i = 0; i < file_count(l); i++) {
        const struct file *f = file_at(l, i);
        if (ends_with(f->suffix, CLEANED_SUFFIX) && f->offset < first_cleaned)
            first_cleaned = f->offset;
    }
    for (int i = 0; i < file_count(l); i++) {
        const struct file *f = file_at(l, i);
        bool swap = ends_with(f->suffix, SWAP_SUFFIX);
        bool leftover = ends_with(f->suffix, DELETED_SUFFIX) ||
                        ends_with(f->suffix, CLEANED_SUFFIX) ||
                        ends_with(f->suffix, ".tmp") ||
                        (swap && f->offset >= first_cleaned);
        int rc = leftover ? remove_file(disk, dir, f, err) : 0;
        if (rc != 0)
            return rc;
        *any_swap = *any_swap || (swap && !leftover);
    }
    return 0;
}

/* The offset behind the last batch of a .log.swap; behind its first if it has none,
 * so that the files of that name go in any case. */
static int end_of_swap(struct disk *disk, const char *dir, const struct file *f,
                       int64_t *end, struct err *err)
{
    uint8_t window[BATCH_WALK_HEADERS];
    char path[PATH_MAX];
    struct batch_walk w;
    struct record_batch batch;
    int64_t position;
    int fd;
    log_path(path, dir, f->offset, f->suffix);
    int rc = disk->ops->open(disk, path, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    *end = f->offset + 1;
    int64_t size = disk->ops->size(disk, fd, err);
    rc = size < 0 ? (int)size : 0;
    if (rc == 0) {
        batch_walk_headers(&w, disk, fd, 0, size, window, sizeof(window));
        while ((rc = batch_walk_next(&w, &batch, &position, err)) == 1)
            *end = batch.last_offset + 1;
    }
    disk->ops->close(disk, fd);
    return batch_walk_is_corrupt(rc) ? 0 : rc;
}

/* The offsets that finished compactions cover: [*first, *end). */
static int range_of_swaps(struct disk *disk, const char *dir, const struct listing *l,
                          int64_t *first, int64_t *end, struct err *err)
{
    *first = INT64_MAX;
    *end = INT64_MIN;
    for (int i = 0; i < file_count(l); i++) {
        const struct file *f = file_at(l, i);
        int64_t swap_end;
        if (strcmp(f->suffix, LOG_SUFFIX SWAP_SUFFIX) != 0)
            continue;
        int rc = end_of_swap(disk, dir, f, &swap_end, err);
        if (rc != 0)
            return rc;
        if (f->offset < *first)
            *first = f->offset;
        if (swap_end > *end)
            *end = swap_end;
    }
    return 0;
}

static int rename_swap(struct disk *disk, const char *dir, const struct file *f,
                       struct err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    log_path(from, dir, f->offset, f->suffix);
    log_path(to, dir, f->offset, f->suffix);
    to[strlen(to) - strlen(SWAP_SUFFIX)] = '\0';
    return disk->ops->rename(disk, from, to, err);
}

/* Removes what the .swap files replace, then lets them take its place. After a
 * crash in between, the next try goes on. */
static int finish_swaps(struct disk *disk, const char *dir, const struct listing *l,
                        struct err *err)
{
    int64_t first;
    int64_t end;
    int rc = range_of_swaps(disk, dir, l, &first, &end, err);
    for (int i = 0; rc == 0 && i < file_count(l); i++) {
        const struct file *f = file_at(l, i);
        if (!ends_with(f->suffix, SWAP_SUFFIX) && f->offset >= first && f->offset < end)
            rc = remove_file(disk, dir, f, err);
    }
    /* Should the power fail now, a replaced file must not come back beside what
     * replaced it. */
    if (rc == 0)
        rc = disk->ops->sync_dir(disk, dir, err);
    for (int i = 0; rc == 0 && i < file_count(l); i++) {
        if (ends_with(file_at(l, i)->suffix, SWAP_SUFFIX))
            rc = rename_swap(disk, dir, file_at(l, i), err);
    }
    return rc;
}

static int take_snapshots(const struct listing *l, struct folder_contents *out,
                          struct err *err)
{
    out->snapshots = calloc((size_t)file_count(l) + 1, sizeof(int64_t));
    if (out->snapshots == NULL)
        return err_nomem(err);
    for (int i = 0; i < file_count(l); i++) {
        if (strcmp(file_at(l, i)->suffix, SNAPSHOT_SUFFIX) == 0)
            out->snapshots[out->snapshot_count++] = file_at(l, i)->offset;
    }
    return 0;
}

/* Where the segment notes that it has the index `suffix`; NULL for any other
 * file. */
static bool *index_flag(struct folder_segment *s, const char *suffix)
{
    if (strcmp(suffix, OFFSET_INDEX_SUFFIX) == 0)
        return &s->has_offset_index;
    if (strcmp(suffix, TIME_INDEX_SUFFIX) == 0)
        return &s->has_time_index;
    return strcmp(suffix, TXN_INDEX_SUFFIX) == 0 ? &s->has_txn_index : NULL;
}

/* Segments and indexes stand in the same order, so one pass pairs them. */
static int pair_indexes(struct disk *disk, const char *dir, const struct listing *l,
                        struct folder_contents *out, struct err *err)
{
    int at = 0;
    for (int i = 0; i < file_count(l); i++) {
        const struct file *f = file_at(l, i);
        while (at < out->segment_count && out->segments[at].base_offset < f->offset)
            at++;
        /* One behind the last is there for this: see take_segments(). */
        bool *flag = index_flag(&out->segments[at], f->suffix);
        if (flag == NULL)
            continue;
        if (at < out->segment_count && out->segments[at].base_offset == f->offset) {
            *flag = true;
            continue;
        }
        int rc = remove_file(disk, dir, f, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int take_segments(struct disk *disk, const char *dir, const struct listing *l,
                         struct folder_contents *out, struct err *err)
{
    out->segments = calloc((size_t)file_count(l) + 1, sizeof(struct folder_segment));
    if (out->segments == NULL)
        return err_nomem(err);
    for (int i = 0; i < file_count(l); i++) {
        if (strcmp(file_at(l, i)->suffix, LOG_SUFFIX) == 0)
            out->segments[out->segment_count++].base_offset = file_at(l, i)->offset;
    }
    return pair_indexes(disk, dir, l, out, err);
}

int folder_contents_read(struct disk *disk, const char *dir,
                         struct folder_contents *out, struct err *err)
{
    struct listing l = {.files = BUF_INIT};
    bool any_swap = false;
    *out = FOLDER_CONTENTS_INIT;
    int rc = list_files(disk, dir, &l, err);
    if (rc == 0)
        rc = remove_leftovers(disk, dir, &l, &any_swap, err);
    if (rc == 0 && any_swap) {
        rc = list_files(disk, dir, &l, err);
        if (rc == 0)
            rc = finish_swaps(disk, dir, &l, err);
        if (rc == 0)
            rc = list_files(disk, dir, &l, err);
    }
    if (rc == 0)
        rc = take_segments(disk, dir, &l, out, err);
    if (rc == 0)
        rc = take_snapshots(&l, out, err);
    buf_free(&l.files);
    if (rc != 0)
        folder_contents_free(out);
    return rc;
}

int folder_contents_drop_cleaned(struct disk *disk, const char *dir, struct err *err)
{
    struct listing l = {.files = BUF_INIT};
    int rc = list_files(disk, dir, &l, err);
    for (int i = 0; rc == 0 && i < file_count(&l); i++) {
        const struct file *f = file_at(&l, i);
        if (ends_with(f->suffix, CLEANED_SUFFIX) || ends_with(f->suffix, SWAP_SUFFIX))
            rc = remove_file(disk, dir, f, err);
    }
    buf_free(&l.files);
    return rc;
}

int folder_contents_read_snapshots(struct disk *disk, const char *dir,
                                   struct folder_contents *out, struct err *err)
{
    struct listing l = {.files = BUF_INIT};
    *out = FOLDER_CONTENTS_INIT;
    int rc = list_files(disk, dir, &l, err);
    if (rc == 0)
        rc = take_snapshots(&l, out, err);
    buf_free(&l.files);
    return rc;
}

void folder_contents_free(struct folder_contents *f)
{
    free(f->segments);
    free(f->snapshots);
    *f = FOLDER_CONTENTS_INIT;
}
