/* ListOffsets (Kafka: ReplicaManager.fetchOffset, Partition.fetchOffsetForTimestamp)
 *
 * Partitions are answered one by one, in the order asked for. What the log knows
 * by heart comes at once; a search by time is a pool job, and the walk over the
 * partitions goes on when it is done:
 *
 *   handle ─► logs open ─► answer_rest ──────────────► respond
 *                            │    ▲
 *                            ▼    │ on_searched
 *                          search (a job)
 *
 * One search at a time bounds what a request may hold open, and since other
 * requests run meanwhile, partitions are looked up anew for each step.
 *
 * Nothing is tiered here, so a log is local from its start, and there is no
 * tiered offset.
 *
 * Version 0 is another question with the same name: it lists offsets to begin
 * reading at, the latest first (Kafka 3.9: Partition.legacyFetchOffsetsForTimestamp).
 * To look when files were written to is a job, too. */
#include <stdlib.h>

#include "broker/api/api.h"
#include "broker/api/lookup.h"

/* What a request may ask for instead of a time. */
enum {
    LATEST_TIMESTAMP = -1,
    EARLIEST_TIMESTAMP = -2,
    MAX_TIMESTAMP = -3,                     /* KIP-734 */
    EARLIEST_LOCAL_TIMESTAMP = -4,          /* KIP-405 */
    LATEST_TIERED_TIMESTAMP = -5,           /* KIP-1005 */
    EARLIEST_PENDING_UPLOAD_TIMESTAMP = -6, /* KIP-1023 */
};

enum { CONSUMER_REPLICA_ID = -1, DEBUGGING_REPLICA_ID = -2 };
enum { READ_UNCOMMITTED = 0, READ_COMMITTED = 1 };

typedef struct list_offsets_request_list_offsets_topic topic_request;
typedef struct list_offsets_request_list_offsets_partition partition_request;
typedef struct list_offsets_response_list_offsets_topic_response topic_result;
typedef struct list_offsets_response_list_offsets_partition_response partition_result;

enum repeat {
    NAMED_ONCE,
    NAMED_TWICE, /* the first of several */
    NAMED_AGAIN, /* the others: answered with the first */
};

struct named_partition {
    struct str topic;
    int32_t partition;
    uint8_t *repeat; /* enum repeat */
};

struct listing {
    struct job job; /* of the search; first: on_searched() casts back */
    struct timestamp_query query;
    struct offsets_before before; /* version 0 */
    int64_t before_ms;
    int64_t now_ms;
    int rc;
    struct err err;
    partition_result *searched; /* who waits for it */
    int64_t upper_offset;       /* that it may be told of */
    int32_t most_offsets;

    struct request *request;
    struct list_offsets_response response;
    uint8_t *repeats; /* of each partition named, in order */
    int32_t topic;    /* the next to be answered: */
    int32_t partition;
    int32_t named; /* how many were before it */
};

static bool is_unsupported(int64_t timestamp, int16_t version)
{
    switch (timestamp) {
    case MAX_TIMESTAMP:
        return version < 7;
    case EARLIEST_LOCAL_TIMESTAMP:
        return version < 8;
    case LATEST_TIERED_TIMESTAMP:
        return version < 9;
    case EARLIEST_PENDING_UPLOAD_TIMESTAMP:
        return version < 11;
    default:
        return timestamp < EARLIEST_TIMESTAMP;
    }
}

static int check_leader(const struct request *r, struct partition *p,
                        int32_t leader_epoch)
{
    const struct list_offsets_request *m = r->message;
    int rc = partition_check_leader(p, leader_epoch, NULL);
    /* Tools that debug replicas may ask followers. */
    if (rc == ERR_NOT_LEADER_OR_FOLLOWER && m->replica_id == DEBUGGING_REPLICA_ID)
        rc = partition_log_of(p) == NULL ? ERR_OFFLINE : 0;
    return rc;
}

