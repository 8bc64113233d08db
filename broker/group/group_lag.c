#include "broker/group/group_lag.h"

/* As a consumer's position counts, which may be behind the end after a loss. */
static int64_t behind(int64_t end, int64_t committed)
{
    if (end == LAG_UNKNOWN)
        return LAG_UNKNOWN;
    return end > committed ? end - committed : 0;
}

/* Offsets of a topic of the same name that was deleted say nothing of this one. */
static struct partition *find_partition(struct replica_manager *replicas,
                                        const struct metadata_image *image,
                                        const struct offset_topic *topic,
                                        int32_t partition)
{
    const struct metadata_topic *t =
        metadata_image_topic(image, offset_topic_name(topic));
    if (t == NULL || (!uuid_is_zero(topic->id) && !uuid_equal(topic->id, t->id)))
        return NULL;
    return replica_manager_find(replicas, t->id, partition);
}

static void find_ends(struct partition *p, struct partition_lag *lag)
{
    struct err err = {0};
    if (partition_log_of(p) != NULL && partition_check_leader(p, -1, &err) == 0) {
        lag->high_watermark = partition_fetch_bound(p, FETCH_HIGH_WATERMARK);
        lag->last_stable_offset = partition_fetch_bound(p, FETCH_COMMITTED);
    } else if (p->handle.state == LOG_CLOSED || p->handle.state == LOG_OPENING) {
        lag->high_watermark = p->handle.high_watermark;
    }
}

void group_lag_each(const struct group *g, struct replica_manager *replicas,
                    const struct metadata_image *image,
                    void (*visit)(void *context, const struct partition_lag *lag),
                    void *context)
{
    for (int32_t t = 0; t < g->offsets.count; t++) {
        const struct offset_topic *topic = g->offsets.topics[t];
        for (int32_t i = 0; i < topic->count; i++) {
            const struct committed_offset *o = &topic->items[i];
            struct partition_lag lag = {
                .topic = offset_topic_name(topic),
                .partition = o->partition,
                .committed_offset = o->offset,
                .commit_timestamp = o->commit_timestamp,
                .high_watermark = LAG_UNKNOWN,
                .last_stable_offset = LAG_UNKNOWN,
            };
            struct partition *p = find_partition(replicas, image, topic, o->partition);
            if (p != NULL)
                find_ends(p, &lag);
            lag.lag = behind(lag.high_watermark, o->offset);
            lag.stable_lag = behind(lag.last_stable_offset, o->offset);
            visit(context, &lag);
        }
    }
}

static void add(void *context, const struct partition_lag *lag)
{
    struct group_lag *sum = context;
    if (lag->lag == LAG_UNKNOWN) {
        sum->unknown_count++;
        return;
    }
    sum->known_count++;
    sum->total += lag->lag;
    if (lag->lag > sum->most)
        sum->most = lag->lag;
}

struct group_lag group_lag_of(const struct group *g, struct replica_manager *replicas,
                              const struct metadata_image *image)
{
    struct group_lag sum = {0};
    group_lag_each(g, replicas, image, add, &sum);
    return sum;
}
