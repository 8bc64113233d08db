#include "storage/index_file.h"

#include <assert.h>

#include "storage/log_path.h"

#define TAIL_LIMIT 4096 /* bytes; a full tail is written out */

void index_file_init(struct index_file *x, struct disk *disk, const char *dir,
                     int64_t base_offset, const char *suffix, int entry_size)
{
    *x = (struct index_file){
        .disk = disk,
        .dir = dir,
        .suffix = suffix,
        .base_offset = base_offset,
        .fd = -1,
        .entry_size = entry_size,
        .file_entries = -1,
    };
}

void index_file_rest(struct index_file *x)
{
    if (x->fd >= 0)
        x->disk->ops->close(x->disk, x->fd);
    x->fd = -1;
}

void index_file_close(struct index_file *x)
{
    if (x->disk == NULL)
        return; /* never initialised */
    index_file_rest(x);
    buf_free(&x->tail);
    x->file_entries = -1;
}

static int context(const struct index_file *x, struct err *err)
{
    return err_context(err, "%s/%020lld%s", x->dir, (long long)x->base_offset,
                       x->suffix);
}

static int open_with(struct index_file *x, int flags, struct err *err)
{
    if (x->fd >= 0)
        return 0;
    char path[PATH_MAX];
    log_path(path, x->dir, x->base_offset, x->suffix);
    return x->disk->ops->open(x->disk, path, flags, &x->fd, err);
}

int index_file_create(struct index_file *x, struct err *err)
{
    index_file_rest(x);
    x->tail.len = 0;
    int rc = open_with(x, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, err);
    if (rc == 0)
        x->file_entries = 0;
    return rc;
}

int index_file_load(struct index_file *x, struct err *err)
{
    if (x->file_entries >= 0)
        return 0;
    int rc = open_with(x, DISK_WRITE, err);
    if (rc != 0)
        return rc;
    int64_t size = x->disk->ops->size(x->disk, x->fd, err);
    if (size < 0)
        return context(x, err);
    x->file_entries = size / x->entry_size;
    return 0;
}

static int64_t tail_entries(const struct index_file *x)
{
    return (int64_t)x->tail.len / x->entry_size;
}

int64_t index_file_count(const struct index_file *x)
{
    assert(x->file_entries >= 0);
    return x->file_entries + tail_entries(x);
}

int index_file_read(struct index_file *x, int64_t from, int64_t count, uint8_t *out,
                    struct err *err)
{
    assert(from >= 0 && from + count <= index_file_count(x));
    int64_t in_file = x->file_entries - from;
    if (in_file > count)
        in_file = count;
    if (in_file > 0) {
        int rc = open_with(x, DISK_WRITE, err);
        if (rc != 0)
            return rc;
        size_t len = (size_t)(in_file * x->entry_size);
        int64_t got =
            x->disk->ops->read(x->disk, x->fd, out, len, from * x->entry_size, err);
        if (got < 0)
            return context(x, err);
        if ((size_t)got < len) {
            err_set(err, ERR_CORRUPT, "the file is shorter than it was");
            return context(x, err);
        }
        out += len;
        from += in_file;
        count -= in_file;
    }
    if (count > 0)
        memcpy(out, x->tail.data + (from - x->file_entries) * x->entry_size,
               (size_t)(count * x->entry_size));
    return 0;
}

int index_file_reserve(struct index_file *x, struct err *err)
{
    if (x->tail.len + (size_t)x->entry_size > TAIL_LIMIT) {
        int rc = index_file_write_out(x, false, err);
        if (rc != 0)
            return rc;
    }
    if (!buf_reserve(&x->tail, (size_t)x->entry_size)) {
        x->tail.failed = false; /* nothing is lost: the entry was not taken */
        return err_nomem(err);
    }
    return 0;
}

void index_file_append(struct index_file *x, const uint8_t *entry)
{
    buf_append(&x->tail, entry, (size_t)x->entry_size);
    assert(!x->tail.failed);
}

