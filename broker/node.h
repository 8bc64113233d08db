/* broker/node.h
 *
 * One virtual broker: its listeners and connections, its data directory, its
 * replicas. Several nodes share a loop, a controller and a metadata image.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_NODE_H
#define GREGOR_BROKER_NODE_H

#include <uv.h>

#include "broker/connection.h"
#include "broker/deadline.h"
#include "broker/uv_executor.h"
#include "config/broker_config.h"
#include "replication/controller.h"
#include "replication/metadata_image.h"
#include "replication/replica_manager.h"
#include "storage/log_dir.h"

struct fetch_session_cache;
struct listener;

/* What the nodes of a process share; borrowed, outlives them. */
struct node_environment {
    uv_loop_t *loop;
    struct executor *executor;
    struct disk *disk;
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
};

struct node {
    struct node_environment env;
    int32_t id;
    struct broker_config *config;
    const char *bind_host; /* --listen: overrides the config's listener */
    struct log_dir dir;
    struct log_manager *logs;
    struct replica_manager *replicas;
    struct controller *controller;      /* shared */
    const struct metadata_image *image; /* the controller's */
    struct fetch_session_cache *fetch_sessions;

    struct connection_owner connections;
    struct connection *oldest, *newest; /* by activity */
    int connection_count;
    struct ip_count *ip_counts; /* connections per address */
    struct listener *listeners; /* a list */

    struct deadline_heap deadlines;
    uv_timer_t deadline_timer;
    uv_timer_t tick_timer;  /* log manager */
    uv_timer_t idle_timer;  /* idle connections, fetch sessions */
    uv_prepare_t turn_end;  /* runs the watches before the loop sleeps */
    int open_handles;
    int in_flight; /* requests begun and not ended */
    bool stopping;
    struct log_request stop_request;
    void (*on_stopped)(struct node *node, int rc);
    void *owner;
};

/* Arms `d` to expire in `delay_ms`. */
bool node_deadline(struct node *node, struct deadline *d, int64_t delay_ms);

/* The current time of the loop's clock, monotonic. */
static inline int64_t node_now_ms(const struct node *node)
{
    return clock_mono_ms(node->env.clock);
}

#endif
