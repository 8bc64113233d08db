/* tests/unit/replication/test_controller_topics.c: creating, deleting, growing. */
#include "replication/controller.h"

#include <stdio.h>

#include "tests/support/check_main.h"
#include "tests/unit/replication/controller_fixture.h"

typedef struct create_topics_request_creatable_topic creatable_topic;
typedef struct create_topics_request_creatable_topic_config creatable_config;
typedef struct create_topics_request_creatable_replica_assignment assignment;
typedef struct create_topics_response_creatable_topic_result topic_result;

static const struct fixture_options one_broker = {.profile = PROFILE_KAFKA,
                                                  .brokers = 1};
static const struct fixture_options three_brokers = {.profile = PROFILE_KAFKA,
                                                     .brokers = 3};

static creatable_topic topic_of(const char *name, int32_t partitions, int16_t factor)
{
    creatable_topic topic = CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_INIT;
    topic.name = str_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = factor;
    return topic;
}

static struct create_topics_response create(struct controller_fixture *f,
                                            creatable_topic *topics, int count,
                                            bool validate_only)
{
    struct create_topics_request request = CREATE_TOPICS_REQUEST_INIT;
    request.topics = topics;
    request.topics_count = count;
    request.validate_only = validate_only;
    struct create_topics_response response = CREATE_TOPICS_RESPONSE_INIT;
    controller_create_topics(f->controller, controller_fixture_request(f), &request,
                             &response);
    controller_fixture_run(f);
    ck_assert_int_eq(f->rc, 0);
    return response;
}

/* Creates one topic, expects that error and, unless NULL, that sentence; with an
 * error, expects that nothing was written. */
static topic_result create_one(struct controller_fixture *f, creatable_topic topic,
                               enum kafka_error code, const char *message)
{
    int appends = f->log.appends;
    struct create_topics_response response = create(f, &topic, 1, false);
    ck_assert_int_eq(response.topics_count, 1);
    topic_result result = response.topics[0];
    ck_assert_msg(result.error_code == code, "error %d: %.*s", result.error_code,
                  STR_ARGS(result.error_message));
    if (message != NULL)
        CHECK_TEXT(result.error_message, message);
    if (code != KAFKA_NONE) {
        ck_assert_int_eq(f->log.appends, appends);
        ck_assert(uuid_is_zero(result.topic_id));
        ck_assert_int_eq(result.num_partitions, -1);
        ck_assert_int_eq(result.replication_factor, -1);
    }
    return result;
}

START_TEST(a_created_topic_is_answered_with_what_it_is)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topic = topic_of("t", 3, 1);
    creatable_config config = {str_of("retention.ms"), str_of("5")};
    topic.configs = &config;
    topic.configs_count = 1;
    int appends = f.log.appends;
    topic_result result = create_one(&f, topic, KAFKA_NONE, NULL);
    ck_assert_int_eq(f.log.appends, appends + 1);
    ck_assert_ptr_null(result.error_message.data);
    const struct metadata_topic *made = metadata_image_topic(f.image, str_of("t"));
    ck_assert(uuid_equal(made->id, result.topic_id));
    ck_assert_int_eq(made->partition_count, 3);
    ck_assert_int_eq(result.num_partitions, 3);
    ck_assert_int_eq(result.replication_factor, 1);
    CHECK_TEXT(metadata_image_config(f.image, CONFIG_RESOURCE_TOPIC, str_of("t"),
                                     "retention.ms"),
               "5");

    bool own = false, inherited = false;
    for (int32_t i = 0; i < result.configs_count; i++) {
        if (str_is(result.configs[i].name, "retention.ms")) {
            own = true;
            CHECK_TEXT(result.configs[i].value, "5");
            ck_assert_int_eq(result.configs[i].config_source, 1);
        } else if (str_is(result.configs[i].name, "cleanup.policy")) {
            inherited = true;
            CHECK_TEXT(result.configs[i].value, "delete");
            ck_assert_int_eq(result.configs[i].config_source, 5);
        }
    }
    ck_assert(own && inherited);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(its_partitions_begin_with_epochs_of_zero_on_the_brokers_directory)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "t", 1, 1);
    const struct metadata_partition *p = controller_fixture_partition(&f, "t", 0);
    ck_assert_int_eq(p->leader, 1);
    ck_assert_int_eq(p->leader_epoch, 0);
    ck_assert_int_eq(p->partition_epoch, 0);
    ck_assert(uuid_equal(metadata_partition_directory(p, 0),
                         metadata_image_broker(f.image, 1)->directories[0]));
    controller_fixture_close(&f);
}
END_TEST

