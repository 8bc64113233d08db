#include "config/setting.h"

#include <stdio.h>

#include "tests/support/check_main.h"

static const struct setting_table *const tables[] = {
    &broker_settings, &topic_settings, &group_settings, &client_metrics_settings};

static const struct setting *find(const struct setting_table *table, const char *name)
{
    const struct setting *setting = setting_find(table, str_of(name));
    ck_assert_msg(setting != NULL, "no setting %s", name);
    return setting;
}

static void check_good(const struct setting_table *table, const char *name,
                       const char *text)
{
    struct err err = {0};
    int rc = setting_parse(find(table, name), str_of(text), NULL, &err);
    ck_assert_msg(rc == 0, "%s=%s: %s", name, text, err.message);
}

static void check_bad(const struct setting_table *table, const char *name,
                      const char *text, const char *sentence)
{
    struct err err = {0};
    int rc = setting_parse(find(table, name), str_of(text), NULL, &err);
    ck_assert_msg(rc == ERR_INVALID_CONFIG, "%s=%s was taken", name, text);
    ck_assert_str_eq(err.message, sentence);
}

START_TEST(tables_are_sorted_and_every_name_is_found)
{
    size_t listed = 0;
    for (size_t t = 0; t < 4; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct setting *setting = &tables[t]->items[i];
            ck_assert_ptr_eq(setting_find(tables[t], str_of(setting->name)), setting);
            listed += t == 0 && !setting->internal;
        }
    }
    ck_assert_uint_eq(listed, 340);
    ck_assert_uint_eq(topic_settings.count, 33);
    ck_assert_uint_eq(group_settings.count, 17);
    ck_assert_uint_eq(client_metrics_settings.count, 3);
}
END_TEST

START_TEST(unknown_and_cut_names_are_not_found)
{
    const char *names[] = {"", "a", "zzz", "log.retention.m", "log.retention.ms2"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_ptr_null(setting_find(&broker_settings, str_of(names[i])));
    struct str cut = {"node.identity", 7};
    ck_assert_ptr_nonnull(setting_find(&broker_settings, cut));
    ck_assert_ptr_null(setting_find(&broker_settings, STR_LITERAL("node.id\0, long")));
    ck_assert_ptr_null(setting_find(&broker_settings, STR_NULL));
}
END_TEST

START_TEST(every_default_passes_its_own_validation)
{
    for (size_t t = 0; t < 4; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct setting *setting = &tables[t]->items[i];
            struct err err = {0};
            int rc = setting->required
                         ? 0
                         : setting_parse(setting, str_of(setting->default_value), NULL,
                                         &err);
            ck_assert_msg(rc == 0, "%s: %s", setting->name, err.message);
        }
    }
}
END_TEST

START_TEST(every_server_default_is_a_broker_setting_of_its_kind)
{
    for (size_t i = 0; i < topic_settings.count; i++) {
        const struct setting *setting = &topic_settings.items[i];
        const char *const *chain = setting->server_defaults;
        for (; chain != NULL && *chain != NULL; chain++) {
            const struct setting *broker = find(&broker_settings, *chain);
            ck_assert_int_eq(setting->type == SETTING_LIST,
                             broker->type == SETTING_LIST);
            ck_assert_int_eq(setting->type == SETTING_BOOLEAN,
                             broker->type == SETTING_BOOLEAN);
        }
    }
}
END_TEST

START_TEST(numbers_are_read_as_java_reads_them)
{
    struct setting_value value;
    const struct setting *bytes = find(&topic_settings, "segment.bytes");
    const char *good[] = {"2000000", "+2000000", " \t2000000\n", "0002000000"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(setting_parse(bytes, str_of(good[i]), &value, NULL), 0);
        ck_assert_int_eq(value.integer, 2000000);
    }
    const struct setting *ms = find(&topic_settings, "retention.bytes");
    ck_assert_int_eq(
        setting_parse(ms, STR_LITERAL("-9223372036854775808"), &value, NULL), 0);
    ck_assert(value.integer == INT64_MIN);
    check_bad(&topic_settings, "retention.bytes", "9223372036854775808",
              "Invalid value 9223372036854775808 for configuration retention.bytes: "
              "Not a number of type LONG");
    check_bad(&topic_settings, "segment.bytes", "x",
              "Invalid value x for configuration segment.bytes: "
              "Not a number of type INT");
    check_bad(&topic_settings, "segment.bytes", "99999999999",
              "Invalid value 99999999999 for configuration segment.bytes: "
              "Not a number of type INT");
    check_bad(&topic_settings, "segment.bytes", "",
              "Invalid value  for configuration segment.bytes: "
              "Not a number of type INT");
    check_bad(&topic_settings, "retention.ms", "1.5",
              "Invalid value 1.5 for configuration retention.ms: "
              "Not a number of type LONG");
    check_bad(&topic_settings, "retention.ms", "-",
              "Invalid value - for configuration retention.ms: "
              "Not a number of type LONG");
    check_bad(&broker_settings, "offsets.topic.replication.factor", "32768",
              "Invalid value 32768 for configuration offsets.topic.replication.factor: "
              "Not a number of type SHORT");
}
END_TEST

