/* What members say: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and what follows
 * from it in each state (Kafka: GroupMetadataManager.classicGroupJoin and its like).
 *
 * A dynamic member of JoinGroup 4 and later gets its id first, and joins with it: a
 * client that loses the answer then leaves no member behind that nobody speaks for. A
 * static member is replaced by whoever joins with its instance id and no member id.
 * If it is replaced while the group is stable, and supports what was chosen, the
 * group goes on as if nothing had happened. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/group/classic_group_internal.h"
#include "protocol/base/uuid.h"

/* How long a member that has never joined may wait for the end of its first join
 * (Kafka: group.new.member.join.timeout, which cannot be set). */
#define NEW_MEMBER_JOIN_TIMEOUT_MS (INT64_C(5) * 60 * 1000)

struct joining {
    const struct classic_client *client;
    const struct join_group_request *request;
    struct classic_join *join;
};

static void refuse(struct classic_join *join, enum kafka_error error,
                   struct str member_id)
{
    struct join_result result = join_failed(error, member_id);
    join->done(join, &result);
}

static bool takes_one_more(const struct classic_group *g, struct str member_id)
{
    int32_t most = g->env->config->group_max_size;
    const struct classic_member *m = classic_group_member(g, member_id);
    if (g->state == GROUP_PREPARING_REBALANCE)
        return (m != NULL && m->join != NULL) || g->awaiting_join < most;
    if (g->state == GROUP_COMPLETING_REBALANCE || g->state == GROUP_STABLE)
        return m != NULL || classic_group_member_count(g) < most;
    return true;
}

/* ---- members that are there ---------------------------------------------- */

/* Takes over what the member says of itself now, and lets it wait. */
static bool update_member(struct classic_member *m, const struct joining *j)
{
    const struct join_group_request *r = j->request;
    if (!classic_member_set_protocols(m, r->protocols, r->protocols_count))
        return false;
    m->rebalance_timeout_ms = r->rebalance_timeout_ms;
    m->session_timeout_ms = r->session_timeout_ms;
    /* The client asks a second time, because it lost the connection that it asked
     * on first: nobody hears this answer. */
    struct join_result superseded = join_failed(KAFKA_REBALANCE_IN_PROGRESS, m->id);
    classic_member_end_join(m, &superseded);
    m->join = j->join;
    m->group->awaiting_join++;
    return true;
}

static void rejoin(struct classic_group *g, struct classic_member *m,
                   const struct joining *j, const char *why)
{
    if (update_member(m, j))
        group_rebalance_or_complete(g, why);
    else
        refuse(j->join, KAFKA_UNKNOWN_SERVER_ERROR, m->id);
}

/* The answer was lost, or the client is only careful: it hears it again. */
static void tell_again(struct classic_group *g, struct classic_member *m,
                       const struct joining *j)
{
    struct join_result result =
        group_joined(g, m, g->state == GROUP_COMPLETING_REBALANCE);
    j->join->done(j->join, &result);
}

static void join_known_member(struct classic_group *g, struct classic_member *m,
                              const struct joining *j)
{
    const struct join_group_request *r = j->request;
    bool same = classic_member_matches(m, r->protocols, r->protocols_count);
    switch (g->state) {
    case GROUP_PREPARING_REBALANCE:
        rejoin(g, m, j, "a member joins again");
        break;
    case GROUP_COMPLETING_REBALANCE:
        if (same)
            tell_again(g, m, j);
        else
            rejoin(g, m, j, "a member has changed what it supports");
        break;
    case GROUP_STABLE:
        if (g->leader == m)
            rejoin(g, m, j, "the leader joins again");
        else if (!same)
            rejoin(g, m, j, "a member has changed what it supports");
        else
            tell_again(g, m, j);
        break;
    default: /* no members here */
        refuse(j->join, KAFKA_UNKNOWN_MEMBER_ID, m->id);
    }
}

/* ---- new members --------------------------------------------------------- */

static struct classic_member *new_member(struct classic_group *g, struct str id,
                                         const struct joining *j)
{
    const struct join_group_request *r = j->request;
    struct classic_member *m = classic_member_create(g, id, r->group_instance_id);
    if (m == NULL)
        return NULL;
    m->rebalance_timeout_ms = r->rebalance_timeout_ms;
    m->session_timeout_ms = r->session_timeout_ms;
    m->is_new = true;
    bool first = g->members == NULL;
    if (owned_str(j->client->client_id, &m->client_id) &&
        owned_str(j->client->client_host, &m->client_host) &&
        classic_member_set_protocols(m, r->protocols, r->protocols_count) &&
        (!first || owned_str(r->protocol_type, &g->protocol_type)) &&
        group_add_member(g, m))
        return m;
    classic_member_destroy(m);
    return NULL;
}

