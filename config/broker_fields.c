/* From layers of text to typed fields.
 *
 * The table below is the list of every broker setting that Gregor acts on, apart from
 * the defaults of topics, which topic_config.c reads by the chains in topic.tsv. A row
 * marked LATER is typed already, but the part that will act on it is not in this
 * broker: such a key counts as ignored. */
#include "config/broker_config_internal.h"

#include "config/topic_config.h"

enum field_kind {
    FIELD_BY_HAND, /* derived by a function of its own below */
    FIELD_BOOL,
    FIELD_INT,
    FIELD_INT64,
    FIELD_DOUBLE,
    FIELD_STRING,
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    bool later;
};

#define HERE(kind, name, member)                                          \
    {                                                                     \
        name, FIELD_##kind, offsetof(struct broker_config, member), false \
    }
#define LATER(kind, name, member)                                        \
    {                                                                    \
        name, FIELD_##kind, offsetof(struct broker_config, member), true \
    }
#define BY_HAND(name)                 \
    {                                 \
        name, FIELD_BY_HAND, 0, false \
    }

/* clang-format off */
static const struct field fields[] = {
    BY_HAND("node.id"),
    BY_HAND("broker.id"),
    BY_HAND("process.roles"), /* broker and controller in one is what Gregor is */
    BY_HAND("listeners"),
    BY_HAND("advertised.listeners"),
    BY_HAND("listener.security.protocol.map"),
    BY_HAND("controller.listener.names"),
    BY_HAND("inter.broker.listener.name"),
    BY_HAND("log.dir"),
    BY_HAND("log.dirs"),
    BY_HAND("max.connections.per.ip.overrides"),
    BY_HAND("group.consumer.assignors"),
    BY_HAND("group.coordinator.rebalance.protocols"),
    HERE(STRING, "broker.rack", broker_rack),
    HERE(STRING, "metadata.log.dir", metadata_log_dir),

    HERE(INT, "socket.request.max.bytes", socket_request_max_bytes),
    HERE(INT, "socket.send.buffer.bytes", socket_send_buffer_bytes),
    HERE(INT, "socket.receive.buffer.bytes", socket_receive_buffer_bytes),
    HERE(INT, "socket.listen.backlog.size", socket_listen_backlog_size),
    HERE(INT64, "connections.max.idle.ms", connections_max_idle_ms),
    HERE(INT, "max.connections", max_connections),
    HERE(INT, "max.connections.per.ip", max_connections_per_ip),

    HERE(BOOL, "auto.create.topics.enable", auto_create_topics_enable),
    HERE(BOOL, "delete.topic.enable", delete_topic_enable),
    HERE(INT, "num.partitions", num_partitions),
    HERE(INT, "default.replication.factor", default_replication_factor),
    HERE(INT, "min.insync.replicas", min_insync_replicas),

    HERE(INT, "num.recovery.threads.per.data.dir", num_recovery_threads_per_data_dir),
    HERE(INT64, "log.flush.scheduler.interval.ms", log_flush_scheduler_interval_ms),
    HERE(INT, "log.flush.offset.checkpoint.interval.ms",
         log_flush_offset_checkpoint_interval_ms),
    HERE(INT, "log.flush.start.offset.checkpoint.interval.ms",
         log_flush_start_offset_checkpoint_interval_ms),
    HERE(INT64, "replica.high.watermark.checkpoint.interval.ms",
         replica_high_watermark_checkpoint_interval_ms),
    HERE(INT64, "log.retention.check.interval.ms", log_retention_check_interval_ms),
    HERE(INT64, "log.initial.task.delay.ms", log_initial_task_delay_ms),
    HERE(INT, "producer.id.expiration.ms", producer_id_expiration_ms),
    HERE(INT, "producer.id.expiration.check.interval.ms",
         producer_id_expiration_check_interval_ms),
    HERE(BOOL, "log.cleaner.enable", log_cleaner_enable),
    HERE(INT, "log.cleaner.threads", log_cleaner_threads),
    HERE(INT64, "log.cleaner.backoff.ms", log_cleaner_backoff_ms),
    HERE(INT64, "log.cleaner.dedupe.buffer.size", log_cleaner_dedupe_buffer_size),
    HERE(INT, "log.cleaner.io.buffer.size", log_cleaner_io_buffer_size),
    HERE(DOUBLE, "log.cleaner.io.buffer.load.factor",
          log_cleaner_io_buffer_load_factor),
    HERE(DOUBLE, "log.cleaner.io.max.bytes.per.second",
          log_cleaner_io_max_bytes_per_second),

    HERE(INT, "max.incremental.fetch.session.cache.slots",
         max_incremental_fetch_session_cache_slots),
    HERE(INT, "fetch.max.bytes", fetch_max_bytes),
    HERE(INT, "max.request.partition.size.limit", max_request_partition_size_limit),
    LATER(INT64, "replica.lag.time.max.ms", replica_lag_time_max_ms),
    LATER(INT, "replica.fetch.max.bytes", replica_fetch_max_bytes),
    LATER(INT, "replica.fetch.response.max.bytes", replica_fetch_response_max_bytes),
    LATER(INT, "replica.fetch.min.bytes", replica_fetch_min_bytes),
    LATER(INT, "replica.fetch.wait.max.ms", replica_fetch_wait_max_ms),
    LATER(INT, "replica.fetch.backoff.ms", replica_fetch_backoff_ms),
    LATER(BOOL, "auto.leader.rebalance.enable", auto_leader_rebalance_enable),
    LATER(INT64, "leader.imbalance.check.interval.seconds",
          leader_imbalance_check_interval_seconds),
    LATER(INT, "request.timeout.ms", request_timeout_ms),

    HERE(INT64, "metadata.log.max.record.bytes.between.snapshots",
         metadata_log_max_record_bytes_between_snapshots),
    HERE(INT64, "metadata.log.max.snapshot.interval.ms",
         metadata_log_max_snapshot_interval_ms),
    HERE(INT, "metadata.log.segment.bytes", metadata_log_segment_bytes),
    HERE(INT64, "metadata.log.segment.ms", metadata_log_segment_ms),
    HERE(INT64, "metadata.max.retention.bytes", metadata_max_retention_bytes),
    HERE(INT64, "metadata.max.retention.ms", metadata_max_retention_ms),

    HERE(INT, "offsets.topic.num.partitions", offsets_topic_num_partitions),
    HERE(INT, "offsets.topic.replication.factor", offsets_topic_replication_factor),
    HERE(INT, "offsets.topic.segment.bytes", offsets_topic_segment_bytes),
    LATER(INT, "offsets.topic.compression.codec", offsets_topic_compression_codec),
    HERE(INT, "offsets.retention.minutes", offsets_retention_minutes),
    HERE(INT64, "offsets.retention.check.interval.ms",
          offsets_retention_check_interval_ms),
    HERE(INT, "offsets.commit.timeout.ms", offsets_commit_timeout_ms),
    HERE(INT, "offset.metadata.max.bytes", offset_metadata_max_bytes),
    HERE(INT, "group.initial.rebalance.delay.ms", group_initial_rebalance_delay_ms),
    HERE(INT, "group.min.session.timeout.ms", group_min_session_timeout_ms),
    HERE(INT, "group.max.session.timeout.ms", group_max_session_timeout_ms),
    HERE(INT, "group.max.size", group_max_size),
    HERE(INT, "group.consumer.heartbeat.interval.ms",
         group_consumer_heartbeat_interval_ms),
    HERE(INT, "group.consumer.min.heartbeat.interval.ms",
         group_consumer_min_heartbeat_interval_ms),
    HERE(INT, "group.consumer.max.heartbeat.interval.ms",
         group_consumer_max_heartbeat_interval_ms),
    HERE(INT, "group.consumer.session.timeout.ms", group_consumer_session_timeout_ms),
    HERE(INT, "group.consumer.min.session.timeout.ms",
         group_consumer_min_session_timeout_ms),
    HERE(INT, "group.consumer.max.session.timeout.ms",
         group_consumer_max_session_timeout_ms),
    HERE(INT, "group.consumer.assignment.interval.ms",
         group_consumer_assignment_interval_ms),
    HERE(INT, "group.consumer.min.assignment.interval.ms",
         group_consumer_min_assignment_interval_ms),
    HERE(INT, "group.consumer.max.assignment.interval.ms",
         group_consumer_max_assignment_interval_ms),
    HERE(INT, "group.consumer.max.size", group_consumer_max_size),
    HERE(INT, "group.consumer.regex.refresh.interval.ms",
         group_consumer_regex_refresh_interval_ms),
    HERE(STRING, "group.consumer.migration.policy", group_consumer_migration_policy),

    LATER(INT, "transaction.state.log.num.partitions",
          transaction_state_log_num_partitions),
    LATER(INT, "transaction.state.log.replication.factor",
          transaction_state_log_replication_factor),
    LATER(INT, "transaction.state.log.min.isr", transaction_state_log_min_isr),
    LATER(INT, "transaction.state.log.segment.bytes",
          transaction_state_log_segment_bytes),
    LATER(INT, "transaction.max.timeout.ms", transaction_max_timeout_ms),
    LATER(INT, "transactional.id.expiration.ms", transactional_id_expiration_ms),
    LATER(INT, "transaction.abort.timed.out.transaction.cleanup.interval.ms",
          transaction_abort_timed_out_transaction_cleanup_interval_ms),
    LATER(INT, "transaction.remove.expired.transaction.cleanup.interval.ms",
          transaction_remove_expired_transaction_cleanup_interval_ms),
    LATER(BOOL, "transaction.partition.verification.enable",
          transaction_partition_verification_enable),
};
/* clang-format on */

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

