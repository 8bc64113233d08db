#include "storage/segment_groups.h"

/* As good as the last offset of segment `at`, without a look into it. */
static int64_t last_offset_of(const struct dirty_segment *segments, int count, int at,
                              const struct group_limits *limits)
{
    return (at + 1 < count ? segments[at + 1].base_offset
                           : limits->uncleanable_offset) -
           1;
}

int segment_groups_next(const struct dirty_segment *segments, int count,
                        const struct group_limits *limits)
{
    struct dirty_segment sum = segments[0];
    int taken = 1;
    for (; taken < count; taken++) {
        const struct dirty_segment *next = &segments[taken];
        sum.size_bytes += next->size_bytes;
        sum.index_bytes += next->index_bytes;
        sum.time_index_bytes += next->time_index_bytes;
        if (sum.size_bytes > limits->segment_bytes ||
            sum.index_bytes > limits->index_bytes ||
            sum.time_index_bytes > limits->index_bytes)
            break;
        /* An empty one brings no offset; its neighbour will be looked at. */
        if (next->size_bytes > 0 &&
            last_offset_of(segments, count, taken, limits) - segments[0].base_offset >
                INT32_MAX)
            break;
    }
    return taken;
}
