/* How a cleaning reads: its segments one after the other, by their names, with a
 * descriptor of its own. */
#include "storage/log_cleaning_internal.h"

#include "storage/log_path.h"

static int segment_context(const struct log_cleaning *c, int at, int rc,
                           struct err *err)
{
    err_context(err, "%s/%020lld%s", c->dir, (long long)c->segments[at].base_offset,
                LOG_SUFFIX);
    return rc;
}

static void close_reader(struct log_cleaning *c)
{
    struct cleaning_reader *r = &c->reader;
    batch_walk_close(&r->walk);
    if (r->open >= 0)
        c->disk->ops->close(c->disk, r->fd);
    r->open = -1;
}

void cleaning_reader_rewind(struct log_cleaning *c, int at)
{
    close_reader(c);
    c->reader.at = at;
}

static int open_reader(struct log_cleaning *c, struct err *err)
{
    struct cleaning_reader *r = &c->reader;
    const struct dirty_segment *s = &c->segments[r->at];
    char path[PATH_MAX];
    if (r->open == r->at)
        return 0;
    close_reader(c);
    log_path(path, c->dir, s->base_offset, LOG_SUFFIX);
    int rc = c->disk->ops->open(c->disk, path, DISK_READ, &r->fd, err);
    if (rc != 0)
        return rc;
    r->open = r->at;
    return batch_walk_open_sized(&r->walk, c->disk, r->fd, 0, s->size_bytes,
                                 c->o.io_bytes, err);
}

int cleaning_reader_context(const struct log_cleaning *c,
                            const struct record_batch *batch, int rc, struct err *err)
{
    err_context(err, "the batch at offset %lld", (long long)batch->base_offset);
    return segment_context(c, c->reader.open, rc, err);
}

/* The end of a segment: all of it must have been batches. */
static int check_end(struct log_cleaning *c, struct err *err)
{
    const struct cleaning_reader *r = &c->reader;
    if (r->walk.position == c->segments[r->at].size_bytes)
        return 0;
    int rc = err_set(err, ERR_CORRUPT_MESSAGE, "no whole batch begins at %lld",
                     (long long)r->walk.position);
    return segment_context(c, r->at, rc, err);
}

int cleaning_reader_next(struct log_cleaning *c, int end, struct record_batch *batch,
                         const uint8_t **data, struct err *err)
{
    struct cleaning_reader *r = &c->reader;
    for (; r->at < end; r->at++) {
        int rc = open_reader(c, err);
        if (rc != 0)
            return rc;
        rc = batch_walk_next_whole(&r->walk, batch, data, err);
        if (rc < 0)
            return segment_context(c, r->at, rc, err);
        if (rc == 0)
            rc = check_end(c, err);
        else if (record_batch_crc_ok(*data, batch->size))
            c->io_bytes += batch->size;
        else
            rc = cleaning_reader_context(
                c, batch,
                err_set(err, ERR_CORRUPT_MESSAGE, "the checksum does not hold"), err);
        if (rc != 0)
            return rc;
    }
    return 0;
}