static void add_member(struct classic_group *g, struct str id, const struct joining *j)
{
    struct classic_member *m = new_member(g, id, j);
    if (m == NULL) {
        refuse(j->join, KAFKA_UNKNOWN_SERVER_ERROR, id);
        return;
    }
    if (g->state == GROUP_PREPARING_REBALANCE && g->previous_state == GROUP_EMPTY)
        g->new_member_added = true;
    m->join = j->join;
    g->awaiting_join++;
    struct pending_member *p = group_pending(g, id);
    if (p != NULL)
        group_remove_pending(g, p);
    group_touch(m, NEW_MEMBER_JOIN_TIMEOUT_MS);
    group_rebalance_or_complete(g, "a new member joins");
}

static struct str new_member_id(const struct classic_group *g, const struct joining *j,
                                char *out, size_t size)
{
    struct uuid id;
    struct str instance = j->request->group_instance_id;
    struct str front = instance.data != NULL ? instance : j->client->client_id;
    random_fill(g->env->random, id.bytes, sizeof(id.bytes));
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    const uint8_t *b = id.bytes;
    int len = snprintf(out, size,
                       "%.*s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                       "%02x%02x%02x%02x%02x%02x",
                       STR_ARGS(front), b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
                       b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return (struct str){out, len};
}

/* ---- static members that come back --------------------------------------- */

struct replacement {
    struct classic_store base;
    struct str member_id, old_member_id; /* owned */
    bool skips_assignment;               /* JoinGroup 9 and later tell the leader so */
};

static void free_replacement(struct replacement *r)
{
    free((char *)r->member_id.data);
    free((char *)r->old_member_id.data);
    free(r);
}

static void end_replacement(struct classic_group *g, struct classic_member *m,
                            const struct replacement *r, enum kafka_error error)
{
    struct join_result result = group_joined(g, m, r->skips_assignment);
    result.skip_assignment = r->skips_assignment && g->leader == m;
    /* Clients that cannot skip the assignment would compute one if they heard that
     * they lead: they hear the id that they had. */
    if (!r->skips_assignment && g->leader == m)
        result.leader = r->old_member_id;
    if (error != KAFKA_NONE) {
        result.error = error;
        result.members = NULL;
        result.skip_assignment = false;
        result.member_id = STR_LITERAL("");
    }
    classic_member_end_join(m, &result);
}

static void on_replaced(struct group_write *write, enum kafka_error error)
{
    struct replacement *r = (struct replacement *)write;
    struct classic_group *g = group_stored(write);
    struct classic_member *m = g == NULL ? NULL : classic_group_member(g, r->member_id);
    /* A rebalance may have begun meanwhile, and then the join belongs to it. */
    if (m != NULL && g->state == GROUP_STABLE &&
        g->generation_id == r->base.generation_id) {
        end_replacement(g, m, r, error);
        /* Not in the log: the client joins once more, and is to find itself. */
        if (error != KAFKA_NONE)
            group_rename_member(g, m, r->old_member_id);
    }
    free_replacement(r);
}

static void store_replacement(struct classic_group *g, struct classic_member *m,
                              const struct joining *j, struct str old_member_id)
{
    struct replacement *r = calloc(1, sizeof(*r));
    if (r == NULL || !owned_str(m->id, &r->member_id) ||
        !owned_str(old_member_id, &r->old_member_id)) {
        if (r != NULL)
            free_replacement(r);
        struct join_result failed =
            join_failed(KAFKA_UNKNOWN_SERVER_ERROR, STR_LITERAL(""));
        classic_member_end_join(m, &failed);
        return;
    }
    r->skips_assignment = j->client->version >= 9;
    group_store(g, &r->base, on_replaced);
}

static void fence(struct classic_member *m)
{
    struct join_result joined = join_failed(KAFKA_FENCED_INSTANCE_ID, m->id);
    struct sync_result synced = {.error = KAFKA_FENCED_INSTANCE_ID};
    classic_member_end_join(m, &joined);
    classic_member_end_sync(m, &synced);
}

static void replace_member(struct classic_group *g, struct classic_member *m,
                           struct str id, const struct joining *j)
{
    struct str old_id = STR_NULL;
    fence(m);
    if (!owned_str(m->id, &old_id) || !group_rename_member(g, m, id) ||
        !update_member(m, j)) {
        refuse(j->join, KAFKA_UNKNOWN_SERVER_ERROR, STR_LITERAL(""));
        free((char *)old_id.data);
        return;
    }
    trace_info(g->env->trace, "group %.*s: static member %.*s replaces %.*s",
               STR_ARGS(g->id), STR_ARGS(id), STR_ARGS(old_id));
    group_touch(m, m->session_timeout_ms);
    if (g->state == GROUP_COMPLETING_REBALANCE)
        group_prepare_rebalance(g, "a static member was replaced");
    else if (g->state != GROUP_STABLE)
        group_maybe_complete_join(g);
    else if (str_equal(group_select_protocol(g), g->protocol_name))
        store_replacement(g, m, j, old_id);
    else
        group_rebalance_or_complete(g, "a static member changes the protocol");
    free((char *)old_id.data);
}

/* ---- JoinGroup ----------------------------------------------------------- */

static void join_without_id(struct classic_group *g, const struct joining *j)
{
    const struct join_group_request *r = j->request;
    struct str instance = r->group_instance_id;
    struct str front = instance.data != NULL ? instance : j->client->client_id;
    size_t size = (size_t)front.len + 64;
    char *text = malloc(size);
    if (text == NULL) {
        refuse(j->join, KAFKA_UNKNOWN_SERVER_ERROR, STR_LITERAL(""));
        return;
    }
    struct str id = new_member_id(g, j, text, size);
    struct classic_member *known =
        instance.data == NULL ? NULL : group_static_member(g, instance);
    if (known != NULL)
        replace_member(g, known, id, j);
    else if (instance.data != NULL || j->client->version < 4)
        add_member(g, id, j);
    else if (group_add_pending(g, id, r->session_timeout_ms))
        refuse(j->join, KAFKA_MEMBER_ID_REQUIRED, id);
    else
        refuse(j->join, KAFKA_UNKNOWN_SERVER_ERROR, STR_LITERAL(""));
    free(text);
}

static void join_with_id(struct classic_group *g, const struct joining *j)
{
    const struct join_group_request *r = j->request;
    if (group_pending(g, r->member_id) != NULL) {
        /* Pending members are dynamic ones (Kafka: an IllegalStateException). */
        if (r->group_instance_id.data != NULL)
            refuse(j->join, KAFKA_UNKNOWN_SERVER_ERROR, STR_LITERAL(""));
        else
            add_member(g, r->member_id, j);
        return;
    }
    enum kafka_error error = group_check_member(g, r->member_id, r->group_instance_id);
    if (error != KAFKA_NONE)
        refuse(j->join, error, r->member_id);
    else
        join_known_member(g, classic_group_member(g, r->member_id), j);
}

static void leave_for_size(struct classic_group *g, struct str member_id)
{
    struct classic_member *m = classic_group_member(g, member_id);
    struct pending_member *p = group_pending(g, member_id);
    if (m != NULL)
        group_remove_member(g, m);
    if (p != NULL)
        group_remove_pending(g, p);
}

void classic_group_join(struct classic_group *g, const struct classic_client *client,
                        const struct join_group_request *request,
                        struct classic_join *join)
{
    struct joining j = {client, request, join};
    struct str id = request->member_id;
    if (!takes_one_more(g, id)) {
        leave_for_size(g, id);
        refuse(join, KAFKA_GROUP_MAX_SIZE_REACHED, STR_LITERAL(""));
    } else if (!group_supports(g, request->protocol_type, request->protocols,
                               request->protocols_count)) {
        refuse(join, KAFKA_INCONSISTENT_GROUP_PROTOCOL, id);
    } else if (id.len == 0) {
        join_without_id(g, &j);
    } else {
        join_with_id(g, &j);
    }
}

/* ---- SyncGroup ----------------------------------------------------------- */

static void sync_failed(struct classic_sync *sync, enum kafka_error error)
{
    struct sync_result result = {.error = error};
    sync->done(sync, &result);
}

static struct sync_result assigned(const struct classic_group *g,
                                   const struct classic_member *m)
{
    return (struct sync_result){
        .protocol_type = g->protocol_type,
        .protocol_name = g->protocol_name,
        .assignment = m->assignment,
    };
}

static void assign_all(struct classic_group *g)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        free((uint8_t *)m->assignment.data);
        m->assignment = m->next_assignment;
        m->next_assignment = BYTES_NULL;
        struct sync_result result = assigned(g, m);
        if (m->sync != NULL)
            group_touch(m, m->session_timeout_ms);
        classic_member_end_sync(m, &result);
    }
}

