/* DeleteTopics: what it means is judged in replication/controller_delete.c. */
#include "broker/api/controller_call.h"

typedef struct delete_topics_response_deletable_topic_result topic_result;

/* Before version 3 there was no error for it (Kafka: ControllerApis.deleteTopics). */
static void refuse_as_before_version_3(struct request *r)
{
    const struct delete_topics_request *m = r->message;
    struct delete_topics_response response = DELETE_TOPICS_RESPONSE_INIT;
    response.responses =
        arena_array(&r->arena, (size_t)m->topic_names_count, sizeof(topic_result));
    if (response.responses == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    response.responses_count = m->topic_names_count;
    for (int32_t i = 0; i < m->topic_names_count; i++) {
        response.responses[i] = DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT_INIT;
        response.responses[i].name = m->topic_names[i];
        response.responses[i].error_code = KAFKA_INVALID_REQUEST;
    }
    request_respond(r, &response);
}

static void handle(struct request *r)
{
    if (!r->node->config->delete_topic_enable && r->version < 3) {
        refuse_as_before_version_3(r);
        return;
    }
    struct controller_call *call = controller_call_begin(r);
    if (call != NULL)
        controller_delete_topics(r->node->controller, &call->base, r->message,
                                 call->response);
}

const struct api api_delete_topics = {
    .key = API_DELETE_TOPICS,
    .min_version = 0,
    .max_version = 6,
    .request = &delete_topics_request_type,
    .response = &delete_topics_response_type,
    .handle = handle,
};
