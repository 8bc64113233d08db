#include "tools/folder_listing.h"

#include <stdlib.h>

#include "storage/log_path.h"

struct listing {
    struct disk *disk;
    const char *path;
    struct folder_listing *out;
    struct buf files; /* struct listed_file */
};

static int64_t size_of(const struct listing *l, const char *name)
{
    char path[PATH_MAX];
    int fd;
    if (snprintf(path, sizeof(path), "%s/%s", l->path, name) >= (int)sizeof(path) ||
        l->disk->ops->open(l->disk, path, DISK_READ, &fd, NULL) != 0)
        return -1;
    int64_t size = l->disk->ops->size(l->disk, fd, NULL);
    l->disk->ops->close(l->disk, fd);
    return size < 0 ? -1 : size;
}

static int add_entry(void *context, const struct disk_entry *entry)
{
    struct listing *l = context;
    struct str name = arena_str(&l->out->arena, str_of(entry->name));
    if (name.data == NULL)
        return ERR_NOMEM;
    struct listed_file f = {.name = name.data, .is_dir = entry->is_dir, .size = -1};
    if (!log_path_parse(f.name, &f.base_offset, &f.suffix)) {
        f.base_offset = -1;
        f.suffix = NULL;
    }
    if (!f.is_dir)
        f.size = size_of(l, f.name);
    buf_append(&l->files, &f, sizeof(f));
    return l->files.failed ? ERR_NOMEM : 0;
}

static int by_name(const void *a, const void *b)
{
    const struct listed_file *left = a;
    const struct listed_file *right = b;
    return strcmp(left->name, right->name);
}

static int keep(struct listing *l, struct err *err)
{
    size_t count = l->files.len / sizeof(struct listed_file);
    l->out->files = arena_array(&l->out->arena, count, sizeof(struct listed_file));
    if (l->out->files == NULL)
        return err_nomem(err);
    l->out->count = count;
    if (count > 0) {
        memcpy(l->out->files, l->files.data, l->files.len);
        qsort(l->out->files, count, sizeof(struct listed_file), by_name);
    }
    return 0;
}

int folder_listing_read(struct disk *disk, const char *path, struct folder_listing *out,
                        struct err *err)
{
    struct listing l = {.disk = disk, .path = path, .out = out};
    *out = FOLDER_LISTING_INIT;
    int rc = disk->ops->list(disk, path, add_entry, &l, err);
    if (rc == ERR_NOMEM)
        err_nomem(err);
    if (rc == 0)
        rc = keep(&l, err);
    buf_free(&l.files);
    return rc;
}

void folder_listing_free(struct folder_listing *l)
{
    arena_reset(&l->arena);
    *l = FOLDER_LISTING_INIT;
}
