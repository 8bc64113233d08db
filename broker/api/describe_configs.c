/* DescribeConfigs (Kafka: ConfigHelper)
 *
 * Every setting of a topic, group, client metrics subscription or this broker, with
 * where its value comes from; of the brokers' common default only what was altered.
 * Documentation is not to be had here, and stays null. */
#include <stdlib.h>

#include "broker/api/api.h"
#include "config/topic_config.h"
#include "replication/topic_name.h"

typedef struct describe_configs_request_describe_configs_resource resource_request;
typedef struct describe_configs_response_describe_configs_result resource_result;
typedef struct describe_configs_response_describe_configs_resource_result entry;
typedef struct describe_configs_response_describe_configs_synonym synonym;

/* Kafka: DescribeConfigsResponse.ConfigSource */
enum { SOURCE_DYNAMIC_DEFAULT = 3, SOURCE_STATIC = 4, SOURCE_DEFAULT = 5 };
enum { SOURCE_CLIENT_METRICS = 7, SOURCE_GROUP = 8 };

struct description {
    struct request *request;
    const resource_request *wanted;
    resource_result *result;
    bool with_synonyms;
    struct metadata_configs overrides;
};

/* Every step returns false when memory is missing. */

static bool refuse(struct description *d, enum kafka_error code, struct str message)
{
    d->result->error_code = (int16_t)code;
    d->result->error_message = message;
    return true;
}

/* No keys stand for all. */
static bool is_wanted(const struct description *d, struct str name)
{
    for (int32_t i = 0; i < d->wanted->configuration_keys_count; i++)
        if (str_equal(d->wanted->configuration_keys[i], name))
            return true;
    return d->wanted->configuration_keys_count <= 0;
}

static bool begin_entries(struct description *d, size_t most)
{
    d->result->configs = arena_array(&d->request->arena, most, sizeof(entry));
    return d->result->configs != NULL;
}

static void init_entry(entry *e, struct str name, const struct setting *setting)
{
    *e = DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESOURCE_RESULT_INIT;
    e->name = name;
    e->documentation = STR_NULL;
    e->config_source = SOURCE_DEFAULT;
    /* What is not known may be a secret. */
    e->is_sensitive = setting == NULL || setting->type == SETTING_PASSWORD;
    e->config_type = setting == NULL ? 0 : setting_type_kafka_id(setting->type);
}

static void set_value(entry *e, struct str value)
{
    e->value = e->is_sensitive ? STR_NULL : value;
}