START_TEST(names_are_judged)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "a.b", 1, 1);
    create_one(&f, topic_of("", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION,
               "Topic name is invalid: the empty string is not allowed");
    create_one(&f, topic_of(".", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION,
               "Topic name is invalid: '.' is not allowed");
    create_one(&f, topic_of("a b", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION, NULL);
    create_one(&f, topic_of("a.b", 1, 1), KAFKA_TOPIC_ALREADY_EXISTS,
               "Topic 'a.b' already exists.");
    create_one(&f, topic_of("a_b", 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION,
               "Topic 'a_b' collides with existing topic: a.b");
    create_one(&f, topic_of("__cluster_metadata", 1, 1), KAFKA_INVALID_REQUEST,
               "Creation of internal topic __cluster_metadata is prohibited.");
    char longest[251];
    memset(longest, 'x', 250);
    longest[250] = '\0';
    create_one(&f, topic_of(longest, 1, 1), KAFKA_INVALID_TOPIC_EXCEPTION, NULL);
    create_one(&f, topic_of(longest + 1, 1, 1), KAFKA_NONE, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(numbers_are_judged)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    create_one(&f, topic_of("t", 0, 1), KAFKA_INVALID_PARTITIONS,
               "Number of partitions was set to an invalid non-positive value.");
    create_one(&f, topic_of("t", -2, 1), KAFKA_INVALID_PARTITIONS, NULL);
    create_one(
        &f, topic_of("t", 1, 0), KAFKA_INVALID_REPLICATION_FACTOR,
        "Replication factor must be larger than 0, or -1 to use the default value.");
    create_one(&f, topic_of("t", 1, -2), KAFKA_INVALID_REPLICATION_FACTOR, NULL);
    create_one(
        &f, topic_of("t", 1, 2), KAFKA_INVALID_REPLICATION_FACTOR,
        "Unable to replicate the partition 2 time(s): The target replication factor "
        "of 2 cannot be reached because only 1 broker(s) are registered.");
    create_one(&f, topic_of("t", 10001, 1), KAFKA_POLICY_VIOLATION,
               "Excessively large number of partitions per request.");
    create_one(&f, topic_of("t", INT32_MAX, 1), KAFKA_POLICY_VIOLATION, NULL);
    create_one(&f, topic_of("t", 10000, 1), KAFKA_NONE, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(minus_one_takes_the_brokers_defaults)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA,
                                      .brokers = 3,
                                      .settings = "num.partitions=4\n"
                                                  "default.replication.factor=2\n"};
    controller_fixture_open(&f, &options);
    topic_result result = create_one(&f, topic_of("t", -1, -1), KAFKA_NONE, NULL);
    ck_assert_int_eq(result.num_partitions, 4);
    ck_assert_int_eq(result.replication_factor, 2);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_dev_profile_takes_a_factor_down_to_the_brokers_there_are)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_DEV, .brokers = 1};
    controller_fixture_open(&f, &options);
    topic_result result = create_one(&f, topic_of("t", 1, 3), KAFKA_NONE, NULL);
    ck_assert_int_eq(result.replication_factor, 1);
    create_one(&f, topic_of("u", 1, 0), KAFKA_INVALID_REPLICATION_FACTOR, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(configs_are_judged)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topic = topic_of("t", 1, 1);
    creatable_config configs[] = {{str_of("retention.ms"), STR_NULL},
                                  {str_of("segment.ms"), STR_NULL}};
    topic.configs = configs;
    topic.configs_count = 2;
    create_one(&f, topic, KAFKA_INVALID_CONFIG,
               "Null value not supported for topic configs: retention.ms,segment.ms");
    configs[0].value = str_of("soon");
    topic.configs_count = 1;
    create_one(
        &f, topic, KAFKA_INVALID_CONFIG,
        "Invalid value soon for configuration retention.ms: Not a number of type LONG");
    configs[0] = (creatable_config){str_of("no.such.setting"), str_of("1")};
    create_one(&f, topic, KAFKA_INVALID_CONFIG, NULL);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(more_configs_than_one_change_can_hold_are_refused)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topic = topic_of("t", 1, 1);
    topic.configs_count = 10001;
    topic.configs = calloc(10001, sizeof(*topic.configs));
    for (int i = 0; i < 10001; i++)
        topic.configs[i] = (creatable_config){str_of("retention.ms"), str_of("5")};
    create_one(&f, topic, KAFKA_POLICY_VIOLATION,
               "Unable to perform excessively large batch operation.");
    free(topic.configs);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_min_isr_of_its_own_begins_eligible_leaders_anew)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topic = topic_of("t", 1, 1);
    creatable_config config = {str_of("min.insync.replicas"), str_of("1")};
    topic.configs = &config;
    topic.configs_count = 1;
    create_one(&f, topic, KAFKA_NONE, NULL);
    ck_assert_int_eq(fake_log_count(&f.log, &clear_elr_record_type), 1);
    controller_fixture_close(&f);
}
END_TEST

static creatable_topic assigned_topic(assignment *assignments, int count)
{
    creatable_topic topic = topic_of("t", -1, -1);
    topic.assignments = assignments;
    topic.assignments_count = count;
    return topic;
}

START_TEST(replicas_go_where_the_request_says)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &three_brokers);
    int32_t a[] = {2, 3}, b[] = {3, 1};
    assignment assignments[] = {{1, b, 2}, {0, a, 2}};
    topic_result result =
        create_one(&f, assigned_topic(assignments, 2), KAFKA_NONE, NULL);
    ck_assert_int_eq(result.num_partitions, 2);
    ck_assert_int_eq(result.replication_factor, 2);
    const struct metadata_partition *p = controller_fixture_partition(&f, "t", 1);
    ck_assert_int_eq(metadata_partition_replicas(p).ids[0], 3);
    ck_assert_int_eq(metadata_partition_replicas(p).ids[1], 1);
    ck_assert_int_eq(p->leader, 3);
    ck_assert_int_eq(controller_fixture_partition(&f, "t", 0)->leader, 2);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(assignments_are_judged)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &three_brokers);
    int32_t one[] = {1}, two[] = {1, 2}, twice[] = {1, 1}, unknown[] = {9};
    assignment good[] = {{0, one, 1}};
    creatable_topic topic = assigned_topic(good, 1);
    topic.replication_factor = 1;
    create_one(
        &f, topic, KAFKA_INVALID_REQUEST,
        "A manual partition assignment was specified, but replication factor was not "
        "set to -1.");
    topic = assigned_topic(good, 1);
    topic.num_partitions = 1;
    create_one(
        &f, topic, KAFKA_INVALID_REQUEST,
        "A manual partition assignment was specified, but numPartitions was not set "
        "to -1.");
    assignment repeated[] = {{0, one, 1}, {0, one, 1}};
    create_one(&f, assigned_topic(repeated, 2), KAFKA_INVALID_REPLICA_ASSIGNMENT,
               "Found multiple manual partition assignments for partition 0");
    assignment gap[] = {{0, one, 1}, {2, one, 1}};
    create_one(&f, assigned_topic(gap, 2), KAFKA_INVALID_REPLICA_ASSIGNMENT,
               "partitions should be a consecutive 0-based integer sequence");
    assignment uneven[] = {{0, one, 1}, {1, two, 2}};
    create_one(
        &f, assigned_topic(uneven, 2), KAFKA_INVALID_REPLICA_ASSIGNMENT,
        "The manual partition assignment includes a partition with 2 replica(s), but "
        "this is not consistent with previous partitions, which have 1 replica(s).");
    assignment empty[] = {{0, NULL, 0}};
    create_one(&f, assigned_topic(empty, 1), KAFKA_INVALID_REPLICA_ASSIGNMENT,
               "The manual partition assignment includes an empty replica list.");
    assignment same[] = {{0, twice, 2}};
    create_one(&f, assigned_topic(same, 1), KAFKA_INVALID_REPLICA_ASSIGNMENT,
               "The manual partition assignment includes the broker 1 more than once.");
    assignment nobody[] = {{0, unknown, 1}};
    create_one(
        &f, assigned_topic(nobody, 1), KAFKA_INVALID_REPLICA_ASSIGNMENT,
        "The manual partition assignment includes broker 9, but no such broker is "
        "registered.");
    controller_fixture_close(&f);
}
END_TEST

