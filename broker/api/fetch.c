/* Fetch, from the request to its answer
 *
 *   session ─► open logs ─► read ──── enough, or an error ────────► answer
 *                            │ too little                             ▲
 *                            ▼                                        │
 *                          wait in the purgatory: appends and ── read again
 *                          the deadline end it
 *
 * Reading finds places in files, not bytes (struct log_slice), so it may be done
 * as often as something moves: while a fetch waits, each partition that moves is
 * looked at again alone, and only the answer reads all of them, within max_bytes
 * (KIP-74: the first batch comes whole however large it is, so that no consumer
 * is ever stuck).
 *
 * Bytes leave by sendfile(), on the loop. It must not wait for the disk: what is
 * not in the page cache is read into it by a pool job first.
 *
 * Versions before 4 know only messages of magic 0 or 1, so a pool job makes these of
 * what was read. Some batches have nothing for such a reader, transaction markers
 * above all; where that is all there was, the fetch goes on behind them, to an answer
 * or to another wait. Kafka 3.9 ends such a fetch with a message that is cut short,
 * at which consumers give up. */
#include <stdlib.h>

#include "broker/api/api.h"
#include "broker/api/fetch_convert.h"
#include "broker/api/fetch_session.h"
#include "broker/api/leaders.h"
#include "broker/api/lookup.h"

/* What is converted lies in memory until its reader has taken it. */
#define CONVERTED_MAX_BYTES (16 << 20)

struct fetching;

struct item { /* one partition that is asked for */
    struct fetching *fetching;
    struct session_partition_key key; /* topic NULL without a session */
    struct str topic;
    struct uuid topic_id;
    struct fetch_request_fetch_partition wanted;
    int64_t from;        /* the offset to read from */
    int64_t ready_bytes; /* at the last look */
    struct log_slice slice;
    struct fetch_conversion *conversion; /* NULL unless the reader is old */
    bool unknown;                        /* there is no such partition */
    struct fetch_response_partition_data answer;
    struct partition_watch watch;
};

struct fetching {
    struct request *request;
    const struct fetch_request *message;
    struct fetch_session *session; /* one reference; NULL: none */
    bool incremental;
    int32_t follower; /* negative: a client */
    enum fetch_isolation isolation;
    int magic; /* the highest that the reader knows */
    int32_t max_bytes;
    int32_t min_bytes;
    int64_t deadline_ms; /* monotonic */
    struct item *items;
    struct fetch_conversion *conversions; /* one each; NULL unless the reader is old */
    int count;
    bool failed; /* some partition has an error: answer at once */
    int64_t ready_bytes;
    struct leaders leaders;
    struct deadline deadline;
    struct job job; /* warming or converting */
};

/* ---- one partition ------------------------------------------------------- */

static void item_clear(struct item *i)
{
    log_file_release(i->slice.file);
    i->slice = (struct log_slice){0};
    i->answer = FETCH_RESPONSE_PARTITION_DATA_INIT;
    i->answer.partition_index = i->wanted.partition;
    i->answer.records.data = (const uint8_t *)""; /* empty, not null */
    i->answer.aborted_transactions_count = -1;
}

/* Readers of before version 6 do not know KAFKA_STORAGE_ERROR, and give up; what
 * they do about the other is what is wanted of them (KIP-112). */
static enum kafka_error error_for(const struct request *r, int rc)
{
    enum kafka_error error = error_to_kafka(rc);
    if (error == KAFKA_KAFKA_STORAGE_ERROR && r->version <= 5)
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    return error;
}

static void item_fail(struct item *i, const struct partition *p, int rc)
{
    i->answer.error_code = (int16_t)error_for(i->fetching->request, rc);
    i->answer.high_watermark = -1;
    i->fetching->failed = true;
    if (i->fetching->request->version >= 16)
        leaders_tell(&i->fetching->leaders, i->fetching->request, p, rc,
                     &i->answer.current_leader.leader_id,
                     &i->answer.current_leader.leader_epoch);
}

