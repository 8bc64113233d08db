/* All members subscribe to the same topics: that is the usual group, and the easy one,
 * for any partition may go to any member. With P partitions and M members everybody
 * gets P / M of them, and P % M members one more. To move as few as possible the one
 * more goes to members that have more than P / M already, as far as there are such.
 *
 * Where subscriptions differ: assignor_uniform_mixed.c. Kafka:
 * UniformHomogeneousAssignmentBuilder. */
#include "broker/group/assignor_internal.h"

static bool subscriptions_are_alike(const struct assignor_spec *spec,
                                    const int32_t *subscribers)
{
    for (int32_t t = 0; t < spec->topic_count; t++) {
        if (subscribers[t] != 0 && subscribers[t] != spec->member_count)
            return false;
    }
    return true;
}

/* Lets members keep what fits; sizes become what each is to have in the end, lacking
 * what it lacks for that. */
static void keep_current(struct partition_owners *o, int32_t *sizes, int32_t *lacking)
{
    int32_t members = o->spec->member_count;
    int32_t total = o->first[o->spec->topic_count];
    int32_t least = total / members, extras = total % members;
    for (int32_t m = 0; m < members; m++) {
        int32_t kept = partition_owners_keep(o, m, least + (extras > 0));
        /* One that has no use for the extra one leaves it to others, until there are
         * only as many members left as extras. */
        bool takes_extra = extras > 0 && (kept > least || members - m <= extras);
        extras -= takes_extra;
        sizes[m] = least + takes_extra;
        lacking[m] = sizes[m] - kept;
    }
}

static bool assign_alike(const struct assignor_spec *spec, const int32_t *subscribers,
                         struct arena *arena)
{
    struct partition_owners o;
    size_t members = (size_t)spec->member_count;
    int32_t *sizes = arena_array(arena, members, sizeof(*sizes));
    int32_t *lacking = arena_array(arena, members, sizeof(*lacking));
    if (sizes == NULL || lacking == NULL ||
        !partition_owners_init(&o, spec, subscribers, arena))
        return false;
    keep_current(&o, sizes, lacking);
    int32_t m = 0;
    for (int32_t p = 0; p < o.first[spec->topic_count]; p++) {
        if (o.owner[p] != NOBODY)
            continue;
        while (lacking[m] == 0)
            m++;
        o.owner[p] = m;
        lacking[m]--;
    }
    return partition_owners_write(&o, sizes);
}

static int assign(struct assignor_spec *spec, struct err *err)
{
    if (spec->member_count == 0)
        return 0;
    struct arena arena = ARENA_INIT;
    const int32_t *subscribers = assignor_count_subscribers(spec, &arena);
    bool ok = subscribers != NULL &&
              (subscriptions_are_alike(spec, subscribers)
                   ? assign_alike(spec, subscribers, &arena)
                   : assign_uniformly_mixed(spec, subscribers, &arena));
    arena_reset(&arena);
    return ok ? 0 : err_nomem(err);
}

const struct assignor assignor_uniform = {.name = "uniform", .assign = assign};
