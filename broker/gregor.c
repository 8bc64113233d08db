/* The thread of a broker
 *
 * gregor_start() reads the options and the settings on the caller's thread, so
 * that what is wrong with them is found before anything is touched; then it
 * starts the thread that owns the loop and waits until that says ready or
 * failed. Afterwards the two talk in one direction only: an async handle asks
 * the loop to stop.
 *
 *   caller                      loop thread
 *   gregor_start  ── create ──► open, start … ready
 *        ◄────────── state ─────┘
 *   gregor_stop   ── async ───► stop … loop empty
 *        ◄────────── join ──────┘ */
#include "broker/gregor.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "broker/server.h"
#include "broker/start_options.h"
#include "broker/uv_executor.h"

enum broker_state { STATE_STARTING, STATE_READY, STATE_FAILED };

struct gregor {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum broker_state state; /* under the mutex */
    struct err failure;      /* with STATE_FAILED */
    struct err stop_failure; /* after the join */

    struct start_options options;
    struct caller_log log;
    struct trace trace; /* looks at `log` */
    struct disk disk;
    uv_loop_t loop;
    uv_async_t stop_async;
    struct uv_executor executor;
    struct server *server;
    bool stopping;
    char bootstrap[320];
};

/* ---- the loop thread ----------------------------------------------------- */

static void enter_state(struct gregor *g, enum broker_state state,
                        const struct err *err)
{
    pthread_mutex_lock(&g->mutex);
    g->state = state;
    if (err != NULL)
        g->failure = *err;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

static void begin_stop(struct gregor *g)
{
    if (g->stopping)
        return;
    g->stopping = true;
    uv_close((uv_handle_t *)&g->stop_async, NULL);
    server_stop(g->server);
}

static void on_stop_async(uv_async_t *async)
{
    begin_stop(async->data);
}

static void on_ready(void *context, int rc, const struct err *err)
{
    struct gregor *g = context;
    if (rc == 0) {
        server_bootstrap(g->server, g->bootstrap, sizeof(g->bootstrap));
        enter_state(g, STATE_READY, NULL);
    } else {
        enter_state(g, STATE_FAILED, err);
        begin_stop(g);
    }
}

static void on_stopped(void *context, int rc, const struct err *err)
{
    struct gregor *g = context;
    if (rc != 0)
        g->stop_failure = *err;
}

static int open_server(struct gregor *g, struct err *err)
{
    const struct start_options *o = &g->options;
    struct server_options options = {
        .env = {.loop = &g->loop,
                .executor = &g->executor.base,
                .disk = &g->disk,
                .clock = &clock_system,
                .random = &random_system,
                .trace = &g->trace},
        .config = o->config,
        .data_dir = o->data_dir,
        .topics = &o->topics,
        .on_ready = on_ready,
        .on_stopped = on_stopped,
        .context = g,
    };
    return server_open(&options, &g->server, err);
}

/* Signals are the program's: none may run its handlers on our thread, and
 * sendfile() to a closed socket must give EPIPE, not end the process. */
static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void *run(void *argument)
{
    struct gregor *g = argument;
    struct err err = {0};
    block_signals();
    if (open_server(g, &err) != 0) {
        uv_close((uv_handle_t *)&g->stop_async, NULL);
        enter_state(g, STATE_FAILED, &err);
        uv_run(&g->loop, UV_RUN_DEFAULT);
        return NULL;
    }
    server_start(g->server);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    server_close(g->server);
    return NULL;
}

/* ---- the caller's thread ------------------------------------------------- */

static void say(char *error, const struct err *err)
{
    snprintf(error, GREGOR_ERROR_SIZE, "%s", err->message);
}

static void gregor_free(struct gregor *g)
{
    start_options_free(&g->options, &g->disk);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->mutex);
    free(g);
}

static int start_thread(struct gregor *g, struct err *err)
{
    if (uv_loop_init(&g->loop) != 0)
        return err_set(err, ERR_IO, "cannot make an event loop: out of descriptors?");
    uv_executor_init(&g->executor, &g->loop);
    uv_async_init(&g->loop, &g->stop_async, on_stop_async);
    g->stop_async.data = g;
    int rc = pthread_create(&g->thread, NULL, run, g);
    if (rc != 0) {
        uv_close((uv_handle_t *)&g->stop_async, NULL);
        uv_run(&g->loop, UV_RUN_DEFAULT);
        uv_loop_close(&g->loop);
        return err_errno(err, rc, "cannot start a thread");
    }
    return 0;
}

static void join(struct gregor *g)
{
    pthread_join(g->thread, NULL);
    uv_loop_close(&g->loop);
}

static enum broker_state wait_for_start(struct gregor *g)
{
    pthread_mutex_lock(&g->mutex);
    while (g->state == STATE_STARTING)
        pthread_cond_wait(&g->changed, &g->mutex);
    enum broker_state state = g->state;
    pthread_mutex_unlock(&g->mutex);
    return state;
}

static struct gregor *gregor_create(const struct gregor_options *options)
{
    struct gregor *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->changed, NULL);
    g->disk.ops = &disk_system_ops;
    g->trace = start_options_trace(options, &g->log);
    return g;
}

enum gregor_status gregor_start(const struct gregor_options *options,
                                struct gregor **out, char *error)
{
    struct err err = {0};
    struct gregor *g = gregor_create(options);
    if (g == NULL) {
        err_nomem(&err);
        say(error, &err);
        return GREGOR_FAILED;
    }
    if (start_options_read(options, &g->options, &err) != 0) {
        say(error, &err);
        gregor_free(g);
        return GREGOR_USAGE;
    }
    start_options_report(&g->options, &g->trace);
    int rc = start_options_prepare_dir(&g->options, &err);
    if (rc == 0)
        rc = start_thread(g, &err);
    if (rc == 0 && wait_for_start(g) == STATE_FAILED) {
        join(g);
        err = g->failure;
        rc = err.code;
    }
    if (rc != 0) {
        say(error, &err);
        gregor_free(g);
        return GREGOR_FAILED;
    }
    *out = g;
    return GREGOR_OK;
}

const char *gregor_bootstrap(const struct gregor *g)
{
    return g->bootstrap;
}

const char *gregor_data_dir(const struct gregor *g)
{
    return g->options.data_dir;
}

enum gregor_status gregor_stop(struct gregor *g, char *error)
{
    if (g == NULL)
        return GREGOR_OK;
    uv_async_send(&g->stop_async);
    join(g);
    struct err err = g->stop_failure;
    gregor_free(g);
    if (err.code == 0)
        return GREGOR_OK;
    say(error, &err);
    return GREGOR_FAILED;
}

enum gregor_status gregor_print_config(const struct gregor_options *options, char **out,
                                       char *error)
{
    struct start_options o = {0};
    struct err err = {0};
    struct buf text = BUF_INIT;
    struct disk disk = {.ops = &disk_system_ops};
    int rc = start_options_read(options, &o, &err);
    if (rc == 0) {
        broker_config_print(o.config, &text);
        buf_append(&text, "", 1);
        if (text.failed)
            rc = err_nomem(&err);
    }
    start_options_free(&o, &disk);
    if (rc != 0) {
        say(error, &err);
        buf_free(&text);
        return GREGOR_USAGE;
    }
    *out = (char *)text.data;
    return GREGOR_OK;
}

const char *gregor_version(void)
{
    return GREGOR_VERSION;
}
