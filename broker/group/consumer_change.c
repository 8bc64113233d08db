#include "broker/group/consumer_change.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/group/consumer_records.h"
#include "broker/group/consumer_regex.h"
#include "broker/group/group_migration.h"

bool consumer_change_refuse(struct consumer_change *c, enum kafka_error error,
                            const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    c->refusal = (struct group_refusal){error, arena_str(c->arena, str_of(text))};
    return false;
}

bool consumer_change_no_memory(struct consumer_change *c)
{
    c->refusal = (struct group_refusal){KAFKA_UNKNOWN_SERVER_ERROR,
                                        STR_LITERAL("The broker is out of memory.")};
    return false;
}

/* ---- the group ----------------------------------------------------------- */

static bool not_found(struct consumer_change *c)
{
    return consumer_change_refuse(c, KAFKA_GROUP_ID_NOT_FOUND,
                                  "Consumer group %.*s not found.",
                                  STR_ARGS(c->group_id));
}

static bool not_consumer(struct consumer_change *c)
{
    return consumer_change_refuse(c, KAFKA_GROUP_ID_NOT_FOUND,
                                  "Group %.*s is not a consumer group.",
                                  STR_ARGS(c->group_id));
}

static bool make_fresh(struct consumer_change *c)
{
    c->group = c->fresh = consumer_group_create(c->env, c->group_id);
    return c->fresh != NULL || consumer_change_no_memory(c);
}

static bool take_over(struct consumer_change *c, struct classic_group *classic)
{
    if (classic->state != GROUP_EMPTY)
        return group_upgrade(c, classic);
    group_records_group_gone(&c->records, c->group_id);
    return make_fresh(c);
}

bool consumer_change_begin(struct consumer_change *c, struct group_env *env,
                           struct arena *arena, struct str group_id, bool create)
{
    /* A copy: `group_id` may be the group's own, which goes when it is made anew. */
    *c = (struct consumer_change){
        .env = env, .arena = arena, .group_id = arena_str(arena, group_id)};
    group_records_init(&c->records, group_now_ms(env));
    if (c->group_id.data == NULL)
        return consumer_change_no_memory(c);
    group_id = c->group_id;
    struct group_table *table = env->table(env, group_id);
    struct group *g = table == NULL ? NULL : group_table_find(table, group_id);
    if (g == NULL && !create)
        return not_found(c);
    if (g == NULL) {
        if (!make_fresh(c))
            return false;
    } else if (g->consumer != NULL) {
        c->group = g->consumer;
    } else if (g->classic == NULL || !create) {
        return not_consumer(c);
    } else if (!take_over(c, g->classic)) {
        return false;
    }
    c->group_epoch = c->group->group_epoch;
    c->assignment_epoch = c->group->assignment_epoch;
    return true;
}

void consumer_change_end(struct consumer_change *c)
{
    group_records_free(&c->records);
    consumer_group_destroy(c->fresh);
    member_assignment_free(&c->current);
    partition_set_free(&c->new_target);
}

/* ---- the member ---------------------------------------------------------- */

struct str consumer_member_id(const struct group_env *env, struct str said,
                              struct arena *arena)
{
    char text[UUID_TEXT_SIZE];
    if (said.len > 0)
        return said;
    return arena_str(arena, str_of(uuid_text(uuid_random(env->random), text)));
}

bool consumer_change_has_room(struct consumer_change *c, struct str member_id)
{
    int32_t most = c->env->config->group_consumer_max_size;
    if (member_id.data == NULL)
        return consumer_change_no_memory(c);
    return c->group->member_count < most ||
           consumer_group_member(c->group, member_id) != NULL ||
           consumer_change_refuse(c, KAFKA_GROUP_MAX_SIZE_REACHED,
                                  "The consumer group has reached its maximum capacity "
                                  "of %d members.",
                                  most);
}

/* An answer with a new epoch may have been lost: then the member comes with the one
 * before, and owns nothing that it was not assigned. */
static bool owns_no_more(const struct consumer_member *m,
                         const struct partition_set *owned)
{
    if (owned == NULL)
        return false;
    for (int32_t i = 0; i < owned->count; i++) {
        if (partition_set_find(&m->current.assigned, owned->items[i].topic_id,
                               owned->items[i].partition) == NULL)
            return false;
    }
    return true;
}

