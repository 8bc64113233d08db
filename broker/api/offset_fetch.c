/* OffsetFetch (Kafka: KafkaApis.handleOffsetFetchRequest,
 * OffsetMetadataManager.fetchOffsets)
 *
 * Until version 7 one group is asked for, from version 8 on many; inside they are all
 * the same. What is answered is committed: a request that meets offsets which are
 * not waits for them. With require-stable, offsets that a transaction under way is
 * about to change are UNSTABLE_OFFSET_COMMIT. */
#include "broker/api/groups.h"
#include "broker/api/lookup.h"

#define NO_OFFSET (-1)
#define NO_EPOCH (-1)

typedef struct offset_fetch_request_offset_fetch_request_group group_request;
typedef struct offset_fetch_request_offset_fetch_request_topics topic_request;
typedef struct offset_fetch_response_offset_fetch_response_group group_result;
typedef struct offset_fetch_response_offset_fetch_response_topics topic_result;
typedef struct offset_fetch_response_offset_fetch_response_partitions partition_result;
typedef struct offset_fetch_response_offset_fetch_response_topic old_topic_result;
typedef struct offset_fetch_response_offset_fetch_response_partition
    old_partition_result;

struct fetching {
    struct request *request;
    const struct group_table *table; /* of the group */
    const struct group *group;       /* NULL: there is none */
    bool require_stable;
};

static partition_result no_offset(int32_t partition, enum kafka_error error)
{
    return (partition_result){.partition_index = partition,
                              .committed_offset = NO_OFFSET,
                              .committed_leader_epoch = NO_EPOCH,
                              .metadata = STR_LITERAL(""),
                              .error_code = (int16_t)error};
}

static partition_result fetch_offset(const struct fetching *f, struct str topic,
                                     int32_t partition)
{
    if (f->group == NULL)
        return no_offset(partition, KAFKA_NONE);
    if (f->require_stable &&
        group_table_offset_is_pending(f->table, f->group, topic, partition))
        return no_offset(partition, KAFKA_UNSTABLE_OFFSET_COMMIT);
    const struct committed_offset *o =
        group_offsets_find(&f->group->offsets, topic, partition);
    if (o == NULL)
        return no_offset(partition, KAFKA_NONE);
    return (partition_result){.partition_index = partition,
                              .committed_offset = o->offset,
                              .committed_leader_epoch = o->leader_epoch,
                              .metadata = o->metadata.data == NULL ? STR_LITERAL("")
                                                                   : o->metadata};
}

static bool fetch_topic(const struct fetching *f, const topic_request *topic,
                        topic_result *result)
{
    struct request *r = f->request;
    struct str name = topic->name;
    enum kafka_error error = KAFKA_NONE;
    if (r->version >= 10) {
        const struct metadata_topic *known =
            lookup_topic(r->node, STR_NULL, topic->topic_id, true);
        if (known == NULL)
            error = KAFKA_UNKNOWN_TOPIC_ID;
        else
            name = metadata_topic_name(known);
    }
    int32_t count = topic->partition_indexes_count;
    result->name = topic->name;
    result->topic_id = topic->topic_id;
    result->partitions =
        arena_array(&r->arena, (size_t)count, sizeof(*result->partitions));
    if (result->partitions == NULL)
        return false;
    result->partitions_count = count;
    for (int32_t i = 0; i < count; i++) {
        int32_t partition = topic->partition_indexes[i];
        result->partitions[i] = error == KAFKA_NONE ? fetch_offset(f, name, partition)
                                                    : no_offset(partition, error);
    }
    return true;
}

/* From version 10 on a topic is told by its id: one that is gone cannot be. */
static bool name_topic(const struct fetching *f, const struct offset_topic *topic,
                       topic_result *result)
{
    result->name = offset_topic_name(topic);
    const struct metadata_topic *known =
        metadata_image_topic(f->request->node->image, result->name);
    if (known != NULL)
        result->topic_id = known->id;
    return known != NULL || f->request->version < 10;
}

static bool fetch_all(const struct fetching *f, group_result *result)
{
    struct arena *arena = &f->request->arena;
    int32_t count = f->group == NULL ? 0 : f->group->offsets.count;
    result->topics = arena_array(arena, (size_t)count, sizeof(*result->topics));
    if (result->topics == NULL)
        return false;
    for (int32_t t = 0; t < count; t++) {
        const struct offset_topic *topic = f->group->offsets.topics[t];
        topic_result *out = &result->topics[result->topics_count];
        if (!name_topic(f, topic, out))
            continue;
        out->partitions =
            arena_array(arena, (size_t)topic->count, sizeof(*out->partitions));
        if (out->partitions == NULL)
            return false;
        out->partitions_count = topic->count;
        for (int32_t i = 0; i < topic->count; i++)
            out->partitions[i] =
                fetch_offset(f, offset_topic_name(topic), topic->items[i].partition);
        result->topics_count++;
    }
    return true;
}

static bool fetch_named(const struct fetching *f, const group_request *wanted,
                        group_result *result)
{
    result->topics = arena_array(&f->request->arena, (size_t)wanted->topics_count,
                                 sizeof(*result->topics));
    if (result->topics == NULL)
        return false;
    result->topics_count = wanted->topics_count;
    for (int32_t t = 0; t < wanted->topics_count; t++) {
        if (!fetch_topic(f, &wanted->topics[t], &result->topics[t]))
            return false;
    }
    return true;
}

static enum kafka_error check_member(const struct group *g, const group_request *wanted)
{
    return g == NULL || g->consumer == NULL
               ? KAFKA_NONE
               : consumer_group_may_fetch(g->consumer, wanted->member_id,
                                          wanted->member_epoch);
}

