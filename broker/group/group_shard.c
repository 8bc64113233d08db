#include "broker/group/group_shard.h"

#include <stdlib.h>
#include <utlist.h>

#include "broker/error_map.h"
#include "storage/batch_walk.h"

/* What one job reads. */
#define LOAD_BYTES (1 << 20)

/* A batch of these records that was compressed may expand to this. */
#define EXPAND_LIMIT ((size_t)64 << 20)

struct group_load {
    struct job job; /* first: its callbacks cast back */
    struct log_request opening;
    struct group_shard *shard; /* NULL: it was unloaded meanwhile */
    struct node *node;
    struct group_table table; /* becomes the shard's */
    struct log_slice slice;
    int64_t next_offset;
    int64_t begun_us;
    int rc;
    struct err err;
};

/* What a client is told of a log that refused (Kafka:
 * CoordinatorOperationExceptionHelper). */
static enum kafka_error coordinator_error(int rc)
{
    switch (error_to_kafka(rc)) {
    case KAFKA_NONE:
        return KAFKA_NONE;
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_REQUEST_TIMED_OUT:
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_KAFKA_STORAGE_ERROR:
        return KAFKA_NOT_COORDINATOR;
    default:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    }
}

static void on_moved(struct partition_watch *watch);

void group_shard_init(struct group_shard *shard, struct node *node,
                      struct group_env *env, struct uuid topic_id, int32_t index)
{
    *shard = (struct group_shard){
        .node = node, .env = env, .topic_id = topic_id, .index = index};
    shard->watch.moved = on_moved;
    group_table_init(&shard->table, env);
}

static struct partition *shard_partition(const struct group_shard *shard)
{
    return replica_manager_find(shard->node->replicas, shard->topic_id, shard->index);
}

/* ---- loading ------------------------------------------------------------- */

static void read_on(struct group_load *l);

static void tell_waiters(struct group_shard *shard)
{
    struct shard_waiter *waiting = shard->waiters;
    shard->waiters = NULL;
    while (waiting != NULL) {
        struct shard_waiter *waiter = waiting;
        waiting = waiter->next;
        waiter->done(waiter);
    }
}

static void start_groups(struct group_shard *shard)
{
    for (struct group *g = shard->table.groups; g != NULL; g = g->hh.next) {
        if (g->classic != NULL)
            classic_group_start(g->classic);
        if (g->consumer != NULL)
            consumer_group_start(g->consumer);
    }
}

static void report_load(const struct group_load *l)
{
    const struct group_shard *shard = l->shard;
    const struct trace *trace = shard->node->env.trace;
    int64_t took_us = clock_mono_us(shard->node->env.clock) - l->begun_us;
    trace_debug(trace, "__consumer_offsets-%d: %u groups loaded in %lld us",
                shard->index, HASH_COUNT(shard->table.groups), (long long)took_us);
    if (shard->table.foreign_records > 0)
        trace_info(trace,
                   "__consumer_offsets-%d holds %d records of share or streams groups, "
                   "which are kept and not coordinated",
                   shard->index, shard->table.foreign_records);
    if (shard->table.unreadable_records > 0)
        trace_warn(trace,
                   "__consumer_offsets-%d holds %d records that cannot be read; they "
                   "are kept",
                   shard->index, shard->table.unreadable_records);
}

/* Ends the load; `rc` 0: all is read. A shard that was unloaded meanwhile is not
 * concerned. */
static void load_end(struct group_load *l, int rc)
{
    struct group_shard *shard = l->shard;
    struct node *node = l->node;
    if (shard == NULL) {
        group_table_free(&l->table);
    } else if (rc == 0) {
        shard->load = NULL;
        shard->table = l->table;
        shard->state = SHARD_ACTIVE;
        report_load(l);
        start_groups(shard);
        shard->loaded(shard);
        tell_waiters(shard);
    } else {
        trace_error(node->env.trace, "__consumer_offsets-%d cannot be loaded: %s",
                    shard->index, l->err.message);
        shard->load = NULL;
        shard->state = SHARD_FAILED;
        struct partition *p = shard_partition(shard);
        shard->log_failed = p != NULL && partition_log_of(p) == NULL;
        group_table_free(&l->table);
        tell_waiters(shard);
    }
    free(l);
    node->in_flight--;
    node_handle_closed(node);
}

static int replay_batch(struct group_table *table, const uint8_t *data, int32_t size,
                        struct err *err)
{
    struct record_iter it;
    struct record record;
    int rc = record_iter_open(&it, data, (size_t)size, EXPAND_LIMIT, err);
    if (rc != 0)
        return rc;
    while ((rc = record_iter_next(&it, &record, err)) == 1) {
        int failed = group_table_replay(table, &it.batch, &record, err);
        if (failed != 0) {
            record_iter_close(&it);
            return failed;
        }
    }
    record_iter_close(&it);
    return rc;
}