/* Only a broker that holds a replica may read as one. */
static bool is_follower(const struct item *i, const struct partition *p)
{
    const struct request *r = i->fetching->request;
    const struct metadata_topic *topic =
        lookup_topic(r->node, i->topic, i->topic_id, r->version >= 13);
    const struct metadata_partition *state =
        topic == NULL ? NULL : metadata_topic_partition(topic, i->wanted.partition);
    int32_t follower = i->fetching->follower;
    if (state == NULL || follower == p->leader_id)
        return false;
    struct broker_ids replicas = metadata_partition_replicas(state);
    for (int32_t n = 0; n < replicas.count; n++) {
        if (replicas.ids[n] == follower)
            return true;
    }
    return false;
}

static struct partition *item_partition(struct item *i, int *rc)
{
    struct request *r = i->fetching->request;
    struct partition *p;
    *rc = lookup_partition(r->node, i->topic, i->topic_id, r->version >= 13,
                           i->wanted.partition, &p, NULL);
    i->unknown = *rc != 0;
    if (i->unknown)
        i->answer.aborted_transactions_count = 0; /* only here Kafka says "none" */
    int32_t leader_epoch = i->wanted.current_leader_epoch;
    if (*rc == 0)
        *rc = partition_check_leader(p, leader_epoch < 0 ? -1 : leader_epoch, NULL);
    if (*rc == 0 && i->fetching->follower >= 0 && !is_follower(i, p))
        *rc = ERR_NOT_LEADER_OR_FOLLOWER;
    if (*rc != 0)
        item_fail(i, p, *rc);
    return *rc == 0 ? p : NULL;
}

static void tell_offsets(struct item *i, const struct partition_log *log)
{
    i->answer.high_watermark = partition_log_high_watermark(log);
    i->answer.last_stable_offset = partition_log_last_stable_offset(log);
    i->answer.log_start_offset = partition_log_start_offset(log);
}

/* Whether the reader's log has left ours since the epoch it read last (KIP-595):
 * then it is told where, and gets no records. */
static bool diverges(struct item *i, struct partition_log *log)
{
    int32_t asked = i->wanted.last_fetched_epoch;
    int32_t epoch;
    int64_t end;
    if (asked < 0)
        return false;
    leader_epoch_cache_end_offset(partition_log_leader_epochs(log), asked,
                                  partition_log_end_offset(log), &epoch, &end);
    if (epoch == asked && end >= i->wanted.fetch_offset)
        return false;
    if (epoch < 0) {
        item_fail(i, NULL, ERR_OFFSET_OUT_OF_RANGE);
        return true;
    }
    tell_offsets(i, log);
    i->answer.diverging_epoch.epoch = epoch;
    i->answer.diverging_epoch.end_offset = end;
    i->fetching->failed = true;
    return true;
}

/* What read_committed readers must skip. */
static void list_aborted(struct item *i, struct partition_log *log, int64_t bound)
{
    struct fetching *f = i->fetching;
    if (f->message->isolation_level == 0)
        return;
    i->answer.aborted_transactions_count = 0;
    struct buf found = BUF_INIT;
    if (i->slice.size > 0 && partition_log_aborted_txns(log, i->wanted.fetch_offset,
                                                        bound, &found, NULL) == 0) {
        size_t count = found.len / sizeof(struct aborted_txn);
        struct fetch_response_aborted_transaction *out =
            arena_array(&f->request->arena, count, sizeof(*out));
        const struct aborted_txn *in = (const struct aborted_txn *)found.data;
        for (size_t n = 0; out != NULL && n < count; n++) {
            out[n].producer_id = in[n].producer_id;
            out[n].first_offset = in[n].first_offset;
        }
        i->answer.aborted_transactions = out;
        i->answer.aborted_transactions_count = out == NULL ? 0 : (int32_t)count;
    }
    buf_free(&found);
}