int index_file_write_out(struct index_file *x, bool forget, struct err *err)
{
    if (x->tail.len > 0) {
        bool was_closed = x->fd < 0;
        int rc = open_with(x, DISK_WRITE, err);
        if (rc != 0)
            return rc;
        struct iovec part = {.iov_base = x->tail.data, .iov_len = x->tail.len};
        rc = x->disk->ops->write(x->disk, x->fd, &part, 1,
                                 x->file_entries * x->entry_size, err);
        if (was_closed)
            index_file_rest(x);
        if (rc != 0)
            return context(x, err);
        x->file_entries += tail_entries(x);
        x->tail.len = 0;
    }
    if (forget)
        buf_free(&x->tail);
    return 0;
}

int index_file_truncate(struct index_file *x, int64_t count, struct err *err)
{
    if (count >= x->file_entries) {
        /* The file may still have bytes behind its whole entries, but later
         * write-outs go over them, and loading rounds them off. */
        size_t keep = (size_t)((count - x->file_entries) * x->entry_size);
        if (keep < x->tail.len)
            x->tail.len = keep;
        if (count > 0)
            return 0;
    }
    int rc = open_with(x, DISK_WRITE, err);
    if (rc != 0)
        return rc;
    rc = x->disk->ops->truncate(x->disk, x->fd, count * x->entry_size, err);
    if (rc != 0)
        return context(x, err);
    x->tail.len = 0;
    x->file_entries = count;
    return 0;
}

int index_file_ordered_prefix(struct index_file *x,
                              bool (*in_order)(const uint8_t *a, const uint8_t *b),
                              int64_t *count, struct err *err)
{
    uint8_t chunk[INDEX_CHUNK * INDEX_ENTRY_MAX];
    uint8_t last[INDEX_ENTRY_MAX];
    int64_t total = index_file_count(x);
    size_t size = (size_t)x->entry_size;
    *count = 0;
    while (*count < total) {
        int64_t n = total - *count < INDEX_CHUNK ? total - *count : INDEX_CHUNK;
        int rc = index_file_read(x, *count, n, chunk, err);
        if (rc != 0)
            return rc;
        for (int64_t i = 0; i < n; i++) {
            const uint8_t *entry = chunk + (size_t)i * size;
            if (*count > 0 && !in_order(last, entry))
                return 0;
            memcpy(last, entry, size);
            ++*count;
        }
    }
    return 0;
}

int index_file_search(struct index_file *x,
                      bool (*above)(const uint8_t *entry, int64_t key), int64_t key,
                      int64_t *found, uint8_t *entry, struct err *err)
{
    uint8_t chunk[INDEX_CHUNK * INDEX_ENTRY_MAX];
    int64_t low = 0; /* entries before are <= key; those from high on are above */
    int64_t high = index_file_count(x);
    size_t size = (size_t)x->entry_size;
    int rc;

    /* Most reads want the end of the log: is it in the tail, no file is read. */
    if (tail_entries(x) > 0 && !above(x->tail.data, key))
        low = x->file_entries;
    else if (high > x->file_entries)
        high = x->file_entries;
    while (high - low > INDEX_CHUNK) {
        int64_t middle = low + (high - low) / 2;
        rc = index_file_read(x, middle, 1, chunk, err);
        if (rc != 0)
            return rc;
        if (above(chunk, key))
            high = middle;
        else
            low = middle; /* itself stays a candidate */
    }
    int64_t first = low;
    rc = high > low ? index_file_read(x, low, high - low, chunk, err) : 0;
    if (rc != 0)
        return rc;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (above(chunk + (size_t)(middle - first) * size, key))
            high = middle;
        else
            low = middle + 1;
    }
    *found = low - 1;
    if (low > first)
        memcpy(entry, chunk + (size_t)(low - 1 - first) * size, size);
    return 0;
}
