/* config/endpoint.h
 *
 * Listeners as Kafka writes them: NAME://host:port, in comma-separated lists.
 * Any thread. */
#ifndef GREGOR_CONFIG_ENDPOINT_H
#define GREGOR_CONFIG_ENDPOINT_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/base/view.h"

enum security_protocol {
    SECURITY_PLAINTEXT,
    SECURITY_SSL,
    SECURITY_SASL_PLAINTEXT,
    SECURITY_SASL_SSL,
};

struct endpoint {
    const char *name; /* upper case, as Kafka normalises it */
    const char *host; /* without brackets; "" when none was given */
    int port;         /* 0: any free one */
    enum security_protocol protocol;
};

struct endpoints {
    struct endpoint *items;
    size_t count;
};

/* What the endpoint lists of a broker are made from, all as the settings hold them. */
struct endpoint_settings {
    const char *listeners;
    const char *advertised_listeners;      /* NULL: as listeners */
    const char *security_protocol_map;     /* NAME:PROTOCOL,… */
    bool default_protocol_map;             /* nobody set the map */
    const char *controller_listener_names; /* left out: nothing to open there */
};

/* Parses and checks both lists as Kafka does: each name once and with a security
 * protocol; each port once (0, and an IPv4 and IPv6 pair, excepted); every advertised
 * one a listener too, and routable. Results live in `arena`. Only PLAINTEXT is served
 * now, others are refused. ERR_INVALID_CONFIG names setting and entry. */
int endpoints_derive(const struct endpoint_settings *settings, struct arena *arena,
                     struct endpoints *listeners, struct endpoints *advertised,
                     struct err *err);

/* NULL when there is none of that name. */
const struct endpoint *endpoints_find(const struct endpoints *endpoints,
                                      const char *name);

#endif
