/* storage/offset_checkpoint.h
 *
 * One offset for each partition of a data directory, in a text file (Kafka:
 * OffsetCheckpointFile): "topic partition offset" lines in the format of
 * storage/checkpoint_file.h. Any thread; reading and writing may block. */
#ifndef GREGOR_STORAGE_OFFSET_CHECKPOINT_H
#define GREGOR_STORAGE_OFFSET_CHECKPOINT_H

#include "storage/checkpoint_file.h"

#define RECOVERY_POINT_CHECKPOINT "recovery-point-offset-checkpoint"
#define HIGH_WATERMARK_CHECKPOINT "replication-offset-checkpoint"
#define LOG_START_CHECKPOINT "log-start-offset-checkpoint"
#define CLEANER_CHECKPOINT "cleaner-offset-checkpoint"

/* Calls `each` for every entry; `topic` is borrowed for the call. A non-zero
 * result ends it and is returned. A missing file has no entries, nor has one of no
 * bytes: so Kafka makes it before there is anything to say. ERR_CORRUPT. */
int offset_checkpoint_read(struct disk *disk, const char *path,
                           int (*each)(void *context, struct str topic,
                                       int32_t partition, int64_t offset),
                           void *context, struct err *err);

/* The text of a new file, entry by entry. */
struct offset_checkpoint {
    struct buf lines;
    size_t count;
};

#define OFFSET_CHECKPOINT_INIT ((struct offset_checkpoint){0})

void offset_checkpoint_add(struct offset_checkpoint *c, struct str topic,
                           int32_t partition, int64_t offset);

/* Writes the file so that after a crash it is the old or the new one: which of
 * them, the next sync of the folder decides. */
int offset_checkpoint_write(const struct offset_checkpoint *c, struct disk *disk,
                            const char *path, struct err *err);

void offset_checkpoint_free(struct offset_checkpoint *c);

#endif
