#include "broker/api/groups.h"

enum kafka_error groups_shard(struct request *r, struct str group_id,
                              struct group_shard **out)
{
    *out = NULL;
    if (group_id.len == 0)
        return KAFKA_INVALID_GROUP_ID;
    return group_coordinator_shard(r->node->groups, group_id, out);
}

struct group *groups_joined(struct request *r, struct str group_id,
                            enum kafka_error *error)
{
    struct group_shard *shard;
    *error = groups_shard(r, group_id, &shard);
    if (*error != KAFKA_NONE)
        return NULL;
    struct group *g = group_table_find(&shard->table, group_id);
    if (g != NULL && (g->classic != NULL || g->consumer != NULL))
        return g;
    *error = KAFKA_UNKNOWN_MEMBER_ID;
    return NULL;
}

bool groups_have_consumer_protocol(const struct request *r)
{
    const struct name_list *protocols =
        &r->node->config->group_coordinator_rebalance_protocols;
    bool named = false;
    for (size_t i = 0; i < protocols->count; i++)
        named |= strcmp(protocols->items[i], "consumer") == 0;
    return named &&
           metadata_image_feature(r->node->image, STR_LITERAL("group.version")) >= 1;
}

struct bytes groups_copy(struct request *r, struct bytes b)
{
    if (b.data == NULL)
        return BYTES_EMPTY;
    struct str copy = arena_str(&r->arena, (struct str){(const char *)b.data, b.len});
    return (struct bytes){(const uint8_t *)copy.data, copy.len};
}

struct committed_wait {
    struct group_write base; /* first: on_committed() casts back */
    struct request *request;
};

static void on_committed(struct group_write *write, enum kafka_error error)
{
    (void)error; /* the shard's state says the same to the handler */
    struct request *r = ((struct committed_wait *)write)->request;
    r->api->handle(r);
}

bool groups_wait_committed(struct request *r, struct group_shard *shard)
{
    if (shard->writes == NULL)
        return false;
    struct committed_wait *w = arena_alloc(&r->arena, sizeof(*w));
    if (w == NULL)
        return false;
    w->base.done = on_committed;
    w->base.last_offset = shard->writes->prev->last_offset; /* the newest */
    w->request = r;
    group_shard_commit(shard, &w->base);
    return true;
}

void groups_respond(struct request *r, const void *response)
{
    struct group_coordinator *c = r->node->groups;
    request_respond(r, response);
    group_coordinator_settle(c);
}

struct str groups_client_host(struct request *r)
{
    return arena_printf(&r->arena, "/%s", connection_links(r->connection)->ip);
}
