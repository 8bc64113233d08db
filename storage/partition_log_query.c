/* Searching by time (Kafka: UnifiedLog.fetchOffsetByTimestamp).
 *
 * The largest timestamp of each segment says which one to look into, and its
 * time index where to begin:
 *
 *   asked for t    segment A (max < t)   segment B (max >= t)   segment C
 *                                         └─ last entry with timestamp <= t
 *
 * The first record at or after t is in B, behind the batch of that entry; and
 * the first record of the largest timestamp is in the batch that the entry of
 * the largest names. Records have no order in time, so the rest is a walk that
 * decodes batches, and that is a pool job over a stretch of one file.
 *
 * One case needs two files: the log may start inside a segment, and then what
 * made B the right one may lie below the start. So the next segment that fits
 * goes along. */
#include "storage/partition_log_internal.h"

#include <stdlib.h>

#define EXPAND_LIMIT ((size_t)INT32_MAX)

/* All of the segment's bytes from the batch on that holds `offset`. */
static int slice_from(struct partition_log *log, struct segment *s, int64_t offset,
                      struct log_slice *out, struct err *err)
{
    struct batch_place place;
    log_warm(log, s);
    int rc = segment_find(s, offset, &place, err);
    if (rc != 1)
        return rc;
    *out = (struct log_slice){
        .file = log_file_acquire(s->file), /* open: the search read it */
        .position = place.position,
        .size = (int32_t)(s->size - place.position),
    };
    return 0;
}

/* Where the first record at or after the timestamp would be in segment `at`. */
static int slice_by_time(struct partition_log *log, int at, struct timestamp_query *q,
                         struct log_slice *out, struct err *err)
{
    struct segment *s = log->segments[at];
    struct timestamp_offset near;
    log_warm(log, s);
    int rc = time_index_lookup(&s->times, q->timestamp, &near, err);
    if (rc != 0)
        return rc;
    int64_t from = near.offset > q->start_offset ? near.offset : q->start_offset;
    return slice_from(log, s, from, out, err);
}

static int begin_first(struct partition_log *log, struct timestamp_query *q,
                       struct err *err)
{
    for (int at = 0; at < log->segment_count; at++) {
        struct timestamp_offset max;
        int rc = log_max_timestamp(log, at, &max, err);
        if (rc != 0)
            return rc;
        if (max.timestamp < q->timestamp)
            continue;
        bool cut = log->segments[at]->base_offset < q->start_offset;
        if (cut && q->slice.file == NULL) {
            rc = slice_by_time(log, at, q, &q->slice, err);
            if (rc != 0)
                return rc;
            continue;
        }
        struct log_slice *to = q->slice.file == NULL ? &q->slice : &q->next_slice;
        return slice_by_time(log, at, q, to, err);
    }
    return 0;
}

static int begin_max(struct partition_log *log, struct timestamp_query *q,
                     struct err *err)
{
    struct timestamp_offset largest = {NO_TIMESTAMP, 0};
    struct segment *holder = NULL;
    for (int at = 0; at < log->segment_count; at++) {
        struct timestamp_offset max;
        int rc = log_max_timestamp(log, at, &max, err);
        if (rc != 0)
            return rc;
        if (max.timestamp > largest.timestamp) {
            largest = max;
            holder = log->segments[at];
        }
    }
    q->timestamp = largest.timestamp;
    return holder == NULL ? 0 : slice_from(log, holder, largest.offset, &q->slice, err);
}

int partition_log_query_begin(struct partition_log *log, enum timestamp_query_kind kind,
                              int64_t timestamp, struct timestamp_query *q,
                              struct err *err)
{
    *q = (struct timestamp_query){
        .kind = kind,
        .timestamp = timestamp,
        .start_offset = log->log_start_offset,
        .upper_offset = log->log_end_offset,
    };
    int rc = log_check_online(log, err);
    if (rc == 0)
        rc = kind == QUERY_MAX_TIMESTAMP ? begin_max(log, q, err)
                                         : begin_first(log, q, err);
    if (rc != 0)
        timestamp_query_end(q);
    return rc;
}

static bool fits(const struct timestamp_query *q, int64_t offset, int64_t timestamp)
{
    if (q->kind == QUERY_MAX_TIMESTAMP)
        return timestamp == q->timestamp;
    return timestamp >= q->timestamp && offset >= q->start_offset;
}

/* 1 when a record of the batch is the one sought. */
static int search_batch(struct timestamp_query *q, const uint8_t *data,
                        const struct record_batch *batch, struct err *err)
{
    struct record_iter it;
    struct record record;
    int rc = record_iter_open(&it, data, (size_t)batch->size, EXPAND_LIMIT, err);
    if (rc != 0)
        return rc;
    bool found = false;
    while (!found && (rc = record_iter_next(&it, &record, err)) == 1)
        found = fits(q, record.offset, record.timestamp);
    record_iter_close(&it);
    if (!found)
        return rc;
    q->found_offset = record.offset;
    q->found_timestamp = record.timestamp;
    q->found_leader_epoch = batch->leader_epoch;
    return 1;
}

static int search_slice(struct timestamp_query *q, const struct log_slice *slice,
                        struct err *err)
{
    struct batch_walk w;
    struct record_batch batch;
    const uint8_t *data;
    int rc = batch_walk_open(&w, slice->file->disk, slice->file->fd, slice->position,
                             slice->position + slice->size, err);
    if (rc != 0)
        return rc;
    while ((rc = batch_walk_next_whole(&w, &batch, &data, err)) == 1) {
        if (batch.max_timestamp < q->timestamp)
            continue;
        rc = search_batch(q, data, &batch, err);
        /* Kafka looks for the largest in one batch, and for nothing more. */
        if (rc != 0 || q->kind == QUERY_MAX_TIMESTAMP)
            break;
    }
    batch_walk_close(&w);
    return rc;
}

int timestamp_query_run(struct timestamp_query *q, struct err *err)
{
    int rc = 0;
    q->found = false;
    if (q->slice.file != NULL)
        rc = search_slice(q, &q->slice, err);
    if (rc == 0 && q->next_slice.file != NULL)
        rc = search_slice(q, &q->next_slice, err);
    if (rc < 0)
        return rc;
    q->found = rc == 1 && q->found_offset < q->upper_offset &&
               q->found_offset >= q->start_offset;
    return 0;
}

void timestamp_query_end(struct timestamp_query *q)
{
    log_file_release(q->slice.file);
    log_file_release(q->next_slice.file);
    q->slice = (struct log_slice){0};
    q->next_slice = (struct log_slice){0};
}
