#include "broker/group/group_migration.h"

#include <stdlib.h>
#include <strings.h>

#include "broker/group/classic_group_internal.h"
#include "broker/group/consumer_protocol.h"
#include "broker/group/consumer_records.h"

typedef struct consumer_group_member_metadata_value_classic_member_metadata
    classic_metadata;
typedef struct consumer_group_member_metadata_value_classic_protocol stored_protocol;

/* DISABLED, UPGRADE, DOWNGRADE or BIDIRECTIONAL, in any case. */
static bool policy_allows(const struct group_env *env, const char *direction)
{
    const char *policy = env->config->group_consumer_migration_policy;
    return strcasecmp(policy, "bidirectional") == 0 ||
           strcasecmp(policy, direction) == 0;
}

/* ---- up ------------------------------------------------------------------ */

static bool may_upgrade(struct consumer_change *c, const struct classic_group *classic)
{
    const char *why = NULL;
    if (!policy_allows(c->env, "upgrade"))
        why = "online upgrade is disabled";
    else if (!classic_group_is_consumer(classic))
        why = "the group does not use the consumer embedded protocol";
    else if (classic_group_member_count(classic) >
             c->env->config->group_consumer_max_size)
        why = "the group size exceeds the consumer group maximum size";
    return why == NULL ||
           consumer_change_refuse(
               c, KAFKA_GROUP_ID_NOT_FOUND,
               "Cannot upgrade classic group %.*s to consumer group because %s.",
               STR_ARGS(c->group_id), why);
}

/* They come back, to a group of the other kind. */
static void send_away(struct classic_group *classic)
{
    struct sync_result synced = {.error = KAFKA_REBALANCE_IN_PROGRESS};
    for (struct classic_member *m = classic->members; m != NULL; m = m->hh.next) {
        struct join_result joined = join_failed(KAFKA_REBALANCE_IN_PROGRESS, m->id);
        classic_member_end_join(m, &joined);
        classic_member_end_sync(m, &synced);
    }
}

static bool malformed(struct consumer_change *c)
{
    return consumer_change_refuse(
        c, KAFKA_GROUP_ID_NOT_FOUND,
        "Cannot upgrade classic group %.*s to consumer group because the embedded "
        "consumer protocol is malformed.",
        STR_ARGS(c->group_id));
}

/* The subscription with what was chosen, or in a first join phase, with what the
 * member likes best. */
static struct bytes embedded_subscription(const struct classic_group *g,
                                          const struct classic_member *m)
{
    struct bytes chosen = classic_member_metadata(m, g->protocol_name);
    return chosen.data == NULL && m->protocol_count > 0 ? m->protocols[0].metadata
                                                        : chosen;
}

static bool list_protocols(const struct classic_member *m, struct arena *arena,
                           classic_metadata *out)
{
    stored_protocol *at = arena_array(arena, (size_t)m->protocol_count, sizeof(*at));
    *out = (classic_metadata){m->session_timeout_ms, at, m->protocol_count};
    for (int32_t i = 0; at != NULL && i < m->protocol_count; i++)
        at[i] = (stored_protocol){m->protocols[i].name, m->protocols[i].metadata};
    return at != NULL;
}

static bool upgrade_metadata(struct consumer_change *c, const struct classic_member *m,
                             const struct consumer_protocol_subscription *subscription)
{
    classic_metadata classic;
    member_metadata said = CONSUMER_GROUP_MEMBER_METADATA_VALUE_INIT;
    struct topic_names names = {subscription->topics, subscription->topics_count};
    topic_names_sort(&names);
    said.instance_id = m->instance_id;
    said.rack_id = subscription->rack_id.len == 0 ? STR_NULL : subscription->rack_id;
    said.client_id = m->client_id.data == NULL ? STR_LITERAL("") : m->client_id;
    said.client_host = m->client_host.data == NULL ? STR_LITERAL("") : m->client_host;
    said.subscribed_topic_names = names.items;
    said.subscribed_topic_names_count = names.count;
    said.rebalance_timeout_ms = m->rebalance_timeout_ms;
    said.server_assignor = STR_NULL;
    said.classic_member_metadata = &classic;
    return (list_protocols(m, c->arena, &classic) &&
            consumer_group_set_member(c->fresh, m->id, &said)) ||
           consumer_change_no_memory(c);
}

