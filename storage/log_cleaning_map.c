/* The first half of a cleaning: which keys the dirty part has, and where the latest
 * record of each lies. */
#include "storage/log_cleaning_internal.h"

#include "storage/folder_contents.h"
#include "storage/log_path.h"

#define EXPAND_LIMIT ((size_t)INT32_MAX)

/* ---- PREPARE ------------------------------------------------------------- */

/* The aborted transactions of one segment's .txnindex. */
static int collect(struct log_cleaning *c, int64_t base_offset, int64_t offset,
                   struct buf *out, bool *done, struct err *err)
{
    struct txn_index x;
    txn_index_init(&x, c->disk, c->dir, base_offset, true);
    return txn_index_collect(&x, offset, c->limits.uncleanable_offset, out, done, err);
}

/* A transaction is noted where its marker lies, which may be far behind its data,
 * and above what is cleaned. */
int cleaning_load_txns(struct log_cleaning *c, int64_t offset, struct err *err)
{
    struct buf found = BUF_INIT;
    bool done = false;
    int rc = 0;
    for (int at = 0; rc == 0 && !done && at < c->all_count; at++) {
        if (c->segments[at].has_txn_index &&
            (at >= c->segment_count || cleaning_segment_end(c, at) > offset))
            rc = collect(c, c->segments[at].base_offset, offset, &found, &done, err);
    }
    cleaned_txns_destroy(c->txns);
    c->txns = NULL;
    if (rc == 0)
        rc = cleaned_txns_create((const void *)found.data,
                                 found.len / sizeof(struct aborted_txn), &c->txns, err);
    buf_free(&found);
    return rc;
}

static int first_dirty_segment(const struct log_cleaning *c)
{
    int at = 0;
    while (at + 1 < c->segment_count &&
           c->segments[at + 1].base_offset <= c->first_dirty_offset)
        at++;
    return at;
}

int cleaning_prepare(struct log_cleaning *c, struct err *err)
{
    struct offset_map_options map = {
        .memory_bytes = c->o.dedupe_bytes,
        .load_factor = c->o.dedupe_load_factor,
        .keys_at_most = c->limits.uncleanable_offset - c->first_dirty_offset,
        .random = c->random,
    };
    /* A cleaning that was given up may have failed to remove its files too; beside
     * the ones to come they would be taken for their fellows. */
    int rc = folder_contents_drop_cleaned(c->disk, c->dir, err);
    if (rc == 0)
        rc = cleaning_load_txns(c, c->first_dirty_offset, err);
    if (rc == 0)
        rc = offset_map_create(&map, &c->map, err);
    last_records_sort(c->producers, c->producer_count);
    cleaning_reader_rewind(c, first_dirty_segment(c));
    return rc;
}

/* ---- MAP ----------------------------------------------------------------- */

/* Reads the next records that have a key and are dirty, and announces them. 1: there
 * may be more. */
static int read_ahead(struct log_cleaning *c, struct record_iter *it,
                      struct record ahead[OFFSET_MAP_AHEAD], int *count,
                      struct err *err)
{
    int rc = 1;
    for (*count = 0; *count < OFFSET_MAP_AHEAD;) {
        struct record *r = &ahead[*count];
        rc = record_iter_next(it, r, err);
        if (rc != 1)
            break;
        if (r->key.data == NULL || r->offset < c->first_dirty_offset)
            continue;
        offset_map_announce(c->map, r->key);
        ++*count;
    }
    return rc;
}

/* 1: the map is full. */
static int map_records(struct log_cleaning *c, const uint8_t *data,
                       const struct record_batch *batch, struct err *err)
{
    struct record_iter it;
    struct record ahead[OFFSET_MAP_AHEAD];
    bool full = false;
    int count;
    int rc = record_iter_open(&it, data, (size_t)batch->size, EXPAND_LIMIT, err);
    if (rc != 0)
        return rc;
    do {
        rc = read_ahead(c, &it, ahead, &count, err);
        for (int i = 0; rc >= 0 && !full && i < count; i++) {
            full = !offset_map_put(c->map, ahead[i].key, ahead[i].offset);
            if (!full)
                c->end_offset = ahead[i].offset + 1;
        }
    } while (rc == 1 && !full);
    record_iter_close(&it);
    return rc >= 0 && full ? 1 : rc;
}

