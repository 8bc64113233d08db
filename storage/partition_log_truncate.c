/* Taking records away: from the front (DeleteRecords, retention) whole segments
 * at a time, from the end (a follower whose leader knows better) to the batch.
 *
 * Files are renamed to .deleted first and removed file.delete.delay.ms later, by
 * a pool job: a large file takes its time to go, and readers may still hold
 * it. After a crash the folder is swept when it is opened. */
#include "storage/partition_log_recovery.h"

#include <stdlib.h>

int partition_log_delete_records(struct partition_log *log, int64_t before_offset,
                                 struct err *err)
{
    int rc = log_check_online(log, err);
    if (rc != 0)
        return rc;
    if (before_offset > log->high_watermark)
        return err_set(err, ERR_OFFSET_OUT_OF_RANGE,
                       "cannot delete records before %lld: the high watermark is %lld",
                       (long long)before_offset, (long long)log->high_watermark);
    if (before_offset <= log->log_start_offset)
        return 0;
    log->log_start_offset = before_offset;
    log->dir_changed = true;
    rc = leader_epoch_cache_truncate_from_start(log->epochs, before_offset, err);
    int below = 0; /* segments whose successor begins at or below the start */
    while (below + 1 < log->segment_count &&
           log->segments[below + 1]->base_offset <= before_offset)
        below++;
    if (rc == 0)
        rc = log_delete_segments(log, 0, below, err);
    return rc == 0 ? 0 : log_fail(log, rc, err);
}

/* Nothing is left: the log starts anew at `offset`. */
static int truncate_fully(struct partition_log *log, int64_t offset, struct err *err)
{
    int rc = log_delete_segments(log, 0, log->segment_count, err);
    if (rc == 0)
        rc = log_create_segment(log, offset, err);
    log->log_start_offset = offset;
    return rc;
}

static int truncate_in_place(struct partition_log *log, int64_t offset, struct err *err)
{
    int keep = log_floor(log, offset) + 1;
    int rc = log_delete_segments(log, keep, log->segment_count, err);
    if (rc != 0)
        return rc;
    struct segment *s = log_active(log);
    if (log->warm == s)
        log->warm = NULL;
    int64_t before = s->size;
    rc = segment_truncate_to(s, offset, err);
    log->size_bytes -= before - s->size;
    if (rc == 0)
        rc = segment_prepare(s, err);
    if (log->log_start_offset > offset)
        log->log_start_offset = offset;
    return rc;
}

static int truncate(struct partition_log *log, int64_t offset, struct err *err)
{
    int rc = log->segments[0]->base_offset > offset
                 ? truncate_fully(log, offset, err)
                 : truncate_in_place(log, offset, err);
    if (rc != 0)
        return rc;
    log->newest.size = 0;
    log->sealed = false;
    log->dir_changed = true;
    log->log_end_offset = offset;
    if (log->high_watermark > offset)
        log->high_watermark = offset;
    if (log->recovery_point > offset)
        log->recovery_point = offset;
    rc = leader_epoch_cache_truncate_from_end(log->epochs, offset, err);
    if (rc == 0)
        rc = log_load_producers(log, PRODUCERS_UNKNOWN, err);
    return rc;
}

int partition_log_truncate_to(struct partition_log *log, int64_t offset,
                              struct err *err)
{
    int rc = log_check_online(log, err);
    if (rc != 0)
        return rc;
    if (offset < 0)
        return err_set(err, ERR_INVALID, "cannot truncate to %lld", (long long)offset);
    if (offset >= log->log_end_offset) {
        /* An epoch may begin at the end without a record of its own. */
        rc =
            leader_epoch_cache_truncate_from_end(log->epochs, log->log_end_offset, err);
        return rc == 0 ? 0 : log_fail(log, rc, err);
    }
    rc = truncate(log, offset, err);
    if (rc != 0)
        log_fail(log, ERR_IO, err); /* half done, even if only memory was missing */
    return rc;
}

struct log_cleanup {
    struct disk *disk;
    const char *dir; /* the log's, which outlives the job */
    int count;
    int64_t base_offsets[];
};

/* How many of the deleted segments are due; they stand in order of time. */
static int count_due(const struct partition_log *log)
{
    const struct deleted_segment *deleted = (const void *)log->deleted.data;
    int count = (int)(log->deleted.len / sizeof(*deleted));
    int64_t now_ms = clock_mono_ms(log->clock);
    int due = 0;
    while (due < count && deleted[due].due_ms <= now_ms)
        due++;
    return due;
}

int64_t partition_log_cleanup_due_ms(const struct partition_log *log)
{
    const struct deleted_segment *deleted = (const void *)log->deleted.data;
    return log->deleted.len == 0 ? INT64_MAX : deleted->due_ms;
}

int partition_log_cleanup_begin(struct partition_log *log, struct log_cleanup **out,
                                struct err *err)
{
    struct deleted_segment *deleted = (void *)log->deleted.data;
    int due = count_due(log);
    *out = NULL;
    if (due == 0)
        return 0;
    struct log_cleanup *cleanup =
        malloc(sizeof(*cleanup) + (size_t)due * sizeof(int64_t));
    if (cleanup == NULL)
        return err_nomem(err);
    *cleanup = (struct log_cleanup){.disk = log->disk, .dir = log->dir, .count = due};
    for (int i = 0; i < due; i++)
        cleanup->base_offsets[i] = deleted[i].base_offset;
    size_t taken = (size_t)due * sizeof(*deleted);
    log->deleted.len -= taken;
    memmove(log->deleted.data, log->deleted.data + taken, log->deleted.len);
    if (log->deleted.len == 0)
        buf_free(&log->deleted);
    *out = cleanup;
    return 0;
}

int log_cleanup_run(struct log_cleanup *cleanup, struct err *err)
{
    static const char *const suffixes[] = {LOG_SUFFIX, OFFSET_INDEX_SUFFIX,
                                           TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX,
                                           SNAPSHOT_SUFFIX};
    char path[PATH_MAX];
    char deleted[PATH_MAX + sizeof(DELETED_SUFFIX)];
    int rc = 0;
    for (int i = 0; cleanup != NULL && i < cleanup->count; i++) {
        for (size_t k = 0; k < sizeof(suffixes) / sizeof(*suffixes); k++) {
            log_path(path, cleanup->dir, cleanup->base_offsets[i], suffixes[k]);
            snprintf(deleted, sizeof(deleted), "%s%s", path, DELETED_SUFFIX);
            struct err why;
            int one = cleanup->disk->ops->remove(cleanup->disk, deleted, &why);
            if (one == 0 || one == ERR_NOT_FOUND || rc != 0)
                continue;
            rc = one; /* go on: what stays is swept with the next start */
            if (err != NULL)
                *err = why;
        }
    }
    return rc;
}

void log_cleanup_end(struct log_cleanup *cleanup)
{
    free(cleanup);
}
