/* Produce, from the request to its answer
 *
 *   open logs ─► check headers ─► validate ─► append ─► wait ─► answer
 *                                 (pool, if a batch is        (high watermark,
 *                                  compressed or old)          or a due flush)
 *
 * Each partition of the request goes its own way through these steps and ends
 * with an error code or offsets; the request moves from step to step as a whole.
 * Errors never stop the other partitions.
 *
 * A batch lies in the connection's buffer and is patched there; only one that
 * had to be compressed anew has memory of its own, and one that was made of the
 * messages of an old producer (protocol/message_set.h). */
#include <stdlib.h>

#include "broker/api/api.h"
#include "broker/api/leaders.h"
#include "broker/api/lookup.h"
#include "protocol/message_set.h"

#define ACKS_ALL (-1)

struct producing;

struct item { /* one partition of the request */
    struct producing *producing;
    const struct produce_request_topic_produce_data *topic;
    struct produce_response_partition_produce_response *answer;
    uint8_t *data; /* the batch; NULL once the partition has failed */
    struct record_batch batch;
    struct bytes messages; /* in place of the batch: of magic 0 or 1 */
    int32_t max_message_bytes;
    struct record_rules rules;
    struct record_verdict verdict;
    bool slow; /* validated in the pool */
    int rc;
    struct err err;
    int64_t last_offset;
    bool flush_due;
    struct partition_watch watch;
};

struct producing {
    struct request *request;
    const struct produce_request *message;
    struct produce_response response;
    struct leaders leaders;
    struct item *items;
    int count;
    int waiting; /* items whose offsets are not safe yet */
    bool late;   /* the request's time is over: only syncs are waited for */
    struct job validation;
    struct deadline deadline;
};

static void produce_answer(struct producing *p);

/* With these Kafka gives up before it looks at the log. */
static bool tells_no_start(enum kafka_error error)
{
    return error == KAFKA_CORRUPT_MESSAGE || error == KAFKA_MESSAGE_TOO_LARGE ||
           error == KAFKA_RECORD_LIST_TOO_LARGE || error == KAFKA_KAFKA_STORAGE_ERROR;
}

static void item_fail(struct item *i, enum kafka_error error, const char *why)
{
    struct request *r = i->producing->request;
    i->data = NULL;
    i->answer->error_code = (int16_t)error;
    i->answer->base_offset = -1;
    if (tells_no_start(error))
        i->answer->log_start_offset = -1;
    if (why != NULL && why[0] != '\0')
        i->answer->error_message = arena_str(&r->arena, str_of(why));
    trace_info(r->node->env.trace,
               "produce from %s (client.id '%.*s') to %.*s-%d refused: %s: %s",
               request_peer(r), STR_ARGS(r->client_id), STR_ARGS(i->topic->name),
               i->answer->index, kafka_error_name(error), why == NULL ? "" : why);
}

static void item_fail_err(struct item *i)
{
    item_fail(i, error_to_kafka(i->rc), i->err.message);
}

static struct partition *item_partition(struct item *i)
{
    struct request *r = i->producing->request;
    struct partition *p;
    i->rc = lookup_partition(r->node, i->topic->name, i->topic->topic_id,
                             r->version >= 13, i->answer->index, &p, &i->err);
    if (i->rc == 0)
        i->rc = partition_check_leader(p, -1, &i->err);
    if (i->rc == 0)
        return p;
    item_fail_err(i);
    if (r->version >= 10)
        leaders_tell(&i->producing->leaders, r, p, i->rc,
                     &i->answer->current_leader.leader_id,
                     &i->answer->current_leader.leader_epoch);
    return NULL;
}

/* ---- before the batch is read -------------------------------------------- */

static int topic_level(const struct topic_config *c)
{
    switch (c->compression_type) {
    case TOPIC_COMPRESSION_GZIP:
        return c->compression_gzip_level;
    case TOPIC_COMPRESSION_LZ4:
        return c->compression_lz4_level;
    case TOPIC_COMPRESSION_ZSTD:
        return c->compression_zstd_level;
    default:
        return -1;
    }
}

static struct record_rules rules_of(const struct topic_config *c, int64_t now_ms)
{
    bool keep = c->compression_type == TOPIC_COMPRESSION_PRODUCER;
    return (struct record_rules){
        .now_ms = now_ms,
        .timestamp_type =
            c->log_append_time ? TIMESTAMP_LOG_APPEND_TIME : TIMESTAMP_CREATE_TIME,
        .timestamp_before_max_ms = c->message_timestamp_before_max_ms,
        .timestamp_after_max_ms = c->message_timestamp_after_max_ms,
        .compacted = c->cleanup_compact,
        .keep_codec = keep,
        .compression = keep ? COMPRESSION_NONE : (enum compression)c->compression_type,
        .compression_level = topic_level(c),
        .expand_limit = topic_config_expand_limit(c),
    };
}

