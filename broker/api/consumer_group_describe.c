/* ConsumerGroupDescribe (Kafka: GroupMetadataManager.consumerGroupDescribe,
 * ConsumerGroup.asDescribedGroup)
 *
 * A member is told with all that it holds, what it is about to give up included, and
 * with its target. Topics that are gone are left out. */
#include "broker/api/groups.h"
#include "broker/group/consumer_subscription.h"

/* Members of the classic protocol, and others (version 1). */
enum member_type { MEMBER_TYPE_CLASSIC = 0, MEMBER_TYPE_CONSUMER = 1 };

typedef struct consumer_group_describe_response_described_group described_group;
typedef struct consumer_group_describe_response_member described_member;
typedef struct consumer_group_describe_response_assignment described_assignment;
typedef struct consumer_group_describe_response_topic_partitions described_topic;

static bool describe_topic(struct request *r, const struct partition_set *s,
                           int32_t from, int32_t count, described_assignment *out)
{
    struct uuid id = s->items[from].topic_id;
    const struct metadata_topic *t = metadata_image_topic_by_id(r->node->image, id);
    if (t == NULL)
        return true;
    described_topic *topic = &out->topic_partitions[out->topic_partitions_count++];
    topic->topic_id = id;
    topic->topic_name = metadata_topic_name(t);
    topic->partitions = arena_array(&r->arena, (size_t)count, sizeof(int32_t));
    if (topic->partitions == NULL)
        return false;
    for (; topic->partitions_count < count; topic->partitions_count++)
        topic->partitions[topic->partitions_count] =
            s->items[from + topic->partitions_count].partition;
    return true;
}

static bool describe_assignment(struct request *r, const struct partition_set *s,
                                described_assignment *out)
{
    out->topic_partitions =
        arena_array(&r->arena, (size_t)s->count, sizeof(*out->topic_partitions));
    if (out->topic_partitions == NULL)
        return false;
    for (int32_t i = 0; i < s->count;) {
        int32_t run = partition_set_run(s, i);
        if (!describe_topic(r, s, i, run, out))
            return false;
        i += run;
    }
    return true;
}

/* What it is assigned, and what it has not given up yet. */
static bool describe_held(struct request *r, const struct member_assignment *current,
                          described_assignment *out)
{
    struct partition_set held = PARTITION_SET_INIT;
    bool ok = partition_set_copy(&current->assigned, &held);
    for (int32_t i = 0; ok && i < current->pending_revocation.count; i++)
        ok = partition_set_append(&held, current->pending_revocation.items[i]);
    partition_set_sort(&held);
    ok = ok && describe_assignment(r, &held, out);
    partition_set_free(&held);
    return ok;
}

static bool describe_member(struct request *r, const struct consumer_member *m,
                            described_member *out)
{
    member_metadata said;
    *out = CONSUMER_GROUP_DESCRIBE_RESPONSE_MEMBER_INIT;
    if (!consumer_member_metadata(m, &r->arena, &said))
        return false;
    out->member_id = m->id;
    out->instance_id = said.instance_id;
    out->rack_id = said.rack_id;
    out->member_epoch = m->current.member_epoch;
    out->client_id = said.client_id;
    out->client_host = said.client_host;
    out->subscribed_topic_names = said.subscribed_topic_names;
    out->subscribed_topic_names_count = said.subscribed_topic_names_count;
    out->subscribed_topic_regex = said.subscribed_topic_regex;
    out->member_type =
        m->uses_classic_protocol ? MEMBER_TYPE_CLASSIC : MEMBER_TYPE_CONSUMER;
    return describe_held(r, &m->current, &out->assignment) &&
           describe_assignment(r, &m->target, &out->target_assignment);
}

static bool describe_group(struct request *r, const struct consumer_group *g,
                           described_group *out)
{
    const struct consumer_member *m = NULL;
    struct subscribers all;
    if (!subscribers_list(g, NULL, NULL, &r->arena, &all))
        return false;
    out->group_state = str_of(consumer_group_state_name(consumer_group_state(g)));
    out->group_epoch = g->group_epoch;
    out->assignment_epoch = g->assignment_epoch;
    out->assignor_name = str_of(subscribers_assignor(&all));
    out->members =
        arena_array(&r->arena, (size_t)g->member_count, sizeof(*out->members));
    if (out->members == NULL)
        return false;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (!describe_member(r, m, &out->members[out->members_count++]))
            return false;
    }
    return true;
}

static void describe_missing(struct request *r, const struct group *g,
                             described_group *out)
{
    out->error_code = KAFKA_GROUP_ID_NOT_FOUND;
    out->error_message =
        arena_printf(&r->arena, "Group %.*s %s", STR_ARGS(out->group_id),
                     g == NULL ? "not found." : "is not a consumer group.");
}

static bool describe(struct request *r, struct str id, described_group *out)
{
    const struct consumer_group_describe_request *m = r->message;
    struct group_shard *shard;
    *out = CONSUMER_GROUP_DESCRIBE_RESPONSE_DESCRIBED_GROUP_INIT;
    out->group_id = id;
    enum kafka_error error = KAFKA_UNSUPPORTED_VERSION;
    if (groups_have_consumer_protocol(r))
        error = groups_shard(r, id, &shard);
    out->error_code = (int16_t)error;
    if (error != KAFKA_NONE)
        return true;
    const struct group *g = group_table_find(&shard->table, id);
    if (g == NULL || g->consumer == NULL)
        describe_missing(r, g, out);
    else if (!describe_group(r, g->consumer, out))
        return false;
    if (m->include_authorized_operations && out->error_code == KAFKA_NONE)
        out->authorized_operations = GROUP_OPERATIONS_ALL;
    return true;
}

/* Everything is a view into the groups: the answer is encoded at once. */
static void handle(struct request *r)
{
    const struct consumer_group_describe_request *m = r->message;
    struct consumer_group_describe_response response =
        CONSUMER_GROUP_DESCRIBE_RESPONSE_INIT;
    response.groups =
        arena_array(&r->arena, (size_t)m->group_ids_count, sizeof(*response.groups));
    bool ok = response.groups != NULL;
    for (int32_t i = 0; ok && i < m->group_ids_count; i++)
        ok = describe(r, m->group_ids[i], &response.groups[i]);
    if (!ok) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    response.groups_count = m->group_ids_count;
    groups_respond(r, &response);
}

const struct api api_consumer_group_describe = {
    .key = API_CONSUMER_GROUP_DESCRIBE,
    .min_version = 0,
    .max_version = 1,
    .request = &consumer_group_describe_request_type,
    .response = &consumer_group_describe_response_type,
    .handle = handle,
};
