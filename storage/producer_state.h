/* storage/producer_state.h
 *
 * What a partition remembers of each idempotent or transactional producer:
 * epoch, the last five batches, the open transaction (Kafka:
 * ProducerStateManager, ProducerStateEntry; KIP-98, KIP-360). Kept in
 * <offset>.snapshot files and rebuilt by reading the log.
 *
 * No locks: owned by its partition log, used where that is used. */
#ifndef GREGOR_STORAGE_PRODUCER_STATE_H
#define GREGOR_STORAGE_PRODUCER_STATE_H

#include "protocol/record_batch.h"
#include "storage/disk.h"

#define PRODUCER_BATCHES_KEPT 5

struct producer_state;

struct producer_batch {
    int32_t first_sequence;
    int32_t last_sequence;
    int64_t first_offset;
    int64_t last_offset;
    int64_t timestamp;
};

struct producer_info { /* for DescribeProducers, the cleaner and tests */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t last_sequence;
    int64_t last_offset; /* of its newest batch of data; -1: none is known */
    int64_t last_timestamp;
    int32_t coordinator_epoch;
    int64_t current_txn_first_offset; /* -1: none */
};

struct producer_state *producer_state_create(void); /* NULL: out of memory */
void producer_state_destroy(struct producer_state *p);

/* Checks a client's batch that carries a producer id against what is known.
 * 0: append it. 1: it is a duplicate of one of the last five: *duplicate says
 * which. Negative: ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, ERR_INVALID_PRODUCER_EPOCH,
 * ERR_INVALID_TXN_STATE. */
int producer_state_check(const struct producer_state *p,
                         const struct record_batch *batch,
                         struct producer_batch *duplicate, struct err *err);

/* Remembers an appended (or recovered, or replicated) batch whose offsets are
 * final; also end-transaction markers (then `control` is its type and
 * coordinator epoch, else NULL). Batches without producer id change nothing.
 * *aborted is filled, and 1 returned, when the batch ended a transaction that
 * was aborted and had begun: its range goes into the .txnindex. */
struct end_txn {
    enum control_record_type type;
    int32_t coordinator_epoch;
};
struct aborted_txn {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
    int64_t last_stable_offset;
};
int producer_state_update(struct producer_state *p, const struct record_batch *batch,
                          const struct end_txn *control, struct aborted_txn *aborted,
                          struct err *err);

/* The first offset of the earliest transaction that is open, or ended but not
 * yet below `high_watermark`; INT64_MAX: none. Forgets those that are below it
 * for good, so `high_watermark` must never go back. */
int64_t producer_state_first_unstable_offset(struct producer_state *p,
                                             int64_t high_watermark);

/* Forgets producers silent for longer than `expiration_ms` with no open
 * transaction. Returns how many. */
int producer_state_expire(struct producer_state *p, int64_t now_ms,
                          int64_t expiration_ms);

/* Forgets all; truncation and recovery start from here. */
void producer_state_clear(struct producer_state *p);

/* Calls `each` for every producer. */
void producer_state_each(const struct producer_state *p,
                         void (*each)(void *context, const struct producer_info *info),
                         void *context);
int64_t producer_state_count(const struct producer_state *p);

/* Snapshot files hold the state as of `offset`. Written beside and renamed,
 * not synced: recovery rebuilds what a crash takes. */
int producer_state_write(const struct producer_state *p, struct disk *disk,
                         const char *path, struct err *err);
/* Replaces the state; on any failure it is empty. ERR_CORRUPT, ERR_NOT_FOUND, ….
 * producer_state_expire() then drops what is too old. */
int producer_state_read(struct producer_state *p, struct disk *disk, const char *path,
                        struct err *err);

/* One producer as a snapshot file has it. */
struct producer_snapshot_entry {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
    int64_t last_timestamp;
    /* Its last batch; last_offset -1: none is known. */
    int32_t first_sequence;
    int32_t last_sequence;
    int64_t last_offset;
    int32_t offset_delta;             /* last offset - first offset */
    int64_t current_txn_first_offset; /* -1: none */
};

/* Calls `each` for every producer of a snapshot file, in its order, after all of the
 * file was found in order. A non-zero result ends it and is returned; ERR_CORRUPT,
 * ERR_NOT_FOUND, …. Any thread. */
int producer_snapshot_read(struct disk *disk, const char *path,
                           int (*each)(void *context,
                                       const struct producer_snapshot_entry *entry,
                                       struct err *err),
                           void *context, struct err *err);

#endif
