/* config/broker_config.h
 *
 * The settings of one broker, in layers. From weakest to strongest: Kafka's
 * default, the profile, server.properties, --set, the cluster-wide dynamic
 * default, this broker's dynamic value (enum setting_source). The strongest
 * layer that has a value decides; the typed fields are what comes out.
 *
 * A key that Kafka knows but that has no effect here is accepted and listed in
 * `ignored`; one that Kafka does not know, in `unknown`: whoever starts the
 * broker reports both once. Which keys have an effect says the table in
 * broker_fields.c.
 *
 * Loop thread, or before it runs. */
#ifndef GREGOR_CONFIG_BROKER_CONFIG_H
#define GREGOR_CONFIG_BROKER_CONFIG_H

#include "config/endpoint.h"
#include "config/setting.h"

enum profile {
    PROFILE_DEV,   /* what serves one machine better; the default */
    PROFILE_KAFKA, /* Kafka's defaults to the letter */
};

struct connection_limit {
    const char *host; /* address or name, as written */
    int max_connections;
};

struct name_list {
    const char **items;
    size_t count;
};

struct config_layers; /* broker_config_internal.h */

/* Borrowed strings and lists stay until the next broker_config_set_dynamic(). */
struct broker_config {
    enum profile profile;
    int brokers; /* nodes of the cluster */

    struct name_list ignored;
    struct name_list unknown;

    /* Who and where. */
    int node_id;
    const char *broker_rack; /* NULL: none */
    struct endpoints listeners;
    struct endpoints advertised; /* host "": this machine's name; port 0: as bound */
    const struct endpoint *inter_broker; /* one of listeners */
    struct name_list log_dirs;
    const char *metadata_log_dir; /* NULL: the first of log_dirs */

    /* Sockets. */
    int socket_request_max_bytes;
    int socket_send_buffer_bytes;    /* -1: the system's */
    int socket_receive_buffer_bytes; /* -1: the system's */
    int socket_listen_backlog_size;
    int64_t connections_max_idle_ms; /* negative: never */
    int max_connections;
    int max_connections_per_ip;
    struct connection_limit *max_connections_per_ip_overrides;
    size_t max_connections_per_ip_override_count;

    /* Topics. */
    bool auto_create_topics_enable;
    bool delete_topic_enable;
    int num_partitions;
    int default_replication_factor;
    int min_insync_replicas;

    /* Logs. */
    int num_recovery_threads_per_data_dir;
    int64_t log_flush_scheduler_interval_ms;
    int log_flush_offset_checkpoint_interval_ms;
    int log_flush_start_offset_checkpoint_interval_ms;
    int64_t replica_high_watermark_checkpoint_interval_ms;
    int64_t log_retention_check_interval_ms;
    int64_t log_initial_task_delay_ms;
    int producer_id_expiration_ms;
    int producer_id_expiration_check_interval_ms;
    bool log_cleaner_enable;
    int log_cleaner_threads;
    int64_t log_cleaner_backoff_ms;
    int64_t log_cleaner_dedupe_buffer_size;
    int log_cleaner_io_buffer_size;
    double log_cleaner_io_buffer_load_factor;
    double log_cleaner_io_max_bytes_per_second;

    /* Fetching and replication. */
    int max_incremental_fetch_session_cache_slots;
    int fetch_max_bytes;
    int max_request_partition_size_limit;
    int64_t replica_lag_time_max_ms;
    int replica_fetch_max_bytes;
    int replica_fetch_response_max_bytes;
    int replica_fetch_min_bytes;
    int replica_fetch_wait_max_ms;
    int replica_fetch_backoff_ms;
    bool auto_leader_rebalance_enable;
    int64_t leader_imbalance_check_interval_seconds;
    int request_timeout_ms;

    /* The metadata log. */
    int64_t metadata_log_max_record_bytes_between_snapshots;
    int64_t metadata_log_max_snapshot_interval_ms;
    int metadata_log_segment_bytes;
    int64_t metadata_log_segment_ms;
    int64_t metadata_max_retention_bytes;
    int64_t metadata_max_retention_ms;

