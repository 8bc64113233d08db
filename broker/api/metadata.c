/* Metadata (Kafka: KafkaApis.handleTopicMetadataRequest, KRaftMetadataCache)
 *
 * Answered from the image. The arrays of replicas are the image's own, so an
 * answer costs one struct a partition.
 *
 * A topic that is not there may be created by asking for it. Kafka then answers
 * UNKNOWN_TOPIC_OR_PARTITION, and the client asks again until the topic has
 * appeared; here the answer waits until it serves, and the client never sees the
 * error. */
#include <stdlib.h>

#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/api/partition_listing.h"
#include "replication/topic_name.h"

typedef struct metadata_request_metadata_request_topic topic_request;
typedef struct metadata_response_metadata_response_topic topic_result;
typedef struct metadata_response_metadata_response_partition partition_result;
typedef struct metadata_response_metadata_response_broker broker_result;
typedef struct create_topics_response_creatable_topic_result creation_result;

/* A creation under way, then its outcome. */
struct creation {
    struct controller_request base; /* first: on_created() casts back */
    struct request *request;
    struct controller_auto_create topics;
    struct create_topics_response response;
};

/* A topic that the request names, by id or by name; the other is empty. */
struct wanted_topic {
    struct str name;
    struct uuid id;
    bool repeated; /* the same was named before */
};

struct wanted_list {
    struct wanted_topic *items;
    int count;
};

/* In version 0 an empty list asks for all topics, since then a null one does. */
static bool asks_for_all(const struct request *r, const struct metadata_request *m)
{
    return m->topics_count < 0 || (m->topics_count == 0 && r->version == 0);
}

/* Versions 10 and 11 have room for ids, but Kafka does not serve them there. A
 * topic without name and id is none; Kafka stumbles over it, UNKNOWN_SERVER_ERROR. */
static bool is_valid(const struct request *r, const struct metadata_request *m,
                     bool by_id)
{
    for (int32_t i = 0; i < m->topics_count; i++) {
        const topic_request *topic = &m->topics[i];
        if (r->version < 12 &&
            (topic->name.data == NULL || !uuid_is_zero(topic->topic_id)))
            return false;
        if (!by_id && topic->name.data == NULL)
            return false;
    }
    return true;
}

/* One id, and names do not count. */
static bool asks_by_id(const struct metadata_request *m)
{
    for (int32_t i = 0; i < m->topics_count; i++) {
        if (!uuid_is_zero(m->topics[i].topic_id))
            return true;
    }
    return false;
}

static int compare_wanted(const void *a, const void *b)
{
    const struct wanted_topic *x = *(struct wanted_topic *const *)a;
    const struct wanted_topic *y = *(struct wanted_topic *const *)b;
    int order = memcmp(x->id.bytes, y->id.bytes, sizeof(x->id.bytes));
    if (order == 0)
        order = (x->name.len > y->name.len) - (x->name.len < y->name.len);
    if (order == 0 && x->name.len > 0)
        order = memcmp(x->name.data, y->name.data, (size_t)x->name.len);
    if (order == 0)
        order = (x > y) - (x < y);
    return order;
}

static bool mark_repeated(struct arena *arena, const struct wanted_list *list)
{
    struct wanted_topic **sorted =
        arena_array(arena, (size_t)list->count, sizeof(*sorted));
    if (sorted == NULL)
        return false;
    for (int i = 0; i < list->count; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, (size_t)list->count, sizeof(*sorted), compare_wanted);
    for (int i = 1; i < list->count; i++)
        sorted[i]->repeated = uuid_equal(sorted[i]->id, sorted[i - 1]->id) &&
                              str_equal(sorted[i]->name, sorted[i - 1]->name);
    return true;
}

static bool list_wanted(struct request *r, const struct metadata_request *m, bool by_id,
                        struct wanted_list *out)
{
    *out = (struct wanted_list){
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(*out->items)), 0};
    if (out->items == NULL)
        return false;
    for (int32_t i = 0; i < m->topics_count; i++) {
        const topic_request *topic = &m->topics[i];
        if (!by_id)
            out->items[out->count++] = (struct wanted_topic){.name = topic->name};
        else if (!uuid_is_zero(topic->topic_id))
            out->items[out->count++] = (struct wanted_topic){.id = topic->topic_id};
    }
    return mark_repeated(&r->arena, out);
}

