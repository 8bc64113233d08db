/* storage/quorum_state.h
 *
 * The quorum-state file: whom this node voted for and follows, in which epoch
 * (Kafka: FileQuorumStateStore, QuorumStateData). JSON of data_version 0, with the
 * voters, while those are configured, 1 since voters stand in the log. May block. */
#ifndef GREGOR_STORAGE_QUORUM_STATE_H
#define GREGOR_STORAGE_QUORUM_STATE_H

#include "storage/disk.h"

#define QUORUM_VOTERS_KEPT 16

struct quorum_state {
    int data_version;
    int32_t leader_id; /* -1: none */
    int32_t leader_epoch;
    int32_t voters[QUORUM_VOTERS_KEPT]; /* the first of them; as read, of version 0 */
    int32_t voter_count;                /* 0: the file names none */
};

/* ERR_NOT_FOUND, ERR_CORRUPT, ERR_UNSUPPORTED_VERSION. */
int quorum_state_read(struct disk *disk, const char *path, struct quorum_state *out,
                      struct err *err);

/* The state of a leader, alone in its quorum. Replaced, not synced: the epoch is in
 * the log as well. */
int quorum_state_write(struct disk *disk, const char *path,
                       const struct quorum_state *state, struct err *err);

#endif
