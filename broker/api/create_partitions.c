/* CreatePartitions: what it means is judged in replication/controller_partitions.c. */
#include "broker/api/controller_call.h"

static void handle(struct request *r)
{
    struct controller_call *call = controller_call_begin(r);
    if (call != NULL)
        controller_create_partitions(r->node->controller, &call->base, r->message,
                                     call->response);
}

const struct api api_create_partitions = {
    .key = API_CREATE_PARTITIONS,
    .min_version = 0,
    .max_version = 3,
    .request = &create_partitions_request_type,
    .response = &create_partitions_response_type,
    .handle = handle,
};