static int peek_batch(struct records records, int32_t at, int32_t *size,
                      struct err *err)
{
    *size = 0;
    if (records.data == NULL)
        return 0;
    return message_set_peek(records.data + at, (size_t)(records.len - at), size, err);
}

/* A request holds one batch a partition, and its codec must be one that this
 * version of the API may carry (Kafka: ProduceRequest.validateRecords). */
static int check_version(struct item *i, struct records records, int32_t size)
{
    const struct request *r = i->producing->request;
    if (size == 0)
        return err_set(&i->err, ERR_INVALID_RECORD,
                       "the request holds no whole record batch");
    if (records.data[RECORD_BATCH_MAGIC_AT] != RECORD_BATCH_MAGIC)
        return err_set(&i->err, ERR_INVALID_RECORD,
                       "Produce version %d carries record batches of magic 2 only",
                       r->version);
    if (r->version < 7 && (records.data[RECORD_BATCH_CODEC_AT] & 7) == COMPRESSION_ZSTD)
        return err_set(&i->err, ERR_UNSUPPORTED_COMPRESSION_TYPE,
                       "Produce version %d does not know zstd", r->version);
    return 0;
}

/* Before version 3 a request holds any number of messages, or a batch if its client
 * knows no better: what it holds is not checked against the version then. */
static int check_records(struct item *i, struct records records, int32_t *size)
{
    int32_t more = 0;
    int rc = peek_batch(records, 0, size, &i->err);
    if (rc == 0 && i->producing->request->version >= 3)
        rc = check_version(i, records, *size);
    if (rc != 0 || *size == 0)
        return rc;
    if (records.data[RECORD_BATCH_MAGIC_AT] != RECORD_BATCH_MAGIC) {
        i->messages = (struct bytes){records.data, records.len};
        return 0;
    }
    rc = peek_batch(records, *size, &more, &i->err);
    if (rc == 0 && more > 0)
        rc = err_set(&i->err, ERR_INVALID_RECORD,
                     "the request holds more than one record batch for a partition");
    return rc;
}

static int check_size(struct item *i, const struct topic_config *c, int64_t size)
{
    if (size <= c->max_message_bytes)
        return 0;
    return err_set(&i->err, ERR_MESSAGE_TOO_LARGE,
                   "the record batch has %lld bytes; max.message.bytes is %d",
                   (long long)size, c->max_message_bytes);
}

static int check_batch(struct item *i, const struct topic_config *c,
                       struct records records)
{
    int rc = record_batch_read(records.data, (size_t)records.len, &i->batch, &i->err);
    if (rc == 0 && i->batch.transactional)
        rc = err_set(&i->err, ERR_INVALID_TXN_STATE,
                     "transactions are not served by this broker");
    return rc != 0 ? rc : check_size(i, c, i->batch.size);
}

/* Kafka lets only its own admin tools write to internal topics. */
static bool may_write(const struct item *i)
{
    const struct request *r = i->producing->request;
    const struct metadata_topic *topic =
        lookup_topic(r->node, i->topic->name, i->topic->topic_id, r->version >= 13);
    return topic == NULL || !metadata_topic_is_internal(metadata_topic_name(topic)) ||
           str_is(r->client_id, "__admin_client");
}

/* A topic cannot demand more replicas in sync than it has (Kafka:
 * Partition.effectiveMinIsr). */
static bool in_sync_enough(const struct partition *p, const struct topic_config *c)
{
    return p->in_sync_count >= c->min_insync_replicas ||
           p->in_sync_count >= p->replica_count;
}