bool broker_fields_honour(const struct setting *setting)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, setting->name) == 0)
            return !fields[i].later;
    }
    return topic_config_uses(setting->name);
}

static const struct setting *broker_setting(const char *name)
{
    return setting_find(&broker_settings, str_of(name));
}

static struct str effective(const struct broker_config *config, const char *name)
{
    enum setting_source source;
    return config_layers_effective(config->layers, broker_setting(name), &source);
}

static bool is_set(const struct broker_config *config, const char *name)
{
    enum setting_source source;
    config_layers_effective(config->layers, broker_setting(name), &source);
    return source > SETTING_SOURCE_PROFILE;
}

static int derive_field(struct broker_config *config, const struct field *field,
                        struct err *err)
{
    if (field->kind == FIELD_BY_HAND)
        return 0;
    const struct setting *setting = broker_setting(field->name);
    struct setting_value value;
    int rc = setting_parse(setting, effective(config, field->name), &value, err);
    if (rc != 0)
        return rc;
    if (setting->dev_clamp && config->profile == PROFILE_DEV &&
        value.integer > config->brokers)
        value.integer = config->brokers;

    void *at = (char *)config + field->offset;
    switch (field->kind) {
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
    case FIELD_STRING:
        *(const char **)at = value.text.data;
        break;
    case FIELD_BY_HAND:
        break;
    }
    return 0;
}