static void fence(struct controller_fixture *f, int32_t id)
{
    struct fence_broker_record fence = {
        .id = id, .epoch = metadata_image_broker(f->image, id)->epoch};
    struct metadata_record record = {&fence_broker_record_type, 0, &fence};
    ck_assert_int_eq(metadata_image_apply(f->image, &record, NULL, NULL), 0);
}

START_TEST(fenced_brokers_neither_lead_nor_are_in_sync)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &three_brokers);
    fence(&f, 2);
    int32_t order[] = {2, 3, 1}, only[] = {2};
    assignment assignments[] = {{0, order, 3}};
    create_one(&f, assigned_topic(assignments, 1), KAFKA_NONE, NULL);
    const struct metadata_partition *p = controller_fixture_partition(&f, "t", 0);
    ck_assert_int_eq(p->leader, 3);
    ck_assert_int_eq(metadata_partition_isr(p).count, 2);

    assignment fenced[] = {{0, only, 1}};
    creatable_topic topic = assigned_topic(fenced, 1);
    topic.name = str_of("u");
    create_one(
        &f, topic, KAFKA_INVALID_REPLICA_ASSIGNMENT,
        "All brokers specified in the manual partition assignment for partition 0 are "
        "fenced or in controlled shutdown.");
    fence(&f, 1);
    fence(&f, 3);
    create_one(&f, topic_of("v", 1, 1), KAFKA_INVALID_REPLICATION_FACTOR,
               "Unable to replicate the partition 1 time(s): All brokers are currently "
               "fenced.");
    controller_fixture_close(&f);
}
END_TEST