static bool check_epoch(struct consumer_change *c, const struct consumer_member *m,
                        const struct member_claim *claim)
{
    int32_t said = claim->member_epoch, is = m == NULL ? 0 : m->current.member_epoch;
    if (claim->classic || said == 0 || said == is)
        return true;
    if (said > is)
        return consumer_change_refuse(
            c, KAFKA_FENCED_MEMBER_EPOCH,
            "The member's epoch %d is larger than the one that the group coordinator "
            "knows (%d). It must give up its partitions and join again.",
            said, is);
    if (said == m->current.previous_member_epoch && owns_no_more(m, claim->owned))
        return true;
    return consumer_change_refuse(
        c, KAFKA_FENCED_MEMBER_EPOCH,
        "The member's epoch %d is smaller than the one that the group coordinator "
        "knows "
        "(%d). It must give up its partitions and join again.",
        said, is);
}

static bool find_dynamic(struct consumer_change *c, const struct member_claim *claim)
{
    c->known = consumer_group_member(c->group, claim->member_id);
    if (c->known == NULL && !claim->joins)
        return consumer_change_refuse(
            c, KAFKA_UNKNOWN_MEMBER_ID, "Member %.*s is not a member of group %.*s.",
            STR_ARGS(claim->member_id), STR_ARGS(c->group_id));
    return check_epoch(c, c->known, claim);
}

static bool find_static(struct consumer_change *c, const struct member_claim *claim)
{
    const struct consumer_member *m =
        consumer_group_static_member(c->group, claim->instance_id);
    c->known = m;
    if (claim->joins) {
        /* A new static member with the id of a dynamic one takes that one over. */
        if (m == NULL)
            c->known = consumer_group_member(c->group, claim->member_id);
        else if (!claim->classic && !m->uses_classic_protocol &&
                 m->current.member_epoch != LEAVE_GROUP_STATIC_MEMBER_EPOCH)
            return consumer_change_refuse(c, KAFKA_UNRELEASED_INSTANCE_ID,
                                          "Instance id %.*s is owned by member %.*s: "
                                          "member %.*s cannot join with "
                                          "it.",
                                          STR_ARGS(claim->instance_id), STR_ARGS(m->id),
                                          STR_ARGS(claim->member_id));
        c->replaces = m != NULL;
        return true;
    }
    if (m == NULL)
        return consumer_change_refuse(c, KAFKA_UNKNOWN_MEMBER_ID,
                                      "Instance id %.*s is unknown.",
                                      STR_ARGS(claim->instance_id));
    if (!str_equal(m->id, claim->member_id))
        return consumer_change_refuse(
            c, KAFKA_FENCED_INSTANCE_ID,
            "Static member %.*s with instance id %.*s was fenced by member %.*s.",
            STR_ARGS(claim->member_id), STR_ARGS(claim->instance_id), STR_ARGS(m->id));
    return check_epoch(c, m, claim);
}

/* The new member has all that the old one had, and begins in epoch 0. */
static void write_replacement(struct consumer_change *c)
{
    const struct consumer_member *old = c->known;
    c->current.member_epoch = c->current.previous_member_epoch = 0;
    consumer_records_member_gone(&c->records, c->group_id, old->id);
    consumer_records_member(&c->records, c->group_id, c->member_id, &c->before);
    consumer_records_target_member(&c->records, c->group_id, c->member_id,
                                   &old->target);
    consumer_records_current(&c->records, c->group_id, c->member_id, &c->current);
    trace_info(c->env->trace, "group %.*s: static member %.*s replaces %.*s",
               STR_ARGS(c->group_id), STR_ARGS(c->member_id), STR_ARGS(old->id));
}

static bool take_member(struct consumer_change *c)
{
    c->current.previous_member_epoch = -1;
    c->before = CONSUMER_GROUP_MEMBER_METADATA_VALUE_INIT;
    c->before.instance_id = c->before.rack_id = c->before.server_assignor = STR_NULL;
    if (c->known == NULL)
        return true;
    if (!member_assignment_copy(&c->known->current, &c->current) ||
        !consumer_member_metadata(c->known, c->arena, &c->before))
        return consumer_change_no_memory(c);
    if (c->replaces)
        write_replacement(c);
    return true;
}

bool consumer_change_member(struct consumer_change *c, const struct member_claim *claim)
{
    c->member_id = claim->member_id;
    bool found = claim->instance_id.data == NULL ? find_dynamic(c, claim)
                                                 : find_static(c, claim);
    if (!found || !take_member(c))
        return false;
    if (c->known == NULL)
        trace_info(c->env->trace, "group %.*s: member %.*s joins with the %s protocol",
                   STR_ARGS(c->group_id), STR_ARGS(c->member_id),
                   claim->classic ? "classic" : "consumer");
    c->after = c->before;
    return true;
}

/* ---- its subscription ---------------------------------------------------- */

static void sort_names(member_metadata *said)
{
    struct topic_names names = {said->subscribed_topic_names,
                                said->subscribed_topic_names_count};
    topic_names_sort(&names);
    said->subscribed_topic_names_count = names.count;
}

