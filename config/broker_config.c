#include "config/broker_config_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/properties.h"

static const struct setting *broker_setting(const char *name)
{
    return setting_find(&broker_settings, str_of(name));
}

/* listener.name.<listener>.<setting> sets something for one listener only. */
static bool is_listener_setting(struct str name, struct str *base)
{
    static const char prefix[] = "listener.name.";
    const int32_t prefix_len = sizeof(prefix) - 1;
    if (name.len <= prefix_len || memcmp(name.data, prefix, sizeof(prefix) - 1) != 0)
        return false;
    struct str rest = {name.data + prefix_len, name.len - prefix_len};
    const char *dot = memchr(rest.data, '.', (size_t)rest.len);
    if (dot == NULL)
        return false;
    int32_t skipped = (int32_t)(dot - rest.data) + 1;
    *base = (struct str){rest.data + skipped, rest.len - skipped};
    return true;
}

static int add_name(struct name_list *list, struct str name, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_is(name, list->items[i]))
            return 0;
    }
    const char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL)
        return err_nomem(err);
    list->items = items;
    items[list->count] = strndup(name.data, (size_t)name.len);
    if (items[list->count] == NULL)
        return err_nomem(err);
    list->count++;
    return 0;
}

static void free_names(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((char *)list->items[i]);
    free(list->items);
}

/* Broker and controller in one process is what Gregor is; one role alone is not to be
 * had. */
static bool has_effect(const struct setting *setting, struct str value)
{
    if (strcmp(setting->name, "process.roles") == 0)
        return setting_list_has(value, "broker") &&
               setting_list_has(value, "controller");
    return broker_fields_honour(setting);
}

/* One key of the file or the command line. */
static int load_key(struct broker_config *config, enum setting_source source,
                    struct str name, struct str value, struct err *err)
{
    struct str base;
    const struct setting *setting = setting_find(&broker_settings, name);
    if (setting == NULL && is_listener_setting(name, &base))
        return add_name(&config->ignored, name, err);
    if (setting == NULL)
        return add_name(&config->unknown, name, err);
    int rc = config_layers_put(config->layers, setting, source, value, err);
    if (rc != 0 || has_effect(setting, value))
        return rc;
    return add_name(&config->ignored, name, err);
}

static int load_file(struct broker_config *config, const char *file_name,
                     struct str text, struct err *err)
{
    struct properties properties = PROPERTIES_INIT;
    int rc = properties_parse(text, &properties, err);
    if (rc != 0) {
        err_context(err, "%s", file_name);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < properties.count; i++) {
        const struct property *p = &properties.items[i];
        rc = load_key(config, SETTING_SOURCE_FILE, p->key, p->value, err);
        if (rc != 0)
            err_context(err, "%s line %d", file_name, p->line);
    }
    properties_free(&properties);
    return rc;
}

/* What the profile says of one setting; NULL: nothing. */
static const char *profile_value(const struct broker_config *config,
                                 const struct setting *setting, char number[16])
{
    if (setting->all_value != NULL)
        return setting->all_value;
    if (config->profile != PROFILE_DEV)
        return NULL;
    if (setting->dev_value != NULL)
        return setting->dev_value;
    if (setting->dev_clamp && atoi(setting->default_value) > config->brokers) {
        snprintf(number, 16, "%d", config->brokers);
        return number;
    }
    return NULL;
}