START_TEST(replicas_and_leaders_are_spread_evenly)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &three_brokers);
    controller_fixture_topic(&f, "t", 30, 2);
    int leads[4] = {0}, replicas[4] = {0};
    for (int32_t i = 0; i < 30; i++) {
        const struct metadata_partition *p = controller_fixture_partition(&f, "t", i);
        struct broker_ids ids = metadata_partition_replicas(p);
        ck_assert_int_eq(ids.count, 2);
        ck_assert_int_ne(ids.ids[0], ids.ids[1]);
        leads[p->leader]++;
        replicas[ids.ids[0]]++;
        replicas[ids.ids[1]]++;
    }
    for (int id = 1; id <= 3; id++) {
        ck_assert_int_eq(leads[id], 10);
        ck_assert_int_gt(replicas[id], 10);
    }
    controller_fixture_close(&f);
}
END_TEST

START_TEST(replicas_of_a_partition_are_on_different_racks)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA,
                                      .brokers = 4,
                                      .racks = {"left", "left", "right", "right"}};
    controller_fixture_open(&f, &options);
    controller_fixture_topic(&f, "t", 20, 2);
    int leads_left = 0;
    for (int32_t i = 0; i < 20; i++) {
        struct broker_ids ids =
            metadata_partition_replicas(controller_fixture_partition(&f, "t", i));
        ck_assert_int_ne(ids.ids[0] <= 2, ids.ids[1] <= 2);
        leads_left += ids.ids[0] <= 2;
    }
    ck_assert_int_eq(leads_left, 10);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(validate_only_answers_as_if_and_writes_nothing)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    int appends = f.log.appends;
    creatable_topic topics[] = {topic_of("t", 2, 1), topic_of("..", 1, 1)};
    struct create_topics_response response = create(&f, topics, 2, true);
    ck_assert_int_eq(response.topics[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(response.topics[0].num_partitions, 2);
    ck_assert_int_gt(response.topics[0].configs_count, 0);
    ck_assert_int_eq(response.topics[1].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    ck_assert_int_eq(f.log.appends, appends);
    ck_assert_ptr_null(metadata_image_topic(f.image, str_of("t")));
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_name_twice_in_one_request_creates_nothing_of_that_name)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topics[] = {topic_of("t", 1, 1), topic_of("u", 1, 1),
                                topic_of("t", 2, 1), topic_of("t", 3, 1)};
    struct create_topics_response response = create(&f, topics, 4, false);
    ck_assert_int_eq(response.topics_count, 2);
    ck_assert_int_eq(response.topics[0].error_code, KAFKA_INVALID_REQUEST);
    CHECK_TEXT(response.topics[0].error_message, "Duplicate topic name.");
    ck_assert_int_eq(response.topics[1].error_code, KAFKA_NONE);
    ck_assert_ptr_null(metadata_image_topic(f.image, str_of("t")));
    ck_assert_ptr_nonnull(metadata_image_topic(f.image, str_of("u")));
    controller_fixture_close(&f);
}
END_TEST

START_TEST(topics_of_one_request_are_one_append)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topics[] = {topic_of("t", 1, 1), topic_of("..", 1, 1),
                                topic_of("u", 2, 1)};
    int appends = f.log.appends;
    create(&f, topics, 3, false);
    ck_assert_int_eq(f.log.appends, appends + 1);
    ck_assert_int_eq(metadata_image_topic_count(f.image), 2);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(topics_made_on_demand_have_defaults_and_internal_ones_their_own)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA,
                                      .brokers = 1,
                                      .settings =
                                          "num.partitions=2\n"
                                          "offsets.topic.num.partitions=5\n"
                                          "offsets.topic.replication.factor=1\n"};
    controller_fixture_open(&f, &options);
    struct str names[] = {str_of("t"), str_of("__consumer_offsets"),
                          str_of("__transaction_state"), str_of("a/b")};
    struct controller_auto_create topics = {names, 4};
    struct create_topics_response response = CREATE_TOPICS_RESPONSE_INIT;
    controller_auto_create_topics(f.controller, controller_fixture_request(&f), &topics,
                                  &response);
    controller_fixture_run(&f);
    ck_assert_int_eq(response.topics[0].num_partitions, 2);
    ck_assert_int_eq(response.topics[1].num_partitions, 5);
    CHECK_TEXT(metadata_image_config(f.image, CONFIG_RESOURCE_TOPIC, names[1],
                                     "cleanup.policy"),
               "compact");
    CHECK_TEXT(metadata_image_config(f.image, CONFIG_RESOURCE_TOPIC, names[1],
                                     "segment.bytes"),
               "104857600");
    /* transaction.state.log.replication.factor is 3: one broker cannot do that. */
    ck_assert_int_eq(response.topics[2].error_code, KAFKA_INVALID_REPLICATION_FACTOR);
    ck_assert_int_eq(response.topics[3].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    controller_fixture_close(&f);
}
END_TEST

