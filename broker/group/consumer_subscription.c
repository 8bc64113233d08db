#include "broker/group/consumer_subscription.h"

#include <stdlib.h>

#include "broker/group/java_string.h"
#include "broker/group/topic_hash.h"

static int compare_names(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

void topic_names_sort(struct topic_names *names)
{
    int32_t kept = 0;
    if (names->count == 0)
        return;
    qsort(names->items, (size_t)names->count, sizeof(*names->items), compare_names);
    for (int32_t i = 1; i < names->count; i++) {
        if (!str_equal(names->items[i], names->items[kept]))
            names->items[++kept] = names->items[i];
    }
    names->count = kept + 1;
}

/* ---- members ------------------------------------------------------------- */

static int compare_subscribers(const void *a, const void *b)
{
    return str_compare(((const struct subscriber *)a)->member_id,
                       ((const struct subscriber *)b)->member_id);
}

static bool add_members(const struct consumer_group *g,
                        bool (*leaves)(const void *context,
                                       const struct consumer_member *m),
                        const void *context, struct arena *arena,
                        struct subscribers *out)
{
    const struct consumer_member *m = NULL;
    *out = (struct subscribers){.group = g};
    out->items = arena_array(arena, (size_t)g->member_count + 1, sizeof(*out->items));
    if (out->items == NULL)
        return false;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (leaves(context, m))
            continue;
        struct subscriber *s = &out->items[out->count++];
        s->member_id = m->id;
        s->member = m;
        if (!consumer_member_metadata(m, arena, &s->said))
            return false;
    }
    return true;
}

static bool is_same(const void *context, const struct consumer_member *m)
{
    return m == context;
}

bool subscribers_list(const struct consumer_group *g,
                      const struct consumer_member *without,
                      const struct subscriber *with, struct arena *arena,
                      struct subscribers *out)
{
    if (!add_members(g, is_same, without, arena, out))
        return false;
    if (with != NULL)
        out->items[out->count++] = *with;
    qsort(out->items, (size_t)out->count, sizeof(*out->items), compare_subscribers);
    return true;
}

bool subscribers_list_remaining(const struct consumer_group *g,
                                bool (*leaves)(const void *context,
                                               const struct consumer_member *m),
                                const void *context, struct arena *arena,
                                struct subscribers *out)
{
    return add_members(g, leaves, context, arena, out);
}

/* ---- topics -------------------------------------------------------------- */

static const struct group_regex *regex_of(const struct consumer_group *g,
                                          const member_metadata *said)
{
    return said->subscribed_topic_regex.len == 0
               ? NULL
               : consumer_group_regex(g, said->subscribed_topic_regex);
}

static int32_t count_names(const struct consumer_group *g, const member_metadata *said)
{
    const struct group_regex *r = regex_of(g, said);
    return said->subscribed_topic_names_count + (r == NULL ? 0 : r->topic_count);
}

static void add_names(const struct consumer_group *g, const member_metadata *said,
                      struct topic_names *out)
{
    const struct group_regex *r = regex_of(g, said);
    for (int32_t i = 0; i < said->subscribed_topic_names_count; i++)
        out->items[out->count++] = said->subscribed_topic_names[i];
    for (int32_t i = 0; r != NULL && i < r->topic_count; i++)
        out->items[out->count++] = r->topics[i];
}

bool subscribed_names_equal(const member_metadata *a, const member_metadata *b)
{
    if (a->subscribed_topic_names_count != b->subscribed_topic_names_count)
        return false;
    for (int32_t i = 0; i < a->subscribed_topic_names_count; i++) {
        if (!str_equal(a->subscribed_topic_names[i], b->subscribed_topic_names[i]))
            return false;
    }
    return true;
}

bool subscribed_names(const struct consumer_group *g, const member_metadata *said,
                      struct arena *arena, struct topic_names *out)
{
    size_t most = (size_t)count_names(g, said);
    *out = (struct topic_names){arena_array(arena, most, sizeof(*out->items)), 0};
    if (out->items == NULL)
        return false;
    add_names(g, said, out);
    topic_names_sort(out);
    return true;
}

