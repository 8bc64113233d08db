/* Each topic is cut into as many neighbouring stretches as it has subscribers, alike
 * but for the first ones, which are longer by one where it does not come out even. The
 * subscribers take them in an order that is the same for all topics: static members by
 * instance id, which stays the same when they are started again; then the others by
 * member id.
 *
 * What members have now does not matter. Kafka: RangeAssignor. */
#include "broker/group/assignor_internal.h"

#include <stdlib.h>

#include "broker/group/java_string.h"

struct served_topic {
    int32_t members; /* that have taken their stretches */
    int32_t next;    /* the partition that comes first in the next one */
};

static int compare_members(const void *left, const void *right)
{
    const struct assignor_member *a = *(struct assignor_member *const *)left;
    const struct assignor_member *b = *(struct assignor_member *const *)right;
    bool a_static = a->instance_id.data != NULL, b_static = b->instance_id.data != NULL;
    if (a_static != b_static)
        return a_static ? -1 : 1;
    int order = java_string_compare(a->instance_id, b->instance_id);
    return order != 0 ? order : java_string_compare(a->member_id, b->member_id);
}

static bool take_stretch(struct assignor_member *member,
                         const struct assignor_topic *topic, int32_t subscribers,
                         struct served_topic *served)
{
    bool longer = served->members++ < topic->partition_count % subscribers;
    int32_t end = served->next + topic->partition_count / subscribers + longer;
    for (; served->next < end; served->next++) {
        struct topic_partition item = {.topic_id = topic->id,
                                       .partition = served->next};
        if (!partition_set_append(&member->assigned, item))
            return false;
    }
    return true;
}

static bool serve(const struct assignor_spec *spec, struct arena *arena)
{
    size_t member_count = (size_t)spec->member_count;
    const int32_t *subscribers = assignor_count_subscribers(spec, arena);
    struct served_topic *served =
        arena_array(arena, (size_t)spec->topic_count, sizeof(*served));
    struct assignor_member **order = arena_array(arena, member_count, sizeof(*order));
    if (subscribers == NULL || served == NULL || order == NULL)
        return false;
    for (size_t m = 0; m < member_count; m++)
        order[m] = &spec->members[m];
    qsort(order, member_count, sizeof(*order), compare_members);
    for (size_t m = 0; m < member_count; m++) {
        for (int32_t i = 0, t = 0; i < order[m]->topic_count; i++) {
            t = assignor_topic_place(spec, &order[m]->topics[i], t);
            if (!take_stretch(order[m], &spec->topics[t], subscribers[t], &served[t]))
                return false;
        }
    }
    return true;
}

static int assign(struct assignor_spec *spec, struct err *err)
{
    struct arena arena = ARENA_INIT;
    bool ok = serve(spec, &arena);
    arena_reset(&arena);
    return ok ? 0 : err_nomem(err);
}

const struct assignor assignor_range = {.name = "range", .assign = assign};
