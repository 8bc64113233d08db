/* A partition log: its segments, its offsets, and what they imply.
 *
 *   segments   [0 … 9]   [10 … 19]   [20 …      ]
 *                  ▲           ▲        ▲   ▲   ▲
 *                  │     recovery point │   │   log end offset
 *            log start offset           │   high watermark
 *                                   last stable offset
 *
 * The work is split by concern: partition_log_append.c (append, roll),
 * partition_log_read.c (reads), partition_log_query.c (by time),
 * partition_log_load.c and partition_log_recovery.c (opening),
 * partition_log_retention.c and partition_log_delete.c (the front goes),
 * partition_log_truncate.c (the end goes), partition_log_cleaning.c (compaction),
 * partition_log_flush.c (syncing, sealing). Here: the list of segments, the getters,
 * and failing.
 *
 * Invariants
 * - There is at least one segment, and base offsets increase.
 * - The active segment is prepared: appends look nothing up.
 * - log_start_offset <= high_watermark <= log_end_offset, and recovery_point <=
 *   log_end_offset.
 * - Once offline, always offline: what a failed call left on the disk is known
 *   only to recovery, which runs when the log is opened anew.
 *
 * Memory: a log with one segment takes about 1.5 KiB beside its producers, so
 * that ten thousand idle ones cost little. Of descriptors, an idle log keeps
 * that of the active .log. */
#include "storage/partition_log_internal.h"

#include <assert.h>
#include <stdlib.h>

void partition_log_close(struct partition_log *log)
{
    if (log == NULL)
        return;
    for (int i = 0; i < log->segment_count; i++)
        segment_close(log->segments[i]);
    free(log->segments);
    producer_state_destroy(log->producers);
    leader_epoch_cache_close(log->epochs);
    buf_free(&log->deleted);
    free(log->dir);
    free(log);
}

void partition_log_set_config(struct partition_log *log,
                              const struct topic_config *config)
{
    log->config = config;
}

const struct topic_config *partition_log_config(const struct partition_log *log)
{
    return log->config;
}

const char *partition_log_dir(const struct partition_log *log)
{
    return log->dir;
}

int64_t partition_log_start_offset(const struct partition_log *log)
{
    return log->log_start_offset;
}

int64_t partition_log_end_offset(const struct partition_log *log)
{
    return log->log_end_offset;
}

int64_t partition_log_high_watermark(const struct partition_log *log)
{
    return log->high_watermark;
}

int64_t partition_log_recovery_point(const struct partition_log *log)
{
    return log->recovery_point;
}

int64_t partition_log_first_dirty_offset(const struct partition_log *log)
{
    return log->first_dirty_offset;
}

int64_t partition_log_size_bytes(const struct partition_log *log)
{
    return log->size_bytes;
}

int64_t partition_log_last_stable_offset(const struct partition_log *log)
{
    int64_t unstable =
        producer_state_first_unstable_offset(log->producers, log->high_watermark);
    if (unstable < log->log_start_offset)
        unstable = log->log_start_offset; /* its beginning was deleted */
    return unstable < log->high_watermark ? unstable : log->high_watermark;
}

const struct err *partition_log_offline(const struct partition_log *log)
{
    return log->offline.code != 0 ? &log->offline : NULL;
}

bool partition_log_sync_failed(const struct partition_log *log)
{
    return log->sync_failed;
}

struct leader_epoch_cache *partition_log_leader_epochs(struct partition_log *log)
{
    return log->epochs;
}

const struct producer_state *partition_log_producers(const struct partition_log *log)
{
    return log->producers;
}

void partition_log_set_high_watermark(struct partition_log *log, int64_t high_watermark)
{
    if (high_watermark > log->log_end_offset)
        high_watermark = log->log_end_offset;
    if (high_watermark > log->high_watermark)
        log->high_watermark = high_watermark;
}

void partition_log_set_producer_expiration(struct partition_log *log, int64_t ms)
{
    log->producer_id_expiration_ms = ms;
}

void partition_log_expire_producers(struct partition_log *log)
{
    producer_state_expire(log->producers, clock_wall_ms(log->clock),
                          log->producer_id_expiration_ms);
}

