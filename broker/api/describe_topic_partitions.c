/* DescribeTopicPartitions (KIP-966; Kafka: DescribeTopicPartitionsRequestHandler)
 *
 * Topics in order of name, page by page: a page ends after as many partitions as the
 * request or the broker allows, and its cursor says with which partition the next
 * begins. */
#include <stdlib.h>

#include "broker/api/api.h"
#include "broker/api/partition_listing.h"
#include "replication/topic_name.h"

typedef struct
    describe_topic_partitions_response_describe_topic_partitions_response_topic
        topic_result;
typedef struct
    describe_topic_partitions_response_describe_topic_partitions_response_partition
        partition_result;
typedef struct describe_topic_partitions_request_cursor request_cursor;
typedef struct describe_topic_partitions_response_cursor response_cursor;

struct page {
    struct request *request;
    const request_cursor *cursor; /* NULL: from the beginning */
    struct describe_topic_partitions_response response;
    response_cursor next;
    int32_t remaining; /* partitions that fit */
};

static int compare(struct str a, struct str b)
{
    int32_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, (size_t)common);
    return order != 0 ? order : a.len - b.len;
}

static int compare_names(const void *a, const void *b)
{
    return compare(*(const struct str *)a, *(const struct str *)b);
}

static bool list_partition(struct page *page, int32_t index,
                           const struct metadata_partition *p, partition_result *result)
{
    struct request *r = page->request;
    struct partition_listing listing;
    if (!partition_listing_of(r->node->image, request_listener(r), p,
                              KAFKA_LISTENER_NOT_FOUND, &r->arena, &listing))
        return false;
    struct broker_ids replicas = metadata_partition_replicas(p);
    struct broker_ids isr = metadata_partition_isr(p);
    struct broker_ids elr = metadata_partition_list(p, PARTITION_ELR);
    struct broker_ids last_known = metadata_partition_list(p, PARTITION_LAST_KNOWN_ELR);
    /* Borrowed from the image: the encoder only reads them. No error stands at a
     * partition without a leader; the client sees that by its id. */
    *result = (partition_result){
        .partition_index = index,
        .leader_id = listing.leader,
        .leader_epoch = p->leader_epoch,
        .replica_nodes = (int32_t *)replicas.ids,
        .replica_nodes_count = replicas.count,
        .isr_nodes = (int32_t *)isr.ids,
        .isr_nodes_count = isr.count,
        .eligible_leader_replicas = (int32_t *)elr.ids,
        .eligible_leader_replicas_count = elr.count,
        .last_known_elr = (int32_t *)last_known.ids,
        .last_known_elr_count = last_known.count,
        .offline_replicas = (int32_t *)listing.offline.ids,
        .offline_replicas_count = listing.offline.count,
    };
    return true;
}

static void end_page(struct page *page, struct str topic, int32_t partition)
{
    page->next = (response_cursor){.topic_name = topic, .partition_index = partition};
    page->response.next_cursor = &page->next;
}

static topic_result *add_topic(struct page *page, struct str name)
{
    topic_result *result = &page->response.topics[page->response.topics_count++];
    *result =
        DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_INIT;
    result->name = name;
    result->is_internal = metadata_topic_is_internal(name);
    result->topic_authorized_operations = TOPIC_OPERATIONS_ALL;
    return result;
}

static bool list_topic(struct page *page, const struct metadata_topic *topic)
{
    struct str name = metadata_topic_name(topic);
    bool at_cursor = page->cursor != NULL && str_equal(page->cursor->topic_name, name);
    int32_t first = at_cursor ? page->cursor->partition_index : 0;
    int32_t count = first < topic->partition_count ? topic->partition_count - first : 0;
    if (count > page->remaining)
        count = page->remaining;

    topic_result *result = add_topic(page, name);
    result->topic_id = topic->id;
    result->partitions =
        arena_array(&page->request->arena, (size_t)count, sizeof(partition_result));
    if (result->partitions == NULL)
        return false;
    for (int32_t i = first; i < first + count; i++) {
        const struct metadata_partition *p = metadata_topic_partition(topic, i);
        if (p != NULL &&
            !list_partition(page, i, p,
                            &result->partitions[result->partitions_count++]))
            return false;
    }
    page->remaining -= count;
    if (count > 0 && first + count < topic->partition_count)
        end_page(page, name, first + count);
    return true;
}

