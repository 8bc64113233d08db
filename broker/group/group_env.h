/* broker/group/group_env.h
 *
 * What surrounds the groups of a coordinator: time, timers, randomness, settings,
 * metadata and the log, so that groups are state machines which tests can drive.
 *
 * Loop thread, but for loading, which touches neither timers nor the log. */
#ifndef GREGOR_BROKER_GROUP_GROUP_ENV_H
#define GREGOR_BROKER_GROUP_GROUP_ENV_H

#include "broker/group/group_records.h"
#include "broker/group/group_write.h"
#include "config/broker_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/executor.h"
#include "protocol/base/random.h"
#include "protocol/base/trace.h"
#include "replication/metadata_image.h"

struct classic_group;
struct group_table;

/* Borrowed by every group, outlives them. */
struct group_env {
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
    const struct broker_config *config;
    struct executor *executor;
    const struct metadata_image *image;

    /* Offsets of the metadata log: as of the last change of any topic, and as of the
     * last time that topics were created. */
    int64_t topics_version;
    int64_t new_topics_version;

    /* Arms `d` anew, or takes it back. */
    void (*arm)(struct group_env *env, struct deadline *d, int64_t delay_ms);
    void (*disarm)(struct group_env *env, struct deadline *d);

    /* Where this group is, if it is there; NULL: it is coordinated elsewhere, or not
     * loaded. Valid until the next turn of the loop. */
    struct group_table *(*table)(struct group_env *env, struct str group_id);

    /* Appends the records as one batch and applies them to the group, as loading
     * would: pointers into it may be stale afterwards. Frees `records`. KAFKA_NONE:
     * whoever wants to know when they are committed calls commit(), else ignores
     * `write`. Any other error: nothing has happened. */
    enum kafka_error (*change)(struct group_env *env, struct str group_id,
                               struct group_records *records,
                               struct group_write *write);

    /* write->done() follows exactly once, during the call or later. */
    void (*commit)(struct group_env *env, struct group_write *write);

    /* Appends what classic_group_value() gives; then as commit(). */
    void (*store)(struct group_env *env, struct classic_group *g,
                  struct group_write *write);

    /* Between the two the node does not end: a job is under way. */
    void (*hold)(struct group_env *env);
    void (*release)(struct group_env *env);

    /* A timer or a job has changed a group: what was noted may be answered. */
    void (*settled)(struct group_env *env);
};

static inline int64_t group_now_ms(const struct group_env *env)
{
    return clock_wall_ms(env->clock);
}

#endif
