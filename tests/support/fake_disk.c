#include "tests/support/fake_disk.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_FD 1000 /* no real descriptor is that large here */

struct fake_file {
    struct fake_file *next;
    struct buf content;
    struct buf synced;
    int64_t modified_ms; /* power cuts leave it */
};

struct fake_name {
    char *path;
    struct fake_file *file; /* NULL: a folder */
};

static struct fake_disk *of(struct disk *d)
{
    return (struct fake_disk *)(void *)d;
}

static void must(bool held)
{
    if (!held)
        abort();
}

static int failure(const struct fake_disk *d)
{
    return d->fail_code == 0 ? ERR_IO : d->fail_code;
}

static bool fails(struct fake_disk *d, struct err *err)
{
    d->calls++;
    if (d->fail_at == 0 || d->calls != d->fail_at)
        return false;
    d->fired = true;
    err_set(err, failure(d), "the fake disk fails call %u", d->calls);
    return true;
}

/* Names. */

static struct fake_name *find(const struct fake_names *names, const char *path)
{
    for (int i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) == 0)
            return &names->items[i];
    }
    return NULL;
}

static void add_name(struct fake_names *names, const char *path, struct fake_file *file)
{
    names->items =
        realloc(names->items, (size_t)(names->count + 1) * sizeof(*names->items));
    must(names->items != NULL);
    char *copy = strdup(path);
    must(copy != NULL);
    names->items[names->count++] = (struct fake_name){.path = copy, .file = file};
}

static void drop_name(struct fake_names *names, struct fake_name *name)
{
    free(name->path);
    *name = names->items[--names->count];
}

static void free_names(struct fake_names *names)
{
    while (names->count > 0)
        drop_name(names, &names->items[0]);
    free(names->items);
    *names = (struct fake_names){0};
}

static size_t parent_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path);
}

static bool lies_in(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return parent_length(path) == len && strncmp(path, dir, len) == 0;
}

static struct fake_file *new_file(struct fake_disk *d)
{
    struct fake_file *f = calloc(1, sizeof(*f));
    must(f != NULL);
    f->next = d->files;
    d->files = f;
    return f;
}

static void copy_buf(struct buf *to, const struct buf *from)
{
    to->len = 0;
    if (from->len > 0)
        buf_append(to, from->data, from->len);
    must(!to->failed);
}

static void touch(const struct fake_disk *d, struct fake_file *f)
{
    f->modified_ms = d->clock == NULL ? 0 : clock_wall_ms(d->clock);
}

/* Descriptors. */

static struct fake_file *file_of(struct fake_disk *d, int fd)
{
    assert(fd >= FIRST_FD && fd < FIRST_FD + FAKE_DISK_DESCRIPTORS);
    assert(d->descriptors[fd - FIRST_FD] != NULL);
    return d->descriptors[fd - FIRST_FD];
}

static int new_descriptor(struct fake_disk *d, struct fake_file *f)
{
    for (int i = 0; i < FAKE_DISK_DESCRIPTORS; i++) {
        if (d->descriptors[i] != NULL)
            continue;
        d->descriptors[i] = f;
        d->open_descriptors++;
        return FIRST_FD + i;
    }
    abort();
}

static int fake_open(struct disk *disk, const char *path, int flags, int *fd,
                     struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    d->opens++;
    struct fake_name *name = find(&d->live, path);
    if (name != NULL && name->file == NULL)
        return err_set(err, ERR_IO, "%s is a folder", path);
    if (name != NULL && (flags & DISK_EXCLUSIVE))
        return err_set(err, ERR_EXISTS, "%s is there", path);
    if (name == NULL && !(flags & DISK_CREATE))
        return err_set(err, ERR_NOT_FOUND, "%s is not there", path);
    struct fake_file *f = name == NULL ? new_file(d) : name->file;
    if (name == NULL)
        add_name(&d->live, path, f);
    if (name == NULL || (flags & DISK_TRUNCATE)) {
        f->content.len = 0;
        touch(d, f);
    }
    *fd = new_descriptor(d, f);
    return 0;
}

static void fake_close(struct disk *disk, int fd)
{
    struct fake_disk *d = of(disk);
    assert(fd >= FIRST_FD && fd < FIRST_FD + FAKE_DISK_DESCRIPTORS);
    if (d->descriptors[fd - FIRST_FD] != NULL)
        d->open_descriptors--; /* else a power cut closed it */
    d->descriptors[fd - FIRST_FD] = NULL;
}

static int64_t fake_read(struct disk *disk, int fd, void *out, size_t len, int64_t at,
                         struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    d->reads++;
    const struct buf *content = &file_of(d, fd)->content;
    if (at >= (int64_t)content->len)
        return 0;
    if (len > content->len - (size_t)at)
        len = content->len - (size_t)at;
    if (len > 0)
        memcpy(out, content->data + at, len);
    return (int64_t)len;
}