static void list_missing(struct page *page, struct str name)
{
    topic_result *result = add_topic(page, name);
    result->error_code = topic_name_check(name, NULL) != 0
                             ? KAFKA_INVALID_TOPIC_EXCEPTION
                             : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

/* False: no memory. */
static bool list_names(struct page *page, const struct str *names, int32_t count)
{
    struct request *r = page->request;
    page->response.topics = arena_array(&r->arena, (size_t)count, sizeof(topic_result));
    if (page->response.topics == NULL)
        return false;
    for (int32_t i = 0; i < count && page->response.next_cursor == NULL; i++) {
        if (i > 0 && str_equal(names[i - 1], names[i]))
            continue;
        const struct metadata_topic *topic =
            metadata_image_topic(r->node->image, names[i]);
        if (page->remaining == 0)
            end_page(page, names[i], 0);
        else if (topic == NULL)
            list_missing(page, names[i]);
        else if (!list_topic(page, topic))
            return false;
    }
    return true;
}

static bool is_before_cursor(const struct page *page, struct str name)
{
    return page->cursor != NULL && compare(name, page->cursor->topic_name) < 0;
}

/* The names that the page may hold, in order. NULL: no memory. */
static struct str *wanted_names(struct page *page,
                                const struct describe_topic_partitions_request *m,
                                int32_t *count)
{
    struct request *r = page->request;
    int32_t total = m->topics_count;
    const struct metadata_topic *const *all = NULL;
    if (m->topics_count == 0)
        all = metadata_image_topics(r->node->image, &total);
    struct str *names =
        total < 0 ? NULL : arena_array(&r->arena, (size_t)total, sizeof(*names));
    *count = 0;
    for (int32_t i = 0; names != NULL && i < total; i++) {
        struct str name = all != NULL ? metadata_topic_name(all[i]) : m->topics[i].name;
        if (!is_before_cursor(page, name))
            names[(*count)++] = name;
    }
    if (names != NULL)
        qsort(names, (size_t)*count, sizeof(*names), compare_names);
    return names;
}

static bool cursor_is_valid(const struct describe_topic_partitions_request *m)
{
    if (m->cursor == NULL)
        return true;
    if (m->cursor->partition_index < 0)
        return false;
    for (int32_t i = 0; i < m->topics_count; i++)
        if (str_equal(m->topics[i].name, m->cursor->topic_name))
            return true;
    return m->topics_count == 0;
}

/* As Kafka answers a request that is wrong as a whole. */
static void respond_invalid(struct request *r,
                            const struct describe_topic_partitions_request *m)
{
    struct page page = {.request = r,
                        .response = DESCRIBE_TOPIC_PARTITIONS_RESPONSE_INIT};
    page.response.topics =
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(topic_result));
    if (page.response.topics == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    for (int32_t i = 0; i < m->topics_count; i++) {
        topic_result *result = &page.response.topics[page.response.topics_count++];
        *result =
            DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_INIT;
        result->name = m->topics[i].name;
        result->error_code = KAFKA_INVALID_REQUEST;
    }
    request_respond(r, &page.response);
}

static void handle(struct request *r)
{
    const struct describe_topic_partitions_request *m = r->message;
    if (!cursor_is_valid(m)) {
        respond_invalid(r, m);
        return;
    }
    int32_t limit = r->node->config->max_request_partition_size_limit;
    if (limit > m->response_partition_limit)
        limit = m->response_partition_limit;
    struct page page = {.request = r,
                        .cursor = m->cursor,
                        .response = DESCRIBE_TOPIC_PARTITIONS_RESPONSE_INIT,
                        .remaining = limit < 1 ? 1 : limit};
    int32_t count;
    struct str *names = wanted_names(&page, m, &count);
    if (names == NULL || !list_names(&page, names, count))
        request_refuse(r, "no memory for its answer");
    else
        request_respond(r, &page.response);
}

const struct api api_describe_topic_partitions = {
    .key = API_DESCRIBE_TOPIC_PARTITIONS,
    .min_version = 0,
    .max_version = 0,
    .request = &describe_topic_partitions_request_type,
    .response = &describe_topic_partitions_response_type,
    .handle = handle,
};
