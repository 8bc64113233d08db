/* Segments on their way out.
 *
 *   live ──► taken out ────────► renamed to .deleted ────────► removed
 *            loop: nobody finds  a job                         a job, after
 *            it any more                                       file.delete.delay.ms
 *
 * From the front (DeleteRecords, retention) the log start offset moves first, and
 * the files follow in jobs: a large file takes its time to go, and readers may still
 * hold it. From the end (a follower whose leader knows better) the names must be free
 * for what comes next, so they are renamed on the spot.
 *
 * A crash leaves one of these:
 * - The files are not renamed: the records are back, unless the checkpoint has the
 *   log start offset already; whoever deleted them does it again.
 * - Some are: a log begins with its first segment, and that is above what is gone.
 *   The folder is synced before the first of them is renamed, since the segment that
 *   the log begins with from now on must be there by then. With the last name of a
 *   log its end would go, and offsets would be given twice.
 * - All are: opening the log removes what is called .deleted. */
#include "storage/partition_log_internal.h"

#include <stdlib.h>

static struct deleted_segment *deleted_of(const struct partition_log *log)
{
    return (void *)log->deleted.data;
}

static int deleted_count(const struct partition_log *log)
{
    return (int)(log->deleted.len / sizeof(struct deleted_segment));
}

static bool awaits_rename(const struct partition_log *log)
{
    for (int i = deleted_count(log) - 1; i >= 0; i--) {
        if (!deleted_of(log)[i].renamed)
            return true;
    }
    return false;
}

static int reserve_deleted(struct partition_log *log, int count, struct err *err)
{
    if (buf_reserve(&log->deleted, (size_t)count * sizeof(struct deleted_segment)))
        return 0;
    log->deleted.failed = false; /* nothing was to be kept yet */
    return err_nomem(err);
}

/* Takes segments [from, to) out of the list, for which room is reserved. */
static void take_out(struct partition_log *log, int from, int to, bool renamed)
{
    struct deleted_segment deleted = {
        .due_ms = clock_later_ms(clock_mono_ms(log->clock),
                                 log->config->file_delete_delay_ms),
        .renamed = renamed,
    };
    for (int at = from; at < to; at++) {
        struct segment *s = log->segments[at];
        deleted.base_offset = s->base_offset;
        buf_append(&log->deleted, &deleted, sizeof(deleted));
        log->size_bytes -= s->size;
        if (log->warm == s)
            log->warm = NULL;
        segment_close(s);
    }
    memmove(&log->segments[from], &log->segments[to],
            (size_t)(log->segment_count - to) * sizeof(struct segment *));
    log->segment_count -= to - from;
    log->newest.size = 0;
    log->dir_changed = true;
}

int log_delete_segments(struct partition_log *log, int from, int to, struct err *err)
{
    int rc = log_rename_deleted(log, err); /* their names may be needed, too */
    if (rc == 0)
        rc = reserve_deleted(log, to - from, err);
    /* From the outside in, so that a failure leaves a log without a hole. */
    bool from_the_end = to == log->segment_count;
    for (int left = to - from; rc == 0 && left > 0; left--) {
        int at = from_the_end ? from + left - 1 : from;
        rc = segment_mark_deleted(log->segments[at], err);
        if (rc == 0)
            take_out(log, at, at + 1, true);
    }
    return rc;
}

int log_count_below(const struct partition_log *log, int64_t offset)
{
    int below = 0; /* segments whose successor begins at or below the offset */
    while (below + 1 < log->segment_count &&
           log->segments[below + 1]->base_offset <= offset)
        below++;
    return below;
}

/* A segment that is about to change its name, see log_cleaning.c, stays until the next
 * look at what is below the log start offset. */
static int count_removable(const struct partition_log *log, int below)
{
    int count = 0;
    while (count < below && log->segments[count]->stage[0] == '\0')
        count++;
    return count;
}

int log_raise_start(struct partition_log *log, int64_t offset, struct err *err)
{
    int below = count_removable(log, log_count_below(log, offset));
    int rc = reserve_deleted(log, below, err);
    if (rc == 0)
        rc = leader_epoch_cache_truncate_from_start(log->epochs, offset, err);
    if (rc != 0)
        return log_fail(log, rc, err);
    log->log_start_offset = offset;
    log->dir_changed = true;
    take_out(log, 0, below, false);
    return 0;
}

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
    return before_offset <= log->log_start_offset
               ? 0
               : log_raise_start(log, before_offset, err);
}

