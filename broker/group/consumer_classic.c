#include "broker/group/consumer_classic.h"

#include <stdlib.h>

#include "broker/group/consumer_fence.h"
#include "broker/group/consumer_protocol.h"
#include "broker/group/group_migration.h"

/* From this version on, who joins without an id is given one first. */
#define MEMBER_ID_REQUIRED_VERSION 4

typedef struct join_group_request_join_group_request_protocol join_protocol;
typedef struct consumer_group_member_metadata_value_classic_member_metadata
    classic_metadata;
typedef struct consumer_group_member_metadata_value_classic_protocol stored_protocol;

/* ---- JoinGroup ----------------------------------------------------------- */

struct joining {
    struct consumer_change change;
    const struct join_group_request *request;
    const struct consumer_client *client;
    struct consumer_protocol_subscription subscription;
    struct partition_set owned;
    struct group_downgrade downgrade;
    bool downgrades;
};

static bool supports(const struct consumer_member *m, struct str protocol,
                     struct arena *arena)
{
    member_metadata said;
    if (!consumer_member_metadata(m, arena, &said))
        return false;
    const classic_metadata *classic = said.classic_member_metadata;
    for (int32_t i = 0; classic != NULL && i < classic->supported_protocols_count;
         i++) {
        if (str_equal(classic->supported_protocols[i].name, protocol))
            return true;
    }
    return !m->uses_classic_protocol;
}

/* By all members of the classic protocol; the others have none. */
static bool all_support(const struct consumer_group *g, struct str protocol,
                        struct arena *arena)
{
    const struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (!supports(m, protocol, arena))
            return false;
    }
    return true;
}

static bool check_protocols(struct joining *j, struct str member_id)
{
    const struct join_group_request *r = j->request;
    if (str_is(r->protocol_type, CONSUMER_PROTOCOL)) {
        for (int32_t i = 0; i < r->protocols_count; i++) {
            if (all_support(j->change.group, r->protocols[i].name, j->change.arena))
                return true;
        }
    }
    return consumer_change_refuse(&j->change, KAFKA_INCONSISTENT_GROUP_PROTOCOL,
                                  "Member %.*s's protocols are not supported.",
                                  STR_ARGS(member_id));
}

static bool read_subscription(struct joining *j)
{
    struct consumer_change *c = &j->change;
    if (!consumer_protocol_subscription(j->request->protocols[0].metadata, c->arena,
                                        &j->subscription))
        return consumer_change_refuse(c, KAFKA_UNKNOWN_SERVER_ERROR,
                                      "The subscription cannot be read.");
    return consumer_protocol_owned(&j->subscription, c->env->image, &j->owned) ||
           consumer_change_no_memory(c);
}

static bool take_claims(struct joining *j)
{
    struct consumer_change *c = &j->change;
    const struct join_group_request *r = j->request;
    member_metadata *said = &c->after;
    classic_metadata *classic = arena_alloc(c->arena, sizeof(*classic));
    stored_protocol *protocols =
        arena_array(c->arena, (size_t)r->protocols_count, sizeof(*protocols));
    if (classic == NULL || protocols == NULL)
        return consumer_change_no_memory(c);
    for (int32_t i = 0; i < r->protocols_count; i++)
        protocols[i] =
            (stored_protocol){r->protocols[i].name, r->protocols[i].metadata};
    *classic = (classic_metadata){r->session_timeout_ms, protocols, r->protocols_count};
    if (r->group_instance_id.data != NULL)
        said->instance_id = r->group_instance_id;
    if (j->subscription.rack_id.len > 0)
        said->rack_id = j->subscription.rack_id;
    if (r->rebalance_timeout_ms != -1)
        said->rebalance_timeout_ms = r->rebalance_timeout_ms;
    said->subscribed_topic_names = j->subscription.topics;
    said->subscribed_topic_names_count = j->subscription.topics_count;
    said->subscribed_topic_regex = STR_LITERAL("");
    said->client_id = j->client->client_id;
    said->client_host = j->client->client_host;
    said->classic_member_metadata = classic;
    return true;
}

static bool find_member(struct joining *j, struct str member_id)
{
    struct consumer_change *c = &j->change;
    struct str instance_id = j->request->group_instance_id;
    struct member_claim claim = {
        .member_id = member_id,
        .instance_id = instance_id,
        .joins = instance_id.data == NULL || j->request->member_id.len == 0,
        .classic = true,
    };
    if (!consumer_change_member(c, &claim))
        return false;
    j->downgrade = (struct group_downgrade){.joins = true};
    j->downgrades = c->known != NULL && instance_id.data != NULL &&
                    group_downgrade_is_due(c, &j->downgrade);
    return true;
}

