#include "storage/txn_index.h"

#include "storage/log_path.h"

#define ENTRIES_PER_READ 64

void txn_index_init(struct txn_index *x, struct disk *disk, const char *dir,
                    int64_t base_offset, bool exists)
{
    *x = (struct txn_index){
        .disk = disk,
        .dir = dir,
        .base_offset = base_offset,
        .stage = "",
        .count = exists ? -1 : 0,
    };
}

static int open_file(const struct txn_index *x, int flags, int *fd, struct err *err)
{
    char path[PATH_MAX];
    log_path_staged(path, x->dir, x->base_offset, TXN_INDEX_SUFFIX, x->stage);
    return x->disk->ops->open(x->disk, path, flags, fd, err);
}

static void encode(uint8_t *to, const struct aborted_txn *txn)
{
    store_be16(to, 0);
    store_be64(to + 2, (uint64_t)txn->producer_id);
    store_be64(to + 10, (uint64_t)txn->first_offset);
    store_be64(to + 18, (uint64_t)txn->last_offset);
    store_be64(to + 26, (uint64_t)txn->last_stable_offset);
}

int txn_index_decode(const uint8_t entry[TXN_INDEX_ENTRY], struct aborted_txn *out,
                     struct err *err)
{
    int version = (int16_t)load_be16(entry);
    if (version != 0)
        return err_set(err, ERR_CORRUPT, "an entry has version %d", version);
    *out = (struct aborted_txn){
        .producer_id = (int64_t)load_be64(entry + 2),
        .first_offset = (int64_t)load_be64(entry + 10),
        .last_offset = (int64_t)load_be64(entry + 18),
        .last_stable_offset = (int64_t)load_be64(entry + 26),
    };
    return 0;
}

/* Walks the entries of the open file. `each` ends the walk with a non-zero
 * result, which is returned. */
static int walk(struct txn_index *x, int fd,
                int (*each)(void *context, int64_t n, const struct aborted_txn *txn,
                            struct err *err),
                void *context, struct err *err)
{
    uint8_t chunk[ENTRIES_PER_READ * TXN_INDEX_ENTRY];
    int64_t count = 0;
    for (;;) {
        int64_t got = x->disk->ops->read(x->disk, fd, chunk, sizeof(chunk),
                                         count * TXN_INDEX_ENTRY, err);
        if (got < 0)
            return (int)got;
        int64_t whole = got / TXN_INDEX_ENTRY;
        for (int64_t i = 0; i < whole; i++) {
            struct aborted_txn txn = {0};
            int rc = txn_index_decode(chunk + i * TXN_INDEX_ENTRY, &txn, err);
            if (rc != 0)
                return err_context(err, "%s/%020lld%s", x->dir,
                                   (long long)x->base_offset, TXN_INDEX_SUFFIX);
            rc = each(context, count + i, &txn, err);
            if (rc != 0)
                return rc;
        }
        count += whole;
        if (got < (int64_t)sizeof(chunk))
            break;
    }
    x->count = count;
    return 0;
}

struct check {
    const struct txn_index *index;
    int64_t last_offset;
};

static int check_entry(void *context, int64_t n, const struct aborted_txn *txn,
                       struct err *err)
{
    struct check *c = context;
    if (txn->last_offset < c->index->base_offset ||
        txn->last_offset <= c->last_offset || txn->first_offset > txn->last_offset)
        return err_set(err, ERR_CORRUPT, "%s/%020lld%s: entry %lld is out of place",
                       c->index->dir, (long long)c->index->base_offset,
                       TXN_INDEX_SUFFIX, (long long)n);
    c->last_offset = txn->last_offset;
    return 0;
}

