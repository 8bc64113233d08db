/* The states of a classic group
 *
 *                       a member joins
 *         EMPTY ───────────────────────────► PREPARING_REBALANCE ◄──────────────┐
 *           ▲                                  │   ▲        ▲                   │
 *           │  join phase over, nobody left    │   │        │ a member joins,   │
 *           ├──────────────────────────────────┘   │        │ leaves, falls     │
 *           │                        all have      │        │ silent            │
 *           │                        joined, or    │        │                   │
 *           │                        time is up    ▼        │                   │
 *           │                              COMPLETING_REBALANCE                 │
 *           │                                       │ the leader's assignment   │
 *           │                                       ▼ is in the log             │
 *           │                                     STABLE ───────────────────────┘
 *
 * From every state a group may go to DEAD: it is deleted, or another node leads it.
 *
 * A join phase collects a JoinGroup of each member; their answers wait. It ends when
 * all known members have joined, or after the largest rebalance time-out of any:
 * who has not joined then is out (a static member is not). Out of EMPTY, it lasts
 * group.initial.rebalance.delay.ms, and once more as long as new members come.
 *
 * A sync phase follows: everybody asks for the assignment, the leader brings it. It
 * is stored before anybody is told. Who does not ask in time is out.
 *
 * A generation is the time between the ends of two join phases. In memory, the
 * group is ahead of its log: what is stored is the last generation that became stable
 * or empty. After a restart members of a newer one hear ILLEGAL_GENERATION or
 * UNKNOWN_MEMBER_ID, and join again. */
#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "broker/group/classic_group_internal.h"
#include "protocol/base/arena.h"

const char *classic_state_name(enum classic_state state)
{
    static const char *const names[GROUP_STATES] = {
        [GROUP_EMPTY] = "Empty",
        [GROUP_PREPARING_REBALANCE] = "PreparingRebalance",
        [GROUP_COMPLETING_REBALANCE] = "CompletingRebalance",
        [GROUP_STABLE] = "Stable",
        [GROUP_DEAD] = "Dead",
    };
    return names[state];
}

void group_enter(struct classic_group *g, enum classic_state next)
{
    static const bool legal[GROUP_STATES][GROUP_STATES] = {
        [GROUP_EMPTY] = {[GROUP_PREPARING_REBALANCE] = true, [GROUP_DEAD] = true},
        [GROUP_PREPARING_REBALANCE] = {[GROUP_EMPTY] = true,
                                       [GROUP_COMPLETING_REBALANCE] = true,
                                       [GROUP_DEAD] = true},
        [GROUP_COMPLETING_REBALANCE] = {[GROUP_PREPARING_REBALANCE] = true,
                                        [GROUP_STABLE] = true,
                                        [GROUP_DEAD] = true},
        [GROUP_STABLE] = {[GROUP_PREPARING_REBALANCE] = true, [GROUP_DEAD] = true},
    };
    assert(legal[g->state][next]);
    trace_debug(g->env->trace, "group %.*s: %s, was %s", STR_ARGS(g->id),
                classic_state_name(next), classic_state_name(g->state));
    g->previous_state = g->state;
    g->state = next;
    g->state_timestamp = clock_wall_ms(g->env->clock);
}

/* ---- birth and end ------------------------------------------------------- */

static void on_rebalance_due(struct deadline *d);
static void on_sync_due(struct deadline *d);

struct classic_group *classic_group_create(struct group_env *env, struct str id)
{
    struct classic_group *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->env = env;
    g->id = id;
    g->previous_state = GROUP_DEAD;
    g->state_timestamp = clock_wall_ms(env->clock);
    g->rebalance.expired = on_rebalance_due;
    g->sync.expired = on_sync_due;
    g->subscribed_count = -1;
    return g;
}

