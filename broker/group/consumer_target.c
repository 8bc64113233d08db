/* A new target of a consumer group: who is to have which partitions, as an assignor
 * says it of all members, the one included that is just changing (Kafka:
 * TargetAssignmentBuilder). Only targets that differ are written. */
#include "broker/group/assignor.h"
#include "broker/group/consumer_change.h"
#include "broker/group/consumer_records.h"

/* Static or not, whose target the member has had until now. */
static const struct partition_set *target_so_far(const struct consumer_change *c)
{
    static const struct partition_set none = PARTITION_SET_INIT;
    return c->known == NULL ? &none : &c->known->target;
}

static bool must_wait(const struct consumer_change *c)
{
    int64_t last = c->group->assignment_timestamp;
    int32_t interval_ms = consumer_group_assignment_interval_ms(c->group);
    return last != 0 && interval_ms != 0 && group_now_ms(c->env) < last + interval_ms;
}

static bool list_topics(struct consumer_change *c, const struct subscribers *all,
                        struct assignor_spec *spec)
{
    struct topic_names names;
    struct topic_ids ids;
    if (!subscribers_names(all, c->arena, &names) ||
        !subscribed_ids(c->env->image, &names, c->arena, &ids))
        return false;
    struct assignor_topic *topics =
        arena_array(c->arena, (size_t)ids.count, sizeof(*topics));
    spec->topics = topics;
    spec->topic_count = topics == NULL ? 0 : ids.count;
    for (int32_t i = 0; i < spec->topic_count; i++) {
        topics[i].id = ids.items[i];
        topics[i].partition_count =
            metadata_image_topic_by_id(c->env->image, ids.items[i])->partition_count;
    }
    return topics != NULL;
}

/* Members subscribe alike more often than not: then the neighbour's list serves. */
static bool list_topics_of(struct consumer_change *c, const struct subscribers *all,
                           int32_t i, struct topic_ids *ids)
{
    const member_metadata *said = &all->items[i].said;
    const member_metadata *neighbour = i == 0 ? NULL : &all->items[i - 1].said;
    struct topic_names names;
    if (neighbour != NULL && subscribed_names_equal(neighbour, said) &&
        str_equal(neighbour->subscribed_topic_regex, said->subscribed_topic_regex))
        return true;
    return subscribed_names(c->group, said, c->arena, &names) &&
           subscribed_ids(c->env->image, &names, c->arena, ids);
}

static bool list_members(struct consumer_change *c, const struct subscribers *all,
                         struct assignor_spec *spec)
{
    struct topic_ids ids = {0};
    spec->members = arena_array(c->arena, (size_t)all->count, sizeof(*spec->members));
    if (spec->members == NULL)
        return false;
    for (int32_t i = 0; i < all->count; i++) {
        const struct subscriber *s = &all->items[i];
        struct assignor_member *m = &spec->members[spec->member_count++];
        bool changes = str_equal(s->member_id, c->member_id);
        if (!list_topics_of(c, all, i, &ids))
            return false;
        m->member_id = s->member_id;
        m->instance_id = s->said.instance_id;
        m->topics = ids.items;
        m->topic_count = ids.count;
        m->current = changes ? target_so_far(c) : &s->member->target;
    }
    return true;
}

static void write_targets(struct consumer_change *c, const struct subscribers *all,
                          const struct assignor_spec *spec)
{
    struct consumer_group_target_assignment_metadata_value value = {
        c->group_epoch, group_now_ms(c->env)};
    for (int32_t i = 0; i < spec->member_count; i++) {
        const struct consumer_member *is = all->items[i].member;
        const struct assignor_member *m = &spec->members[i];
        if (is == NULL || !is->has_target ||
            !partition_set_equal(&is->target, &m->assigned))
            consumer_records_target_member(&c->records, c->group_id, m->member_id,
                                           &m->assigned);
    }
    consumer_records_target(&c->records, c->group_id, &value);
}

static bool take_target(struct consumer_change *c, const struct assignor_spec *spec)
{
    c->assignment_epoch = c->group_epoch;
    c->target = &c->new_target;
    for (int32_t i = 0; i < spec->member_count; i++) {
        if (str_equal(spec->members[i].member_id, c->member_id))
            return partition_set_copy(&spec->members[i].assigned, &c->new_target);
    }
    return true;
}

static bool assign(struct consumer_change *c)
{
    struct subscribers all;
    struct assignor_spec spec = {0};
    struct err err = {0};
    bool ok = consumer_change_subscribers(c, &all) && list_topics(c, &all, &spec) &&
              list_members(c, &all, &spec);
    if (ok) {
        const struct assignor *assignor =
            assignor_find(str_of(subscribers_assignor(&all)));
        ok = assignor->assign(&spec, &err) == 0 && take_target(c, &spec);
        if (ok)
            write_targets(c, &all, &spec);
        trace_info(c->env->trace, "group %.*s: target of epoch %d by assignor %s",
                   STR_ARGS(c->group_id), c->group_epoch, assignor->name);
    }
    for (int32_t i = 0; i < spec.member_count; i++)
        partition_set_free(&spec.members[i].assigned);
    return ok || consumer_change_no_memory(c);
}

bool consumer_change_target(struct consumer_change *c)
{
    c->target = target_so_far(c);
    if (c->group->assignment_epoch >= c->group_epoch || must_wait(c))
        return true;
    return assign(c);
}
