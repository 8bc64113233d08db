/* The entries are few (one a leader election that brought records) and are
 * looked through from the end, where nearly every question is answered.
 *
 * Invariant: epochs and start offsets both rise strictly from entry to entry.
 * A new entry that breaks it is right, since it comes from a newer leader: those
 * in its way go.
 *
 * The file is replaced without a sync, because assign() runs on the way of an
 * append. A power cut may lose it; recovery then assigns the epochs again from
 * the batches, and leader_epoch_cache_sync() makes a clean stop safe. */
#include "storage/leader_epoch_cache.h"

#include <assert.h>
#include <stdlib.h>

#include "storage/checkpoint_file.h"
#include "storage/replace_file.h"

struct leader_epoch_cache {
    struct disk *disk;
    char *path;
    struct leader_epoch_entry *entries;
    size_t count;
    size_t cap;
    bool unsynced; /* the file was replaced since it was last synced */
};

static int reserve(struct leader_epoch_cache *c, struct err *err)
{
    if (c->count < c->cap)
        return 0;
    size_t cap = c->cap == 0 ? 2 : c->cap * 2;
    struct leader_epoch_entry *grown = realloc(c->entries, cap * sizeof(*grown));
    if (grown == NULL)
        return err_nomem(err);
    c->entries = grown;
    c->cap = cap;
    return 0;
}

static const struct leader_epoch_entry *latest(const struct leader_epoch_cache *c)
{
    return c->count == 0 ? NULL : &c->entries[c->count - 1];
}

/* Room must be reserved. True: something changed. */
static bool assign(struct leader_epoch_cache *c, struct leader_epoch_entry entry)
{
    const struct leader_epoch_entry *last = latest(c);
    if (last != NULL && last->leader_epoch == entry.leader_epoch &&
        last->start_offset <= entry.start_offset)
        return false;
    while ((last = latest(c)) != NULL && (last->leader_epoch >= entry.leader_epoch ||
                                          last->start_offset >= entry.start_offset))
        c->count--;
    c->entries[c->count++] = entry;
    return true;
}

struct reading {
    int (*each)(void *context, const struct leader_epoch_entry *entry, struct err *err);
    void *context;
};

static int read_line(void *context, struct str line, struct err *err)
{
    struct reading *r = context;
    struct str rest;
    int64_t leader_epoch, start_offset;
    if (!checkpoint_take_int64(&line, &leader_epoch) ||
        !checkpoint_take_int64(&line, &start_offset) ||
        checkpoint_take_word(&line, &rest) || leader_epoch < 0 ||
        leader_epoch > INT32_MAX || start_offset < 0)
        return err_set(err, ERR_CORRUPT, "an entry is no leader epoch and offset");
    struct leader_epoch_entry entry = {(int32_t)leader_epoch, start_offset};
    return r->each(r->context, &entry, err);
}

int leader_epoch_checkpoint_read(struct disk *disk, const char *path,
                                 int (*each)(void *context,
                                             const struct leader_epoch_entry *entry,
                                             struct err *err),
                                 void *context, struct err *err)
{
    struct reading r = {each, context};
    return checkpoint_file_read(disk, path, read_line, &r, err);
}

static int take_entry(void *context, const struct leader_epoch_entry *entry,
                      struct err *err)
{
    struct leader_epoch_cache *c = context;
    int rc = reserve(c, err);
    if (rc == 0)
        assign(c, *entry);
    return rc;
}

int leader_epoch_cache_open(struct disk *disk, const char *path,
                            struct leader_epoch_cache **out, struct err *err)
{
    int rc;
    struct leader_epoch_cache *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return err_nomem(err);
    c->disk = disk;
    c->path = strdup(path);
    if (c->path == NULL) {
        rc = err_nomem(err);
        goto fail;
    }
    rc = leader_epoch_checkpoint_read(disk, path, take_entry, c, err);
    if (rc != 0)
        goto fail;
    *out = c;
    return 0;
fail:
    leader_epoch_cache_close(c);
    return rc;
}

void leader_epoch_cache_close(struct leader_epoch_cache *c)
{
    if (c == NULL)
        return;
    free(c->entries);
    free(c->path);
    free(c);
}

