#include "broker/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/api/fetch_session.h"
#include "broker/api/producer_ids.h"
#include "broker/group/group_coordinator.h"
#include "broker/listener.h"
#include "broker/node_connections.h"

/* How long answers under way may hold up a stop. */
#define DRAIN_MS 100
#define IDLE_CHECK_MS 1000

/* Deadlines */

static void arm_deadline_timer(struct node *node);

static void on_deadline_timer(uv_timer_t *timer)
{
    struct node *node = timer->data;
    deadline_run(&node->deadlines, node_now_ms(node));
    arm_deadline_timer(node);
}

static void arm_deadline_timer(struct node *node)
{
    int64_t next = deadline_next_ms(&node->deadlines);
    if (next == INT64_MAX || node->handles_closing)
        return;
    int64_t delay = next - node_now_ms(node);
    uv_timer_start(&node->deadline_timer, on_deadline_timer,
                   delay < 0 ? 0 : (uint64_t)delay, 0);
}

bool node_deadline(struct node *node, struct deadline *d, int64_t delay_ms)
{
    int64_t at = node_now_ms(node) + delay_ms;
    bool first = at < deadline_next_ms(&node->deadlines);
    if (!deadline_add(&node->deadlines, d, at))
        return false;
    if (first)
        arm_deadline_timer(node);
    return true;
}

/* The timer may then fire for nothing, once; that is cheaper than moving it. */
void node_deadline_cancel(struct node *node, struct deadline *d)
{
    deadline_remove(&node->deadlines, d);
}

/* The turn of the loop */

static void run_watches(struct node *node)
{
    /* What is told may append, and so move partitions again. Those wait for
     * the next turn, which the deadline timer forces. */
    replica_manager_run_watches(node->replicas);
    if (replica_manager_has_moved(node->replicas) && !node->handles_closing)
        uv_timer_start(&node->deadline_timer, on_deadline_timer, 0, 0);
}

static void on_after_poll(uv_check_t *check)
{
    run_watches(check->data);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    run_watches(prepare->data);
}

static void on_tick(uv_timer_t *timer)
{
    struct node *node = timer->data;
    int64_t again = log_manager_tick(node->logs, node_now_ms(node));
    node_close_idle(node);
    for (struct listener *l = node->listeners; l != NULL; l = l->next)
        listener_resume(l);
    if (again < 1)
        again = 1;
    if (again > IDLE_CHECK_MS)
        again = IDLE_CHECK_MS;
    uv_timer_start(&node->tick_timer, on_tick, (uint64_t)again, 0);
}

static void start_handles(struct node *node)
{
    uv_loop_t *loop = node->env.loop;
    uv_timer_init(loop, &node->deadline_timer);
    uv_timer_init(loop, &node->tick_timer);
    uv_check_init(loop, &node->after_poll);
    uv_prepare_init(loop, &node->before_poll);
    node->deadline_timer.data = node->tick_timer.data = node;
    node->after_poll.data = node->before_poll.data = node;
    node->open_handles += 4;
    uv_timer_start(&node->tick_timer, on_tick, IDLE_CHECK_MS, 0);
    uv_check_start(&node->after_poll, on_after_poll);
    uv_prepare_start(&node->before_poll, on_before_poll);
}

/* Opening */

static int bind_listeners(struct node *node, struct err *err)
{
    struct listener **end = &node->listeners;
    for (size_t i = 0; i < node->config->listeners.count; i++) {
        const struct endpoint *e = &node->config->listeners.items[i];
        const struct endpoint *told =
            endpoints_find(&node->config->advertised, e->name);
        int rc = listener_bind(node, e->name, e->host, e->port,
                               told == NULL ? NULL : told->host,
                               told == NULL ? 0 : told->port, end, err);
        if (rc != 0)
            return rc;
        end = &(*end)->next;
    }
    return 0;
}

