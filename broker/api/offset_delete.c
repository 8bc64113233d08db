/* OffsetDelete (Kafka: KafkaApis.handleOffsetDeleteRequest,
 * OffsetMetadataManager.deleteOffsets)
 *
 * Offsets of a group go where it does not subscribe to the topic. */
#include "broker/api/groups.h"

typedef struct offset_delete_request_offset_delete_request_topic topic_request;
typedef struct offset_delete_response_offset_delete_response_topic topic_result;

struct deletion {
    struct group_write base; /* first: on_committed() casts back */
    struct request *request;
    struct offset_delete_response response;
};

static void fail(struct deletion *d, enum kafka_error error)
{
    d->response = OFFSET_DELETE_RESPONSE_INIT;
    d->response.error_code = (int16_t)error;
}

static void on_committed(struct group_write *write, enum kafka_error error)
{
    struct deletion *d = (struct deletion *)write;
    if (error != KAFKA_NONE)
        fail(d, error);
    group_coordinator_answer(d->request->node->groups, d->request, &d->response);
}

static enum kafka_error check(struct request *r, const struct group *g, struct str name,
                              int32_t partition)
{
    const struct metadata_topic *topic = metadata_image_topic(r->node->image, name);
    if (topic == NULL || metadata_topic_partition(topic, partition) == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (group_subscribes_to(g, name))
        return KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
    return KAFKA_NONE;
}

static bool list_topic(struct request *r, const struct group *g,
                       const topic_request *topic, topic_result *result)
{
    size_t count = (size_t)topic->partitions_count;
    result->name = topic->name;
    result->partitions = arena_array(&r->arena, count, sizeof(*result->partitions));
    if (result->partitions == NULL)
        return false;
    result->partitions_count = topic->partitions_count;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        int32_t partition = topic->partitions[i].partition_index;
        result->partitions[i].partition_index = partition;
        result->partitions[i].error_code = (int16_t)check(r, g, topic->name, partition);
    }
    return true;
}

static bool list_topics(struct deletion *d, const struct group *g)
{
    struct request *r = d->request;
    const struct offset_delete_request *m = r->message;
    d->response.topics =
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(topic_result));
    if (d->response.topics == NULL)
        return false;
    d->response.topics_count = m->topics_count;
    for (int32_t t = 0; t < m->topics_count; t++) {
        if (!list_topic(r, g, &m->topics[t], &d->response.topics[t]))
            return false;
    }
    return true;
}

/* Calls `each` for what is to go and is there. */
static void each_deleted(struct deletion *d, struct group *g,
                         struct group_records *records,
                         void (*each)(struct group *g, struct group_records *records,
                                      struct str topic, int32_t partition))
{
    for (int32_t t = 0; t < d->response.topics_count; t++) {
        const topic_result *topic = &d->response.topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            int32_t partition = topic->partitions[i].partition_index;
            if (topic->partitions[i].error_code == KAFKA_NONE &&
                group_offsets_find(&g->offsets, topic->name, partition) != NULL)
                each(g, records, topic->name, partition);
        }
    }
}

static void write_tombstone(struct group *g, struct group_records *records,
                            struct str topic, int32_t partition)
{
    group_records_offset_gone(records, group_id(g), topic, partition);
}

static void forget(struct group *g, struct group_records *records, struct str topic,
                   int32_t partition)
{
    (void)records;
    group_offsets_remove(&g->offsets, topic, partition);
}

static enum kafka_error find_group(struct request *r, struct group_shard **shard,
                                   struct group **group)
{
    const struct offset_delete_request *m = r->message;
    enum kafka_error error = groups_shard(r, m->group_id, shard);
    if (error != KAFKA_NONE)
        return error;
    *group = group_table_find(&(*shard)->table, m->group_id);
    if (*group == NULL)
        return KAFKA_GROUP_ID_NOT_FOUND;
    return group_may_delete_offsets(*group);
}

static enum kafka_error delete_offsets(struct deletion *d)
{
    struct request *r = d->request;
    struct group_shard *shard;
    struct group *g;
    enum kafka_error error = find_group(r, &shard, &g);
    if (error != KAFKA_NONE)
        return error;
    if (!list_topics(d, g))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    struct group_records records;
    group_records_init(&records, clock_wall_ms(r->node->env.clock));
    each_deleted(d, g, &records, write_tombstone);
    error = group_shard_append(shard, &records, &d->base);
    if (error != KAFKA_NONE)
        return error;
    each_deleted(d, g, NULL, forget);
    group_shard_commit(shard, &d->base);
    return KAFKA_NONE;
}

static void handle(struct request *r)
{
    struct group_coordinator *c = r->node->groups;
    struct deletion *d = arena_alloc(&r->arena, sizeof(*d));
    if (d == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    d->base.done = on_committed;
    d->request = r;
    enum kafka_error error = delete_offsets(d);
    if (error != KAFKA_NONE)
        on_committed(&d->base, error);
    group_coordinator_settle(c);
}

const struct api api_offset_delete = {
    .key = API_OFFSET_DELETE,
    .min_version = 0,
    .max_version = 0,
    .request = &offset_delete_request_type,
    .response = &offset_delete_response_type,
    .handle = handle,
};
