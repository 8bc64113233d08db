#include "broker/group/consumer_fence.h"

#include <stdlib.h>

#include "broker/group/consumer_group_internal.h"
#include "broker/group/consumer_records.h"
#include "broker/group/group_migration.h"

static bool is_fenced(const void *context, const struct consumer_member *m)
{
    const struct fenced_members *fenced = context;
    for (int32_t i = 0; i < fenced->count; i++) {
        if (fenced->items[i] == m)
            return true;
    }
    return false;
}

static bool still_subscribed(const struct subscribers *left, struct str pattern)
{
    for (int32_t i = 0; i < left->count; i++) {
        if (str_equal(left->items[i].said.subscribed_topic_regex, pattern))
            return true;
    }
    return false;
}

/* Expressions go with the last member that subscribes to them. */
static void write_regex_tombstones(struct consumer_change *c,
                                   const struct subscribers *left)
{
    for (const struct group_regex *r = c->group->regexes; r != NULL; r = r->hh.next) {
        if (!still_subscribed(left, r->pattern))
            consumer_records_regex(&c->records, c->group_id, r->pattern, NULL);
    }
}

static bool write_removal(struct consumer_change *c,
                          const struct fenced_members *fenced)
{
    struct subscribers left;
    struct topic_names names;
    struct consumer_group_metadata_value value = {.epoch = c->group_epoch + 1};
    if (!subscribers_list_remaining(c->group, is_fenced, fenced, c->arena, &left) ||
        !subscribers_names(&left, c->arena, &names) ||
        !subscribed_hash(c->env->image, &names, c->arena, &value.metadata_hash))
        return consumer_change_no_memory(c);
    for (int32_t i = 0; i < fenced->count; i++)
        consumer_records_member_gone(&c->records, c->group_id, fenced->items[i]->id);
    write_regex_tombstones(c, &left);
    consumer_records_group(&c->records, c->group_id, &value);
    c->topics_seen = true;
    return true;
}

bool consumer_fence(struct consumer_change *c, const struct fenced_members *fenced,
                    struct group_write *write)
{
    struct group_downgrade downgrade = {.leaves = is_fenced, .context = fenced};
    if (fenced->count == 0)
        return consumer_change_make(c, write);
    if (!group_downgrade_is_due(c, &downgrade))
        return write_removal(c, fenced) && consumer_change_make(c, write);
    downgrade.rebalance = "members of the consumer protocol have left";
    return group_downgrade_make(c, &downgrade, write);
}

/* ---- timers -------------------------------------------------------------- */

/* The member is still there, and still silent. */
static void try_again(const struct consumer_change *c, struct str member_id)
{
    struct consumer_group *g = consumer_change_made_group(c);
    struct consumer_member *m = g == NULL ? NULL : consumer_group_member(g, member_id);
    trace_warn(c->env->trace, "group %.*s: member %.*s could not be fenced: %s",
               STR_ARGS(c->group_id), STR_ARGS(member_id),
               kafka_error_name(c->refusal.error));
    if (m != NULL)
        c->env->arm(c->env, &m->session, consumer_group_session_timeout_ms(g));
}

static void fence_one(struct consumer_member *m, const char *why)
{
    struct group_env *env = m->group->env;
    struct arena arena = ARENA_INIT;
    struct consumer_change c;
    struct group_write ignored = {0};
    const struct consumer_member *items[] = {m};
    struct fenced_members fenced = {items, 1};
    trace_info(env->trace, "group %.*s: member %.*s is fenced: %s",
               STR_ARGS(m->group->id), STR_ARGS(m->id), why);
    struct str member_id = arena_str(&arena, m->id);
    if (!consumer_change_begin(&c, env, &arena, m->group->id, false) ||
        !consumer_fence(&c, &fenced, &ignored))
        try_again(&c, member_id);
    consumer_change_end(&c);
    arena_reset(&arena);
    env->settled(env);
}

static struct consumer_member *member_of(struct deadline *d, size_t offset)
{
    return (struct consumer_member *)((char *)d - offset);
}

void consumer_member_on_session_over(struct deadline *d)
{
    fence_one(member_of(d, offsetof(struct consumer_member, session)),
              "its session is over");
}

void consumer_member_on_rebalance_over(struct deadline *d)
{
    fence_one(member_of(d, offsetof(struct consumer_member, rebalance)),
              "it has not given up its partitions in time");
}

void consumer_member_on_join_over(struct deadline *d)
{
    fence_one(member_of(d, offsetof(struct consumer_member, join)),
              "it has not joined again in time");
}

void consumer_member_on_sync_over(struct deadline *d)
{
    fence_one(member_of(d, offsetof(struct consumer_member, sync)),
              "it has not asked for its assignment in time");
}
