#include "config/broker_config.h"

#include "tests/support/check_main.h"

#define OVERRIDES_MAX 8

/* A broker config made from a file's text and "key=value" options. */
struct setup {
    enum profile profile;
    int brokers;
    const char *file;
    const char *set[OVERRIDES_MAX][2];
};

static int create(const struct setup *setup, struct broker_config **out,
                  struct err *err)
{
    struct setting_override overrides[OVERRIDES_MAX];
    size_t count = 0;
    while (count < OVERRIDES_MAX && setup->set[count][0] != NULL) {
        overrides[count].name = str_of(setup->set[count][0]);
        overrides[count].value = str_of(setup->set[count][1]);
        count++;
    }
    const struct broker_config_input input = {
        .profile = setup->profile,
        .brokers = setup->brokers,
        .file_name = setup->file == NULL ? NULL : "server.properties",
        .file = str_of(setup->file),
        .command_line = overrides,
        .command_line_count = count,
    };
    return broker_config_create(&input, out, err);
}

static struct broker_config *must_create(struct setup setup)
{
    struct broker_config *config = NULL;
    struct err err = {0};
    int rc = create(&setup, &config, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return config;
}

static void check_refused(struct setup setup, const char *reason)
{
    struct broker_config *config = NULL;
    struct err err = {0};
    int rc = create(&setup, &config, &err);
    ck_assert_msg(rc < 0, "taken, without: %s", reason);
    ck_assert_msg(strstr(err.message, reason) != NULL, "%s", err.message);
    ck_assert_ptr_null(config);
}

static void check_value(const struct broker_config *config, const char *name,
                        const char *value, enum setting_source source)
{
    struct str have;
    enum setting_source from;
    ck_assert(broker_config_get(config, str_of(name), &have, &from));
    if (value == NULL)
        ck_assert_ptr_null(have.data);
    else
        ck_assert_msg(str_is(have, value), "%s=%.*s", name, STR_ARGS(have));
    ck_assert_int_eq(from, source);
}

static bool lists(const struct name_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], name) == 0)
            return true;
    }
    return false;
}

START_TEST(nothing_set_gives_a_broker_that_can_start)
{
    struct broker_config *c = must_create((struct setup){.profile = PROFILE_DEV});
    ck_assert_int_eq(c->node_id, 1);
    ck_assert_uint_eq(c->listeners.count, 1);
    ck_assert_str_eq(c->listeners.items[0].host, "127.0.0.1");
    ck_assert_int_eq(c->listeners.items[0].port, 9092);
    ck_assert_ptr_eq(c->inter_broker, &c->listeners.items[0]);
    ck_assert_str_eq(c->log_dirs.items[0], "./gregor-data");
    ck_assert_ptr_null(c->broker_rack);
    ck_assert(c->auto_create_topics_enable && c->delete_topic_enable);
    ck_assert_int_eq(c->socket_request_max_bytes, 104857600);
    ck_assert_int_eq(c->producer_id_expiration_check_interval_ms, 600000);
    ck_assert(c->log_flush_scheduler_interval_ms == INT64_MAX);
    ck_assert_double_eq(c->log_cleaner_io_buffer_load_factor, 0.9);
    ck_assert_uint_eq(c->ignored.count + c->unknown.count, 0);
    broker_config_destroy(c);
}
END_TEST

