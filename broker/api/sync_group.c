/* SyncGroup (Kafka: GroupCoordinatorService.syncGroup)
 *
 * As JoinGroup, the answer may wait: for the leader's assignment to be stored. */
#include <stdlib.h>

#include "broker/api/groups.h"
#include "broker/group/consumer_classic.h"

struct waiting_sync {
    struct classic_sync base; /* first: on_synced() casts back */
    struct request *request;  /* NULL: its client is gone */
};

/* A copy: the group goes on, the answer is sent later. */
static struct sync_group_response *response_of(struct request *r,
                                               const struct sync_result *result)
{
    struct sync_group_response *response = arena_alloc(&r->arena, sizeof(*response));
    if (response == NULL)
        return NULL;
    *response = SYNC_GROUP_RESPONSE_INIT;
    response->error_code = (int16_t)result->error;
    response->protocol_type = arena_str(&r->arena, result->protocol_type);
    response->protocol_name = arena_str(&r->arena, result->protocol_name);
    response->assignment = groups_copy(r, result->assignment);
    return response->assignment.data == NULL ? NULL : response;
}

static void on_synced(struct classic_sync *base, const struct sync_result *result)
{
    struct waiting_sync *w = (struct waiting_sync *)base;
    struct request *r = w->request;
    free(w);
    if (r == NULL)
        return;
    r->peer_gone = NULL;
    r->state = NULL;
    struct sync_group_response *response = response_of(r, result);
    if (response == NULL)
        request_refuse(r, "no memory for its answer");
    else
        group_coordinator_answer(r->node->groups, r, response);
}

static void on_peer_gone(struct request *r)
{
    struct waiting_sync *w = r->state;
    struct sync_group_response response = SYNC_GROUP_RESPONSE_INIT;
    response.error_code = KAFKA_NOT_COORDINATOR;
    w->request = NULL;
    r->peer_gone = NULL;
    request_respond(r, &response);
}

static void respond_error(struct request *r, enum kafka_error error)
{
    struct sync_group_response response = SYNC_GROUP_RESPONSE_INIT;
    response.error_code = (int16_t)error;
    groups_respond(r, &response);
}

/* In a consumer group the assignment is there; it may only have to be committed. */
static void sync_consumer(struct request *r, struct group_shard *shard,
                          struct consumer_group *g)
{
    const struct sync_group_request *m = r->message;
    struct bytes assignment = BYTES_EMPTY;
    if (r->state == NULL && groups_wait_committed(r, shard)) {
        r->state = shard; /* once is enough */
        return;
    }
    enum kafka_error error = consumer_classic_sync(g, m, &r->arena, &assignment);
    if (error != KAFKA_NONE) {
        respond_error(r, error);
        return;
    }
    struct sync_group_response response = SYNC_GROUP_RESPONSE_INIT;
    response.protocol_type = m->protocol_type;
    response.protocol_name = m->protocol_name;
    response.assignment = assignment;
    groups_respond(r, &response);
}

static void sync_classic(struct request *r, struct classic_group *g)
{
    struct waiting_sync *w = malloc(sizeof(*w));
    if (w == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    w->base.done = on_synced;
    w->request = r;
    r->state = w;
    r->peer_gone = on_peer_gone;
    struct group_coordinator *c = r->node->groups;
    classic_group_sync(g, r->message, &w->base);
    group_coordinator_settle(c);
}

static void handle(struct request *r)
{
    const struct sync_group_request *m = r->message;
    enum kafka_error error = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    struct group_shard *shard;
    struct group *g = NULL;
    /* Version 5 must say what the member believes was chosen. */
    if (r->version < 5 ||
        (m->protocol_type.data != NULL && m->protocol_name.data != NULL))
        g = groups_joined(r, m->group_id, &error);
    if (g == NULL)
        respond_error(r, error);
    else if (g->classic != NULL)
        sync_classic(r, g->classic);
    else if (groups_shard(r, m->group_id, &shard) == KAFKA_NONE)
        sync_consumer(r, shard, g->consumer);
}

const struct api api_sync_group = {
    .key = API_SYNC_GROUP,
    .min_version = 0,
    .max_version = 5,
    .request = &sync_group_request_type,
    .response = &sync_group_response_type,
    .handle = handle,
};
