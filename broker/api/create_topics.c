/* CreateTopics: what it means is judged in replication/controller_topics.c. */
#include "broker/api/controller_call.h"

static void handle(struct request *r)
{
    struct controller_call *call = controller_call_begin(r);
    if (call != NULL)
        controller_create_topics(r->node->controller, &call->base, r->message,
                                 call->response);
}

const struct api api_create_topics = {
    .key = API_CREATE_TOPICS,
    .min_version = 0,
    .max_version = 7,
    .request = &create_topics_request_type,
    .response = &create_topics_response_type,
    .handle = handle,
};