/* Fills the answer of one partition; its size is i->slice.size. */
static void item_read(struct item *i, int32_t max_bytes, bool at_least_one)
{
    int rc;
    item_clear(i);
    struct partition *p = item_partition(i, &rc);
    if (p == NULL)
        return;
    struct partition_log *log = p->handle.log;
    if (diverges(i, log))
        return;
    int64_t bound = partition_fetch_bound(p, i->fetching->isolation);
    if (max_bytes > i->wanted.partition_max_bytes)
        max_bytes = i->wanted.partition_max_bytes;
    rc = partition_log_read(log, i->from, bound, max_bytes, at_least_one, &i->slice,
                            NULL);
    if (rc != 0) {
        item_fail(i, p, rc);
        return;
    }
    tell_offsets(i, log);
    i->answer.records.len = i->slice.size;
    list_aborted(i, log, bound);
    if (i->conversion != NULL)
        i->conversion->expand_limit =
            topic_config_expand_limit(partition_log_config(log));
}

/* ---- all of them --------------------------------------------------------- */

/* Before KIP-74 each partition had only a limit of its own, and its reader no other
 * partition to get on with: so the first batch of each comes whole. */
static bool first_comes_whole(const struct fetching *f, bool first, int32_t left)
{
    return first || (f->request->version < 3 && left > 0);
}

static void read_all(struct fetching *f)
{
    int32_t left = f->max_bytes;
    bool first = true;
    f->failed = false;
    f->ready_bytes = 0;
    for (int n = 0; n < f->count; n++) {
        struct item *i = &f->items[n];
        item_read(i, left, first_comes_whole(f, first, left));
        i->ready_bytes = i->slice.size;
        f->ready_bytes += i->slice.size;
        first = first && i->slice.size == 0;
        left = i->slice.size > left ? 0 : left - i->slice.size;
    }
}

static bool has_enough(const struct fetching *f)
{
    return f->failed || f->ready_bytes >= f->min_bytes;
}

/* ---- answering ----------------------------------------------------------- */

/* Kafka lists partitions in order and begins a new topic entry whenever the
 * topic changes. */
static void add_to_response(struct fetch_response *response, const struct item *i,
                            const struct item *before)
{
    struct fetch_response_fetchable_topic_response *topics = response->responses;
    int32_t last = response->responses_count - 1;
    if (before == NULL || !str_equal(before->topic, i->topic) ||
        !uuid_equal(before->topic_id, i->topic_id)) {
        struct fetch_response_partition_data *free_place =
            before == NULL ? topics[0].partitions
                           : topics[last].partitions + topics[last].partitions_count;
        last = response->responses_count++;
        topics[last].topic = i->topic;
        topics[last].topic_id = i->topic_id;
        topics[last].partitions = free_place;
        topics[last].partitions_count = 0;
    }
    topics[last].partitions[topics[last].partitions_count++] = i->answer;
}

static void list_leaders(struct fetching *f, struct fetch_response *response)
{
    if (f->follower >= 0)
        return; /* brokers know each other */
    struct fetch_response_node_endpoint *out =
        arena_array(&f->request->arena, (size_t)f->leaders.count, sizeof(*out));
    for (int32_t i = 0; out != NULL && i < f->leaders.count; i++) {
        const struct leader_endpoint *l = &f->leaders.items[i];
        out[i] =
            (struct fetch_response_node_endpoint){l->id, l->host, l->port, l->rack};
    }
    response->node_endpoints = out;
    response->node_endpoints_count = out == NULL ? 0 : f->leaders.count;
}

/* Slices that went along lost their file to the response. */
static void cleanup(struct request *r)
{
    struct fetching *f = r->state;
    for (int n = 0; n < f->count; n++) {
        log_file_release(f->items[n].slice.file);
        if (f->items[n].conversion != NULL)
            fetch_conversion_free(f->items[n].conversion);
    }
    fetch_session_release(r->node->fetch_sessions, f->session);
}

/* Those that are known, or those that are not: Kafka tells of the latter last.
 * The last one added. */
