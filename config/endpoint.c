#include "config/endpoint.h"

#include <ctype.h>
#include <strings.h>

#include "config/setting.h"

static const char *const protocol_names[] = {
    [SECURITY_PLAINTEXT] = "PLAINTEXT",
    [SECURITY_SSL] = "SSL",
    [SECURITY_SASL_PLAINTEXT] = "SASL_PLAINTEXT",
    [SECURITY_SASL_SSL] = "SASL_SSL",
};

static int refuse(struct err *err, const char *setting, struct str entry,
                  const char *reason)
{
    return err_set(err, ERR_INVALID_CONFIG,
                   "Invalid value %.*s for configuration %s: %s", STR_ARGS(entry),
                   setting, reason);
}

static const char *upper_copy(struct arena *arena, struct str s)
{
    struct str copy = arena_str(arena, s);
    char *text = (char *)copy.data;
    for (int32_t i = 0; text != NULL && i < copy.len; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    return text;
}

static bool parse_port(struct str s, int *port)
{
    int64_t number;
    if (s.len == 0 || !isdigit((unsigned char)s.data[0]) ||
        !setting_integer(s, 0, 65535, &number))
        return false;
    *port = (int)number;
    return true;
}

static bool is_host(struct str s)
{
    for (int32_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (!isalnum(c) && strchr("-%._:", c) == NULL)
            return false;
    }
    return true;
}

/* One NAME://host:port, the host perhaps empty or in brackets. */
static int parse_endpoint(struct str entry, const char *setting, struct arena *arena,
                          struct endpoint *out, struct err *err)
{
    const char *scheme = memmem(entry.data, (size_t)entry.len, "://", 3);
    const char *colon = memrchr(entry.data, ':', (size_t)entry.len);
    if (scheme == NULL || scheme == entry.data || colon == scheme)
        return refuse(err, setting, entry,
                      "each listener must be of the form NAME://host:port");
    struct str name = {entry.data, (int32_t)(scheme - entry.data)};
    struct str host = {scheme + 3, (int32_t)(colon - scheme - 3)};
    struct str port = {colon + 1, (int32_t)(entry.data + entry.len - colon - 1)};
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = (struct str){host.data + 1, host.len - 2};
    if (!is_host(host))
        return refuse(err, setting, entry, "not a host name or address");
    if (!parse_port(port, &out->port))
        return refuse(err, setting, entry, "the port must be between 0 and 65535");
    out->name = upper_copy(arena, name);
    out->host = arena_str(arena, host).data;
    return out->name == NULL || out->host == NULL ? err_nomem(err) : 0;
}

/* Finds the protocol that listener.security.protocol.map gives to `name`. */
static int protocol_from_map(const char *map, const char *name, bool *found,
                             enum security_protocol *out, struct err *err)
{
    struct setting_items items = setting_items(str_of(map));
    struct str entry;
    *found = false;
    while (setting_next(&items, &entry)) {
        const char *colon = memchr(entry.data, ':', (size_t)entry.len);
        if (colon == NULL)
            return refuse(err, "listener.security.protocol.map", entry,
                          "each entry must be of the form NAME:PROTOCOL");
        struct str key =
            setting_trim((struct str){entry.data, (int32_t)(colon - entry.data)});
        struct str value = setting_trim(
            (struct str){colon + 1, (int32_t)(entry.data + entry.len - colon - 1)});
        size_t protocol = 0;
        while (protocol < 4 && !str_is(value, protocol_names[protocol]))
            protocol++;
        if (protocol == 4)
            return refuse(err, "listener.security.protocol.map", entry,
                          "the protocol must be one of: PLAINTEXT, SSL, "
                          "SASL_PLAINTEXT, SASL_SSL");
        if ((size_t)key.len == strlen(name) &&
            strncasecmp(key.data, name, (size_t)key.len) == 0) {
            *found = true;
            *out = (enum security_protocol)protocol;
        }
    }
    return 0;
}

static bool is_controller(const struct endpoint_settings *settings, const char *name)
{
    struct setting_items items =
        setting_items(str_of(settings->controller_listener_names));
    struct str item;
    while (setting_next(&items, &item)) {
        if ((size_t)item.len == strlen(name) &&
            strncasecmp(item.data, name, (size_t)item.len) == 0)
            return true;
    }
    return false;
}

/* The controller's listener needs no entry while nobody touched the map. */
static int set_protocol(const struct endpoint_settings *settings, const char *setting,
                        struct str entry, struct endpoint *e, struct err *err)
{
    bool found;
    int rc = protocol_from_map(settings->security_protocol_map, e->name, &found,
                               &e->protocol, err);
    if (rc != 0 || found)
        return rc;
    e->protocol = SECURITY_PLAINTEXT;
    if (settings->default_protocol_map && is_controller(settings, e->name))
        return 0;
    return refuse(err, setting, entry,
                  "No security protocol defined for this listener in "
                  "listener.security.protocol.map");
}

static int parse_list(const struct endpoint_settings *settings, const char *setting,
                      const char *list, struct arena *arena, struct endpoints *out,
                      struct err *err)
{
    struct str item;
    size_t count = 0;
    struct setting_items items = setting_items(str_of(list));
    while (setting_next(&items, &item))
        count++;
    struct endpoint *endpoints = arena_array(arena, count, sizeof(*endpoints));
    if (endpoints == NULL)
        return err_nomem(err);

    items = setting_items(str_of(list));
    for (count = 0; setting_next(&items, &item); count++) {
        struct endpoint *e = &endpoints[count];
        int rc = parse_endpoint(item, setting, arena, e, err);
        if (rc != 0)
            return rc;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(endpoints[i].name, e->name) == 0)
                return refuse(err, setting, item,
                              "Each listener must have a different name");
        }
        rc = set_protocol(settings, setting, item, e, err);
        if (rc != 0)
            return rc;
    }
    *out = (struct endpoints){endpoints, count};
    return 0;
}

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

