/* Syncing.
 *
 * begin() on the loop writes the index tails into the page cache and notes what
 * has to reach the disk; run() on the pool syncs it; end() on the loop moves the
 * recovery point to where the log ended at begin().
 *
 *   segments    [ synced ]  [ rolled since ]  [ active ]
 *                           .log and indexes    .log
 *
 * Indexes of the active segment are not synced: after a crash its .log is read
 * from its base on and they are made anew. Those of a rolled one must be, for
 * recovery does not look below the recovery point. New names are synced with
 * the folder.
 *
 * A sync that failed is not tried again: the kernel may have dropped the pages
 * it could not write, and would say yes the second time. */
#include "storage/partition_log_internal.h"

#include <stdlib.h>

struct flush_segment {
    int64_t base_offset;
    struct log_file *file;
    bool rolled;
    bool has_txn_index;
};

struct log_flush {
    struct disk *disk;
    const char *dir; /* the log's, which outlives the flush */
    bool sync_dir;
    bool sync_parent;
    int64_t end_offset;
    int count;
    struct flush_segment segments[];
};

static void flush_free(struct log_flush *flush)
{
    for (int i = 0; i < flush->count; i++)
        log_file_release(flush->segments[i].file);
    free(flush);
}

static int collect(struct partition_log *log, struct log_flush *flush, int from,
                   struct err *err)
{
    for (int at = from; at < log->segment_count; at++) {
        struct segment *s = log->segments[at];
        int rc = segment_open_file(s, err);
        if (rc != 0)
            return rc;
        flush->segments[flush->count++] = (struct flush_segment){
            .base_offset = s->base_offset,
            .file = log_file_acquire(s->file),
            .rolled = s != log_active(log),
            .has_txn_index = s->txns.count != 0,
        };
    }
    return 0;
}

static bool nothing_to_sync(const struct partition_log *log)
{
    return log->recovery_point == log->log_end_offset && !log->dir_changed;
}

int partition_log_flush_begin(struct partition_log *log, struct log_flush **out,
                              struct err *err)
{
    *out = NULL;
    int rc = log_check_online(log, err);
    if (rc != 0 || nothing_to_sync(log))
        return rc;
    /* One that was rolled right at the recovery point was active when it was synced,
     * and its indexes were not. */
    int from = log_floor(log, log->recovery_point - 1);
    if (from < 0)
        from = 0;
    struct log_flush *flush =
        calloc(1, sizeof(*flush) + (size_t)(log->segment_count - from) *
                                       sizeof(struct flush_segment));
    if (flush == NULL)
        return err_nomem(err);
    flush->disk = log->disk;
    flush->dir = log->dir;
    flush->sync_dir = log->dir_changed;
    flush->sync_parent = log->dir_made;
    flush->end_offset = log->log_end_offset;
    rc = segment_write_out(log_active(log), false, err);
    if (rc == 0)
        rc = collect(log, flush, from, err);
    if (rc != 0) {
        flush_free(flush);
        return log_fail(log, rc, err);
    }
    log->dir_changed = false;
    log->dir_made = false;
    log->unsynced_since_ms = -1;
    *out = flush;
    return 0;
}

static int sync_snapshot(const struct log_flush *flush, int64_t offset, struct err *err)
{
    char path[PATH_MAX];
    log_path(path, flush->dir, offset, SNAPSHOT_SUFFIX);
    return disk_sync_file(flush->disk, path, err);
}

/* Epochs below the recovery point are not found in the batches again. */
static int sync_epochs(const struct log_flush *flush, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", flush->dir, LEADER_EPOCH_CHECKPOINT);
    return disk_sync_file(flush->disk, path, err);
}

static int sync_segment(const struct log_flush *flush, const struct flush_segment *s,
                        struct err *err)
{
    int rc = flush->disk->ops->sync(flush->disk, s->file->fd, err);
    if (rc != 0)
        return err_context(err, "%s/%020lld%s", flush->dir, (long long)s->base_offset,
                           LOG_SUFFIX);
    if (!s->rolled)
        return 0;
    return segment_sync_indexes(flush->disk, flush->dir, s->base_offset, "",
                                s->has_txn_index, err);
}

