/* ConsumerGroupHeartbeat (Kafka: KafkaApis.handleConsumerGroupHeartbeat,
 * GroupCoordinatorService.consumerGroupHeartbeat)
 *
 * Answered when what it has changed is committed; a heartbeat that changes nothing, at
 * once. A regular expression that is new to the group is looked at in the pool first:
 * it may be made to take long. */
#include "broker/api/groups.h"
#include "broker/group/consumer_heartbeat.h"
#include "broker/group/consumer_regex.h"

struct beat {
    struct group_write base; /* first: on_committed() casts back */
    struct regex_check check;
    bool checked;
    struct request *request;
    struct consumer_group_heartbeat_response response;
};

static void refuse(struct beat *b, enum kafka_error error, struct str message)
{
    b->response = CONSUMER_GROUP_HEARTBEAT_RESPONSE_INIT;
    b->response.error_code = (int16_t)error;
    b->response.error_message = message;
}

static void on_committed(struct group_write *write, enum kafka_error error)
{
    struct beat *b = (struct beat *)write;
    if (error != KAFKA_NONE)
        refuse(b, error, STR_NULL);
    group_coordinator_answer(b->request->node->groups, b->request, &b->response);
}

/* False: b->response says why not. */
static bool may_beat(struct beat *b)
{
    struct request *r = b->request;
    const struct consumer_group_heartbeat_request *m = r->message;
    struct group_refusal refusal = {KAFKA_UNSUPPORTED_VERSION, STR_NULL};
    struct group_shard *shard;
    bool ok = groups_have_consumer_protocol(r) &&
              consumer_heartbeat_is_valid(r->node->config, m, r->version, &r->arena,
                                          &refusal);
    if (ok) {
        refusal.error = groups_shard(r, m->group_id, &shard);
        ok = refusal.error == KAFKA_NONE;
    }
    if (!ok)
        refuse(b, refusal.error, refusal.message);
    return ok;
}

static bool beat(struct beat *b)
{
    struct request *r = b->request;
    struct consumer_client client = {r->client_id.data == NULL ? STR_LITERAL("")
                                                               : r->client_id,
                                     groups_client_host(r), STR_NULL};
    if (b->checked && !b->check.valid)
        client.regex_fault = str_of(b->check.err.message);
    struct group_shard *shard;
    const struct consumer_group_heartbeat_request *m = r->message;
    if (groups_shard(r, m->group_id, &shard) != KAFKA_NONE)
        return false;
    if (client.client_host.data != NULL)
        return consumer_heartbeat(shard->env, &client, m, &r->arena, &b->response,
                                  &b->base);
    refuse(b, KAFKA_UNKNOWN_SERVER_ERROR, STR_NULL);
    return false;
}

static void go_on(struct beat *b)
{
    struct group_coordinator *c = b->request->node->groups;
    if (may_beat(b) && beat(b))
        group_shard_commit(b->base.shard, &b->base);
    else
        group_coordinator_answer(c, b->request, &b->response);
    group_coordinator_settle(c);
}

static void on_checked(struct job *job)
{
    struct beat *b = (struct beat *)((char *)job - offsetof(struct beat, check));
    b->checked = true;
    go_on(b);
}

static bool has_new_regex(const struct request *r)
{
    const struct consumer_group_heartbeat_request *m = r->message;
    struct group_shard *shard;
    return m->subscribed_topic_regex.len > 0 &&
           group_coordinator_shard(r->node->groups, m->group_id, &shard) ==
               KAFKA_NONE &&
           consumer_regex_is_new(shard->env, m->group_id, m->subscribed_topic_regex);
}

static void handle(struct request *r)
{
    const struct consumer_group_heartbeat_request *m = r->message;
    struct beat *b = arena_alloc(&r->arena, sizeof(*b));
    if (b == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    b->base.done = on_committed;
    b->request = r;
    if (!has_new_regex(r)) {
        go_on(b);
        return;
    }
    b->check.job = (struct job){.work = consumer_regex_check, .done = on_checked};
    b->check.pattern = m->subscribed_topic_regex;
    executor_submit(r->node->env.executor, &b->check.job);
}

const struct api api_consumer_group_heartbeat = {
    .key = API_CONSUMER_GROUP_HEARTBEAT,
    .min_version = 0,
    .max_version = 1,
    .request = &consumer_group_heartbeat_request_type,
    .response = &consumer_group_heartbeat_response_type,
    .handle = handle,
};
