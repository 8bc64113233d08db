/* storage/partition_log_recovery.h
 *
 * Private to the partition_log_*.c files: what opening a log asks of
 * recovery. Pool job or start-up. */
#ifndef GREGOR_STORAGE_PARTITION_LOG_RECOVERY_H
#define GREGOR_STORAGE_PARTITION_LOG_RECOVERY_H

#include "storage/partition_log_internal.h"

/* Checks and repairs the segments that the last stop leaves in doubt: those
 * that reach past the recovery point unless it was `clean`, those without
 * indexes, and an active one whose end is not what the indexes say. */
int log_recover(struct partition_log *log, bool clean, int64_t recovery_point,
                struct partition_log_recovery *found, struct err *err);

enum producers_known {
    PRODUCERS_UNKNOWN,
    PRODUCERS_SEALED,    /* a clean stop left a snapshot, if there are any */
    PRODUCERS_RECOVERED, /* log_recover() brought them to the log end */
};

/* Brings the producers' state to log_end_offset: from the newest snapshot that
 * can be read, and the batches behind it. Snapshots that are of no use any more
 * are removed, and one is left at the log end. */
int log_load_producers(struct partition_log *log, enum producers_known known,
                       struct err *err);

#endif