/* A directory keeps its id, unless the settings insist on one. */
static int32_t asked_node_id(const struct broker_config *config)
{
    struct str value;
    enum setting_source source;
    bool set = broker_config_get(config, STR_LITERAL("node.id"), &value, &source) &&
               source > SETTING_SOURCE_PROFILE;
    return set ? config->node_id : -1;
}

int node_open(const struct node_options *o, struct node *node, struct err *err)
{
    *node = (struct node){.env = o->env, .config = o->config, .id = o->config->node_id};
    node_connections_init(node);
    /* An address in use is found before the directory is touched. */
    int rc = bind_listeners(node, err);
    if (rc != 0)
        return rc;
    struct log_dir_options dir = {
        .path = o->data_dir,
        .disk = o->env.disk,
        .random = o->env.random,
        .node_id = asked_node_id(o->config),
    };
    rc = log_dir_open(&dir, &node->dir, err);
    node->id = node->dir.node_id;
    return rc;
}

/* Kafka: log.segment.delete.delay.ms, what topics have by default. */
static int file_delete_delay(const struct broker_config *config, int64_t *ms,
                             struct err *err)
{
    struct topic_config *defaults;
    int rc = topic_config_create(config, NULL, 0, &defaults, err);
    if (rc != 0)
        return rc;
    *ms = defaults->file_delete_delay_ms;
    topic_config_release(defaults);
    return 0;
}

static struct log_cleaner_config cleaner_of(const struct broker_config *config)
{
    return (struct log_cleaner_config){
        .enable = config->log_cleaner_enable,
        .threads = config->log_cleaner_threads,
        .backoff_ms = config->log_cleaner_backoff_ms,
        .dedupe_buffer_bytes = config->log_cleaner_dedupe_buffer_size,
        .io_buffer_bytes = config->log_cleaner_io_buffer_size,
        .load_factor = config->log_cleaner_io_buffer_load_factor,
        .io_max_bytes_per_second = config->log_cleaner_io_max_bytes_per_second,
    };
}

/* Topics follow through the replica manager, and the rest is looked up in the
 * config whenever it is needed. */
void node_follow_settings(struct node *node)
{
    struct err err = {0};
    int64_t delay_ms;
    node->connections.request_max_bytes = node->config->socket_request_max_bytes;
    struct log_cleaner_config cleaner = cleaner_of(node->config);
    log_manager_set_cleaner(node->logs, &cleaner);
    if (file_delete_delay(node->config, &delay_ms, &err) != 0)
        trace_error(node->env.trace, "log.segment.delete.delay.ms stays as it was: %s",
                    err.message);
    else
        log_manager_set_times(node->logs, delay_ms,
                              node->config->producer_id_expiration_ms);
}

int node_load(struct node *node, struct controller *controller,
              struct metadata_image *image, struct err *err)
{
    node->controller = controller;
    node->image = image;
    const struct broker_config *config = node->config;
    int64_t delay_ms;
    int rc = file_delete_delay(config, &delay_ms, err);
    if (rc != 0)
        return rc;
    struct log_manager_options logs = {
        .dir = &node->dir,
        .disk = node->env.disk,
        .clock = node->env.clock,
        .random = node->env.random,
        .trace = node->env.trace,
        .executor = node->env.executor,
        .recovery_threads = config->num_recovery_threads_per_data_dir,
        .checkpoint_interval_ms = config->log_flush_offset_checkpoint_interval_ms,
        .file_delete_delay_ms = delay_ms,
        .producer_id_expiration_ms = config->producer_id_expiration_ms,
        .producer_expiry_interval_ms = config->producer_id_expiration_check_interval_ms,
        .initial_task_delay_ms = config->log_initial_task_delay_ms,
        .retention_check_interval_ms = config->log_retention_check_interval_ms,
        .cleaner = cleaner_of(config),
    };
    rc = log_manager_open(&logs, &node->logs, err);
    if (rc != 0)
        return rc;
    struct replica_manager_options replicas = {
        .node_id = node->id,
        .logs = node->logs,
        .image = image,
        .config = config,
        .trace = node->env.trace,
    };
    rc = replica_manager_create(&replicas, &node->replicas, err);
    if (rc == 0)
        rc = replica_manager_load(node->replicas, err);
    if (rc != 0)
        return rc;
    node->fetch_sessions = fetch_session_cache_create(
        config->max_incremental_fetch_session_cache_slots, node->env.random);
    node->producer_ids = producer_ids_create(node);
    node->groups = group_coordinator_create(node);
    if (node->fetch_sessions == NULL || node->producer_ids == NULL ||
        node->groups == NULL)
        return err_nomem(err);
    start_handles(node);
    group_coordinator_start(node->groups);
    return 0;
}