/* ---- deleting ------------------------------------------------------------------ */

typedef struct delete_topics_request_delete_topic_state doomed_topic;

static struct delete_topics_response delete_topics(struct controller_fixture *f,
                                                   doomed_topic *topics, int count)
{
    struct delete_topics_request request = DELETE_TOPICS_REQUEST_INIT;
    request.topics = topics;
    request.topics_count = count;
    struct delete_topics_response response = DELETE_TOPICS_RESPONSE_INIT;
    controller_delete_topics(f->controller, controller_fixture_request(f), &request,
                             &response);
    controller_fixture_run(f);
    ck_assert_int_eq(f->rc, 0);
    return response;
}

static struct uuid topic_id(struct controller_fixture *f, const char *name)
{
    return metadata_image_topic(f->image, str_of(name))->id;
}

START_TEST(topics_are_deleted_by_name_and_by_id)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "a", 1, 1);
    controller_fixture_topic(&f, "b", 1, 1);
    struct uuid a = topic_id(&f, "a"), b = topic_id(&f, "b");
    doomed_topic topics[] = {{str_of("a"), UUID_ZERO}, {STR_NULL, b}};
    int appends = f.log.appends;
    struct delete_topics_response response = delete_topics(&f, topics, 2);
    ck_assert_int_eq(f.log.appends, appends + 1);
    ck_assert_int_eq(response.responses_count, 2);
    ck_assert_int_eq(response.responses[0].error_code, KAFKA_NONE);
    ck_assert(uuid_equal(response.responses[0].topic_id, a));
    CHECK_TEXT(response.responses[1].name, "b");
    ck_assert_int_eq(metadata_image_topic_count(f.image), 0);
    ck_assert_int_eq(f.node.topics_removed, 2);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_old_form_names_topics_too)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "a", 1, 1);
    struct str names[] = {str_of("a"), str_of("b")};
    struct delete_topics_request request = DELETE_TOPICS_REQUEST_INIT;
    request.topic_names = names;
    request.topic_names_count = 2;
    struct delete_topics_response response = DELETE_TOPICS_RESPONSE_INIT;
    controller_delete_topics(f.controller, controller_fixture_request(&f), &request,
                             &response);
    controller_fixture_run(&f);
    ck_assert_int_eq(response.responses[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(response.responses[1].error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    CHECK_TEXT(response.responses[1].name, "b");
    controller_fixture_close(&f);
}
END_TEST

START_TEST(what_cannot_be_deleted_is_told)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "a", 1, 1);
    struct uuid a = topic_id(&f, "a"), unknown = {{7}};
    doomed_topic topics[] = {{STR_NULL, UUID_ZERO},
                             {str_of("a"), a},
                             {str_of("x"), UUID_ZERO},
                             {STR_NULL, unknown}};
    struct delete_topics_response response = delete_topics(&f, topics, 4);
    ck_assert_int_eq(response.responses_count, 4);
    CHECK_TEXT(response.responses[0].error_message,
               "Neither topic name nor id were specified.");
    CHECK_TEXT(response.responses[1].error_message,
               "You may not specify both topic name and topic id.");
    ck_assert_int_eq(response.responses[0].error_code, KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(response.responses[1].error_code, KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(response.responses[2].error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(response.responses[3].error_code, KAFKA_UNKNOWN_TOPIC_ID);
    ck_assert_ptr_null(response.responses[3].name.data);
    ck_assert_ptr_nonnull(metadata_image_topic(f.image, str_of("a")));
    controller_fixture_close(&f);
}
END_TEST

START_TEST(what_is_named_twice_is_not_deleted)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "a", 1, 1);
    controller_fixture_topic(&f, "b", 1, 1);
    controller_fixture_topic(&f, "c", 1, 1);
    struct uuid b = topic_id(&f, "b"), c = topic_id(&f, "c");
    doomed_topic topics[] = {{str_of("a"), UUID_ZERO},
                             {str_of("a"), UUID_ZERO},
                             {STR_NULL, b},
                             {STR_NULL, b},
                             {STR_NULL, c},
                             {str_of("c"), UUID_ZERO}};
    struct delete_topics_response response = delete_topics(&f, topics, 6);
    ck_assert_int_eq(response.responses_count, 3);
    CHECK_TEXT(response.responses[0].error_message, "Duplicate topic name.");
    CHECK_TEXT(response.responses[1].error_message, "Duplicate topic id.");
    CHECK_TEXT(response.responses[2].error_message,
               "The provided topic name maps to an ID that was already supplied.");
    CHECK_TEXT(response.responses[2].name, "c");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(response.responses[i].error_code, KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(metadata_image_topic_count(f.image), 3);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(nothing_is_deleted_where_that_is_disabled)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA,
                                      .brokers = 1,
                                      .settings = "delete.topic.enable=false\n"};
    controller_fixture_open(&f, &options);
    controller_fixture_topic(&f, "a", 1, 1);
    doomed_topic topic = {str_of("a"), UUID_ZERO};
    struct delete_topics_response response = delete_topics(&f, &topic, 1);
    ck_assert_int_eq(response.responses[0].error_code, KAFKA_TOPIC_DELETION_DISABLED);
    ck_assert_ptr_nonnull(metadata_image_topic(f.image, str_of("a")));
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_deleted_name_can_be_created_again_with_another_id)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "a", 1, 1);
    struct uuid before = topic_id(&f, "a");
    doomed_topic topic = {str_of("a"), UUID_ZERO};
    delete_topics(&f, &topic, 1);
    controller_fixture_topic(&f, "a", 1, 1);
    ck_assert(!uuid_equal(before, topic_id(&f, "a")));
    controller_fixture_close(&f);
}
END_TEST