static bool set_replicas(struct request *r, const struct metadata_partition *p,
                         partition_result *result)
{
    struct broker_ids replicas = metadata_partition_replicas(p);
    struct broker_ids isr = metadata_partition_isr(p);
    /* Version 0 shows no broker that cannot be reached, and calls it an error. */
    if (r->version == 0) {
        struct broker_ids all_replicas = replicas, all_isr = isr;
        const struct metadata_image *image = r->node->image;
        struct str listener = request_listener(r);
        if (!broker_ids_reachable(image, listener, all_replicas, &r->arena,
                                  &replicas) ||
            !broker_ids_reachable(image, listener, all_isr, &r->arena, &isr))
            return false;
        bool missing = replicas.count < all_replicas.count || isr.count < all_isr.count;
        if (result->error_code == KAFKA_NONE && missing)
            result->error_code = KAFKA_REPLICA_NOT_AVAILABLE;
    }
    /* Borrowed from the image: the encoder only reads them. */
    result->replica_nodes = (int32_t *)replicas.ids;
    result->replica_nodes_count = replicas.count;
    result->isr_nodes = (int32_t *)isr.ids;
    result->isr_nodes_count = isr.count;
    return true;
}

static bool list_partition(struct request *r, int32_t index,
                           const struct metadata_partition *p, partition_result *result)
{
    enum kafka_error without_listener =
        r->version >= 6 ? KAFKA_LISTENER_NOT_FOUND : KAFKA_LEADER_NOT_AVAILABLE;
    struct partition_listing listing;
    if (!partition_listing_of(r->node->image, request_listener(r), p, without_listener,
                              &r->arena, &listing))
        return false;
    *result = (partition_result){
        .error_code = listing.error,
        .partition_index = index,
        .leader_id = listing.leader,
        .leader_epoch = p->leader_epoch,
        .offline_replicas = (int32_t *)listing.offline.ids,
        .offline_replicas_count = listing.offline.count,
    };
    return set_replicas(r, p, result);
}

static bool list_topic(struct request *r, const struct metadata_topic *topic,
                       topic_result *result)
{
    result->name = metadata_topic_name(topic);
    result->topic_id = topic->id;
    result->is_internal = metadata_topic_is_internal(result->name);
    result->partitions = arena_array(&r->arena, (size_t)topic->partition_count,
                                     sizeof(partition_result));
    if (result->partitions == NULL)
        return false;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct metadata_partition *p = metadata_topic_partition(topic, i);
        if (p != NULL &&
            !list_partition(r, i, p, &result->partitions[result->partitions_count++]))
            return false;
    }
    return true;
}

static int compare_creations(const void *a, const void *b)
{
    const creation_result *x = a, *y = b;
    if (x->name.len != y->name.len)
        return x->name.len < y->name.len ? -1 : 1;
    return memcmp(x->name.data, y->name.data, (size_t)x->name.len);
}

/* Why there is still no such topic. */
static enum kafka_error creation_error(const struct creation *c, struct str name)
{
    creation_result key = {.name = name};
    if (c == NULL || c->response.topics_count <= 0)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    const creation_result *found =
        bsearch(&key, c->response.topics, (size_t)c->response.topics_count, sizeof(key),
                compare_creations);
    if (found == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    /* It was there, and somebody has deleted it since: the client asks again. */
    if (found->error_code == KAFKA_NONE ||
        found->error_code == KAFKA_TOPIC_ALREADY_EXISTS)
        return KAFKA_LEADER_NOT_AVAILABLE;
    return found->error_code;
}

static void list_missing(struct request *r, const struct wanted_topic *wanted,
                         topic_result *result)
{
    result->name = wanted->name;
    result->topic_id = wanted->id;
    if (wanted->name.data == NULL) {
        result->error_code = KAFKA_UNKNOWN_TOPIC_ID;
        return;
    }
    result->is_internal = metadata_topic_is_internal(wanted->name);
    result->error_code = topic_name_check(wanted->name, NULL) != 0
                             ? KAFKA_INVALID_TOPIC_EXCEPTION
                             : creation_error(r->state, wanted->name);
}

static const struct metadata_topic *find_topic(const struct request *r,
                                               const struct wanted_topic *wanted)
{
    return lookup_topic(r->node, wanted->name, wanted->id, wanted->name.data == NULL);
}

static bool list_wanted_topics(struct request *r, const struct wanted_list *wanted,
                               struct metadata_response *response)
{
    response->topics =
        arena_array(&r->arena, (size_t)wanted->count, sizeof(topic_result));
    if (response->topics == NULL)
        return false;
    for (int i = 0; i < wanted->count; i++) {
        if (wanted->items[i].repeated)
            continue;
        const struct metadata_topic *topic = find_topic(r, &wanted->items[i]);
        topic_result *result = &response->topics[response->topics_count++];
        *result = METADATA_RESPONSE_METADATA_RESPONSE_TOPIC_INIT;
        if (topic == NULL)
            list_missing(r, &wanted->items[i], result);
        else if (!list_topic(r, topic, result))
            return false;
    }
    return true;
}

static bool list_all_topics(struct request *r, struct metadata_response *response)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(r->node->image, &count);
    if (count < 0)
        return false;
    response->topics = arena_array(&r->arena, (size_t)count, sizeof(topic_result));
    if (response->topics == NULL)
        return false;
    response->topics_count = count;
    for (int32_t i = 0; i < count; i++) {
        response->topics[i] = METADATA_RESPONSE_METADATA_RESPONSE_TOPIC_INIT;
        if (!list_topic(r, topics[i], &response->topics[i]))
            return false;
    }
    return true;
}