START_TEST(profiles_differ_only_where_the_design_says)
{
    struct broker_config *dev =
        must_create((struct setup){.profile = PROFILE_DEV, .brokers = 1});
    struct broker_config *kafka = must_create((struct setup){.profile = PROFILE_KAFKA});
    ck_assert_int_eq(dev->group_initial_rebalance_delay_ms, 0);
    ck_assert_int_eq(dev->offsets_topic_num_partitions, 1);
    ck_assert_int_eq(dev->offsets_topic_replication_factor, 1);
    ck_assert_int_eq(dev->transaction_state_log_min_isr, 1);
    ck_assert_int_eq(dev->group_consumer_heartbeat_interval_ms, 1000);
    ck_assert_int_eq(dev->socket_receive_buffer_bytes, -1);
    ck_assert_int_eq(kafka->socket_receive_buffer_bytes, 102400);
    ck_assert_int_eq(kafka->group_initial_rebalance_delay_ms, 3000);
    ck_assert_int_eq(kafka->offsets_topic_num_partitions, 50);
    ck_assert_int_eq(kafka->offsets_topic_replication_factor, 3);
    ck_assert_str_eq(kafka->log_dirs.items[0], "/tmp/kafka-logs");
    ck_assert_str_eq(kafka->listeners.items[0].host, "");
    /* Beyond what every broker needs said, the kafka profile says nothing. */
    for (size_t i = 0; i < broker_settings.count; i++) {
        const struct setting *s = &broker_settings.items[i];
        struct str value;
        enum setting_source source;
        broker_config_get(kafka, str_of(s->name), &value, &source);
        bool needed = s->required || strcmp(s->name, "broker.id") == 0;
        ck_assert_msg(source == SETTING_SOURCE_DEFAULT || needed, "%s", s->name);
    }
    broker_config_destroy(dev);
    broker_config_destroy(kafka);
}
END_TEST

START_TEST(dev_clamps_replication_to_the_brokers_there_are)
{
    struct broker_config *c = must_create((struct setup){
        .brokers = 2,
        .file = "transaction.state.log.replication.factor=3\nmin.insync.replicas=3"});
    ck_assert_int_eq(c->offsets_topic_replication_factor, 2);
    ck_assert_int_eq(c->transaction_state_log_min_isr, 2);
    ck_assert_int_eq(c->transaction_state_log_replication_factor, 2);
    ck_assert_int_eq(c->min_insync_replicas, 2);
    check_value(c, "offsets.topic.replication.factor", "2", SETTING_SOURCE_PROFILE);
    check_value(c, "min.insync.replicas", "3", SETTING_SOURCE_FILE);
    broker_config_destroy(c);
    c = must_create((struct setup){.brokers = 3});
    check_value(c, "offsets.topic.replication.factor", "3", SETTING_SOURCE_DEFAULT);
    broker_config_destroy(c);
}
END_TEST

START_TEST(stronger_layers_win)
{
    const char *name = "group.initial.rebalance.delay.ms";
    struct setup setup = {.profile = PROFILE_KAFKA};
    struct broker_config *c = must_create(setup);
    check_value(c, name, "3000", SETTING_SOURCE_DEFAULT);
    broker_config_destroy(c);

    setup.profile = PROFILE_DEV;
    c = must_create(setup);
    check_value(c, name, "0", SETTING_SOURCE_PROFILE);
    broker_config_destroy(c);

    setup.file = "group.initial.rebalance.delay.ms=5";
    c = must_create(setup);
    check_value(c, name, "5", SETTING_SOURCE_FILE);
    ck_assert_int_eq(c->group_initial_rebalance_delay_ms, 5);
    broker_config_destroy(c);

    setup.set[0][0] = setup.set[1][0] = name;
    setup.set[0][1] = "6";
    setup.set[1][1] = " 7 ";
    c = must_create(setup);
    check_value(c, name, "7", SETTING_SOURCE_COMMAND_LINE);
    ck_assert_int_eq(c->group_initial_rebalance_delay_ms, 7);
    broker_config_destroy(c);
}
END_TEST

START_TEST(every_setting_of_kafka_has_a_value_to_report)
{
    struct broker_config *c = must_create((struct setup){.profile = PROFILE_KAFKA});
    for (size_t i = 0; i < broker_settings.count; i++) {
        const struct setting *s = &broker_settings.items[i];
        struct str value;
        enum setting_source source;
        ck_assert(broker_config_get(c, str_of(s->name), &value, &source));
        ck_assert_msg(value.data != NULL || s->default_value == NULL, "%s", s->name);
    }
    struct str value;
    enum setting_source source;
    ck_assert(!broker_config_get(c, STR_LITERAL("nope"), &value, &source));
    check_value(c, "log.retention.ms", NULL, SETTING_SOURCE_DEFAULT);
    check_value(c, "sasl.enabled.mechanisms", "GSSAPI", SETTING_SOURCE_DEFAULT);
    broker_config_destroy(c);
}
END_TEST