/* What was aborted is no record of its key. */
static int map_batch(struct log_cleaning *c, const uint8_t *data,
                     const struct record_batch *batch, struct err *err)
{
    struct aborted_txn aborted;
    bool indexed;
    if (batch->last_offset < c->first_dirty_offset)
        return 0;
    int rc = batch->control ? cleaned_txns_read_control(c->txns, data, batch, &aborted,
                                                        &indexed, err)
                            : cleaned_txns_read_data(c->txns, batch, err);
    if (rc == 0 && !batch->control)
        rc = map_records(c, data, batch, err);
    else if (rc == 1)
        rc = 0;
    if (rc < 0)
        return cleaning_reader_context(c, batch, rc, err);
    if (rc == 0)
        c->end_offset = batch->last_offset + 1;
    return rc;
}

int cleaning_map(struct log_cleaning *c, struct err *err)
{
    struct cleaning_slice slice = cleaning_slice_begin(c);
    struct record_batch batch;
    const uint8_t *data;
    int rc;
    while ((rc = cleaning_reader_next(c, c->segment_count, &batch, &data, err)) == 1) {
        rc = map_batch(c, data, &batch, err);
        if (rc == 1) /* full: the rest is for the next pass */
            return 0;
        if (rc != 0)
            return rc;
        if (cleaning_slice_is_over(&slice, c))
            return 1;
    }
    if (rc == 0) /* offsets that nothing is left of are clean too */
        c->end_offset = c->limits.uncleanable_offset;
    return rc;
}

/* ---- SYNC ---------------------------------------------------------------- */

/* How many segments hold what the map was made from: those with the keys, and where a
 * transaction was read whose marker was not, all of them. */
static int count_sources(const struct log_cleaning *c)
{
    int count = 0;
    if (cleaned_txns_any_open(c->txns))
        return c->all_count;
    while (count < c->segment_count && c->segments[count].base_offset < c->end_offset)
        count++;
    return count;
}

int cleaning_sync(struct log_cleaning *c, struct err *err)
{
    char path[PATH_MAX];
    int count = count_sources(c);
    while (c->synced_count < count) {
        int at = c->synced_count++;
        if (at < c->segment_count && cleaning_segment_end(c, at) <= c->synced_offset)
            continue;
        log_path(path, c->dir, c->segments[at].base_offset, LOG_SUFFIX);
        int rc = disk_sync_file(c->disk, path, err);
        return rc == 0 ? 1 : rc;
    }
    return 0;
}

/* ---- MEASURE ------------------------------------------------------------- */

static int file_size(struct log_cleaning *c, int64_t base_offset, const char *suffix,
                     int64_t *out, struct err *err)
{
    char path[PATH_MAX];
    int fd;
    log_path(path, c->dir, base_offset, suffix);
    int rc = c->disk->ops->open(c->disk, path, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    *out = c->disk->ops->size(c->disk, fd, err);
    c->disk->ops->close(c->disk, fd);
    return *out < 0 ? err_context(err, "%s", path) : 0;
}

/* How much is to be written anew, and what decides how segments are grouped. */
int cleaning_measure(struct log_cleaning *c, struct err *err)
{
    int rc = 0;
    while (c->clean_count < c->segment_count &&
           c->segments[c->clean_count].base_offset < c->end_offset)
        c->clean_count++;
    for (int at = 0; rc == 0 && at < c->clean_count; at++) {
        struct dirty_segment *s = &c->segments[at];
        rc = file_size(c, s->base_offset, OFFSET_INDEX_SUFFIX, &s->index_bytes, err);
        if (rc == 0)
            rc = file_size(c, s->base_offset, TIME_INDEX_SUFFIX, &s->time_index_bytes,
                           err);
    }
    if (rc == 0)
        rc = cleaning_load_txns(c, c->segments[0].base_offset, err);
    return rc;
}
