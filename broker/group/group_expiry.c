#include "broker/group/group_expiry.h"

#include <stdlib.h>

/* As many tombstones as fit well into one batch. */
#define TOMBSTONES_AT_ONCE 1000

struct sweep {
    struct group_shard *shard;
    struct group_records records;
    int64_t now_ms;
    int64_t retention_ms;
    struct str topic;    /* the one that is gone, for group_forget_topic() */
    int32_t place_count; /* what the records are of: */
    struct {
        struct group *group;
        struct str topic; /* null: the group itself; owned by the sweep otherwise */
        int32_t partition;
    } places[TOMBSTONES_AT_ONCE];
    bool refused;
};

static void begin(struct sweep *s)
{
    group_records_init(&s->records, s->now_ms);
    s->place_count = 0;
}

static void take_out(struct sweep *s)
{
    for (int32_t i = 0; i < s->place_count; i++) {
        struct group *g = s->places[i].group;
        if (s->places[i].topic.data == NULL)
            group_table_remove(&s->shard->table, g);
        else
            group_offsets_remove(&g->offsets, s->places[i].topic,
                                 s->places[i].partition);
    }
}

static void free_places(struct sweep *s)
{
    for (int32_t i = 0; i < s->place_count; i++)
        free((char *)s->places[i].topic.data);
    s->place_count = 0;
}

/* Appends what was found so far; only then is it taken out of memory. */
static void flush(struct sweep *s)
{
    struct group_write ignored = {0};
    if (s->place_count > 0 &&
        group_shard_append(s->shard, &s->records, &ignored) == KAFKA_NONE)
        take_out(s);
    else if (s->place_count > 0)
        s->refused = true;
    else
        group_records_free(&s->records);
    free_places(s);
    begin(s);
}

static void add_offset(struct sweep *s, struct group *g, struct str topic,
                       int32_t partition)
{
    char *copy = malloc((size_t)topic.len + 1);
    if (copy == NULL)
        return; /* the next time */
    memcpy(copy, topic.data, (size_t)topic.len);
    s->places[s->place_count].group = g;
    s->places[s->place_count].topic = (struct str){copy, topic.len};
    s->places[s->place_count++].partition = partition;
    group_records_offset_gone(&s->records, group_id(g), topic, partition);
}

static bool is_full(const struct sweep *s)
{
    return s->place_count == TOMBSTONES_AT_ONCE;
}

/* Calls judge() for every offset; those that it condemns go. Returns how many were
 * kept. */
static int32_t sweep_group(struct sweep *s, struct group *g,
                           bool (*judge)(const struct sweep *s, const struct group *g,
                                         const struct offset_topic *t,
                                         const struct committed_offset *o))
{
    int32_t kept = 0;
    for (int32_t t = g->offsets.count - 1; t >= 0; t--) {
        struct offset_topic *topic = g->offsets.topics[t];
        for (int32_t i = topic->count - 1; i >= 0; i--) {
            if (s->refused || !judge(s, g, topic, &topic->items[i])) {
                kept++;
                continue;
            }
            add_offset(s, g, offset_topic_name(topic), topic->items[i].partition);
            /* From behind, so that what goes now does not move what is to come; the
             * topic itself goes with its first offset. */
            bool last = i == 0;
            if (is_full(s))
                flush(s);
            if (last)
                break;
        }
    }
    return kept;
}

/* ---- because of time ----------------------------------------------------- */

static bool is_expired(const struct sweep *s, const struct group *g,
                       const struct offset_topic *t, const struct committed_offset *o)
{
    struct str topic = offset_topic_name(t);
    int64_t base = o->commit_timestamp;
    enum classic_expiry since = group_expiry(g);
    if (since == EXPIRE_NEVER || group_subscribes_to(g, topic))
        return false;
    if (since == EXPIRE_SINCE_EMPTY && g->classic->state_timestamp != -1)
        base = g->classic->state_timestamp;
    return committed_offset_expired(o, base, s->now_ms, s->retention_ms) &&
           !group_table_offset_is_pending(&s->shard->table, g, topic, o->partition);
}

static void expire_group(struct sweep *s, struct group *g)
{
    int32_t kept = sweep_group(s, g, is_expired);
    if (kept > 0 || s->refused || !group_is_unused(g))
        return;
    group_write_tombstones(g, &s->records);
    s->places[s->place_count].group = g;
    s->places[s->place_count++].topic = STR_NULL;
    if (is_full(s))
        flush(s);
}

static struct sweep *sweep_create(struct group_shard *shard)
{
    struct sweep *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->shard = shard;
    s->now_ms = clock_wall_ms(shard->node->env.clock);
    s->retention_ms = (int64_t)shard->node->config->offsets_retention_minutes * 60000;
    begin(s);
    return s;
}

static void sweep_end(struct sweep *s)
{
    flush(s);
    group_records_free(&s->records);
    free(s);
}

void group_expire_offsets(struct group_shard *shard)
{
    struct sweep *s = sweep_create(shard);
    if (s == NULL)
        return;
    struct group *g, *next;
    for (g = shard->table.groups; g != NULL; g = next) {
        next = g->hh.next; /* flush() takes out only groups that were passed */
        expire_group(s, g);
    }
    sweep_end(s);
}

/* ---- because of topics --------------------------------------------------- */

static bool is_of_topic(const struct sweep *s, const struct group *g,
                        const struct offset_topic *t, const struct committed_offset *o)
{
    (void)g;
    (void)o;
    return str_equal(offset_topic_name(t), s->topic);
}

static bool is_of_unknown_topic(const struct sweep *s, const struct group *g,
                                const struct offset_topic *t,
                                const struct committed_offset *o)
{
    (void)g;
    (void)o;
    const struct metadata_topic *topic =
        metadata_image_topic(s->shard->node->image, offset_topic_name(t));
    return topic == NULL || (!uuid_is_zero(t->id) && !uuid_equal(topic->id, t->id));
}

void group_forget_topic(struct group_shard *shard, struct str topic)
{
    struct sweep *s = sweep_create(shard);
    if (s == NULL)
        return;
    s->topic = topic;
    for (struct group *g = shard->table.groups; g != NULL; g = g->hh.next)
        sweep_group(s, g, is_of_topic);
    sweep_end(s);
}

void group_forget_unknown_topics(struct group_shard *shard)
{
    struct sweep *s = sweep_create(shard);
    if (s == NULL)
        return;
    for (struct group *g = shard->table.groups; g != NULL; g = g->hh.next)
        sweep_group(s, g, is_of_unknown_topic);
    sweep_end(s);
}

void group_records_all_offsets_gone(struct group_records *w, const struct group *g)
{
    for (int32_t t = 0; t < g->offsets.count; t++) {
        const struct offset_topic *topic = g->offsets.topics[t];
        for (int32_t i = 0; i < topic->count; i++)
            group_records_offset_gone(w, group_id(g), offset_topic_name(topic),
                                      topic->items[i].partition);
    }
}
