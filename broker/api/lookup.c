#include "broker/api/lookup.h"

const struct metadata_topic *lookup_topic(const struct node *node, struct str name,
                                          struct uuid topic_id, bool by_id)
{
    if (by_id)
        return metadata_image_topic_by_id(node->image, topic_id);
    return name.data == NULL ? NULL : metadata_image_topic(node->image, name);
}

static int unknown_topic(struct str name, struct uuid topic_id, bool by_id,
                         struct err *err)
{
    char text[UUID_TEXT_SIZE];
    if (by_id)
        return err_set(err, ERR_UNKNOWN_TOPIC_ID, "no topic has the id %s",
                       uuid_text(topic_id, text));
    return err_set(err, ERR_UNKNOWN_TOPIC_OR_PARTITION, "no topic is named \"%.*s\"",
                   STR_ARGS(name));
}

int lookup_partition(const struct node *node, struct str name, struct uuid topic_id,
                     bool by_id, int32_t index, struct partition **out, struct err *err)
{
    *out = NULL;
    const struct metadata_topic *topic = lookup_topic(node, name, topic_id, by_id);
    if (topic == NULL)
        return unknown_topic(name, topic_id, by_id, err);
    if (metadata_topic_partition(topic, index) == NULL)
        return err_set(err, ERR_UNKNOWN_TOPIC_OR_PARTITION, "%s has no partition %d",
                       topic->name, index);
    struct partition *p = replica_manager_find(node->replicas, topic->id, index);
    if (p == NULL || p->gone)
        return err_set(err, ERR_NOT_LEADER_OR_FOLLOWER,
                       "node %d has no replica of %s-%d", node->id, topic->name, index);
    *out = p;
    return 0;
}

bool needed_logs_begin(struct needed_logs *n, struct request *r, size_t most)
{
    struct partition **items = arena_array(&r->arena, most, sizeof(struct partition *));
    *n = (struct needed_logs){.request = r, .items = items};
    if (items == NULL)
        request_refuse(r, "no memory for its answer");
    return items != NULL;
}

void needed_logs_add(struct needed_logs *n, struct str name, struct uuid topic_id,
                     bool by_id, int32_t index)
{
    struct partition *found;
    if (lookup_partition(n->request->node, name, topic_id, by_id, index, &found,
                         NULL) == 0)
        n->items[n->count++] = found;
}

bool needed_logs_open(const struct needed_logs *n)
{
    return request_open_logs(n->request, n->items, n->count);
}
