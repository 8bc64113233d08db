/* Members subscribe to different topics, so a partition may go to some members only,
 * and it takes trying to find a balance. Kafka: UniformHeterogeneousAssignmentBuilder;
 * what is done here, and in which order, is the same as there, so that groups come out
 * as balanced, and move as little.
 *
 *  1. Members keep what they have and still subscribe to.
 *  2. Topic by topic, partitions that nobody has go to those of the topic's subscribers
 *     that have the fewest, of any topic. The topics with the most partitions for each
 *     subscriber come first: the others can even out what these leave uneven.
 *  3. Topic by topic, partitions move from the subscribers with the most to those with
 *     the fewest, until these differ by one at most, or until those with more have
 *     nothing of this topic. That can put another topic out of balance: so it goes
 *     round and round, until a round moves nothing. Chains of members that share one
 *     topic each with the next would make for many rounds: there are 16 at the most.
 *
 * The subscribers of a topic stand in a row, in the order of what they have. From the
 * left a low stretch grows, of members that have the least and are given to; from the
 * right a high one, of members that have the most and are taken from. Both are walked
 * in turns, from the outer ends to the middle; a turn done, all of a stretch are at the
 * next level, and those that were there already join it:
 *
 *           ^                                             # cannot give
 *           |                              [#########<-  ]#
 *    have   |          ####################[#############]#
 *           | [-->    ]####################[#############]#
 *           | [#######]####################[#############]#
 *           +---------------------------------------------->
 *              low                          high
 *
 * When the levels differ by one at most, the topic is balanced. */
#include "broker/group/assignor_internal.h"

#include <stdlib.h>

#include "protocol/base/buf.h"

#define ROUNDS_MAX 16

struct row {
    const int32_t *sizes; /* of all members */
    uint64_t *keys;       /* to sort by: size, then place */
    int32_t *members;
    int32_t count;
    int32_t low_end, low_next, low_level;
    int32_t high_begin, high_end, high_next, high_level;
};

struct ranked_topic {
    const struct assignor_topic *topic;
    int32_t place;
    int32_t subscribers;
};

struct mixed {
    const struct assignor_spec *spec;
    struct partition_owners owners;
    int32_t *sizes; /* how many partitions each member has */

    struct ranked_topic *topics; /* those with subscribers, in the order of the work */
    int32_t topic_count;
    int32_t *first_subscriber; /* of each topic, in `subscribers`; one more behind */
    int32_t *subscribers;      /* ascending */
    struct row row;

    /* Of the topic that is being balanced: each member's last partition, and each
     * partition's last one before it that has the same owner; -1: none. */
    int32_t *last_of, *previous;
};

/* ---- the row of a topic's subscribers -------------------------------------- */

