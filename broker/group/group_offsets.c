#include "broker/group/group_offsets.h"

#include <stdlib.h>

/* The place of `topic`, or where it would go. */
static int32_t topic_place(const struct group_offsets *o, struct str topic, bool *found)
{
    int32_t low = 0, high = o->count;
    *found = false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = str_compare(offset_topic_name(o->topics[middle]), topic);
        *found |= order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t partition_place(const struct offset_topic *t, int32_t partition,
                               bool *found)
{
    int32_t low = 0, high = t->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (t->items[middle].partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < t->count && t->items[low].partition == partition;
    return low;
}

/* Makes room for one more at `place` of an array; false without memory. */
static bool open_place(void **items, int32_t count, int32_t *cap, int32_t place,
                       size_t size)
{
    if (count == *cap) {
        int32_t more = *cap == 0 ? 1 : *cap * 2;
        void *grown = realloc(*items, (size_t)more * size);
        if (grown == NULL)
            return false;
        *items = grown;
        *cap = more;
    }
    char *at = (char *)*items + (size_t)place * size;
    memmove(at + size, at, (size_t)(count - place) * size);
    return true;
}

static void topic_free(struct offset_topic *t)
{
    for (int32_t i = 0; i < t->count; i++)
        free((char *)t->items[i].metadata.data);
    free(t->items);
    free(t);
}

void group_offsets_free(struct group_offsets *o)
{
    for (int32_t i = 0; i < o->count; i++)
        topic_free(o->topics[i]);
    free(o->topics);
    *o = GROUP_OFFSETS_INIT;
}

struct offset_topic *group_offsets_topic(const struct group_offsets *o,
                                         struct str topic)
{
    bool found;
    int32_t place = topic_place(o, topic, &found);
    return found ? o->topics[place] : NULL;
}

const struct committed_offset *group_offsets_find(const struct group_offsets *o,
                                                  struct str topic, int32_t partition)
{
    const struct offset_topic *t = group_offsets_topic(o, topic);
    if (t == NULL)
        return NULL;
    bool found;
    int32_t place = partition_place(t, partition, &found);
    return found ? &t->items[place] : NULL;
}

static struct offset_topic *add_topic(struct group_offsets *o, struct str topic,
                                      int32_t place)
{
    struct offset_topic *t = calloc(1, sizeof(*t) + (size_t)topic.len);
    if (t == NULL)
        return NULL;
    if (!open_place((void **)&o->topics, o->count, &o->cap, place,
                    sizeof(*o->topics))) {
        free(t);
        return NULL;
    }
    t->name_len = topic.len;
    memcpy(t->name, topic.data, (size_t)topic.len);
    o->topics[place] = t;
    o->count++;
    return t;
}

static void remove_topic(struct group_offsets *o, int32_t place)
{
    topic_free(o->topics[place]);
    o->count--;
    memmove(&o->topics[place], &o->topics[place + 1],
            (size_t)(o->count - place) * sizeof(*o->topics));
}

static bool put_in_topic(struct offset_topic *t, const struct committed_offset *offset)
{
    char *metadata = NULL;
    if (offset->metadata.len > 0) {
        metadata = malloc((size_t)offset->metadata.len);
        if (metadata == NULL)
            return false;
        memcpy(metadata, offset->metadata.data, (size_t)offset->metadata.len);
    }
    bool found;
    int32_t place = partition_place(t, offset->partition, &found);
    if (found) {
        free((char *)t->items[place].metadata.data);
    } else if (open_place((void **)&t->items, t->count, &t->cap, place,
                          sizeof(*t->items))) {
        t->count++;
    } else {
        free(metadata);
        return false;
    }
    t->items[place] = *offset;
    t->items[place].metadata = (struct str){metadata, offset->metadata.len};
    return true;
}

bool group_offsets_put(struct group_offsets *o, struct str topic, struct uuid topic_id,
                       const struct committed_offset *offset)
{
    bool found;
    int32_t place = topic_place(o, topic, &found);
    struct offset_topic *t = found ? o->topics[place] : add_topic(o, topic, place);
    if (t == NULL)
        return false;
    if (!put_in_topic(t, offset)) {
        if (t->count == 0)
            remove_topic(o, place);
        return false;
    }
    if (!uuid_is_zero(topic_id))
        t->id = topic_id;
    return true;
}

void group_offsets_remove(struct group_offsets *o, struct str topic, int32_t partition)
{
    bool found;
    int32_t topic_at = topic_place(o, topic, &found);
    if (!found)
        return;
    struct offset_topic *t = o->topics[topic_at];
    int32_t place = partition_place(t, partition, &found);
    if (!found)
        return;
    free((char *)t->items[place].metadata.data);
    t->count--;
    memmove(&t->items[place], &t->items[place + 1],
            (size_t)(t->count - place) * sizeof(*t->items));
    if (t->count == 0)
        remove_topic(o, topic_at);
}