void classic_group_destroy(struct classic_group *g)
{
    if (g == NULL)
        return;
    struct sync_result synced = {.error = KAFKA_NOT_COORDINATOR};
    g->env->disarm(g->env, &g->rebalance);
    g->env->disarm(g->env, &g->sync);
    struct classic_store *store;
    LL_FOREACH (g->stores, store)
        store->group = NULL;
    while (g->pending_joins != NULL)
        group_remove_pending(g, g->pending_joins);
    while (g->members != NULL) {
        struct classic_member *m = g->members;
        struct join_result joined = join_failed(KAFKA_NOT_COORDINATOR, m->id);
        classic_member_end_join(m, &joined);
        classic_member_end_sync(m, &synced);
        group_remove_member(g, m);
    }
    free((char *)g->protocol_type.data);
    free((char *)g->protocol_name.data);
    free(g->subscribed);
    free(g);
}

bool classic_group_is_simple(const struct classic_group *g)
{
    return g->protocol_type.data == NULL && g->state == GROUP_EMPTY &&
           g->pending_joins == NULL;
}

/* ---- small questions ----------------------------------------------------- */

int32_t group_rebalance_timeout_ms(const struct classic_group *g)
{
    int32_t most = 0;
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        if (m->rebalance_timeout_ms > most)
            most = m->rebalance_timeout_ms;
    }
    return most;
}

struct str group_leader_id(const struct classic_group *g)
{
    return g->leader == NULL ? STR_LITERAL("") : g->leader->id;
}

bool group_all_joined(const struct classic_group *g)
{
    return classic_group_member_count(g) == g->awaiting_join &&
           g->pending_joins == NULL;
}

static bool all_synced(const struct classic_group *g)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        if (m->pending_sync)
            return false;
    }
    return true;
}

/* A sign of life. */
void group_touch(struct classic_member *m, int64_t timeout_ms)
{
    m->group->env->arm(m->group->env, &m->session, timeout_ms);
}

/* ---- the log ------------------------------------------------------------- */

void group_store(struct classic_group *g, struct classic_store *store,
                 void (*done)(struct group_write *write, enum kafka_error error))
{
    store->base.done = done;
    store->group = g;
    store->generation_id = g->generation_id;
    LL_PREPEND(g->stores, store);
    g->env->store(g->env, g, &store->base);
}

struct classic_group *group_stored(struct group_write *write)
{
    struct classic_store *store = (struct classic_store *)write;
    if (store->group != NULL)
        LL_DELETE(store->group->stores, store);
    return store->group;
}

static void on_empty_stored(struct group_write *write, enum kafka_error error)
{
    struct classic_group *g = group_stored(write);
    if (error != KAFKA_NONE && g != NULL)
        trace_warn(g->env->trace,
                   "group %.*s: that it is empty could not be stored: %s",
                   STR_ARGS(g->id), kafka_error_name(error));
    free(write);
}

static void store_empty(struct classic_group *g)
{
    struct classic_store *store = calloc(1, sizeof(*store));
    if (store != NULL)
        group_store(g, store, on_empty_stored);
    else
        trace_warn(g->env->trace, "group %.*s: no memory to store that it is empty",
                   STR_ARGS(g->id));
}

/* ---- the join phase ------------------------------------------------------ */

static void end_syncs(struct classic_group *g, enum kafka_error error)
{
    struct sync_result result = {.error = error};
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        owned_bytes(BYTES_NULL, &m->assignment);
        if (m->sync != NULL)
            group_touch(m, m->session_timeout_ms);
        classic_member_end_sync(m, &result);
    }
}

static void stop_sync_phase(struct classic_group *g)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next)
        m->pending_sync = false;
    g->env->disarm(g->env, &g->sync);
}

static void arm_initial_round(struct classic_group *g, int64_t delay_ms,
                              int64_t remaining_ms)
{
    g->initial_round = true;
    g->initial_delay_ms = delay_ms;
    g->initial_remaining_ms = remaining_ms;
    g->env->arm(g->env, &g->rebalance, delay_ms);
}

static void arm_join_phase(struct classic_group *g)
{
    g->initial_round = false;
    g->env->arm(g->env, &g->rebalance, group_rebalance_timeout_ms(g));
}