static void put_bytes(struct buf *content, const void *data, size_t len, size_t at)
{
    if (len == 0)
        return;
    if (at + len > content->len) {
        size_t before = content->len;
        must(buf_extend(content, at + len - before) != NULL);
        memset(content->data + before, 0, at + len - before);
    }
    memcpy(content->data + at, data, len);
}

static int fake_write(struct disk *disk, int fd, const struct iovec *parts, int count,
                      int64_t at, struct err *err)
{
    struct fake_disk *d = of(disk);
    struct buf *content = &file_of(d, fd)->content;
    struct buf all = BUF_INIT;
    int rc = 0;
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len > 0)
            buf_append(&all, parts[i].iov_base, parts[i].iov_len);
    must(!all.failed);
    if (fails(d, err)) {
        all.len /= 2;
        rc = failure(d);
    }
    d->writes++;
    int64_t growth = at + (int64_t)all.len - (int64_t)content->len;
    if (rc == 0 && d->space_left >= 0 && growth > d->space_left) {
        all.len -= (size_t)(growth - d->space_left);
        growth = d->space_left;
        rc = err_set(err, ERR_NO_SPACE, "the fake disk is full");
    }
    if (d->space_left >= 0 && growth > 0)
        d->space_left -= growth;
    put_bytes(content, all.data, all.len, (size_t)at);
    touch(d, file_of(d, fd));
    buf_free(&all);
    return rc;
}

static int fake_sync(struct disk *disk, int fd, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    d->syncs++;
    struct fake_file *f = file_of(d, fd);
    copy_buf(&f->synced, &f->content);
    return 0;
}

static int fake_truncate(struct disk *disk, int fd, int64_t size, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    struct buf *content = &file_of(d, fd)->content;
    if ((size_t)size <= content->len)
        content->len = (size_t)size;
    else
        put_bytes(content, "", 1, (size_t)size - 1);
    touch(d, file_of(d, fd));
    return 0;
}

static int64_t fake_size(struct disk *disk, int fd, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    return (int64_t)file_of(d, fd)->content.len;
}

