/* A segment and its indexes.
 *
 *   .log        batch 0 │ batch 1 │ batch 2 │ batch 3 │ batch 4 │ …
 *                                 ▲                   ▲
 *   .index      ──────────────────┘ (last offset of 2,│ position of 2)
 *               ──────────────────────────────────────┘ …
 *   .timeindex  beside each, the largest timestamp so far and where it ended
 *
 * An entry is made for the batch that begins more than index.interval.bytes
 * behind the batch of the last entry; the first batch counts as having one. So
 * the rule needs no counter: the position of the last entry says it all, after
 * a restart too, and appending and recovery make the same entries. They are
 * the entries that Kafka makes.
 *
 * Invariants: size is the end of the last whole batch that was written; index
 * entries point to batches below it. The file may be longer only after a failed
 * write that could not be undone, and then the log is offline. */
#include "storage/segment.h"

#include <assert.h>
#include <stdlib.h>

#include "storage/log_path.h"

static int segment_context(const struct segment *s, struct err *err)
{
    return err_context(err, "%s/%020lld%s", s->dir, (long long)s->base_offset,
                       LOG_SUFFIX);
}

static void set_stage(struct segment *s, const char *stage)
{
    s->stage = s->offsets.file.stage = s->times.file.stage = s->txns.stage = stage;
}

static struct segment *segment_alloc(struct disk *disk, const char *dir,
                                     int64_t base_offset, int64_t now_ms,
                                     bool has_txn_index)
{
    struct segment *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->disk = disk;
    s->dir = dir;
    s->base_offset = base_offset;
    s->created_ms = now_ms;
    s->first_timestamp = NO_TIMESTAMP;
    s->max_timestamp = (struct timestamp_offset){NO_TIMESTAMP, base_offset};
    s->modified_ms = -1;
    offset_index_init(&s->offsets, disk, dir, base_offset);
    time_index_init(&s->times, disk, dir, base_offset);
    txn_index_init(&s->txns, disk, dir, base_offset, has_txn_index);
    set_stage(s, "");
    return s;
}

static int open_log(struct segment *s, int flags, struct err *err)
{
    char path[PATH_MAX];
    int fd;
    if (s->file != NULL)
        return 0;
    log_path_staged(path, s->dir, s->base_offset, LOG_SUFFIX, s->stage);
    int rc = s->disk->ops->open(s->disk, path, flags, &fd, err);
    if (rc != 0)
        return rc;
    s->file = log_file_create(s->disk, fd);
    if (s->file == NULL) {
        s->disk->ops->close(s->disk, fd);
        return err_nomem(err);
    }
    return 0;
}

int segment_open_file(struct segment *s, struct err *err)
{
    return open_log(s, DISK_WRITE, err);
}

static int create_staged(struct disk *disk, const char *dir, int64_t base_offset,
                         const char *stage, int64_t now_ms, struct segment **out,
                         struct err *err)
{
    struct segment *s = segment_alloc(disk, dir, base_offset, now_ms, false);
    if (s == NULL)
        return err_nomem(err);
    set_stage(s, stage);
    int rc = open_log(s, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, err);
    if (rc == 0)
        rc = offset_index_create(&s->offsets, err);
    if (rc == 0)
        rc = time_index_create(&s->times, err);
    if (rc != 0) {
        segment_close(s);
        return rc;
    }
    segment_rest_indexes(s);
    s->max_timestamp_known = true;
    *out = s;
    return 0;
}

int segment_create(struct disk *disk, const char *dir, int64_t base_offset,
                   int64_t now_ms, struct segment **out, struct err *err)
{
    return create_staged(disk, dir, base_offset, "", now_ms, out, err);
}

int segment_create_cleaned(struct disk *disk, const char *dir, int64_t base_offset,
                           int64_t now_ms, struct segment **out, struct err *err)
{
    return create_staged(disk, dir, base_offset, CLEANED_SUFFIX, now_ms, out, err);
}