static void load_slice(struct job *job)
{
    struct group_load *l = (struct group_load *)job;
    struct batch_walk walk;
    struct record_batch batch;
    const uint8_t *data;
    l->rc =
        batch_walk_open(&walk, l->slice.file->disk, l->slice.file->fd,
                        l->slice.position, l->slice.position + l->slice.size, &l->err);
    if (l->rc != 0)
        return;
    while ((l->rc = batch_walk_next_whole(&walk, &batch, &data, &l->err)) == 1) {
        l->rc = replay_batch(&l->table, data, batch.size, &l->err);
        if (l->rc != 0)
            break;
        l->next_offset = batch.last_offset + 1;
    }
    batch_walk_close(&walk);
}

static void on_slice_loaded(struct job *job)
{
    struct group_load *l = (struct group_load *)job;
    log_file_release(l->slice.file);
    l->slice.file = NULL;
    if (l->rc != 0 || l->shard == NULL)
        load_end(l, l->rc);
    else
        read_on(l);
}

static int next_slice(struct group_load *l)
{
    struct partition *p = shard_partition(l->shard);
    if (p == NULL)
        return err_set(&l->err, ERR_NOT_LEADER_OR_FOLLOWER, "it is not here any more");
    int rc = partition_check_leader(p, -1, &l->err);
    if (rc != 0)
        return rc;
    struct partition_log *log = partition_log_of(p);
    int64_t start = partition_log_start_offset(log);
    if (l->next_offset < start)
        l->next_offset = start;
    l->slice = (struct log_slice){0};
    return partition_log_read(log, l->next_offset, partition_log_end_offset(log),
                              LOAD_BYTES, true, &l->slice, &l->err);
}

static void read_on(struct group_load *l)
{
    int rc = next_slice(l);
    if (rc != 0 || l->slice.file == NULL || l->slice.size == 0) {
        log_file_release(l->slice.file);
        load_end(l, rc);
        return;
    }
    l->job = (struct job){.work = load_slice, .done = on_slice_loaded};
    executor_submit(l->node->env.executor, &l->job);
}

static void on_opened(struct log_request *request, int rc, const struct err *err)
{
    struct group_load *l =
        (struct group_load *)((char *)request - offsetof(struct group_load, opening));
    if (rc != 0)
        l->err = *err;
    if (rc != 0 || l->shard == NULL)
        load_end(l, rc);
    else
        read_on(l);
}

void group_shard_load(struct group_shard *shard)
{
    struct partition *p = shard_partition(shard);
    bool back = shard->state == SHARD_FAILED && shard->log_failed && p != NULL &&
                partition_log_of(p) != NULL;
    if (shard->state != SHARD_IDLE && !back)
        return;
    struct group_load *l = p == NULL ? NULL : calloc(1, sizeof(*l));
    if (l == NULL)
        return; /* who asks again begins anew */
    l->shard = shard;
    l->node = shard->node;
    group_table_init(&l->table, shard->env);
    l->begun_us = clock_mono_us(shard->node->env.clock);
    l->opening.done = on_opened;
    shard->load = l;
    shard->state = SHARD_LOADING;
    shard->node->in_flight++; /* the logs stay open until it has ended */
    int rc =
        log_manager_ensure_open(shard->node->logs, &p->handle, &l->opening, &l->err);
    if (rc == 1)
        read_on(l);
    else if (rc < 0)
        load_end(l, rc);
}

void group_shard_wait(struct group_shard *shard, struct shard_waiter *waiter)
{
    LL_APPEND(shard->waiters, waiter);
}

/* ---- writes -------------------------------------------------------------- */

static void end_write(struct group_write *w, enum kafka_error error)
{
    struct group_shard *shard = w->shard;
    DL_DELETE(shard->writes, w);
    node_deadline_cancel(shard->node, &w->deadline);
    if (shard->writes == NULL)
        partition_watch_stop(&shard->watch);
    w->done(w, error);
}

static void fail(struct group_shard *shard, enum kafka_error error)
{
    while (shard->writes != NULL)
        end_write(shard->writes, error);
    group_table_free(&shard->table);
    group_table_init(&shard->table, shard->env);
}

