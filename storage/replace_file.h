/* storage/replace_file.h
 *
 * Puts new content where a small file was, by a rename, without waiting for the
 * device: a killed broker leaves the old content or the new, a power cut may
 * leave neither. For files that recovery can rebuild; for all others there is
 * disk_write_file_atomically(). Writes a few KiB: loop thread or pool job. */
#ifndef GREGOR_STORAGE_REPLACE_FILE_H
#define GREGOR_STORAGE_REPLACE_FILE_H

#include "storage/disk.h"

int replace_file(struct disk *disk, const char *path, const void *data, size_t len,
                 struct err *err);

/* The content is synced before the rename, the folder is not: whoever replaces
 * several files in one folder syncs that once, behind them. */
int replace_file_synced(struct disk *disk, const char *path, const void *data,
                        size_t len, struct err *err);

#endif
