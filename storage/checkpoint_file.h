/* storage/checkpoint_file.h
 *
 * The text format that Kafka's checkpoints share (CheckpointFile): a line with
 * the version, 0, a line with the number of entries, then a line for each,
 * its fields apart by blanks. Any thread; reading may block. */
#ifndef GREGOR_STORAGE_CHECKPOINT_FILE_H
#define GREGOR_STORAGE_CHECKPOINT_FILE_H

#include "protocol/base/view.h"
#include "storage/disk.h"

/* Calls `each` with every entry's line, in order; a non-zero result ends it and
 * is returned. A missing file has no entries. ERR_CORRUPT: another version, or
 * another number of lines than it says, or what `each` says. */
int checkpoint_file_read(struct disk *disk, const char *path,
                         int (*each)(void *context, struct str line, struct err *err),
                         void *context, struct err *err);

/* Begins the text of a file with `count` entries; the caller appends the lines. */
void checkpoint_file_begin(struct buf *out, size_t count);

/* Takes the next field off the line; false: there is none, or (the second) it
 * is no decimal integer that fits. */
bool checkpoint_take_word(struct str *line, struct str *out);
bool checkpoint_take_int64(struct str *line, int64_t *out);

#endif
