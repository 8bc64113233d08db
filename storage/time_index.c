#include "storage/time_index.h"

#include "protocol/record_batch.h"
#include "storage/log_path.h"

static bool timestamp_above(const uint8_t *entry, int64_t timestamp)
{
    return (int64_t)load_be64(entry) > timestamp;
}

static bool offset_above(const uint8_t *entry, int64_t relative_offset)
{
    return (int32_t)load_be32(entry + 8) > relative_offset;
}

/* Offsets need not grow by strict steps: they do, as it is the batch that
 * brought a larger timestamp whose end is noted. */
static bool in_order(const uint8_t *a, const uint8_t *b)
{
    return (int64_t)load_be64(b) > (int64_t)load_be64(a) &&
           (int32_t)load_be32(b + 8) > (int32_t)load_be32(a + 8);
}

static bool makes_sense(const uint8_t *entry)
{
    return (int64_t)load_be64(entry) >= 0 && (int32_t)load_be32(entry + 8) >= 0;
}

static const struct index_kind TIMES = {
    .suffix = TIME_INDEX_SUFFIX,
    .entry_size = TIME_INDEX_ENTRY,
    .in_order = in_order,
    .makes_sense = makes_sense,
};

void time_index_init(struct time_index *x, struct disk *disk, const char *dir,
                     int64_t base_offset)
{
    index_file_init(&x->file, &TIMES, disk, dir, base_offset);
    x->last = (struct timestamp_offset){NO_TIMESTAMP, base_offset};
}

void time_index_close(struct time_index *x)
{
    index_file_close(&x->file);
}

int time_index_create(struct time_index *x, struct err *err)
{
    x->last = (struct timestamp_offset){NO_TIMESTAMP, x->file.base_offset};
    return index_file_create(&x->file, err);
}

static int read_last(struct time_index *x, struct err *err)
{
    uint8_t entry[TIME_INDEX_ENTRY];
    int64_t count = index_file_count(&x->file);
    x->last = (struct timestamp_offset){NO_TIMESTAMP, x->file.base_offset};
    if (count == 0)
        return 0;
    int rc = index_file_read(&x->file, count - 1, 1, entry, err);
    if (rc == 0 && makes_sense(entry))
        x->last = time_index_decode(entry, x->file.base_offset);
    return rc;
}

int time_index_load(struct time_index *x, struct err *err)
{
    if (index_file_is_loaded(&x->file))
        return 0;
    int rc = index_file_load(&x->file, err);
    if (rc == 0)
        rc = read_last(x, err);
    if (rc != 0)
        index_file_close(&x->file); /* half loaded is not loaded */
    return rc;
}

int time_index_lookup(struct time_index *x, int64_t timestamp,
                      struct timestamp_offset *out, struct err *err)
{
    uint8_t entry[TIME_INDEX_ENTRY];
    int64_t found;
    int rc = time_index_load(x, err);
    if (rc == 0)
        rc =
            index_file_search(&x->file, timestamp_above, timestamp, &found, entry, err);
    if (rc != 0)
        return rc;
    *out = (struct timestamp_offset){NO_TIMESTAMP, x->file.base_offset};
    if (found >= 0 && makes_sense(entry))
        *out = time_index_decode(entry, x->file.base_offset);
    return 0;
}

int time_index_reserve(struct time_index *x, struct err *err)
{
    return index_file_reserve(&x->file, err);
}

void time_index_append(struct time_index *x, struct timestamp_offset entry)
{
    uint8_t bytes[TIME_INDEX_ENTRY];
    if (entry.timestamp <= x->last.timestamp)
        return;
    store_be64(bytes, (uint64_t)entry.timestamp);
    store_be32(bytes + 8, (uint32_t)(entry.offset - x->file.base_offset));
    index_file_append(&x->file, bytes);
    x->last = entry;
}

int64_t time_index_count(struct time_index *x)
{
    return index_file_count(&x->file);
}

int time_index_truncate_to(struct time_index *x, int64_t offset, struct err *err)
{
    uint8_t entry[TIME_INDEX_ENTRY];
    int64_t found;
    int rc = time_index_load(x, err);
    if (rc == 0)
        rc = index_file_search(&x->file, offset_above, offset - 1 - x->file.base_offset,
                               &found, entry, err);
    if (rc == 0)
        rc = index_file_truncate(&x->file, found + 1, err);
    if (rc == 0)
        rc = read_last(x, err);
    return rc;
}
