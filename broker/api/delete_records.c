/* DeleteRecords (Kafka: ReplicaManager.deleteRecords)
 *
 * The log start offset of the leader is raised at once. With one replica that is
 * all; the low watermark in the answer is the log start offset. */
#include "broker/api/api.h"
#include "broker/api/lookup.h"

#define INVALID_LOW_WATERMARK (-1)

typedef struct delete_records_request_delete_records_topic topic_request;
typedef struct delete_records_request_delete_records_partition partition_request;
typedef struct delete_records_response_delete_records_topic_result topic_result;
typedef struct delete_records_response_delete_records_partition_result partition_result;

static int delete_records(struct node *node, struct str topic,
                          const partition_request *wanted, int64_t *low_watermark,
                          struct err *err)
{
    struct partition *p;
    int rc = lookup_partition(node, topic, UUID_ZERO, false, wanted->partition_index,
                              &p, err);
    if (rc == ERR_UNKNOWN_TOPIC_OR_PARTITION)
        return rc;
    if (metadata_topic_is_internal(topic))
        return err_set(err, ERR_INVALID_TOPIC, "%.*s is internal", STR_ARGS(topic));
    if (rc == 0)
        rc = partition_check_leader(p, -1, err);
    if (rc != 0)
        return rc;
    struct partition_log *log = partition_log_of(p);
    if (!partition_log_config(log)->cleanup_delete)
        return err_set(err, ERR_POLICY_VIOLATION,
                       "the cleanup.policy of %.*s does not allow it", STR_ARGS(topic));
    rc = partition_delete_records(p, wanted->offset, err);
    if (rc == 0)
        *low_watermark = partition_log_start_offset(log);
    return rc;
}

static void answer_partition(struct request *r, struct str topic,
                             const partition_request *wanted, partition_result *result)
{
    struct err err = {0};
    result->partition_index = wanted->partition_index;
    result->low_watermark = INVALID_LOW_WATERMARK;
    int rc = delete_records(r->node, topic, wanted, &result->low_watermark, &err);
    result->error_code = error_to_kafka(rc);
    if (rc != 0)
        trace_debug(r->node->env.trace, "DeleteRecords of %.*s-%d for %s: %s",
                    STR_ARGS(topic), wanted->partition_index, request_peer(r),
                    err.message);
}

static bool answer_topic(struct request *r, const topic_request *wanted,
                         topic_result *result)
{
    result->name = wanted->name;
    result->partitions = arena_array(&r->arena, (size_t)wanted->partitions_count,
                                     sizeof(partition_result));
    if (result->partitions == NULL)
        return false;
    result->partitions_count = wanted->partitions_count;
    for (int32_t i = 0; i < wanted->partitions_count; i++)
        answer_partition(r, wanted->name, &wanted->partitions[i],
                         &result->partitions[i]);
    return true;
}

/* False: the request has ended, or is handled again once the logs are open. */
static bool open_logs(struct request *r, const struct delete_records_request *m)
{
    size_t total = 0;
    for (int32_t t = 0; t < m->topics_count; t++)
        total += (size_t)m->topics[t].partitions_count;
    struct needed_logs needed;
    if (!needed_logs_begin(&needed, r, total))
        return false;
    for (int32_t t = 0; t < m->topics_count; t++) {
        const topic_request *topic = &m->topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++)
            needed_logs_add(&needed, topic->name, UUID_ZERO, false,
                            topic->partitions[i].partition_index);
    }
    return needed_logs_open(&needed);
}

static void handle(struct request *r)
{
    const struct delete_records_request *m = r->message;
    if (!open_logs(r, m))
        return;
    struct delete_records_response response = DELETE_RECORDS_RESPONSE_INIT;
    response.topics =
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(topic_result));
    bool ok = response.topics != NULL;
    for (int32_t t = 0; ok && t < m->topics_count; t++)
        ok = answer_topic(r, &m->topics[t], &response.topics[t]);
    if (!ok) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    response.topics_count = m->topics_count;
    request_respond(r, &response);
}

const struct api api_delete_records = {
    .key = API_DELETE_RECORDS,
    .min_version = 0,
    .max_version = 2,
    .request = &delete_records_request_type,
    .response = &delete_records_response_type,
    .handle = handle,
};