/* As the group becomes a classic one, its target is what counts; if that is behind,
 * the classic group begins with a rebalance. */
static bool downgrade(struct joining *j, struct group_write *write)
{
    struct consumer_change *c = &j->change;
    c->target = c->known == NULL ? &c->new_target : &c->known->target;
    if (c->group->assignment_epoch < c->group_epoch)
        j->downgrade.rebalance =
            "its assignment was out of date when it was downgraded";
    else if (!consumer_change_reconcile(c, &j->owned))
        return false;
    return group_downgrade_make(c, &j->downgrade, write);
}

static bool work_out(struct joining *j, struct str member_id, struct group_write *write)
{
    struct consumer_change *c = &j->change;
    if (!consumer_change_has_room(c, member_id) || !check_protocols(j, member_id) ||
        !find_member(j, member_id) || !read_subscription(j) || !take_claims(j) ||
        !consumer_change_subscription(c) ||
        !consumer_change_epoch(c, c->names_changed || c->regex_changed))
        return false;
    if (j->downgrades)
        return downgrade(j, write);
    return consumer_change_target(c) && consumer_change_reconcile(c, &j->owned) &&
           consumer_change_make(c, write);
}

static void arm_timers(const struct joining *j)
{
    const struct consumer_change *c = &j->change;
    struct group_env *env = c->env;
    struct consumer_group *g = consumer_change_made_group(c);
    if (g == NULL)
        return; /* a classic group has its own */
    struct consumer_member *m = consumer_group_member(g, c->member_id);
    env->disarm(env, &m->join);
    env->disarm(env, &m->rebalance);
    env->arm(env, &m->session, j->request->session_timeout_ms);
    env->arm(env, &m->sync, j->request->rebalance_timeout_ms);
}

bool consumer_classic_join(struct consumer_group *g, int16_t version,
                           const struct consumer_client *client,
                           const struct join_group_request *request,
                           struct arena *arena, struct consumer_join_result *result,
                           struct group_write *write)
{
    struct joining j = {.request = request, .client = client};
    struct str id = consumer_member_id(g->env, request->member_id, arena);
    *result = (struct consumer_join_result){
        .error = KAFKA_MEMBER_ID_REQUIRED, .member_id = id, .generation_id = -1};
    bool ok = consumer_change_begin(&j.change, g->env, arena, request->group_id, false);
    bool needs_id = request->member_id.len == 0 &&
                    request->group_instance_id.data == NULL &&
                    version >= MEMBER_ID_REQUIRED_VERSION;
    if (ok && needs_id)
        ok = consumer_change_has_room(&j.change, id) && check_protocols(&j, id);
    else if (ok)
        ok = work_out(&j, id, write);
    if (ok && !needs_id) {
        arm_timers(&j);
        result->error = KAFKA_NONE;
        result->generation_id = j.change.current.member_epoch;
        result->protocol_name = request->protocols[0].name;
    } else if (!ok) {
        result->error = j.change.refusal.error;
        result->member_id = STR_LITERAL("");
    }
    partition_set_free(&j.owned);
    consumer_change_end(&j.change);
    return result->error == KAFKA_NONE;
}

/* ---- SyncGroup and Heartbeat --------------------------------------------- */

