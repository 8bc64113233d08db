#include "config/topic_config.h"

#include "tests/support/check_main.h"

static struct broker_config *broker_with(const char *file)
{
    struct broker_config *broker = NULL;
    struct err err = {0};
    const struct broker_config_input input = {
        .profile = PROFILE_KAFKA, .file_name = "f", .file = str_of(file)};
    int rc = broker_config_create(&input, &broker, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return broker;
}

static struct topic_config *topic_of(const struct broker_config *broker,
                                     const char *name, const char *value)
{
    struct topic_config *topic = NULL;
    struct err err = {0};
    struct setting_override o = {str_of(name), str_of(value)};
    int rc = topic_config_create(broker, &o, name == NULL ? 0 : 1, &topic, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return topic;
}

static int64_t retention_with(const char *file)
{
    struct broker_config *broker = broker_with(file);
    struct topic_config *topic = topic_of(broker, NULL, NULL);
    int64_t ms = topic->retention_ms;
    topic_config_release(topic);
    broker_config_destroy(broker);
    return ms;
}

START_TEST(topic_without_overrides_has_kafkas_defaults)
{
    struct broker_config *broker = broker_with("");
    struct topic_config *t = topic_of(broker, NULL, NULL);
    ck_assert_int_eq(t->retention_ms, 604800000);
    ck_assert_int_eq(t->retention_bytes, -1);
    ck_assert_int_eq(t->segment_bytes, 1073741824);
    ck_assert_int_eq(t->segment_ms, 604800000);
    ck_assert_int_eq(t->segment_jitter_ms, 0);
    ck_assert_int_eq(t->segment_index_bytes, 10485760);
    ck_assert_int_eq(t->index_interval_bytes, 4096);
    ck_assert(t->flush_messages == INT64_MAX && t->flush_ms == INT64_MAX);
    ck_assert_int_eq(t->max_message_bytes, 1048588);
    ck_assert(t->cleanup_delete && !t->cleanup_compact);
    ck_assert(!t->log_append_time && !t->preallocate);
    ck_assert_int_eq(t->compression_type, TOPIC_COMPRESSION_PRODUCER);
    ck_assert_int_eq(t->compression_gzip_level, -1);
    ck_assert_int_eq(t->compression_lz4_level, 9);
    ck_assert_int_eq(t->compression_zstd_level, 3);
    ck_assert(t->message_timestamp_before_max_ms == INT64_MAX);
    ck_assert_int_eq(t->message_timestamp_after_max_ms, 3600000);
    ck_assert_double_eq(t->min_cleanable_dirty_ratio, 0.5);
    ck_assert_int_eq(t->file_delete_delay_ms, 60000);
    ck_assert_int_eq(t->delete_retention_ms, 86400000);
    ck_assert_int_eq(t->min_insync_replicas, 1);
    topic_config_release(t);
    broker_config_destroy(broker);
}
END_TEST

START_TEST(milliseconds_win_over_minutes_over_hours)
{
    ck_assert_int_eq(retention_with("log.retention.hours=7"), 7 * 3600 * 1000);
    ck_assert_int_eq(retention_with("log.retention.hours=7\nlog.retention.minutes=5"),
                     5 * 60 * 1000);
    ck_assert_int_eq(retention_with("log.retention.hours=7\nlog.retention.ms=9"), 9);
    ck_assert_int_eq(retention_with("log.retention.ms=-1"), -1);
    ck_assert_int_eq(retention_with("log.retention.ms=-5"), -1);
    ck_assert_int_eq(retention_with("log.retention.minutes=-1"), -1);
    ck_assert(retention_with("log.retention.hours=2147483647") == 7730941129200000);
}
END_TEST

START_TEST(other_chains_reach_the_topic)
{
    struct broker_config *broker =
        broker_with("log.roll.hours=2\nlog.roll.jitter.hours=1\n"
                    "log.flush.scheduler.interval.ms=7\nmessage.max.bytes=5000\n"
                    "log.cleanup.policy=compact,delete\ncompression.type=lz4\n"
                    "log.message.timestamp.type=LogAppendTime\nlog.preallocate=true\n"
                    "log.cleaner.min.cleanable.ratio=0.25");
    struct topic_config *t = topic_of(broker, NULL, NULL);
    ck_assert_int_eq(t->segment_ms, 2 * 3600 * 1000);
    ck_assert_int_eq(t->segment_jitter_ms, 3600 * 1000);
    ck_assert_int_eq(t->flush_ms, 7);
    ck_assert_int_eq(t->max_message_bytes, 5000);
    ck_assert(t->cleanup_compact && t->cleanup_delete);
    ck_assert_int_eq(t->compression_type, TOPIC_COMPRESSION_LZ4);
    ck_assert(t->log_append_time && t->preallocate);
    ck_assert_double_eq(t->min_cleanable_dirty_ratio, 0.25);
    topic_config_release(t);
    broker_config_destroy(broker);
}
END_TEST

START_TEST(override_wins_over_the_broker)
{
    struct broker_config *broker = broker_with("log.retention.ms=9");
    struct topic_config *t = topic_of(broker, "retention.ms", "-1");
    ck_assert_int_eq(t->retention_ms, -1);
    topic_config_release(t);
    t = topic_of(broker, "cleanup.policy", "compact");
    ck_assert(t->cleanup_compact && !t->cleanup_delete);
    topic_config_release(t);
    t = topic_of(broker, "cleanup.policy", "");
    ck_assert(!t->cleanup_compact && !t->cleanup_delete);
    topic_config_release(t);
    t = topic_of(broker, "compression.type", "uncompressed");
    ck_assert_int_eq(t->compression_type, TOPIC_COMPRESSION_UNCOMPRESSED);
    topic_config_release(t);
    t = topic_of(broker, "no.such.setting", "1");
    ck_assert_int_eq(t->retention_ms, 9);
    topic_config_release(t);
    broker_config_destroy(broker);
}
END_TEST

START_TEST(config_is_shared_by_counted_references)
{
    struct broker_config *broker = broker_with("");
    struct topic_config *t = topic_of(broker, NULL, NULL);
    ck_assert_ptr_eq(topic_config_acquire(t), t);
    topic_config_release(t);
    ck_assert_int_eq(t->references, 1);
    topic_config_release(t);
    topic_config_release(NULL);
    broker_config_destroy(broker);
}
END_TEST

START_TEST(dev_clamps_min_insync_replicas)
{
    struct broker_config *broker = NULL;
    const struct broker_config_input input = {.profile = PROFILE_DEV, .brokers = 1};
    ck_assert_int_eq(broker_config_create(&input, &broker, NULL), 0);
    struct topic_config *t = topic_of(broker, "min.insync.replicas", "2");
    ck_assert_int_eq(t->min_insync_replicas, 1);
    topic_config_release(t);
    broker_config_destroy(broker);
    broker = broker_with("");
    t = topic_of(broker, "min.insync.replicas", "2");
    ck_assert_int_eq(t->min_insync_replicas, 2);
    topic_config_release(t);
    broker_config_destroy(broker);
}
END_TEST

static void check_validation(const char *pairs[][2], size_t count, const char *reason)
{
    struct broker_config *broker = broker_with("");
    struct setting_override overrides[4];
    for (size_t i = 0; i < count; i++)
        overrides[i] =
            (struct setting_override){str_of(pairs[i][0]), str_of(pairs[i][1])};
    struct err err = {0};
    int rc = topic_config_validate(broker, overrides, count, &err);
    ck_assert_msg(rc == (reason == NULL ? 0 : ERR_INVALID_CONFIG), "%s", err.message);
    if (reason != NULL)
        ck_assert_str_eq(err.message, reason);
    broker_config_destroy(broker);
}

#define CHECK_ONE(name, value, reason) \
    check_validation((const char *[][2]){{name, value}}, 1, reason)
#define CHECK_TWO(n1, v1, n2, v2, reason) \
    check_validation((const char *[][2]){{n1, v1}, {n2, v2}}, 2, reason)

START_TEST(overrides_are_validated_as_kafka_does)
{
    check_validation(NULL, 0, NULL);
    CHECK_ONE("retention.ms", "-1", NULL);
    CHECK_ONE("nope", "1", "Unknown topic config name: nope");
    CHECK_ONE("retention.ms", NULL,
              "Null value not supported for topic configs: retention.ms");
    CHECK_ONE("segment.bytes", "100",
              "Invalid value 100 for configuration segment.bytes: Value must be at "
              "least 1048576");
    CHECK_TWO("segment.bytes", "1", "nope", "1", "Unknown topic config name: nope");
    CHECK_TWO("min.compaction.lag.ms", "10", "max.compaction.lag.ms", "5",
              "conflict topic config setting min.compaction.lag.ms (10) > "
              "max.compaction.lag.ms (5)");
    CHECK_TWO("min.compaction.lag.ms", "5", "max.compaction.lag.ms", "5", NULL);
    CHECK_ONE("remote.storage.enable", "true",
              "Tiered Storage functionality is disabled in the broker. Topic cannot be "
              "configured with remote log storage.");
    CHECK_ONE("remote.storage.enable", "false", NULL);
    CHECK_ONE("remote.log.copy.disable", "true", NULL);
    CHECK_ONE("local.retention.ms", "-3",
              "Invalid value -3 for configuration local.retention.ms: Value must be at "
              "least -2");
}
END_TEST

struct shown {
    struct arena arena;
    struct str value;
    enum setting_source source;
};

static struct shown show(const struct broker_config *broker, const char *name,
                         const char *override)
{
    struct shown s = {.arena = ARENA_INIT};
    struct err err = {0};
    struct setting_override o = {str_of(name), str_of(override)};
    int rc = topic_config_get(broker, &o, override == NULL ? 0 : 1, str_of(name),
                              &s.arena, &s.value, &s.source, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return s;
}

static void check_shown(const struct broker_config *broker, const char *name,
                        const char *override, const char *value,
                        enum setting_source source)
{
    struct shown s = show(broker, name, override);
    ck_assert_msg(str_is(s.value, value), "%s=%.*s", name, STR_ARGS(s.value));
    ck_assert_int_eq(s.source, source);
    arena_reset(&s.arena);
}

START_TEST(value_is_shown_with_its_source)
{
    struct broker_config *broker =
        broker_with("log.retention.hours=2\nlog.segment.bytes=2000000");
    check_shown(broker, "segment.bytes", " +3000000", "3000000", SETTING_SOURCE_TOPIC);
    check_shown(broker, "segment.bytes", NULL, "2000000", SETTING_SOURCE_FILE);
    check_shown(broker, "segment.ms", NULL, "604800000", SETTING_SOURCE_DEFAULT);
    check_shown(broker, "cleanup.policy", " compact , delete", "compact,delete",
                SETTING_SOURCE_TOPIC);
    check_shown(broker, "cleanup.policy", "", "", SETTING_SOURCE_TOPIC);
    check_shown(broker, "remote.storage.enable", NULL, "false", SETTING_SOURCE_DEFAULT);
    /* Kafka looks for log.retention.ms only, when it says where a value is from. */
    check_shown(broker, "retention.ms", NULL, "7200000", SETTING_SOURCE_DEFAULT);
    struct err err = {0};
    ck_assert_int_eq(broker_config_set_dynamic(broker, SETTING_SOURCE_DYNAMIC_BROKER,
                                               STR_LITERAL("log.retention.ms"),
                                               STR_LITERAL("77"), &err),
                     0);
    check_shown(broker, "retention.ms", NULL, "77", SETTING_SOURCE_DYNAMIC_BROKER);
    broker_config_destroy(broker);
}
END_TEST

START_TEST(every_topic_setting_has_a_value_to_show)
{
    struct broker_config *broker = broker_with("");
    for (size_t i = 0; i < topic_settings.count; i++) {
        const struct setting *s = &topic_settings.items[i];
        check_shown(broker, s->name, NULL, s->default_value, SETTING_SOURCE_DEFAULT);
    }
    struct str value;
    enum setting_source source;
    ck_assert_int_eq(topic_config_get(broker, NULL, 0, STR_LITERAL("nope"), NULL,
                                      &value, &source, NULL),
                     ERR_NOT_FOUND);
    broker_config_destroy(broker);
}
END_TEST

START_TEST(synonyms_begin_with_the_topics_own)
{
    struct broker_config *broker = broker_with("log.segment.bytes=2000000");
    struct setting_override o = {STR_LITERAL("segment.bytes"), STR_LITERAL("3000000")};
    struct config_synonym s[CONFIG_SYNONYMS_MAX];
    size_t n = topic_config_synonyms(broker, &o, 1, o.name, s);
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(s[0].name, "segment.bytes");
    ck_assert_int_eq(s[0].source, SETTING_SOURCE_TOPIC);
    ck_assert_str_eq(s[1].name, "log.segment.bytes");
    ck_assert_int_eq(s[1].source, SETTING_SOURCE_FILE);
    ck_assert_int_eq(s[2].source, SETTING_SOURCE_DEFAULT);
    broker_config_destroy(broker);
}
END_TEST

GREGOR_TESTS("topic_config", topic_without_overrides_has_kafkas_defaults,
             milliseconds_win_over_minutes_over_hours, other_chains_reach_the_topic,
             override_wins_over_the_broker, config_is_shared_by_counted_references,
             dev_clamps_min_insync_replicas, overrides_are_validated_as_kafka_does,
             value_is_shown_with_its_source, every_topic_setting_has_a_value_to_show,
             synonyms_begin_with_the_topics_own)
