/* storage/partition_log.h
 *
 * One replica's log: segments in a folder TOPIC-PARTITION, of which only the
 * newest grows. Offsets, from low to high:
 *
 *   log_start_offset <= last_stable_offset <= high_watermark <= log_end_offset
 *
 * The high watermark belongs to the replication layer, which tells it here so
 * that the last stable offset and the checkpoints can be derived from it.
 *
 * Loop thread, but for partition_log_open() and the *_run() functions, which
 * are pool jobs: each works on what its *_begin() handed it, never on the log.
 * A log has at most one job at a time that changes it.
 *
 * A write or sync that fails takes the log offline: every later call answers
 * ERR_OFFLINE until the log is opened anew. After a failed sync that is for the next
 * start alone, see partition_log_sync_failed(). */
#ifndef GREGOR_STORAGE_PARTITION_LOG_H
#define GREGOR_STORAGE_PARTITION_LOG_H

#include "config/topic_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/random.h"
#include "protocol/base/trace.h"
#include "protocol/record_batch.h"
#include "storage/leader_epoch_cache.h"
#include "storage/log_file.h"
#include "storage/producer_state.h"

struct partition_log;

struct partition_log_options {
    const char *dir; /* copied; made if it is missing */
    struct disk *disk;
    const struct clock *clock;
    const struct random *random; /* for segment.jitter.ms */
    const struct trace *trace;
    const struct topic_config *config; /* borrowed until replaced */
    bool clean;                 /* stopped cleanly: trust the files, scan nothing */
    int64_t recovery_point;     /* from the checkpoint; 0: unknown */
    int64_t log_start_offset;   /* from the checkpoint; 0: the first segment's */
    int64_t first_dirty_offset; /* the cleaner's, from its checkpoint */
    int64_t producer_id_expiration_ms;
};

struct partition_log_recovery { /* what opening found, for the one trace line */
    int segments_recovered;
    int64_t bytes_scanned;
    int64_t bytes_truncated;
    int indexes_rebuilt;
};

/* Opens or makes the log; recovers what lies past the recovery point unless it
 * was stopped cleanly. Pool job or start-up. */
int partition_log_open(const struct partition_log_options *options,
                       struct partition_log **out,
                       struct partition_log_recovery *recovery, struct err *err);

/* Writes what a clean stop needs (index tails, last time index entry, producer
 * snapshot, leader epochs) and syncs all of it; nothing, if nothing changed since
 * the last time. Pool job, the log idle: no flush under way. */
int partition_log_seal(struct partition_log *log, struct err *err);

/* Frees; writes and syncs nothing. Accepts NULL. Loop thread. */
void partition_log_close(struct partition_log *log);

/* Borrowed until the next call; the new config counts from the next append. */
void partition_log_set_config(struct partition_log *log,
                              const struct topic_config *config);
/* producer.id.expiration.ms, from the next partition_log_expire_producers(). */
void partition_log_set_producer_expiration(struct partition_log *log, int64_t ms);
const struct topic_config *partition_log_config(const struct partition_log *log);

const char *partition_log_dir(const struct partition_log *log);
int64_t partition_log_start_offset(const struct partition_log *log);
int64_t partition_log_end_offset(const struct partition_log *log);
int64_t partition_log_high_watermark(const struct partition_log *log);
int64_t partition_log_last_stable_offset(const struct partition_log *log);
int64_t partition_log_recovery_point(const struct partition_log *log);
/* Below it no key has a later record than the ones that are left: where the next
 * cleaning begins. */
int64_t partition_log_first_dirty_offset(const struct partition_log *log);
int64_t partition_log_size_bytes(const struct partition_log *log);
/* Why the log is offline; NULL while it is not. */
const struct err *partition_log_offline(const struct partition_log *log);
/* Whether it was a sync that failed. The kernel may have dropped what it could not
 * write, and still show it to who reads: recovery could not tell. */
bool partition_log_sync_failed(const struct partition_log *log);
struct leader_epoch_cache *partition_log_leader_epochs(struct partition_log *log);
const struct producer_state *partition_log_producers(const struct partition_log *log);

/* Never above log_end_offset, never back. */
void partition_log_set_high_watermark(struct partition_log *log,
                                      int64_t high_watermark);