static void refuse_all(struct classic_group *g, enum kafka_error error)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        struct sync_result result = {.error = error};
        owned_bytes(BYTES_NULL, &m->assignment);
        if (m->sync != NULL)
            group_touch(m, m->session_timeout_ms);
        classic_member_end_sync(m, &result);
    }
}

static void on_assignment_stored(struct group_write *write, enum kafka_error error)
{
    struct classic_store *store = (struct classic_store *)write;
    struct classic_group *g = group_stored(write);
    /* Else another rebalance has begun, and has told everybody. */
    if (g != NULL && g->state == GROUP_COMPLETING_REBALANCE &&
        g->generation_id == store->generation_id) {
        if (error == KAFKA_NONE) {
            assign_all(g);
            group_enter(g, GROUP_STABLE);
        } else {
            refuse_all(g, error);
            group_rebalance_or_complete(g, "its assignment could not be stored");
        }
    }
    free(store);
}

/* Of several assignments for a member the last counts; without one it is empty. */
static bool take_assignments(struct classic_group *g,
                             const struct sync_group_request *request)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next)
        owned_bytes(BYTES_NULL, &m->next_assignment);
    for (int32_t i = 0; i < request->assignments_count; i++) {
        struct classic_member *m =
            classic_group_member(g, request->assignments[i].member_id);
        if (m != NULL &&
            !owned_bytes(request->assignments[i].assignment, &m->next_assignment))
            return false;
    }
    return true;
}

