#include "broker/api/leaders.h"

#include "broker/listener.h"

bool leaders_endpoint(const struct request *r, int32_t broker_id,
                      struct leader_endpoint *out)
{
    const struct listener *l = connection_links(r->connection)->listener;
    const struct metadata_broker *b = metadata_image_broker(r->node->image, broker_id);
    const struct metadata_endpoint *e =
        b == NULL ? NULL : metadata_broker_endpoint(b, str_of(l->name));
    if (e == NULL)
        return false;
    *out = (struct leader_endpoint){broker_id, e->host, e->port, b->rack};
    return true;
}

static void add(struct leaders *l, struct request *r, int32_t id)
{
    for (int32_t i = 0; i < l->count; i++) {
        if (l->items[i].id == id)
            return;
    }
    if (l->items == NULL) {
        int32_t brokers;
        metadata_image_brokers(r->node->image, &brokers);
        l->items = arena_array(&r->arena, (size_t)brokers, sizeof(*l->items));
    }
    if (l->items != NULL && leaders_endpoint(r, id, &l->items[l->count]))
        l->count++;
}

void leaders_tell(struct leaders *l, struct request *r, const struct partition *p,
                  int rc, int32_t *leader_id, int32_t *leader_epoch)
{
    if (p == NULL ||
        (rc != ERR_NOT_LEADER_OR_FOLLOWER && rc != ERR_FENCED_LEADER_EPOCH))
        return;
    *leader_id = p->leader_id;
    *leader_epoch = p->leader_epoch;
    if (p->leader_id >= 0)
        add(l, r, p->leader_id);
}