static int compare_keys(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void row_begin(struct row *r, const int32_t *subscribers, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        r->keys[i] =
            (uint64_t)r->sizes[subscribers[i]] << 32 | (uint32_t)subscribers[i];
    qsort(r->keys, (size_t)count, sizeof(*r->keys), compare_keys);
    for (int32_t i = 0; i < count; i++)
        r->members[i] = (int32_t)(uint32_t)r->keys[i];
    r->count = count;
    r->low_end = r->low_next = 0;
    r->low_level = r->sizes[r->members[0]] - 1;
    r->high_begin = r->high_end = count;
    r->high_next = count - 1;
    r->high_level = r->sizes[r->members[count - 1]] + 1;
}

static bool row_is_balanced(const struct row *r)
{
    return r->high_level - r->low_level <= 1;
}

/* The member that is to get the next partition. */
static int32_t row_lowest(struct row *r)
{
    if (r->low_next >= r->low_end) {
        r->low_level++;
        while (r->low_end < r->count &&
               r->sizes[r->members[r->low_end]] == r->low_level)
            r->low_end++;
        r->low_next = 0;
    }
    return r->members[r->low_next++];
}

/* The member that is to give the next partition; NOBODY: none is left. */
static int32_t row_highest(struct row *r)
{
    if (r->high_next < r->high_begin) {
        /* All that were in it could not give: on to where the next ones are. */
        if (r->high_end <= r->high_begin && r->high_begin > 0)
            r->high_level = r->sizes[r->members[r->high_begin - 1]];
        else
            r->high_level--;
        while (r->high_begin > 0 &&
               r->sizes[r->members[r->high_begin - 1]] == r->high_level)
            r->high_begin--;
        r->high_next = r->high_end - 1;
    }
    return r->high_next < 0 ? NOBODY : r->members[r->high_next--];
}

/* Takes the member that row_highest() has just named out of the high stretch. */
static void row_exclude_highest(struct row *r)
{
    int32_t *named = &r->members[r->high_next + 1];
    int32_t *last = &r->members[--r->high_end];
    int32_t kept = *named;
    *named = *last;
    *last = kept;
}

/* ---- topics ---------------------------------------------------------------- */

/* Java's order of ids: of two signed numbers. */
static int compare_java_ids(const struct uuid *a, const struct uuid *b)
{
    for (size_t half = 0; half < sizeof(a->bytes); half += 8) {
        int64_t x = (int64_t)load_be64(a->bytes + half);
        int64_t y = (int64_t)load_be64(b->bytes + half);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

/* Most partitions for each subscriber first, then fewest subscribers. */
static int compare_topics(const void *left, const void *right)
{
    const struct ranked_topic *a = left, *b = right;
    int64_t share_a = (int64_t)a->topic->partition_count * b->subscribers;
    int64_t share_b = (int64_t)b->topic->partition_count * a->subscribers;
    if (share_a != share_b)
        return share_a > share_b ? -1 : 1;
    if (a->subscribers != b->subscribers)
        return a->subscribers < b->subscribers ? -1 : 1;
    return compare_java_ids(&a->topic->id, &b->topic->id);
}

static void rank_topics(struct mixed *x)
{
    for (int32_t t = 0; t < x->spec->topic_count; t++) {
        int32_t subscribers = x->first_subscriber[t + 1] - x->first_subscriber[t];
        if (subscribers > 0)
            x->topics[x->topic_count++] =
                (struct ranked_topic){&x->spec->topics[t], t, subscribers};
    }
    qsort(x->topics, (size_t)x->topic_count, sizeof(*x->topics), compare_topics);
}

/* `next` is scratch: where each topic's next subscriber goes. */
static void list_subscribers(struct mixed *x, const int32_t *counts, int32_t *next)
{
    const struct assignor_spec *spec = x->spec;
    for (int32_t t = 0; t < spec->topic_count; t++) {
        next[t] = x->first_subscriber[t];
        x->first_subscriber[t + 1] = x->first_subscriber[t] + counts[t];
    }
    for (int32_t m = 0; m < spec->member_count; m++) {
        const struct assignor_member *member = &spec->members[m];
        for (int32_t i = 0, t = 0; i < member->topic_count; i++) {
            t = assignor_topic_place(spec, &member->topics[i], t);
            x->subscribers[next[t]++] = m;
        }
    }
}

static const int32_t *subscribers_of(const struct mixed *x,
                                     const struct ranked_topic *topic)
{
    return &x->subscribers[x->first_subscriber[topic->place]];
}

static int32_t *owners_of(const struct mixed *x, const struct ranked_topic *topic)
{
    return &x->owners.owner[x->owners.first[topic->place]];
}

/* ---- the work -------------------------------------------------------------- */

static void give_out(struct mixed *x, const struct ranked_topic *topic)
{
    int32_t *owners = owners_of(x, topic);
    bool begun = false;
    for (int32_t p = 0; p < topic->topic->partition_count; p++) {
        if (owners[p] != NOBODY)
            continue;
        if (!begun)
            row_begin(&x->row, subscribers_of(x, topic), topic->subscribers);
        begun = true;
        owners[p] = row_lowest(&x->row);
        x->sizes[owners[p]]++;
    }
}

static bool is_balanced(const struct mixed *x, const struct ranked_topic *topic)
{
    const int32_t *subscribers = subscribers_of(x, topic);
    int32_t least = x->sizes[subscribers[0]], most = least;
    for (int32_t i = 1; i < topic->subscribers; i++) {
        int32_t size = x->sizes[subscribers[i]];
        least = size < least ? size : least;
        most = size > most ? size : most;
    }
    return most - least <= 1;
}

static void list_partitions(struct mixed *x, const struct ranked_topic *topic)
{
    const int32_t *subscribers = subscribers_of(x, topic);
    const int32_t *owners = owners_of(x, topic);
    for (int32_t i = 0; i < topic->subscribers; i++)
        x->last_of[subscribers[i]] = -1;
    for (int32_t p = 0; p < topic->topic->partition_count; p++) {
        x->previous[p] = x->last_of[owners[p]];
        x->last_of[owners[p]] = p;
    }
}

/* Takes the last partition of the topic from the member that has the most of all, of
 * those that have any of this topic; -1: nobody has. */
static int32_t take_one(struct mixed *x)
{
    for (;;) {
        int32_t member = row_highest(&x->row);
        if (member == NOBODY)
            return -1;
        int32_t p = x->last_of[member];
        if (p >= 0) {
            x->last_of[member] = x->previous[p];
            return p;
        }
        row_exclude_highest(&x->row);
    }
}

/* Whether it moved any. */
static bool balance_topic(struct mixed *x, const struct ranked_topic *topic)
{
    if (is_balanced(x, topic))
        return false;
    int32_t *owners = owners_of(x, topic);
    bool moved = false;
    row_begin(&x->row, subscribers_of(x, topic), topic->subscribers);
    list_partitions(x, topic);
    for (;;) {
        int32_t p = take_one(x);
        if (p < 0)
            return moved;
        int32_t to = row_lowest(&x->row);
        if (row_is_balanced(&x->row))
            return moved;
        x->sizes[owners[p]]--;
        x->sizes[to]++;
        owners[p] = to;
        moved = true;
    }
}

static void balance(struct mixed *x)
{
    int32_t left = x->topic_count; /* to be tried before nothing has changed for all */
    for (int round = 0; round < ROUNDS_MAX; round++) {
        for (int32_t i = 0; i < x->topic_count && left > 0; i++)
            left = balance_topic(x, &x->topics[i]) ? x->topic_count - 1 : left - 1;
    }
}

static bool mixed_init(struct mixed *x, const int32_t *counts, struct arena *arena)
{
    size_t topics = (size_t)x->spec->topic_count, subscriptions = 0;
    size_t members = (size_t)x->spec->member_count, most_partitions = 0;
    for (size_t t = 0; t < topics; t++) {
        size_t partitions = (size_t)x->spec->topics[t].partition_count;
        subscriptions += (size_t)counts[t];
        most_partitions = partitions > most_partitions ? partitions : most_partitions;
    }
    x->topics = arena_array(arena, topics, sizeof(*x->topics));
    x->first_subscriber = arena_array(arena, topics + 1, sizeof(*x->first_subscriber));
    x->subscribers = arena_array(arena, subscriptions, sizeof(*x->subscribers));
    x->sizes = arena_array(arena, members, sizeof(*x->sizes));
    x->last_of = arena_array(arena, members, sizeof(*x->last_of));
    x->previous = arena_array(arena, most_partitions, sizeof(*x->previous));
    x->row.sizes = x->sizes;
    x->row.keys = arena_array(arena, members, sizeof(*x->row.keys));
    x->row.members = arena_array(arena, members, sizeof(*x->row.members));
    int32_t *next = arena_array(arena, topics, sizeof(*next));
    if (x->topics == NULL || x->first_subscriber == NULL || x->subscribers == NULL ||
        x->sizes == NULL || x->last_of == NULL || x->previous == NULL ||
        x->row.keys == NULL || x->row.members == NULL || next == NULL ||
        !partition_owners_init(&x->owners, x->spec, counts, arena))
        return false;
    list_subscribers(x, counts, next);
    rank_topics(x);
    return true;
}

bool assign_uniformly_mixed(const struct assignor_spec *spec,
                            const int32_t *subscribers, struct arena *arena)
{
    struct mixed x = {.spec = spec};
    if (!mixed_init(&x, subscribers, arena))
        return false;
    for (int32_t m = 0; m < spec->member_count; m++)
        x.sizes[m] = partition_owners_keep(&x.owners, m, INT32_MAX);
    for (int32_t i = 0; i < x.topic_count; i++)
        give_out(&x, &x.topics[i]);
    balance(&x);
    return partition_owners_write(&x.owners, x.sizes);
}