bool consumer_change_subscription(struct consumer_change *c)
{
    sort_names(&c->after);
    struct bytes before = member_metadata_encode(&c->before, c->arena);
    struct bytes after = member_metadata_encode(&c->after, c->arena);
    if (before.data == NULL || after.data == NULL)
        return consumer_change_no_memory(c);
    if (before.len != after.len ||
        memcmp(before.data, after.data, (size_t)after.len) != 0) {
        consumer_records_member(&c->records, c->group_id, c->member_id, &c->after);
        c->names_changed = !subscribed_names_equal(&c->before, &c->after);
    }
    return consumer_regex_change(c);
}

/* ---- the group's epoch --------------------------------------------------- */

bool consumer_change_subscribers(struct consumer_change *c, struct subscribers *out)
{
    struct subscriber with = {c->member_id, c->replaces ? NULL : c->known, c->after};
    return subscribers_list(c->group, c->known, &with, c->arena, out);
}

static bool hash_topics(struct consumer_change *c, int64_t *hash)
{
    struct subscribers all;
    struct topic_names names;
    return (consumer_change_subscribers(c, &all) &&
            subscribers_names(&all, c->arena, &names) &&
            subscribed_hash(c->env->image, &names, c->arena, hash)) ||
           consumer_change_no_memory(c);
}

bool consumer_change_epoch(struct consumer_change *c, bool bump)
{
    struct consumer_group_metadata_value value;
    if (!bump && c->group->topics_version >= c->env->topics_version)
        return true;
    if (!hash_topics(c, &value.metadata_hash))
        return false;
    c->topics_seen = true;
    if (bump || value.metadata_hash != c->group->metadata_hash) {
        value.epoch = ++c->group_epoch;
        consumer_records_group(&c->records, c->group_id, &value);
        trace_info(c->env->trace, "group %.*s: epoch %d", STR_ARGS(c->group_id),
                   value.epoch);
    }
    if (c->group->has_partition_metadata)
        consumer_records_partition_metadata_gone(&c->records, c->group_id);
    return true;
}

/* ---- the member's own step ----------------------------------------------- */

bool consumer_change_reconcile(struct consumer_change *c,
                               const struct partition_set *owned)
{
    struct topic_names names;
    struct member_assignment next = {0};
    struct reconciliation r = {
        .group = c->group,
        .current = &c->current,
        .assignment_epoch = c->assignment_epoch,
        .target = c->target,
        .subscription_changed = c->names_changed || c->regex_changed,
        .owned = owned,
    };
    if (!subscribed_names(c->group, &c->after, c->arena, &names) ||
        !subscribed_ids(c->env->image, &names, c->arena, &r.subscribed))
        return consumer_change_no_memory(c);
    enum kafka_error error = consumer_reconcile(&r, &next);
    if (error == KAFKA_FENCED_MEMBER_EPOCH)
        consumer_change_refuse(c, error,
                               "The member is in a state that is not known here. It "
                               "must give up its partitions and join again.");
    else if (error != KAFKA_NONE)
        consumer_change_no_memory(c);
    if (error != KAFKA_NONE) {
        member_assignment_free(&next);
        return false;
    }
    c->current_changed = !member_assignment_equal(&next, &c->current);
    if (c->current_changed)
        consumer_records_current(&c->records, c->group_id, c->member_id, &next);
    c->assignment_changed = !partition_set_equal(&next.assigned, &c->current.assigned);
    member_assignment_free(&c->current);
    c->current = next;
    return true;
}

/* ---- making it ----------------------------------------------------------- */

struct consumer_group *consumer_change_made_group(const struct consumer_change *c)
{
    struct group_table *table = c->env->table(c->env, c->group_id);
    struct group *g = table == NULL ? NULL : group_table_find(table, c->group_id);
    return g == NULL ? NULL : g->consumer;
}

/* Of members that an upgrade has taken over. */
static void arm_classic_sessions(struct consumer_group *g)
{
    struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (m->uses_classic_protocol)
            g->env->arm(g->env, &m->session, m->classic_session_timeout_ms);
    }
}

bool consumer_change_make(struct consumer_change *c, struct group_write *write)
{
    int64_t topics_version = c->env->topics_version;
    enum kafka_error error = c->env->change(c->env, c->group_id, &c->records, write);
    c->known = NULL;
    c->group = NULL;
    if (error != KAFKA_NONE) {
        c->refusal = (struct group_refusal){error, STR_NULL};
        return false;
    }
    struct consumer_group *g = consumer_change_made_group(c);
    if (g == NULL)
        return true;
    if (c->topics_seen)
        g->topics_version = topics_version;
    if (c->fresh != NULL)
        arm_classic_sessions(g);
    if (c->resolve_regexes)
        consumer_regex_resolve(g);
    return true;
}
