#include "broker/group/consumer_heartbeat.h"

#include "broker/group/consumer_fence.h"
#include "broker/group/consumer_records.h"

/* From this version on a member makes up its id itself. */
#define MEMBER_ID_REQUIRED_VERSION 1

typedef struct consumer_group_heartbeat_request heartbeat_request;
typedef struct consumer_group_heartbeat_response heartbeat_response;
typedef struct consumer_group_heartbeat_response_topic_partitions response_topic;

struct heartbeat {
    struct consumer_change change;
    const heartbeat_request *request;
    const struct consumer_client *client;
    struct partition_set owned; /* as the request says */
    heartbeat_response *response;
};

/* ---- is it one at all ----------------------------------------------------- */

static const char *reason_invalid(const heartbeat_request *m, int16_t version)
{
    int32_t said = m->member_epoch;
    if (m->member_id.len == 0 && (version >= MEMBER_ID_REQUIRED_VERSION || said > 0 ||
                                  said == LEAVE_GROUP_MEMBER_EPOCH))
        return "MemberId can't be empty.";
    if (m->group_id.len == 0)
        return "GroupId can't be empty.";
    if (m->instance_id.data != NULL && m->instance_id.len == 0)
        return "InstanceId can't be empty.";
    if (m->rack_id.data != NULL && m->rack_id.len == 0)
        return "RackId can't be empty.";
    if (said == LEAVE_GROUP_STATIC_MEMBER_EPOCH && m->instance_id.data == NULL)
        return "InstanceId can't be null.";
    if (said < LEAVE_GROUP_STATIC_MEMBER_EPOCH)
        return "MemberEpoch is invalid.";
    if (said != 0)
        return NULL;
    if (m->rebalance_timeout_ms == -1)
        return "RebalanceTimeoutMs must be provided in first request.";
    if (m->topic_partitions_count != 0)
        return "TopicPartitions must be empty when (re-)joining.";
    if (m->subscribed_topic_names_count < 0 && m->subscribed_topic_regex.data == NULL)
        return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null "
               "when (re-)joining.";
    return NULL;
}

static bool is_offered(const struct name_list *assignors, struct str name)
{
    for (size_t i = 0; i < assignors->count; i++) {
        if (str_is(name, assignors->items[i]))
            return true;
    }
    return false;
}

bool consumer_heartbeat_is_valid(const struct broker_config *config,
                                 const heartbeat_request *m, int16_t version,
                                 struct arena *arena, struct group_refusal *refusal)
{
    const char *reason = reason_invalid(m, version);
    if (reason != NULL) {
        *refusal = (struct group_refusal){KAFKA_INVALID_REQUEST, str_of(reason)};
        return false;
    }
    const struct name_list *assignors = &config->group_consumer_assignors;
    if (m->server_assignor.data == NULL || is_offered(assignors, m->server_assignor))
        return true;
    struct str list = STR_LITERAL("");
    for (size_t i = 0; i < assignors->count; i++)
        list = arena_printf(arena, "%.*s%s%s", STR_ARGS(list), i == 0 ? "" : ", ",
                            assignors->items[i]);
    refusal->error = KAFKA_UNSUPPORTED_ASSIGNOR;
    refusal->message = arena_printf(
        arena, "ServerAssignor %.*s is not supported. Supported assignors: %.*s.",
        STR_ARGS(m->server_assignor), STR_ARGS(list));
    return false;
}

/* ---- a member goes on ---------------------------------------------------- */

static bool read_owned(struct heartbeat *h)
{
    const heartbeat_request *m = h->request;
    for (int32_t t = 0; t < m->topic_partitions_count; t++) {
        struct topic_partition p = {.topic_id = m->topic_partitions[t].topic_id};
        for (int32_t i = 0; i < m->topic_partitions[t].partitions_count; i++) {
            p.partition = m->topic_partitions[t].partitions[i];
            if (!partition_set_append(&h->owned, p))
                return consumer_change_no_memory(&h->change);
        }
    }
    partition_set_sort(&h->owned);
    return true;
}

static const struct partition_set *owned(const struct heartbeat *h)
{
    return h->request->topic_partitions_count < 0 ? NULL : &h->owned;
}

