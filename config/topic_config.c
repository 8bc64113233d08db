#include "config/topic_config.h"

#include <stdlib.h>

#include "config/broker_config_internal.h"

/* A batch may expand to this many times max.message.bytes, or to EXPAND_FLOOR
 * where that is more. */
#define EXPAND_TIMES 64
#define EXPAND_FLOOR ((size_t)64 << 20)

enum field_kind { FIELD_BOOL, FIELD_INT, FIELD_INT64, FIELD_DOUBLE };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    bool later; /* typed, but the part that will act on it is not here yet */
};

#define FIELD(kind, name, member)                                        \
    {                                                                    \
        name, FIELD_##kind, offsetof(struct topic_config, member), false \
    }
#define LATER(kind, name, member)                                       \
    {                                                                   \
        name, FIELD_##kind, offsetof(struct topic_config, member), true \
    }

static const struct field fields[] = {
    FIELD(INT64, "retention.ms", retention_ms),
    FIELD(INT64, "retention.bytes", retention_bytes),
    FIELD(INT64, "file.delete.delay.ms", file_delete_delay_ms),
    FIELD(INT, "segment.bytes", segment_bytes),
    FIELD(INT64, "segment.ms", segment_ms),
    FIELD(INT64, "segment.jitter.ms", segment_jitter_ms),
    FIELD(INT, "segment.index.bytes", segment_index_bytes),
    FIELD(INT, "index.interval.bytes", index_interval_bytes),
    FIELD(BOOL, "preallocate", preallocate),
    FIELD(INT64, "flush.messages", flush_messages),
    FIELD(INT64, "flush.ms", flush_ms),
    FIELD(INT, "max.message.bytes", max_message_bytes),
    FIELD(INT64, "message.timestamp.before.max.ms", message_timestamp_before_max_ms),
    FIELD(INT64, "message.timestamp.after.max.ms", message_timestamp_after_max_ms),
    FIELD(INT, "compression.gzip.level", compression_gzip_level),
    FIELD(INT, "compression.lz4.level", compression_lz4_level),
    FIELD(INT, "compression.zstd.level", compression_zstd_level),
    FIELD(INT64, "delete.retention.ms", delete_retention_ms),
    FIELD(INT64, "min.compaction.lag.ms", min_compaction_lag_ms),
    FIELD(INT64, "max.compaction.lag.ms", max_compaction_lag_ms),
    FIELD(DOUBLE, "min.cleanable.dirty.ratio", min_cleanable_dirty_ratio),
    FIELD(INT, "min.insync.replicas", min_insync_replicas),
    LATER(BOOL, "unclean.leader.election.enable", unclean_leader_election_enable),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* Set by parse_words(). */
static const char *const word_fields[] = {"cleanup.policy", "compression.type",
                                          "message.timestamp.type"};

static const struct setting *topic_setting(const char *name)
{
    return setting_find(&topic_settings, str_of(name));
}

static bool has_effect(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return !fields[i].later;
    }
    for (size_t i = 0; i < sizeof(word_fields) / sizeof(word_fields[0]); i++) {
        if (strcmp(word_fields[i], name) == 0)
            return true;
    }
    return false;
}

bool topic_config_uses(const char *broker_setting)
{
    for (size_t i = 0; i < topic_settings.count; i++) {
        const struct setting *setting = &topic_settings.items[i];
        const char *const *chain = setting->server_defaults;
        for (; chain != NULL && *chain != NULL; chain++) {
            if (strcmp(*chain, broker_setting) == 0)
                return has_effect(setting->name);
        }
    }
    return false;
}

