/* Reading: from an offset to a stretch of a file.
 *
 * A read costs one look into the index and, as a rule, one pread of the headers
 * behind the entry found; a reader at the end of the log that wants the batch
 * appended last costs neither. Upper bounds below the log end are found the
 * same way. CRCs are not checked here: bytes go from file to socket unread, and
 * recovery has dropped what did not hold. */
#include "storage/partition_log_internal.h"

static int check_range(const struct partition_log *log, int64_t offset, struct err *err)
{
    if (offset >= log->log_start_offset && offset <= log->log_end_offset)
        return 0;
    return err_set(err, ERR_OFFSET_OUT_OF_RANGE,
                   "offset %lld is not within %lld and %lld", (long long)offset,
                   (long long)log->log_start_offset, (long long)log->log_end_offset);
}

static bool is_newest(const struct partition_log *log, int64_t offset)
{
    const struct batch_place *newest = &log->newest;
    return newest->size > 0 && offset >= newest->base_offset &&
           offset <= newest->last_offset;
}

/* The first batch at or behind `offset`, and its segment: 1, or 0 when what
 * followed was compacted away. */
static int find_batch(struct partition_log *log, int64_t offset, struct segment **s,
                      struct batch_place *place, struct err *err)
{
    if (is_newest(log, offset)) {
        *s = log_active(log);
        *place = log->newest;
        return 1;
    }
    int rc = 0;
    int at = log_floor(log, offset);
    for (at = at < 0 ? 0 : at; rc == 0 && at < log->segment_count; at++) {
        *s = log->segments[at];
        log_warm(log, *s);
        rc = segment_find(*s, offset, place, err);
    }
    return rc;
}

/* Where in `s` the batches end of which no record is at or above upper_offset. */
static int find_end(struct partition_log *log, struct segment *s, int64_t upper_offset,
                    int64_t *end, struct err *err)
{
    struct batch_place place;
    *end = s->size;
    if (upper_offset >= log->log_end_offset)
        return 0;
    if (is_newest(log, upper_offset) && s == log_active(log)) {
        *end = log->newest.position;
        return 0;
    }
    int rc = segment_find(s, upper_offset, &place, err);
    if (rc == 1)
        *end = place.position;
    return rc < 0 ? rc : 0;
}

int partition_log_read(struct partition_log *log, int64_t offset, int64_t upper_offset,
                       int32_t max_bytes, bool at_least_one, struct log_slice *out,
                       struct err *err)
{
    struct segment *s;
    struct batch_place place;
    int64_t end;
    *out = (struct log_slice){0};
    int rc = log_check_online(log, err);
    if (rc == 0)
        rc = check_range(log, offset, err);
    if (rc != 0 || offset >= upper_offset || offset == log->log_end_offset)
        return rc;
    rc = find_batch(log, offset, &s, &place, err);
    if (rc != 1)
        return rc;
    rc = find_end(log, s, upper_offset, &end, err);
    if (rc == 0)
        rc = segment_open_file(s, err);
    if (rc != 0)
        return rc;

    int64_t size = end - place.position;
    int64_t most = max_bytes;
    if (at_least_one && most < place.size)
        most = place.size;
    if (size > most)
        size = most;
    if (size <= 0 || most < place.size)
        return 0;
    *out = (struct log_slice){
        .file = log_file_acquire(s->file),
        .position = place.position,
        .size = (int32_t)size,
    };
    return 0;
}

int partition_log_aborted_txns(struct partition_log *log, int64_t offset,
                               int64_t upper_offset, struct buf *out, struct err *err)
{
    int rc = log_check_online(log, err);
    bool done = false;
    int at = log_floor(log, offset);
    for (at = at < 0 ? 0 : at; rc == 0 && !done && at < log->segment_count; at++)
        rc = txn_index_collect(&log->segments[at]->txns, offset, upper_offset, out,
                               &done, err);
    return rc;
}
