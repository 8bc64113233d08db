/* broker/node_connections.h
 *
 * The connections of a node: limits (max.connections, max.connections.per.ip),
 * idleness (connections.max.idle.ms), and their end.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_NODE_CONNECTIONS_H
#define GREGOR_BROKER_NODE_CONNECTIONS_H

#include <sys/socket.h>

#include "broker/node.h"

void node_connections_init(struct node *node);

bool node_may_accept(const struct node *node);

/* Takes over the socket. */
void node_accept(struct node *node, struct listener *l, int fd,
                 const struct sockaddr_storage *address);

/* Closes those that were silent for connections.max.idle.ms. */
void node_close_idle(struct node *node);

/* The node stops: requests that wait are answered with what they have, and
 * connections without a request are closed; others follow when they have sent
 * their answer. */
void node_drain_connections(struct node *node);

/* Closes all; requests under way learn that their client is gone. */
void node_close_all(struct node *node);

#endif
