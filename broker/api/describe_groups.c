/* DescribeGroups (Kafka: GroupMetadataManager.describeGroups)
 *
 * A group that is not there is Dead; from version 6 on it is an error as well
 * (KIP-1043), and so is one of another kind. What members said is told
 * while the group is stable; what they were assigned last, always. */
#include "broker/api/groups.h"

typedef struct describe_groups_response_described_group described_group;
typedef struct describe_groups_response_described_group_member described_member;

static void describe_member(const struct classic_group *g,
                            const struct classic_member *m, described_member *out)
{
    struct bytes metadata = BYTES_NULL, assignment = m->assignment;
    if (g->state == GROUP_STABLE)
        metadata = classic_member_metadata(m, g->protocol_name);
    *out = (described_member){
        .member_id = m->id,
        .group_instance_id = m->instance_id,
        .client_id = m->client_id,
        .client_host = m->client_host,
        .member_metadata = metadata.data == NULL ? BYTES_EMPTY : metadata,
        .member_assignment = assignment.data == NULL ? BYTES_EMPTY : assignment,
    };
}

static bool describe_classic(struct request *r, const struct classic_group *g,
                             described_group *out)
{
    int32_t count = classic_group_member_count(g);
    out->group_state = str_of(classic_state_name(g->state));
    if (g->protocol_type.data != NULL)
        out->protocol_type = g->protocol_type;
    if (g->state == GROUP_STABLE && g->protocol_name.data != NULL)
        out->protocol_data = g->protocol_name;
    out->members = arena_array(&r->arena, (size_t)count, sizeof(*out->members));
    if (out->members == NULL)
        return false;
    for (const struct classic_member *m = g->members; m != NULL; m = m->hh.next)
        describe_member(g, m, &out->members[out->members_count++]);
    return true;
}

static void describe_missing(struct request *r, const struct group *g,
                             described_group *out)
{
    out->group_state = str_of(classic_state_name(GROUP_DEAD));
    if (r->version < 6)
        return;
    out->error_code = KAFKA_GROUP_ID_NOT_FOUND;
    out->error_message =
        arena_printf(&r->arena, "Group %.*s %s", STR_ARGS(out->group_id),
                     g == NULL ? "not found." : "is not a classic group.");
}

static bool describe(struct request *r, struct str id, described_group *out)
{
    const struct describe_groups_request *m = r->message;
    struct group_shard *shard;
    *out = DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_INIT;
    out->group_id = id;
    enum kafka_error error = group_coordinator_shard(r->node->groups, id, &shard);
    out->error_code = (int16_t)error;
    if (error != KAFKA_NONE)
        return true;
    const struct group *g = group_table_find(&shard->table, id);
    if (g == NULL || g->classic == NULL)
        describe_missing(r, g, out);
    else if (!describe_classic(r, g->classic, out))
        return false;
    if (m->include_authorized_operations && out->error_code == KAFKA_NONE)
        out->authorized_operations = GROUP_OPERATIONS_ALL;
    return true;
}

/* Everything is a view into the groups: the answer is encoded at once. */
static void handle(struct request *r)
{
    const struct describe_groups_request *m = r->message;
    struct describe_groups_response response = DESCRIBE_GROUPS_RESPONSE_INIT;
    response.groups =
        arena_array(&r->arena, (size_t)m->groups_count, sizeof(*response.groups));
    bool ok = response.groups != NULL;
    for (int32_t i = 0; ok && i < m->groups_count; i++)
        ok = describe(r, m->groups[i], &response.groups[i]);
    if (!ok) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    response.groups_count = m->groups_count;
    groups_respond(r, &response);
}

const struct api api_describe_groups = {
    .key = API_DESCRIBE_GROUPS,
    .min_version = 0,
    .max_version = 6,
    .request = &describe_groups_request_type,
    .response = &describe_groups_response_type,
    .handle = handle,
};
