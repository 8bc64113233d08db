/* LeaveGroup (Kafka: GroupCoordinatorService.leaveGroup)
 *
 * Until version 2 one member leaves, and its error is the answer's; from version 3 on
 * there may be many, each with its own. */
#include "broker/api/groups.h"

typedef struct leave_group_request_member_identity member;

static void leave(struct request *r, struct str group_id, const member *members,
                  int32_t count, enum kafka_error *errors,
                  struct leave_group_response *response)
{
    enum kafka_error error;
    struct classic_group *g = groups_classic(r, group_id, &error);
    if (g != NULL) {
        classic_group_leave(g, members, count, errors);
    } else if (error == KAFKA_UNKNOWN_MEMBER_ID) {
        for (int32_t i = 0; i < count; i++)
            errors[i] = error;
    } else {
        response->error_code = (int16_t)error;
    }
}

static void list_members(const member *members, int32_t count,
                         const enum kafka_error *errors,
                         struct leave_group_response *response)
{
    for (int32_t i = 0; i < count; i++) {
        response->members[i].member_id = members[i].member_id;
        response->members[i].group_instance_id = members[i].group_instance_id;
        response->members[i].error_code = (int16_t)errors[i];
    }
    response->members_count = count;
}

static void handle(struct request *r)
{
    const struct leave_group_request *m = r->message;
    member alone = {.member_id = m->member_id};
    const member *members = r->version < 3 ? &alone : m->members;
    int32_t count = r->version < 3 ? 1 : m->members_count;
    struct leave_group_response response = LEAVE_GROUP_RESPONSE_INIT;
    enum kafka_error *errors = arena_array(&r->arena, (size_t)count, sizeof(*errors));
    response.members = arena_array(&r->arena, (size_t)count, sizeof(*response.members));
    if (errors == NULL || response.members == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    leave(r, m->group_id, members, count, errors, &response);
    if (r->version < 3 && response.error_code == KAFKA_NONE)
        response.error_code = (int16_t)errors[0];
    else if (r->version >= 3 && response.error_code == KAFKA_NONE)
        list_members(members, count, errors, &response);
    groups_respond(r, &response);
}

const struct api api_leave_group = {
    .key = API_LEAVE_GROUP,
    .min_version = 0,
    .max_version = 5,
    .request = &leave_group_request_type,
    .response = &leave_group_response_type,
    .handle = handle,
};