/* What is null or -1 is as it was. */
static void take_claims(struct heartbeat *h)
{
    const heartbeat_request *m = h->request;
    member_metadata *said = &h->change.after;
    if (m->instance_id.data != NULL)
        said->instance_id = m->instance_id;
    if (m->rack_id.data != NULL)
        said->rack_id = m->rack_id;
    if (m->rebalance_timeout_ms != -1)
        said->rebalance_timeout_ms = m->rebalance_timeout_ms;
    if (m->server_assignor.data != NULL)
        said->server_assignor = m->server_assignor;
    if (m->subscribed_topic_regex.data != NULL)
        said->subscribed_topic_regex = m->subscribed_topic_regex;
    if (m->subscribed_topic_names_count >= 0) {
        said->subscribed_topic_names = m->subscribed_topic_names;
        said->subscribed_topic_names_count = m->subscribed_topic_names_count;
    }
    said->client_id = h->client->client_id;
    said->client_host = h->client->client_host;
    said->classic_member_metadata = NULL;
}

static bool work_out(struct heartbeat *h)
{
    struct consumer_change *c = &h->change;
    struct member_claim claim = {
        .member_id = consumer_member_id(c->env, h->request->member_id, c->arena),
        .instance_id = h->request->instance_id,
        .member_epoch = h->request->member_epoch,
        .owned = owned(h),
        .joins = h->request->member_epoch == 0,
    };
    if (!consumer_change_has_room(c, claim.member_id) ||
        !consumer_change_member(c, &claim))
        return false;
    take_claims(h);
    c->regex_fault = h->client->regex_fault;
    /* What an upgrade takes over is what members had; it need not be all, since some
     * may have come or gone meanwhile. */
    bool upgraded = c->fresh != NULL && c->fresh->member_count > 0;
    return consumer_change_subscription(c) &&
           consumer_change_epoch(c,
                                 c->names_changed || c->regex_resolved || upgraded) &&
           consumer_change_target(c) && consumer_change_reconcile(c, owned(h));
}

/* The member that changed begins a session, and a race with its partitions. */
static void arm_timers(const struct consumer_change *c)
{
    struct group_env *env = c->env;
    struct consumer_group *g = consumer_change_made_group(c);
    struct consumer_member *m = consumer_group_member(g, c->member_id);
    env->arm(env, &m->session, consumer_group_session_timeout_ms(g));
    env->disarm(env, &m->join);
    env->disarm(env, &m->sync);
    if (m->current.state != MEMBER_UNREVOKED_PARTITIONS)
        env->disarm(env, &m->rebalance);
    else if (c->current_changed)
        env->arm(env, &m->rebalance, m->rebalance_timeout_ms);
}

/* ---- the answer ---------------------------------------------------------- */

static bool fill_assignment(struct heartbeat *h)
{
    const struct partition_set *s = &h->change.current.assigned;
    struct arena *arena = h->change.arena;
    struct consumer_group_heartbeat_response_assignment *out =
        arena_alloc(arena, sizeof(*out));
    if (out == NULL)
        return false;
    out->topic_partitions =
        arena_array(arena, (size_t)s->count, sizeof(*out->topic_partitions));
    for (int32_t i = 0; out->topic_partitions != NULL && i < s->count;) {
        int32_t run = partition_set_run(s, i);
        response_topic *t = &out->topic_partitions[out->topic_partitions_count++];
        t->topic_id = s->items[i].topic_id;
        t->partitions = arena_array(arena, (size_t)run, sizeof(int32_t));
        if (t->partitions == NULL)
            return false;
        for (; t->partitions_count < run; i++)
            t->partitions[t->partitions_count++] = s->items[i].partition;
    }
    h->response->assignment = out;
    return out->topic_partitions != NULL;
}

/* A member hears its assignment when it has changed, and when it says all that it knows
 * itself: it joins, or has had trouble. */
static bool wants_assignment(const struct heartbeat *h)
{
    const heartbeat_request *m = h->request;
    bool is_full = m->rebalance_timeout_ms != -1 && m->topic_partitions_count >= 0 &&
                   (m->subscribed_topic_names_count >= 0 ||
                    m->subscribed_topic_regex.data != NULL);
    return m->member_epoch == 0 || is_full || h->change.assignment_changed;
}

