/* storage/segment_groups.h
 *
 * Which neighbouring segments a cleaner makes one of (Kafka:
 * Cleaner.groupSegmentsBySize). Any thread; touches nothing. */
#ifndef GREGOR_STORAGE_SEGMENT_GROUPS_H
#define GREGOR_STORAGE_SEGMENT_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

/* A segment to be cleaned, as it is. */
struct dirty_segment {
    int64_t base_offset;
    int64_t size_bytes;
    int64_t index_bytes;
    int64_t time_index_bytes;
    bool has_txn_index;
};

struct group_limits {
    int64_t segment_bytes;      /* of the .log's together */
    int64_t index_bytes;        /* of either index */
    int64_t uncleanable_offset; /* where the last segment of all ends */
};

/* How many of `count` segments, from the first on, make the next group: at least
 * one, and as many more as stay within the limits and within the offsets that one
 * segment can have. */
int segment_groups_next(const struct dirty_segment *segments, int count,
                        const struct group_limits *limits);

#endif
