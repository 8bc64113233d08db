/* Heartbeat (Kafka: GroupCoordinatorService.heartbeat) */
#include "broker/api/groups.h"
#include "broker/group/consumer_classic.h"

static void handle(struct request *r)
{
    const struct heartbeat_request *m = r->message;
    struct heartbeat_response response = HEARTBEAT_RESPONSE_INIT;
    enum kafka_error error;
    struct group *g = groups_joined(r, m->group_id, &error);
    if (g != NULL)
        error = g->classic != NULL ? classic_group_heartbeat(g->classic, m)
                                   : consumer_classic_heartbeat(g->consumer, m);
    /* The session begins anew when the group is loaded, so all is well. */
    if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS)
        error = KAFKA_NONE;
    response.error_code = (int16_t)error;
    groups_respond(r, &response);
}

const struct api api_heartbeat = {
    .key = API_HEARTBEAT,
    .min_version = 0,
    .max_version = 4,
    .request = &heartbeat_request_type,
    .response = &heartbeat_response_type,
    .handle = handle,
};
