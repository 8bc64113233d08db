/* OffsetCommit (Kafka: KafkaApis.handleOffsetCommitRequest,
 * OffsetMetadataManager.commitOffset)
 *
 *   which topics exist ─► may it commit ─► append ─► remember ─► committed ─► answer
 *
 * Each partition is answered by itself: those of topics that are not there, and those
 * with too much metadata, do not keep the others from being committed. */
#include "broker/api/groups.h"
#include "broker/api/lookup.h"

#define NO_RETENTION_TIME (-1)
#define NO_COMMIT_TIMESTAMP (-1)

typedef struct offset_commit_request_offset_commit_request_topic topic_request;
typedef struct offset_commit_request_offset_commit_request_partition partition_request;
typedef struct offset_commit_response_offset_commit_response_topic topic_result;
typedef struct offset_commit_response_offset_commit_response_partition partition_result;

struct commit {
    struct group_write base; /* first: on_committed() casts back */
    struct request *request;
    struct offset_commit_response response;
    struct group_records records;
    int64_t now_ms;
    int32_t accepted; /* partitions whose error is KAFKA_NONE so far */
};

static void fail_accepted(struct commit *c, enum kafka_error error)
{
    for (int32_t t = 0; t < c->response.topics_count; t++) {
        topic_result *topic = &c->response.topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            if (topic->partitions[i].error_code == KAFKA_NONE)
                topic->partitions[i].error_code = (int16_t)error;
        }
    }
}

static void on_committed(struct group_write *write, enum kafka_error error)
{
    struct commit *c = (struct commit *)write;
    if (error != KAFKA_NONE)
        fail_accepted(c, error);
    group_coordinator_answer(c->request->node->groups, c->request, &c->response);
}

/* ---- what may be committed ----------------------------------------------- */

/* As long as Java would find it: in UTF-16 units. */
static int32_t utf16_length(struct str s)
{
    int32_t length = 0;
    for (int32_t i = 0; i < s.len; i++) {
        uint8_t byte = (uint8_t)s.data[i];
        length += (byte & 0xC0) != 0x80;
        length += byte >= 0xF0;
    }
    return length;
}

static enum kafka_error check_partition(struct request *r,
                                        const struct metadata_topic *topic,
                                        const partition_request *p)
{
    if (topic == NULL)
        return r->version >= 10 ? KAFKA_UNKNOWN_TOPIC_ID
                                : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (metadata_topic_partition(topic, p->partition_index) == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    return KAFKA_NONE;
}

static const struct metadata_topic *find_topic(struct request *r,
                                               const topic_request *topic)
{
    return lookup_topic(r->node, topic->name, topic->topic_id, r->version >= 10);
}

static bool list_partitions(struct commit *c, const topic_request *topic,
                            topic_result *result)
{
    struct request *r = c->request;
    const struct metadata_topic *known = find_topic(r, topic);
    result->name = topic->name;
    result->topic_id = topic->topic_id;
    result->partitions = arena_array(&r->arena, (size_t)topic->partitions_count,
                                     sizeof(*result->partitions));
    if (result->partitions == NULL)
        return false;
    result->partitions_count = topic->partitions_count;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        enum kafka_error error = check_partition(r, known, &topic->partitions[i]);
        result->partitions[i].partition_index = topic->partitions[i].partition_index;
        result->partitions[i].error_code = (int16_t)error;
        c->accepted += error == KAFKA_NONE;
    }
    return true;
}

static struct commit *commit_create(struct request *r,
                                    const struct offset_commit_request *m)
{
    struct commit *c = arena_alloc(&r->arena, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->base.done = on_committed;
    c->request = r;
    c->now_ms = clock_wall_ms(r->node->env.clock);
    c->response = OFFSET_COMMIT_RESPONSE_INIT;
    c->response.topics =
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(*c->response.topics));
    if (c->response.topics == NULL)
        return NULL;
    c->response.topics_count = m->topics_count;
    for (int32_t t = 0; t < m->topics_count; t++) {
        if (!list_partitions(c, &m->topics[t], &c->response.topics[t]))
            return NULL;
    }
    return c;
}

/* With an older epoch, each partition counts by itself; one that may not be committed
 * refuses them all. */
static enum kafka_error check_consumer(struct request *r,
                                       const struct offset_commit_request *m,
                                       const struct consumer_group *g)
{
    int32_t member_epoch = m->generation_id_or_member_epoch;
    enum kafka_error error =
        consumer_group_may_commit(g, m->member_id, member_epoch, r->version);
    for (int32_t t = 0; t < m->topics_count; t++) {
        const struct metadata_topic *known = find_topic(r, &m->topics[t]);
        for (int32_t i = 0; known != NULL && i < m->topics[t].partitions_count; i++) {
            if (error != KAFKA_NONE)
                return error;
            error = consumer_group_may_commit_partition(
                g, m->member_id, member_epoch, known->id,
                m->topics[t].partitions[i].partition_index);
        }
    }
    return error;
}

