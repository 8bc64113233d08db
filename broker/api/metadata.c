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

/* What the request names, each once, in its order. */
struct wanted_topic {
    struct str name; /* null: asked for by id */
    struct uuid id;
    int place; /* in the request */
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

/* Versions 10 and 11 have room for ids, but Kafka does not serve them there. And
 * a topic without name and id is none. */
static bool is_valid(const struct request *r, const struct metadata_request *m, bool by_id)
{
    for (int32_t i = 0; i < m->topics_count; i++) {
        const topic_request *topic = &m->topics[i];
        if (r->version < 12 && (topic->name.data == NULL || !uuid_is_zero(topic->topic_id)))
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