static int load_profile(struct broker_config *config, struct err *err)
{
    for (size_t i = 0; i < broker_settings.count; i++) {
        const struct setting *setting = &broker_settings.items[i];
        char number[16];
        const char *value = profile_value(config, setting, number);
        if (value == NULL)
            continue;
        int rc = config_layers_put(config->layers, setting, SETTING_SOURCE_PROFILE,
                                   str_of(value), err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* node.id and its old name broker.id are one setting: whichever is given stands for
 * the other, and two that differ contradict each other (Kafka: populateSynonyms). */
static int join_ids(struct broker_config *config, struct err *err)
{
    const struct setting *node = broker_setting("node.id");
    const struct setting *broker = broker_setting("broker.id");
    enum setting_source node_source;
    enum setting_source broker_source;
    struct str node_id = config_layers_effective(config->layers, node, &node_source);
    struct str broker_id =
        config_layers_effective(config->layers, broker, &broker_source);
    if (broker_source <= SETTING_SOURCE_PROFILE)
        return config_layers_put(config->layers, broker, node_source, node_id, err);
    if (node_source <= SETTING_SOURCE_PROFILE)
        return config_layers_put(config->layers, node, broker_source, broker_id, err);
    if (str_equal(node_id, broker_id))
        return 0;
    return err_set(err, ERR_INVALID_CONFIG,
                   "Invalid value %.*s for configuration broker.id: node.id is %.*s, "
                   "and both must be the same",
                   STR_ARGS(broker_id), STR_ARGS(node_id));
}

static int load(struct broker_config *config, const struct broker_config_input *input,
                struct err *err)
{
    int rc = load_profile(config, err);
    if (rc == 0 && input->file_name != NULL)
        rc = load_file(config, input->file_name, input->file, err);
    for (size_t i = 0; rc == 0 && i < input->command_line_count; i++)
        rc = load_key(config, SETTING_SOURCE_COMMAND_LINE, input->command_line[i].name,
                      input->command_line[i].value, err);
    if (rc == 0)
        rc = join_ids(config, err);
    if (rc == 0)
        rc = broker_fields_derive(config, err);
    return rc;
}

int broker_config_create(const struct broker_config_input *input,
                         struct broker_config **out, struct err *err)
{
    int rc;
    struct broker_config *config = calloc(1, sizeof(*config));
    if (config == NULL)
        return err_nomem(err);
    config->profile = input->profile;
    config->brokers = input->brokers > 0 ? input->brokers : 1;
    config->layers = calloc(1, sizeof(*config->layers));
    if (config->layers == NULL) {
        rc = err_nomem(err);
        goto fail;
    }
    rc = load(config, input, err);
    if (rc != 0)
        goto fail;
    *out = config;
    return 0;
fail:
    broker_config_destroy(config);
    return rc;
}

void broker_config_destroy(struct broker_config *config)
{
    if (config == NULL)
        return;
    free_names(&config->ignored);
    free_names(&config->unknown);
    config_layers_free(config->layers);
    arena_reset(&config->derived);
    free(config);
}

bool broker_config_get(const struct broker_config *config, struct str name,
                       struct str *value, enum setting_source *source)
{
    const struct setting *setting = setting_find(&broker_settings, name);
    if (setting == NULL)
        return false;
    *value = config_layers_effective(config->layers, setting, source);
    return true;
}

/* The names that may give a value to what `name` is about, strongest first (Kafka:
 * DynamicBrokerConfig.brokerConfigSynonyms). */
static const char *const *stand_ins(const char *name)
{
    static const char *const groups[][4] = {
        {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
        {"log.roll.ms", "log.roll.hours"},
        {"log.roll.jitter.ms", "log.roll.jitter.hours"},
        {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (size_t j = 0; groups[i][j] != NULL; j++) {
            /* The scheduler's interval is also a setting of its own. */
            if (strcmp(groups[i][j], name) == 0 &&
                strcmp(name, "log.flush.scheduler.interval.ms") != 0)
                return groups[i];
        }
    }
    return NULL;
}

/* The value of one setting in one of Kafka's four layers; profile, file and command
 * line are one static layer there. */
static bool layer_value(const struct broker_config *config,
                        const struct setting *setting, int kafka_layer,
                        struct config_synonym *out)
{
    static const enum setting_source layers[4][4] = {
        {SETTING_SOURCE_DYNAMIC_BROKER},
        {SETTING_SOURCE_DYNAMIC_DEFAULT},
        {SETTING_SOURCE_COMMAND_LINE, SETTING_SOURCE_FILE, SETTING_SOURCE_PROFILE},
        {SETTING_SOURCE_DEFAULT},
    };
    out->name = setting->name;
    const enum setting_source *source = layers[kafka_layer];
    for (; *source != SETTING_SOURCE_DEFAULT; source++) {
        const struct config_entry *entry =
            config_layers_find(config->layers, setting, *source);
        if (entry != NULL) {
            out->value = entry->value;
            out->source = *source;
            return true;
        }
    }
    out->value = str_of(setting->default_value);
    out->source = SETTING_SOURCE_DEFAULT;
    return kafka_layer == 3 && setting->default_value != NULL;
}

size_t broker_config_synonyms(const struct broker_config *config, struct str name,
                              struct config_synonym out[CONFIG_SYNONYMS_MAX])
{
    const struct setting *setting = setting_find(&broker_settings, name);
    if (setting == NULL)
        return 0;
    const char *const alone[] = {setting->name, NULL};
    const char *const *names = stand_ins(setting->name);
    if (names == NULL)
        names = alone;
    size_t count = 0;
    for (int layer = 0; layer < 4; layer++) {
        for (size_t i = 0; names[i] != NULL; i++) {
            struct config_synonym synonym;
            if (!layer_value(config, broker_setting(names[i]), layer, &synonym))
                continue;
            /* Kafka leaves out what comes before the setting itself. */
            if (count > 0 || strcmp(names[i], setting->name) == 0)
                out[count++] = synonym;
        }
    }
    return count;
}

static int not_for_all(struct str name, struct err *err)
{
    return err_set(err, ERR_INVALID_CONFIG,
                   "Cannot update these configs at default cluster level, broker "
                   "id must be specified: [%.*s]",
                   STR_ARGS(name));
}

static int check_one_dynamic(const struct setting_override *override, bool per_broker,
                             struct err *err)
{
    struct str name = override->name;
    bool for_listener = is_listener_setting(override->name, &name);
    const struct setting *setting = setting_find(&broker_settings, name);
    if (override->value.data == NULL)
        return 0; /* what was never there may be taken away */
    if (setting == NULL)
        return for_listener && !per_broker ? not_for_all(override->name, err) : 0;
    if (!for_listener && setting->update == SETTING_READ_ONLY)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Cannot update these configs dynamically: [%s]", setting->name);
    if (!for_listener && setting->update == SETTING_PER_LISTENER)
        return err_set(err, ERR_INVALID_CONFIG,
                       "These security configs can be dynamically updated only "
                       "per-listener using the listener prefix: [%s]",
                       setting->name);
    int rc = setting_parse(setting, override->value, NULL, err);
    if (rc != 0)
        return rc;
    if (!per_broker && setting->update != SETTING_CLUSTER_WIDE)
        return not_for_all(override->name, err);
    return 0;
}

int broker_config_check_dynamic(const struct setting_override *overrides, size_t count,
                                bool per_broker, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = check_one_dynamic(&overrides[i], per_broker, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void remove_entry(struct config_layers *layers, struct config_entry *entry)
{
    *entry = layers->entries[--layers->count];
}

int broker_config_set_dynamic(struct broker_config *config, enum setting_source source,
                              struct str name, struct str value, struct err *err)
{
    assert(source == SETTING_SOURCE_DYNAMIC_BROKER ||
           source == SETTING_SOURCE_DYNAMIC_DEFAULT);
    const struct setting_override override = {name, value};
    int rc = broker_config_check_dynamic(&override, 1,
                                         source == SETTING_SOURCE_DYNAMIC_BROKER, err);
    if (rc != 0)
        return rc;
    const struct setting *setting = setting_find(&broker_settings, name);
    if (setting == NULL)
        return 0;

    /* Take the old value out, so that it outlives the attempt. */
    struct config_layers *layers = config->layers;
    struct config_entry old = {0};
    struct config_entry *entry = config_layers_find(layers, setting, source);
    if (entry != NULL) {
        old = *entry;
        remove_entry(layers, entry);
    }
    struct broker_config next = *config;
    next.derived = ARENA_INIT;
    if (value.data != NULL)
        rc = config_layers_put(layers, setting, source, value, err);
    if (rc == 0)
        rc = broker_fields_derive(&next, err);
    if (rc == 0) {
        arena_reset(&config->derived);
        *config = next;
        free((char *)old.value.data);
        return 0;
    }

    arena_reset(&next.derived);
    entry = config_layers_find(layers, setting, source);
    if (entry != NULL) {
        free((char *)entry->value.data);
        remove_entry(layers, entry);
    }
    if (old.setting != NULL)
        layers->entries[layers->count++] = old; /* there was room for it before */
    return rc;
}