static const char combined_mode[] =
    "# A node that is broker and controller at once\n"
    "process.roles=broker,controller\n"
    "node.id=4\n"
    "controller.quorum.voters=4@localhost:9093\n"
    "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
    "inter.broker.listener.name=PLAINTEXT\n"
    "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
    "controller.listener.names=CONTROLLER\n"
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n"
    "num.network.threads=3\n"
    "num.io.threads=8\n"
    "socket.send.buffer.bytes=102400\n"
    "log.dirs=/tmp/kraft-combined-logs\n"
    "offsets.topic.replication.factor=1\n"
    "log.cleaner.min.cleanable.ratio=0.5\n"
    "log.retention.hours=168\n"
    "listener.name.plaintext.ssl.keystore.type=PEM\n"
    "confluent.something=1\n";

START_TEST(file_of_a_combined_node_is_accepted)
{
    struct broker_config *c =
        must_create((struct setup){.profile = PROFILE_KAFKA, .file = combined_mode});
    ck_assert_int_eq(c->node_id, 4);
    ck_assert_uint_eq(c->listeners.count, 1);
    ck_assert_str_eq(c->listeners.items[0].name, "PLAINTEXT");
    ck_assert_uint_eq(c->advertised.count, 1);
    ck_assert_str_eq(c->advertised.items[0].host, "localhost");
    ck_assert_str_eq(c->log_dirs.items[0], "/tmp/kraft-combined-logs");
    broker_config_destroy(c);
}
END_TEST

START_TEST(keys_without_effect_and_unknown_ones_are_listed_once)
{
    struct broker_config *c = must_create(
        (struct setup){.file = combined_mode,
                       .set = {{"num.io.threads", "9"}, {"confluent.something", "2"}}});
    ck_assert(lists(&c->ignored, "num.network.threads"));
    ck_assert(lists(&c->ignored, "num.io.threads"));
    ck_assert(lists(&c->ignored, "controller.quorum.voters"));
    ck_assert(lists(&c->ignored, "listener.name.plaintext.ssl.keystore.type"));
    ck_assert(!lists(&c->ignored, "process.roles"));
    ck_assert(!lists(&c->ignored, "log.cleaner.min.cleanable.ratio"));
    ck_assert(!lists(&c->ignored, "log.retention.hours"));
    ck_assert(!lists(&c->ignored, "socket.send.buffer.bytes"));
    size_t io = 0;
    for (size_t i = 0; i < c->ignored.count; i++)
        io += strcmp(c->ignored.items[i], "num.io.threads") == 0;
    ck_assert_uint_eq(io, 1);
    ck_assert_uint_eq(c->unknown.count, 1);
    ck_assert_str_eq(c->unknown.items[0], "confluent.something");
    broker_config_destroy(c);
}
END_TEST

START_TEST(one_role_alone_has_no_effect)
{
    struct broker_config *c =
        must_create((struct setup){.file = "process.roles=broker"});
    ck_assert(lists(&c->ignored, "process.roles"));
    broker_config_destroy(c);
}
END_TEST

START_TEST(bad_value_names_file_line_key_value_and_what_is_allowed)
{
    check_refused((struct setup){.file = "\nnum.partitions=0\n"},
                  "server.properties line 2: Invalid value 0 for configuration "
                  "num.partitions: Value must be at least 1");
    check_refused((struct setup){.file = "a=\\u1"}, "server.properties: line 1: ");
    check_refused((struct setup){.set = {{"num.io.threads", "x"}}},
                  "Invalid value x for configuration num.io.threads: Not a number");
}
END_TEST

START_TEST(values_that_contradict_each_other_are_refused)
{
    check_refused((struct setup){.file = "node.id=1\nbroker.id=2"}, "broker.id");
    check_refused((struct setup){.file = "log.retention.hours=0"}, "log.retention.ms");
    check_refused((struct setup){.file = "log.roll.ms=0"}, "log.roll.ms");
    check_refused((struct setup){.file = "log.cleaner.dedupe.buffer.size=2097152\n"
                                         "log.cleaner.threads=2"},
                  "log.cleaner.dedupe.buffer.size: it must be more than 1 MiB");
    check_refused((struct setup){.file = "log.roll.jitter.ms=-1"}, "log.roll.jitter");
    check_refused((struct setup){.file = "max.connections.per.ip=0"},
                  "max.connections.per.ip.overrides");
    check_refused((struct setup){.file = "inter.broker.listener.name=X"},
                  "inter.broker.listener.name");
    check_refused((struct setup){.file = "offsets.topic.compression.codec=9"}, "codec");
    check_refused((struct setup){.file = "listeners=SSL://:1"}, "PLAINTEXT");
    check_refused((struct setup){.file = "log.cleaner.min.compaction.lag.ms=10\n"
                                         "log.cleaner.max.compaction.lag.ms=9"},
                  "min.compaction.lag.ms (10)");
}
END_TEST