static void item_check(struct item *i, struct records records)
{
    struct request *r = i->producing->request;
    if (!may_write(i)) {
        item_fail(i, KAFKA_INVALID_TOPIC_EXCEPTION, "it is an internal topic");
        return;
    }
    struct partition *p = item_partition(i);
    if (p == NULL)
        return;
    const struct topic_config *c = partition_log_config(p->handle.log);
    int32_t size;
    i->rc = check_records(i, records, &size);
    if (i->rc == 0) {
        i->answer->log_start_offset = partition_log_start_offset(p->handle.log);
        if (size > 0 && i->messages.data == NULL)
            i->rc = check_batch(i, c, records);
    }
    if (i->rc != 0) {
        item_fail_err(i);
        return;
    }
    if (i->producing->message->acks == ACKS_ALL && !in_sync_enough(p, c)) {
        item_fail(i, KAFKA_NOT_ENOUGH_REPLICAS,
                  "fewer in-sync replicas than "
                  "min.insync.replicas demands");
        return;
    }
    if (size == 0) {
        i->answer->base_offset = -1; /* nothing was sent, and that is no failure */
        return;
    }
    /* The frame is the connection's, which lets its request write into it. */
    i->data = (uint8_t *)(uintptr_t)records.data;
    i->rules = rules_of(c, clock_wall_ms(r->node->env.clock));
    i->max_message_bytes = c->max_message_bytes;
    i->slow = i->messages.data != NULL || record_validate_is_slow(&i->batch, &i->rules);
}

/* ---- validation ---------------------------------------------------------- */

static void item_validate(struct item *i)
{
    if (i->messages.data != NULL)
        i->rc = message_set_convert(i->messages, &i->rules, i->max_message_bytes,
                                    &i->verdict, &i->err);
    else
        i->rc = record_validate(i->data, &i->batch, &i->rules, &i->verdict, &i->err);
}

static void item_judge(struct item *i)
{
    if (i->rc == 0)
        return;
    struct request *r = i->producing->request;
    int count = i->verdict.record_error_count;
    struct produce_response_batch_index_and_error_message *errors =
        arena_array(&r->arena, (size_t)count, sizeof(*errors));
    for (int n = 0; n < count && errors != NULL; n++) {
        errors[n].batch_index = i->verdict.record_errors[n].batch_index;
        errors[n].batch_index_error_message =
            str_of(i->verdict.record_errors[n].message);
    }
    i->answer->record_errors = errors;
    i->answer->record_errors_count = errors == NULL ? 0 : count;
    item_fail_err(i);
}

/* ---- append -------------------------------------------------------------- */

static void item_append(struct item *i)
{
    struct partition *p = item_partition(i);
    if (p == NULL)
        return;
    uint8_t *data = i->data;
    int32_t size = i->batch.size;
    const struct topic_config *c = partition_log_config(p->handle.log);
    if (i->verdict.rebuilt) {
        data = i->verdict.batch.data;
        size = (int32_t)i->verdict.batch.len;
        i->rc = check_size(i, c, size);
    }
    struct append_result result;
    if (i->rc == 0)
        i->rc = partition_append(p, data, size, APPEND_CLIENT, &result, &i->err);
    if (i->rc != 0) {
        item_fail_err(i);
        return;
    }
    i->answer->base_offset = result.base_offset;
    i->answer->log_append_time_ms = result.timestamp;
    i->answer->log_start_offset = partition_log_start_offset(p->handle.log);
    i->last_offset = result.last_offset;
    i->flush_due = result.flush_due;
}

/* ---- waiting ------------------------------------------------------------- */

/* Whether the producer may be told, one way or the other. */
static bool item_settled(struct item *i, struct partition *p)
{
    if (i->data == NULL)
        return true;
    if (p->gone) {
        item_fail(i, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "the topic was deleted");
        return true;
    }
    struct partition_log *log = partition_log_of(p);
    if (log == NULL) {
        item_fail(i, KAFKA_KAFKA_STORAGE_ERROR, "the log went offline");
        return true;
    }
    if (i->flush_due && partition_log_recovery_point(log) <= i->last_offset)
        return false;
    return i->producing->message->acks != ACKS_ALL ||
           partition_is_committed(p, i->last_offset);
}

static void stop_waiting(struct producing *p)
{
    for (int n = 0; n < p->count; n++)
        partition_watch_stop(&p->items[n].watch);
    node_deadline_cancel(p->request->node, &p->deadline);
    p->request->peer_gone = NULL;
}

/* Kafka's append returns only after the sync that is due, and the time for
 * replication begins to count then: a sync is waited for however long it takes. */
static bool is_syncing(const struct item *i)
{
    return i->watch.partition->flushing != NULL;
}

/* With acks=0 it is no failure that offsets are not safe yet: nobody asked for
 * safety, the wait only slowed the producer down. */
static void item_give_up(struct item *i)
{
    if (i->producing->message->acks != 0)
        item_fail(i, KAFKA_REQUEST_TIMED_OUT, "not replicated in time");
    partition_watch_stop(&i->watch);
    i->producing->waiting--;
}

static void answer_if_all_done(struct producing *p)
{
    if (p->waiting > 0)
        return;
    stop_waiting(p);
    produce_answer(p);
}

