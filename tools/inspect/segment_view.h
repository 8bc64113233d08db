/* tools/inspect/segment_view.h
 *
 * One segment in a few reads, whatever its size: the first batch, the ends of its
 * indexes, and the batches behind them. Nothing is changed; a broker may be writing.
 * May block. */
#ifndef GREGOR_TOOLS_INSPECT_SEGMENT_VIEW_H
#define GREGOR_TOOLS_INSPECT_SEGMENT_VIEW_H

#include "storage/disk.h"

struct segment_view {
    int64_t base_offset;
    int64_t size;
    int64_t first_offset; /* -1: the segment is empty */
    int64_t last_offset;  /* -1 likewise */
    int64_t
        first_timestamp;    /* -1: unknown, also where compaction has put its horizon */
    int64_t last_timestamp; /* the largest; -1: there is none */
    int64_t good_bytes;     /* where the whole batches end */
};

/* What cannot be read at the end of the .log shows in good_bytes; indexes that lead
 * nowhere are not followed. Negative: the .log cannot be read. */
int segment_view_read(struct disk *disk, const char *folder, int64_t base_offset,
                      struct segment_view *out, struct err *err);

#endif