/* Kafka would have them back after a restart, were they not taken back one by one. */
START_TEST(a_topics_settings_are_taken_back_with_it)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    creatable_topic topic = topic_of("t", 1, 1);
    creatable_config configs[] = {{str_of("retention.ms"), str_of("5")},
                                  {str_of("cleanup.policy"), str_of("compact")}};
    topic.configs = configs;
    topic.configs_count = 2;
    create_one(&f, topic, KAFKA_NONE, NULL);
    controller_fixture_topic(&f, "u", 1, 1);
    int before = fake_log_count(&f.log, &config_record_type);
    int appends = f.log.appends;
    doomed_topic doomed[] = {{str_of("t"), UUID_ZERO}, {str_of("u"), UUID_ZERO}};
    delete_topics(&f, doomed, 2);
    ck_assert_int_eq(f.log.appends, appends + 1);
    ck_assert_int_eq(fake_log_count(&f.log, &config_record_type), before + 2);
    ck_assert_int_eq(fake_log_count(&f.log, &remove_topic_record_type), 2);
    struct metadata_image *replayed = fake_log_replay(&f.log);
    ck_assert_int_eq(
        metadata_image_configs(replayed, CONFIG_RESOURCE_TOPIC, str_of("t")).count, 0);
    metadata_image_destroy(replayed);
    controller_fixture_close(&f);
}
END_TEST