START_TEST(node_id_and_broker_id_are_one)
{
    struct broker_config *c = must_create((struct setup){.file = "broker.id=7"});
    ck_assert_int_eq(c->node_id, 7);
    check_value(c, "node.id", "7", SETTING_SOURCE_FILE);
    broker_config_destroy(c);
    c = must_create((struct setup){.file = "node.id=8", .set = {{"node.id", "9"}}});
    check_value(c, "broker.id", "9", SETTING_SOURCE_COMMAND_LINE);
    broker_config_destroy(c);
    check_refused((struct setup){.file = "broker.id=-3"}, "node.id");
}
END_TEST

START_TEST(log_dirs_wins_over_log_dir_and_drops_doubles)
{
    struct broker_config *c = must_create((struct setup){.file = "log.dir=/x"});
    ck_assert_str_eq(c->log_dirs.items[0], "/x");
    broker_config_destroy(c);
    c = must_create((struct setup){.file = "log.dir=/x\nlog.dirs=/a, /b ,/a"});
    ck_assert_uint_eq(c->log_dirs.count, 2);
    ck_assert_str_eq(c->log_dirs.items[0], "/a");
    ck_assert_str_eq(c->log_dirs.items[1], "/b");
    broker_config_destroy(c);
}
END_TEST

START_TEST(connection_limits_are_parsed)
{
    struct broker_config *c = must_create((struct setup){
        .file = "max.connections.per.ip=0\n"
                "max.connections.per.ip.overrides=127.0.0.1:5, ::1:6\n"});
    ck_assert_uint_eq(c->max_connections_per_ip_override_count, 2);
    ck_assert_str_eq(c->max_connections_per_ip_overrides[1].host, "::1");
    ck_assert_int_eq(c->max_connections_per_ip_overrides[1].max_connections, 6);
    broker_config_destroy(c);
    const char *bad[] = {"a", "a:", ":5", "a:x", "a:-1", "a:99999999999", "a:5,"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_refused(
            (struct setup){.set = {{"max.connections.per.ip.overrides", bad[i]}}},
            "host:limit");
}
END_TEST

static int set_dynamic(struct broker_config *c, enum setting_source source,
                       const char *name, const char *value, struct err *err)
{
    return broker_config_set_dynamic(c, source, str_of(name), str_of(value), err);
}

START_TEST(dynamic_values_win_and_can_be_taken_away)
{
    struct err err = {0};
    const char *name = "max.connections";
    struct broker_config *c = must_create((struct setup){.file = "max.connections=10"});
    ck_assert_int_eq(set_dynamic(c, SETTING_SOURCE_DYNAMIC_DEFAULT, name, "20", &err),
                     0);
    ck_assert_int_eq(c->max_connections, 20);
    ck_assert_int_eq(set_dynamic(c, SETTING_SOURCE_DYNAMIC_BROKER, name, "30", &err),
                     0);
    ck_assert_int_eq(set_dynamic(c, SETTING_SOURCE_DYNAMIC_DEFAULT, name, "25", &err),
                     0);
    ck_assert_int_eq(c->max_connections, 30);
    check_value(c, name, "30", SETTING_SOURCE_DYNAMIC_BROKER);
    ck_assert_int_eq(set_dynamic(c, SETTING_SOURCE_DYNAMIC_BROKER, name, NULL, &err),
                     0);
    ck_assert_int_eq(c->max_connections, 25);
    ck_assert_int_eq(set_dynamic(c, SETTING_SOURCE_DYNAMIC_DEFAULT, name, NULL, &err),
                     0);
    ck_assert_int_eq(set_dynamic(c, SETTING_SOURCE_DYNAMIC_DEFAULT, name, NULL, &err),
                     0);
    ck_assert_int_eq(c->max_connections, 10);
    broker_config_destroy(c);
}
END_TEST

START_TEST(refused_dynamic_value_changes_nothing)
{
    struct err err = {0};
    struct broker_config *c = must_create((struct setup){.profile = PROFILE_DEV});
    const char *overrides = "max.connections.per.ip.overrides";
    enum setting_source source = SETTING_SOURCE_DYNAMIC_BROKER;
    ck_assert_int_eq(set_dynamic(c, source, overrides, "a:1", &err), 0);
    ck_assert_int_eq(set_dynamic(c, source, "max.connections.per.ip", "0", &err), 0);
    ck_assert_int_ne(set_dynamic(c, source, overrides, "a:x", &err), 0);
    ck_assert_int_ne(set_dynamic(c, source, overrides, NULL, &err), 0);
    ck_assert_uint_eq(c->max_connections_per_ip_override_count, 1);
    ck_assert_str_eq(c->max_connections_per_ip_overrides[0].host, "a");
    check_value(c, overrides, "a:1", source);
    ck_assert_int_ne(set_dynamic(c, source, "log.retention.ms", "0", &err), 0);
    check_value(c, "log.retention.ms", NULL, SETTING_SOURCE_DEFAULT);
    ck_assert_int_ne(set_dynamic(c, source, "node.id", "5", &err), 0);
    ck_assert_int_eq(c->node_id, 1);
    broker_config_destroy(c);
}
END_TEST

static void check_dynamic(const char *name, const char *value, bool per_broker,
                          const char *reason)
{
    struct err err = {0};
    struct setting_override o = {str_of(name), str_of(value)};
    int rc = broker_config_check_dynamic(&o, 1, per_broker, &err);
    ck_assert_int_eq(rc, reason == NULL ? 0 : ERR_INVALID_CONFIG);
    if (reason != NULL)
        ck_assert_str_eq(err.message, reason);
}

START_TEST(only_kafkas_dynamic_settings_may_change_at_runtime)
{
    check_dynamic("log.retention.ms", "1", true, NULL);
    check_dynamic("log.retention.ms", "1", false, NULL);
    check_dynamic("nope", "1", true, NULL);
    check_dynamic("node.id", NULL, true, NULL);
    check_dynamic("node.id", "2", true,
                  "Cannot update these configs dynamically: [node.id]");
    check_dynamic("log.retention.hours", "2", true,
                  "Cannot update these configs dynamically: [log.retention.hours]");
    check_dynamic("log.retention.ms", "x", true,
                  "Invalid value x for configuration log.retention.ms: Not a number of "
                  "type LONG");
    check_dynamic("listeners", "PLAINTEXT://:1", true, NULL);
    check_dynamic(
        "listeners", "PLAINTEXT://:1", false,
        "Cannot update these configs at default cluster level, broker id must "
        "be specified: [listeners]");
    check_dynamic("ssl.keystore.type", "PEM", true,
                  "These security configs can be dynamically updated only per-listener "
                  "using the listener prefix: [ssl.keystore.type]");
    check_dynamic("listener.name.x.ssl.keystore.type", "PEM", true, NULL);
    check_dynamic(
        "listener.name.x.ssl.keystore.type", "PEM", false,
        "Cannot update these configs at default cluster level, broker id must "
        "be specified: [listener.name.x.ssl.keystore.type]");
    check_dynamic("listener.name.x.max.connections", "5", false, NULL);
    check_dynamic("listener.name.x.nope", "5", true, NULL);
    check_dynamic(
        "listener.name.x.nope", "5", false,
        "Cannot update these configs at default cluster level, broker id must "
        "be specified: [listener.name.x.nope]");
}
END_TEST

START_TEST(dynamic_allow_list_is_kafkas)
{
    size_t dynamic = 0;
    size_t per_broker = 0;
    for (size_t i = 0; i < broker_settings.count; i++) {
        enum setting_update update = broker_settings.items[i].update;
        dynamic += update != SETTING_READ_ONLY;
        per_broker += update == SETTING_PER_BROKER || update == SETTING_PER_LISTENER;
    }
    /* Counted in Kafka 4.3.0: DynamicBrokerConfig.ALL_DYNAMIC_CONFIGS and
     * PER_BROKER_CONFIGS. */
    ck_assert_uint_eq(dynamic, 102);
    ck_assert_uint_eq(per_broker, 37);
}
END_TEST

START_TEST(synonyms_come_in_kafkas_order)
{
    struct err err = {0};
    struct config_synonym s[CONFIG_SYNONYMS_MAX];
    struct broker_config *c = must_create(
        (struct setup){.file = "log.retention.ms=1000\nlog.retention.hours=2"});
    set_dynamic(c, SETTING_SOURCE_DYNAMIC_DEFAULT, "log.retention.ms", "2000", &err);
    size_t n = broker_config_synonyms(c, STR_LITERAL("log.retention.ms"), s);
    ck_assert_uint_eq(n, 4);
    ck_assert_int_eq(s[0].source, SETTING_SOURCE_DYNAMIC_DEFAULT);
    ck_assert(str_is(s[0].value, "2000"));
    ck_assert_str_eq(s[1].name, "log.retention.ms");
    ck_assert_int_eq(s[1].source, SETTING_SOURCE_FILE);
    ck_assert_str_eq(s[2].name, "log.retention.hours");
    ck_assert_str_eq(s[3].name, "log.retention.hours");
    ck_assert_int_eq(s[3].source, SETTING_SOURCE_DEFAULT);
    ck_assert(str_is(s[3].value, "168"));

    n = broker_config_synonyms(c, STR_LITERAL("num.partitions"), s);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(s[0].source, SETTING_SOURCE_DEFAULT);
    ck_assert_uint_eq(broker_config_synonyms(c, STR_LITERAL("log.roll.ms"), s), 0);
    ck_assert_uint_eq(broker_config_synonyms(c, STR_LITERAL("nope"), s), 0);
    broker_config_destroy(c);
}
END_TEST

START_TEST(printed_config_shows_sources_and_can_be_read_back)
{
    struct broker_config *c = must_create((struct setup){
        .file = "num.partitions=3\nssl.key.password=secret\nnum.io.threads=9\n"
                "metadata.log.dir=/a\\\\b\\nc",
        .set = {{"broker.rack", "r1"}}});
    struct buf out = BUF_INIT;
    broker_config_print(c, &out);
    buf_append(&out, "", 1);
    const char *text = (const char *)out.data;
    ck_assert_ptr_nonnull(strstr(text, "# From the command line\nbroker.rack=r1\n"));
    ck_assert_ptr_nonnull(strstr(text, "num.partitions=3\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "# Kafka's default: 3000\ngroup.initial.rebalance.delay.ms=0\n"));
    ck_assert_ptr_nonnull(strstr(text, "# without effect here\nnum.io.threads=9\n"));
    ck_assert_ptr_nonnull(strstr(text, "fetch.max.bytes=57671680\n"));
    ck_assert_ptr_null(strstr(text, "secret"));
    struct broker_config *again = must_create((struct setup){.file = text});
    ck_assert_int_eq(again->num_partitions, 3);
    ck_assert_str_eq(again->metadata_log_dir, "/a\\b\nc");
    ck_assert_uint_eq(again->unknown.count, 0);
    broker_config_destroy(again);
    buf_free(&out);
    broker_config_destroy(c);
}
END_TEST

GREGOR_TESTS(
    "broker_config", nothing_set_gives_a_broker_that_can_start,
    profiles_differ_only_where_the_design_says,
    dev_clamps_replication_to_the_brokers_there_are, stronger_layers_win,
    every_setting_of_kafka_has_a_value_to_report, file_of_a_combined_node_is_accepted,
    keys_without_effect_and_unknown_ones_are_listed_once, one_role_alone_has_no_effect,
    bad_value_names_file_line_key_value_and_what_is_allowed,
    values_that_contradict_each_other_are_refused, node_id_and_broker_id_are_one,
    log_dirs_wins_over_log_dir_and_drops_doubles, connection_limits_are_parsed,
    dynamic_values_win_and_can_be_taken_away, refused_dynamic_value_changes_nothing,
    only_kafkas_dynamic_settings_may_change_at_runtime, dynamic_allow_list_is_kafkas,
    synonyms_come_in_kafkas_order, printed_config_shows_sources_and_can_be_read_back)