int txn_index_check(struct txn_index *x, struct err *err)
{
    if (x->count == 0)
        return 0;
    int fd;
    int rc = open_file(x, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    struct check c = {.index = x, .last_offset = -1};
    rc = walk(x, fd, check_entry, &c, err);
    if (rc == 0) {
        int64_t size = x->disk->ops->size(x->disk, fd, err);
        if (size < 0)
            rc = (int)size;
        else if (size != x->count * TXN_INDEX_ENTRY)
            rc = err_set(err, ERR_CORRUPT, "%s/%020lld%s ends inside an entry", x->dir,
                         (long long)x->base_offset, TXN_INDEX_SUFFIX);
    }
    x->disk->ops->close(x->disk, fd);
    return rc;
}

/* The number of entries by the size of the file. */
static int count_entries(struct txn_index *x, int fd, struct err *err)
{
    if (x->count >= 0)
        return 0;
    int64_t size = x->disk->ops->size(x->disk, fd, err);
    if (size < 0)
        return (int)size;
    x->count = size / TXN_INDEX_ENTRY;
    return 0;
}

int txn_index_append(struct txn_index *x, const struct aborted_txn *txn,
                     struct err *err)
{
    uint8_t entry[TXN_INDEX_ENTRY];
    int fd;
    /* Before the first entry of its own the segment has no file; one that is
     * there all the same is a leftover. */
    int fresh = x->count == 0 ? DISK_TRUNCATE : 0;
    int rc = open_file(x, DISK_WRITE | DISK_CREATE | fresh, &fd, err);
    if (rc != 0)
        return rc;
    rc = count_entries(x, fd, err);
    if (rc == 0) {
        encode(entry, txn);
        struct iovec part = {.iov_base = entry, .iov_len = sizeof(entry)};
        rc =
            x->disk->ops->write(x->disk, fd, &part, 1, x->count * TXN_INDEX_ENTRY, err);
    }
    if (rc == 0)
        x->count++;
    x->disk->ops->close(x->disk, fd);
    return rc;
}

struct collect {
    int64_t offset;
    int64_t upper_offset;
    struct buf *out;
};

#define COLLECT_DONE 1

static int collect_entry(void *context, int64_t n, const struct aborted_txn *txn,
                         struct err *err)
{
    (void)n;
    struct collect *c = context;
    if (txn->last_offset >= c->offset && txn->first_offset < c->upper_offset)
        buf_append(c->out, txn, sizeof(*txn));
    if (c->out->failed)
        return err_nomem(err);
    /* Transactions that end behind a stable offset began behind it. */
    return txn->last_stable_offset >= c->upper_offset ? COLLECT_DONE : 0;
}

int txn_index_collect(struct txn_index *x, int64_t offset, int64_t upper_offset,
                      struct buf *out, bool *done, struct err *err)
{
    *done = false;
    if (x->count == 0)
        return 0;
    int fd;
    int rc = open_file(x, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    struct collect c = {.offset = offset, .upper_offset = upper_offset, .out = out};
    rc = walk(x, fd, collect_entry, &c, err);
    x->disk->ops->close(x->disk, fd);
    if (rc == COLLECT_DONE) {
        *done = true;
        rc = 0;
    }
    return rc;
}

struct keep {
    int64_t offset;
    int64_t count;
};

static int count_kept(void *context, int64_t n, const struct aborted_txn *txn,
                      struct err *err)
{
    (void)err;
    struct keep *k = context;
    if (txn->last_offset >= k->offset)
        return 1;
    k->count = n + 1;
    return 0;
}

int txn_index_truncate_to(struct txn_index *x, int64_t offset, struct err *err)
{
    if (x->count == 0)
        return 0;
    int fd;
    int rc = open_file(x, DISK_WRITE, &fd, err);
    if (rc != 0)
        return rc;
    struct keep k = {.offset = offset};
    /* Nothing may stay of a segment that is emptied, whatever it says. */
    if (offset > x->base_offset)
        rc = walk(x, fd, count_kept, &k, err);
    if (rc == 1)
        rc = 0;
    if (rc == 0 && k.count > 0)
        rc = x->disk->ops->truncate(x->disk, fd, k.count * TXN_INDEX_ENTRY, err);
    x->disk->ops->close(x->disk, fd);
    if (rc == 0 && k.count == 0) {
        char path[PATH_MAX];
        log_path_staged(path, x->dir, x->base_offset, TXN_INDEX_SUFFIX, x->stage);
        rc = x->disk->ops->remove(x->disk, path, err);
    }
    if (rc == 0)
        x->count = k.count;
    return rc;
}
