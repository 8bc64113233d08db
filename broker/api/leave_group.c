/* LeaveGroup (Kafka: GroupCoordinatorService.leaveGroup)
 *
 * Until version 2 one member leaves, and its error is the answer's; from version 3 on
 * there may be many, each with its own. */
#include "broker/api/groups.h"
#include "broker/group/consumer_classic.h"

typedef struct leave_group_request_member_identity member;

struct leaving {
    struct group_write base; /* first: on_committed() casts back */
    struct request *request;
    const member *members;
    int32_t count;
    enum kafka_error *errors; /* of each */
    struct leave_group_response response;
};

static void respond(struct leaving *l, enum kafka_error error)
{
    struct leave_group_response *response = &l->response;
    response->error_code = (int16_t)error;
    if (l->request->version < 3 && error == KAFKA_NONE)
        response->error_code = (int16_t)l->errors[0];
    for (int32_t i = 0; l->request->version >= 3 && error == KAFKA_NONE && i < l->count;
         i++) {
        response->members[i].member_id = l->members[i].member_id;
        response->members[i].group_instance_id = l->members[i].group_instance_id;
        response->members[i].error_code = (int16_t)l->errors[i];
        response->members_count++;
    }
    group_coordinator_answer(l->request->node->groups, l->request, response);
}

static void on_committed(struct group_write *write, enum kafka_error error)
{
    respond((struct leaving *)write, error);
}

static void leave_consumer(struct leaving *l, struct consumer_group *g)
{
    enum kafka_error error = consumer_classic_leave(
        g, l->members, l->count, &l->request->arena, l->errors, &l->base);
    if (error == KAFKA_NONE)
        group_shard_commit(l->base.shard, &l->base);
    else
        respond(l, error);
}

static void leave(struct leaving *l, struct str group_id)
{
    enum kafka_error error;
    struct group *g = groups_joined(l->request, group_id, &error);
    if (g != NULL && g->consumer != NULL) {
        leave_consumer(l, g->consumer);
        return;
    }
    for (int32_t i = 0; i < l->count; i++)
        l->errors[i] = KAFKA_UNKNOWN_MEMBER_ID;
    if (g != NULL)
        classic_group_leave(g->classic, l->members, l->count, l->errors);
    respond(l, error == KAFKA_UNKNOWN_MEMBER_ID ? KAFKA_NONE : error);
}

static struct leaving *leaving_create(struct request *r)
{
    const struct leave_group_request *m = r->message;
    struct leaving *l = arena_alloc(&r->arena, sizeof(*l));
    member *alone = arena_alloc(&r->arena, sizeof(*alone));
    if (l == NULL || alone == NULL)
        return NULL;
    alone->member_id = m->member_id;
    l->base.done = on_committed;
    l->request = r;
    l->members = r->version < 3 ? alone : m->members;
    l->count = r->version < 3 ? 1 : m->members_count;
    l->response = LEAVE_GROUP_RESPONSE_INIT;
    l->errors = arena_array(&r->arena, (size_t)l->count, sizeof(*l->errors));
    l->response.members =
        arena_array(&r->arena, (size_t)l->count, sizeof(*l->response.members));
    return l->errors == NULL || l->response.members == NULL ? NULL : l;
}

static void handle(struct request *r)
{
    const struct leave_group_request *m = r->message;
    struct group_coordinator *c = r->node->groups;
    struct leaving *l = leaving_create(r);
    if (l == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    leave(l, m->group_id);
    group_coordinator_settle(c);
}

const struct api api_leave_group = {
    .key = API_LEAVE_GROUP,
    .min_version = 0,
    .max_version = 5,
    .request = &leave_group_request_type,
    .response = &leave_group_response_type,
    .handle = handle,
};