/* The last of equal names wins, as in the metadata log. */
static const struct setting_override *find_override(
    const struct setting_override *overrides, size_t count, const char *name)
{
    for (size_t i = count; i > 0; i--) {
        if (str_is(overrides[i - 1].name, name) && overrides[i - 1].value.data != NULL)
            return &overrides[i - 1];
    }
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_len = strlen(text);
    size_t end_len = strlen(end);
    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

/* Hours and minutes of a broker setting are milliseconds of a topic's. An int of them
 * cannot overflow an int64. */
static int64_t chain_unit(const char *broker_setting)
{
    if (ends_with(broker_setting, ".hours"))
        return INT64_C(3600) * 1000;
    if (ends_with(broker_setting, ".minutes"))
        return INT64_C(60) * 1000;
    return 1;
}

/* The first of the chain that is not null; NULL for a topic setting without one. */
static const char *chain_pick(const struct broker_config *broker,
                              const struct setting *setting, struct str *value)
{
    const char *const *chain = setting->server_defaults;
    for (; chain != NULL && *chain != NULL; chain++) {
        enum setting_source source;
        broker_config_get(broker, str_of(*chain), value, &source);
        if (value->data != NULL)
            return *chain;
    }
    *value = str_of(setting->default_value);
    return NULL;
}

/* What the broker says of a topic setting. */
static int default_value(const struct broker_config *broker,
                         const struct setting *setting, struct setting_value *out,
                         struct err *err)
{
    struct str text;
    const char *from = chain_pick(broker, setting, &text);
    if (from == NULL)
        return setting_parse(setting, text, out, err);
    int rc =
        setting_parse(setting_find(&broker_settings, str_of(from)), text, out, err);
    if (rc != 0)
        return rc;
    out->integer *= chain_unit(from);
    /* Any negative retention is "for ever" (Kafka: getLogRetentionTimeMillis). */
    if (strcmp(setting->name, "retention.ms") == 0 && out->integer < 0)
        out->integer = -1;
    return 0;
}

struct source {
    const struct broker_config *broker;
    const struct setting_override *overrides;
    size_t count;
};

static int value_of(const struct source *source, const char *name,
                    struct setting_value *out, struct err *err)
{
    const struct setting *setting = topic_setting(name);
    const struct setting_override *override =
        find_override(source->overrides, source->count, name);
    if (override != NULL)
        return setting_parse(setting, override->value, out, err);
    return default_value(source->broker, setting, out, err);
}

static int parse_fields(const struct source *source, struct topic_config *config,
                        struct err *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        struct setting_value value;
        int rc = value_of(source, fields[i].name, &value, err);
        if (rc != 0)
            return rc;
        void *at = (char *)config + fields[i].offset;
        switch (fields[i].kind) {
        case FIELD_BOOL:
            *(bool *)at = value.boolean;
            break;
        case FIELD_INT:
            *(int *)at = (int)value.integer;
            break;
        case FIELD_INT64:
            *(int64_t *)at = value.integer;
            break;
        case FIELD_DOUBLE:
            *(double *)at = value.real;
            break;
        }
    }
    return 0;
}

static enum topic_compression compression_of(struct str name)
{
    static const struct {
        const char *name;
        enum topic_compression type;
    } types[] = {
        {"uncompressed", TOPIC_COMPRESSION_UNCOMPRESSED},
        {"gzip", TOPIC_COMPRESSION_GZIP},
        {"snappy", TOPIC_COMPRESSION_SNAPPY},
        {"lz4", TOPIC_COMPRESSION_LZ4},
        {"zstd", TOPIC_COMPRESSION_ZSTD},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (str_is(name, types[i].name))
            return types[i].type;
    }
    return TOPIC_COMPRESSION_PRODUCER;
}

static int parse_words(const struct source *source, struct topic_config *config,
                       struct err *err)
{
    struct setting_value policy;
    struct setting_value compression;
    struct setting_value timestamp;
    int rc = value_of(source, "cleanup.policy", &policy, err);
    if (rc == 0)
        rc = value_of(source, "compression.type", &compression, err);
    if (rc == 0)
        rc = value_of(source, "message.timestamp.type", &timestamp, err);
    if (rc != 0)
        return rc;
    config->cleanup_delete = setting_list_has(policy.text, "delete");
    config->cleanup_compact = setting_list_has(policy.text, "compact");
    config->compression_type = compression_of(compression.text);
    config->log_append_time = str_is(timestamp.text, "LogAppendTime");
    return 0;
}

static int check_remote(const struct source *source, struct err *err)
{
    struct setting_value remote;
    int rc = value_of(source, "remote.storage.enable", &remote, err);
    if (rc != 0 || !remote.boolean)
        return rc;
    return err_set(err, ERR_INVALID_CONFIG,
                   "Tiered Storage functionality is disabled in the broker. Topic "
                   "cannot be configured with remote log storage.");
}

static int derive(const struct source *source, struct topic_config *config,
                  struct err *err)
{
    int rc = parse_fields(source, config, err);
    if (rc == 0)
        rc = parse_words(source, config, err);
    if (rc != 0)
        return rc;
    if (source->broker->profile == PROFILE_DEV &&
        config->min_insync_replicas > source->broker->brokers)
        config->min_insync_replicas = source->broker->brokers;
    return 0;
}

static int check_together(const struct topic_config *config, struct err *err)
{
    if (config->min_compaction_lag_ms <= config->max_compaction_lag_ms)
        return 0;
    return err_set(err, ERR_INVALID_CONFIG,
                   "conflict topic config setting min.compaction.lag.ms (%lld) > "
                   "max.compaction.lag.ms (%lld)",
                   (long long)config->min_compaction_lag_ms,
                   (long long)config->max_compaction_lag_ms);
}

int topic_config_create(const struct broker_config *broker,
                        const struct setting_override *overrides, size_t count,
                        struct topic_config **out, struct err *err)
{
    const struct source source = {broker, overrides, count};
    struct topic_config *config = calloc(1, sizeof(*config));
    if (config == NULL)
        return err_nomem(err);
    config->references = 1;
    int rc = derive(&source, config, err);
    if (rc != 0) {
        topic_config_release(config);
        return rc;
    }
    *out = config;
    return 0;
}

struct topic_config *topic_config_acquire(struct topic_config *config)
{
    config->references++;
    return config;
}

