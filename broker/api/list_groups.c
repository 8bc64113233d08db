/* ListGroups (Kafka: GroupMetadataManager.listGroups)
 *
 * All groups of all partitions that this node leads, so it waits until they are
 * loaded. Filters are names of states and, from version 5 on, of kinds; case does not
 * matter, and a name that nobody knows fits no group. */
#include <strings.h>

#include "broker/api/groups.h"

typedef struct list_groups_response_listed_group listed_group;

struct listing {
    struct request *request;
    struct list_groups_response response;
    int32_t room;
};

static struct str trimmed(struct str s)
{
    while (s.len > 0 && (uint8_t)s.data[0] <= ' ')
        s = (struct str){s.data + 1, s.len - 1};
    while (s.len > 0 && (uint8_t)s.data[s.len - 1] <= ' ')
        s.len--;
    return s;
}

static bool filter_has(const struct str *names, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++) {
        struct str wanted = trimmed(names[i]);
        if ((size_t)wanted.len == strlen(name) &&
            strncasecmp(wanted.data, name, (size_t)wanted.len) == 0)
            return true;
    }
    return count == 0;
}

static void list_group(struct listing *l, const struct group *g)
{
    struct request *r = l->request;
    const struct list_groups_request *m = r->message;
    const char *state = group_state_name(g), *kind = group_kind_name(g->kind);
    if (!filter_has(m->states_filter, m->states_filter_count, state) ||
        !filter_has(m->types_filter, m->types_filter_count, kind))
        return;
    l->response.groups[l->response.groups_count++] = (listed_group){
        .group_id = arena_str(&r->arena, group_id(g)),
        .protocol_type = arena_str(&r->arena, group_protocol_type(g)),
        .group_state = str_of(state),
        .group_type = str_of(kind),
    };
}

static void count_groups(void *context, struct group_shard *shard)
{
    struct listing *l = context;
    l->room += (int32_t)HASH_COUNT(shard->table.groups);
}

static void list_shard(void *context, struct group_shard *shard)
{
    for (struct group *g = shard->table.groups; g != NULL; g = g->hh.next)
        list_group(context, g);
}

static void handle(struct request *r)
{
    struct group_coordinator *c = r->node->groups;
    if (group_coordinator_wait_all(c, r))
        return;
    struct listing l = {.request = r, .response = LIST_GROUPS_RESPONSE_INIT};
    group_coordinator_each(c, count_groups, &l);
    l.response.groups =
        arena_array(&r->arena, (size_t)l.room, sizeof(*l.response.groups));
    if (l.response.groups == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    group_coordinator_each(c, list_shard, &l);
    groups_respond(r, &l.response);
}

const struct api api_list_groups = {
    .key = API_LIST_GROUPS,
    .min_version = 0,
    .max_version = 5,
    .request = &list_groups_request_type,
    .response = &list_groups_response_type,
    .handle = handle,
};