static void on_moved(struct partition_watch *watch)
{
    struct group_shard *shard =
        (struct group_shard *)((char *)watch - offsetof(struct group_shard, watch));
    struct partition *p = watch->partition;
    if (partition_log_of(p) == NULL) {
        shard->state = SHARD_FAILED;
        shard->log_failed = true;
        fail(shard, KAFKA_NOT_COORDINATOR);
    } else {
        while (shard->writes != NULL &&
               partition_is_committed(p, shard->writes->last_offset))
            end_write(shard->writes, KAFKA_NONE);
    }
    shard->env->settled(shard->env);
}

static void on_write_timeout(struct deadline *d)
{
    struct group_write *w =
        (struct group_write *)((char *)d - offsetof(struct group_write, deadline));
    struct group_env *env = w->shard->env;
    end_write(w, KAFKA_COORDINATOR_NOT_AVAILABLE);
    env->settled(env);
}

static int append(struct group_shard *shard, struct group_records *records,
                  struct group_write *write, struct err *err)
{
    struct partition *p = shard_partition(shard);
    if (p == NULL)
        return err_set(err, ERR_NOT_LEADER_OR_FOLLOWER, "it is not here any more");
    int rc = partition_check_leader(p, -1, err);
    if (rc != 0)
        return rc;
    if (records->count == 0) {
        write->last_offset = partition_log_end_offset(partition_log_of(p)) - 1;
        return records->rc;
    }
    rc = group_records_finish(records, err);
    if (rc != 0)
        return rc;
    struct buf *batch = &records->builder.out;
    struct append_result result;
    rc = partition_append(p, batch->data, (int32_t)batch->len, APPEND_COORDINATOR,
                          &result, err);
    if (rc == 0)
        write->last_offset = result.last_offset;
    return rc;
}

static enum kafka_error append_or_say(struct group_shard *shard,
                                      struct group_records *records,
                                      struct group_write *write)
{
    struct err err = {0};
    int rc = append(shard, records, write, &err);
    if (rc != 0)
        trace_warn(shard->node->env.trace, "__consumer_offsets-%d refuses a change: %s",
                   shard->index, err.message);
    return coordinator_error(rc);
}

enum kafka_error group_shard_append(struct group_shard *shard,
                                    struct group_records *records,
                                    struct group_write *write)
{
    enum kafka_error error = append_or_say(shard, records, write);
    group_records_free(records);
    return error;
}

/* What cannot be applied, for want of memory, is in the log: it is read from there when
 * somebody next needs the shard. */
static enum kafka_error apply(struct group_shard *shard,
                              const struct group_records *records)
{
    struct err err = {0};
    const struct buf *batch = &records->builder.out;
    if (records->count == 0 ||
        replay_batch(&shard->table, batch->data, (int32_t)batch->len, &err) == 0)
        return KAFKA_NONE;
    trace_error(shard->node->env.trace,
                "__consumer_offsets-%d is to be loaded anew: %s", shard->index,
                err.message);
    fail(shard, KAFKA_COORDINATOR_NOT_AVAILABLE);
    shard->state = SHARD_IDLE;
    return KAFKA_COORDINATOR_NOT_AVAILABLE;
}

enum kafka_error group_shard_change(struct group_shard *shard,
                                    struct group_records *records,
                                    struct group_write *write)
{
    enum kafka_error error = append_or_say(shard, records, write);
    if (error == KAFKA_NONE)
        error = apply(shard, records);
    write->shard = shard;
    group_records_free(records);
    return error;
}

void group_shard_commit(struct group_shard *shard, struct group_write *write)
{
    write->shard = shard;
    struct partition *p = shard_partition(shard);
    if (p == NULL || partition_log_of(p) == NULL) {
        write->done(write, KAFKA_NOT_COORDINATOR);
        return;
    }
    if (shard->writes == NULL && partition_is_committed(p, write->last_offset)) {
        write->done(write, KAFKA_NONE);
        return;
    }
    if (shard->writes == NULL)
        partition_watch_start(&shard->watch, p);
    DL_APPEND(shard->writes, write);
    write->deadline.expired = on_write_timeout;
    /* Without memory for it the write waits for as long as the log takes. */
    node_deadline(shard->node, &write->deadline,
                  shard->node->config->offsets_commit_timeout_ms);
}

/* ---- the end ------------------------------------------------------------- */

void group_shard_unload(struct group_shard *shard)
{
    if (shard->load != NULL) {
        /* The job goes on with its own table, and frees it when it ends. */
        shard->load->shard = NULL;
        shard->load = NULL;
    }
    shard->state = SHARD_IDLE;
    fail(shard, KAFKA_NOT_COORDINATOR);
    partition_watch_stop(&shard->watch);
    tell_waiters(shard);
}
