/* storage/folder_contents.h
 *
 * What lies in a partition's folder when its log is opened: segments and
 * producer snapshots. Reading it also ends what a crash left halfway, as
 * Kafka's LogLoader does:
 *
 *   *.deleted    on the way out: removed
 *   *.cleaned    a compaction's unfinished output: removed
 *   *.swap       its finished output, about to replace what it was made of:
 *                the replaced files are removed, the .swap is renamed. But a
 *                .swap at or above a .cleaned is of a group not finished:
 *                removed
 *   *.tmp        a snapshot that was being written: removed
 *   an index without its .log: removed
 *
 * Pool job or start-up; may block. */
#ifndef GREGOR_STORAGE_FOLDER_CONTENTS_H
#define GREGOR_STORAGE_FOLDER_CONTENTS_H

#include "storage/disk.h"

struct folder_segment {
    int64_t base_offset;
    bool has_offset_index;
    bool has_time_index;
    bool has_txn_index;
};

struct folder_contents {
    struct folder_segment *segments; /* owned; by base offset */
    int segment_count;
    int64_t *snapshots; /* owned; offsets of .snapshot files, ascending */
    int snapshot_count;
};

#define FOLDER_CONTENTS_INIT ((struct folder_contents){0})

int folder_contents_read(struct disk *disk, const char *dir,
                         struct folder_contents *out, struct err *err);
void folder_contents_free(struct folder_contents *f);

/* Removes what a cleaning of an open log left when it was given up: *.cleaned, and
 * *.swap. */
int folder_contents_drop_cleaned(struct disk *disk, const char *dir, struct err *err);

/* Only the snapshots; touches nothing. */
int folder_contents_read_snapshots(struct disk *disk, const char *dir,
                                   struct folder_contents *out, struct err *err);

#endif