void topic_config_release(struct topic_config *config)
{
    if (config != NULL && --config->references == 0)
        free(config);
}

size_t topic_config_expand_limit(const struct topic_config *config)
{
    size_t limit = (size_t)config->max_message_bytes * EXPAND_TIMES;
    return limit < EXPAND_FLOOR ? EXPAND_FLOOR : limit;
}

int topic_config_validate(const struct broker_config *broker,
                          const struct setting_override *overrides, size_t count,
                          struct err *err)
{
    const struct source source = {broker, overrides, count};
    struct topic_config config = {0};
    int rc = setting_check_overrides(&topic_settings, "topic", overrides, count, err);
    if (rc == 0)
        rc = derive(&source, &config, err);
    if (rc == 0)
        rc = check_together(&config, err);
    if (rc == 0)
        rc = check_remote(&source, err);
    return rc;
}

/* Kafka does not range-check these three at their settings but after resolving the
 * chain (KafkaConfig.validateValues), so that the smallest unit is named. */
static int check_times(const struct topic_config *config, struct err *err)
{
    if (config->retention_ms == 0)
        return err_set(
            err, ERR_INVALID_CONFIG,
            "Invalid value 0 for configuration log.retention.ms (or .minutes "
            "or .hours): it must be unlimited (-1) or at least 1");
    if (config->segment_ms < 1)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value %lld for configuration log.roll.ms (or .hours): "
                       "it must be at least 1",
                       (long long)config->segment_ms);
    if (config->segment_jitter_ms < 0)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value %lld for configuration log.roll.jitter.ms (or "
                       ".hours): it must be at least 0",
                       (long long)config->segment_jitter_ms);
    return 0;
}

int topic_config_check_defaults(const struct broker_config *broker, struct err *err)
{
    const struct source source = {.broker = broker};
    struct topic_config config = {0};
    int rc = derive(&source, &config, err);
    if (rc == 0)
        rc = check_times(&config, err);
    if (rc == 0)
        rc = check_together(&config, err);
    return rc;
}

/* A value in Kafka's notation: as written where it was, but for what the chain
 * multiplied. */
static int value_text(const struct source *source, const struct setting *setting,
                      struct arena *arena, struct str *out, struct err *err)
{
    const struct setting_override *override =
        find_override(source->overrides, source->count, setting->name);
    if (override != NULL) {
        struct buf text = BUF_INIT;
        setting_canonical(setting, override->value, &text);
        if (!text.failed)
            *out = arena_str(arena, (struct str){text.len == 0 ? "" : (char *)text.data,
                                                 (int32_t)text.len});
        bool failed = text.failed || out->data == NULL;
        buf_free(&text);
        return failed ? err_nomem(err) : 0;
    }
    const char *from = chain_pick(source->broker, setting, out);
    if (from == NULL || setting->type != SETTING_LONG)
        return 0;
    struct setting_value value;
    int rc = default_value(source->broker, setting, &value, err);
    if (rc != 0)
        return rc;
    *out = arena_printf(arena, "%lld", (long long)value.integer);
    return out->data == NULL ? err_nomem(err) : 0;
}

int topic_config_get(const struct broker_config *broker,
                     const struct setting_override *overrides, size_t count,
                     struct str name, struct arena *arena, struct str *value,
                     enum setting_source *source, struct err *err)
{
    const struct source from = {broker, overrides, count};
    const struct setting *setting = setting_find(&topic_settings, name);
    if (setting == NULL)
        return err_set(err, ERR_NOT_FOUND, "Unknown topic config name: %.*s",
                       STR_ARGS(name));
    *value = STR_NULL;
    int rc = value_text(&from, setting, arena, value, err);
    if (rc != 0)
        return rc;
    struct config_synonym synonyms[CONFIG_SYNONYMS_MAX];
    size_t found = topic_config_synonyms(broker, overrides, count, name, synonyms);
    *source = found == 0 ? SETTING_SOURCE_DEFAULT : synonyms[0].source;
    return 0;
}

size_t topic_config_synonyms(const struct broker_config *broker,
                             const struct setting_override *overrides, size_t count,
                             struct str name,
                             struct config_synonym out[CONFIG_SYNONYMS_MAX])
{
    const struct setting *setting = setting_find(&topic_settings, name);
    if (setting == NULL)
        return 0;
    size_t found = 0;
    const struct setting_override *override =
        find_override(overrides, count, setting->name);
    if (override != NULL)
        out[found++] = (struct config_synonym){setting->name, override->value,
                                               SETTING_SOURCE_TOPIC};
    if (setting->server_defaults != NULL) {
        struct config_synonym below[CONFIG_SYNONYMS_MAX];
        size_t more =
            broker_config_synonyms(broker, str_of(setting->server_defaults[0]), below);
        for (size_t i = 0; i < more && found < CONFIG_SYNONYMS_MAX; i++)
            out[found++] = below[i];
    }
    return found;
}
