/* storage/partition_log_internal.h
 *
 * What the partition_log_*.c files share. Nobody else includes it. */
#ifndef GREGOR_STORAGE_PARTITION_LOG_INTERNAL_H
#define GREGOR_STORAGE_PARTITION_LOG_INTERNAL_H

#include "storage/log_path.h"
#include "storage/partition_log.h"
#include "storage/segment.h"

struct deleted_segment { /* see partition_log_delete.c */
    int64_t base_offset;
    int64_t due_ms; /* monotonic: when its files go */
    bool renamed;   /* they are called .deleted */
};

struct partition_log {
    char *dir;
    struct disk *disk;
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
    const struct topic_config *config;

    struct segment **segments; /* by base offset; the last one is active */
    int segment_count;
    int segment_cap;
    struct segment *warm; /* the one other segment with open descriptors, or NULL */
    struct batch_place newest; /* the last appended batch; size 0: not known */

    struct producer_state *producers;
    struct leader_epoch_cache *epochs;
    int64_t producer_id_expiration_ms;

    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t log_end_offset;
    int64_t recovery_point;     /* what is below is on the disk for good */
    int64_t first_dirty_offset; /* what is below was compacted */
    int64_t size_bytes;
    int truncations; /* so many there were since it was opened */

    int64_t unsynced_since_ms; /* monotonic; -1: nothing waits to be synced */
    bool dir_changed;          /* names or epochs changed since the folder was synced */
    bool dir_made;             /* and the folder itself came */

    bool sealed; /* nothing was appended or cut since the last seal */

    struct buf deleted; /* of struct deleted_segment, as they were taken out */
    struct err offline; /* code 0: online */
    bool sync_failed;
};

/* partition_log.c */

/* ERR_OFFLINE, and why, once the log has failed. */
int log_check_online(const struct partition_log *log, struct err *err);

/* Takes the log offline for what `err` says; returns rc. The first reason
 * stays. Lack of memory alone is none: the caller may try again. */
int log_fail(struct partition_log *log, int rc, const struct err *err);

static inline struct segment *log_active(const struct partition_log *log)
{
    return log->segments[log->segment_count - 1];
}

/* The index of the last segment with base offset <= offset; -1: none. */
int log_floor(const struct partition_log *log, int64_t offset);

/* Makes room for one more segment, so that adding it cannot fail. */
int log_reserve_segment(struct partition_log *log, struct err *err);

/* Adds a segment behind the others, and draws its jitter. */
void log_add_segment(struct partition_log *log, struct segment *s);

/* Makes an empty segment at `base_offset` and adds it. */
int log_create_segment(struct partition_log *log, int64_t base_offset, struct err *err);

/* Notes that `s` is about to be read: of the segments but the active one only
 * the last such keeps its descriptors. */
void log_warm(struct partition_log *log, struct segment *s);
void log_cool(struct partition_log *log);

/* The largest timestamp of segment `at`; leaves no more descriptors open. */
int log_max_timestamp(struct partition_log *log, int at, struct timestamp_offset *out,
                      struct err *err);

/* Notes the batch's leader epoch, if it is a new one. */
int log_note_epoch(struct partition_log *log, const struct record_batch *batch,
                   struct err *err);

/* Writes the producers' state as of `offset`. */
int log_write_snapshot(struct partition_log *log, int64_t offset, struct err *err);

/* partition_log_append.c */

/* Closes the active segment for good and starts the next at `base_offset`. The
 * closed one is synced by the next flush; until then it keeps its descriptor. */
int log_roll(struct partition_log *log, int64_t base_offset, struct err *err);

/* Reads the marker of a control batch that ends a transaction. 1 and *out, or 0:
 * the batch is none. `data` is the whole batch. */
int log_read_end_txn(const uint8_t *data, const struct record_batch *batch,
                     struct end_txn *out, struct err *err);

/* partition_log_delete.c */

/* How many segments lie wholly below `offset`; never all of them. */
int log_count_below(const struct partition_log *log, int64_t offset);

/* Makes `offset` the log start offset and takes the segments below it out; their
 * files are left to a cleanup. Fails the log. */
int log_raise_start(struct partition_log *log, int64_t offset, struct err *err);

/* Takes segments [from, to) out, renames their files and closes them. May block. */
int log_delete_segments(struct partition_log *log, int from, int to, struct err *err);

/* Renames the files of what was taken out before. May block. */
int log_rename_deleted(struct partition_log *log, struct err *err);

#endif
