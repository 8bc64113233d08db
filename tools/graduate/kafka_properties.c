/* What Gregor settles by itself and Kafka has to be told: the roles, where the
 * controller listens, that internal topics live on one broker. The rest is the user's,
 * as it was given: also what has no effect in Gregor. */
#include "tools/graduate/kafka_properties.h"

#include <stdlib.h>

#include "config/properties.h"

#define CONTROLLER "CONTROLLER"
#define DEFAULT_LISTENERS "PLAINTEXT://127.0.0.1:9092"
#define LAST_PORT 65535

/* Settings that Kafka takes from us, not from the user. */
static const char *const settled[] = {
    "broker.id",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "node.id",
    "process.roles",
};

/* More than one broker they cannot have; Kafka would wait for the others for ever. */
static const char *const counts_of_brokers[] = {
    "offsets.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool is_among(const char *const *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

/* NULL: the user did not set it. */
static const struct str *user_value(const struct kafka_properties *k, const char *name)
{
    for (size_t i = k->count; i > 0; i--)
        if (str_is(k->settings[i - 1].name, name))
            return &k->settings[i - 1].value;
    return NULL;
}

static bool contains(struct str text, const char *part)
{
    return memmem(text.data, (size_t)text.len, part, strlen(part)) != NULL;
}

/* Whether a value may stand there as it is: people read it. */
static bool is_plain(struct str value)
{
    for (int32_t i = 0; i < value.len; i++)
        if (value.data[i] < ' ' || value.data[i] > '~' || value.data[i] == '\\')
            return false;
    return value.len == 0 || value.data[0] != ' ';
}

/* As all of Kafka's are. */
static bool is_name(struct str name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    for (int32_t i = 0; i < name.len; i++)
        if (memchr(letters, name.data[i], sizeof(letters) - 1) == NULL)
            return false;
    return name.len > 0;
}

static void put_setting(struct buf *out, struct str name, struct str value)
{
    if (is_name(name) && is_plain(value))
        buf_printf(out, "%.*s=%.*s\n", STR_ARGS(name), STR_ARGS(value));
    else
        properties_append(out, name, value);
}

static void put(struct buf *out, const char *name, const struct buf *value)
{
    put_setting(out, str_of(name),
                (struct str){(const char *)value->data, (int32_t)value->len});
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    put_setting(out, str_of(name), str_of(value));
}

/* ---- listeners ----------------------------------------------------------- */

static void brokers_listeners(const struct kafka_properties *k, struct buf *out)
{
    const struct str *given = user_value(k, "listeners");
    if (given != NULL)
        buf_append(out, given->data, (size_t)given->len);
    else if (k->host.data == NULL)
        buf_printf(out, DEFAULT_LISTENERS);
    else if (memchr(k->host.data, ':', (size_t)k->host.len) != NULL)
        buf_printf(out, "PLAINTEXT://[%.*s]:%u", STR_ARGS(k->host), k->port);
    else
        buf_printf(out, "PLAINTEXT://%.*s:%u", STR_ARGS(k->host), k->port);
}

/* The largest port in the list plus one, so that no listener has it; 0: there is
 * none. */
static int free_port(const struct buf *listeners)
{
    int largest = 0;
    struct str rest = {(const char *)listeners->data, (int32_t)listeners->len};
    for (int32_t i = 0; i < rest.len; i++) {
        if (rest.data[i] != ':')
            continue;
        int port = 0;
        while (i + 1 < rest.len && rest.data[i + 1] >= '0' && rest.data[i + 1] <= '9' &&
               port <= LAST_PORT)
            port = port * 10 + (rest.data[++i] - '0');
        if (port > largest && port <= LAST_PORT)
            largest = port;
    }
    return largest < LAST_PORT ? largest + 1 : 0;
}

/* The user's own map has to know the name that we add. */
static void put_protocol_map(const struct kafka_properties *k, struct buf *out)
{
    const struct str *given = user_value(k, "listener.security.protocol.map");
    if (given == NULL)
        return;
    struct buf map = BUF_INIT;
    buf_append(&map, given->data, (size_t)given->len);
    if (!contains(*given, CONTROLLER ":"))
        buf_printf(&map, "," CONTROLLER ":PLAINTEXT");
    put(out, "listener.security.protocol.map", &map);
    out->failed = out->failed || map.failed;
    buf_free(&map);
}

static void put_quorum(const struct kafka_properties *k, struct buf *out, int port)
{
    struct buf text = BUF_INIT;
    if (k->kraft_version > 0) {
        buf_printf(&text, "127.0.0.1:%d", port);
        put(out, "controller.quorum.bootstrap.servers", &text);
    } else {
        buf_printf(&text, "%d@127.0.0.1:%d", k->node_id, port);
        put(out, "controller.quorum.voters", &text);
    }
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

static int put_listeners(const struct kafka_properties *k, struct buf *out,
                         struct err *err)
{
    struct buf listeners = BUF_INIT;
    brokers_listeners(k, &listeners);
    int port = free_port(&listeners);
    buf_printf(&listeners, "," CONTROLLER "://127.0.0.1:%d", port);
    put(out, "listeners", &listeners);
    put_text(out, "controller.listener.names", CONTROLLER);
    put_protocol_map(k, out);
    put_quorum(k, out, port);
    out->failed = out->failed || listeners.failed;
    buf_free(&listeners);
    return port > 0 ? 0
                    : err_set(err, ERR_INVALID_CONFIG,
                              "listeners: with port %d taken none is left above it for "
                              "the controller",
                              LAST_PORT);
}

/* Who has named roles and the controller's listener has a file that was made for
 * Kafka. */
static bool is_made_for_kafka(const struct kafka_properties *k)
{
    const struct str *roles = user_value(k, "process.roles");
    return roles != NULL && contains(*roles, "controller") &&
           user_value(k, "controller.listener.names") != NULL &&
           user_value(k, "listeners") != NULL;
}

static void put_users(const struct kafka_properties *k, struct buf *out,
                      const char *name)
{
    const struct str *value = user_value(k, name);
    if (value != NULL)
        put_setting(out, str_of(name), *value);
}

static int put_roles(const struct kafka_properties *k, struct buf *out, struct err *err)
{
    static const char *const theirs[] = {
        "listeners",
        "controller.listener.names",
        "listener.security.protocol.map",
        "controller.quorum.voters",
        "controller.quorum.bootstrap.servers",
    };
    put_text(out, "process.roles", "broker,controller");
    buf_printf(out, "node.id=%d\n", k->node_id);
    if (!is_made_for_kafka(k))
        return put_listeners(k, out, err);
    for (size_t i = 0; i < LENGTH(theirs); i++)
        put_users(k, out, theirs[i]);
    return 0;
}

/* ---- the rest ------------------------------------------------------------ */

static void put_counts(const struct kafka_properties *k, struct buf *out)
{
    for (size_t i = 0; i < LENGTH(counts_of_brokers); i++) {
        const struct str *given = user_value(k, counts_of_brokers[i]);
        if (given != NULL && !str_is(*given, "1"))
            buf_printf(out, "# %.*s before; there is one broker.\n", STR_ARGS(*given));
        put_text(out, counts_of_brokers[i], "1");
    }
}

static void put_rest(const struct kafka_properties *k, struct buf *out)
{
    for (size_t i = 0; i < k->count; i++) {
        const struct setting_override *s = &k->settings[i];
        bool ours = is_among(settled, LENGTH(settled), s->name) ||
                    is_among(counts_of_brokers, LENGTH(counts_of_brokers), s->name);
        const struct setting_override *later = s + 1;
        while (later < k->settings + k->count && !str_equal(later->name, s->name))
            later++;
        if (!ours && later == k->settings + k->count)
            put_setting(out, s->name, s->value);
    }
}

int kafka_properties_append(const struct kafka_properties *k, struct buf *out,
                            struct err *err)
{
    int rc = put_roles(k, out, err);
    put_text(out, "log.dirs", k->data);
    put_counts(k, out);
    put_rest(k, out);
    return rc == 0 && out->failed ? err_nomem(err) : rc;
}