/* A group that is not there is made by whoever commits without being a member. */
static enum kafka_error check_group(struct request *r,
                                    const struct offset_commit_request *m,
                                    struct group_shard *shard)
{
    struct group *g = group_table_find(&shard->table, m->group_id);
    int32_t generation = m->generation_id_or_member_epoch;
    if (g == NULL && generation < 0)
        return KAFKA_NONE;
    if (g == NULL)
        return r->version >= 9 ? KAFKA_GROUP_ID_NOT_FOUND : KAFKA_ILLEGAL_GENERATION;
    if (g->classic != NULL)
        return classic_group_may_commit(g->classic, m->member_id, m->group_instance_id,
                                        generation);
    if (g->consumer != NULL)
        return check_consumer(r, m, g->consumer);
    /* Groups that are kept apart have no members here. */
    return generation < 0 ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

/* ---- committing ---------------------------------------------------------- */

static struct committed_offset offset_of(const struct commit *c,
                                         const struct offset_commit_request *m,
                                         const partition_request *p)
{
    return (struct committed_offset){
        .partition = p->partition_index,
        .leader_epoch = p->committed_leader_epoch,
        .offset = p->committed_offset,
        /* Version 1 lets the client say when; its offsets expire from then on. */
        .commit_timestamp = p->commit_timestamp == NO_COMMIT_TIMESTAMP
                                ? c->now_ms
                                : p->commit_timestamp,
        .expire_timestamp = m->retention_time_ms == NO_RETENTION_TIME
                                ? NO_EXPIRE_TIMESTAMP
                                : c->now_ms + m->retention_time_ms,
        .record_offset = c->base.last_offset,
        .metadata = p->committed_metadata,
    };
}

/* Calls `each` for all that is accepted. */
static void each_accepted(struct commit *c,
                          void (*each)(struct commit *c,
                                       const struct metadata_topic *topic,
                                       const struct committed_offset *offset))
{
    const struct offset_commit_request *m = c->request->message;
    for (int32_t t = 0; t < m->topics_count; t++) {
        const topic_request *topic = &m->topics[t];
        const struct metadata_topic *known = find_topic(c->request, topic);
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            if (c->response.topics[t].partitions[i].error_code != KAFKA_NONE)
                continue;
            struct committed_offset offset = offset_of(c, m, &topic->partitions[i]);
            each(c, known, &offset);
        }
    }
}

static void refuse_long_metadata(struct commit *c)
{
    const struct offset_commit_request *m = c->request->message;
    int most = c->request->node->config->offset_metadata_max_bytes;
    for (int32_t t = 0; t < m->topics_count; t++) {
        for (int32_t i = 0; i < m->topics[t].partitions_count; i++) {
            int16_t *error = &c->response.topics[t].partitions[i].error_code;
            struct str metadata = m->topics[t].partitions[i].committed_metadata;
            if (*error == KAFKA_NONE && metadata.len > most &&
                utf16_length(metadata) > most)
                *error = KAFKA_OFFSET_METADATA_TOO_LARGE;
        }
    }
}

static void write_record(struct commit *c, const struct metadata_topic *topic,
                         const struct committed_offset *offset)
{
    const struct offset_commit_request *m = c->request->message;
    group_records_offset(&c->records, m->group_id, metadata_topic_name(topic),
                         topic->id, offset);
}

/* Out of memory here the log is right and the table is behind it, until the group is
 * loaded again; the client has been told nothing wrong. */
static void remember(struct commit *c, const struct metadata_topic *topic,
                     const struct committed_offset *offset)
{
    struct request *r = c->request;
    const struct offset_commit_request *m = r->message;
    struct group_shard *shard;
    struct group *g = NULL;
    if (group_coordinator_shard(r->node->groups, m->group_id, &shard) == KAFKA_NONE)
        g = group_table_make(&shard->table, m->group_id);
    if (g == NULL ||
        !group_offsets_put(&g->offsets, metadata_topic_name(topic), topic->id, offset))
        trace_error(r->node->env.trace, "no memory for a committed offset of %.*s",
                    STR_ARGS(m->group_id));
}

static enum kafka_error commit_offsets(struct commit *c)
{
    struct request *r = c->request;
    const struct offset_commit_request *m = r->message;
    struct group_shard *shard;
    enum kafka_error error =
        group_coordinator_shard(r->node->groups, m->group_id, &shard);
    if (error == KAFKA_NONE)
        error = check_group(r, m, shard);
    if (error != KAFKA_NONE)
        return error;
    refuse_long_metadata(c);
    group_records_init(&c->records, c->now_ms);
    each_accepted(c, write_record);
    error = group_shard_append(shard, &c->records, &c->base);
    if (error != KAFKA_NONE)
        return error;
    each_accepted(c, remember);
    group_shard_commit(shard, &c->base);
    return KAFKA_NONE;
}

static void handle(struct request *r)
{
    struct commit *c = commit_create(r, r->message);
    if (c == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    enum kafka_error error = KAFKA_NONE;
    if (c->accepted > 0)
        error = commit_offsets(c);
    if (c->accepted == 0 || error != KAFKA_NONE)
        on_committed(&c->base, error);
    group_coordinator_settle(r->node->groups);
}

const struct api api_offset_commit = {
    .key = API_OFFSET_COMMIT,
    .min_version = 1,
    .max_version = 10,
    .request = &offset_commit_request_type,
    .response = &offset_commit_response_type,
    .handle = handle,
};