static int derive_node_id(struct broker_config *config, struct err *err)
{
    struct setting_value value;
    int rc = setting_parse(broker_setting("node.id"), effective(config, "node.id"),
                           &value, err);
    if (rc == 0)
        config->node_id = (int)value.integer;
    return rc;
}

static bool has_name(const struct name_list *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_is(name, list->items[i]))
            return true;
    }
    return false;
}

/* The items of a list, each once. */
static int derive_list(struct broker_config *config, struct str text,
                       struct name_list *out, struct err *err)
{
    size_t commas = 0;
    for (int32_t i = 0; i < text.len; i++)
        commas += text.data[i] == ',';
    *out = (struct name_list){
        arena_array(&config->derived, commas + 1, sizeof(*out->items)), 0};
    if (out->items == NULL)
        return err_nomem(err);

    struct setting_items items = setting_items(text);
    struct str item;
    while (setting_next(&items, &item)) {
        if (has_name(out, item))
            continue;
        struct str copy = arena_str(&config->derived, item);
        if (copy.data == NULL)
            return err_nomem(err);
        out->items[out->count++] = copy.data;
    }
    return 0;
}

/* log.dirs when it is set, log.dir otherwise. */
static int derive_log_dirs(struct broker_config *config, struct err *err)
{
    struct str dirs = effective(config, "log.dirs");
    if (dirs.data == NULL)
        dirs = effective(config, "log.dir");
    return derive_list(config, dirs, &config->log_dirs, err);
}

static int derive_groups(struct broker_config *config, struct err *err)
{
    int rc = derive_list(config, effective(config, "group.consumer.assignors"),
                         &config->group_consumer_assignors, err);
    if (rc == 0)
        rc = derive_list(config,
                         effective(config, "group.coordinator.rebalance.protocols"),
                         &config->group_coordinator_rebalance_protocols, err);
    return rc == 0 ? broker_groups_check(config, err) : rc;
}

