/* tests/unit/replication/test_controller_configs.c: both ways of altering configs. */
#include "replication/controller.h"

#include "tests/support/check_main.h"
#include "tests/unit/replication/controller_fixture.h"

typedef struct incremental_alter_configs_request_alter_configs_resource resource;
typedef struct incremental_alter_configs_request_alterable_config change;
typedef struct alter_configs_request_alter_configs_resource whole_resource;
typedef struct alter_configs_request_alterable_config whole_config;

enum { SET = 0, DELETE = 1, APPEND = 2, SUBTRACT = 3 };

static const struct fixture_options one_broker = {.profile = PROFILE_KAFKA,
                                                  .brokers = 1};

static void open_with_topic(struct controller_fixture *f)
{
    controller_fixture_open(f, &one_broker);
    controller_fixture_topic(f, "t", 1, 1);
}

static change change_of(const char *name, int8_t operation, const char *value)
{
    return (change){
        .name = str_of(name), .config_operation = operation, .value = str_of(value)};
}

static struct incremental_alter_configs_response alter(struct controller_fixture *f,
                                                       resource *resources, int count,
                                                       bool validate_only)
{
    struct incremental_alter_configs_request request =
        INCREMENTAL_ALTER_CONFIGS_REQUEST_INIT;
    request.resources = resources;
    request.resources_count = count;
    request.validate_only = validate_only;
    struct incremental_alter_configs_response response =
        INCREMENTAL_ALTER_CONFIGS_RESPONSE_INIT;
    controller_incremental_alter_configs(f->controller, controller_fixture_request(f),
                                         &request, &response);
    controller_fixture_run(f);
    ck_assert_int_eq(f->rc, 0);
    ck_assert_int_eq(response.responses_count, count);
    return response;
}

static void alter_many(struct controller_fixture *f, int8_t type, const char *name,
                       change *changes, int count, enum kafka_error code,
                       const char *message)
{
    int appends = f->log.appends;
    resource one = {.resource_type = type,
                    .resource_name = str_of(name),
                    .configs = changes,
                    .configs_count = count};
    struct incremental_alter_configs_response response = alter(f, &one, 1, false);
    ck_assert_msg(response.responses[0].error_code == code, "error %d: %.*s",
                  response.responses[0].error_code,
                  STR_ARGS(response.responses[0].error_message));
    ck_assert_int_eq(response.responses[0].resource_type, type);
    CHECK_TEXT(response.responses[0].resource_name, name);
    if (message != NULL)
        CHECK_TEXT(response.responses[0].error_message, message);
    if (code != KAFKA_NONE)
        ck_assert_int_eq(f->log.appends, appends);
}

static void alter_one(struct controller_fixture *f, int8_t type, const char *name,
                      change one, enum kafka_error code, const char *message)
{
    alter_many(f, type, name, &one, 1, code, message);
}

static void alter_topic(struct controller_fixture *f, change one, enum kafka_error code,
                        const char *message)
{
    alter_one(f, CONFIG_RESOURCE_TOPIC, "t", one, code, message);
}

static struct str topic_value(struct controller_fixture *f, const char *key)
{
    return metadata_image_config(f->image, CONFIG_RESOURCE_TOPIC, str_of("t"), key);
}