static void on_moved(struct partition_watch *watch)
{
    struct item *i = (struct item *)((char *)watch - offsetof(struct item, watch));
    struct producing *p = i->producing;
    if (item_settled(i, watch->partition)) {
        partition_watch_stop(watch);
        p->waiting--;
    } else if (p->late && !is_syncing(i)) {
        item_give_up(i);
    } else {
        return;
    }
    answer_if_all_done(p);
}

static void give_up(struct producing *p)
{
    for (int n = 0; n < p->count; n++) {
        if (p->items[n].watch.partition != NULL)
            item_give_up(&p->items[n]);
    }
    answer_if_all_done(p);
}

static void on_timeout(struct deadline *d)
{
    struct producing *p =
        (struct producing *)((char *)d - offsetof(struct producing, deadline));
    p->late = true;
    for (int n = 0; n < p->count; n++) {
        struct item *i = &p->items[n];
        if (i->watch.partition != NULL && !is_syncing(i))
            item_give_up(i);
    }
    answer_if_all_done(p);
}

static void on_peer_gone(struct request *r)
{
    give_up(r->state);
}

/* True: some offsets are not safe yet, and the answer follows when they are. */
static bool wait_for_safety(struct producing *p)
{
    struct node *node = p->request->node;
    for (int n = 0; n < p->count; n++) {
        struct item *i = &p->items[n];
        struct partition *partition = i->data == NULL ? NULL : item_partition(i);
        if (partition == NULL || item_settled(i, partition))
            continue;
        i->watch.moved = on_moved;
        partition_watch_start(&i->watch, partition);
        p->waiting++;
    }
    if (p->waiting == 0)
        return false;
    p->deadline.expired = on_timeout;
    p->request->peer_gone = on_peer_gone;
    if (!request_may_wait(p->request) ||
        !node_deadline(node, &p->deadline, p->message->timeout_ms))
        give_up(p);
    return true;
}

/* ---- answering ----------------------------------------------------------- */

static bool any_failed(const struct producing *p)
{
    for (int n = 0; n < p->count; n++) {
        if (p->items[n].answer->error_code != KAFKA_NONE)
            return true;
    }
    return false;
}

static void list_leaders(struct producing *p)
{
    struct produce_response_node_endpoint *out =
        arena_array(&p->request->arena, (size_t)p->leaders.count, sizeof(*out));
    for (int32_t i = 0; out != NULL && i < p->leaders.count; i++) {
        const struct leader_endpoint *l = &p->leaders.items[i];
        out[i] =
            (struct produce_response_node_endpoint){l->id, l->host, l->port, l->rack};
    }
    p->response.node_endpoints = out;
    p->response.node_endpoints_count = out == NULL ? 0 : p->leaders.count;
}

static void produce_answer(struct producing *p)
{
    struct request *r = p->request;
    if (p->message->acks != 0) {
        list_leaders(p);
        request_respond(r, &p->response);
    } else if (any_failed(p)) {
        /* Nobody listens for an error, so the producer learns of it by losing the
         * connection, as from Kafka. */
        request_refuse(r, "Produce with acks=0 failed");
    } else {
        request_respond_nothing(r);
    }
}

static void append_all(struct producing *p)
{
    for (int n = 0; n < p->count; n++) {
        if (p->items[n].data != NULL)
            item_judge(&p->items[n]);
        if (p->items[n].data != NULL)
            item_append(&p->items[n]);
    }
    if (!wait_for_safety(p))
        produce_answer(p);
}

static struct producing *of_validation(struct job *job)
{
    return (struct producing *)((char *)job - offsetof(struct producing, validation));
}

static void validate_slow(struct job *job)
{
    struct producing *p = of_validation(job);
    for (int n = 0; n < p->count; n++) {
        if (p->items[n].data != NULL && p->items[n].slow)
            item_validate(&p->items[n]);
    }
}

static void on_validated(struct job *job)
{
    append_all(of_validation(job));
}

static void validate_all(struct producing *p)
{
    bool slow = false;
    for (int n = 0; n < p->count; n++) {
        struct item *i = &p->items[n];
        if (i->data != NULL && !i->slow)
            item_validate(i);
        slow |= i->data != NULL && i->slow;
    }
    if (!slow) {
        append_all(p);
        return;
    }
    p->validation = (struct job){.work = validate_slow, .done = on_validated};
    executor_submit(p->request->node->env.executor, &p->validation);
}

/* ---- the request --------------------------------------------------------- */

