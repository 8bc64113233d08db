#include "broker/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/node_connections.h"

static int open_socket(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) {
        int off = 0;
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static const struct addrinfo *first_of(const struct addrinfo *found, int family)
{
    while (found != NULL && found->ai_family != family)
        found = found->ai_next;
    return found;
}

/* A name stands for its first address, as in Java: the next one might be free
 * where somebody else serves the first. All addresses are those of IPv6, which take
 * IPv4 along, or of IPv4 where there is no IPv6. */
static int open_first(const struct addrinfo *found, bool all_addresses)
{
    const struct addrinfo *v6 = all_addresses ? first_of(found, AF_INET6) : NULL;
    if (v6 != NULL) {
        int fd = open_socket(v6);
        if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
            return fd;
        const struct addrinfo *v4 = first_of(found, AF_INET);
        found = v4 != NULL ? v4 : found;
    }
    return open_socket(found);
}

static int resolve_and_bind(const char *host, int port, int *fd, struct err *err)
{
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    bool all_addresses = host[0] == '\0';
    int rc = getaddrinfo(all_addresses ? NULL : host, service, &hints, &found);
    if (rc != 0)
        return err_set(err, ERR_INVALID, "cannot listen on %s:%d: %s", host, port,
                       gai_strerror(rc));
    *fd = open_first(found, all_addresses);
    int why = errno;
    freeaddrinfo(found);
    if (*fd < 0)
        return err_errno(err, why, "cannot listen on %s:%d", host, port);
    return 0;
}

/* What clients are told to connect to. Nobody can connect to a wildcard
 * address, so it is replaced by this machine's name, as Kafka does. */
static void choose_advertised(struct listener *l, const char *host, int port)
{
    if (host == NULL || host[0] == '\0')
        host = l->host;
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
        if (gethostname(l->advertised_host, sizeof(l->advertised_host)) != 0)
            snprintf(l->advertised_host, sizeof(l->advertised_host), "localhost");
    } else {
        snprintf(l->advertised_host, sizeof(l->advertised_host), "%s", host);
    }
    l->advertised_port = port != 0 ? port : l->port;
}

int listener_bind(struct node *node, const char *name, const char *host, int port,
                  const char *advertised_host, int advertised_port,
                  struct listener **out, struct err *err)
{
    struct listener *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return err_nomem(err);
    l->node = node;
    snprintf(l->name, sizeof(l->name), "%s", name);
    snprintf(l->host, sizeof(l->host), "%s", host);
    int rc = resolve_and_bind(host, port, &l->fd, err);
    if (rc != 0) {
        free(l);
        return rc;
    }
    l->port = bound_port(l->fd);
    choose_advertised(l, advertised_host, advertised_port);
    *out = l;
    return 0;
}

static void set_options(const struct listener *l, int fd)
{
    const struct broker_config *config = l->node->config;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    /* With the profile dev the receive buffer is left to the kernel, which lets it
     * grow: a produced GB then costs 0.29 s of processor time instead of 0.5. Sending
     * is best with Kafka's 100 KiB, which stay in the processor's cache. */
    int send_bytes = config->socket_send_buffer_bytes;
    int receive_bytes = config->socket_receive_buffer_bytes;
    if (send_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
}

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void pause_accepting(struct listener *l)
{
    l->accepting = false;
    uv_poll_stop(&l->poll);
}

/* The machine has no descriptor or memory for another connection. The socket stays
 * readable, so going on at once would only burn the processor. */
static void on_starved(struct listener *l, int why)
{
    if (!l->starved)
        trace_error(l->node->env.trace,
                    "no connections to %s:%d can be accepted for now: %s", l->host,
                    l->port, strerror(why));
    l->starved = true;
    pause_accepting(l);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listener *l = poll->data;
    for (int n = 0; n < 64; n++) {
        if (!node_may_accept(l->node)) {
            pause_accepting(l);
            return;
        }
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        int fd = accept4(l->fd, (struct sockaddr *)&address, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->starved = false;
            set_options(l, fd);
            node_accept(l->node, l, fd, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            on_starved(l, errno);
        return;
    }
}

int listener_start(struct listener *l, struct err *err)
{
    if (listen(l->fd, l->node->config->socket_listen_backlog_size) != 0)
        return err_errno(err, errno, "cannot listen on %s:%d", l->host, l->port);
    if (uv_poll_init(l->node->env.loop, &l->poll, l->fd) != 0)
        return err_set(err, ERR_IO, "cannot watch the socket of %s:%d", l->host,
                       l->port);
    l->poll.data = l;
    l->node->open_handles++;
    listener_resume(l);
    return 0;
}

void listener_resume(struct listener *l)
{
    bool started = l->poll.data != NULL; /* not while logs are recovered */
    if (!started || l->accepting || l->node->stopping)
        return;
    l->accepting = true;
    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    close(l->fd);
    l->fd = -1;
    l->node->open_handles--;
    node_handle_closed(l->node);
}

void listener_stop(struct listener *l)
{
    if (l->poll.data != NULL)
        uv_close((uv_handle_t *)&l->poll, on_listener_closed);
}

void listener_destroy(struct listener *l)
{
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}