static const struct item *add_items(struct fetching *f, struct fetch_response *response,
                                    const struct item *before, bool unknown)
{
    for (int n = 0; n < f->count; n++) {
        struct item *i = &f->items[n];
        if (i->unknown != unknown)
            continue;
        if (f->session != NULL &&
            !fetch_session_must_tell(f->session, i->key, &i->answer) && f->incremental)
            continue;
        if (i->slice.file != NULL) {
            i->answer.records.data = NULL;
            i->answer.records.source = &i->slice;
        }
        add_to_response(response, i, before);
        before = i;
    }
    return before;
}

static void send_answer(struct fetching *f)
{
    struct request *r = f->request;
    struct fetch_response response = FETCH_RESPONSE_INIT;
    struct fetch_response_partition_data *answers =
        arena_array(&r->arena, (size_t)f->count + 1, sizeof(*answers));
    response.responses =
        arena_array(&r->arena, (size_t)f->count + 1, sizeof(*response.responses));
    if (answers == NULL || response.responses == NULL) {
        request_refuse(r, "no memory for the answer to Fetch");
        return;
    }
    response.responses[0].partitions = answers;
    response.session_id = f->session == NULL ? 0 : f->session->id;
    const struct item *before = add_items(f, &response, NULL, false);
    add_items(f, &response, before, true);
    list_leaders(f, &response);
    request_respond(r, &response);
}

/* ---- for old readers ----------------------------------------------------- */

static struct fetching *of_job(struct job *job)
{
    return (struct fetching *)((char *)job - offsetof(struct fetching, job));
}

static void convert(struct job *job)
{
    struct fetching *f = of_job(job);
    for (int n = 0; n < f->count; n++) {
        struct item *i = &f->items[n];
        if (i->slice.file == NULL)
            continue;
        i->conversion->slice = &i->slice;
        i->conversion->magic = f->magic;
        i->conversion->first_offset = i->from;
        fetch_convert(i->conversion);
    }
}

/* False: there is nothing for the reader where it was read, only behind that. */
static bool item_take_messages(struct item *i)
{
    struct fetch_conversion *c = i->conversion;
    if (i->slice.file == NULL)
        return true;
    log_file_release(i->slice.file);
    i->slice = (struct log_slice){0};
    i->answer.records.len = 0;
    if (c->rc != 0) {
        trace_info(i->fetching->request->node->env.trace,
                   "%.*s-%d cannot be converted to magic %d: %s", STR_ARGS(i->topic),
                   i->wanted.partition, c->magic, c->err.message);
        item_fail(i, NULL, c->rc);
        return true;
    }
    if (c->messages.len == 0) {
        i->from = c->next_offset;
        return false;
    }
    i->answer.records.data = c->messages.data;
    i->answer.records.len = (int32_t)c->messages.len;
    return true;
}

static void proceed(struct fetching *f);

static void on_converted(struct job *job)
{
    struct fetching *f = of_job(job);
    bool told = f->failed;
    bool skipped = false;
    for (int n = 0; n < f->count; n++) {
        struct item *i = &f->items[n];
        skipped |= !item_take_messages(i);
        told |= i->answer.records.len > 0 || f->failed;
    }
    if (told || !skipped)
        send_answer(f);
    else
        proceed(f);
}

/* ---- what is not in memory -------------------------------------------------- */

static bool is_cold(const struct log_slice *s)
{
    return s->file != NULL && s->size > 0 &&
           !s->file->disk->ops->cached(s->file->disk, s->file->fd, s->position,
                                       (size_t)s->size);
}

/* Reads cold bytes once, so that the loop finds them in the page cache. */
static void warm(struct job *job)
{
    struct fetching *f = of_job(job);
    const size_t step = (size_t)256 * 1024;
    uint8_t *scratch = malloc(step);
    for (int n = 0; scratch != NULL && n < f->count; n++) {
        const struct log_slice *s = &f->items[n].slice;
        for (int64_t at = 0; s->file != NULL && at < s->size; at += (int64_t)step) {
            int64_t left = s->size - at;
            s->file->disk->ops->read(s->file->disk, s->file->fd, scratch,
                                     left < (int64_t)step ? (size_t)left : step,
                                     s->position + at, NULL);
        }
    }
    free(scratch);
}