void group_prepare_rebalance(struct classic_group *g, const char *why)
{
    if (g->state == GROUP_COMPLETING_REBALANCE)
        end_syncs(g, KAFKA_REBALANCE_IN_PROGRESS);
    stop_sync_phase(g);
    bool initial = g->state == GROUP_EMPTY;
    int64_t delay = g->env->config->group_initial_rebalance_delay_ms;
    trace_info(g->env->trace, "group %.*s: rebalance after generation %d: %s",
               STR_ARGS(g->id), g->generation_id, why);
    group_enter(g, GROUP_PREPARING_REBALANCE);
    if (initial) {
        int64_t more = group_rebalance_timeout_ms(g) - delay;
        g->new_member_added = false;
        arm_initial_round(g, delay, more < 0 ? 0 : more);
    } else if (group_all_joined(g)) {
        group_complete_join(g);
    } else {
        arm_join_phase(g);
    }
}

/* During the initial delay a group waits even if all have joined. */
void group_maybe_complete_join(struct classic_group *g)
{
    if (g->state == GROUP_PREPARING_REBALANCE && g->previous_state != GROUP_EMPTY &&
        group_all_joined(g))
        group_complete_join(g);
}

void group_rebalance_or_complete(struct classic_group *g, const char *why)
{
    if (g->state == GROUP_PREPARING_REBALANCE || g->state == GROUP_DEAD)
        group_maybe_complete_join(g);
    else
        group_prepare_rebalance(g, why);
}

/* After a member was taken out because it fell silent. */
void group_member_left(struct classic_group *g, const char *why)
{
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING_REBALANCE)
        group_prepare_rebalance(g, why);
    else if (g->state == GROUP_PREPARING_REBALANCE && group_all_joined(g))
        group_complete_join(g);
}

static void on_rebalance_due(struct deadline *d)
{
    struct classic_group *g =
        (struct classic_group *)((char *)d - offsetof(struct classic_group, rebalance));
    if (g->initial_round && g->new_member_added && g->initial_remaining_ms > 0) {
        int64_t delay = g->env->config->group_initial_rebalance_delay_ms;
        int64_t remaining = g->initial_remaining_ms - g->initial_delay_ms;
        g->new_member_added = false;
        arm_initial_round(
            g, delay < g->initial_remaining_ms ? delay : g->initial_remaining_ms,
            remaining < 0 ? 0 : remaining);
        return;
    }
    group_complete_join(g);
    g->env->settled(g->env);
}

static void drop_missing_members(struct classic_group *g)
{
    struct classic_member *m, *next;
    for (m = g->members; m != NULL; m = next) {
        next = m->hh.next;
        if (m->join != NULL || m->instance_id.data != NULL)
            continue;
        trace_info(g->env->trace, "group %.*s: member %.*s did not join in time",
                   STR_ARGS(g->id), STR_ARGS(m->id));
        group_remove_member(g, m);
    }
}

/* False: nobody who has joined can lead. */
static bool elect_leader(struct classic_group *g)
{
    if (g->leader == NULL)
        return false;
    if (g->leader->join != NULL)
        return true;
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        if (m->join != NULL) {
            g->leader = m;
            return true;
        }
    }
    return false;
}

struct join_result group_joined(const struct classic_group *g,
                                const struct classic_member *m, bool with_members)
{
    return (struct join_result){
        .member_id = m->id,
        .generation_id = g->generation_id,
        .protocol_type = g->protocol_type,
        .protocol_name = g->protocol_name,
        .leader = group_leader_id(g),
        .members = with_members && g->leader == m ? g : NULL,
    };
}

static void begin_sync_phase(struct classic_group *g)
{
    trace_info(g->env->trace, "group %.*s: generation %d has %d members",
               STR_ARGS(g->id), g->generation_id, classic_group_member_count(g));
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        struct join_result result = group_joined(g, m, true);
        classic_member_end_join(m, &result);
        group_touch(m, m->session_timeout_ms);
        m->is_new = false;
        m->pending_sync = true;
    }
    g->env->arm(g->env, &g->sync, group_rebalance_timeout_ms(g));
}

