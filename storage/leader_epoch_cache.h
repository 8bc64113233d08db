/* storage/leader_epoch_cache.h
 *
 * Which leader epoch began at which offset (KIP-101, KIP-279; Kafka:
 * LeaderEpochFileCache), kept in leader-epoch-checkpoint: version 0, count, then
 * "epoch start-offset" in ascending order of both.
 *
 * No locks: owned by its partition log. */
#ifndef GREGOR_STORAGE_LEADER_EPOCH_CACHE_H
#define GREGOR_STORAGE_LEADER_EPOCH_CACHE_H

#include <stdbool.h>

#include "storage/disk.h"

#define LEADER_EPOCH_CHECKPOINT "leader-epoch-checkpoint"

struct leader_epoch_cache;

struct leader_epoch_entry {
    int32_t leader_epoch;
    int64_t start_offset;
};

/* Calls `each` for every entry of the file, as checkpoint_file_read() does. */
int leader_epoch_checkpoint_read(struct disk *disk, const char *path,
                                 int (*each)(void *context,
                                             const struct leader_epoch_entry *entry,
                                             struct err *err),
                                 void *context, struct err *err);

/* Reads `path` (missing: empty). The path is copied. */
int leader_epoch_cache_open(struct disk *disk, const char *path,
                            struct leader_epoch_cache **out, struct err *err);
void leader_epoch_cache_close(struct leader_epoch_cache *c);

/* Makes the file durable: what changed it replaced it without a sync, since
 * recovery finds the epochs in the batches again. Pool job. */
int leader_epoch_cache_sync(struct leader_epoch_cache *c, struct err *err);

/* Notes that `leader_epoch` starts at `start_offset`, if it is newer than the
 * last one; conflicting entries go. Writes the file when something changed. */
int leader_epoch_cache_assign(struct leader_epoch_cache *c, int32_t leader_epoch,
                              int64_t start_offset, struct err *err);

/* The newest entry; false when empty. */
bool leader_epoch_cache_latest(const struct leader_epoch_cache *c,
                               struct leader_epoch_entry *out);

/* The epoch that `offset` was written in; -1 when unknown. */
int32_t leader_epoch_cache_epoch_of(const struct leader_epoch_cache *c, int64_t offset);

/* As OffsetForLeaderEpoch answers: the largest known epoch <= the asked one and
 * the offset where it ended. (-1, -1) when unknown. */
void leader_epoch_cache_end_offset(const struct leader_epoch_cache *c,
                                   int32_t leader_epoch, int64_t log_end_offset,
                                   int32_t *found_epoch, int64_t *end_offset);

int leader_epoch_cache_truncate_from_end(struct leader_epoch_cache *c,
                                         int64_t end_offset, struct err *err);
int leader_epoch_cache_truncate_from_start(struct leader_epoch_cache *c,
                                           int64_t start_offset, struct err *err);

#endif