/* ---- growing ------------------------------------------------------------------- */

typedef struct create_partitions_request_create_partitions_topic grown_topic;
typedef struct create_partitions_request_create_partitions_assignment new_assignment;
typedef struct create_partitions_response_create_partitions_topic_result grown_result;

static grown_topic grown(const char *name, int32_t count)
{
    grown_topic topic = CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_TOPIC_INIT;
    topic.name = str_of(name);
    topic.count = count;
    topic.assignments_count = -1;
    return topic;
}

static struct create_partitions_response grow(struct controller_fixture *f,
                                              grown_topic *topics, int count,
                                              bool validate_only)
{
    struct create_partitions_request request = CREATE_PARTITIONS_REQUEST_INIT;
    request.topics = topics;
    request.topics_count = count;
    request.validate_only = validate_only;
    struct create_partitions_response response = CREATE_PARTITIONS_RESPONSE_INIT;
    controller_create_partitions(f->controller, controller_fixture_request(f), &request,
                                 &response);
    controller_fixture_run(f);
    ck_assert_int_eq(f->rc, 0);
    return response;
}

static void grow_one(struct controller_fixture *f, grown_topic topic,
                     enum kafka_error code, const char *message)
{
    struct create_partitions_response response = grow(f, &topic, 1, false);
    grown_result result = response.results[0];
    ck_assert_msg(result.error_code == code, "error %d: %.*s", result.error_code,
                  STR_ARGS(result.error_message));
    if (message != NULL)
        CHECK_TEXT(result.error_message, message);
}