static enum kafka_error find(const struct consumer_group *g, struct str id,
                             struct str instance_id, struct consumer_member **out)
{
    struct consumer_member *m = instance_id.data == NULL
                                    ? consumer_group_member(g, id)
                                    : consumer_group_static_member(g, instance_id);
    *out = m;
    if (m == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (!str_equal(m->id, id))
        return KAFKA_FENCED_INSTANCE_ID;
    return m->uses_classic_protocol ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

/* It has the time of a rebalance to come. */
static void expect_join(struct consumer_member *m)
{
    if (m->join.place == 0)
        m->group->env->arm(m->group->env, &m->join, m->rebalance_timeout_ms);
}

static bool differs(struct str said, struct str is)
{
    return said.data != NULL && !str_equal(said, is);
}

static enum kafka_error check_sync(const struct consumer_group *g,
                                   struct consumer_member *m,
                                   const struct sync_group_request *r,
                                   const classic_metadata *classic)
{
    if (r->generation_id != m->current.member_epoch)
        return KAFKA_ILLEGAL_GENERATION;
    if (differs(r->protocol_type, STR_LITERAL(CONSUMER_PROTOCOL)) ||
        differs(r->protocol_name, classic->supported_protocols[0].name))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    /* One that has partitions to give up has joined already, and must only do so. */
    if (g->assignment_epoch <= m->current.member_epoch ||
        m->current.state == MEMBER_UNREVOKED_PARTITIONS)
        return KAFKA_NONE;
    expect_join(m);
    return KAFKA_REBALANCE_IN_PROGRESS;
}

enum kafka_error consumer_classic_sync(struct consumer_group *g,
                                       const struct sync_group_request *request,
                                       struct arena *arena, struct bytes *assignment)
{
    struct consumer_member *m;
    member_metadata said;
    enum kafka_error error =
        find(g, request->member_id, request->group_instance_id, &m);
    if (error != KAFKA_NONE)
        return error;
    if (!consumer_member_metadata(m, arena, &said))
        return KAFKA_UNKNOWN_SERVER_ERROR;
    const classic_metadata *classic = said.classic_member_metadata;
    error = check_sync(g, m, request, classic);
    if (error != KAFKA_NONE)
        return error;
    *assignment = consumer_protocol_write(
        &m->current.assigned, g->env->image,
        consumer_protocol_version(classic->supported_protocols[0].metadata), arena);
    if (assignment->data == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    g->env->disarm(g->env, &m->sync);
    g->env->arm(g->env, &m->session, m->classic_session_timeout_ms);
    return KAFKA_NONE;
}

/* Some of its target is still held by others. */
static bool waits_for_others(const struct consumer_group *g,
                             const struct consumer_member *m)
{
    for (int32_t i = 0; i < m->target.count; i++) {
        const struct topic_partition *p = &m->target.items[i];
        if (partition_set_find(&m->current.assigned, p->topic_id, p->partition) ==
                NULL &&
            consumer_group_owner(g, p->topic_id, p->partition) != NULL)
            return true;
    }
    return false;
}

enum kafka_error consumer_classic_heartbeat(struct consumer_group *g,
                                            const struct heartbeat_request *request)
{
    struct consumer_member *m;
    enum kafka_error error =
        find(g, request->member_id, request->group_instance_id, &m);
    if (error != KAFKA_NONE)
        return error;
    if (request->generation_id != m->current.member_epoch)
        return KAFKA_ILLEGAL_GENERATION;
    g->env->arm(g->env, &m->session, m->classic_session_timeout_ms);
    if (m->current.member_epoch >= g->assignment_epoch &&
        m->current.state != MEMBER_UNREVOKED_PARTITIONS &&
        (m->current.state != MEMBER_UNRELEASED_PARTITIONS || waits_for_others(g, m)))
        return KAFKA_NONE;
    expect_join(m);
    return KAFKA_REBALANCE_IN_PROGRESS;
}

/* ---- LeaveGroup ---------------------------------------------------------- */

/* An administrator names an instance alone. */
static enum kafka_error find_leaving(
    const struct consumer_group *g,
    const struct leave_group_request_member_identity *who,
    const struct consumer_member **out)
{
    *out = who->group_instance_id.data == NULL
               ? consumer_group_member(g, who->member_id)
               : consumer_group_static_member(g, who->group_instance_id);
    if (*out == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    bool other = who->group_instance_id.data != NULL && who->member_id.len > 0 &&
                 !str_equal((*out)->id, who->member_id);
    return other ? KAFKA_FENCED_INSTANCE_ID : KAFKA_NONE;
}

static void add_once(struct fenced_members *fenced, const struct consumer_member *m)
{
    for (int32_t i = 0; i < fenced->count; i++) {
        if (fenced->items[i] == m)
            return;
    }
    fenced->items[fenced->count++] = m;
}

enum kafka_error consumer_classic_leave(
    struct consumer_group *g, const struct leave_group_request_member_identity *members,
    int32_t count, struct arena *arena, enum kafka_error *errors,
    struct group_write *write)
{
    struct fenced_members fenced = {
        arena_array(arena, (size_t)count, sizeof(*fenced.items)), 0};
    struct consumer_change c;
    if (fenced.items == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; i < count; i++) {
        const struct consumer_member *m;
        errors[i] = find_leaving(g, &members[i], &m);
        if (errors[i] == KAFKA_NONE)
            add_once(&fenced, m);
    }
    bool ok = consumer_change_begin(&c, g->env, arena, g->id, false) &&
              consumer_fence(&c, &fenced, write);
    enum kafka_error error = ok ? KAFKA_NONE : c.refusal.error;
    consumer_change_end(&c);
    return error;
}