static int derive_endpoints(struct broker_config *config, struct err *err)
{
    const struct endpoint_settings settings = {
        .listeners = effective(config, "listeners").data,
        .advertised_listeners = effective(config, "advertised.listeners").data,
        .security_protocol_map =
            effective(config, "listener.security.protocol.map").data,
        .default_protocol_map = !is_set(config, "listener.security.protocol.map"),
        .controller_listener_names =
            effective(config, "controller.listener.names").data,
    };
    int rc = endpoints_derive(&settings, &config->derived, &config->listeners,
                              &config->advertised, err);
    if (rc != 0)
        return rc;

    const char *name = effective(config, "inter.broker.listener.name").data;
    config->inter_broker =
        endpoints_find(&config->listeners, name == NULL ? "PLAINTEXT" : name);
    if (config->inter_broker == NULL && name != NULL)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value %s for configuration inter.broker.listener.name: "
                       "it must be the name of one of listeners",
                       name);
    if (config->inter_broker == NULL)
        config->inter_broker = &config->listeners.items[0];
    return 0;
}

/* One host:limit; IPv6 addresses have colons of their own, the last one counts. */
static int parse_limit(struct str entry, struct arena *arena,
                       struct connection_limit *out, struct err *err)
{
    const char *colon = memrchr(entry.data, ':', (size_t)entry.len);
    int32_t host_len = colon == NULL ? 0 : (int32_t)(colon - entry.data);
    int64_t limit = 0;
    if (host_len == 0 ||
        !setting_integer((struct str){colon + 1, entry.len - host_len - 1}, 0,
                         INT32_MAX, &limit))
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value %.*s for configuration "
                       "max.connections.per.ip.overrides: each entry must be of the "
                       "form host:limit",
                       STR_ARGS(entry));
    out->host = arena_str(arena, (struct str){entry.data, host_len}).data;
    out->max_connections = (int)limit;
    return out->host == NULL ? err_nomem(err) : 0;
}

static int derive_limits(struct broker_config *config, struct err *err)
{
    struct str list = effective(config, "max.connections.per.ip.overrides");
    struct setting_items items = setting_items(list);
    struct str entry;
    size_t count = 0;
    while (setting_next(&items, &entry))
        count++;
    struct connection_limit *limits =
        arena_array(&config->derived, count, sizeof(*limits));
    if (limits == NULL)
        return err_nomem(err);

    items = setting_items(list);
    for (size_t i = 0; setting_next(&items, &entry); i++) {
        int rc = parse_limit(entry, &config->derived, &limits[i], err);
        if (rc != 0)
            return rc;
    }
    config->max_connections_per_ip_overrides = limits;
    config->max_connections_per_ip_override_count = count;
    if (config->max_connections_per_ip == 0 && count == 0)
        return err_set(err, ERR_INVALID_CONFIG,
                       "Invalid value 0 for configuration max.connections.per.ip: it "
                       "can be set to zero only if max.connections.per.ip.overrides "
                       "is set");
    return 0;
}

static int check_codec(const struct broker_config *config, struct err *err)
{
    int codec = config->offsets_topic_compression_codec;
    if (codec >= 0 && codec <= 4)
        return 0;
    return err_set(
        err, ERR_INVALID_CONFIG,
        "Invalid value %d for configuration offsets.topic.compression.codec: "
        "it must be one of 0 (none), 1 (gzip), 2 (snappy), 3 (lz4), 4 (zstd)",
        codec);
}

/* As Kafka asks: a map of less has no room for a log's keys. */
static int check_cleaner(const struct broker_config *config, struct err *err)
{
    int threads = config->log_cleaner_threads;
    if (threads == 0 || config->log_cleaner_dedupe_buffer_size / threads > 1 << 20)
        return 0;
    return err_set(
        err, ERR_INVALID_CONFIG,
        "Invalid value %lld for configuration log.cleaner.dedupe.buffer.size: "
        "it must be more than 1 MiB for each of log.cleaner.threads, %d",
        (long long)config->log_cleaner_dedupe_buffer_size, threads);
}

int broker_fields_derive(struct broker_config *config, struct err *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        int rc = derive_field(config, &fields[i], err);
        if (rc != 0)
            return rc;
    }
    int (*const by_hand[])(struct broker_config *, struct err *) = {
        derive_node_id, derive_log_dirs, derive_endpoints, derive_limits, derive_groups,
    };
    for (size_t i = 0; i < sizeof(by_hand) / sizeof(by_hand[0]); i++) {
        int rc = by_hand[i](config, err);
        if (rc != 0)
            return rc;
    }
    int rc = check_codec(config, err);
    if (rc == 0)
        rc = check_cleaner(config, err);
    if (rc != 0)
        return rc;
    return topic_config_check_defaults(config, err);
}