enum append_origin {
    APPEND_CLIENT,      /* checked against the producer's state */
    APPEND_COORDINATOR, /* markers and internal topics: no sequence check */
    APPEND_CONTROLLER,  /* the metadata log: sizes unlimited */
    APPEND_REPLICATION, /* offsets and epochs are the leader's and kept */
};

struct append_result {
    int64_t base_offset;
    int64_t last_offset;
    int64_t timestamp; /* LogAppendTime, else -1; of a duplicate: as remembered */
    bool duplicate;    /* nothing was appended: the offsets are the first ones' */
    bool flush_due;    /* flush.messages is reached: answer after the next sync */
};

/* Appends one whole batch that record_validate() has passed (or that is ours):
 * gives it its offsets and leader epoch in place, rolls when due, writes,
 * indexes. What is refused leaves the log as it was: ERR_MESSAGE_TOO_LARGE,
 * ERR_RECORD_LIST_TOO_LARGE, the sequence errors of producer_state_check(),
 * ERR_OFFSET_OUT_OF_RANGE for a leader's batch that begins below the log end.
 * The disk's errors take the log offline; such a batch was not acknowledged, and
 * after recovery it is there whole or not at all. */
int partition_log_append(struct partition_log *log, uint8_t *data, int32_t size,
                         int32_t leader_epoch, enum append_origin origin,
                         struct append_result *out, struct err *err);

/* Bytes from the batch that holds `offset` on (or the next one, where compaction
 * left a gap), of one segment, at most max_bytes, none of a batch that reaches
 * upper_offset. A first batch larger than max_bytes comes whole if at_least_one,
 * otherwise nothing comes. Kafka clients accept a last batch cut short, so the
 * slice need not end on a batch. offset == log_end_offset or upper_offset: an
 * empty slice. Outside [start, end]:
 * ERR_OFFSET_OUT_OF_RANGE. The caller releases out->file. */
int partition_log_read(struct partition_log *log, int64_t offset, int64_t upper_offset,
                       int32_t max_bytes, bool at_least_one, struct log_slice *out,
                       struct err *err);

/* Aborted transactions that overlap [offset, upper_offset); appended to *out as
 * struct aborted_txn. */
int partition_log_aborted_txns(struct partition_log *log, int64_t offset,
                               int64_t upper_offset, struct buf *out, struct err *err);

/* Searches by time (ListOffsets; Kafka: UnifiedLog.fetchOffsetByTimestamp).
 * begin() fills *q and picks the place through the time index, run() scans the
 * file there, end() releases, on the loop. After begin() the caller may lower
 * upper_offset to what its reader may see; as in Kafka the search is not
 * limited by it: a record found at or above does not count. */
enum timestamp_query_kind {
    QUERY_FIRST_AT_OR_AFTER, /* the first record with timestamp >= asked */
    QUERY_MAX_TIMESTAMP,     /* the record with the largest timestamp, KIP-734 */
};
struct timestamp_query {
    enum timestamp_query_kind kind;
    int64_t timestamp;
    int64_t start_offset;        /* records below do not count */
    int64_t upper_offset;        /* nor those at or above */
    struct log_slice slice;      /* where run() looks */
    struct log_slice next_slice; /* and then */
    bool found;
    int64_t found_offset;
    int64_t found_timestamp;
    int32_t found_leader_epoch;
};
int partition_log_query_begin(struct partition_log *log, enum timestamp_query_kind kind,
                              int64_t timestamp, struct timestamp_query *q,
                              struct err *err);
int timestamp_query_run(struct timestamp_query *q, struct err *err); /* pool job */
void timestamp_query_end(struct timestamp_query *q);

/* Where to begin reading, as clients older than KIP-79 ask (ListOffsets version 0;
 * Kafka 3.9: UnifiedLog.legacyFetchOffsetsBefore): the offsets that segments begin
 * with, and the log's end behind a last segment that is not empty. begin() lists
 * them on the loop; run(), for a time only, looks when each file last changed, and
 * leaves those that were there by then; free() accepts a zeroed one. */
struct offsets_before {
    int64_t *offsets; /* ascending; what remains of them: */
    int count;
    int files; /* the first so many are segments */
    struct disk *disk;
    char *dir;
    int64_t *base_offsets; /* of the segments: their files' names */
};
int partition_log_offsets_begin(struct partition_log *log, struct offsets_before *out,
                                struct err *err);
