/* config/topic_config.h
 *
 * The settings of one topic: its overrides, over what the broker's settings say by
 * the server_default chains of topic.tsv (retention.ms from log.retention.ms, else
 * log.retention.minutes, else log.retention.hours), as Kafka's LogConfig.
 *
 * A topic_config is only the outcome, in types, and counted: the thousands of topics
 * without overrides share one, made once and kept by whoever holds the metadata. The
 * overrides themselves stay in the metadata image.
 *
 * Loop thread; a finished one never changes, so a pool job may read it while somebody
 * holds it for the job. */
#ifndef GREGOR_CONFIG_TOPIC_CONFIG_H
#define GREGOR_CONFIG_TOPIC_CONFIG_H

#include "config/broker_config.h"
#include "protocol/base/arena.h"

enum topic_compression {
    TOPIC_COMPRESSION_UNCOMPRESSED = 0, /* these five as on the wire */
    TOPIC_COMPRESSION_GZIP = 1,
    TOPIC_COMPRESSION_SNAPPY = 2,
    TOPIC_COMPRESSION_LZ4 = 3,
    TOPIC_COMPRESSION_ZSTD = 4,
    TOPIC_COMPRESSION_PRODUCER = -1, /* as the producer sent it */
};

struct topic_config {
    int references;

    /* Retention: negative is without limit. */
    int64_t retention_ms;
    int64_t retention_bytes;
    int64_t file_delete_delay_ms;
    bool cleanup_delete;
    bool cleanup_compact;

    /* Segments and indexes. */
    int segment_bytes;
    int64_t segment_ms;
    int64_t segment_jitter_ms;
    int segment_index_bytes;
    int index_interval_bytes;
    bool preallocate;

    /* Flushing; INT64_MAX leaves it to the system. */
    int64_t flush_messages;
    int64_t flush_ms;

    /* What producers may send. */
    int max_message_bytes;
    bool log_append_time; /* message.timestamp.type=LogAppendTime */
    int64_t message_timestamp_before_max_ms;
    int64_t message_timestamp_after_max_ms;
    enum topic_compression compression_type;
    int compression_gzip_level; /* -1: gzip's own default */
    int compression_lz4_level;
    int compression_zstd_level;

    /* Compaction. */
    int64_t delete_retention_ms;
    int64_t min_compaction_lag_ms;
    int64_t max_compaction_lag_ms;
    double min_cleanable_dirty_ratio;

    /* Replication. */
    int min_insync_replicas; /* dev profile: no more than there are brokers */
    bool unclean_leader_election_enable;
};

/* On success the caller holds one reference, ended with topic_config_release().
 * Overrides must have passed topic_config_validate(); one that does not (stored by
 * another version, say) fails with ERR_INVALID_CONFIG, an unknown one has no effect. */
int topic_config_create(const struct broker_config *broker,
                        const struct setting_override *overrides, size_t count,
                        struct topic_config **out, struct err *err);

struct topic_config *topic_config_acquire(struct topic_config *config);

/* Accepts NULL. */
void topic_config_release(struct topic_config *config);

/* How many bytes a compressed batch of the topic may expand to. Honest producers
 * bound their batches before they compress them; what expands further is an attack,
 * or a mistake. */
size_t topic_config_expand_limit(const struct topic_config *config);

/* Judges the whole set of overrides that a topic would have, as Kafka's
 * LogConfig.validate: names, values, and what must fit together. ERR_INVALID_CONFIG
 * with the sentence for the client. Tiered storage is never there to be enabled. */
int topic_config_validate(const struct broker_config *broker,
                          const struct setting_override *overrides, size_t count,
                          struct err *err);

/* The value in force of any topic setting, in Kafka's notation, and where it comes
 * from. `value` may be taken from `arena`. ERR_NOT_FOUND for a name that is none. */
int topic_config_get(const struct broker_config *broker,
                     const struct setting_override *overrides, size_t count,
                     struct str name, struct arena *arena, struct str *value,
                     enum setting_source *source, struct err *err);

/* The layers that have a value for it, strongest first: the topic's own, then what
 * broker_config_synonyms() says of the broker setting behind it. */
size_t topic_config_synonyms(const struct broker_config *broker,
                             const struct setting_override *overrides, size_t count,
                             struct str name,
                             struct config_synonym out[CONFIG_SYNONYMS_MAX]);

/* Whether a broker setting is the default of a topic setting that has an effect. */
bool topic_config_uses(const char *broker_setting);

/* Whether topics without overrides would be valid: what a broker checks at start. */
int topic_config_check_defaults(const struct broker_config *broker, struct err *err);

#endif