/* Renames those of the segments that are not, behind a sync of the folder. */
static int rename_all(struct disk *disk, const char *dir,
                      const struct deleted_segment *deleted, int count, struct err *err)
{
    int first = 0;
    while (first < count && deleted[first].renamed)
        first++;
    int rc = first < count ? disk->ops->sync_dir(disk, dir, err) : 0;
    for (int i = first; rc == 0 && i < count; i++) {
        if (!deleted[i].renamed) /* else the name may be a cleaned segment's by now */
            rc = segment_files_mark_deleted(disk, dir, deleted[i].base_offset, false,
                                            err);
    }
    return rc;
}

static void note_renamed(struct partition_log *log, int count)
{
    for (int i = 0; i < count; i++)
        deleted_of(log)[i].renamed = true;
}

int log_rename_deleted(struct partition_log *log, struct err *err)
{
    int count = deleted_count(log);
    int rc = rename_all(log->disk, log->dir, deleted_of(log), count, err);
    if (rc == 0)
        note_renamed(log, count);
    return rc;
}

/* ---- as a job ------------------------------------------------------------ */

struct log_cleanup {
    struct disk *disk;
    const char *dir; /* the log's, which outlives the job */
    int64_t now_ms;  /* what is due by then is to be removed */
    bool misnamed;   /* a rename failed */
    int kept;        /* so many of the log's stay in its list, renamed */
    int count;
    struct deleted_segment segments[];
};

int64_t partition_log_cleanup_due_ms(const struct partition_log *log)
{
    int64_t due_ms = INT64_MAX;
    if (awaits_rename(log))
        return INT64_MIN;
    for (int i = 0; i < deleted_count(log); i++) {
        if (deleted_of(log)[i].due_ms < due_ms)
            due_ms = deleted_of(log)[i].due_ms;
    }
    return due_ms;
}

/* Keeps those that are not due yet; returns how many. */
static int drop_due(struct partition_log *log, int64_t now_ms)
{
    struct deleted_segment *deleted = deleted_of(log);
    int kept = 0;
    for (int i = 0; i < deleted_count(log); i++) {
        if (deleted[i].due_ms > now_ms)
            deleted[kept++] = deleted[i];
    }
    log->deleted.len = (size_t)kept * sizeof(struct deleted_segment);
    if (kept == 0)
        buf_free(&log->deleted);
    return kept;
}

int partition_log_cleanup_begin(struct partition_log *log, int64_t now_ms,
                                struct log_cleanup **out, struct err *err)
{
    *out = NULL;
    if (partition_log_cleanup_due_ms(log) > now_ms || log->deleted.len == 0)
        return 0;
    struct log_cleanup *cleanup = malloc(sizeof(*cleanup) + log->deleted.len);
    if (cleanup == NULL)
        return err_nomem(err);
    *cleanup = (struct log_cleanup){.disk = log->disk,
                                    .dir = log->dir,
                                    .now_ms = now_ms,
                                    .count = deleted_count(log)};
    memcpy(cleanup->segments, log->deleted.data, log->deleted.len);
    cleanup->kept = drop_due(log, now_ms);
    *out = cleanup;
    return 0;
}

int log_cleanup_run(struct log_cleanup *cleanup, struct err *err)
{
    if (cleanup == NULL)
        return 0;
    int rc =
        rename_all(cleanup->disk, cleanup->dir, cleanup->segments, cleanup->count, err);
    cleanup->misnamed = rc != 0;
    for (int i = 0; !cleanup->misnamed && i < cleanup->count; i++) {
        const struct deleted_segment *s = &cleanup->segments[i];
        struct err why;
        if (s->due_ms > cleanup->now_ms)
            continue;
        int one = segment_files_remove_deleted(cleanup->disk, cleanup->dir,
                                               s->base_offset, &why);
        if (one == 0 || rc != 0)
            continue;
        rc = one; /* go on: what stays is swept with the next start */
        if (err != NULL)
            *err = why;
    }
    return rc;
}

void partition_log_cleanup_end(struct partition_log *log, struct log_cleanup *cleanup,
                               int rc, const struct err *err)
{
    if (cleanup == NULL)
        return;
    if (cleanup->misnamed)
        log_fail(log, rc, err);
    else
        note_renamed(log, cleanup->kept);
    free(cleanup);
}