static bool fetch_group(struct request *r, const group_request *wanted,
                        group_result *result)
{
    const struct offset_fetch_request *m = r->message;
    struct group_shard *shard;
    enum kafka_error error =
        group_coordinator_shard(r->node->groups, wanted->group_id, &shard);
    struct fetching f = {.request = r, .require_stable = m->require_stable};
    if (error == KAFKA_NONE) {
        f.table = &shard->table;
        f.group = group_table_find(&shard->table, wanted->group_id);
        error = check_member(f.group, wanted);
    }
    *result =
        (group_result){.group_id = wanted->group_id, .error_code = (int16_t)error};
    if (error != KAFKA_NONE)
        return true;
    return wanted->topics_count < 0 ? fetch_all(&f, result)
                                    : fetch_named(&f, wanted, result);
}

/* ---- one group, as until version 7 --------------------------------------- */

static bool old_request(struct request *r, const struct offset_fetch_request *m,
                        group_request *out)
{
    int32_t count = m->topics_count;
    *out = OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_GROUP_INIT;
    out->group_id = m->group_id;
    out->topics_count = count;
    if (count < 0)
        return true;
    out->topics = arena_array(&r->arena, (size_t)count, sizeof(*out->topics));
    if (out->topics == NULL)
        return false;
    for (int32_t t = 0; t < count; t++)
        out->topics[t] = (topic_request){
            .name = m->topics[t].name,
            .partition_indexes = m->topics[t].partition_indexes,
            .partition_indexes_count = m->topics[t].partition_indexes_count};
    return true;
}

static bool old_partitions(struct request *r, const topic_result *from,
                           old_topic_result *to)
{
    to->name = from->name;
    to->partitions =
        arena_array(&r->arena, (size_t)from->partitions_count, sizeof(*to->partitions));
    if (to->partitions == NULL)
        return false;
    to->partitions_count = from->partitions_count;
    for (int32_t i = 0; i < from->partitions_count; i++) {
        const partition_result *p = &from->partitions[i];
        to->partitions[i] = (old_partition_result){
            p->partition_index, p->committed_offset, p->committed_leader_epoch,
            p->metadata, p->error_code};
    }
    return true;
}

static bool old_response(struct request *r, const group_result *result,
                         struct offset_fetch_response *response)
{
    response->error_code = result->error_code;
    response->topics =
        arena_array(&r->arena, (size_t)result->topics_count, sizeof(*response->topics));
    if (response->topics == NULL)
        return false;
    response->topics_count = result->topics_count;
    for (int32_t t = 0; t < result->topics_count; t++) {
        if (!old_partitions(r, &result->topics[t], &response->topics[t]))
            return false;
    }
    return true;
}

/* Version 1 has no error of its own: each partition says it. */
static bool spread_error(struct request *r, const group_request *wanted,
                         group_result *result)
{
    if (r->version >= 2 || result->error_code == KAFKA_NONE)
        return true;
    struct fetching f = {.request = r};
    if (!fetch_named(&f, wanted, result))
        return false;
    for (int32_t t = 0; t < result->topics_count; t++) {
        for (int32_t i = 0; i < result->topics[t].partitions_count; i++)
            result->topics[t].partitions[i].error_code = result->error_code;
    }
    return true;
}

static bool fetch_one(struct request *r, struct offset_fetch_response *response)
{
    group_request wanted;
    group_result result;
    return old_request(r, r->message, &wanted) && fetch_group(r, &wanted, &result) &&
           spread_error(r, &wanted, &result) && old_response(r, &result, response);
}

static bool fetch_many(struct request *r, struct offset_fetch_response *response)
{
    const struct offset_fetch_request *m = r->message;
    response->groups =
        arena_array(&r->arena, (size_t)m->groups_count, sizeof(*response->groups));
    if (response->groups == NULL)
        return false;
    response->groups_count = m->groups_count;
    for (int32_t i = 0; i < m->groups_count; i++) {
        if (!fetch_group(r, &m->groups[i], &response->groups[i]))
            return false;
    }
    return true;
}

/* ---- the request --------------------------------------------------------- */

static struct str group_at(const struct request *r, int32_t i)
{
    const struct offset_fetch_request *m = r->message;
    return r->version < 8 ? m->group_id : m->groups[i].group_id;
}

/* How many groups need not be waited for any more; of the request's arena. */
static int32_t *waited_for(struct request *r)
{
    if (r->state == NULL)
        r->state = arena_alloc(&r->arena, sizeof(int32_t));
    return r->state;
}

/* Each group's shard is waited for once, or offsets that others commit without end
 * would hold the answer up. */
static bool wait_for_commits(struct request *r)
{
    const struct offset_fetch_request *m = r->message;
    int32_t count = r->version < 8 ? 1 : m->groups_count;
    int32_t *next = waited_for(r);
    while (next != NULL && *next < count) {
        struct group_shard *shard;
        enum kafka_error error =
            group_coordinator_shard(r->node->groups, group_at(r, (*next)++), &shard);
        if (error == KAFKA_NONE && groups_wait_committed(r, shard))
            return true;
    }
    return false;
}

static void handle(struct request *r)
{
    struct offset_fetch_response response = OFFSET_FETCH_RESPONSE_INIT;
    if (wait_for_commits(r))
        return;
    bool ok = r->version < 8 ? fetch_one(r, &response) : fetch_many(r, &response);
    if (ok)
        groups_respond(r, &response);
    else
        request_refuse(r, "no memory for its answer");
}

const struct api api_offset_fetch = {
    .key = API_OFFSET_FETCH,
    .min_version = 1,
    .max_version = 10,
    .request = &offset_fetch_request_type,
    .response = &offset_fetch_response_type,
    .handle = handle,
};
