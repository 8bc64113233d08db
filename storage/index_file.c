#include "storage/index_file.h"

#include <assert.h>

#include "storage/log_path.h"

#define TAIL_LIMIT 4096 /* bytes; a full tail is written out */

void index_file_init(struct index_file *x, const struct index_kind *kind,
                     struct disk *disk, const char *dir, int64_t base_offset)
{
    *x = (struct index_file){
        .kind = kind,
        .disk = disk,
        .dir = dir,
        .base_offset = base_offset,
        .stage = "",
        .fd = -1,
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
                       x->kind->suffix);
}

static int open_with(struct index_file *x, int flags, struct err *err)
{
    if (x->fd >= 0)
        return 0;
    char path[PATH_MAX];
    log_path_staged(path, x->dir, x->base_offset, x->kind->suffix, x->stage);
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

static int64_t tail_entries(const struct index_file *x)
{
    return (int64_t)x->tail.len / x->kind->entry_size;
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
        size_t len = (size_t)(in_file * x->kind->entry_size);
        int64_t got = x->disk->ops->read(x->disk, x->fd, out, len,
                                         from * x->kind->entry_size, err);
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
        memcpy(out, x->tail.data + (from - x->file_entries) * x->kind->entry_size,
               (size_t)(count * x->kind->entry_size));
    return 0;
}

int index_file_reserve(struct index_file *x, struct err *err)
{
    if (x->tail.len + (size_t)x->kind->entry_size > TAIL_LIMIT) {
        int rc = index_file_write_out(x, false, err);
        if (rc != 0)
            return rc;
    }
    if (!buf_reserve(&x->tail, (size_t)x->kind->entry_size)) {
        x->tail.failed = false; /* nothing is lost: the entry was not taken */
        return err_nomem(err);
    }
    return 0;
}

void index_file_append(struct index_file *x, const uint8_t *entry)
{
    buf_append(&x->tail, entry, (size_t)x->kind->entry_size);
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
                                 x->file_entries * x->kind->entry_size, err);
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
        size_t keep = (size_t)((count - x->file_entries) * x->kind->entry_size);
        if (keep < x->tail.len)
            x->tail.len = keep;
        if (count > 0)
            return 0;
    }
    int rc = open_with(x, DISK_WRITE, err);
    if (rc != 0)
        return rc;
    rc = x->disk->ops->truncate(x->disk, x->fd, count * x->kind->entry_size, err);
    if (rc != 0)
        return context(x, err);
    x->tail.len = 0;
    x->file_entries = count;
    return 0;
}

/* How many entries, from the first on, are in order. */
static int ordered_prefix(struct index_file *x, int64_t *count, struct err *err)
{
    uint8_t chunk[INDEX_CHUNK * INDEX_ENTRY_MAX];
    uint8_t last[INDEX_ENTRY_MAX];
    int64_t total = index_file_count(x);
    size_t size = (size_t)x->kind->entry_size;
    *count = 0;
    while (*count < total) {
        int64_t n = total - *count < INDEX_CHUNK ? total - *count : INDEX_CHUNK;
        int rc = index_file_read(x, *count, n, chunk, err);
        if (rc != 0)
            return rc;
        for (int64_t i = 0; i < n; i++) {
            const uint8_t *entry = chunk + (size_t)i * size;
            if (*count > 0 && !x->kind->in_order(last, entry))
                return 0;
            memcpy(last, entry, size);
            ++*count;
        }
    }
    return 0;
}

static bool is_zero(const uint8_t *entry, int size)
{
    static const uint8_t zeros[INDEX_ENTRY_MAX];
    return memcmp(entry, zeros, (size_t)size) == 0;
}

static int drop_what_is_not_in_order(struct index_file *x, struct err *err)
{
    uint8_t first[INDEX_ENTRY_MAX];
    int64_t count;
    int rc = ordered_prefix(x, &count, err);
    if (rc == 0 && count > 0)
        rc = index_file_read(x, 0, 1, first, err);
    if (rc != 0)
        return rc;
    if (count > 0 && !x->kind->makes_sense(first))
        count = 0;
    /* One entry of zeros could be a record of 1970; with more behind it that do
     * not follow, the file was preallocated and never written. */
    if (count == 1 && is_zero(first, x->kind->entry_size))
        count = 0;
    return index_file_truncate(x, count, err);
}

/* Whether the first entry and the two at the end look like an index. A preallocated
 * one ends in zeros. */
static int ends_look_right(struct index_file *x, bool *right, struct err *err)
{
    uint8_t first[INDEX_ENTRY_MAX];
    uint8_t last[2 * INDEX_ENTRY_MAX];
    const uint8_t *newest = last + x->kind->entry_size;
    int64_t count = index_file_count(x);
    *right = true;
    if (count == 0)
        return 0;
    int rc = index_file_read(x, 0, 1, first, err);
    if (rc != 0)
        return rc;
    *right = x->kind->makes_sense(first);
    if (!*right || count == 1)
        return 0;
    rc = index_file_read(x, count - 2, 2, last, err);
    if (rc == 0)
        *right = x->kind->in_order(last, newest) && x->kind->in_order(first, newest);
    return rc;
}

bool index_file_is_loaded(const struct index_file *x)
{
    return x->file_entries >= 0;
}

int index_file_load(struct index_file *x, struct err *err)
{
    bool right = true;
    if (index_file_is_loaded(x))
        return 0;
    int rc = open_with(x, DISK_WRITE, err);
    if (rc != 0)
        return rc;
    int64_t size = x->disk->ops->size(x->disk, x->fd, err);
    if (size < 0)
        return context(x, err);
    x->file_entries = size / x->kind->entry_size;
    rc = ends_look_right(x, &right, err);
    if (rc == 0 && !right)
        rc = drop_what_is_not_in_order(x, err);
    return rc;
}

int index_file_search(struct index_file *x,
                      bool (*above)(const uint8_t *entry, int64_t key), int64_t key,
                      int64_t *found, uint8_t *entry, struct err *err)
{
    uint8_t chunk[INDEX_CHUNK * INDEX_ENTRY_MAX];
    int64_t low = 0; /* entries before are <= key; those from high on are above */
    int64_t high = index_file_count(x);
    size_t size = (size_t)x->kind->entry_size;
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