static void on_recovered(struct log_request *request, int rc, const struct err *err)
{
    struct node *node =
        (struct node *)((char *)request - offsetof(struct node, log_request));
    node->done(node, rc, err);
}

int node_recover(struct node *node,
                 void (*done)(struct node *, int, const struct err *), struct err *err)
{
    node->done = done;
    node->log_request.done = on_recovered;
    return log_manager_recover_all(node->logs, &node->log_request, err);
}

int node_serve(struct node *node, struct err *err)
{
    for (struct listener *l = node->listeners; l != NULL; l = l->next) {
        int rc = listener_start(l, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Stopping
 *
 * Requests that wait are answered with what they have; those at work in the
 * pool get DRAIN_MS to finish. Then every handle is closed, and when the last
 * connection is freed and the last request ended, the logs are sealed. */

static int64_t broker_epoch(const struct node *node)
{
    const struct metadata_broker *self = metadata_image_broker(node->image, node->id);
    return self == NULL ? -1 : self->epoch;
}

static void on_sealed(struct log_request *request, int rc, const struct err *err)
{
    struct node *node =
        (struct node *)((char *)request - offsetof(struct node, log_request));
    node->done(node, rc, err);
}

static void maybe_seal(struct node *node)
{
    if (!node->handles_closing || node->open_handles > 0 || node->in_flight > 0 ||
        node->connection_count > 0)
        return;
    node->log_request.done = on_sealed;
    log_manager_stop(node->logs, broker_epoch(node), &node->log_request);
}

static void on_own_handle_closed(uv_handle_t *handle)
{
    struct node *node = handle->data;
    node->open_handles--;
    maybe_seal(node);
}

static void close_handles(struct node *node)
{
    if (node->handles_closing)
        return;
    node->handles_closing = true;
    node_close_all(node);
    uv_close((uv_handle_t *)&node->deadline_timer, on_own_handle_closed);
    uv_close((uv_handle_t *)&node->tick_timer, on_own_handle_closed);
    uv_close((uv_handle_t *)&node->after_poll, on_own_handle_closed);
    uv_close((uv_handle_t *)&node->before_poll, on_own_handle_closed);
}

static void on_drain_over(uv_timer_t *timer)
{
    close_handles(timer->data);
}

void node_handle_closed(struct node *node)
{
    if (node->stopping && node->connection_count == 0)
        close_handles(node);
    maybe_seal(node);
}

void node_stop(struct node *node, void (*done)(struct node *, int, const struct err *))
{
    node->done = done;
    node->stopping = true;
    for (struct listener *l = node->listeners; l != NULL; l = l->next)
        listener_stop(l);
    group_coordinator_stop(node->groups);
    node_drain_connections(node);
    uv_timer_start(&node->tick_timer, on_drain_over,
                   node->connection_count == 0 ? 0 : DRAIN_MS, 0);
}

void node_close(struct node *node)
{
    while (node->listeners != NULL) {
        struct listener *l = node->listeners;
        node->listeners = l->next;
        listener_destroy(l);
    }
    fetch_session_cache_destroy(node->fetch_sessions);
    producer_ids_destroy(node->producer_ids);
    group_coordinator_destroy(node->groups);
    replica_manager_destroy(node->replicas);
    log_manager_destroy(node->logs);
    deadline_heap_free(&node->deadlines);
    log_dir_close(&node->dir);
}