/* False: the request has ended, or is handled again once the logs are open. */
static bool open_logs(struct request *r, const struct produce_request *m, int count)
{
    struct needed_logs needed;
    if (!needed_logs_begin(&needed, r, (size_t)count))
        return false;
    for (int32_t t = 0; t < m->topic_data_count; t++) {
        const struct produce_request_topic_produce_data *topic = &m->topic_data[t];
        for (int32_t i = 0; i < topic->partition_data_count; i++)
            needed_logs_add(&needed, topic->name, topic->topic_id, r->version >= 13,
                            topic->partition_data[i].index);
    }
    return needed_logs_open(&needed);
}

static void cleanup(struct request *r)
{
    struct producing *p = r->state;
    for (int n = 0; n < p->count; n++)
        record_verdict_free(&p->items[n].verdict);
}

/* Lays out the answer and one item for each of its partitions. */
static struct producing *producing_create(struct request *r,
                                          const struct produce_request *m, int count)
{
    struct arena *a = &r->arena;
    struct producing *p = arena_alloc(a, sizeof(*p));
    struct produce_response_topic_produce_response *topics =
        arena_array(a, (size_t)m->topic_data_count, sizeof(*topics));
    struct produce_response_partition_produce_response *answers =
        arena_array(a, (size_t)count, sizeof(*answers));
    struct item *items = arena_array(a, (size_t)count, sizeof(*items));
    if (p == NULL || topics == NULL || answers == NULL || items == NULL)
        return NULL;
    r->state = p;
    r->cleanup = cleanup;
    p->request = r;
    p->message = m;
    p->items = items;
    p->count = count;
    p->response.responses = topics;
    for (int32_t t = 0; t < m->topic_data_count; t++) {
        const struct produce_request_topic_produce_data *topic = &m->topic_data[t];
        if (topic->partition_data_count <= 0)
            continue; /* nothing to tell of it */
        topics[p->response.responses_count++] =
            (struct produce_response_topic_produce_response){
                .name = topic->name,
                .topic_id = topic->topic_id,
                .partition_responses = answers,
                .partition_responses_count = topic->partition_data_count};
        for (int32_t n = 0; n < topic->partition_data_count; n++) {
            *answers = PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE_INIT;
            answers->index = topic->partition_data[n].index;
            items->producing = p;
            items->topic = topic;
            items->answer = answers++;
            items++;
        }
    }
    return p;
}

static void refuse_all(struct producing *p, enum kafka_error error, const char *why)
{
    for (int n = 0; n < p->count; n++)
        item_fail(&p->items[n], error, why);
    produce_answer(p);
}

static bool is_transactional(struct records records)
{
    struct record_batch batch;
    int32_t size;
    return peek_batch(records, 0, &size, NULL) == 0 && size > 0 &&
           record_batch_read(records.data, (size_t)records.len, &batch, NULL) == 0 &&
           batch.transactional;
}

static bool any_transactional(const struct produce_request *m)
{
    for (int32_t t = 0; t < m->topic_data_count; t++) {
        const struct produce_request_topic_produce_data *topic = &m->topic_data[t];
        for (int32_t n = 0; n < topic->partition_data_count; n++) {
            if (is_transactional(topic->partition_data[n].records))
                return true;
        }
    }
    return false;
}

static void handle_produce(struct request *r)
{
    const struct produce_request *m = r->message;
    int count = 0;
    for (int32_t t = 0; t < m->topic_data_count; t++)
        count += m->topic_data[t].partition_data_count;
    if (!open_logs(r, m, count))
        return;
    struct producing *p = producing_create(r, m, count);
    if (p == NULL) {
        request_refuse(r, "no memory for Produce");
        return;
    }
    if (m->transactional_id.data == NULL && any_transactional(m)) {
        refuse_all(p, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                   "transactional records need a transactional id");
        return;
    }
    if (m->acks < ACKS_ALL || m->acks > 1) {
        refuse_all(p, KAFKA_INVALID_REQUIRED_ACKS, "acks must be -1, 0 or 1");
        return;
    }
    int at = 0;
    for (int32_t t = 0; t < m->topic_data_count; t++) {
        const struct produce_request_topic_produce_data *topic = &m->topic_data[t];
        for (int32_t n = 0; n < topic->partition_data_count; n++)
            item_check(&p->items[at++], topic->partition_data[n].records);
    }
    validate_all(p);
}

const struct api api_produce = {
    .key = API_PRODUCE,
    .min_version = 0,
    .max_version = 13,
    .request = &produce_request_type,
    .response = &produce_response_type,
    .handle = handle_produce,
};