/* The first tells the entry's source; those of sensitive settings show no value. */
static bool set_synonyms(struct description *d, entry *e,
                         const struct config_synonym *from, size_t count)
{
    if (count > 0)
        e->config_source = setting_source_kafka_id(from[0].source);
    if (!d->with_synonyms)
        return true;
    e->synonyms = arena_array(&d->request->arena, count, sizeof(synonym));
    if (e->synonyms == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        e->synonyms[e->synonyms_count++] = (synonym){
            .name = str_of(from[i].name),
            .value = e->is_sensitive ? STR_NULL : from[i].value,
            .source = setting_source_kafka_id(from[i].source),
        };
    return true;
}

static bool add_synonym_first(struct description *d, entry *e, int8_t source)
{
    e->config_source = source;
    if (!d->with_synonyms)
        return true;
    synonym *all =
        arena_array(&d->request->arena, (size_t)e->synonyms_count + 1, sizeof(*all));
    if (all == NULL)
        return false;
    all[0] = (synonym){.name = e->name, .value = e->value, .source = source};
    if (e->synonyms_count > 0)
        memcpy(all + 1, e->synonyms, (size_t)e->synonyms_count * sizeof(*all));
    e->synonyms = all;
    e->synonyms_count++;
    return true;
}

static struct str override_of(const struct description *d, struct str name)
{
    for (int32_t i = 0; i < d->overrides.count; i++)
        if (str_equal(d->overrides.items[i].name, name))
            return d->overrides.items[i].value;
    return STR_NULL;
}

/* ---- topics ------------------------------------------------------------------ */

static bool describe_topic_setting(struct description *d, const struct setting *setting)
{
    struct request *r = d->request;
    struct str name = str_of(setting->name);
    entry *e = &d->result->configs[d->result->configs_count++];
    struct config_synonym synonyms[CONFIG_SYNONYMS_MAX];
    struct str value;
    enum setting_source source;
    init_entry(e, name, setting);
    if (topic_config_get(r->node->config, d->overrides.items,
                         (size_t)d->overrides.count, name, &r->arena, &value, &source,
                         NULL) != 0)
        return false;
    set_value(e, value);
    size_t count = topic_config_synonyms(r->node->config, d->overrides.items,
                                         (size_t)d->overrides.count, name, synonyms);
    /* The topic's own value is shown as it was understood, in both places. */
    if (count > 0 && override_of(d, name).data != NULL)
        synonyms[0].value = value;
    return set_synonyms(d, e, synonyms, count);
}

static bool describe_topic(struct description *d)
{
    struct str name = d->wanted->resource_name;
    struct err err = {0};
    if (topic_name_check(name, &err) != 0)
        return refuse(d, KAFKA_INVALID_TOPIC_EXCEPTION,
                      arena_str(&d->request->arena, str_of(err.message)));
    if (metadata_image_topic(d->request->node->image, name) == NULL)
        return refuse(d, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                      STR_LITERAL("This server does not host this topic-partition."));
    if (!begin_entries(d, topic_settings.count))
        return false;
    for (size_t i = 0; i < topic_settings.count; i++) {
        const struct setting *setting = &topic_settings.items[i];
        if (!setting->internal && is_wanted(d, str_of(setting->name)) &&
            !describe_topic_setting(d, setting))
            return false;
    }
    return true;
}

/* ---- brokers ------------------------------------------------------------------ */

static bool describe_broker_setting(struct description *d, struct str name,
                                    const struct setting *setting)
{
    const struct broker_config *config = d->request->node->config;
    entry *e = &d->result->configs[d->result->configs_count++];
    struct config_synonym synonyms[CONFIG_SYNONYMS_MAX];
    struct str value = STR_NULL;
    enum setting_source source;
    init_entry(e, name, setting);
    e->read_only = setting == NULL || setting->update == SETTING_READ_ONLY;
    if (setting == NULL) {
        e->config_source = SOURCE_STATIC;
        return true;
    }
    broker_config_get(config, name, &value, &source);
    set_value(e, value);
    return set_synonyms(d, e, synonyms, broker_config_synonyms(config, name, synonyms));
}

static bool describe_this_broker(struct description *d)
{
    const struct broker_config *config = d->request->node->config;
    if (!begin_entries(d, broker_settings.count + config->unknown.count))
        return false;
    for (size_t i = 0; i < broker_settings.count; i++) {
        const struct setting *setting = &broker_settings.items[i];
        struct str name = str_of(setting->name);
        if (!setting->internal && is_wanted(d, name) &&
            !describe_broker_setting(d, name, setting))
            return false;
    }
    for (size_t i = 0; i < config->unknown.count; i++) {
        struct str name = str_of(config->unknown.items[i]);
        if (is_wanted(d, name) && !describe_broker_setting(d, name, NULL))
            return false;
    }
    return true;
}

static bool describe_broker_default(struct description *d)
{
    if (!begin_entries(d, (size_t)d->overrides.count))
        return false;
    for (int32_t i = 0; i < d->overrides.count; i++) {
        const struct setting_override *override = &d->overrides.items[i];
        if (!is_wanted(d, override->name))
            continue;
        const struct setting *setting = setting_find(&broker_settings, override->name);
        entry *e = &d->result->configs[d->result->configs_count++];
        init_entry(e, override->name, setting);
        e->read_only = setting == NULL || setting->update == SETTING_READ_ONLY;
        set_value(e, override->value);
        if (!add_synonym_first(d, e, SOURCE_DYNAMIC_DEFAULT))
            return false;
    }
    return true;
}

/* Whether the name is this broker's id; otherwise the result says what is wrong. */
static bool names_this_broker(struct description *d, const char *or_empty)
{
    struct request *r = d->request;
    struct str name = d->wanted->resource_name;
    int64_t id;
    if (!setting_integer(name, INT32_MIN, INT32_MAX, &id)) {
        refuse(d, KAFKA_INVALID_REQUEST,
               arena_printf(&r->arena, "Broker id must be an integer, but it is: %.*s",
                            STR_ARGS(name)));
        return false;
    }
    if (id != r->node->id) {
        refuse(d, KAFKA_INVALID_REQUEST,
               arena_printf(&r->arena,
                            "Unexpected broker id, expected %d%s but received %.*s",
                            r->node->id, or_empty, STR_ARGS(name)));
        return false;
    }
    return true;
}

static bool describe_broker(struct description *d)
{
    if (d->wanted->resource_name.len == 0)
        return describe_broker_default(d);
    if (!names_this_broker(d, " or empty string,"))
        return true;
    return describe_this_broker(d);
}

/* There are no loggers, and so nothing to list. */
static bool describe_broker_logger(struct description *d)
{
    if (d->wanted->resource_name.len == 0)
        return refuse(d, KAFKA_INVALID_REQUEST,
                      STR_LITERAL("Broker id must not be empty"));
    names_this_broker(d, "");
    return true;
}

/* ---- groups and client metrics -------------------------------------------------- */

/* A group's default is the broker's group.NAME where there is one. */
static bool describe_group_setting(struct description *d, const struct setting *setting)
{
    struct request *r = d->request;
    struct str name = str_of(setting->name);
    struct str broker_name = arena_printf(&r->arena, "group.%s", setting->name);
    if (broker_name.data == NULL)
        return false;
    entry *e = &d->result->configs[d->result->configs_count++];
    struct config_synonym synonyms[CONFIG_SYNONYMS_MAX] = {
        {setting->name, str_of(setting->default_value), SETTING_SOURCE_DEFAULT}};
    struct str value = synonyms[0].value;
    size_t count = 1;
    enum setting_source source;
    init_entry(e, name, setting);
    if (broker_config_get(r->node->config, broker_name, &value, &source))
        count = broker_config_synonyms(r->node->config, broker_name, synonyms);
    set_value(e, value);
    if (!set_synonyms(d, e, synonyms, count))
        return false;
    struct str override = override_of(d, name);
    if (override.data == NULL)
        return true;
    set_value(e, override);
    return add_synonym_first(d, e, SOURCE_GROUP);
}

/* Defaults are not synonyms here. */
static bool describe_metrics_setting(struct description *d,
                                     const struct setting *setting)
{
    entry *e = &d->result->configs[d->result->configs_count++];
    struct str override = override_of(d, str_of(setting->name));
    init_entry(e, str_of(setting->name), setting);
    set_value(e, override.data != NULL ? override : str_of(setting->default_value));
    return override.data == NULL || add_synonym_first(d, e, SOURCE_CLIENT_METRICS);
}

static bool describe_table(struct description *d, const struct setting_table *table,
                           bool (*describe)(struct description *,
                                            const struct setting *))
{
    if (!begin_entries(d, table->count))
        return false;
    for (size_t i = 0; i < table->count; i++)
        if (!table->items[i].internal && is_wanted(d, str_of(table->items[i].name)) &&
            !describe(d, &table->items[i]))
            return false;
    return true;
}

static bool describe_group(struct description *d)
{
    if (d->wanted->resource_name.len == 0)
        return refuse(d, KAFKA_INVALID_REQUEST,
                      STR_LITERAL("Group name must not be empty"));
    return describe_table(d, &group_settings, describe_group_setting);
}

static bool describe_client_metrics(struct description *d)
{
    if (d->wanted->resource_name.len == 0)
        return refuse(
            d, KAFKA_INVALID_REQUEST,
            STR_LITERAL("Client metrics subscription name must not be empty"));
    return describe_table(d, &client_metrics_settings, describe_metrics_setting);
}

/* ---- the request ---------------------------------------------------------------- */

static bool is_known_type(int8_t type)
{
    return type == CONFIG_RESOURCE_TOPIC || type == CONFIG_RESOURCE_BROKER ||
           type == CONFIG_RESOURCE_BROKER_LOGGER ||
           type == CONFIG_RESOURCE_CLIENT_METRICS || type == CONFIG_RESOURCE_GROUP;
}

static bool describe(struct description *d)
{
    enum config_resource_type type =
        (enum config_resource_type)d->wanted->resource_type;
    d->overrides =
        metadata_image_configs(d->request->node->image, type, d->wanted->resource_name);
    switch (type) {
    case CONFIG_RESOURCE_TOPIC:
        return describe_topic(d);
    case CONFIG_RESOURCE_BROKER:
        return describe_broker(d);
    case CONFIG_RESOURCE_BROKER_LOGGER:
        return describe_broker_logger(d);
    case CONFIG_RESOURCE_GROUP:
        return describe_group(d);
    default:
        return describe_client_metrics(d);
    }
}

/* A type that is none makes the whole request invalid. */
static const resource_request *find_unknown(const struct describe_configs_request *m)
{
    for (int32_t i = 0; i < m->resources_count; i++)
        if (!is_known_type(m->resources[i].resource_type))
            return &m->resources[i];
    return NULL;
}

/* Version 0 has this in place of the source. */
static void mark_defaults(resource_result *result)
{
    for (int32_t i = 0; i < result->configs_count; i++)
        result->configs[i].is_default =
            result->configs[i].config_source == SOURCE_DEFAULT;
}

static bool describe_all(struct request *r, struct describe_configs_response *response)
{
    const struct describe_configs_request *m = r->message;
    const resource_request *unknown = find_unknown(m);
    response->results =
        arena_array(&r->arena, (size_t)m->resources_count, sizeof(resource_result));
    if (response->results == NULL)
        return false;
    response->results_count = m->resources_count;
    for (int32_t i = 0; i < m->resources_count; i++) {
        struct description d = {.request = r,
                                .wanted = &m->resources[i],
                                .result = &response->results[i],
                                .with_synonyms = m->include_synonyms};
        *d.result = DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESULT_INIT;
        d.result->resource_type = d.wanted->resource_type;
        d.result->resource_name = d.wanted->resource_name;
        if (unknown != NULL)
            refuse(
                &d, KAFKA_INVALID_REQUEST,
                arena_printf(&r->arena, "Unexpected resource type %d for resource %.*s",
                             unknown->resource_type, STR_ARGS(unknown->resource_name)));
        else if (!describe(&d))
            return false;
        if (r->version == 0)
            mark_defaults(d.result);
    }
    return true;
}

static void handle(struct request *r)
{
    struct describe_configs_response response = DESCRIBE_CONFIGS_RESPONSE_INIT;
    if (describe_all(r, &response))
        request_respond(r, &response);
    else
        request_refuse(r, "no memory for its answer");
}

const struct api api_describe_configs = {
    .key = API_DESCRIBE_CONFIGS,
    .min_version = 0,
    .max_version = 4,
    .request = &describe_configs_request_type,
    .response = &describe_configs_response_type,
    .handle = handle,
};