static void begin_generation(struct classic_group *g)
{
    g->generation_id++;
    struct str protocol = group_select_protocol(g);
    if (!owned_str(protocol, &g->protocol_name))
        owned_str(STR_NULL, &g->protocol_name);
    group_compute_subscribed(g);
    group_enter(g, g->members == NULL ? GROUP_EMPTY : GROUP_COMPLETING_REBALANCE);
}

void group_complete_join(struct classic_group *g)
{
    assert(g->state == GROUP_PREPARING_REBALANCE);
    g->env->disarm(g->env, &g->rebalance);
    g->initial_round = false;
    drop_missing_members(g);
    if (g->members != NULL && !elect_leader(g)) {
        /* Static members alone, none of whom has joined: the next phase may have
         * them, or their sessions end. */
        arm_join_phase(g);
        return;
    }
    begin_generation(g);
    if (g->state == GROUP_EMPTY)
        store_empty(g);
    else
        begin_sync_phase(g);
}

/* ---- the sync phase ------------------------------------------------------ */

static void on_sync_due(struct deadline *d)
{
    struct classic_group *g =
        (struct classic_group *)((char *)d - offsetof(struct classic_group, sync));
    if (g->state != GROUP_COMPLETING_REBALANCE && g->state != GROUP_STABLE)
        return;
    struct classic_member *m, *next;
    bool removed = false;
    for (m = g->members; m != NULL; m = next) {
        next = m->hh.next;
        if (!m->pending_sync)
            continue;
        removed = true;
        group_remove_member(g, m);
    }
    if (removed)
        group_prepare_rebalance(g, "members did not ask for their assignment in time");
    g->env->settled(g->env);
}

/* The member has asked for its assignment. */
void group_sync_member(struct classic_group *g, struct classic_member *m)
{
    m->pending_sync = false;
    if (all_synced(g))
        g->env->disarm(g->env, &g->sync);
}

/* ---- loading and storing ------------------------------------------------- */

static bool load_member(struct classic_group *g, struct str protocol,
                        const struct group_metadata_value_member_metadata *v)
{
    struct classic_member *m =
        classic_member_create(g, v->member_id, v->group_instance_id);
    if (m == NULL)
        return false;
    join_protocol supported = {.name = protocol, .metadata = v->subscription};
    m->rebalance_timeout_ms =
        v->rebalance_timeout == -1 ? v->session_timeout : v->rebalance_timeout;
    m->session_timeout_ms = v->session_timeout;
    if (owned_str(v->client_id, &m->client_id) &&
        owned_str(v->client_host, &m->client_host) &&
        owned_bytes(v->assignment, &m->assignment) &&
        classic_member_set_protocols(m, &supported, protocol.data == NULL ? 0 : 1) &&
        group_add_member(g, m))
        return true;
    classic_member_destroy(m);
    return false;
}

struct classic_group *classic_group_load(struct group_env *env, struct str id,
                                         const struct group_metadata_value *value)
{
    struct classic_group *g = classic_group_create(env, id);
    if (g == NULL)
        return NULL;
    g->generation_id = value->generation;
    g->state_timestamp = value->current_state_timestamp;
    bool ok = owned_str(value->protocol_type.len == 0 ? STR_NULL : value->protocol_type,
                        &g->protocol_type) &&
              owned_str(value->protocol, &g->protocol_name);
    for (int32_t i = 0; ok && i < value->members_count; i++) {
        /* One of twice the same name, which no coordinator writes, is passed over. */
        if (classic_group_member(g, value->members[i].member_id) == NULL)
            ok = load_member(g, value->protocol, &value->members[i]);
    }
    if (!ok) {
        classic_group_destroy(g);
        return NULL;
    }
    g->state = g->members == NULL ? GROUP_EMPTY : GROUP_STABLE;
    struct classic_member *leader = classic_group_member(g, value->leader);
    if (leader != NULL)
        g->leader = leader;
    group_compute_subscribed(g);
    return g;
}