int segment_open(struct disk *disk, const char *dir, int64_t base_offset,
                 int64_t now_ms, bool has_txn_index, struct segment **out,
                 struct err *err)
{
    struct segment *s = segment_alloc(disk, dir, base_offset, now_ms, has_txn_index);
    if (s == NULL)
        return err_nomem(err);
    int rc = segment_open_file(s, err);
    if (rc == 0) {
        s->size = disk->ops->size(disk, s->file->fd, err);
        if (s->size < 0) {
            rc = segment_context(s, err);
        } else if (s->size > INT32_MAX) {
            err_set(err, ERR_CORRUPT, "%lld bytes are more than a segment can have",
                    (long long)s->size);
            rc = segment_context(s, err);
        }
    }
    if (rc != 0) {
        segment_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void segment_rest_indexes(struct segment *s)
{
    index_file_rest(&s->offsets.file);
    index_file_rest(&s->times.file);
}

void segment_rest(struct segment *s)
{
    segment_rest_indexes(s);
    log_file_release(s->file);
    s->file = NULL;
}

void segment_close(struct segment *s)
{
    if (s == NULL)
        return;
    log_file_release(s->file);
    offset_index_close(&s->offsets);
    time_index_close(&s->times);
    free(s);
}

bool segment_fits_offset(const struct segment *s, int64_t offset)
{
    return offset >= s->base_offset && offset - s->base_offset <= INT32_MAX;
}

/* Walks headers from `position` on, on memory of the caller. */
static int start_walk(struct segment *s, struct batch_walk *w, int64_t position,
                      uint8_t *window, size_t room, struct err *err)
{
    int rc = segment_open_file(s, err);
    if (rc == 0)
        batch_walk_headers(w, s->disk, s->file->fd, position, s->size, window, room);
    return rc;
}

static int load_first_timestamp(struct segment *s, struct err *err)
{
    uint8_t window[RECORD_BATCH_OVERHEAD];
    struct batch_walk w;
    struct record_batch batch;
    int64_t position;
    if (s->first_timestamp >= 0 || s->size == 0)
        return 0;
    int rc = start_walk(s, &w, 0, window, sizeof(window), err);
    if (rc == 0)
        rc = batch_walk_next(&w, &batch, &position, err);
    if (rc == 1)
        s->first_timestamp = batch.max_timestamp;
    else if (rc < 0)
        return segment_context(s, err);
    return 0;
}

int segment_first_timestamp(struct segment *s, int64_t *out, struct err *err)
{
    int rc = load_first_timestamp(s, err);
    *out = s->first_timestamp;
    return rc;
}

int segment_prepare(struct segment *s, struct err *err)
{
    struct timestamp_offset ignored;
    int rc = offset_index_load(&s->offsets, err);
    if (rc == 0)
        rc = segment_max_timestamp(s, &ignored, err);
    if (rc == 0)
        rc = load_first_timestamp(s, err);
    return rc;
}

int segment_max_timestamp(struct segment *s, struct timestamp_offset *out,
                          struct err *err)
{
    if (!s->max_timestamp_known) {
        int rc = time_index_load(&s->times, err);
        if (rc != 0)
            return rc;
        s->max_timestamp = s->times.last;
        s->max_timestamp_known = true;
    }
    *out = s->max_timestamp;
    return 0;
}

int segment_reserve_entries(struct segment *s, struct err *err)
{
    int rc = offset_index_reserve(&s->offsets, err);
    if (rc == 0)
        rc = time_index_reserve(&s->times, err);
    return rc;
}

static bool entry_is_due(const struct segment *s, int64_t position,
                         int32_t index_interval_bytes)
{
    return position - s->offsets.last.position > index_interval_bytes;
}

void segment_note_batch(struct segment *s, const struct record_batch *batch,
                        int64_t position, int32_t index_interval_bytes)
{
    if (position == 0)
        s->first_timestamp = batch->max_timestamp;
    if (batch->max_timestamp > s->max_timestamp.timestamp)
        s->max_timestamp =
            (struct timestamp_offset){batch->max_timestamp, batch->last_offset};
    if (entry_is_due(s, position, index_interval_bytes)) {
        offset_index_append(&s->offsets, batch->last_offset, (int32_t)position);
        time_index_append(&s->times, s->max_timestamp);
    }
}

int segment_append(struct segment *s, const uint8_t *data,
                   const struct record_batch *batch, int32_t index_interval_bytes,
                   struct err *err)
{
    assert(segment_fits_offset(s, batch->last_offset));
    assert(s->size + batch->size <= INT32_MAX);
    int rc = 0;
    if (entry_is_due(s, s->size, index_interval_bytes))
        rc = segment_reserve_entries(s, err);
    if (rc == 0)
        rc = segment_open_file(s, err);
    if (rc != 0)
        return rc;
    struct iovec part = {.iov_base = (void *)data, .iov_len = (size_t)batch->size};
    rc = s->disk->ops->write(s->disk, s->file->fd, &part, 1, s->size, err);
    if (rc != 0) {
        /* Part of the batch may be there. What the first failure says is what
         * counts; if this fails too, recovery will find the torn end. */
        s->disk->ops->truncate(s->disk, s->file->fd, s->size, NULL);
        return segment_context(s, err);
    }
    segment_note_batch(s, batch, s->size, index_interval_bytes);
    s->size += batch->size;
    s->modified_ms = -1;
    return 0;
}

/* Walks from an index entry to the first batch that ends at or above `offset`. */
static int find_from(struct segment *s, int64_t start, int64_t offset,
                     struct batch_place *place, struct err *err)
{
    uint8_t window[BATCH_WALK_HEADERS];
    struct batch_walk w;
    struct record_batch batch;
    int64_t position;
    int rc = start_walk(s, &w, start, window, sizeof(window), err);
    if (rc != 0)
        return rc;
    bool first = start > 0;
    while ((rc = batch_walk_next(&w, &batch, &position, err)) == 1) {
        if (first && batch.base_offset > offset)
            return err_set(err, ERR_CORRUPT_MESSAGE, "the index points too far");
        first = false;
        if (batch.last_offset < offset)
            continue;
        *place = (struct batch_place){
            .position = (int32_t)position,
            .size = batch.size,
            .base_offset = batch.base_offset,
            .last_offset = batch.last_offset,
        };
        return 1;
    }
    if (rc == 0 && w.position != s->size)
        return err_set(err, ERR_CORRUPT_MESSAGE, "no batch begins at %lld",
                       (long long)w.position);
    return rc;
}

int segment_find(struct segment *s, int64_t offset, struct batch_place *place,
                 struct err *err)
{
    struct offset_position near;
    int rc = offset_index_lookup(&s->offsets, offset, &near, err);
    if (rc != 0)
        return rc;
    if (near.position >= s->size)
        near.position = 0;
    rc = find_from(s, near.position, offset, place, err);
    /* An index that leads astray is no reason to fail: the log itself knows.
     * Slow, but right, until recovery makes the index anew. */
    if (near.position > 0 && batch_walk_is_corrupt(rc))
        rc = find_from(s, 0, offset, place, err);
    return rc < 0 ? segment_context(s, err) : rc;
}

int segment_position_of(struct segment *s, int64_t offset, int64_t *position,
                        struct err *err)
{
    struct batch_place place;
    int rc = segment_find(s, offset, &place, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        *position = s->size;
    else if (place.base_offset >= offset)
        *position = place.position;
    else /* inside a batch: the next one is the first above */
        *position = (int64_t)place.position + place.size;
    return 0;
}

int segment_next_offset(struct segment *s, int64_t *next, struct err *err)
{
    uint8_t window[BATCH_WALK_HEADERS];
    struct batch_walk w;
    struct record_batch batch;
    int64_t position;
    int rc = offset_index_load(&s->offsets, err);
    if (rc != 0)
        return rc;
    *next = s->base_offset;
    rc = start_walk(s, &w, s->offsets.last.position, window, sizeof(window), err);
    if (rc != 0)
        return rc;
    bool first = s->offsets.last.position > 0;
    while ((rc = batch_walk_next(&w, &batch, &position, err)) == 1) {
        /* An entry may stand for several batches that were appended as one; it
         * points to the first and has the last's offset. */
        if (first && batch.last_offset > s->offsets.last.offset)
            return err_set(err, ERR_CORRUPT, "%s/%020lld%s does not fit the log",
                           s->dir, (long long)s->base_offset, OFFSET_INDEX_SUFFIX);
        if (batch.base_offset < *next || !segment_fits_offset(s, batch.last_offset))
            break;
        first = false;
        *next = batch.last_offset + 1;
    }
    if (rc < 0 && !batch_walk_is_corrupt(rc))
        return segment_context(s, err);
    if (rc != 0 || first || w.position != s->size)
        return err_set(err, ERR_CORRUPT,
                       "%s/%020lld%s ends in something that is no batch, at %lld",
                       s->dir, (long long)s->base_offset, LOG_SUFFIX,
                       (long long)w.position);
    return 0;
}

int segment_write_out(struct segment *s, bool last_time_entry, struct err *err)
{
    int rc = 0;
    if (last_time_entry && s->max_timestamp_known) {
        rc = time_index_load(&s->times, err);
        if (rc == 0)
            rc = time_index_reserve(&s->times, err);
        if (rc != 0)
            return rc;
        time_index_append(&s->times, s->max_timestamp);
    }
    rc = index_file_write_out(&s->offsets.file, true, err);
    if (rc == 0)
        rc = index_file_write_out(&s->times.file, true, err);
    return rc;
}

int segment_reset_indexes(struct segment *s, struct err *err)
{
    int rc = offset_index_create(&s->offsets, err);
    if (rc == 0)
        rc = time_index_create(&s->times, err);
    if (rc == 0)
        rc = txn_index_truncate_to(&s->txns, s->base_offset, err);
    s->first_timestamp = NO_TIMESTAMP;
    s->max_timestamp = (struct timestamp_offset){NO_TIMESTAMP, s->base_offset};
    s->max_timestamp_known = true;
    return rc;
}

int segment_cut(struct segment *s, int64_t size, struct err *err)
{
    if (size == s->size)
        return 0;
    int rc = segment_open_file(s, err);
    if (rc != 0)
        return rc;
    rc = s->disk->ops->truncate(s->disk, s->file->fd, size, err);
    if (rc != 0)
        return segment_context(s, err);
    s->size = size;
    s->modified_ms = -1;
    return 0;
}

/* After a cut the last time index entry may be below the largest timestamp that
 * is left: look at the batches behind it. */
static int relearn_max_timestamp(struct segment *s, struct err *err)
{
    uint8_t window[BATCH_WALK_HEADERS];
    struct batch_place near;
    struct batch_walk w;
    struct record_batch batch;
    int64_t position;
    s->max_timestamp = s->times.last;
    s->max_timestamp_known = true;
    int rc = segment_find(s, s->times.last.offset, &near, err);
    if (rc == 1)
        rc = start_walk(s, &w, near.position, window, sizeof(window), err);
    else if (rc == 0)
        return 0; /* empty */
    if (rc != 0)
        return rc;
    while ((rc = batch_walk_next(&w, &batch, &position, err)) == 1) {
        if (batch.max_timestamp > s->max_timestamp.timestamp)
            s->max_timestamp =
                (struct timestamp_offset){batch.max_timestamp, batch.last_offset};
    }
    return rc < 0 ? segment_context(s, err) : 0;
}

int segment_truncate_to(struct segment *s, int64_t offset, struct err *err)
{
    struct batch_place place;
    /* Before the indexes are cut: they are what finds the place. */
    int found = segment_find(s, offset, &place, err);
    int rc = found < 0 ? found : offset_index_truncate_to(&s->offsets, offset, err);
    if (rc == 0)
        rc = time_index_truncate_to(&s->times, offset, err);
    if (rc == 0)
        rc = txn_index_truncate_to(&s->txns, offset, err);
    if (rc == 0 && found == 1)
        rc = segment_cut(s, place.position, err);
    if (rc != 0)
        return rc;
    if (s->size == 0)
        s->first_timestamp = NO_TIMESTAMP;
    return relearn_max_timestamp(s, err);
}

/* What a segment consists of; the producers' snapshot as of its base offset comes last.
 */
static const char *const file_suffixes[] = {LOG_SUFFIX, OFFSET_INDEX_SUFFIX,
                                            TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX,
                                            SNAPSHOT_SUFFIX};

#define FILE_SUFFIXES (sizeof(file_suffixes) / sizeof(*file_suffixes))

/* Renames one file of a segment; one that is not there stays so. */
static int rename_file(struct disk *disk, const char *dir, int64_t base_offset,
                       const char *suffix, const char *from_stage, const char *to_stage,
                       struct err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    log_path_staged(from, dir, base_offset, suffix, from_stage);
    log_path_staged(to, dir, base_offset, suffix, to_stage);
    int rc = disk->ops->rename(disk, from, to, err);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int segment_rename(struct segment *s, const char *stage, struct err *err)
{
    for (size_t i = 0; i < FILE_SUFFIXES - 1; i++) {
        if (strcmp(file_suffixes[i], TXN_INDEX_SUFFIX) == 0 && s->txns.count == 0)
            continue;
        int rc = rename_file(s->disk, s->dir, s->base_offset, file_suffixes[i],
                             s->stage, stage, err);
        if (rc != 0)
            return rc;
    }
    set_stage(s, stage);
    return 0;
}

int segment_mark_deleted(struct segment *s, struct err *err)
{
    int rc = segment_rename(s, DELETED_SUFFIX, err);
    return rc != 0 ? rc
                   : rename_file(s->disk, s->dir, s->base_offset, SNAPSHOT_SUFFIX, "",
                                 DELETED_SUFFIX, err);
}

int segment_files_mark_deleted(struct disk *disk, const char *dir, int64_t base_offset,
                               bool keep_snapshot, struct err *err)
{
    size_t count = keep_snapshot ? FILE_SUFFIXES - 1 : FILE_SUFFIXES;
    for (size_t i = 0; i < count; i++) {
        int rc = rename_file(disk, dir, base_offset, file_suffixes[i], "",
                             DELETED_SUFFIX, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int segment_files_remove_deleted(struct disk *disk, const char *dir,
                                 int64_t base_offset, struct err *err)
{
    char path[PATH_MAX];
    struct err why;
    int rc = 0;
    for (size_t i = 0; i < FILE_SUFFIXES; i++) {
        log_path_staged(path, dir, base_offset, file_suffixes[i], DELETED_SUFFIX);
        int one = disk->ops->remove(disk, path, &why);
        if (one == 0 || one == ERR_NOT_FOUND || rc != 0)
            continue;
        rc = one; /* go on: the others can go all the same */
        if (err != NULL)
            *err = why;
    }
    return rc;
}

static int sync_file(struct disk *disk, const char *dir, int64_t base_offset,
                     const char *suffix, const char *stage, struct err *err)
{
    char path[PATH_MAX];
    log_path_staged(path, dir, base_offset, suffix, stage);
    return disk_sync_file(disk, path, err);
}

int segment_sync_indexes(struct disk *disk, const char *dir, int64_t base_offset,
                         const char *stage, bool has_txn_index, struct err *err)
{
    int rc = sync_file(disk, dir, base_offset, OFFSET_INDEX_SUFFIX, stage, err);
    if (rc == 0)
        rc = sync_file(disk, dir, base_offset, TIME_INDEX_SUFFIX, stage, err);
    if (rc == 0 && has_txn_index)
        rc = sync_file(disk, dir, base_offset, TXN_INDEX_SUFFIX, stage, err);
    return rc;
}
