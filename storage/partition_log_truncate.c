/* Taking records away from the end, to the batch: for a follower whose leader knows
 * better. */
#include "storage/partition_log_recovery.h"

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
    log->truncations++;
    /* What was compacted away stays away, but what will be appended is dirty. */
    if (log->first_dirty_offset > log_active(log)->base_offset)
        log->first_dirty_offset = log_active(log)->base_offset;
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