/* A member that has never synchronised has no assignment. */
static bool upgrade_assignment(struct consumer_change *c,
                               const struct classic_member *m, int32_t generation_id)
{
    struct consumer_protocol_assignment assignment = {0};
    struct member_assignment current = {.member_epoch = generation_id,
                                        .previous_member_epoch = generation_id,
                                        .state = MEMBER_STABLE};
    if (m->assignment.len > 0 &&
        !consumer_protocol_assignment(m->assignment, c->arena, &assignment))
        return malformed(c);
    if (assignment.user_data.len > 0)
        return consumer_change_refuse(
            c, KAFKA_GROUP_ID_NOT_FOUND,
            "Cannot upgrade classic group %.*s to consumer group because a custom "
            "assignor is in use, whose data would be lost.",
            STR_ARGS(c->group_id));
    bool ok = consumer_protocol_assigned(&assignment, c->env->image, &current.assigned);
    for (int32_t i = 0; i < current.assigned.count; i++)
        current.assigned.items[i].epoch = generation_id;
    ok = ok && consumer_group_set_target(c->fresh, m->id, &current.assigned) &&
         consumer_group_set_current(c->fresh, m->id, &current);
    member_assignment_free(&current);
    return ok || consumer_change_no_memory(c);
}

static bool upgrade_members(struct consumer_change *c, struct classic_group *classic)
{
    for (struct classic_member *m = classic->members; m != NULL; m = m->hh.next) {
        struct consumer_protocol_subscription subscription;
        if (!consumer_protocol_subscription(embedded_subscription(classic, m), c->arena,
                                            &subscription))
            return malformed(c);
        if (!upgrade_metadata(c, m, &subscription) ||
            !upgrade_assignment(c, m, classic->generation_id))
            return false;
    }
    return true;
}

static bool hash_fresh(struct consumer_change *c)
{
    struct subscribers all;
    struct topic_names names;
    return (subscribers_list(c->fresh, NULL, NULL, c->arena, &all) &&
            subscribers_names(&all, c->arena, &names) &&
            subscribed_hash(c->env->image, &names, c->arena,
                            &c->fresh->metadata_hash)) ||
           consumer_change_no_memory(c);
}

bool group_upgrade(struct consumer_change *c, struct classic_group *classic)
{
    if (!may_upgrade(c, classic))
        return false;
    c->group = c->fresh = consumer_group_create(c->env, c->group_id);
    if (c->fresh == NULL)
        return consumer_change_no_memory(c);
    c->fresh->group_epoch = c->fresh->assignment_epoch = classic->generation_id;
    if (!upgrade_members(c, classic) || !hash_fresh(c))
        return false;
    send_away(classic);
    group_records_group_gone(&c->records, c->group_id);
    consumer_group_write(c->fresh, &c->records);
    trace_info(c->env->trace, "group %.*s: the classic group becomes a consumer group",
               STR_ARGS(c->group_id));
    return true;
}

/* ---- down ---------------------------------------------------------------- */

bool group_downgrade_is_due(const struct consumer_change *c,
                            const struct group_downgrade *d)
{
    const struct consumer_member *m = NULL;
    int32_t staying = 0;
    if (d->joins && c->known->uses_classic_protocol)
        return false; /* the group was mixed, and stays it */
    while ((m = consumer_group_next(c->group, m)) != NULL) {
        if (d->joins ? m == c->known : d->leaves(d->context, m))
            continue;
        if (!m->uses_classic_protocol)
            return false;
        staying++;
    }
    staying += d->joins;
    return staying > 0 && staying <= c->env->config->group_max_size &&
           policy_allows(c->env, "downgrade");
}

struct downgraded {
    struct consumer_change *change;
    struct classic_group *classic; /* owned until it is the table's */
};

