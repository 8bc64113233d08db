/* DescribeCluster (Kafka: AuthHelper.computeDescribeClusterResponse) */
#include "broker/api/api.h"
#include "broker/api/partition_listing.h"

typedef struct describe_cluster_response_describe_cluster_broker broker_result;

enum endpoint_type { ENDPOINT_BROKER = 1, ENDPOINT_CONTROLLER = 2 };

static bool list_brokers(struct request *r, bool with_fenced,
                         struct describe_cluster_response *response)
{
    int32_t count;
    struct str listener = request_listener(r);
    const struct metadata_broker *const *brokers =
        metadata_image_brokers(r->node->image, &count);
    response->brokers = arena_array(&r->arena, (size_t)count, sizeof(broker_result));
    if (response->brokers == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct metadata_endpoint *endpoint =
            metadata_broker_endpoint(brokers[i], listener);
        if (endpoint == NULL || (brokers[i]->fenced && !with_fenced))
            continue;
        response->brokers[response->brokers_count++] = (broker_result){
            .broker_id = brokers[i]->id,
            .host = endpoint->host,
            .port = endpoint->port,
            .rack = brokers[i]->rack,
            .is_fenced = brokers[i]->fenced,
        };
    }
    return true;
}

/* Only brokers' endpoints are here to be asked for. */
static bool check_endpoint_type(struct request *r, int8_t type,
                                struct describe_cluster_response *response)
{
    if (type == ENDPOINT_BROKER)
        return true;
    response->endpoint_type = ENDPOINT_BROKER;
    if (type == ENDPOINT_CONTROLLER) {
        response->error_code =
            r->version == 0 ? KAFKA_INVALID_REQUEST : KAFKA_MISMATCHED_ENDPOINT_TYPE;
        response->error_message = STR_LITERAL(
            "The request was sent to an endpoint of type BROKER, but we wanted "
            "an endpoint of type CONTROLLER");
    } else {
        response->error_code =
            r->version == 0 ? KAFKA_INVALID_REQUEST : KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        response->error_message =
            arena_printf(&r->arena, "Unsupported endpoint type %d", type);
    }
    return false;
}

static void handle(struct request *r)
{
    const struct describe_cluster_request *m = r->message;
    struct describe_cluster_response response = DESCRIBE_CLUSTER_RESPONSE_INIT;
    if (!check_endpoint_type(r, m->endpoint_type, &response)) {
        request_respond(r, &response);
        return;
    }
    response.cluster_id = str_of(r->node->dir.cluster_id);
    response.controller_id = r->node->id; /* any broker is as good, as in Metadata */
    if (m->include_cluster_authorized_operations)
        response.cluster_authorized_operations = CLUSTER_OPERATIONS_ALL;
    if (list_brokers(r, m->include_fenced_brokers, &response))
        request_respond(r, &response);
    else
        request_refuse(r, "no memory for its answer");
}

const struct api api_describe_cluster = {
    .key = API_DESCRIBE_CLUSTER,
    .min_version = 0,
    .max_version = 2,
    .request = &describe_cluster_request_type,
    .response = &describe_cluster_response_type,
    .handle = handle,
};