static enum fetch_isolation isolation_of(const struct list_offsets_request *m)
{
    if (m->replica_id != CONSUMER_REPLICA_ID)
        return FETCH_LOG_END;
    return m->isolation_level == READ_COMMITTED ? FETCH_COMMITTED
                                                : FETCH_HIGH_WATERMARK;
}

/* Kafka notes a leader epoch in the log when leadership begins, Gregor with its
 * first record: while there is none, the log's start is of the current epoch. */
static int32_t leader_epoch_of_start(struct partition *p)
{
    struct partition_log *log = partition_log_of(p);
    int64_t start = partition_log_start_offset(log);
    if (start == partition_log_end_offset(log))
        return p->leader_epoch;
    return leader_epoch_cache_epoch_of(partition_log_leader_epochs(log), start);
}

static void run_search(struct job *job)
{
    struct listing *l = (struct listing *)job;
    l->rc = timestamp_query_run(&l->query, &l->err);
}

static void answer_rest(struct listing *l);

static void search_failed(const struct listing *l, partition_result *result)
{
    trace_warn(l->request->node->env.trace, "a search by time failed: %s",
               l->err.message);
    result->error_code = error_to_kafka(l->rc);
}

static void on_searched(struct job *job)
{
    struct listing *l = (struct listing *)job;
    partition_result *result = l->searched;
    l->searched = NULL;
    if (l->rc != 0) {
        search_failed(l, result);
    } else if (l->query.found) {
        result->timestamp = l->query.found_timestamp;
        result->offset = l->query.found_offset;
        if (l->request->version >= 4)
            result->leader_epoch = l->query.found_leader_epoch;
    }
    timestamp_query_end(&l->query);
    answer_rest(l);
}

/* Looks through the whole log: when the first record that fits lies above what
 * the reader may see, there is none for it, though there may be a later one. */
static int start_search(struct listing *l, struct partition *p, int64_t timestamp,
                        int64_t upper_offset, partition_result *result)
{
    enum timestamp_query_kind kind =
        timestamp == MAX_TIMESTAMP ? QUERY_MAX_TIMESTAMP : QUERY_FIRST_AT_OR_AFTER;
    int rc = partition_log_query_begin(partition_log_of(p), kind, timestamp, &l->query,
                                       &l->err);
    if (rc != 0) {
        log_manager_check(l->request->node->logs, &p->handle);
        return rc;
    }
    l->query.upper_offset = upper_offset;
    l->searched = result;
    l->job = (struct job){.work = run_search, .done = on_searched};
    executor_submit(l->request->node->env.executor, &l->job);
    return 0;
}

/* ---- version 0 ----------------------------------------------------------- */

/* What lies above the reader's bound becomes the bound, once. Ends l->before. */
static int list_before(struct listing *l, partition_result *result)
{
    struct offsets_before *o = &l->before;
    int rc = 0;
    int count = o->count < l->most_offsets ? o->count : l->most_offsets;
    int64_t *out = arena_array(&l->request->arena, (size_t)count, sizeof(*out));
    if (out == NULL)
        rc = ERR_NOMEM;
    result->old_style_offsets = out;
    for (int i = 0; rc == 0 && i < count; i++) {
        int64_t offset = o->offsets[o->count - 1 - i];
        int32_t told = result->old_style_offsets_count;
        if (offset > l->upper_offset && told > 0)
            continue;
        out[told] = offset > l->upper_offset ? l->upper_offset : offset;
        result->old_style_offsets_count++;
    }
    offsets_before_free(o);
    return rc;
}

static void run_before(struct job *job)
{
    struct listing *l = (struct listing *)job;
    l->rc = offsets_before_run(&l->before, l->before_ms, l->now_ms, &l->err);
}

static void on_before(struct job *job)
{
    struct listing *l = (struct listing *)job;
    partition_result *result = l->searched;
    l->searched = NULL;
    if (l->rc != 0) {
        search_failed(l, result);
        offsets_before_free(&l->before);
    } else {
        result->error_code = error_to_kafka(list_before(l, result));
    }
    answer_rest(l);
}