/* The log's end was there at `now_ms`. Pool job. */
int offsets_before_run(struct offsets_before *o, int64_t timestamp, int64_t now_ms,
                       struct err *err);
void offsets_before_free(struct offsets_before *o);

/* Syncing. begin() collects what is not yet on disk (NULL: nothing, and run() and
 * end() accept that), run() syncs it, end() moves the recovery point, or takes
 * the log offline when run() failed (an fsync is never tried twice). One flush
 * at a time; the log outlives it. */
struct log_flush;
int partition_log_flush_begin(struct partition_log *log, struct log_flush **out,
                              struct err *err);
int log_flush_run(struct log_flush *flush, struct err *err); /* pool job */
void partition_log_flush_end(struct partition_log *log, struct log_flush *flush, int rc,
                             const struct err *err);
/* flush.ms has passed since the oldest unsynced append. */
bool partition_log_flush_overdue(const struct partition_log *log);

/* Rolls when segment.ms says so, on an append-less log too, and closes
 * descriptors that no read has used since the last call. Wants calling every
 * few minutes. */
int partition_log_roll_if_due(struct partition_log *log, struct err *err);

/* Raises log_start_offset (DeleteRecords). Whole segments below it are taken out, and
 * their files are left to the next cleanup. At or below log_start_offset nothing
 * happens; above the high watermark: ERR_OFFSET_OUT_OF_RANGE. */
int partition_log_delete_records(struct partition_log *log, int64_t before_offset,
                                 struct err *err);

/* Retention (Kafka: UnifiedLog.deleteOldSegments): takes out, from the oldest on, the
 * segments below log_start_offset and, where cleanup.policy has delete, those that
 * retention.bytes and retention.ms condemn; all below the high watermark. The log
 * start offset follows, and the files are left to the next cleanup. When the active
 * segment goes too, the next one is made first, at the log's end. Reads no file. */
struct retention_outcome {
    int deleted;    /* segments */
    bool unknown;   /* it cannot go on before log_ages have been read */
    int64_t due_ms; /* wall clock: when time may condemn the oldest one left */
};
int partition_log_retain(struct partition_log *log, struct retention_outcome *out,
                         struct err *err);

/* What retention.ms has to know of segments that have not been written to since the
 * log was opened: their largest timestamp, or where records have none, when their
 * file changed last. begin() names the next ones in question (NULL: none, and run()
 * and end() accept that), run() reads their files, end() keeps what was found. The
 * log may be used, changed and even closed (then log_ages_free()) meanwhile. */
struct log_ages;
int partition_log_ages_begin(struct partition_log *log, struct log_ages **out,
                             struct err *err);
int log_ages_run(struct log_ages *ages, struct err *err); /* pool job */
void partition_log_ages_end(struct partition_log *log, struct log_ages *ages);
void log_ages_free(struct log_ages *ages);

/* What is left to do for segments that were taken out: their files are renamed
 * .deleted at once, and removed file.delete.delay.ms after the deletion. begin() takes
 * what is due at `now_ms`, and gives NULL while there is nothing, which run() and
 * end() accept. A rename that fails takes the log offline. What run() cannot remove
 * is left for the next start; the log stays online. */
struct log_cleanup;
/* When the next one is due, monotonic; INT64_MAX: nothing waits. */
int64_t partition_log_cleanup_due_ms(const struct partition_log *log);
int partition_log_cleanup_begin(struct partition_log *log, int64_t now_ms,
                                struct log_cleanup **out, struct err *err);
int log_cleanup_run(struct log_cleanup *cleanup, struct err *err); /* pool job */
void partition_log_cleanup_end(struct partition_log *log, struct log_cleanup *cleanup,
                               int rc, const struct err *err);

/* Drops everything at or above `offset` (replication, recovery). Pool job or
 * start-up: rewrites indexes and producer state. */
int partition_log_truncate_to(struct partition_log *log, int64_t offset,
                              struct err *err);

/* Forgets silent producers; wants calling every
 * producer.id.expiration.check.interval.ms. */
void partition_log_expire_producers(struct partition_log *log);

#endif
