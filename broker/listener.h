/* broker/listener.h
 *
 * A bound address that accepts connections for one node.
 *
 * Loop thread; listener_bind() may block on name resolution: start-up only. */
#ifndef GREGOR_BROKER_LISTENER_H
#define GREGOR_BROKER_LISTENER_H

#include "broker/node.h"

struct listener {
    struct node *node;
    uv_poll_t poll;
    int fd;
    bool
        accepting; /* false while max.connections is reached, or the machine's limits */
    bool starved;  /* the machine's limits were reached: said once */
    char name[32]; /* as in listeners=NAME://… */
    char host[256]; /* as given */
    int port;       /* as bound */
    char advertised_host[256];
    int advertised_port;
    struct listener *next;
};

/* Binds, port 0 for any; clients are refused until listener_start(), which
 * listens. `advertised_host` NULL or "" and `advertised_port` 0 mean
 * what was bound. */
int listener_bind(struct node *node, const char *name, const char *host, int port,
                  const char *advertised_host, int advertised_port,
                  struct listener **out, struct err *err);
int listener_start(struct listener *l, struct err *err);

/* Tries to accept again: after a connection was closed, and now and then, since
 * descriptors may come free elsewhere. */
void listener_resume(struct listener *l);

/* Accepts no more. node_handle_closed() tells when its handle is gone. */
void listener_stop(struct listener *l);

/* Before listener_start(), or when the handle is gone. */
void listener_destroy(struct listener *l);

#endif
