/*      first batch                        last entries of the indexes
 *        ▼                                              ▼
 *   .log [ batch │ batch │ …                      │ batch │ batch │ batch ]
 *                                                 └──── headers walked ───┘
 *
 * The largest timestamp is that of the last .timeindex entry or of a batch walked. */
#include "tools/inspect/segment_view.h"

#include "storage/batch_walk.h"
#include "storage/log_path.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"

static int open_file(struct disk *disk, const char *folder, int64_t base_offset,
                     const char *suffix, int *fd, struct err *err)
{
    char path[PATH_MAX];
    log_path(path, folder, base_offset, suffix);
    return disk->ops->open(disk, path, DISK_READ, fd, err);
}

/* Whether entry `number` is there and not of the zeros that Kafka fills a new index
 * with. */
static bool entry_is_written(struct disk *disk, int fd, int64_t number, int size,
                             uint8_t *entry)
{
    static const uint8_t zeros[INDEX_ENTRY_MAX];
    return disk->ops->read(disk, fd, entry, (size_t)size, number * size, NULL) ==
               size &&
           memcmp(entry, zeros, (size_t)size) != 0;
}

/* The last entry that was written; false: there is none, or no index. */
static bool last_entry(struct disk *disk, const char *folder, int64_t base_offset,
                       const char *suffix, int size, uint8_t *entry)
{
    int fd;
    if (open_file(disk, folder, base_offset, suffix, &fd, NULL) != 0)
        return false;
    int64_t low = 0; /* entries before are written; those from high on are not */
    int64_t high = disk->ops->size(disk, fd, NULL) / size;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (entry_is_written(disk, fd, middle, size, entry))
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low > 0 && entry_is_written(disk, fd, low - 1, size, entry);
    disk->ops->close(disk, fd);
    return found;
}

static void note_batch(struct segment_view *v, const struct record_batch *batch)
{
    v->last_offset = batch->last_offset;
    if (batch->max_timestamp > v->last_timestamp)
        v->last_timestamp = batch->max_timestamp;
}

/* Walks the headers from `position` on to the end of what is whole. */
static int walk_to_end(struct disk *disk, int fd, int64_t position,
                       struct segment_view *v, struct err *err)
{
    uint8_t window[BATCH_WALK_HEADERS];
    struct batch_walk walk;
    struct record_batch batch;
    int64_t at;
    int rc;
    batch_walk_headers(&walk, disk, fd, position, v->size, window, sizeof(window));
    while ((rc = batch_walk_next(&walk, &batch, &at, err)) == 1)
        note_batch(v, &batch);
    v->good_bytes = walk.position;
    return batch_walk_is_corrupt(rc) ? 0 : rc;
}

/* The first batch, and whether `entry` of the .index leads to the one it names. */
static int look_at(struct disk *disk, int fd, int64_t position, int64_t size,
                   struct record_batch *batch, struct err *err)
{
    uint8_t window[RECORD_BATCH_OVERHEAD];
    struct batch_walk walk;
    int64_t at;
    batch_walk_headers(&walk, disk, fd, position, size, window, sizeof(window));
    int rc = batch_walk_next(&walk, batch, &at, err);
    return batch_walk_is_corrupt(rc) ? 0 : rc;
}

static int64_t walk_from(struct disk *disk, const char *folder, int fd,
                         const struct segment_view *v)
{
    uint8_t entry[OFFSET_INDEX_ENTRY];
    struct record_batch batch;
    if (!last_entry(disk, folder, v->base_offset, OFFSET_INDEX_SUFFIX,
                    OFFSET_INDEX_ENTRY, entry))
        return 0;
    struct offset_position last = offset_index_decode(entry, v->base_offset);
    bool leads = last.position > 0 && last.position < v->size &&
                 look_at(disk, fd, last.position, v->size, &batch, NULL) == 1 &&
                 batch.last_offset == last.offset;
    return leads ? last.position : 0;
}

static void take_last_time(struct disk *disk, const char *folder,
                           struct segment_view *v)
{
    uint8_t entry[TIME_INDEX_ENTRY];
    if (last_entry(disk, folder, v->base_offset, TIME_INDEX_SUFFIX, TIME_INDEX_ENTRY,
                   entry))
        v->last_timestamp = time_index_decode(entry, v->base_offset).timestamp;
}

static int read_log(struct disk *disk, const char *folder, int fd,
                    struct segment_view *v, struct err *err)
{
    struct record_batch first;
    int rc = look_at(disk, fd, 0, v->size, &first, err);
    if (rc != 1)
        return rc;
    v->first_offset = first.base_offset;
    if (!first.has_delete_horizon)
        v->first_timestamp = first.base_timestamp;
    take_last_time(disk, folder, v);
    return walk_to_end(disk, fd, walk_from(disk, folder, fd, v), v, err);
}

int segment_view_read(struct disk *disk, const char *folder, int64_t base_offset,
                      struct segment_view *out, struct err *err)
{
    int fd;
    *out = (struct segment_view){
        .base_offset = base_offset,
        .first_offset = -1,
        .last_offset = -1,
        .first_timestamp = NO_TIMESTAMP,
        .last_timestamp = NO_TIMESTAMP,
    };
    int rc = open_file(disk, folder, base_offset, LOG_SUFFIX, &fd, err);
    if (rc != 0)
        return rc;
    out->size = disk->ops->size(disk, fd, err);
    rc = out->size < 0 ? (int)out->size : read_log(disk, folder, fd, out, err);
    disk->ops->close(disk, fd);
    return rc;
}