START_TEST(an_override_is_set_published_and_deleted)
{
    struct controller_fixture f;
    open_with_topic(&f);
    alter_topic(&f, change_of("retention.ms", SET, "5"), KAFKA_NONE, NULL);
    CHECK_TEXT(topic_value(&f, "retention.ms"), "5");
    ck_assert_int_eq(f.node.configs, 1);
    alter_topic(&f, change_of("retention.ms", DELETE, NULL), KAFKA_NONE, NULL);
    ck_assert_ptr_null(topic_value(&f, "retention.ms").data);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(what_a_topic_has_already_is_not_written_again)
{
    struct controller_fixture f;
    open_with_topic(&f);
    alter_topic(&f, change_of("retention.ms", SET, "5"), KAFKA_NONE, NULL);
    int appends = f.log.appends;
    alter_topic(&f, change_of("retention.ms", SET, "5"), KAFKA_NONE, NULL);
    alter_topic(&f, change_of("segment.ms", DELETE, NULL), KAFKA_NONE, NULL);
    ck_assert_int_eq(f.log.appends, appends);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(lists_grow_and_shrink_from_their_default)
{
    struct controller_fixture f;
    open_with_topic(&f);
    alter_topic(&f, change_of("cleanup.policy", APPEND, "compact"), KAFKA_NONE, NULL);
    CHECK_TEXT(topic_value(&f, "cleanup.policy"), "delete,compact");
    alter_topic(&f, change_of("cleanup.policy", APPEND, "compact,delete"), KAFKA_NONE,
                NULL);
    CHECK_TEXT(topic_value(&f, "cleanup.policy"), "delete,compact");
    alter_topic(&f, change_of("cleanup.policy", SUBTRACT, "delete"), KAFKA_NONE, NULL);
    CHECK_TEXT(topic_value(&f, "cleanup.policy"), "compact");
    alter_topic(&f, change_of("retention.ms", APPEND, "5"), KAFKA_INVALID_CONFIG,
                "Can't APPEND to key retention.ms because its type is not LIST.");
    alter_topic(&f, change_of("retention.ms", SUBTRACT, "5"), KAFKA_INVALID_CONFIG,
                "Can't SUBTRACT to key retention.ms because its type is not LIST.");
    controller_fixture_close(&f);
}
END_TEST

START_TEST(one_bad_change_refuses_all_of_its_resource)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change changes[] = {change_of("retention.ms", SET, "5"),
                        change_of("segment.ms", SET, "soon")};
    alter_many(
        &f, CONFIG_RESOURCE_TOPIC, "t", changes, 2, KAFKA_INVALID_CONFIG,
        "Invalid value soon for configuration segment.ms: Not a number of type LONG");
    ck_assert_ptr_null(topic_value(&f, "retention.ms").data);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_form_of_a_change_is_judged)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change twice[] = {change_of("retention.ms", SET, "5"),
                      change_of("retention.ms", DELETE, NULL)};
    alter_many(&f, CONFIG_RESOURCE_TOPIC, "t", twice, 2, KAFKA_INVALID_REQUEST,
               "Error due to duplicate config keys");
    change nulls[] = {change_of("retention.ms", SET, NULL),
                      change_of("cleanup.policy", APPEND, NULL)};
    alter_many(&f, CONFIG_RESOURCE_TOPIC, "t", nulls, 2, KAFKA_INVALID_REQUEST,
               "Null value not supported for : retention.ms, cleanup.policy");
    alter_topic(&f, change_of("retention.ms", 9, "5"), KAFKA_INVALID_REQUEST,
                "Unknown operations type 9");
    alter_one(&f, 77, "t", change_of("a", SET, "b"), KAFKA_INVALID_REQUEST,
              "Unknown resource type 77");
    alter_one(&f, CONFIG_RESOURCE_BROKER_LOGGER, "1", change_of("root", SET, "INFO"),
              KAFKA_INVALID_REQUEST, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_resource_twice_is_refused_and_the_others_are_altered)
{
    struct controller_fixture f;
    open_with_topic(&f);
    controller_fixture_topic(&f, "u", 1, 1);
    change one = change_of("retention.ms", SET, "5");
    resource resources[] = {
        {CONFIG_RESOURCE_TOPIC, str_of("t"), &one, 1},
        {CONFIG_RESOURCE_TOPIC, str_of("u"), &one, 1},
        {CONFIG_RESOURCE_TOPIC, str_of("t"), &one, 1},
    };
    struct incremental_alter_configs_response response = alter(&f, resources, 3, false);
    CHECK_TEXT(response.responses[0].error_message,
               "Each resource must appear at most once.");
    ck_assert_int_eq(response.responses[0].error_code, KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(response.responses[1].error_code, KAFKA_NONE);
    ck_assert_int_eq(response.responses[2].error_code, KAFKA_INVALID_REQUEST);
    ck_assert_ptr_null(topic_value(&f, "retention.ms").data);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(topics_that_are_none_cannot_be_altered)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change one = change_of("retention.ms", SET, "5");
    alter_one(&f, CONFIG_RESOURCE_TOPIC, "x", one, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
              "The topic 'x' does not exist.");
    alter_one(&f, CONFIG_RESOURCE_TOPIC, "", one, KAFKA_INVALID_REQUEST,
              "Default topic resources are not allowed.");
    alter_one(&f, CONFIG_RESOURCE_TOPIC, "a/b", one, KAFKA_INVALID_TOPIC_EXCEPTION,
              NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(validate_only_judges_and_writes_nothing)
{
    struct controller_fixture f;
    open_with_topic(&f);
    int appends = f.log.appends;
    change good = change_of("retention.ms", SET, "5");
    change bad = change_of("retention.ms", SET, "soon");
    resource one = {CONFIG_RESOURCE_TOPIC, str_of("t"), &good, 1};
    ck_assert_int_eq(alter(&f, &one, 1, true).responses[0].error_code, KAFKA_NONE);
    one.configs = &bad;
    ck_assert_int_eq(alter(&f, &one, 1, true).responses[0].error_code,
                     KAFKA_INVALID_CONFIG);
    ck_assert_int_eq(f.log.appends, appends);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(brokers_take_what_is_dynamic_at_their_level)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change threads = change_of("log.cleaner.threads", SET, "2");
    alter_one(&f, CONFIG_RESOURCE_BROKER, "", threads, KAFKA_NONE, NULL);
    alter_one(&f, CONFIG_RESOURCE_BROKER, "1", threads, KAFKA_NONE, NULL);
    CHECK_TEXT(metadata_image_config(f.image, CONFIG_RESOURCE_BROKER, str_of("1"),
                                     "log.cleaner.threads"),
               "2");
    alter_one(&f, CONFIG_RESOURCE_BROKER, "2", threads, KAFKA_INVALID_REQUEST,
              "Unexpected broker id, expected 1, but received 2");
    alter_one(&f, CONFIG_RESOURCE_BROKER, "one", threads, KAFKA_INVALID_REQUEST,
              "Node id must be an integer, but it is: one");
    alter_one(&f, CONFIG_RESOURCE_BROKER, "1", change_of("log.dirs", SET, "/x"),
              KAFKA_INVALID_REQUEST, NULL);
    alter_one(&f, CONFIG_RESOURCE_BROKER, "1",
              change_of("log.cleaner.threads", SET, "x"), KAFKA_INVALID_REQUEST, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(brokers_values_are_written_even_if_they_are_the_same)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change threads = change_of("log.cleaner.threads", SET, "2");
    alter_one(&f, CONFIG_RESOURCE_BROKER, "1", threads, KAFKA_NONE, NULL);
    int appends = f.log.appends;
    alter_one(&f, CONFIG_RESOURCE_BROKER, "1", threads, KAFKA_NONE, NULL);
    ck_assert_int_eq(f.log.appends, appends + 1);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_cluster_keeps_one_min_isr_while_eligible_leaders_are_on)
{
    struct controller_fixture f;
    open_with_topic(&f);
    alter_one(
        &f, CONFIG_RESOURCE_BROKER, "1", change_of("min.insync.replicas", SET, "1"),
        KAFKA_INVALID_CONFIG,
        "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    alter_one(
        &f, CONFIG_RESOURCE_BROKER, "", change_of("min.insync.replicas", DELETE, NULL),
        KAFKA_INVALID_CONFIG,
        "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    alter_one(&f, CONFIG_RESOURCE_BROKER, "",
              change_of("min.insync.replicas", SET, "2"), KAFKA_NONE, NULL);
    ck_assert_int_eq(fake_log_count(&f.log, &clear_elr_record_type), 1);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(groups_take_their_own_settings)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change timeout = change_of("consumer.session.timeout.ms", SET, "50000");
    alter_one(&f, CONFIG_RESOURCE_GROUP, "g", timeout, KAFKA_NONE, NULL);
    alter_one(&f, CONFIG_RESOURCE_GROUP, "", timeout, KAFKA_INVALID_REQUEST,
              "Default group resources are not allowed.");
    alter_one(&f, CONFIG_RESOURCE_GROUP, "g", change_of("no.such", SET, "1"),
              KAFKA_INVALID_CONFIG, NULL);
    change beyond = change_of("consumer.session.timeout.ms", SET, "2147483647");
    alter_one(&f, CONFIG_RESOURCE_GROUP, "g", beyond, KAFKA_INVALID_CONFIG, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(client_metrics_take_their_own_settings)
{
    struct controller_fixture f;
    open_with_topic(&f);
    int8_t type = CONFIG_RESOURCE_CLIENT_METRICS;
    alter_one(&f, type, "m", change_of("interval.ms", SET, "1000"), KAFKA_NONE, NULL);
    alter_one(&f, type, "m",
              change_of("match", SET, "client_id=a.*,client_source_port=9"), KAFKA_NONE,
              NULL);
    alter_one(&f, type, "", change_of("interval.ms", SET, "1000"),
              KAFKA_INVALID_REQUEST, "Subscription name can't be empty");
    alter_one(
        &f, type, "m", change_of("interval.ms", SET, "99"), KAFKA_INVALID_REQUEST,
        "Invalid value 99 for interval.ms, interval must be between 100 and 3600000 "
        "(1 hour)");
    alter_one(&f, type, "m", change_of("no.such", SET, "1"), KAFKA_INVALID_REQUEST,
              "Unknown client metrics configuration: no.such");
    alter_one(&f, type, "m", change_of("match", SET, "colour=red"),
              KAFKA_INVALID_CONFIG, "Illegal client matching pattern: colour=red");
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_value_longer_than_a_record_can_hold_is_refused)
{
    struct controller_fixture f;
    open_with_topic(&f);
    size_t size = INT16_MAX + 2;
    char *value = malloc(size);
    memset(value, '1', size - 1);
    value[size - 1] = '\0';
    alter_topic(
        &f, change_of("leader.replication.throttled.replicas", SET, value),
        KAFKA_INVALID_CONFIG,
        "The configuration value cannot be added because it exceeds the maximum "
        "value size of 32767 bytes.");
    free(value);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(more_than_one_change_can_hold_is_refused)
{
    struct controller_fixture f;
    open_with_topic(&f);
    change *changes = calloc(10001, sizeof(*changes));
    for (int i = 0; i < 10001; i++)
        changes[i] = change_of("retention.ms", SET, "5");
    alter_many(&f, CONFIG_RESOURCE_TOPIC, "t", changes, 10001, KAFKA_POLICY_VIOLATION,
               "Unable to perform excessively large batch operation.");
    free(changes);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_log_that_refuses_is_told_for_every_change)
{
    struct controller_fixture f;
    open_with_topic(&f);
    f.log.refuse_sync = true;
    alter_many(&f, CONFIG_RESOURCE_TOPIC, "t",
               &(change){.name = str_of("retention.ms"), .value = str_of("soon")}, 1,
               KAFKA_INVALID_CONFIG, NULL);
    change one = change_of("retention.ms", SET, "5");
    resource topic = {CONFIG_RESOURCE_TOPIC, str_of("t"), &one, 1};
    ck_assert_int_eq(alter(&f, &topic, 1, false).responses[0].error_code,
                     KAFKA_UNKNOWN_SERVER_ERROR);
    ck_assert_ptr_null(topic_value(&f, "retention.ms").data);
    controller_fixture_close(&f);
}
END_TEST

/* ---- AlterConfigs ---------------------------------------------------------------- */

static enum kafka_error alter_whole(struct controller_fixture *f, int8_t type,
                                    const char *name, whole_config *configs, int count)
{
    whole_resource one = {.resource_type = type,
                          .resource_name = str_of(name),
                          .configs = configs,
                          .configs_count = count};
    struct alter_configs_request request = ALTER_CONFIGS_REQUEST_INIT;
    request.resources = &one;
    request.resources_count = 1;
    struct alter_configs_response response = ALTER_CONFIGS_RESPONSE_INIT;
    controller_alter_configs(f->controller, controller_fixture_request(f), &request,
                             &response);
    controller_fixture_run(f);
    ck_assert_int_eq(f->rc, 0);
    ck_assert_int_eq(response.responses_count, 1);
    return response.responses[0].error_code;
}

START_TEST(the_old_way_replaces_all_that_was_set)
{
    struct controller_fixture f;
    open_with_topic(&f);
    alter_topic(&f, change_of("segment.ms", SET, "7"), KAFKA_NONE, NULL);
    whole_config configs[] = {{str_of("retention.ms"), str_of("5")}};
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_TOPIC, "t", configs, 1),
                     KAFKA_NONE);
    CHECK_TEXT(topic_value(&f, "retention.ms"), "5");
    ck_assert_ptr_null(topic_value(&f, "segment.ms").data);
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_TOPIC, "t", NULL, 0), KAFKA_NONE);
    ck_assert_ptr_null(topic_value(&f, "retention.ms").data);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_old_way_is_judged_the_same)
{
    struct controller_fixture f;
    open_with_topic(&f);
    whole_config bad[] = {{str_of("retention.ms"), str_of("soon")}};
    whole_config null[] = {{str_of("retention.ms"), STR_NULL}};
    whole_config twice[] = {{str_of("retention.ms"), str_of("1")},
                            {str_of("retention.ms"), str_of("1")}};
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_TOPIC, "t", bad, 1),
                     KAFKA_INVALID_CONFIG);
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_TOPIC, "t", null, 1),
                     KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_TOPIC, "t", twice, 2),
                     KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_BROKER_LOGGER, "1", NULL, 0),
                     KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_BROKER, "2", NULL, 0),
                     KAFKA_INVALID_REQUEST);
    /* It would take the cluster's min.insync.replicas away. */
    ck_assert_int_eq(alter_whole(&f, CONFIG_RESOURCE_BROKER, "", NULL, 0),
                     KAFKA_INVALID_CONFIG);
    controller_fixture_close(&f);
}
END_TEST

GREGOR_TESTS("controller_configs", an_override_is_set_published_and_deleted,
             what_a_topic_has_already_is_not_written_again,
             lists_grow_and_shrink_from_their_default,
             one_bad_change_refuses_all_of_its_resource, the_form_of_a_change_is_judged,
             a_resource_twice_is_refused_and_the_others_are_altered,
             topics_that_are_none_cannot_be_altered,
             validate_only_judges_and_writes_nothing,
             brokers_take_what_is_dynamic_at_their_level,
             brokers_values_are_written_even_if_they_are_the_same,
             the_cluster_keeps_one_min_isr_while_eligible_leaders_are_on,
             groups_take_their_own_settings, client_metrics_take_their_own_settings,
             a_value_longer_than_a_record_can_hold_is_refused,
             more_than_one_change_can_hold_is_refused,
             a_log_that_refuses_is_told_for_every_change,
             the_old_way_replaces_all_that_was_set, the_old_way_is_judged_the_same)
