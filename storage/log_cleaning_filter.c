/* The second half of a cleaning: a group of segments is read, filtered, and written
 * into one that is not the log's yet. */
#include "storage/log_cleaning_internal.h"

#include "storage/log_path.h"

/* The device gets its work in portions: a sync of all at the end would keep one of
 * the pool's threads for long. */
#define SYNC_BYTES ((int64_t)16 << 20)

bool cleaning_next_group(struct log_cleaning *c)
{
    c->group_from = c->group_to;
    if (c->group_from == c->clean_count)
        return false;
    c->group_to += segment_groups_next(&c->segments[c->group_from],
                                       c->clean_count - c->group_from, &c->limits);
    cleaning_reader_rewind(c, c->group_from);
    return true;
}

static int begin_group(struct log_cleaning *c, struct err *err)
{
    c->filter.map = c->map;
    c->filter.end_offset = c->end_offset;
    c->filter.now_ms = c->now_ms;
    c->filter.delete_retention_ms = c->delete_retention_ms;
    c->filter.upper_offset = c->limits.uncleanable_offset;
    c->filter.txns = c->txns;
    c->filter.producers = c->producers;
    c->filter.producer_count = c->producer_count;
    c->unsynced_bytes = 0;
    return segment_create_cleaned(c->disk, c->dir,
                                  c->segments[c->group_from].base_offset, c->now_ms,
                                  &c->cleaned, err);
}

static int write_bytes(struct log_cleaning *c, const uint8_t *data, size_t len,
                       struct err *err)
{
    struct segment *s = c->cleaned;
    struct iovec part = {.iov_base = (void *)data, .iov_len = len};
    int rc = c->disk->ops->write(c->disk, s->file->fd, &part, 1, s->size, err);
    if (rc != 0)
        return rc;
    s->size += (int64_t)len;
    c->io_bytes += (int64_t)len;
    c->stats.bytes_written += (int64_t)len;
    c->unsynced_bytes += (int64_t)len;
    if (c->unsynced_bytes < SYNC_BYTES)
        return 0;
    c->unsynced_bytes = 0;
    return c->disk->ops->sync(c->disk, s->file->fd, err);
}

static int write_out(struct log_cleaning *c, struct err *err)
{
    int rc = c->out.len > 0 ? write_bytes(c, c->out.data, c->out.len, err) : 0;
    c->out.len = 0;
    return rc;
}

/* Adds the batch behind what is written and what waits to be. */
static int put_batch(struct log_cleaning *c, const struct filtered_batch *b,
                     struct err *err)
{
    struct segment *s = c->cleaned;
    size_t len = (size_t)b->bytes.len;
    int64_t position = s->size + (int64_t)c->out.len;
    if (position + b->bytes.len > INT32_MAX) /* compressed anew it may have grown */
        return err_set(err, ERR_RECORD_LIST_TOO_LARGE,
                       "what is left of the segment does not fit into one");
    int rc = segment_reserve_entries(s, err);
    if (rc == 0 && c->out.len + len > c->o.io_bytes)
        rc = write_out(c, err);
    if (rc != 0)
        return rc;
    segment_note_batch(s, &b->batch, position, c->index_interval_bytes);
    if (len >= c->o.io_bytes)
        return write_bytes(c, b->bytes.data, len, err);
    if (!buf_reserve_exact(&c->out, c->o.io_bytes - c->out.len))
        return err_nomem(err);
    buf_append(&c->out, b->bytes.data, len);
    return 0;
}

static int take_batch(struct log_cleaning *c, const uint8_t *data,
                      const struct record_batch *batch, struct err *err)
{
    struct filtered_batch left;
    int rc = batch_filter_apply(&c->filter, data, batch, &left, err);
    if (rc != 0)
        return cleaning_reader_context(c, batch, rc, err);
    c->stats.bytes_read += batch->size;
    c->stats.records_read += left.records_read;
    c->stats.records_kept += left.records_kept;
    if (left.bytes.data == NULL)
        return 0;
    if (left.indexed)
        rc = txn_index_append(&c->cleaned->txns, &left.aborted, err);
    return rc == 0 ? put_batch(c, &left, err) : rc;
}

/* All of it is on the disk before it may take the place of anything. */
static int finish_group(struct log_cleaning *c, struct err *err)
{
    struct segment *s = c->cleaned;
    int rc = write_out(c, err);
    if (rc == 0)
        rc = segment_write_out(s, true, err);
    if (rc == 0)
        rc = c->disk->ops->sync(c->disk, s->file->fd, err);
    if (rc == 0)
        rc = segment_sync_indexes(c->disk, c->dir, s->base_offset, s->stage,
                                  s->txns.count > 0, err);
    if (rc == 0)
        rc = c->disk->ops->sync_dir(c->disk, c->dir, err);
    return rc;
}

int cleaning_filter(struct log_cleaning *c, struct err *err)
{
    struct cleaning_slice slice = cleaning_slice_begin(c);
    struct record_batch batch;
    const uint8_t *data;
    int rc = c->cleaned == NULL ? begin_group(c, err) : 0;
    if (rc != 0)
        return rc;
    while ((rc = cleaning_reader_next(c, c->group_to, &batch, &data, err)) == 1) {
        rc = take_batch(c, data, &batch, err);
        if (rc != 0)
            return rc;
        if (cleaning_slice_is_over(&slice, c))
            return 1;
    }
    return rc == 0 ? finish_group(c, err) : rc;
}

/* ---- NAME, RETIRE, SETTLE ------------------------------------------------ */

int cleaning_name(struct log_cleaning *c, struct err *err)
{
    int rc = segment_rename(c->cleaned, SWAP_SUFFIX, err);
    return rc == 0 ? c->disk->ops->sync_dir(c->disk, c->dir, err) : rc;
}

int cleaning_retire(struct log_cleaning *c, struct err *err)
{
    int rc = 0;
    for (int at = c->group_from; rc == 0 && at < c->group_to; at++)
        rc = segment_files_mark_deleted(c->disk, c->dir, c->segments[at].base_offset,
                                        at == c->group_from, err);
    return rc == 0 ? c->disk->ops->sync_dir(c->disk, c->dir, err) : rc;
}

int cleaning_settle(struct log_cleaning *c, struct err *err)
{
    return c->disk->ops->sync_dir(c->disk, c->dir, err);
}