static bool is_ipv4(const char *host)
{
    return host[0] != '\0' && host[strspn(host, "0123456789.")] == '\0';
}

static bool is_address_pair(const struct endpoint *a, const struct endpoint *b)
{
    return (is_ipv4(a->host) && is_ipv6(b->host)) ||
           (is_ipv6(a->host) && is_ipv4(b->host));
}

/* Kafka wants ports apart, except for one port on both kinds of IP. */
static int check_ports(const struct endpoints *listeners, struct err *err)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct endpoint *a = &listeners->items[i];
        for (size_t j = 0; j < i && a->port != 0; j++) {
            const struct endpoint *b = &listeners->items[j];
            if (a->port == b->port && !is_address_pair(a, b))
                return err_set(err, ERR_INVALID_CONFIG,
                               "Invalid value for configuration listeners: Each "
                               "listener must have a different port, but %s and %s "
                               "both have %d",
                               b->name, a->name, a->port);
        }
    }
    return 0;
}

/* Nothing is opened for a controller's listener: the controller is in-process. */
static void drop_controllers(const struct endpoint_settings *settings,
                             struct endpoints *endpoints)
{
    size_t kept = 0;
    for (size_t i = 0; i < endpoints->count; i++) {
        if (!is_controller(settings, endpoints->items[i].name))
            endpoints->items[kept++] = endpoints->items[i];
    }
    endpoints->count = kept;
}

static int check_served(const struct endpoints *listeners, struct err *err)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct endpoint *e = &listeners->items[i];
        if (e->protocol != SECURITY_PLAINTEXT)
            return refuse(err, "listeners", str_of(e->name),
                          "this listener asks for a security protocol that is not "
                          "served here; allowed is PLAINTEXT");
    }
    if (listeners->count == 0)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value for configuration listeners: every listener is "
                       "in controller.listener.names, which leaves none for clients");
    return 0;
}

static int check_advertised(const struct endpoints *listeners,
                            const struct endpoints *advertised, struct err *err)
{
    for (size_t i = 0; i < advertised->count; i++) {
        const struct endpoint *e = &advertised->items[i];
        if (endpoints_find(listeners, e->name) == NULL)
            return refuse(err, "advertised.listeners", str_of(e->name),
                          "every advertised listener must be one of listeners");
        if (strcmp(e->host, "0.0.0.0") == 0)
            return refuse(err, "advertised.listeners", str_of(e->host),
                          "advertised.listeners cannot use the nonroutable "
                          "meta-address 0.0.0.0. Use a routable IP address.");
    }
    if (advertised->count == 0)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value for configuration advertised.listeners: none "
                       "of them is for clients");
    return 0;
}

int endpoints_derive(const struct endpoint_settings *settings, struct arena *arena,
                     struct endpoints *listeners, struct endpoints *advertised,
                     struct err *err)
{
    int rc =
        parse_list(settings, "listeners", settings->listeners, arena, listeners, err);
    if (rc != 0)
        return rc;
    rc = check_ports(listeners, err);
    if (rc != 0)
        return rc;
    drop_controllers(settings, listeners);
    rc = check_served(listeners, err);
    if (rc != 0)
        return rc;

    *advertised = *listeners;
    if (settings->advertised_listeners != NULL) {
        rc = parse_list(settings, "advertised.listeners",
                        settings->advertised_listeners, arena, advertised, err);
        if (rc != 0)
            return rc;
        drop_controllers(settings, advertised);
    }
    return check_advertised(listeners, advertised, err);
}

const struct endpoint *endpoints_find(const struct endpoints *endpoints,
                                      const char *name)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        if (strcasecmp(endpoints->items[i].name, name) == 0)
            return &endpoints->items[i];
    }
    return NULL;
}