static int find_before(struct listing *l, struct partition *p,
                       const partition_request *wanted, int64_t upper_offset,
                       partition_result *result)
{
    if (wanted->max_num_offsets < 0)
        return ERR_INVALID;
    int rc = partition_log_offsets_begin(partition_log_of(p), &l->before, &l->err);
    if (rc != 0)
        return rc;
    l->upper_offset = upper_offset;
    l->most_offsets = wanted->max_num_offsets;
    if (wanted->timestamp == EARLIEST_TIMESTAMP)
        l->before.count = 1;
    if (wanted->timestamp < 0)
        return list_before(l, result);
    l->before_ms = wanted->timestamp;
    l->now_ms = clock_wall_ms(l->request->node->env.clock);
    l->searched = result;
    l->job = (struct job){.work = run_before, .done = on_before};
    executor_submit(l->request->node->env.executor, &l->job);
    return 0;
}

/* ---- one partition ------------------------------------------------------- */

/* May leave a search under way (l->searched). */
static int find_offset(struct listing *l, struct str topic,
                       const partition_request *wanted, partition_result *result)
{
    struct request *r = l->request;
    struct partition *p;
    int rc = lookup_partition(r->node, topic, UUID_ZERO, false, wanted->partition_index,
                              &p, NULL);
    if (rc == 0)
        rc = check_leader(r, p, wanted->current_leader_epoch);
    if (rc != 0)
        return rc;
    int64_t upper_offset = partition_fetch_bound(p, isolation_of(r->message));
    if (r->version == 0)
        return find_before(l, p, wanted, upper_offset, result);
    int32_t leader_epoch = -1;
    switch (wanted->timestamp) {
    case LATEST_TIMESTAMP:
        result->offset = upper_offset;
        leader_epoch = p->leader_epoch;
        break;
    case EARLIEST_TIMESTAMP:
    case EARLIEST_LOCAL_TIMESTAMP:
        result->offset = partition_log_start_offset(partition_log_of(p));
        leader_epoch = leader_epoch_of_start(p);
        break;
    case LATEST_TIERED_TIMESTAMP:
    case EARLIEST_PENDING_UPLOAD_TIMESTAMP:
        break;
    default:
        rc = start_search(l, p, wanted->timestamp, upper_offset, result);
    }
    if (r->version >= 4)
        result->leader_epoch = leader_epoch;
    return rc;
}

static void answer_partition(struct listing *l, struct str topic,
                             const partition_request *wanted, enum repeat repeat,
                             partition_result *result)
{
    const struct list_offsets_request *m = l->request->message;
    *result = LIST_OFFSETS_RESPONSE_LIST_OFFSETS_PARTITION_RESPONSE_INIT;
    result->partition_index = wanted->partition_index;
    if (m->isolation_level != READ_UNCOMMITTED && m->isolation_level != READ_COMMITTED)
        result->error_code = KAFKA_UNKNOWN_SERVER_ERROR; /* Kafka has no better one */
    else if (repeat == NAMED_TWICE)
        result->error_code = KAFKA_INVALID_REQUEST;
    else if (is_unsupported(wanted->timestamp, l->request->version))
        result->error_code = KAFKA_UNSUPPORTED_VERSION;
    else
        result->error_code = error_to_kafka(find_offset(l, topic, wanted, result));
}

/* False while a search is under way. */
static bool answer_topic(struct listing *l, const topic_request *wanted,
                         topic_result *result)
{
    while (l->partition < wanted->partitions_count) {
        enum repeat repeat = l->repeats[l->named++];
        const partition_request *next = &wanted->partitions[l->partition++];
        if (repeat == NAMED_AGAIN)
            continue;
        answer_partition(l, wanted->name, next, repeat,
                         &result->partitions[result->partitions_count++]);
        if (l->searched != NULL)
            return false;
    }
    return true;
}

