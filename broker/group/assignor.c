#include "broker/group/assignor_internal.h"

#include <assert.h>
#include <stdlib.h>

const struct assignor *assignor_find(struct str name)
{
    static const struct assignor *const all[] = {&assignor_uniform, &assignor_range};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (str_is(name, all[i]->name))
            return all[i];
    }
    return NULL;
}

static int compare_ids(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a, b, sizeof(*a));
}

/* Steps of 1, 2, 4, … from `from` until the topic is not beyond; then it is within the
 * last step. Subscriptions to most topics are walked in single steps. */
int32_t assignor_topic_place(const struct assignor_spec *spec, const struct uuid *id,
                             int32_t from)
{
    int32_t low = from, high = from;
    for (int32_t step = 1;
         high < spec->topic_count && compare_ids(&spec->topics[high].id, id) < 0;
         step *= 2) {
        low = high + 1;
        high = step < spec->topic_count - high ? high + step : spec->topic_count;
    }
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (compare_ids(&spec->topics[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low < spec->topic_count && uuid_equal(spec->topics[low].id, *id));
    return low;
}

int32_t *assignor_count_subscribers(const struct assignor_spec *spec,
                                    struct arena *arena)
{
    int32_t *counts = arena_array(arena, (size_t)spec->topic_count, sizeof(*counts));
    for (int32_t m = 0; m < spec->member_count && counts != NULL; m++) {
        const struct assignor_member *member = &spec->members[m];
        for (int32_t i = 0, topic = 0; i < member->topic_count; i++) {
            topic = assignor_topic_place(spec, &member->topics[i], topic);
            counts[topic]++;
        }
    }
    return counts;
}

/* ---- who owns what --------------------------------------------------------- */

bool partition_owners_init(struct partition_owners *o, const struct assignor_spec *spec,
                           const int32_t *subscribers, struct arena *arena)
{
    o->spec = spec;
    o->first = arena_array(arena, (size_t)spec->topic_count + 1, sizeof(*o->first));
    if (o->first == NULL)
        return false;
    int32_t total = 0;
    for (int32_t t = 0; t < spec->topic_count; t++) {
        o->first[t] = total;
        total += subscribers[t] > 0 ? spec->topics[t].partition_count : 0;
    }
    o->first[spec->topic_count] = total;
    o->owner = arena_array(arena, (size_t)total, sizeof(*o->owner));
    if (o->owner == NULL)
        return false;
    for (int32_t p = 0; p < total; p++)
        o->owner[p] = NOBODY;
    return true;
}

static bool is_subscribed(const struct assignor_member *member, const struct uuid *id)
{
    return bsearch(id, member->topics, (size_t)member->topic_count, sizeof(*id),
                   (int (*)(const void *, const void *))compare_ids) != NULL;
}

int32_t partition_owners_keep(struct partition_owners *o, int32_t m, int32_t limit)
{
    const struct assignor_member *member = &o->spec->members[m];
    const struct partition_set *current = member->current;
    int32_t kept = 0, topic = 0;
    for (int32_t at = 0, run; at < current->count && kept < limit; at += run) {
        const struct topic_partition *items = &current->items[at];
        run = partition_set_run(current, at);
        if (!is_subscribed(member, &items->topic_id))
            continue;
        topic = assignor_topic_place(o->spec, &items->topic_id, topic);
        int32_t *owner = &o->owner[o->first[topic]];
        int32_t count = o->spec->topics[topic].partition_count;
        for (int32_t i = 0; i < run && kept < limit; i++) {
            int32_t p = items[i].partition;
            if (p < 0 || p >= count || owner[p] != NOBODY)
                continue;
            owner[p] = m;
            kept++;
        }
    }
    return kept;
}

bool partition_owners_write(const struct partition_owners *o, const int32_t *sizes)
{
    const struct assignor_spec *spec = o->spec;
    for (int32_t m = 0; m < spec->member_count; m++) {
        if (!partition_set_reserve(&spec->members[m].assigned, sizes[m]))
            return false;
    }
    for (int32_t t = 0; t < spec->topic_count; t++) {
        for (int32_t p = o->first[t]; p < o->first[t + 1]; p++) {
            struct topic_partition item = {.topic_id = spec->topics[t].id,
                                           .partition = p - o->first[t]};
            if (!partition_set_append(&spec->members[o->owner[p]].assigned, item))
                return false;
        }
    }
    return true;
}