void classic_group_start(struct classic_group *g)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next)
        group_touch(m, m->session_timeout_ms);
    if (classic_group_member_count(g) > g->env->config->group_max_size)
        group_prepare_rebalance(g,
                                "it was loaded with more than group.max.size members");
}

bool classic_group_value(const struct classic_group *g, bool next, struct arena *arena,
                         struct group_metadata_value *value)
{
    int32_t count = classic_group_member_count(g);
    struct group_metadata_value_member_metadata *at =
        arena_array(arena, (size_t)count, sizeof(*at));
    if (at == NULL)
        return false;
    *value = (struct group_metadata_value){
        .protocol_type =
            g->protocol_type.data == NULL ? STR_LITERAL("") : g->protocol_type,
        .generation = g->generation_id,
        .protocol = g->protocol_name,
        .leader = g->leader == NULL ? STR_NULL : g->leader->id,
        .current_state_timestamp = g->state_timestamp,
        .members = at,
        .members_count = count,
    };
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next, at++) {
        struct bytes assignment = next ? m->next_assignment : m->assignment;
        struct bytes subscription = classic_member_metadata(m, g->protocol_name);
        at->member_id = m->id;
        at->group_instance_id = m->instance_id;
        at->client_id = m->client_id.data == NULL ? STR_LITERAL("") : m->client_id;
        at->client_host =
            m->client_host.data == NULL ? STR_LITERAL("") : m->client_host;
        at->rebalance_timeout = m->rebalance_timeout_ms;
        at->session_timeout = m->session_timeout_ms;
        at->subscription = subscription.data == NULL ? BYTES_EMPTY : subscription;
        at->assignment = assignment.data == NULL ? BYTES_EMPTY : assignment;
    }
    return true;
}

/* ---- offsets and deletion ------------------------------------------------ */

enum kafka_error classic_group_may_commit(struct classic_group *g, struct str member_id,
                                          struct str instance_id, int32_t generation_id)
{
    if (g->state == GROUP_DEAD)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    /* Who assigns partitions to itself may commit while there are no members. */
    if (generation_id < 0 && g->state == GROUP_EMPTY)
        return KAFKA_NONE;
    if (generation_id < 0 && member_id.len == 0 && instance_id.data == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    enum kafka_error error = group_check_member(g, member_id, instance_id);
    if (error != KAFKA_NONE)
        return error;
    if (generation_id != g->generation_id)
        return KAFKA_ILLEGAL_GENERATION;
    if (g->state == GROUP_COMPLETING_REBALANCE)
        return KAFKA_REBALANCE_IN_PROGRESS;
    struct classic_member *m = classic_group_member(g, member_id);
    group_touch(m, m->session_timeout_ms);
    return KAFKA_NONE;
}

enum kafka_error classic_group_may_delete(const struct classic_group *g)
{
    if (g->state == GROUP_DEAD)
        return KAFKA_GROUP_ID_NOT_FOUND;
    return g->state == GROUP_EMPTY ? KAFKA_NONE : KAFKA_NON_EMPTY_GROUP;
}

/* A consumer's offsets may go while it lives, where it does not subscribe. */
enum kafka_error classic_group_may_delete_offsets(const struct classic_group *g)
{
    if (g->state != GROUP_EMPTY && g->state != GROUP_DEAD &&
        classic_group_is_consumer(g))
        return KAFKA_NONE;
    return classic_group_may_delete(g);
}

enum classic_expiry classic_group_expiry(const struct classic_group *g)
{
    if (g->protocol_type.data == NULL)
        return EXPIRE_SINCE_COMMIT;
    if (g->state == GROUP_EMPTY)
        return EXPIRE_SINCE_EMPTY;
    bool known = classic_group_is_consumer(g) && g->subscribed_count >= 0;
    return known && g->state == GROUP_STABLE ? EXPIRE_SINCE_COMMIT : EXPIRE_NEVER;
}
