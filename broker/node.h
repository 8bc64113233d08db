/* broker/node.h
 *
 * One virtual broker: its listeners and connections, its data directory, its
 * replicas. Several nodes may share a loop, a controller and a metadata image.
 *
 *   node_open() ─► node_load() ─► node_serve() ─► … ─► node_stop() ─► node_close()
 *   lock, bind     replicas       recover,            drain, seal,
 *                                 listen              checkpoint
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_NODE_H
#define GREGOR_BROKER_NODE_H

#include <uv.h>

#include "broker/connection.h"
#include "broker/deadline.h"
#include "config/broker_config.h"
#include "replication/controller.h"
#include "replication/metadata_image.h"
#include "replication/replica_manager.h"
#include "storage/log_dir.h"

struct fetch_session_cache;
struct group_coordinator;
struct listener;
struct producer_ids;

/* What the nodes of a process share; borrowed, outlives them. */
struct node_environment {
    uv_loop_t *loop;
    struct executor *executor;
    struct disk *disk;
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
};

struct node_options {
    struct node_environment env;
    struct broker_config *config; /* borrowed; dynamic overrides are set on it */
    const char *data_dir;
};

struct node {
    struct node_environment env;
    int32_t id;
    struct broker_config *config;
    struct log_dir dir;
    struct log_manager *logs;
    struct replica_manager *replicas;
    struct controller *controller; /* shared */
    struct metadata_image *image;  /* the controller's */
    struct fetch_session_cache *fetch_sessions;
    struct producer_ids *producer_ids;
    struct group_coordinator *groups;

    struct connection_owner connections;
    struct connection *oldest, *newest; /* by activity */
    int connection_count;
    struct ip_count *ip_counts; /* connections per address */
    struct listener *listeners; /* a list */

    struct deadline_heap deadlines;
    uv_timer_t deadline_timer;
    uv_timer_t tick_timer; /* the log manager's, and idle connections */
    uv_check_t after_poll; /* runs the watches when sockets have been served */
    uv_prepare_t before_poll;
    int open_handles; /* libuv's, of node and listeners */
    int in_flight;    /* requests begun and not ended */

    bool stopping;
    bool handles_closing;
    struct log_request log_request; /* recovery, later the stop */
    void (*done)(struct node *node, int rc, const struct err *err);
    void *owner; /* of `done` */
};

/* Locks and reads the data directory, binds the listeners. Start-up; blocks. */
int node_open(const struct node_options *options, struct node *node, struct err *err);

/* Opens the log manager and registers the image's replicas. */
int node_load(struct node *node, struct controller *controller,
              struct metadata_image *image, struct err *err);

/* After a change of node->config at runtime. */
void node_follow_settings(struct node *node);

/* Recovers the logs after an unclean stop; then `done`. */
int node_recover(struct node *node,
                 void (*done)(struct node *, int, const struct err *), struct err *err);

/* Clients can connect. */
int node_serve(struct node *node, struct err *err);

/* Answers or refuses what is in flight, closes connections and handles, seals
 * the logs; then `done`. */
void node_stop(struct node *node, void (*done)(struct node *, int, const struct err *));

/* Frees what node_open() and node_load() made, after node_stop() or a failed
 * start; the loop must have run until node->open_handles was 0. */
void node_close(struct node *node);

/* Arms `d` to expire in `delay_ms`. False when out of memory. */
bool node_deadline(struct node *node, struct deadline *d, int64_t delay_ms);
void node_deadline_cancel(struct node *node, struct deadline *d);

/* One of the node's handles or connections is gone: its end may be complete. */
void node_handle_closed(struct node *node);

static inline int64_t node_now_ms(const struct node *node)
{
    return clock_mono_ms(node->env.clock);
}

#endif