static void encode(const struct leader_epoch_cache *c, struct buf *out)
{
    checkpoint_file_begin(out, c->count);
    for (size_t i = 0; i < c->count; i++)
        buf_printf(out, "%d %lld\n", c->entries[i].leader_epoch,
                   (long long)c->entries[i].start_offset);
}

static int write_file(struct leader_epoch_cache *c, struct err *err)
{
    struct buf out = BUF_INIT;
    encode(c, &out);
    int rc = out.failed ? err_nomem(err)
                        : replace_file(c->disk, c->path, out.data, out.len, err);
    buf_free(&out);
    c->unsynced = true;
    return rc;
}

int leader_epoch_cache_sync(struct leader_epoch_cache *c, struct err *err)
{
    if (!c->unsynced)
        return 0;
    struct buf out = BUF_INIT;
    encode(c, &out);
    int rc = out.failed
                 ? err_nomem(err)
                 : disk_write_file_atomically(c->disk, c->path, out.data, out.len, err);
    buf_free(&out);
    if (rc == 0)
        c->unsynced = false;
    return rc;
}

int leader_epoch_cache_assign(struct leader_epoch_cache *c, int32_t leader_epoch,
                              int64_t start_offset, struct err *err)
{
    assert(leader_epoch >= 0 && start_offset >= 0);
    int rc = reserve(c, err);
    if (rc != 0)
        return rc;
    struct leader_epoch_entry entry = {leader_epoch, start_offset};
    return assign(c, entry) ? write_file(c, err) : 0;
}

bool leader_epoch_cache_latest(const struct leader_epoch_cache *c,
                               struct leader_epoch_entry *out)
{
    const struct leader_epoch_entry *last = latest(c);
    if (last != NULL)
        *out = *last;
    return last != NULL;
}

int32_t leader_epoch_cache_epoch_of(const struct leader_epoch_cache *c, int64_t offset)
{
    for (size_t i = c->count; i-- > 0;) {
        if (c->entries[i].start_offset <= offset)
            return c->entries[i].leader_epoch;
    }
    return -1;
}

void leader_epoch_cache_end_offset(const struct leader_epoch_cache *c,
                                   int32_t leader_epoch, int64_t log_end_offset,
                                   int32_t *found_epoch, int64_t *end_offset)
{
    const struct leader_epoch_entry *last = latest(c);
    *found_epoch = -1;
    *end_offset = -1;
    if (last == NULL || leader_epoch == -1 || leader_epoch > last->leader_epoch)
        return;
    if (leader_epoch == last->leader_epoch) {
        *found_epoch = leader_epoch;
        *end_offset = log_end_offset;
        return;
    }
    /* The first entry above the asked epoch is where that one ended. Older than
     * all that is known: its records are gone, and the log now begins with
     * the first entry. */
    size_t above = 0;
    while (c->entries[above].leader_epoch <= leader_epoch)
        above++;
    *found_epoch = above == 0 ? leader_epoch : c->entries[above - 1].leader_epoch;
    *end_offset = c->entries[above].start_offset;
}

int leader_epoch_cache_truncate_from_end(struct leader_epoch_cache *c,
                                         int64_t end_offset, struct err *err)
{
    size_t before = c->count;
    while (c->count > 0 && latest(c)->start_offset >= end_offset)
        c->count--;
    return c->count == before ? 0 : write_file(c, err);
}

int leader_epoch_cache_truncate_from_start(struct leader_epoch_cache *c,
                                           int64_t start_offset, struct err *err)
{
    size_t below = 0;
    while (below < c->count && c->entries[below].start_offset <= start_offset)
        below++;
    /* The last one below lives on: its epoch wrote what is at start_offset. */
    if (below == 0 || (below == 1 && c->entries[0].start_offset == start_offset))
        return 0;
    size_t gone = below - 1;
    memmove(c->entries, c->entries + gone, (c->count - gone) * sizeof(*c->entries));
    c->count -= gone;
    c->entries[0].start_offset = start_offset;
    return write_file(c, err);
}
