/* Recovery: what may be believed after a crash.
 *
 *       recovery point
 *            ▼
 *   [ synced ][ synced │ maybe ][ maybe ][ maybe, torn ]
 *              └────────── read, batch by batch ───────┘
 *
 * Whatever lies below the recovery point was synced, and is believed. From the
 * segment that holds it on, every batch is read and its CRC checked. The log
 * ends before the first that is torn, does not hold, or does not follow the one
 * before; what is behind goes, later segments too: the page cache writes in any
 * order, so a good batch behind a bad one may follow a lost one.
 *
 * Indexes, .txnindex, leader epochs and producers' state follow from the batches
 * and are made anew on the way. Producers need what came before: they start from
 * the newest snapshot at or below the first segment read.
 *
 * A segment that merely lacks an index is read in the same way, even below the
 * recovery point. If it is corrupt there, later segments stay (as in Kafka):
 * they were synced, and a gap is better than their loss.
 *
 * Reading goes 1 MiB at a time. Nothing is synced: the recovery point stays
 * where it was, so a crash during recovery is a crash before it. */
#include "storage/partition_log_recovery.h"

#include <assert.h>

#include "storage/folder_contents.h"

struct scan { /* one walk over a segment */
    struct partition_log *log;
    struct segment *segment;
    int64_t position; /* where the good batches end */
    int64_t next_offset;
};

/* Tells the producers of a batch that lies in the log. `txns`: where aborted
 * transactions are noted, or NULL. */
static int note_producer(struct partition_log *log, const uint8_t *data,
                         const struct record_batch *batch, struct txn_index *txns,
                         struct err *err)
{
    struct end_txn end;
    struct aborted_txn aborted;
    if (batch->producer_id == NO_PRODUCER_ID ||
        batch->last_offset < log->log_start_offset)
        return 0;
    int rc = log_read_end_txn(data, batch, &end, err);
    if (rc < 0 || (rc == 0 && batch->control))
        return rc;
    rc = producer_state_update(log->producers, batch, rc == 1 ? &end : NULL, &aborted,
                               err);
    if (rc == 1)
        rc = txns == NULL ? 0 : txn_index_append(txns, &aborted, err);
    return rc;
}

static bool follows(const struct scan *scan, const struct record_batch *batch)
{
    return batch->base_offset >= scan->next_offset &&
           segment_fits_offset(scan->segment, batch->last_offset);
}

static int take_batch(struct scan *scan, const uint8_t *data,
                      const struct record_batch *batch, struct err *err)
{
    struct partition_log *log = scan->log;
    struct segment *s = scan->segment;
    int rc = segment_reserve_entries(s, err);
    if (rc == 0)
        rc = note_producer(log, data, batch, &s->txns, err);
    if (rc == 0)
        rc = log_note_epoch(log, batch, err);
    if (rc != 0)
        return rc;
    segment_note_batch(s, batch, scan->position, log->config->index_interval_bytes);
    scan->position += batch->size;
    scan->next_offset = batch->last_offset + 1;
    return 0;
}

/* Reads on until a batch is not good; 0 then, too. */
static int take_good_batches(struct scan *scan, struct batch_walk *w, struct err *err)
{
    struct record_batch batch;
    const uint8_t *data;
    int rc;
    while ((rc = batch_walk_next_whole(w, &batch, &data, err)) == 1) {
        if (!record_batch_crc_ok(data, batch.size) || !follows(scan, &batch))
            return 0;
        rc = take_batch(scan, data, &batch, err);
        if (rc != 0)
            break;
    }
    return batch_walk_is_corrupt(rc) ? 0 : rc;
}

/* A log of the message formats before Kafka 0.11 is not a torn one, and must not
 * be cut: tell, and leave it to who can read it. */
static int refuse_old_format(struct segment *s, struct err *err)
{
    uint8_t head[RECORD_BATCH_MAGIC_AT + 1];
    int64_t got = s->disk->ops->read(s->disk, s->file->fd, head, sizeof(head), 0, err);
    if (got < (int64_t)sizeof(head))
        return got < 0 ? (int)got : 0;
    int64_t length = (int32_t)load_be32(head + 8);
    if (head[RECORD_BATCH_MAGIC_AT] >= RECORD_BATCH_MAGIC || length < 14 ||
        length + RECORD_BATCH_PREFIX > s->size)
        return 0;
    return err_set(err, ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
                   "%s/%020lld%s holds messages of magic %d, which are not supported",
                   s->dir, (long long)s->base_offset, LOG_SUFFIX,
                   head[RECORD_BATCH_MAGIC_AT]);
}

/* Checks one segment, cuts it behind its last good batch, makes its indexes.
 * *cut is what was cut off. */
