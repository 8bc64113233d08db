/* DeleteGroups (Kafka: GroupCoordinatorShard.deleteGroups)
 *
 * A group without members goes with its offsets, in one batch of tombstones. Each
 * group of the request is answered by itself, and the answer waits for all. */
#include "broker/api/groups.h"
#include "broker/group/group_expiry.h"

typedef struct delete_groups_response_deletable_group_result result;

struct deletion; /* of the request */

struct deleted_group {
    struct group_write base; /* first: on_deleted() casts back */
    struct deletion *deletion;
    result *result;
};

struct deletion {
    struct request *request;
    struct delete_groups_response response;
    struct deleted_group *groups;
    int32_t waiting; /* groups that are not answered yet, and one for the handler */
};

static void answered(struct deletion *d)
{
    if (--d->waiting == 0)
        group_coordinator_answer(d->request->node->groups, d->request, &d->response);
}

static void on_deleted(struct group_write *write, enum kafka_error error)
{
    struct deleted_group *g = (struct deleted_group *)write;
    g->result->error_code = (int16_t)error;
    answered(g->deletion);
}

static enum kafka_error delete_group(struct deleted_group *deleted, struct str id)
{
    struct request *r = deleted->deletion->request;
    struct group_shard *shard;
    enum kafka_error error = group_coordinator_shard(r->node->groups, id, &shard);
    if (error != KAFKA_NONE)
        return error;
    struct group *g = group_table_find(&shard->table, id);
    error = g == NULL ? KAFKA_GROUP_ID_NOT_FOUND : group_may_delete(g);
    if (error != KAFKA_NONE)
        return error;
    struct group_records records;
    group_records_init(&records, clock_wall_ms(r->node->env.clock));
    group_records_all_offsets_gone(&records, g);
    group_write_tombstones(g, &records);
    error = group_shard_append(shard, &records, &deleted->base);
    if (error != KAFKA_NONE)
        return error;
    trace_info(r->node->env.trace, "group %.*s is deleted", STR_ARGS(id));
    group_table_remove(&shard->table, g);
    group_shard_commit(shard, &deleted->base);
    return KAFKA_NONE;
}

static bool named_before(const struct delete_groups_request *m, int32_t i)
{
    for (int32_t n = 0; n < i; n++) {
        if (str_equal(m->groups_names[n], m->groups_names[i]))
            return true;
    }
    return false;
}

static void delete_named(struct deletion *d, const struct delete_groups_request *m)
{
    for (int32_t i = 0; i < m->groups_names_count; i++) {
        if (named_before(m, i))
            continue;
        struct deleted_group *g = &d->groups[d->response.results_count];
        g->base.done = on_deleted;
        g->deletion = d;
        g->result = &d->response.results[d->response.results_count++];
        g->result->group_id = m->groups_names[i];
        d->waiting++;
        enum kafka_error error = delete_group(g, m->groups_names[i]);
        if (error != KAFKA_NONE)
            on_deleted(&g->base, error);
    }
}

static void handle(struct request *r)
{
    const struct delete_groups_request *m = r->message;
    struct group_coordinator *c = r->node->groups;
    size_t count = (size_t)m->groups_names_count;
    struct deletion *d = arena_alloc(&r->arena, sizeof(*d));
    if (d != NULL) {
        d->groups = arena_array(&r->arena, count, sizeof(*d->groups));
        d->response.results =
            arena_array(&r->arena, count, sizeof(*d->response.results));
    }
    if (d == NULL || d->groups == NULL || d->response.results == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    d->request = r;
    d->waiting = 1;
    delete_named(d, m);
    answered(d);
    group_coordinator_settle(c);
}

const struct api api_delete_groups = {
    .key = API_DELETE_GROUPS,
    .min_version = 0,
    .max_version = 2,
    .request = &delete_groups_request_type,
    .response = &delete_groups_response_type,
    .handle = handle,
};