static void sync_leader(struct classic_group *g,
                        const struct sync_group_request *request)
{
    struct classic_store *store = calloc(1, sizeof(*store));
    if (store == NULL || !take_assignments(g, request)) {
        free(store);
        refuse_all(g, KAFKA_UNKNOWN_SERVER_ERROR);
        group_prepare_rebalance(g, "no memory for its assignment");
        return;
    }
    group_store(g, store, on_assignment_stored);
}

static bool differs(struct str said, struct str is)
{
    return said.data != NULL && is.data != NULL && !str_equal(said, is);
}

static enum kafka_error check_sync(const struct classic_group *g,
                                   const struct sync_group_request *r)
{
    enum kafka_error error = group_check_member(g, r->member_id, r->group_instance_id);
    if (error != KAFKA_NONE)
        return error;
    if (r->generation_id != g->generation_id)
        return KAFKA_ILLEGAL_GENERATION;
    if (differs(r->protocol_type, g->protocol_type) ||
        differs(r->protocol_name, g->protocol_name))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return g->state == GROUP_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS
                                                 : KAFKA_NONE;
}

void classic_group_sync(struct classic_group *g,
                        const struct sync_group_request *request,
                        struct classic_sync *sync)
{
    enum kafka_error error =
        g->state == GROUP_EMPTY ? KAFKA_UNKNOWN_MEMBER_ID : check_sync(g, request);
    if (error != KAFKA_NONE) {
        sync_failed(sync, error);
        return;
    }
    struct classic_member *m = classic_group_member(g, request->member_id);
    group_sync_member(g, m);
    if (g->state == GROUP_STABLE) {
        struct sync_result result = assigned(g, m);
        sync->done(sync, &result);
        return;
    }
    struct sync_result superseded = {.error = KAFKA_REBALANCE_IN_PROGRESS};
    classic_member_end_sync(m, &superseded);
    m->sync = sync;
    if (g->leader == m)
        sync_leader(g, request);
}

/* ---- Heartbeat and LeaveGroup -------------------------------------------- */

enum kafka_error classic_group_heartbeat(struct classic_group *g,
                                         const struct heartbeat_request *request)
{
    enum kafka_error error =
        group_check_member(g, request->member_id, request->group_instance_id);
    if (error != KAFKA_NONE)
        return error;
    if (request->generation_id != g->generation_id)
        return KAFKA_ILLEGAL_GENERATION;
    struct classic_member *m = classic_group_member(g, request->member_id);
    group_touch(m, m->session_timeout_ms);
    return g->state == GROUP_PREPARING_REBALANCE ? KAFKA_REBALANCE_IN_PROGRESS
                                                 : KAFKA_NONE;
}

static enum kafka_error leave(struct classic_group *g,
                              const struct leave_group_request_member_identity *who)
{
    if (who->member_id.len == 0) {
        struct classic_member *m = who->group_instance_id.data == NULL
                                       ? NULL
                                       : group_static_member(g, who->group_instance_id);
        if (m == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
        group_remove_member(g, m);
        return KAFKA_NONE;
    }
    struct pending_member *p = group_pending(g, who->member_id);
    if (p != NULL) {
        group_remove_pending(g, p);
        return KAFKA_NONE;
    }
    enum kafka_error error =
        group_check_member(g, who->member_id, who->group_instance_id);
    if (error == KAFKA_NONE)
        group_remove_member(g, classic_group_member(g, who->member_id));
    return error;
}

void classic_group_leave(struct classic_group *g,
                         const struct leave_group_request_member_identity *members,
                         int32_t count, enum kafka_error *errors)
{
    bool any = false;
    for (int32_t i = 0; i < count; i++) {
        errors[i] = leave(g, &members[i]);
        any |= errors[i] == KAFKA_NONE;
    }
    if (any && g->state != GROUP_EMPTY)
        group_rebalance_or_complete(g, "members have left");
}
