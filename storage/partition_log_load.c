/* Opening a log.
 *
 *   folder ─► segments ─► recovery, if due ─► log end ─► start, epochs, producers
 *
 * After a clean stop nothing is scanned: the last index entry of the active
 * segment and the few headers behind it give the log end, the newest producer
 * snapshot lies exactly there. Should the files not keep what the clean stop
 * promised, the segment at fault is recovered all the same. */
#include "storage/partition_log_internal.h"
#include "storage/partition_log_recovery.h"

#include <stdlib.h>

#include "storage/folder_contents.h"

/* The epochs' file is written without a sync. What a power cut made of it is no
 * reason to refuse the log: recovery finds the epochs in the batches. */
static int open_epochs(struct partition_log *log, bool clean, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", log->dir, LEADER_EPOCH_CHECKPOINT);
    struct err why = {0};
    int rc = leader_epoch_cache_open(log->disk, path, &log->epochs, &why);
    if (rc == 0)
        return 0;
    if (rc != ERR_CORRUPT || clean)
        return err_set(err, rc, "%s", why.message);
    trace_warn(log->trace, "%s is made anew: %s", path, why.message);
    rc = log->disk->ops->remove(log->disk, path, err);
    if (rc == 0)
        rc = leader_epoch_cache_open(log->disk, path, &log->epochs, err);
    return rc;
}

static int open_parts(struct partition_log *log,
                      const struct partition_log_options *options, struct err *err)
{
    if (strlen(options->dir) > LOG_DIR_MAX)
        return err_set(err, ERR_INVALID, "the path is too long: %s", options->dir);
    log->dir = strdup(options->dir);
    log->producers = producer_state_create();
    if (log->dir == NULL || log->producers == NULL)
        return err_nomem(err);
    int rc = log->disk->ops->mkdir(log->disk, log->dir, err);
    return rc == 0 ? open_epochs(log, options->clean, err) : rc;
}

static int open_segment(struct partition_log *log, const struct folder_segment *f,
                        struct err *err)
{
    struct segment *s;
    int rc = log_reserve_segment(log, err);
    if (rc == 0)
        rc = segment_open(log->disk, log->dir, f->base_offset,
                          clock_wall_ms(log->clock), f->has_txn_index, &s, err);
    if (rc != 0)
        return rc;
    s->indexes_missing = !f->has_offset_index || !f->has_time_index;
    if (txn_index_check(&s->txns, NULL) != 0)
        s->indexes_missing = true; /* made anew; a disk that fails will say so */
    segment_rest(s);
    log_add_segment(log, s);
    return 0;
}

static int open_segments(struct partition_log *log, struct err *err)
{
    struct folder_contents folder;
    int rc = folder_contents_read(log->disk, log->dir, &folder, err);
    for (int i = 0; rc == 0 && i < folder.segment_count; i++)
        rc = open_segment(log, &folder.segments[i], err);
    folder_contents_free(&folder);
    return rc;
}

/* The log may have been deleted up to an offset that it no longer reaches: then
 * it starts anew there. */
static int restart_beyond_end(struct partition_log *log, struct err *err)
{
    trace_warn(
        log->trace, "%s ends at %lld, below its start offset %lld: starting anew there",
        log->dir, (long long)log->log_end_offset, (long long)log->log_start_offset);
    int rc = log_delete_segments(log, 0, log->segment_count, err);
    if (rc == 0)
        rc = leader_epoch_cache_truncate_from_end(log->epochs, 0, err);
    producer_state_clear(log->producers);
    return rc;
}

static int find_log_end(struct partition_log *log, struct err *err)
{
    if (log->segment_count > 0) {
        int rc = segment_next_offset(log_active(log), &log->log_end_offset, err);
        if (rc != 0)
            return rc;
        if (log->log_end_offset >= log->log_start_offset)
            return segment_prepare(log_active(log), err);
        rc = restart_beyond_end(log, err);
        if (rc != 0)
            return rc;
    }
    log->log_end_offset = log->log_start_offset;
    return log_create_segment(log, log->log_start_offset, err);
}

static int settle_offsets(struct partition_log *log, bool trusted, int64_t point,
                          struct err *err)
{
    if (log->log_start_offset < log->segments[0]->base_offset)
        log->log_start_offset = log->segments[0]->base_offset;
    log->high_watermark = log->log_start_offset;
    /* Not raised by recovery: it wrote files, which are not synced yet. */
    log->recovery_point =
        trusted || point > log->log_end_offset ? log->log_end_offset : point;
    int rc =
        leader_epoch_cache_truncate_from_end(log->epochs, log->log_end_offset, err);
    if (rc == 0)
        rc = leader_epoch_cache_truncate_from_start(log->epochs, log->log_start_offset,
                                                    err);
    return rc;
}

static int load(struct partition_log *log, const struct partition_log_options *options,
                struct partition_log_recovery *recovery, struct err *err)
{
    int rc = open_segments(log, err);
    log->dir_made = log->dir_changed = !options->clean;
    if (rc == 0 && log->segment_count > 0)
        rc = log_recover(log, options->clean, options->recovery_point, recovery, err);
    if (rc == 0)
        rc = find_log_end(log, err);
    /* Neither a flush nor a clean stop waits for the folder of an empty log. */
    if (log->log_end_offset == 0)
        log->dir_made = log->dir_changed = true;
    bool trusted = options->clean && recovery->segments_recovered == 0;
    enum producers_known known = options->clean ? PRODUCERS_SEALED : PRODUCERS_UNKNOWN;
    if (recovery->segments_recovered > 0)
        known = PRODUCERS_RECOVERED;
    if (rc == 0)
        rc = settle_offsets(log, trusted, options->recovery_point, err);
    if (rc == 0)
        rc = log_load_producers(log, known, err);
    if (rc == 0)
        segment_rest_indexes(log_active(log));
    return rc;
}

int partition_log_open(const struct partition_log_options *options,
                       struct partition_log **out,
                       struct partition_log_recovery *recovery, struct err *err)
{
    struct partition_log_recovery found = {0};
    struct partition_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return err_nomem(err);
    log->disk = options->disk;
    log->clock = options->clock;
    log->random = options->random;
    log->trace = options->trace;
    log->config = options->config;
    log->producer_id_expiration_ms = options->producer_id_expiration_ms;
    log->log_start_offset = options->log_start_offset;
    log->first_dirty_offset = options->first_dirty_offset;
    log->unsynced_since_ms = -1;

    int rc = open_parts(log, options, err);
    if (rc == 0)
        rc = load(log, options, &found, err);
    if (rc != 0) {
        partition_log_close(log);
        return rc;
    }
    if (recovery != NULL)
        *recovery = found;
    *out = log;
    return 0;
}