static bool list_brokers(struct request *r, struct metadata_response *response)
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
        if (brokers[i]->fenced || endpoint == NULL)
            continue;
        response->brokers[response->brokers_count++] = (broker_result){
            .node_id = brokers[i]->id,
            .host = endpoint->host,
            .port = endpoint->port,
            .rack = brokers[i]->rack,
        };
    }
    return true;
}

/* Nothing is forbidden yet, so whoever asks may do all. An unknown id has no name
 * that could be allowed anything. */
static void list_operations(const struct metadata_request *m,
                            struct metadata_response *response)
{
    if (m->include_cluster_authorized_operations)
        response->cluster_authorized_operations = CLUSTER_OPERATIONS_ALL;
    for (int32_t i = 0;
         m->include_topic_authorized_operations && i < response->topics_count; i++) {
        if (response->topics[i].name.data != NULL)
            response->topics[i].topic_authorized_operations = TOPIC_OPERATIONS_ALL;
    }
}

/* `wanted` NULL: all topics. */
static void respond(struct request *r, const struct wanted_list *wanted)
{
    struct metadata_response response = METADATA_RESPONSE_INIT;
    response.cluster_id = str_of(r->node->dir.cluster_id);
    /* Every broker passes on what is the controller's, so this one is as good as
     * any; Kafka names one at random. */
    response.controller_id = r->node->id;
    bool ok = list_brokers(r, &response) &&
              (wanted == NULL ? list_all_topics(r, &response)
                              : list_wanted_topics(r, wanted, &response));
    if (!ok) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    list_operations(r->message, &response);
    request_respond(r, &response);
}

/* As Kafka answers a request that is wrong as a whole: no brokers, and the error
 * at each topic. */
static void respond_invalid(struct request *r, const struct metadata_request *m)
{
    struct metadata_response response = METADATA_RESPONSE_INIT;
    response.topics =
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(topic_result));
    if (response.topics == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    for (int32_t i = 0; i < m->topics_count; i++) {
        topic_result *result = &response.topics[response.topics_count++];
        *result = METADATA_RESPONSE_METADATA_RESPONSE_TOPIC_INIT;
        result->error_code = KAFKA_INVALID_REQUEST;
        result->name =
            m->topics[i].name.data == NULL ? STR_LITERAL("") : m->topics[i].name;
        result->topic_id = m->topics[i].topic_id;
    }
    request_respond(r, &response);
}

static void handle(struct request *r);

static void on_created(struct controller_request *base, int rc, const struct err *err)
{
    struct creation *c = (struct creation *)base;
    (void)rc; /* without a response the topics are missing, which the client hears */
    (void)err;
    if (c->response.topics_count > 0)
        qsort(c->response.topics, (size_t)c->response.topics_count,
              sizeof(creation_result), compare_creations);
    handle(c->request);
}

/* True: the request is handled again once the missing topics are created. */
static bool create_missing(struct request *r, const struct wanted_list *wanted)
{
    struct str *names = arena_array(&r->arena, (size_t)wanted->count, sizeof(*names));
    struct creation *c = arena_alloc(&r->arena, sizeof(*c));
    if (names == NULL || c == NULL)
        return false;
    int count = 0;
    for (int i = 0; i < wanted->count; i++) {
        const struct wanted_topic *topic = &wanted->items[i];
        if (!topic->repeated && find_topic(r, topic) == NULL &&
            topic_name_check(topic->name, NULL) == 0)
            names[count++] = topic->name;
    }
    if (count == 0)
        return false;
    c->request = r;
    c->base = (struct controller_request){
        .done = on_created, .arena = &r->arena, .node_id = r->node->id};
    c->topics = (struct controller_auto_create){names, count};
    c->response = CREATE_TOPICS_RESPONSE_INIT;
    r->state = c;
    controller_auto_create_topics(r->node->controller, &c->base, &c->topics,
                                  &c->response);
    return true;
}

static void handle(struct request *r)
{
    const struct metadata_request *m = r->message;
    struct wanted_list wanted;
    bool by_id = asks_by_id(m);
    if (asks_for_all(r, m)) {
        respond(r, NULL);
        return;
    }
    if (!is_valid(r, m, by_id)) {
        respond_invalid(r, m);
        return;
    }
    if (!list_wanted(r, m, by_id, &wanted)) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    bool may_create = m->allow_auto_topic_creation && !by_id && r->state == NULL &&
                      r->node->config->auto_create_topics_enable;
    if (!may_create || !create_missing(r, &wanted))
        respond(r, &wanted);
}

const struct api api_metadata = {
    .key = API_METADATA,
    .min_version = 0,
    .max_version = 13,
    .request = &metadata_request_type,
    .response = &metadata_response_type,
    .handle = handle,
};
