/* OffsetForLeaderEpoch (Kafka: Partition.lastOffsetForLeaderEpoch, KIP-101,
 * KIP-279, KIP-320): where a leader epoch ended, so that consumers and followers
 * notice that what they have read was truncated. */
#include "broker/api/api.h"
#include "broker/api/lookup.h"

typedef struct offset_for_leader_epoch_request_offset_for_leader_topic topic_request;
typedef struct offset_for_leader_epoch_request_offset_for_leader_partition
    partition_request;
typedef struct offset_for_leader_epoch_response_offset_for_leader_topic_result
    topic_result;
typedef struct offset_for_leader_epoch_response_epoch_end_offset partition_result;

/* Kafka notes a new leader epoch in the log when leadership begins, Gregor with
 * the epoch's first record. So an epoch that leads and has written nothing yet is
 * thought in here: it begins at the log's end. */
static void find_end(const struct partition *p, int32_t leader_epoch,
                     partition_result *result)
{
    struct partition_log *log = partition_log_of(p);
    const struct leader_epoch_cache *epochs = partition_log_leader_epochs(log);
    int64_t end = partition_log_end_offset(log);
    struct leader_epoch_entry latest;
    bool any = leader_epoch_cache_latest(epochs, &latest);
    bool before = leader_epoch != -1 && leader_epoch < p->leader_epoch;
    if (leader_epoch == p->leader_epoch || (before && !any)) {
        result->leader_epoch = leader_epoch;
        result->end_offset = end;
    } else if (before && leader_epoch > latest.leader_epoch) {
        result->leader_epoch = latest.leader_epoch;
        result->end_offset = end;
    } else {
        leader_epoch_cache_end_offset(epochs, leader_epoch, end, &result->leader_epoch,
                                      &result->end_offset);
    }
}

static void answer_partition(struct request *r, struct str topic,
                             const partition_request *wanted, partition_result *result)
{
    struct partition *p;
    *result = OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET_INIT;
    result->partition = wanted->partition;
    int rc =
        lookup_partition(r->node, topic, UUID_ZERO, false, wanted->partition, &p, NULL);
    if (rc == 0)
        rc = partition_check_leader(p, wanted->current_leader_epoch, NULL);
    if (rc == 0)
        find_end(p, wanted->leader_epoch, result);
    result->error_code = error_to_kafka(rc);
}

static bool answer_topic(struct request *r, const topic_request *wanted,
                         topic_result *result)
{
    *result = OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT_INIT;
    result->topic = wanted->topic;
    result->partitions = arena_array(&r->arena, (size_t)wanted->partitions_count,
                                     sizeof(partition_result));
    if (result->partitions == NULL)
        return false;
    result->partitions_count = wanted->partitions_count;
    for (int32_t i = 0; i < wanted->partitions_count; i++)
        answer_partition(r, wanted->topic, &wanted->partitions[i],
                         &result->partitions[i]);
    return true;
}

/* False: the request has ended, or is handled again once the logs are open. */
static bool open_logs(struct request *r,
                      const struct offset_for_leader_epoch_request *m)
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
            needed_logs_add(&needed, topic->topic, UUID_ZERO, false,
                            topic->partitions[i].partition);
    }
    return needed_logs_open(&needed);
}

static void handle(struct request *r)
{
    const struct offset_for_leader_epoch_request *m = r->message;
    if (!open_logs(r, m))
        return;
    struct offset_for_leader_epoch_response response =
        OFFSET_FOR_LEADER_EPOCH_RESPONSE_INIT;
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

const struct api api_offset_for_leader_epoch = {
    .key = API_OFFSET_FOR_LEADER_EPOCH,
    .min_version = 2,
    .max_version = 4,
    .request = &offset_for_leader_epoch_request_type,
    .response = &offset_for_leader_epoch_response_type,
    .handle = handle,
};