static int sync_parent(const struct log_flush *flush, struct err *err)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(flush->dir, '/');
    if (slash == NULL)
        return flush->disk->ops->sync_dir(flush->disk, ".", err);
    int len = slash == flush->dir ? 1 : (int)(slash - flush->dir);
    snprintf(parent, sizeof(parent), "%.*s", len, flush->dir);
    return flush->disk->ops->sync_dir(flush->disk, parent, err);
}

int log_flush_run(struct log_flush *flush, struct err *err)
{
    int rc = 0;
    if (flush == NULL)
        return 0;
    for (int i = 0; rc == 0 && i < flush->count; i++)
        rc = sync_segment(flush, &flush->segments[i], err);
    if (rc == 0 && flush->sync_dir)
        rc = sync_epochs(flush, err);
    if (rc == 0 && flush->sync_dir)
        rc = flush->disk->ops->sync_dir(flush->disk, flush->dir, err);
    if (rc == 0 && flush->sync_parent)
        rc = sync_parent(flush, err);
    return rc;
}

/* Rolled segments that are on the disk need no descriptor to remember errors. */
static void rest_synced(struct partition_log *log, const struct log_flush *flush)
{
    for (int i = 0; i < flush->count; i++) {
        int at = log_floor(log, flush->segments[i].base_offset);
        struct segment *s = at < 0 ? NULL : log->segments[at];
        if (flush->segments[i].rolled && s != NULL && s != log->warm &&
            s->base_offset == flush->segments[i].base_offset)
            segment_rest(s);
    }
}

void partition_log_flush_end(struct partition_log *log, struct log_flush *flush, int rc,
                             const struct err *err)
{
    if (flush == NULL)
        return;
    if (rc != 0) {
        /* Whatever the reason: it is not known what reached the disk. */
        log_fail(log, ERR_IO, err);
        log->sync_failed = true;
    } else if (log->offline.code == 0) {
        if (flush->end_offset > log->recovery_point)
            log->recovery_point = flush->end_offset;
        /* Truncated while it was synced. */
        if (log->recovery_point > log->log_end_offset)
            log->recovery_point = log->log_end_offset;
        rest_synced(log, flush);
    }
    flush_free(flush);
}

bool partition_log_flush_overdue(const struct partition_log *log)
{
    return log->unsynced_since_ms >= 0 && log->offline.code == 0 &&
           clock_mono_ms(log->clock) - log->unsynced_since_ms >= log->config->flush_ms;
}

int partition_log_seal(struct partition_log *log, struct err *err)
{
    struct log_flush *flush = NULL;
    struct segment *s = log_active(log);
    int rc = log_check_online(log, err);
    if (rc != 0 || (log->sealed && nothing_to_sync(log)))
        return rc;
    /* Never written: a power cut takes nothing that opening does not make anew. */
    if (log->log_end_offset == 0)
        return 0;
    rc = log_rename_deleted(log, err);
    if (rc == 0)
        rc = segment_write_out(s, true, err);
    if (rc == 0)
        rc = log_write_snapshot(log, log->log_end_offset, err);
    log->dir_changed = true; /* the snapshot */
    if (rc == 0)
        rc = partition_log_flush_begin(log, &flush, err);
    if (rc != 0)
        return log_fail(log, rc, err);
    /* Nobody will make the active segment's indexes anew either. */
    flush->segments[flush->count - 1].rolled = true;
    rc = log_flush_run(flush, err);
    if (rc == 0)
        rc = sync_snapshot(flush, log->log_end_offset, err);
    if (rc == 0)
        rc = leader_epoch_cache_sync(log->epochs, err);
    partition_log_flush_end(log, flush, rc, err);
    log->sealed = rc == 0;
    return rc;
}