static bool fill_response(struct heartbeat *h)
{
    struct consumer_change *c = &h->change;
    h->response->member_id = c->member_id;
    h->response->member_epoch = c->current.member_epoch;
    h->response->heartbeat_interval_ms = consumer_group_heartbeat_interval_ms(c->group);
    return !wants_assignment(h) || fill_assignment(h) || consumer_change_no_memory(c);
}

static bool go_on(struct heartbeat *h, struct group_env *env, struct arena *arena,
                  struct group_write *write)
{
    struct consumer_change *c = &h->change;
    bool joins = h->request->member_epoch == 0;
    bool ok = consumer_change_begin(c, env, arena, h->request->group_id, joins) &&
              read_owned(h) && work_out(h) && fill_response(h) &&
              consumer_change_make(c, write);
    if (ok)
        arm_timers(c);
    return ok;
}

/* ---- a member leaves ----------------------------------------------------- */

static bool find_leaving(struct consumer_change *c, const heartbeat_request *m,
                         const struct consumer_member **out)
{
    struct member_claim claim = {.member_id = m->member_id,
                                 .instance_id = m->instance_id,
                                 .classic = true /* its epoch says that it leaves */};
    if (!consumer_change_member(c, &claim))
        return false;
    *out = c->known;
    return true;
}

/* It keeps its place and its partitions, until its session is over; but what it commits
 * with the old id does not count any more. */
static bool leave_for_a_while(struct consumer_change *c, struct group_write *write)
{
    c->current.member_epoch = LEAVE_GROUP_STATIC_MEMBER_EPOCH;
    partition_set_free(&c->current.pending_revocation);
    for (int32_t i = 0; i < c->current.assigned.count; i++)
        c->current.assigned.items[i].epoch = 0;
    consumer_records_current(&c->records, c->group_id, c->member_id, &c->current);
    if (!consumer_change_make(c, write))
        return false;
    struct consumer_member *m =
        consumer_group_member(consumer_change_made_group(c), c->member_id);
    c->env->disarm(c->env, &m->rebalance);
    return true;
}

static bool leave(struct heartbeat *h, struct group_env *env, struct arena *arena,
                  struct group_write *write)
{
    struct consumer_change *c = &h->change;
    const heartbeat_request *m = h->request;
    const struct consumer_member *leaving;
    if (!consumer_change_begin(c, env, arena, m->group_id, false) ||
        !find_leaving(c, m, &leaving))
        return false;
    trace_info(env->trace, "group %.*s: member %.*s leaves%s", STR_ARGS(m->group_id),
               STR_ARGS(m->member_id),
               m->member_epoch == LEAVE_GROUP_STATIC_MEMBER_EPOCH ? " for a while"
                                                                  : "");
    h->response->member_id = m->member_id;
    h->response->member_epoch = m->member_epoch;
    if (m->instance_id.data != NULL &&
        m->member_epoch == LEAVE_GROUP_STATIC_MEMBER_EPOCH)
        return leave_for_a_while(c, write);
    struct fenced_members fenced = {&leaving, 1};
    return consumer_fence(c, &fenced, write);
}

/* ---- the request --------------------------------------------------------- */

bool consumer_heartbeat(struct group_env *env, const struct consumer_client *client,
                        const heartbeat_request *m, struct arena *arena,
                        heartbeat_response *response, struct group_write *write)
{
    struct heartbeat h = {.request = m, .client = client, .response = response};
    *response = CONSUMER_GROUP_HEARTBEAT_RESPONSE_INIT;
    bool ok = m->member_epoch < 0 ? leave(&h, env, arena, write)
                                  : go_on(&h, env, arena, write);
    if (!ok) {
        *response = CONSUMER_GROUP_HEARTBEAT_RESPONSE_INIT;
        response->error_code = (int16_t)h.change.refusal.error;
        response->error_message = h.change.refusal.message;
    }
    partition_set_free(&h.owned);
    consumer_change_end(&h.change);
    return ok;
}