static bool add_classic(struct downgraded *d, struct str id,
                        const member_metadata *said, const struct partition_set *target)
{
    struct consumer_change *c = d->change;
    const classic_metadata *classic = said->classic_member_metadata;
    struct classic_member *m = classic_member_create(d->classic, id, said->instance_id);
    if (m == NULL)
        return false;
    m->rebalance_timeout_ms = said->rebalance_timeout_ms;
    m->session_timeout_ms = classic->session_timeout_ms;
    join_protocol *protocols = arena_array(
        c->arena, (size_t)classic->supported_protocols_count, sizeof(*protocols));
    for (int32_t i = 0; protocols != NULL && i < classic->supported_protocols_count;
         i++)
        protocols[i] =
            (join_protocol){.name = classic->supported_protocols[i].name,
                            .metadata = classic->supported_protocols[i].metadata};
    /* The version is that of the member's own subscription, the same with each of its
     * protocols. */
    struct bytes assignment = consumer_protocol_write(
        target, c->env->image,
        consumer_protocol_version(classic->supported_protocols[0].metadata), c->arena);
    if (protocols != NULL && assignment.data != NULL &&
        owned_str(said->client_id, &m->client_id) &&
        owned_str(said->client_host, &m->client_host) &&
        owned_bytes(assignment, &m->assignment) &&
        classic_member_set_protocols(m, protocols,
                                     classic->supported_protocols_count) &&
        group_add_member(d->classic, m))
        return true;
    classic_member_destroy(m);
    return false;
}

static bool add_staying(struct downgraded *d, const struct group_downgrade *how)
{
    struct consumer_change *c = d->change;
    const struct consumer_member *m = NULL;
    while ((m = consumer_group_next(c->group, m)) != NULL) {
        member_metadata said;
        if (how->joins ? m == c->known : how->leaves(how->context, m))
            continue;
        if (!consumer_member_metadata(m, c->arena, &said) ||
            !add_classic(d, m->id, &said, &m->target))
            return false;
    }
    return !how->joins || add_classic(d, c->member_id, &c->after, &c->known->target);
}

static bool make_classic(struct downgraded *d, const struct group_downgrade *how)
{
    struct consumer_change *c = d->change;
    struct classic_group *g = d->classic = classic_group_create(c->env, c->group_id);
    if (g == NULL || !owned_str(STR_LITERAL(CONSUMER_PROTOCOL), &g->protocol_type) ||
        !add_staying(d, how) || !owned_str(group_select_protocol(g), &g->protocol_name))
        return false;
    g->state = GROUP_STABLE;
    g->generation_id = c->group->group_epoch;
    group_compute_subscribed(g);
    return true;
}

static bool write_classic(struct downgraded *d)
{
    struct consumer_change *c = d->change;
    struct group_metadata_value value;
    if (!classic_group_value(d->classic, false, c->arena, &value))
        return false;
    group_records_group(&c->records, c->group_id, &value);
    return true;
}

/* What was loaded from the records knows only the protocol that was chosen. */
static void begin_classic(struct downgraded *d, const struct group_downgrade *how)
{
    struct consumer_change *c = d->change;
    struct group *g = group_table_find(c->env->table(c->env, c->group_id), c->group_id);
    struct classic_group *classic = d->classic;
    classic_group_destroy(g->classic);
    g->classic = classic;
    classic->id = group_id(g);
    d->classic = NULL;
    classic_group_start(classic);
    trace_info(c->env->trace, "group %.*s: the consumer group becomes a classic group",
               STR_ARGS(c->group_id));
    if (how->rebalance != NULL)
        group_prepare_rebalance(classic, how->rebalance);
}

bool group_downgrade_make(struct consumer_change *c, const struct group_downgrade *how,
                          struct group_write *write)
{
    struct downgraded d = {.change = c};
    consumer_group_write_tombstones(c->group, &c->records, how->joins ? c->known : NULL,
                                    c->member_id);
    bool ok =
        (make_classic(&d, how) && write_classic(&d)) || consumer_change_no_memory(c);
    ok = ok && consumer_change_make(c, write);
    if (ok)
        begin_classic(&d, how);
    classic_group_destroy(d.classic);
    return ok;
}