static void on_warm(struct job *job)
{
    send_answer(of_job(job));
}

static void submit(struct fetching *f, void (*work)(struct job *job),
                   void (*done)(struct job *job))
{
    f->job = (struct job){.work = work, .done = done};
    executor_submit(f->request->node->env.executor, &f->job);
}

static void answer(struct fetching *f)
{
    for (int n = 0; n < f->count; n++) {
        const struct log_slice *s = &f->items[n].slice;
        if (f->items[n].conversion != NULL && s->file != NULL) {
            submit(f, convert, on_converted);
            return;
        }
        if (is_cold(s)) {
            submit(f, warm, on_warm);
            return;
        }
    }
    send_answer(f);
}

/* ---- waiting ------------------------------------------------------------- */

static void stop_waiting(struct fetching *f)
{
    for (int n = 0; n < f->count; n++)
        partition_watch_stop(&f->items[n].watch);
    node_deadline_cancel(f->request->node, &f->deadline);
    f->request->peer_gone = NULL;
}

static void finish_waiting(struct fetching *f)
{
    stop_waiting(f);
    read_all(f);
    answer(f);
}

static void on_moved(struct partition_watch *watch)
{
    struct item *i = (struct item *)((char *)watch - offsetof(struct item, watch));
    struct fetching *f = i->fetching;
    item_read(i, f->max_bytes, true);
    f->ready_bytes += i->slice.size - i->ready_bytes;
    i->ready_bytes = i->slice.size;
    if (has_enough(f))
        finish_waiting(f);
}

static void on_deadline(struct deadline *d)
{
    finish_waiting(
        (struct fetching *)((char *)d - offsetof(struct fetching, deadline)));
}

static void on_peer_gone(struct request *r)
{
    finish_waiting(r->state);
}

static void wait_for_more(struct fetching *f)
{
    struct request *r = f->request;
    for (int n = 0; n < f->count; n++) {
        int rc;
        struct partition *p = item_partition(&f->items[n], &rc);
        if (p == NULL)
            continue; /* has_enough() has seen its error */
        f->items[n].watch.moved = on_moved;
        partition_watch_start(&f->items[n].watch, p);
    }
    f->deadline.expired = on_deadline;
    r->peer_gone = on_peer_gone;
    if (!node_deadline(r->node, &f->deadline, f->deadline_ms - node_now_ms(r->node)))
        finish_waiting(f);
}

/* Answers with what there is, if it is enough, or waits for more. */
static void proceed(struct fetching *f)
{
    struct request *r = f->request;
    read_all(f);
    if (f->count == 0 || has_enough(f) || f->deadline_ms <= node_now_ms(r->node) ||
        !request_may_wait(r))
        answer(f);
    else
        wait_for_more(f);
}

/* ---- the request --------------------------------------------------------- */

static void add_item(struct fetching *f, struct session_partition_key key,
                     struct str topic, struct uuid topic_id,
                     const struct fetch_request_fetch_partition *wanted)
{
    struct item *i = &f->items[f->count];
    i->fetching = f;
    i->conversion = f->conversions == NULL ? NULL : &f->conversions[f->count];
    i->key = key;
    i->topic = topic;
    i->topic_id = topic_id;
    i->wanted = *wanted;
    i->from = wanted->fetch_offset;
    f->count++;
}

/* The items of the session in its order, or those of the request in its. Names
 * are the session's or the request's: both live until the answer. */
