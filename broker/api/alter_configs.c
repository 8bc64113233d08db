/* AlterConfigs: what it means is judged in replication/controller_alter.c. */
#include "broker/api/controller_call.h"

static void handle(struct request *r)
{
    struct controller_call *call = controller_call_begin(r);
    if (call != NULL)
        controller_alter_configs(r->node->controller, &call->base, r->message,
                                 call->response);
}

const struct api api_alter_configs = {
    .key = API_ALTER_CONFIGS,
    .min_version = 0,
    .max_version = 2,
    .request = &alter_configs_request_type,
    .response = &alter_configs_response_type,
    .handle = handle,
};
