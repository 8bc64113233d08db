#include "storage/offset_index.h"

#include "storage/log_path.h"

static bool offset_above(const uint8_t *entry, int64_t relative_offset)
{
    return (int32_t)load_be32(entry) > relative_offset;
}

static bool in_order(const uint8_t *a, const uint8_t *b)
{
    return (int32_t)load_be32(b) > (int32_t)load_be32(a) &&
           (int32_t)load_be32(b + 4) > (int32_t)load_be32(a + 4);
}

/* Garbage must not lead outside the file. The batch at position 0 never gets an
 * entry: there is nothing to skip. */
static bool makes_sense(const uint8_t *entry)
{
    return (int32_t)load_be32(entry) >= 0 && (int32_t)load_be32(entry + 4) > 0;
}

static const struct index_kind OFFSETS = {
    .suffix = OFFSET_INDEX_SUFFIX,
    .entry_size = OFFSET_INDEX_ENTRY,
    .in_order = in_order,
    .makes_sense = makes_sense,
};

void offset_index_init(struct offset_index *x, struct disk *disk, const char *dir,
                       int64_t base_offset)
{
    index_file_init(&x->file, &OFFSETS, disk, dir, base_offset);
    x->last = (struct offset_position){.offset = base_offset};
}

void offset_index_close(struct offset_index *x)
{
    index_file_close(&x->file);
}

int offset_index_create(struct offset_index *x, struct err *err)
{
    x->last = (struct offset_position){.offset = x->file.base_offset};
    return index_file_create(&x->file, err);
}

static int read_last(struct offset_index *x, struct err *err)
{
    uint8_t entry[OFFSET_INDEX_ENTRY];
    int64_t count = index_file_count(&x->file);
    x->last = (struct offset_position){.offset = x->file.base_offset};
    if (count == 0)
        return 0;
    int rc = index_file_read(&x->file, count - 1, 1, entry, err);
    if (rc == 0 && makes_sense(entry))
        x->last = offset_index_decode(entry, x->file.base_offset);
    return rc;
}

int offset_index_load(struct offset_index *x, struct err *err)
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

int offset_index_lookup(struct offset_index *x, int64_t offset,
                        struct offset_position *out, struct err *err)
{
    uint8_t entry[OFFSET_INDEX_ENTRY];
    int64_t found;
    int rc = offset_index_load(x, err);
    if (rc != 0)
        return rc;
    if (offset >= x->last.offset) {
        *out = x->last;
        return 0;
    }
    rc = index_file_search(&x->file, offset_above, offset - x->file.base_offset, &found,
                           entry, err);
    if (rc != 0)
        return rc;
    *out = (struct offset_position){.offset = x->file.base_offset};
    /* Only the ends were looked at when the file was opened. */
    if (found >= 0 && makes_sense(entry))
        *out = offset_index_decode(entry, x->file.base_offset);
    return 0;
}

int offset_index_reserve(struct offset_index *x, struct err *err)
{
    return index_file_reserve(&x->file, err);
}

void offset_index_append(struct offset_index *x, int64_t offset, int32_t position)
{
    uint8_t entry[OFFSET_INDEX_ENTRY];
    store_be32(entry, (uint32_t)(offset - x->file.base_offset));
    store_be32(entry + 4, (uint32_t)position);
    index_file_append(&x->file, entry);
    x->last = (struct offset_position){.offset = offset, .position = position};
}

int64_t offset_index_count(struct offset_index *x)
{
    return index_file_count(&x->file);
}

int offset_index_truncate_to(struct offset_index *x, int64_t offset, struct err *err)
{
    uint8_t entry[OFFSET_INDEX_ENTRY];
    int64_t found;
    int rc = offset_index_load(x, err);
    if (rc == 0)
        rc = index_file_search(&x->file, offset_above, offset - 1 - x->file.base_offset,
                               &found, entry, err);
    if (rc == 0)
        rc = index_file_truncate(&x->file, found + 1, err);
    if (rc == 0)
        rc = read_last(x, err);
    return rc;
}