    /* Groups. */
    int offsets_topic_num_partitions;
    int offsets_topic_replication_factor;
    int offsets_topic_segment_bytes;
    int offsets_topic_compression_codec;
    int offsets_retention_minutes;
    int64_t offsets_retention_check_interval_ms;
    int offsets_commit_timeout_ms;
    int offset_metadata_max_bytes;
    int group_initial_rebalance_delay_ms;
    int group_min_session_timeout_ms;
    int group_max_session_timeout_ms;
    int group_max_size;
    int group_consumer_heartbeat_interval_ms;
    int group_consumer_min_heartbeat_interval_ms;
    int group_consumer_max_heartbeat_interval_ms;
    int group_consumer_session_timeout_ms;
    int group_consumer_min_session_timeout_ms;
    int group_consumer_max_session_timeout_ms;
    int group_consumer_assignment_interval_ms;
    int group_consumer_min_assignment_interval_ms;
    int group_consumer_max_assignment_interval_ms;
    int group_consumer_max_size;
    int group_consumer_regex_refresh_interval_ms;
    const char *group_consumer_migration_policy; /* in any case of letters */
    struct name_list group_consumer_assignors;   /* the first is the default */
    struct name_list group_coordinator_rebalance_protocols;

    /* Transactions. */
    int transaction_state_log_num_partitions;
    int transaction_state_log_replication_factor;
    int transaction_state_log_min_isr;
    int transaction_state_log_segment_bytes;
    int transaction_max_timeout_ms;
    int transactional_id_expiration_ms;
    int transaction_abort_timed_out_transaction_cleanup_interval_ms;
    int transaction_remove_expired_transaction_cleanup_interval_ms;
    bool transaction_partition_verification_enable;

    struct config_layers *layers;
    struct arena derived; /* what the fields above point into */
};

struct broker_config_input {
    enum profile profile;
    int brokers;           /* 0 is taken as 1 */
    const char *file_name; /* for errors: "server.properties"; NULL without a file */
    struct str file;       /* its text */
    const struct setting_override *command_line; /* the last of equal names wins */
    size_t command_line_count;
};

/* Reads no file and opens nothing. On success the caller ends *out with
 * broker_config_destroy(); input is borrowed. ERR_INVALID_CONFIG or ERR_INVALID name
 * key, value and what is allowed. */
int broker_config_create(const struct broker_config_input *input,
                         struct broker_config **out, struct err *err);

/* Accepts NULL. */
void broker_config_destroy(struct broker_config *config);

/* The value in force of any setting Kafka knows, typed above or not; STR_NULL is
 * null. A value of type PASSWORD is given as it is: the caller hides it. False when
 * there is no such setting. */
bool broker_config_get(const struct broker_config *config, struct str name,
                       struct str *value, enum setting_source *source);

/* One line of what DescribeConfigs calls synonyms: a layer that has a value for the
 * setting, or for one that stands in for it (log.retention.hours). */
struct config_synonym {
    const char *name;
    struct str value;
    enum setting_source source;
};

#define CONFIG_SYNONYMS_MAX 16

/* Fills `out`, strongest first, as Kafka orders them; returns how many. The source of
 * the first is what DescribeConfigs gives as the setting's source. */
size_t broker_config_synonyms(const struct broker_config *config, struct str name,
                              struct config_synonym out[CONFIG_SYNONYMS_MAX]);

/* Judges what IncrementalAlterConfigs wants of a broker (per_broker) or of the
 * cluster-wide default: changeable at all, at this level, good values. Names Kafka
 * does not know pass, as they do there (DynamicBrokerConfig.validateConfigs). */
int broker_config_check_dynamic(const struct setting_override *overrides, size_t count,
                                bool per_broker, struct err *err);

/* Judges all overrides of one group, good values each (setting_check_overrides()): they
 * lie within the broker's bounds and, with its settings for the rest, fit together
 * (GroupConfig.validate). */
int broker_config_check_group(const struct broker_config *config,
                              const struct setting_override *overrides, size_t count,
                              struct err *err);

/* Puts (or, with a null value, takes away) an override in the layer `source`, one of
 * the two dynamic ones, and derives the typed fields anew. When the whole would not
 * be valid, nothing changes. Unknown names and those of single listeners change
 * nothing here. */
int broker_config_set_dynamic(struct broker_config *config, enum setting_source source,
                              struct str name, struct str value, struct err *err);

/* Appends the settings that matter as a .properties file, each under its source; what
 * the profile changed shows Kafka's default. Passwords are hidden. */
void broker_config_print(const struct broker_config *config, struct buf *out);

#endif
