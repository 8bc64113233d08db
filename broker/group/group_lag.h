/* broker/group/group_lag.h
 *
 * How far a group is behind: the one definition of lag, for whoever shows it.
 *
 *   lag         = end of what consumers may read  - committed offset
 *   stable_lag  = last stable offset              - committed offset
 *
 * The end is the high watermark, as ListOffsets tells it and Kafka's tools print it
 * under LOG-END-OFFSET; `stable_lag` is that of consumers which read committed records
 * only. An offset that lies behind the end (records were lost, or never written) is no
 * lag: 0. A partition without a committed offset has none, as in Kafka's tools.
 *
 * The broker knows it at any time, without reading or opening a log: of one that is
 * closed, the high watermark is its checkpointed one.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_LAG_H
#define GREGOR_BROKER_GROUP_GROUP_LAG_H

#include "broker/group/group.h"
#include "replication/replica_manager.h"

#define LAG_UNKNOWN (-1)

struct partition_lag {
    struct str topic; /* a view into the group */
    int32_t partition;
    int64_t committed_offset;
    int64_t commit_timestamp;
    /* These four are LAG_UNKNOWN where the partition is not led here, or its log
     * cannot be used; the stable ones also while the log is closed. */
    int64_t high_watermark;
    int64_t last_stable_offset;
    int64_t lag;
    int64_t stable_lag;
};

/* Calls for each partition that the group has committed an offset of, sorted by topic
 * and partition. What it is given is valid for the call. */
void group_lag_each(const struct group *g, struct replica_manager *replicas,
                    const struct metadata_image *image,
                    void (*visit)(void *context, const struct partition_lag *lag),
                    void *context);

/* Of all those partitions whose lag is known. */
struct group_lag {
    int64_t total;
    int64_t most; /* of one partition */
    int32_t known_count;
    int32_t unknown_count;
};
struct group_lag group_lag_of(const struct group *g, struct replica_manager *replicas,
                              const struct metadata_image *image);

#endif