static int fake_modified_ms(struct disk *disk, const char *path, int64_t *ms,
                            struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    struct fake_name *name = find(&d->live, path);
    if (name == NULL || name->file == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s is not there", path);
    *ms = name->file->modified_ms;
    return 0;
}

static bool fake_cached(struct disk *disk, int fd, int64_t at, size_t len)
{
    (void)disk;
    (void)fd;
    (void)at;
    (void)len;
    return true;
}

static bool lies_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* What lies below a folder has its name too. `keep`: the old names as well. */
static void add_renamed(struct fake_names *names, const char *from, const char *to,
                        bool keep)
{
    for (int i = names->count - 1; i >= 0; i--) {
        char path[PATH_MAX];
        struct fake_name *name = &names->items[i];
        struct fake_file *file = name->file;
        if (!lies_below(name->path, from))
            continue;
        snprintf(path, sizeof(path), "%s%s", to, name->path + strlen(from));
        if (!keep)
            drop_name(names, name);
        add_name(names, path, file);
    }
}

static int fake_rename(struct disk *disk, const char *from, const char *to,
                       struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    struct fake_name *name = find(&d->live, from);
    if (name == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s is not there", from);
    struct fake_file *file = name->file;
    drop_name(&d->live, name);
    struct fake_name *replaced = find(&d->live, to);
    if (replaced != NULL)
        drop_name(&d->live, replaced);
    add_name(&d->live, to, file);
    if (file == NULL) {
        add_renamed(&d->live, from, to, false);
        /* Durable under both names; which of them is reached after a crash the
         * parent's sync decides. */
        add_renamed(&d->durable, from, to, true);
    }
    return 0;
}

static bool has_children(const struct fake_names *names, const char *dir)
{
    for (int i = 0; i < names->count; i++) {
        if (lies_in(names->items[i].path, dir))
            return true;
    }
    return false;
}

static int fake_remove(struct disk *disk, const char *path, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    struct fake_name *name = find(&d->live, path);
    if (name == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s is not there", path);
    if (name->file == NULL && has_children(&d->live, path))
        return err_set(err, ERR_IO, "%s is not empty", path);
    drop_name(&d->live, name);
    return 0;
}

static int fake_mkdir(struct disk *disk, const char *path, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    if (find(&d->live, path) == NULL)
        add_name(&d->live, path, NULL);
    return 0;
}

static int fake_sync_dir(struct disk *disk, const char *path, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    d->syncs++;
    for (int i = d->durable.count - 1; i >= 0; i--) {
        if (lies_in(d->durable.items[i].path, path))
            drop_name(&d->durable, &d->durable.items[i]);
    }
    for (int i = 0; i < d->live.count; i++) {
        if (lies_in(d->live.items[i].path, path))
            add_name(&d->durable, d->live.items[i].path, d->live.items[i].file);
    }
    return 0;
}

static int fake_list(struct disk *disk, const char *path,
                     int (*each)(void *context, const struct disk_entry *entry),
                     void *context, struct err *err)
{
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    if (find(&d->live, path) == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s is not there", path);
    int rc = 0;
    for (int i = 0; rc == 0 && i < d->live.count; i++) {
        const struct fake_name *name = &d->live.items[i];
        if (!lies_in(name->path, path))
            continue;
        struct disk_entry entry = {.name = name->path + strlen(path) + 1,
                                   .is_dir = name->file == NULL};
        rc = each(context, &entry);
    }
    return rc;
}

static int fake_lock(struct disk *disk, const char *path, int *fd, struct err *err)
{
    return fake_open(disk, path, DISK_WRITE | DISK_CREATE, fd, err);
}

static int fake_space(struct disk *disk, const char *path, int64_t *free_bytes,
                      int64_t *total_bytes, struct err *err)
{
    (void)path;
    struct fake_disk *d = of(disk);
    if (fails(d, err))
        return failure(d);
    *free_bytes = d->space_left >= 0 ? d->space_left : INT64_MAX;
    *total_bytes = INT64_MAX;
    return 0;
}

static const struct disk_ops fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .read = fake_read,
    .write = fake_write,
    .sync = fake_sync,
    .truncate = fake_truncate,
    .size = fake_size,
    .modified_ms = fake_modified_ms,
    .cached = fake_cached,
    .rename = fake_rename,
    .remove = fake_remove,
    .mkdir = fake_mkdir,
    .sync_dir = fake_sync_dir,
    .list = fake_list,
    .lock = fake_lock,
    .space = fake_space,
};

void fake_disk_init(struct fake_disk *d)
{
    *d = (struct fake_disk){.disk = {.ops = &fake_ops}, .space_left = -1};
}

void fake_disk_free(struct fake_disk *d)
{
    free_names(&d->live);
    free_names(&d->durable);
    while (d->files != NULL) {
        struct fake_file *f = d->files;
        d->files = f->next;
        buf_free(&f->content);
        buf_free(&f->synced);
        free(f);
    }
}

void fake_disk_fail_nth(struct fake_disk *d, unsigned nth)
{
    d->fail_at = nth;
    d->calls = 0;
    d->fired = false;
}

bool fake_disk_fired(const struct fake_disk *d)
{
    return d->fired;
}

void fake_disk_limit_space(struct fake_disk *d, int64_t bytes)
{
    d->space_left = bytes;
}

/* Whether every folder above is there; the topmost one always is. */
static bool reachable(const struct fake_names *names, const char *path)
{
    char parent[4096];
    size_t len = parent_length(path);
    if (len == 0)
        return true;
    must(len < sizeof(parent));
    memcpy(parent, path, len);
    parent[len] = '\0';
    return (parent_length(parent) == 0 || find(names, parent) != NULL) &&
           reachable(names, parent);
}

void fake_disk_crash(struct fake_disk *d)
{
    memset(d->descriptors, 0, sizeof(d->descriptors));
    d->open_descriptors = 0;
    free_names(&d->live);
    for (int i = 0; i < d->durable.count; i++) {
        const struct fake_name *name = &d->durable.items[i];
        if (reachable(&d->durable, name->path))
            add_name(&d->live, name->path, name->file);
    }
    for (struct fake_file *f = d->files; f != NULL; f = f->next)
        copy_buf(&f->content, &f->synced);
}

void fake_disk_crash_reordered(struct fake_disk *d)
{
    for (int i = d->durable.count - 1; i >= 0; i--) {
        if (find(&d->live, d->durable.items[i].path) == NULL)
            drop_name(&d->durable, &d->durable.items[i]);
    }
    fake_disk_crash(d);
}

bool fake_disk_has(const struct fake_disk *d, const char *path)
{
    return find(&d->live, path) != NULL;
}

int64_t fake_disk_size(const struct fake_disk *d, const char *path)
{
    const struct fake_name *name = find(&d->live, path);
    return name == NULL || name->file == NULL ? -1 : (int64_t)name->file->content.len;
}

uint8_t *fake_disk_content(struct fake_disk *d, const char *path, size_t *len)
{
    struct fake_name *name = find(&d->live, path);
    must(name != NULL && name->file != NULL);
    *len = name->file->content.len;
    return name->file->content.data;
}

void fake_disk_put(struct fake_disk *d, const char *path, const void *data, size_t len)
{
    fake_disk_drop(d, path);
    struct fake_file *f = new_file(d);
    put_bytes(&f->content, data, len, 0);
    copy_buf(&f->synced, &f->content);
    touch(d, f);
    add_name(&d->live, path, f);
    add_name(&d->durable, path, f);
}

void fake_disk_drop(struct fake_disk *d, const char *path)
{
    struct fake_name *name = find(&d->live, path);
    if (name != NULL)
        drop_name(&d->live, name);
    name = find(&d->durable, path);
    if (name != NULL)
        drop_name(&d->durable, name);
}

void fake_disk_set_modified(struct fake_disk *d, const char *path, int64_t ms)
{
    struct fake_name *name = find(&d->live, path);
    must(name != NULL && name->file != NULL);
    name->file->modified_ms = ms;
}
