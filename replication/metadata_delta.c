/* replication/metadata_delta.c */
#include "replication/metadata_delta.h"

#include <stdlib.h>

#include "replication/metadata_image_internal.h"

void metadata_delta_clear(struct metadata_delta *delta)
{
    free(delta->topics_created);
    free(delta->partitions);
    free(delta->topics_removed);
    free(delta->configs);
    arena_reset(&delta->arena);
    *delta = METADATA_DELTA_INIT;
}

bool metadata_delta_is_empty(const struct metadata_delta *delta)
{
    return delta->topics_created_count == 0 && delta->partition_count == 0 &&
           delta->topics_removed_count == 0 && delta->config_count == 0 &&
           !delta->brokers_changed && !delta->features_changed;
}

int metadata_delta_topic_created(struct metadata_delta *delta, struct uuid id,
                                 struct err *err)
{
    if (delta == NULL)
        return 0;
    if (!metadata_grow((void **)&delta->topics_created, delta->topics_created_count,
                       &delta->topics_created_cap, sizeof(*delta->topics_created)))
        return err_nomem(err);
    delta->topics_created[delta->topics_created_count++] = id;
    return 0;
}

static void forget_partitions(struct metadata_delta *delta, struct uuid topic_id)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < delta->partition_count; i++)
        if (!uuid_equal(delta->partitions[i].topic_id, topic_id))
            delta->partitions[kept++] = delta->partitions[i];
    delta->partition_count = kept;
}

static void forget_configs(struct metadata_delta *delta, struct str topic)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < delta->config_count; i++)
        if (delta->configs[i].type != CONFIG_RESOURCE_TOPIC ||
            !str_equal(delta->configs[i].name, topic))
            delta->configs[kept++] = delta->configs[i];
    delta->config_count = kept;
}

static bool forget_created(struct metadata_delta *delta, struct uuid id)
{
    for (int32_t i = 0; i < delta->topics_created_count; i++) {
        if (!uuid_equal(delta->topics_created[i], id))
            continue;
        delta->topics_created[i] = delta->topics_created[--delta->topics_created_count];
        return true;
    }
    return false;
}

int metadata_delta_topic_removed(struct metadata_delta *delta,
                                 const struct metadata_topic *topic, struct err *err)
{
    if (delta == NULL)
        return 0;
    forget_partitions(delta, topic->id);
    forget_configs(delta, metadata_topic_name(topic));
    if (forget_created(delta, topic->id))
        return 0;

    struct str name = arena_str(&delta->arena, metadata_topic_name(topic));
    if (name.data == NULL ||
        !metadata_grow((void **)&delta->topics_removed, delta->topics_removed_count,
                       &delta->topics_removed_cap, sizeof(*delta->topics_removed)))
        return err_nomem(err);
    delta->topics_removed[delta->topics_removed_count++] =
        (struct metadata_removed_topic){
            .id = topic->id, .name = name, .partition_count = topic->partition_count};
    return 0;
}

int metadata_delta_partition(struct metadata_delta *delta, struct uuid topic_id,
                             int32_t partition, bool added, struct err *err)
{
    if (delta == NULL)
        return 0;
    if (!metadata_grow((void **)&delta->partitions, delta->partition_count,
                       &delta->partition_cap, sizeof(*delta->partitions)))
        return err_nomem(err);
    delta->partitions[delta->partition_count++] = (struct metadata_partition_change){
        .topic_id = topic_id, .partition = partition, .added = added};
    return 0;
}

int metadata_delta_config(struct metadata_delta *delta, enum config_resource_type type,
                          struct str name, struct err *err)
{
    if (delta == NULL)
        return 0;
    if (delta->config_count > 0) {
        const struct metadata_config_resource *last =
            &delta->configs[delta->config_count - 1];
        if (last->type == type && str_equal(last->name, name))
            return 0;
    }
    struct str copy = arena_str(&delta->arena, name);
    if (copy.data == NULL ||
        !metadata_grow((void **)&delta->configs, delta->config_count,
                       &delta->config_cap, sizeof(*delta->configs)))
        return err_nomem(err);
    delta->configs[delta->config_count++] =
        (struct metadata_config_resource){.type = type, .name = copy};
    return 0;
}