bool subscribers_names(const struct subscribers *s, struct arena *arena,
                       struct topic_names *out)
{
    size_t most = 0;
    for (int32_t i = 0; i < s->count; i++)
        most += (size_t)count_names(s->group, &s->items[i].said);
    *out = (struct topic_names){arena_array(arena, most, sizeof(*out->items)), 0};
    if (out->items == NULL)
        return false;
    for (int32_t i = 0; i < s->count; i++)
        add_names(s->group, &s->items[i].said, out);
    topic_names_sort(out);
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

bool subscribed_ids(const struct metadata_image *image, const struct topic_names *names,
                    struct arena *arena, struct topic_ids *out)
{
    struct uuid *ids = arena_array(arena, (size_t)names->count, sizeof(*ids));
    *out = (struct topic_ids){ids, 0};
    if (ids == NULL)
        return false;
    for (int32_t i = 0; i < names->count; i++) {
        const struct metadata_topic *t = metadata_image_topic(image, names->items[i]);
        if (t != NULL)
            ids[out->count++] = t->id;
    }
    qsort(ids, (size_t)out->count, sizeof(*ids), compare_ids);
    return true;
}

const char *subscribers_assignor(const struct subscribers *s)
{
    const struct name_list *offered = &s->group->env->config->group_consumer_assignors;
    const char *best = offered->items[0];
    int32_t most = 0;
    for (size_t a = 0; a < offered->count; a++) {
        int32_t votes = 0;
        for (int32_t i = 0; i < s->count; i++)
            votes += str_is(s->items[i].said.server_assignor, offered->items[a]);
        if (votes > most) {
            most = votes;
            best = offered->items[a];
        }
    }
    return best;
}

/* ---- their hash ---------------------------------------------------------- */

static int compare_racks(const void *a, const void *b)
{
    return java_string_compare(*(const struct str *)a, *(const struct str *)b);
}

static bool list_racks(const struct metadata_image *image,
                       const struct metadata_partition *p, struct arena *arena,
                       struct partition_racks *out)
{
    struct broker_ids replicas = metadata_partition_replicas(p);
    struct str *racks = arena_array(arena, (size_t)replicas.count, sizeof(*racks));
    *out = (struct partition_racks){racks, 0};
    for (int32_t i = 0; racks != NULL && i < replicas.count; i++) {
        const struct metadata_broker *b = metadata_image_broker(image, replicas.ids[i]);
        if (b != NULL && b->rack.data != NULL)
            racks[out->count++] = b->rack;
    }
    if (out->count > 0)
        qsort(racks, (size_t)out->count, sizeof(*racks), compare_racks);
    return racks != NULL;
}

static bool brokers_have_racks(const struct metadata_image *image)
{
    int32_t count;
    const struct metadata_broker *const *brokers =
        metadata_image_brokers(image, &count);
    for (int32_t i = 0; i < count; i++) {
        if (brokers[i]->rack.data != NULL)
            return true;
    }
    return false;
}

static bool hash_topic(const struct metadata_image *image,
                       const struct metadata_topic *t, struct arena *arena,
                       int64_t *hash)
{
    struct partition_racks *racks = NULL;
    if (brokers_have_racks(image)) {
        racks = arena_array(arena, (size_t)t->partition_count, sizeof(*racks));
        if (racks == NULL)
            return false;
    }
    for (int32_t i = 0; racks != NULL && i < t->partition_count; i++) {
        const struct metadata_partition *p = metadata_topic_partition(t, i);
        if (p != NULL && !list_racks(image, p, arena, &racks[i]))
            return false;
    }
    *hash = topic_hash(t->id, metadata_topic_name(t), t->partition_count, racks);
    return true;
}

bool subscribed_hash(const struct metadata_image *image,
                     const struct topic_names *names, struct arena *arena,
                     int64_t *hash)
{
    int64_t *topics = arena_array(arena, (size_t)names->count, sizeof(*topics));
    int32_t count = 0;
    if (topics == NULL)
        return false;
    for (int32_t i = 0; i < names->count; i++) {
        const struct metadata_topic *t = metadata_image_topic(image, names->items[i]);
        if (t != NULL && !hash_topic(image, t, arena, &topics[count++]))
            return false;
    }
    *hash = topic_hash_of_group(topics, count);
    return true;
}