START_TEST(doubles_are_read_as_java_reads_them)
{
    const char *good[] = {"0.5", "1", "1e-1", ".5", "0.5f", "5E-1d"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check_good(&topic_settings, "min.cleanable.dirty.ratio", good[i]);
    const char *bad[] = {"",    "x",     "inf", "nan", "0,5",  "0x10",
                         "NaN", "0.5 5", "1e",  "-",   "0.5ff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct setting *s = find(&topic_settings, "min.cleanable.dirty.ratio");
        ck_assert_int_eq(setting_parse(s, str_of(bad[i]), NULL, NULL),
                         ERR_INVALID_CONFIG);
    }
}
END_TEST

START_TEST(booleans_are_true_or_false_in_any_case)
{
    struct setting_value value;
    const struct setting *s = find(&topic_settings, "preallocate");
    ck_assert_int_eq(setting_parse(s, STR_LITERAL(" TRUE "), &value, NULL), 0);
    ck_assert(value.boolean);
    ck_assert_int_eq(setting_parse(s, STR_LITERAL("false"), &value, NULL), 0);
    ck_assert(!value.boolean);
    check_bad(&topic_settings, "preallocate", "yes",
              "Invalid value yes for configuration preallocate: "
              "Expected value to be either true or false");
    check_bad(&topic_settings, "preallocate", "",
              "Invalid value  for configuration preallocate: "
              "Expected value to be either true or false");
}
END_TEST

START_TEST(ranges_hold_at_both_ends)
{
    check_good(&topic_settings, "segment.bytes", "1048576");
    check_bad(&topic_settings, "segment.bytes", "1048575",
              "Invalid value 1048575 for configuration segment.bytes: "
              "Value must be at least 1048576");
    check_good(&topic_settings, "compression.lz4.level", "17");
    check_bad(&topic_settings, "compression.lz4.level", "18",
              "Invalid value 18 for configuration compression.lz4.level: "
              "Value must be no more than 17");
    check_good(&topic_settings, "min.cleanable.dirty.ratio", "1");
    check_bad(&topic_settings, "min.cleanable.dirty.ratio", "1.1",
              "Invalid value 1.1 for configuration min.cleanable.dirty.ratio: "
              "Value must be no more than 1");
    check_bad(&topic_settings, "min.cleanable.dirty.ratio", "-0.1",
              "Invalid value -0.1 for configuration min.cleanable.dirty.ratio: "
              "Value must be at least 0");
    check_bad(&broker_settings, "remote.log.manager.task.retry.jitter", "0.6",
              "Invalid value 0.6 for configuration "
              "remote.log.manager.task.retry.jitter: Value must be no more than 0.5");
    check_bad(&broker_settings, "num.partitions", NULL,
              "Invalid value null for configuration num.partitions: "
              "Value must be non-null");
}
END_TEST

START_TEST(range_with_an_exception_takes_both)
{
    const char *good[] = {"1", "9", "-1"};
    for (size_t i = 0; i < 3; i++)
        check_good(&topic_settings, "compression.gzip.level", good[i]);
    const char *bad[] = {"0", "10", "-2"};
    for (size_t i = 0; i < 3; i++) {
        char sentence[160];
        snprintf(
            sentence, sizeof(sentence),
            "Invalid value %s for configuration compression.gzip.level: Value must "
            "be between 1 and 9 or equal to -1",
            bad[i]);
        check_bad(&topic_settings, "compression.gzip.level", bad[i], sentence);
    }
}
END_TEST

START_TEST(words_must_be_among_those_listed)
{
    check_good(&topic_settings, "compression.type", " zstd ");
    check_bad(&topic_settings, "compression.type", "ZSTD",
              "Invalid value ZSTD for configuration compression.type: String must be "
              "one of: uncompressed, zstd, lz4, snappy, gzip, producer");
    check_good(&broker_settings, "group.consumer.migration.policy", "upGrade");
    check_bad(&broker_settings, "group.consumer.migration.policy", "up",
              "Invalid value up for configuration group.consumer.migration.policy: "
              "String must be one of (case insensitive): DISABLED, DOWNGRADE, UPGRADE, "
              "BIDIRECTIONAL");
}
END_TEST

START_TEST(lists_are_judged_item_by_item)
{
    const char *good[] = {"", "delete", " compact , delete ", "compact,compact"};
    for (size_t i = 0; i < 4; i++)
        check_good(&topic_settings, "cleanup.policy", good[i]);
    check_bad(&topic_settings, "cleanup.policy", "delete,x",
              "Invalid value x for configuration cleanup.policy: String must be one "
              "of: compact, delete");
    check_bad(&topic_settings, "cleanup.policy", "delete,",
              "Configuration 'cleanup.policy' values must not be empty.");
    check_bad(&broker_settings, "log.dirs", "/a,,/b",
              "Configuration 'log.dirs' values must not be empty.");
    check_bad(&broker_settings, "log.dirs", "",
              "Configuration 'log.dirs' must not be empty. Valid values include: any "
              "non-empty value");
    check_bad(&broker_settings, "process.roles", "",
              "Configuration 'process.roles' must not be empty. Valid values include: "
              "[broker, controller]");
}
END_TEST

START_TEST(empty_and_null_strings_are_told_apart)
{
    check_good(&broker_settings, "remote.log.storage.manager.class.name", NULL);
    check_bad(&broker_settings, "remote.log.storage.manager.class.name", "",
              "Invalid value  for configuration remote.log.storage.manager.class.name: "
              "String must be non-empty");
    check_good(&broker_settings, "authorizer.class.name", "");
    check_bad(&broker_settings, "authorizer.class.name", NULL,
              "Invalid value null for configuration authorizer.class.name: entry must "
              "be non null");
}
END_TEST

START_TEST(quorum_addresses_have_their_form)
{
    check_good(&broker_settings, "controller.quorum.voters", "");
    check_good(&broker_settings, "controller.quorum.voters", "1@a:9093, 2@[::1]:9093");
    const char *bad[] = {"x", "1@a", "@a:1", "1@:9", "1@a:x", "1@a b:1", "1@a:65536"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct setting *s = find(&broker_settings, "controller.quorum.voters");
        ck_assert_msg(setting_parse(s, str_of(bad[i]), NULL, NULL) != 0, "%s", bad[i]);
    }
    check_good(&broker_settings, "controller.quorum.bootstrap.servers", "a:1,b:2");
    check_bad(&broker_settings, "controller.quorum.bootstrap.servers", "a",
              "Invalid value a for configuration controller.quorum.bootstrap.servers: "
              "each entry must be of the form {host}:{port}");
}
END_TEST

START_TEST(throttled_replicas_are_a_star_or_pairs)
{
    const char *name = "leader.replication.throttled.replicas";
    const char *good[] = {"", "*", "0:1", "0:1,2:3", "0:1,"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check_good(&topic_settings, name, good[i]);
    const char *bad[] = {"none", "0:1,*", "0", "0:", ":1", "a:1", "0:1:2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(
            setting_parse(find(&topic_settings, name), str_of(bad[i]), NULL, NULL) != 0,
            "%s", bad[i]);
    check_bad(&topic_settings, name, "a",
              "Invalid value a for configuration "
              "leader.replication.throttled.replicas: "
              "it must be the literal '*' or a list "
              "of replicas in the following format: "
              "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
}
END_TEST

START_TEST(offset_reset_takes_a_duration)
{
    const char *name = "share.auto.offset.reset";
    const char *good[] = {"latest",           "earliest",
                          "by_duration:PT1H", "by_duration:P1D",
                          "by_duration:PT0S", "by_duration:P1DT2H3M4.5S",
                          "by_duration:pt1h", "by_duration:PT5M0.25S"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check_good(&group_settings, name, good[i]);
    const char *bad[] = {"LATEST",
                         "none",
                         "by_duration",
                         "by_duration:",
                         "by_duration:x",
                         "by_duration:P",
                         "by_duration:PT",
                         "by_duration:P1DT",
                         "by_duration:1H",
                         "by_duration:-PT1H",
                         "by_duration:PT1S1H"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(
            setting_parse(find(&group_settings, name), str_of(bad[i]), NULL, NULL) != 0,
            "%s", bad[i]);
}
END_TEST

START_TEST(zero_bytes_are_refused_in_every_type)
{
    static const char *const names[] = {"min.cleanable.dirty.ratio", "segment.bytes",
                                        "compression.type", "cleanup.policy"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(setting_parse(find(&topic_settings, names[i]),
                                       STR_LITERAL("0.5\0junk"), NULL, NULL),
                         ERR_INVALID_CONFIG);
    ck_assert_int_eq(setting_parse(find(&broker_settings, "listeners"),
                                   STR_LITERAL("PLAINTEXT://a\0b:1"), NULL, NULL),
                     ERR_INVALID_CONFIG);
}
END_TEST

START_TEST(long_bad_values_are_cut_in_the_sentence)
{
    char text[2000];
    memset(text, 'x', sizeof(text));
    struct err err = {0};
    const struct setting *s = find(&topic_settings, "retention.ms");
    struct str value = {text, sizeof(text)};
    ck_assert_int_eq(setting_parse(s, value, NULL, &err), ERR_INVALID_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "xxx... for configuration retention.ms: "
                                              "Not a number of type LONG"));
}
END_TEST

START_TEST(canonical_form_is_what_kafka_prints)
{
    static const struct {
        const char *name, *text, *canonical;
    } cases[] = {
        {"preallocate", " TRUE", "true"},
        {"segment.bytes", "+02000000 ", "2000000"},
        {"cleanup.policy", " compact , delete ", "compact,delete"},
        {"cleanup.policy", " ", ""},
        {"compression.type", " zstd ", "zstd"},
        {"min.cleanable.dirty.ratio", " 0.25", "0.25"},
        {"min.cleanable.dirty.ratio", "0", "0.0"},
        {"min.cleanable.dirty.ratio", "1", "1.0"},
        {"min.cleanable.dirty.ratio", "5e-1", "0.5"},
        {"min.cleanable.dirty.ratio", "0.30000000000000004", "0.30000000000000004"},
        {"min.cleanable.dirty.ratio", "0.0010", "0.001"},
        {"min.cleanable.dirty.ratio", "0.0001", "1.0E-4"},
        {"min.cleanable.dirty.ratio", "12500000", "1.25E7"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT;
        setting_canonical(find(&topic_settings, cases[i].name), str_of(cases[i].text),
                          &out);
        buf_append(&out, "", 1);
        ck_assert_str_eq((const char *)out.data, cases[i].canonical);
        buf_free(&out);
    }
}
END_TEST

START_TEST(overrides_of_groups_and_client_metrics_are_judged)
{
    struct err err = {0};
    struct setting_override o = {STR_LITERAL("share.session.timeout.ms"),
                                 STR_LITERAL("10")};
    ck_assert_int_eq(setting_check_overrides(&group_settings, "group", &o, 1, &err), 0);
    o.value = STR_LITERAL("0");
    ck_assert_int_eq(setting_check_overrides(&group_settings, "group", &o, 1, &err),
                     ERR_INVALID_CONFIG);
    o.value = STR_NULL;
    setting_check_overrides(&group_settings, "group", &o, 1, &err);
    ck_assert_str_eq(err.message, "Null value not supported for group configs: "
                                  "share.session.timeout.ms");
    o = (struct setting_override){STR_LITERAL("nope"), STR_LITERAL("1")};
    setting_check_overrides(&group_settings, "group", &o, 1, &err);
    ck_assert_str_eq(err.message, "Unknown group config name: nope");
    o = (struct setting_override){STR_LITERAL("interval.ms"), STR_LITERAL("x")};
    ck_assert_int_eq(setting_check_overrides(&client_metrics_settings, "client metrics",
                                             &o, 1, &err),
                     ERR_INVALID_CONFIG);
}
END_TEST

START_TEST(kafka_numbers_of_sources_and_types)
{
    ck_assert_int_eq(setting_source_kafka_id(SETTING_SOURCE_TOPIC), 1);
    ck_assert_int_eq(setting_source_kafka_id(SETTING_SOURCE_DYNAMIC_BROKER), 2);
    ck_assert_int_eq(setting_source_kafka_id(SETTING_SOURCE_DYNAMIC_DEFAULT), 3);
    ck_assert_int_eq(setting_source_kafka_id(SETTING_SOURCE_FILE), 4);
    ck_assert_int_eq(setting_source_kafka_id(SETTING_SOURCE_DEFAULT), 5);
    ck_assert_int_eq(setting_type_kafka_id(SETTING_BOOLEAN), 1);
    ck_assert_int_eq(setting_type_kafka_id(SETTING_LONG), 5);
    ck_assert_int_eq(setting_type_kafka_id(SETTING_PASSWORD), 9);
}
END_TEST

GREGOR_TESTS("setting", tables_are_sorted_and_every_name_is_found,
             unknown_and_cut_names_are_not_found,
             every_default_passes_its_own_validation,
             every_server_default_is_a_broker_setting_of_its_kind,
             numbers_are_read_as_java_reads_them, doubles_are_read_as_java_reads_them,
             booleans_are_true_or_false_in_any_case, ranges_hold_at_both_ends,
             range_with_an_exception_takes_both, words_must_be_among_those_listed,
             lists_are_judged_item_by_item, empty_and_null_strings_are_told_apart,
             quorum_addresses_have_their_form, throttled_replicas_are_a_star_or_pairs,
             offset_reset_takes_a_duration, zero_bytes_are_refused_in_every_type,
             long_bad_values_are_cut_in_the_sentence,
             canonical_form_is_what_kafka_prints,
             overrides_of_groups_and_client_metrics_are_judged,
             kafka_numbers_of_sources_and_types)