START_TEST(a_topic_grows_with_its_own_replication_factor)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &three_brokers);
    controller_fixture_topic(&f, "t", 1, 2);
    grow_one(&f, grown("t", 3), KAFKA_NONE, NULL);
    ck_assert_int_eq(f.node.partitions_added, 2);
    ck_assert_int_eq(f.node.topics_created, 0);
    const struct metadata_partition *p = controller_fixture_partition(&f, "t", 2);
    ck_assert_int_eq(metadata_partition_replicas(p).count, 2);
    ck_assert_int_eq(p->leader_epoch, 0);

    int32_t one[] = {3, 1};
    new_assignment assignments[] = {{one, 2}};
    grown_topic topic = grown("t", 4);
    topic.assignments = assignments;
    topic.assignments_count = 1;
    grow_one(&f, topic, KAFKA_NONE, NULL);
    ck_assert_int_eq(controller_fixture_partition(&f, "t", 3)->leader, 3);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_growth_that_cannot_be_is_told)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &three_brokers);
    controller_fixture_topic(&f, "t", 2, 1);
    int appends = f.log.appends;
    grow_one(&f, grown("x", 3), KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    grow_one(&f, grown("t", 2), KAFKA_INVALID_PARTITIONS,
             "Topic already has 2 partition(s).");
    grow_one(&f, grown("t", 1), KAFKA_INVALID_PARTITIONS,
             "The topic t currently has 2 partition(s); 1 would not be an increase.");
    grow_one(&f, grown("t", INT32_MAX), KAFKA_POLICY_VIOLATION, NULL);
    int32_t one[] = {1}, two[] = {1, 2};
    new_assignment assignments[] = {{one, 1}, {two, 2}};
    grown_topic topic = grown("t", 3);
    topic.assignments = assignments;
    topic.assignments_count = 2;
    grow_one(
        &f, topic, KAFKA_INVALID_REPLICA_ASSIGNMENT,
        "Attempted to add 1 additional partition(s), but only 2 assignment(s) were "
        "specified.");
    topic.count = 4;
    grow_one(
        &f, topic, KAFKA_INVALID_REPLICA_ASSIGNMENT,
        "The manual partition assignment includes a partition with 2 replica(s), but "
        "this is not consistent with previous partitions, which have 1 replica(s).");
    ck_assert_int_eq(f.log.appends, appends);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(growth_is_validated_only_and_refused_twice_in_one_request)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "t", 1, 1);
    int appends = f.log.appends;
    grown_topic topics[] = {grown("t", 2), grown("t", 3)};
    struct create_partitions_response response = grow(&f, topics, 1, true);
    ck_assert_int_eq(response.results[0].error_code, KAFKA_NONE);
    response = grow(&f, topics, 2, false);
    ck_assert_int_eq(response.results_count, 1);
    CHECK_TEXT(response.results[0].error_message, "Duplicate topic name.");
    ck_assert_int_eq(f.log.appends, appends);
    controller_fixture_close(&f);
}
END_TEST

GREGOR_TESTS("controller_topics", a_created_topic_is_answered_with_what_it_is,
             its_partitions_begin_with_epochs_of_zero_on_the_brokers_directory,
             names_are_judged, numbers_are_judged, minus_one_takes_the_brokers_defaults,
             the_dev_profile_takes_a_factor_down_to_the_brokers_there_are,
             configs_are_judged, more_configs_than_one_change_can_hold_are_refused,
             a_min_isr_of_its_own_begins_eligible_leaders_anew,
             replicas_go_where_the_request_says, assignments_are_judged,
             fenced_brokers_neither_lead_nor_are_in_sync,
             replicas_and_leaders_are_spread_evenly,
             replicas_of_a_partition_are_on_different_racks,
             validate_only_answers_as_if_and_writes_nothing,
             a_name_twice_in_one_request_creates_nothing_of_that_name,
             topics_of_one_request_are_one_append,
             topics_made_on_demand_have_defaults_and_internal_ones_their_own,
             topics_are_deleted_by_name_and_by_id, the_old_form_names_topics_too,
             what_cannot_be_deleted_is_told, what_is_named_twice_is_not_deleted,
             nothing_is_deleted_where_that_is_disabled,
             a_deleted_name_can_be_created_again_with_another_id,
             a_topics_settings_are_taken_back_with_it,
             a_topic_grows_with_its_own_replication_factor,
             a_growth_that_cannot_be_is_told,
             growth_is_validated_only_and_refused_twice_in_one_request)