static int recover_segment(struct partition_log *log, struct segment *s, int64_t *cut,
                           struct err *err)
{
    struct scan scan = {.log = log, .segment = s, .next_offset = s->base_offset};
    struct batch_walk w = {0};
    int rc = segment_open_file(s, err);
    if (rc == 0)
        rc = refuse_old_format(s, err);
    if (rc == 0)
        rc = segment_reset_indexes(s, err);
    if (rc == 0)
        rc = batch_walk_open(&w, s->disk, s->file->fd, 0, s->size, err);
    if (rc == 0)
        rc = take_good_batches(&scan, &w, err);
    batch_walk_close(&w);
    if (rc != 0)
        return rc;
    *cut = s->size - scan.position;
    log->size_bytes -= *cut;
    rc = segment_cut(s, scan.position, err);
    if (rc == 0)
        rc = segment_write_out(s, true, err);
    s->indexes_missing = false;
    return rc;
}

/* Tells the producers of the batches in [from, end) of one segment. */
static int replay_segment(struct partition_log *log, struct segment *s, int64_t from,
                          int64_t end, struct err *err)
{
    struct batch_walk w = {0};
    struct record_batch batch;
    const uint8_t *data;
    int64_t position = 0;
    int rc = segment_open_file(s, err);
    if (rc == 0 && from > s->base_offset)
        rc = segment_position_of(s, from, &position, err);
    if (rc == 0)
        rc = batch_walk_open(&w, s->disk, s->file->fd, position, s->size, err);
    if (rc != 0)
        return rc;
    while ((rc = batch_walk_next_whole(&w, &batch, &data, err)) == 1) {
        if (batch.base_offset >= end)
            break;
        rc = note_producer(log, data, &batch, NULL, err);
        if (rc != 0)
            break;
    }
    batch_walk_close(&w);
    return rc == 1 ? 0 : rc;
}

/* The same over all segments. */
static int replay(struct partition_log *log, int64_t from, int64_t end, struct err *err)
{
    int at = log_floor(log, from);
    int rc = 0;
    for (at = at < 0 ? 0 : at; rc == 0 && at < log->segment_count; at++) {
        struct segment *s = log->segments[at];
        if (s->base_offset >= end)
            break;
        rc = replay_segment(log, s, from, end, err);
        if (s != log_active(log))
            segment_rest(s);
    }
    return rc;
}

static int remove_snapshot(struct partition_log *log, int64_t offset, struct err *err)
{
    char path[PATH_MAX];
    log_path(path, log->dir, offset, SNAPSHOT_SUFFIX);
    return log->disk->ops->remove(log->disk, path, err);
}

/* Reads the newest snapshot at or below `offset` that can be read. *from is its
 * offset, or where the log starts if there is none. */