static bool list_items(struct fetching *f)
{
    const struct fetch_request *m = f->message;
    size_t count = 0;
    if (f->session != NULL)
        count = HASH_COUNT(f->session->partitions);
    for (int32_t t = 0; f->session == NULL && t < m->topics_count; t++)
        count += (size_t)m->topics[t].partitions_count;
    struct arena *arena = &f->request->arena;
    bool old = f->magic < RECORD_BATCH_MAGIC;
    f->items = arena_array(arena, count, sizeof(*f->items));
    if (old)
        f->conversions = arena_array(arena, count, sizeof(*f->conversions));
    if (f->items == NULL || (old && f->conversions == NULL))
        return false;
    if (f->session != NULL) {
        const struct session_partition *p = f->session->partitions;
        for (; p != NULL; p = p->hh.next)
            add_item(f, p->key, p->key.topic->name, p->key.topic->id, &p->wanted);
        return true;
    }
    for (int32_t t = 0; t < m->topics_count; t++) {
        const struct fetch_request_fetch_topic *topic = &m->topics[t];
        for (int32_t n = 0; n < topic->partitions_count; n++)
            add_item(f, (struct session_partition_key){0}, topic->topic,
                     topic->topic_id, &topic->partitions[n]);
    }
    return true;
}

/* False: the request has ended, or is handled again once the logs are open. */
static bool open_logs(struct fetching *f)
{
    struct request *r = f->request;
    struct needed_logs needed;
    if (!needed_logs_begin(&needed, r, (size_t)f->count))
        return false;
    for (int n = 0; n < f->count; n++) {
        const struct item *i = &f->items[n];
        needed_logs_add(&needed, i->topic, i->topic_id, r->version >= 13,
                        i->wanted.partition);
    }
    return needed_logs_open(&needed);
}

static void fail(struct request *r, enum kafka_error error)
{
    struct fetch_response response = FETCH_RESPONSE_INIT;
    response.error_code = (int16_t)error;
    trace_debug(r->node->env.trace, "fetch from %s: %s", request_peer(r),
                kafka_error_name(error));
    request_respond(r, &response);
}

static struct fetching *fetching_create(struct request *r)
{
    const struct fetch_request *m = r->message;
    struct fetching *f = arena_alloc(&r->arena, sizeof(*f));
    if (f == NULL)
        return NULL;
    r->state = f;
    r->cleanup = cleanup;
    f->request = r;
    f->message = m;
    f->incremental = m->session_epoch > 0;
    int32_t replica_id = r->version >= 15 ? m->replica_state.replica_id : m->replica_id;
    f->follower = replica_id;
    f->isolation = replica_id >= 0           ? FETCH_LOG_END
                   : m->isolation_level == 1 ? FETCH_COMMITTED
                                             : FETCH_HIGH_WATERMARK;
    f->magic = r->version >= 4 ? RECORD_BATCH_MAGIC : r->version >= 2;
    f->deadline_ms = node_now_ms(r->node) + m->max_wait_ms;
    int32_t limit = r->node->config->fetch_max_bytes;
    if (f->magic < RECORD_BATCH_MAGIC && limit > CONVERTED_MAX_BYTES)
        limit = CONVERTED_MAX_BYTES;
    f->max_bytes = m->max_bytes < limit ? m->max_bytes : limit;
    f->min_bytes = m->min_bytes < f->max_bytes ? m->min_bytes : f->max_bytes;
    return f;
}

/* Called again from its start once the logs are open: the session has begun by
 * then, which r->state remembers. */
static void handle_fetch(struct request *r)
{
    struct fetching *f = r->state;
    if (f == NULL) {
        f = fetching_create(r);
        if (f == NULL) {
            request_refuse(r, "no memory for Fetch");
            return;
        }
        enum kafka_error error =
            fetch_session_begin(r->node->fetch_sessions, f->message, r->version,
                                node_now_ms(r->node), &f->session);
        if (error != KAFKA_NONE) {
            fail(r, error);
            return;
        }
        if (!list_items(f)) {
            request_refuse(r, "no memory for Fetch");
            return;
        }
    }
    if (!open_logs(f))
        return;
    proceed(f);
}

const struct api api_fetch = {
    .key = API_FETCH,
    .min_version = 0,
    .max_version = 18,
    .request = &fetch_request_type,
    .response = &fetch_response_type,
    .handle = handle_fetch,
};
