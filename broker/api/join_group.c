/* JoinGroup (Kafka: GroupCoordinatorService.joinGroup)
 *
 * The answer may wait for minutes, until the join phase of the group ends. If the
 * client goes away meanwhile, its connection need not stay for that: the member waits
 * on, without anybody to tell. */
#include <stdlib.h>

#include "broker/api/groups.h"
#include "broker/group/consumer_classic.h"

typedef struct join_group_response_join_group_response_member member_result;

struct waiting_join {
    struct classic_join base; /* first: on_joined() casts back */
    struct request *request;  /* NULL: its client is gone */
};

static bool list_members(struct request *r, const struct classic_group *g,
                         struct join_group_response *response)
{
    int32_t count = classic_group_member_count(g);
    member_result *at = arena_array(&r->arena, (size_t)count, sizeof(*at));
    if (at == NULL)
        return false;
    response->members = at;
    response->members_count = count;
    for (const struct classic_member *m = g->members; m != NULL; m = m->hh.next, at++) {
        struct bytes metadata = classic_member_metadata(m, g->protocol_name);
        at->member_id = arena_str(&r->arena, m->id);
        at->group_instance_id = arena_str(&r->arena, m->instance_id);
        at->metadata = groups_copy(r, metadata);
        if (at->member_id.data == NULL || at->metadata.data == NULL)
            return false;
    }
    return true;
}

/* From this version on a protocol that there is none of is null. */
#define NULL_PROTOCOL_VERSION 7

static struct join_group_response response_init(const struct request *r)
{
    struct join_group_response response = JOIN_GROUP_RESPONSE_INIT;
    if (r->version >= NULL_PROTOCOL_VERSION)
        response.protocol_name = STR_NULL;
    return response;
}

/* A copy: the group goes on, the answer is sent later. */
static struct join_group_response *response_of(struct request *r,
                                               const struct join_result *result)
{
    struct join_group_response *response = arena_alloc(&r->arena, sizeof(*response));
    if (response == NULL)
        return NULL;
    *response = response_init(r);
    response->error_code = (int16_t)result->error;
    response->generation_id = result->generation_id;
    response->member_id = arena_str(&r->arena, result->member_id);
    response->leader = arena_str(&r->arena, result->leader);
    response->protocol_type = arena_str(&r->arena, result->protocol_type);
    if (result->protocol_name.len > 0)
        response->protocol_name = arena_str(&r->arena, result->protocol_name);
    response->skip_assignment = result->skip_assignment;
    bool ok = response->member_id.data != NULL && response->leader.data != NULL;
    if (result->members != NULL)
        ok = ok && list_members(r, result->members, response);
    return ok ? response : NULL;
}

static void on_joined(struct classic_join *base, const struct join_result *result)
{
    struct waiting_join *w = (struct waiting_join *)base;
    struct request *r = w->request;
    free(w);
    if (r == NULL)
        return;
    r->peer_gone = NULL;
    r->state = NULL;
    struct join_group_response *response = response_of(r, result);
    if (response == NULL)
        request_refuse(r, "no memory for its answer");
    else
        group_coordinator_answer(r->node->groups, r, response);
}

static void on_peer_gone(struct request *r)
{
    struct waiting_join *w = r->state;
    struct join_group_response response = response_init(r);
    response.error_code = KAFKA_NOT_COORDINATOR;
    w->request = NULL;
    r->peer_gone = NULL;
    request_respond(r, &response);
}

static void respond_error(struct request *r, enum kafka_error error,
                          struct str member_id)
{
    struct join_group_response response = response_init(r);
    response.error_code = (int16_t)error;
    response.member_id = member_id;
    groups_respond(r, &response);
}

/* The group is noted in the log before it has members, as Kafka does: ids that are
 * given out then belong to a group that others can see. */
