#include "broker/node_connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uthash.h>

#include "broker/listener.h"
#include "broker/request.h"

struct ip_count {
    char ip[INET6_ADDRSTRLEN];
    int count;
    UT_hash_handle hh;
};

/* The list is kept by activity, so that the idle ones stand at its front. */
static void unlink_connection(struct node *node, struct connection *c)
{
    struct connection_links *l = connection_links(c);
    if (l->prev != NULL)
        connection_links(l->prev)->next = l->next;
    else
        node->oldest = l->next;
    if (l->next != NULL)
        connection_links(l->next)->prev = l->prev;
    else
        node->newest = l->prev;
    l->prev = l->next = NULL;
}

static void link_newest(struct node *node, struct connection *c)
{
    struct connection_links *l = connection_links(c);
    l->active_ms = node_now_ms(node);
    l->prev = node->newest;
    if (node->newest != NULL)
        connection_links(node->newest)->next = c;
    else
        node->oldest = c;
    node->newest = c;
}

static struct node *node_of(struct connection_owner *owner)
{
    return (struct node *)((char *)owner - offsetof(struct node, connections));
}

static void on_frame(struct connection_owner *owner, struct connection *c,
                     uint8_t *frame, int32_t size)
{
    struct node *node = node_of(owner);
    if (node->stopping) {
        connection_close(c, "the broker stops");
        connection_respond(c, NULL);
    } else {
        request_begin(node, c, frame, size);
    }
}

static void on_peer_gone(struct connection_owner *owner, struct connection *c)
{
    (void)owner;
    struct request *r = connection_links(c)->request;
    if (r != NULL && r->peer_gone != NULL)
        r->peer_gone(r);
}

static void on_active(struct connection_owner *owner, struct connection *c)
{
    struct node *node = node_of(owner);
    if (node->newest == c) {
        connection_links(c)->active_ms = node_now_ms(node);
        return;
    }
    unlink_connection(node, c);
    link_newest(node, c);
}

static void forget_ip(struct node *node, struct connection *c)
{
    struct ip_count *ip = NULL;
    HASH_FIND_STR(node->ip_counts, connection_links(c)->ip, ip);
    if (ip == NULL || --ip->count > 0)
        return;
    HASH_DEL(node->ip_counts, ip);
    free(ip);
}

static void on_closed(struct connection_owner *owner, struct connection *c)
{
    struct node *node = node_of(owner);
    unlink_connection(node, c);
    forget_ip(node, c);
    node->connection_count--;
    for (struct listener *l = node->listeners; l != NULL; l = l->next)
        listener_resume(l);
    if (node->stopping)
        node_handle_closed(node);
}

void node_connections_init(struct node *node)
{
    node->connections = (struct connection_owner){
        .loop = node->env.loop,
        .trace = node->env.trace,
        .request_max_bytes = node->config->socket_request_max_bytes,
        .on_frame = on_frame,
        .on_peer_gone = on_peer_gone,
        .on_closed = on_closed,
        .on_active = on_active,
    };
}

bool node_may_accept(const struct node *node)
{
    return node->connection_count < node->config->max_connections;
}

static void ip_text(const struct sockaddr_storage *address, char *ip, int *port)
{
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) /* limits are set on its IPv4 name */
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ip, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, ip, INET6_ADDRSTRLEN);
        *port = ntohs(v6->sin6_port);
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, ip, INET6_ADDRSTRLEN);
        *port = ntohs(v4->sin_port);
    }
}

static int limit_of_ip(const struct broker_config *config, const char *ip)
{
    for (size_t i = 0; i < config->max_connections_per_ip_override_count; i++) {
        if (strcmp(config->max_connections_per_ip_overrides[i].host, ip) == 0)
            return config->max_connections_per_ip_overrides[i].max_connections;
    }
    return config->max_connections_per_ip;
}

/* Counts one more from that address; NULL when it has its share already. */
static struct ip_count *count_ip(struct node *node, const char *ip)
{
    struct ip_count *found = NULL;
    HASH_FIND_STR(node->ip_counts, ip, found);
    int limit = limit_of_ip(node->config, ip);
    int have = found == NULL ? 0 : found->count;
    if (have >= limit) {
        trace_warn(
            node->env.trace,
            "refusing a connection from %s: it has %d, max.connections.per.ip is %d",
            ip, have, limit);
        return NULL;
    }
    if (found == NULL) {
        found = calloc(1, sizeof(*found));
        if (found == NULL)
            return NULL;
        snprintf(found->ip, sizeof(found->ip), "%s", ip);
        HASH_ADD_STR(node->ip_counts, ip, found);
    }
    found->count++;
    return found;
}

void node_accept(struct node *node, struct listener *l, int fd,
                 const struct sockaddr_storage *address)
{
    char ip[INET6_ADDRSTRLEN];
    char peer[INET6_ADDRSTRLEN + 8];
    int port = 0;
    ip_text(address, ip, &port);
    struct ip_count *count = count_ip(node, ip);
    if (count == NULL) {
        close(fd);
        return;
    }
    snprintf(peer, sizeof(peer), "%s:%d", ip, port);
    struct connection *c = connection_open(&node->connections, fd, peer);
    if (c == NULL) {
        if (--count->count == 0) {
            HASH_DEL(node->ip_counts, count);
            free(count);
        }
        return;
    }
    node->connection_count++;
    struct connection_links *links = connection_links(c);
    links->listener = l;
    snprintf(links->ip, sizeof(links->ip), "%s", ip);
    link_newest(node, c);
}

void node_close_idle(struct node *node)
{
    int64_t limit = node->config->connections_max_idle_ms;
    int64_t now = node_now_ms(node);
    struct connection *c = limit < 0 ? NULL : node->oldest;
    while (c != NULL && now - connection_links(c)->active_ms >= limit) {
        struct connection *next = connection_links(c)->next;
        connection_abort(c, "it was idle for connections.max.idle.ms");
        c = next;
    }
}

void node_drain_connections(struct node *node)
{
    struct connection *c = node->oldest;
    while (c != NULL) {
        struct connection *next = connection_links(c)->next;
        struct request *r = connection_links(c)->request;
        connection_finish(c, "the broker stops"); /* now, or with its answer */
        /* Answers with what it has; `c` may be freed by that, if its client
         * went away before. */
        if (r != NULL && r->peer_gone != NULL)
            r->peer_gone(r);
        c = next;
    }
}

void node_close_all(struct node *node)
{
    struct connection *c = node->oldest;
    while (c != NULL) {
        struct connection *next = connection_links(c)->next;
        connection_abort(c, "the broker stops");
        c = next;
    }
}