int log_check_online(const struct partition_log *log, struct err *err)
{
    if (log->offline.code == 0)
        return 0;
    return err_set(err, ERR_OFFLINE, "the log is offline: %s", log->offline.message);
}

int log_fail(struct partition_log *log, int rc, const struct err *err)
{
    if (rc == ERR_NOMEM || log->offline.code != 0)
        return rc;
    if (err != NULL && err->code != 0)
        log->offline = *err;
    else
        err_set(&log->offline, rc, "error %d", rc);
    trace_error(log->trace, "%s goes offline: %s", log->dir, log->offline.message);
    return rc;
}

int log_floor(const struct partition_log *log, int64_t offset)
{
    int low = 0;
    int high = log->segment_count;
    /* Readers are mostly at the end. */
    if (high > 0 && log->segments[high - 1]->base_offset <= offset)
        return high - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (log->segments[middle]->base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

int log_reserve_segment(struct partition_log *log, struct err *err)
{
    if (log->segment_count < log->segment_cap)
        return 0;
    int cap = log->segment_cap == 0 ? 1 : log->segment_cap * 2;
    struct segment **segments =
        realloc(log->segments, (size_t)cap * sizeof(struct segment *));
    if (segments == NULL)
        return err_nomem(err);
    log->segments = segments;
    log->segment_cap = cap;
    return 0;
}

/* As Kafka: anything from 0 to segment.jitter.ms, itself not included, and the
 * jitter never longer than segment.ms. */
static int64_t draw_jitter(const struct partition_log *log)
{
    int64_t most = log->config->segment_jitter_ms;
    if (most > log->config->segment_ms)
        most = log->config->segment_ms;
    if (most <= 0)
        return 0;
    uint32_t drawn;
    random_fill(log->random, &drawn, sizeof(drawn));
    return (int64_t)(drawn & INT32_MAX) % most;
}

void log_add_segment(struct partition_log *log, struct segment *s)
{
    assert(log->segment_count < log->segment_cap);
    assert(log->segment_count == 0 || log_active(log)->base_offset < s->base_offset);
    s->jitter_ms = draw_jitter(log);
    log->segments[log->segment_count++] = s;
    log->size_bytes += s->size;
    log->newest.size = 0;
}

int log_create_segment(struct partition_log *log, int64_t base_offset, struct err *err)
{
    struct segment *s;
    int rc = log_reserve_segment(log, err);
    if (rc == 0)
        rc = segment_create(log->disk, log->dir, base_offset, clock_wall_ms(log->clock),
                            &s, err);
    if (rc != 0)
        return rc;
    log_add_segment(log, s);
    log->dir_changed = true;
    return 0;
}

void log_cool(struct partition_log *log)
{
    /* A rolled segment keeps the descriptor it was written through until it is
     * synced: with the last one closed the kernel may forget a write error. */
    int synced_below = log_floor(log, log->recovery_point);
    if (log->warm != NULL && synced_below >= 0 &&
        log->warm->base_offset < log->segments[synced_below]->base_offset)
        segment_rest(log->warm);
    log->warm = NULL;
}

void log_warm(struct partition_log *log, struct segment *s)
{
    if (s == log->warm || s == log_active(log))
        return;
    log_cool(log);
    log->warm = s;
}

int log_max_timestamp(struct partition_log *log, int at, struct timestamp_offset *out,
                      struct err *err)
{
    struct segment *s = log->segments[at];
    bool known = s->max_timestamp_known;
    int rc = segment_max_timestamp(s, out, err);
    if (!known && s != log->warm)
        index_file_rest(&s->times.file);
    return rc;
}

int log_write_snapshot(struct partition_log *log, int64_t offset, struct err *err)
{
    char path[PATH_MAX];
    log_path(path, log->dir, offset, SNAPSHOT_SUFFIX);
    return producer_state_write(log->producers, log->disk, path, err);
}

int log_note_epoch(struct partition_log *log, const struct record_batch *batch,
                   struct err *err)
{
    struct leader_epoch_entry latest;
    if (batch->leader_epoch < 0 || (leader_epoch_cache_latest(log->epochs, &latest) &&
                                    latest.leader_epoch >= batch->leader_epoch))
        return 0;
    log->dir_changed = true;
    return leader_epoch_cache_assign(log->epochs, batch->leader_epoch,
                                     batch->base_offset, err);
}