static int read_snapshot(struct partition_log *log,
                         const struct folder_contents *folder, int64_t offset,
                         int64_t *from, struct err *err)
{
    char path[PATH_MAX];
    struct err why;
    producer_state_clear(log->producers);
    *from = log->log_start_offset;
    for (int i = folder->snapshot_count - 1; i >= 0; i--) {
        int64_t at = folder->snapshots[i];
        if (at > offset || at <= log->log_start_offset)
            continue;
        log_path(path, log->dir, at, SNAPSHOT_SUFFIX);
        int rc = producer_state_read(log->producers, log->disk, path, &why);
        if (rc == 0) {
            partition_log_expire_producers(log);
            *from = at;
            return 0;
        }
        if (rc != ERR_CORRUPT) {
            if (err != NULL)
                *err = why;
            return rc;
        }
        trace_warn(log->trace, "%s is not used: %s", path, why.message);
        rc = remove_snapshot(log, at, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The state as of `offset`, where no batch lies across. */
static int load_producers_at(struct partition_log *log, int64_t offset, struct err *err)
{
    struct folder_contents folder;
    int64_t from;
    int rc = folder_contents_read_snapshots(log->disk, log->dir, &folder, err);
    if (rc == 0)
        rc = read_snapshot(log, &folder, offset, &from, err);
    if (rc == 0 && from < offset)
        rc = replay(log, from, offset, err);
    folder_contents_free(&folder);
    return rc;
}

/* Segments [first, …): recovers those from `doubted` on and those without
 * indexes, and brings the producers along. */
static int recover_from(struct partition_log *log, int first, int doubted,
                        struct partition_log_recovery *found, struct err *err)
{
    int rc = load_producers_at(log, log->segments[first]->base_offset, err);
    for (int at = first; rc == 0 && at < log->segment_count; at++) {
        struct segment *s = log->segments[at];
        int64_t cut = 0;
        if (at < doubted && !s->indexes_missing) {
            rc = replay_segment(log, s, s->base_offset, INT64_MAX, err);
            segment_rest(s);
            continue;
        }
        if (at > first) /* so that a crash now need not begin so far back */
            rc = log_write_snapshot(log, s->base_offset, err);
        found->bytes_scanned += s->size;
        if (rc == 0)
            rc = recover_segment(log, s, &cut, err);
        if (rc != 0)
            break;
        found->segments_recovered++;
        found->indexes_rebuilt++;
        found->bytes_truncated += cut;
        if (cut > 0 && at >= doubted && at + 1 < log->segment_count) {
            for (int i = at + 1; i < log->segment_count; i++)
                found->bytes_truncated += log->segments[i]->size;
            rc = log_delete_segments(log, at + 1, log->segment_count, err);
        }
        if (s != log_active(log))
            segment_rest(s);
    }
    return rc;
}

static int first_without_indexes(const struct partition_log *log)
{
    int at = 0;
    while (at < log->segment_count && !log->segments[at]->indexes_missing)
        at++;
    return at;
}

/* Whether the end of the active segment is as its index promises. */
static int check_end(struct partition_log *log, bool *good, struct err *err)
{
    int64_t next;
    int rc = segment_next_offset(log_active(log), &next, err);
    *good = rc == 0;
    return rc == ERR_CORRUPT ? 0 : rc;
}

int log_recover(struct partition_log *log, bool clean, int64_t recovery_point,
                struct partition_log_recovery *found, struct err *err)
{
    int doubted = log->segment_count;
    bool good = true;
    if (!clean) {
        /* Where a segment was rolled right at the point, its indexes are in doubt. */
        doubted = log_floor(log, recovery_point - 1);
        if (doubted < 0)
            doubted = 0;
    }
    int first = first_without_indexes(log);
    if (doubted < first)
        first = doubted;
    if (first < log->segment_count)
        return recover_from(log, first, doubted, found, err);
    int rc = check_end(log, &good, err);
    if (rc != 0 || good)
        return rc;
    return recover_from(log, log->segment_count - 1, log->segment_count - 1, found,
                        err);
}

static bool is_segment_base(const struct partition_log *log, int64_t offset)
{
    int at = log_floor(log, offset);
    return at >= 0 && log->segments[at]->base_offset == offset;
}

/* A snapshot is of use at the base of a segment, where recovery may have to
 * begin, and as the newest of all. */
static int remove_stray_snapshots(struct partition_log *log,
                                  const struct folder_contents *folder, struct err *err)
{
    int rc = 0;
    int64_t newest = -1;
    for (int i = 0; i < folder->snapshot_count; i++) {
        if (folder->snapshots[i] <= log->log_end_offset)
            newest = folder->snapshots[i];
    }
    for (int i = 0; rc == 0 && i < folder->snapshot_count; i++) {
        int64_t at = folder->snapshots[i];
        if (at > log->log_end_offset || at <= log->log_start_offset ||
            (at != newest && !is_segment_base(log, at)))
            rc = remove_snapshot(log, at, err);
    }
    return rc;
}

/* Recovery went through all that the snapshot has not: only the files are left
 * to be put in order. */
static int settle_producers(struct partition_log *log, struct err *err)
{
    struct folder_contents folder;
    int rc = folder_contents_read_snapshots(log->disk, log->dir, &folder, err);
    if (rc == 0)
        rc = remove_stray_snapshots(log, &folder, err);
    folder_contents_free(&folder);
    if (rc == 0 && log->log_end_offset > log->log_start_offset)
        rc = log_write_snapshot(log, log->log_end_offset, err);
    return rc;
}

int log_load_producers(struct partition_log *log, enum producers_known known,
                       struct err *err)
{
    struct folder_contents folder;
    int64_t from = log->log_start_offset;
    if (known == PRODUCERS_RECOVERED)
        return settle_producers(log, err);
    int rc = folder_contents_read_snapshots(log->disk, log->dir, &folder, err);
    /* Kafka too takes a clean log without snapshots for one without producers:
     * reading all of it to find none would be the price of the doubt. */
    bool none = known == PRODUCERS_SEALED && folder.snapshot_count == 0;
    if (rc == 0)
        rc = remove_stray_snapshots(log, &folder, err);
    if (rc == 0)
        rc = read_snapshot(log, &folder, log->log_end_offset, &from, err);
    if (rc == 0 && from < log->log_end_offset && !none)
        rc = replay(log, from, log->log_end_offset, err);
    if (rc == 0 && from < log->log_end_offset)
        rc = log_write_snapshot(log, log->log_end_offset, err);
    else
        log->sealed = rc == 0 && known == PRODUCERS_SEALED;
    folder_contents_free(&folder);
    return rc;
}
