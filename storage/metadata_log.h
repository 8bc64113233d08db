/* storage/metadata_log.h
 *
 * __cluster_metadata-0: the log of every change of the cluster's metadata, its
 * snapshots and quorum-state, for a quorum of this one controller (Kafka:
 * KafkaMetadataLog, RaftClient; KIP-595, KIP-630). Kafka itself can go on with
 * what is written here, and the other way round.
 *
 *   open:   newest whole snapshot ─► records ─► log behind it ─► records
 *           leader epoch + 1: quorum-state, and a LeaderChange batch
 *   append: batch into the page cache ─► one fsync for all that wait ─► callbacks
 *   grown by max_bytes_between_snapshots: write_image() ─► a new snapshot; older
 *           ones and the segments below it go
 *
 * Start-up: metadata_log_open(), which blocks. The rest: loop thread, and does
 * not block; disk work other than the append is in jobs of the executor. */
#ifndef GREGOR_STORAGE_METADATA_LOG_H
#define GREGOR_STORAGE_METADATA_LOG_H

#include "protocol/base/clock.h"
#include "protocol/base/executor.h"
#include "storage/log_dir.h"
#include "storage/metadata_snapshot.h"
#include "storage/partition_log.h"

#define METADATA_LOG_FOLDER "__cluster_metadata-0"

struct metadata_log;

typedef int (*metadata_emit)(void *emit_context, const struct metadata_record *record,
                             struct err *err);

struct metadata_log_options {
    struct log_dir *dir; /* outlives the log */
    struct disk *disk;
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
    struct executor *executor;
    int32_t node_id;
    int segment_bytes;                   /* metadata.log.segment.bytes */
    int64_t segment_ms;                  /* metadata.log.segment.ms */
    int64_t max_bytes_between_snapshots; /* metadata.log.max.record.bytes.… */

    /* What bootstrap.checkpoint of a new directory says: the feature levels.
     * Borrowed for metadata_log_open(). Not appended to the log: that is the
     * controller's first batch. */
    const struct metadata_record *bootstrap;
    int32_t bootstrap_count;

    /* Every record of snapshot and log, in order, during metadata_log_open(); also
     * those of transactions, whose Begin, End and Abort come as records. */
    int (*replay)(void *context, const struct metadata_record *record, struct err *err);

    /* Emits every record that rebuilds the image, for a snapshot: called when all
     * that was appended has been called back. ERR_BUSY: not now (a transaction is
     * open, or the last records are not applied yet); it is asked again after a
     * later append. Other errors are traced. */
    int (*write_image)(void *context, metadata_emit emit, void *emit_context,
                       struct err *err);
    void *context;
};

/* Opens or makes the log and replays it; then this node leads, in a new epoch.
 * The LeaderChange batch is on disk with the first append. ERR_MISMATCH: others vote
 * in its quorum, who must not find it changed; ERR_CORRUPT, ERR_UNSUPPORTED_VERSION,
 * what replay() says, or the disk. */
int metadata_log_open(const struct metadata_log_options *options,
                      struct metadata_log **out, struct err *err);

/* Frees; writes nothing. Only when no job runs: after metadata_log_stop()'s
 * callback, or before the first append. Accepts NULL. */
void metadata_log_close(struct metadata_log *l);

/* The offset that the next record appended will have; this node's epoch. */
int64_t metadata_log_next_offset(const struct metadata_log *l);
int32_t metadata_log_leader_epoch(const struct metadata_log *l);

/* No record but LeaderChanges was ever appended, and no snapshot is there. */
bool metadata_log_is_new(const struct metadata_log *l);

/* Memory of the caller, kept until the callback: exactly one, on a later turn. */
struct metadata_log_request {
    /* rc 0: durable. `err` is borrowed. */
    void (*done)(struct metadata_log_request *request, int rc, const struct err *err);
    struct metadata_log_request *next; /* the log's */
};

/* Appends one batch of `count` records and makes it durable. The first batch of a
 * run, the controller's own, is called back before that: nobody was promised
 * anything yet, and its sync follows at once. The records are borrowed for the
 * call. Negative: nothing was appended, no callback follows. A disk that refuses, now
 * or in the sync, takes the log offline: for good, unless it had no space for the
 * batch. Then each later append tries to recover the log first, in a job. */
int metadata_log_append(struct metadata_log *l, const struct metadata_record *records,
                        int32_t count, struct metadata_log_request *r, struct err *err);

/* Waits for what is under way, then seals the log. No append may follow. */
void metadata_log_stop(struct metadata_log *l, struct metadata_log_request *r);

#endif