static enum kafka_error create_group(struct group_shard *shard, struct str id,
                                     struct group **out)
{
    struct group *g = group_table_make(&shard->table, id);
    if (g == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    struct group_write ignored = {0};
    struct group_records records;
    struct group_metadata_value value = {
        .protocol_type = STR_LITERAL(""),
        .protocol = STR_NULL,
        .leader = STR_NULL,
        .current_state_timestamp = g->classic->state_timestamp,
    };
    group_records_init(&records, clock_wall_ms(shard->node->env.clock));
    group_records_group(&records, id, &value);
    enum kafka_error error = group_shard_append(shard, &records, &ignored);
    if (error != KAFKA_NONE)
        group_table_remove(&shard->table, g);
    *out = g;
    return error;
}

/* An empty consumer group makes room for a classic one; its offsets stay. */
static enum kafka_error convert_empty(struct group_shard *shard, struct str id)
{
    struct group_env *env = shard->env;
    const struct group *g = group_table_find(&shard->table, id);
    struct group_write ignored = {0};
    struct group_records records;
    group_records_init(&records, group_now_ms(env));
    group_write_tombstones(g, &records);
    trace_info(env->trace, "group %.*s: the empty consumer group becomes a classic one",
               STR_ARGS(id));
    return env->change(env, id, &records, &ignored);
}

static enum kafka_error find_group(struct request *r,
                                   const struct join_group_request *m,
                                   struct group **out)
{
    const struct broker_config *config = r->node->config;
    struct group_shard *shard;
    if (m->group_id.len == 0)
        return KAFKA_INVALID_GROUP_ID;
    if (m->session_timeout_ms < config->group_min_session_timeout_ms ||
        m->session_timeout_ms > config->group_max_session_timeout_ms)
        return KAFKA_INVALID_SESSION_TIMEOUT;
    enum kafka_error error = groups_shard(r, m->group_id, &shard);
    if (error != KAFKA_NONE)
        return error;
    struct group *g = group_table_find(&shard->table, m->group_id);
    if (g != NULL && g->consumer != NULL && g->consumer->member_count == 0) {
        error = convert_empty(shard, m->group_id);
        if (error != KAFKA_NONE)
            return error;
        g = group_table_find(&shard->table, m->group_id);
    }
    if (g == NULL && m->member_id.len > 0)
        return KAFKA_UNKNOWN_MEMBER_ID;
    *out = g;
    if (g == NULL)
        return create_group(shard, m->group_id, out);
    return g->classic == NULL && g->consumer == NULL ? KAFKA_INCONSISTENT_GROUP_PROTOCOL
                                                     : KAFKA_NONE;
}

/* ---- a consumer group ---------------------------------------------------- */

struct consumer_joining {
    struct group_write base; /* first: on_consumer_joined() casts back */
    struct request *request;
    struct join_group_response response;
};

static void on_consumer_joined(struct group_write *write, enum kafka_error error)
{
    struct consumer_joining *j = (struct consumer_joining *)write;
    if (error != KAFKA_NONE) {
        j->response = response_init(j->request);
        j->response.error_code = (int16_t)error;
    }
    group_coordinator_answer(j->request->node->groups, j->request, &j->response);
}

/* Nobody waits for others there: the answer comes as soon as it is in the log. */
static void join_consumer(struct request *r, struct consumer_group *g,
                          const struct classic_client *client)
{
    const struct join_group_request *m = r->message;
    struct consumer_client who = {client->client_id, client->client_host};
    struct consumer_join_result result;
    struct consumer_joining *j = arena_alloc(&r->arena, sizeof(*j));
    if (j == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    j->base.done = on_consumer_joined;
    j->request = r;
    bool made = consumer_classic_join(g, client->version, &who, m, &r->arena, &result,
                                      &j->base);
    j->response = response_init(r);
    j->response.error_code = (int16_t)result.error;
    j->response.member_id = result.member_id;
    j->response.generation_id = result.generation_id;
    if (made) {
        j->response.protocol_type = STR_LITERAL("consumer");
        j->response.protocol_name = result.protocol_name;
        group_shard_commit(j->base.shard, &j->base);
    } else {
        group_coordinator_answer(r->node->groups, r, &j->response);
    }
}

/* ---- a classic group ----------------------------------------------------- */

static void join_classic(struct request *r, struct classic_group *g,
                         const struct classic_client *client)
{
    struct waiting_join *w = malloc(sizeof(*w));
    if (w == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    w->base.done = on_joined;
    w->request = r;
    r->state = w;
    r->peer_gone = on_peer_gone;
    classic_group_join(g, client, r->message, &w->base);
}

static void handle(struct request *r)
{
    struct join_group_request *m = r->message;
    if (r->version == 0)
        m->rebalance_timeout_ms = m->session_timeout_ms;
    struct group_coordinator *c = r->node->groups;
    struct group *g;
    enum kafka_error error = find_group(r, m, &g);
    if (error != KAFKA_NONE) {
        respond_error(r, error, m->member_id);
        return;
    }
    struct classic_client client = {
        r->version, r->client_id.data == NULL ? STR_LITERAL("") : r->client_id,
        groups_client_host(r)};
    if (client.client_host.data == NULL)
        request_refuse(r, "no memory for its answer");
    else if (g->classic != NULL)
        join_classic(r, g->classic, &client);
    else
        join_consumer(r, g->consumer, &client);
    group_coordinator_settle(c);
}

const struct api api_join_group = {
    .key = API_JOIN_GROUP,
    .min_version = 0,
    .max_version = 9,
    .request = &join_group_request_type,
    .response = &join_group_response_type,
    .handle = handle,
};
