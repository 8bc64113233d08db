/* ListConfigResources (Kafka: KafkaApis.handleListConfigResources)
 *
 * Topics and brokers are listed because they exist, groups and client metrics because
 * they have an override. Version 0 knows client metrics only. */
#include "broker/api/api.h"
#include "broker/api/partition_listing.h"

typedef struct list_config_resources_response_config_resource resource;

struct listing {
    struct request *request;
    struct list_config_resources_response response;
    int32_t cap;
    enum config_resource_type type; /* of the overrides that are looked for */
    bool failed;
};

/* In the order in which they are listed. */
static const int8_t all_types[] = {
    CONFIG_RESOURCE_GROUP, CONFIG_RESOURCE_CLIENT_METRICS,
    CONFIG_RESOURCE_BROKER_LOGGER, CONFIG_RESOURCE_BROKER, CONFIG_RESOURCE_TOPIC};

static void add(struct listing *l, enum config_resource_type type, struct str name)
{
    struct list_config_resources_response *response = &l->response;
    if (response->config_resources_count == l->cap) {
        int32_t cap = l->cap == 0 ? 64 : l->cap * 2;
        resource *bigger =
            arena_array(&l->request->arena, (size_t)cap, sizeof(*bigger));
        if (bigger == NULL) {
            l->failed = true;
            return;
        }
        if (l->cap > 0)
            memcpy(bigger, response->config_resources,
                   (size_t)l->cap * sizeof(*bigger));
        response->config_resources = bigger;
        l->cap = cap;
    }
    response->config_resources[response->config_resources_count++] =
        (resource){.resource_name = name, .resource_type = (int8_t)type};
}

static void add_overridden(void *context, const struct metadata_config_resource *found)
{
    struct listing *l = context;
    if (found->type == l->type && !l->failed)
        add(l, found->type, found->name);
}

static void list_brokers(struct listing *l, enum config_resource_type type)
{
    struct request *r = l->request;
    int32_t count;
    const struct metadata_broker *const *brokers =
        metadata_image_brokers(r->node->image, &count);
    for (int32_t i = 0; i < count && !l->failed; i++)
        if (metadata_broker_endpoint(brokers[i], request_listener(r)) != NULL)
            add(l, type, arena_printf(&r->arena, "%d", brokers[i]->id));
}

static void list_topics(struct listing *l)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(l->request->node->image, &count);
    l->failed |= count < 0;
    for (int32_t i = 0; i < count && !l->failed; i++)
        add(l, CONFIG_RESOURCE_TOPIC, metadata_topic_name(topics[i]));
}

static void list_type(struct listing *l, enum config_resource_type type)
{
    switch (type) {
    case CONFIG_RESOURCE_BROKER:
    case CONFIG_RESOURCE_BROKER_LOGGER:
        list_brokers(l, type);
        break;
    case CONFIG_RESOURCE_TOPIC:
        list_topics(l);
        break;
    default:
        l->type = type;
        metadata_image_each_config_resource(l->request->node->image, add_overridden, l);
    }
}

static bool is_known(int8_t type)
{
    for (size_t i = 0; i < sizeof(all_types); i++)
        if (all_types[i] == type)
            return true;
    return false;
}

static bool is_wanted(const struct request *r,
                      const struct list_config_resources_request *m, int8_t type)
{
    if (r->version == 0)
        return type == CONFIG_RESOURCE_CLIENT_METRICS;
    for (int32_t i = 0; i < m->resource_types_count; i++)
        if (m->resource_types[i] == type)
            return true;
    return m->resource_types_count == 0;
}

static void handle(struct request *r)
{
    const struct list_config_resources_request *m = r->message;
    struct listing l = {.request = r, .response = LIST_CONFIG_RESOURCES_RESPONSE_INIT};
    for (int32_t i = 0; i < m->resource_types_count; i++)
        if (!is_known(m->resource_types[i]))
            l.response.error_code = KAFKA_UNSUPPORTED_VERSION;
    for (size_t i = 0; i < sizeof(all_types) && l.response.error_code == KAFKA_NONE;
         i++)
        if (is_wanted(r, m, all_types[i]))
            list_type(&l, (enum config_resource_type)all_types[i]);
    if (l.failed)
        request_refuse(r, "no memory for its answer");
    else
        request_respond(r, &l.response);
}

const struct api api_list_config_resources = {
    .key = API_LIST_CONFIG_RESOURCES,
    .min_version = 0,
    .max_version = 1,
    .request = &list_config_resources_request_type,
    .response = &list_config_resources_response_type,
    .handle = handle,
};