static void answer_rest(struct listing *l)
{
    const struct list_offsets_request *m = l->request->message;
    while (l->topic < m->topics_count) {
        if (!answer_topic(l, &m->topics[l->topic], &l->response.topics[l->topic]))
            return;
        l->topic++;
        l->partition = 0;
    }
    request_respond(l->request, &l->response);
}

static int compare_named(const void *a, const void *b)
{
    const struct named_partition *x = a, *y = b;
    if (x->topic.len != y->topic.len)
        return x->topic.len < y->topic.len ? -1 : 1;
    int order = memcmp(x->topic.data, y->topic.data, (size_t)x->topic.len);
    if (order != 0)
        return order;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->repeat < y->repeat ? -1 : 1; /* as in the request */
}

static void mark_repeats(struct named_partition *named, int count)
{
    qsort(named, (size_t)count, sizeof(*named), compare_named);
    for (int i = 1; i < count; i++) {
        if (named[i].partition != named[i - 1].partition ||
            !str_equal(named[i].topic, named[i - 1].topic))
            continue;
        *named[i].repeat = NAMED_AGAIN;
        if (*named[i - 1].repeat == NAMED_ONCE)
            *named[i - 1].repeat = NAMED_TWICE;
    }
}

static int count_partitions(const struct list_offsets_request *m)
{
    int total = 0;
    for (int32_t t = 0; t < m->topics_count; t++)
        total += m->topics[t].partitions_count;
    return total;
}

static bool find_repeats(struct listing *l, const struct list_offsets_request *m)
{
    struct arena *arena = &l->request->arena;
    int total = count_partitions(m), n = 0;
    struct named_partition *named = arena_array(arena, (size_t)total, sizeof(*named));
    l->repeats = arena_alloc(arena, (size_t)total);
    if (named == NULL || l->repeats == NULL)
        return false;
    for (int32_t t = 0; t < m->topics_count; t++) {
        const topic_request *topic = &m->topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++, n++)
            named[n] = (struct named_partition){
                topic->name, topic->partitions[i].partition_index, &l->repeats[n]};
    }
    if (l->request->version > 0) /* before, each is answered */
        mark_repeats(named, total);
    return true;
}

static struct listing *begin(struct request *r, const struct list_offsets_request *m)
{
    struct listing *l = arena_alloc(&r->arena, sizeof(*l));
    if (l == NULL)
        return NULL;
    l->request = r;
    l->response = LIST_OFFSETS_RESPONSE_INIT;
    l->response.topics =
        arena_array(&r->arena, (size_t)m->topics_count, sizeof(topic_result));
    if (l->response.topics == NULL || !find_repeats(l, m))
        return NULL;
    for (int32_t t = 0; t < m->topics_count; t++) {
        topic_result *topic = &l->response.topics[t];
        *topic = LIST_OFFSETS_RESPONSE_LIST_OFFSETS_TOPIC_RESPONSE_INIT;
        topic->name = m->topics[t].name;
        topic->partitions = arena_array(
            &r->arena, (size_t)m->topics[t].partitions_count, sizeof(partition_result));
        if (topic->partitions == NULL)
            return NULL;
    }
    l->response.topics_count = m->topics_count;
    return l;
}

/* False: the request has ended, or is handled again once the logs are open. */
static bool open_logs(struct request *r, const struct list_offsets_request *m)
{
    size_t total = (size_t)count_partitions(m);
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
    const struct list_offsets_request *m = r->message;
    if (!open_logs(r, m))
        return;
    struct listing *l = begin(r, m);
    if (l == NULL)
        request_refuse(r, "no memory for its answer");
    else
        answer_rest(l);
}

const struct api api_list_offsets = {
    .key = API_LIST_OFFSETS,
    .min_version = 0,
    .max_version = 11,
    .request = &list_offsets_request_type,
    .response = &list_offsets_response_type,
    .handle = handle,
};
