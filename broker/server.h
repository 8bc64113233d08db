/* broker/server.h
 *
 * A cluster on one loop: the controller with its metadata log, and the nodes.
 * One node today; the steps do not change with more.
 *
 *   open     lock the directory, bind, replay the metadata        (blocks)
 *   start    register the broker ─► recover ─► make topics ─► listen ─► ready
 *   stop     controller ─► node (drain, seal) ─► metadata log ─► stopped
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_SERVER_H
#define GREGOR_BROKER_SERVER_H

#include "broker/node.h"

struct server;

struct server_options {
    struct node_environment env; /* copied; what it points at is borrowed */
    struct broker_config *config;
    const char *data_dir;
    const struct create_topics_request *topics; /* --topic; borrowed until ready */

    /* The server is ready, or could not start: then server_stop() is still due. */
    void (*on_ready)(void *context, int rc, const struct err *err);
    void (*on_stopped)(void *context, int rc, const struct err *err);
    void *context;
};

/* Blocks on the disk. On failure nothing is left behind but what log_dir_open()
 * made. */
int server_open(const struct server_options *options, struct server **out,
                struct err *err);

/* Ends in on_ready(), on a later turn. */
void server_start(struct server *s);

/* Ends in on_stopped(); once, at any time after server_start(). */
void server_stop(struct server *s);

/* After on_stopped(), or instead of server_start(). */
void server_close(struct server *s);

/* The first listener's advertised address, "HOST:PORT". */
void server_bootstrap(const struct server *s, char *out, int size);

#endif
