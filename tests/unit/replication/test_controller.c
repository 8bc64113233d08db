/* tests/unit/replication/test_controller.c: the way of a change, start and stop. */
#include "replication/controller.h"

#include "tests/support/check_main.h"
#include "tests/unit/replication/controller_fixture.h"
#include "tests/unit/replication/metadata_log_file.h"

static const struct fixture_options one_broker = {.profile = PROFILE_KAFKA,
                                                  .brokers = 1};

START_TEST(a_new_cluster_begins_with_the_records_of_a_new_kafka)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    ck_assert_int_eq(f.log.appends, 1);
    ck_assert_int_eq(metadata_image_feature(f.image, str_of("metadata.version")), 30);
    ck_assert_int_eq(metadata_image_feature(f.image, str_of("group.version")), 1);
    ck_assert_int_eq(metadata_image_feature(f.image, str_of("share.version")), 1);
    ck_assert_int_eq(metadata_image_feature(f.image, str_of("streams.version")), 1);
    ck_assert_int_eq(metadata_image_feature(f.image, str_of("transaction.version")), 2);
    ck_assert_int_eq(
        metadata_image_feature(f.image, str_of("eligible.leader.replicas.version")), 1);
    CHECK_TEXT(metadata_image_config(f.image, CONFIG_RESOURCE_BROKER, str_of(""),
                                     "min.insync.replicas"),
               "1");
    ck_assert_ptr_nonnull(metadata_image_controller(f.image, 1));
    /* Behind the bootstrap's 9 records and the controller's, with its own offset. */
    const struct metadata_broker *broker = metadata_image_broker(f.image, 1);
    ck_assert_int_eq(broker->epoch, 11);
    ck_assert(metadata_broker_active(broker));
    ck_assert_int_eq(broker->directory_count, 1);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_second_start_registers_again_and_bootstraps_nothing)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "t", 2, 1);
    int64_t next_offset = f.log.next_offset;
    controller_fixture_start(&f, 1, false, NULL);
    ck_assert_int_eq(fake_log_count(&f.log, &begin_transaction_record_type), 1);
    ck_assert_int_gt(metadata_image_broker(f.image, 1)->epoch, next_offset);
    ck_assert_int_eq(controller_fixture_partition(&f, "t", 0)->leader_epoch, 0);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(an_unclean_start_raises_every_leader_epoch_in_one_append)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    controller_fixture_topic(&f, "t", 2, 1);
    controller_fixture_topic(&f, "u", 1, 1);
    int appends = f.log.appends;
    controller_fixture_start(&f, 1, true, NULL);
    ck_assert_int_eq(f.log.appends, appends + 1);
    ck_assert_int_eq(controller_fixture_partition(&f, "t", 0)->leader_epoch, 1);
    ck_assert_int_eq(controller_fixture_partition(&f, "t", 1)->leader_epoch, 1);
    ck_assert_int_eq(controller_fixture_partition(&f, "u", 0)->leader_epoch, 1);
    ck_assert_int_eq(controller_fixture_partition(&f, "u", 0)->leader, 1);
    controller_fixture_close(&f);
}
END_TEST

static int apply_record(void *context, const struct metadata_record *record,
                        struct err *err)
{
    return metadata_image_apply(context, record, NULL, err);
}

START_TEST(partitions_that_a_stopped_kafka_left_without_leader_get_one)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA};
    controller_fixture_open(&f, &options);
    f.log.next_offset = 202;
    metadata_log_file_replay(SAMPLE_METADATA_LOG, apply_record, f.image);
    ck_assert_int_eq(controller_fixture_partition(&f, "plain", 0)->leader, NO_LEADER);

    controller_fixture_start(&f, 1, false, NULL);
    ck_assert_int_eq(fake_log_count(&f.log, &begin_transaction_record_type), 0);
    ck_assert_int_eq(fake_log_count(&f.log, &partition_change_record_type), 13);
    const struct metadata_partition *p = controller_fixture_partition(&f, "plain", 1);
    ck_assert_int_eq(p->leader, 1);
    ck_assert_int_eq(p->leader_epoch, 2);
    ck_assert_int_eq(metadata_partition_isr(p).count, 1);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_ELR).count, 0);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_LAST_KNOWN_ELR).count, 0);
    controller_fixture_close(&f);
}
END_TEST

static bool in_sync_with(const struct metadata_partition *p, int32_t id, int32_t count)
{
    struct broker_ids isr = metadata_partition_isr(p);
    return isr.count == count && broker_ids_have(isr, id);
}

START_TEST(brokers_that_are_not_there_lead_nothing_and_are_not_waited_for)
{
    struct controller_fixture f;
    struct fixture_options options = {.brokers = 3, .profile = PROFILE_KAFKA};
    controller_fixture_open(&f, &options);
    controller_fixture_topic(&f, "everywhere", 3, 3);
    controller_fixture_topic(&f, "once", 3, 1);
    controller_fixture_start(&f, 1, false, NULL);

    ck_assert(!metadata_image_broker(f.image, 1)->fenced);
    ck_assert(metadata_image_broker(f.image, 2)->fenced);
    ck_assert(metadata_image_broker(f.image, 3)->fenced);
    for (int32_t i = 0; i < 3; i++) {
        const struct metadata_partition *p =
            controller_fixture_partition(&f, "everywhere", i);
        ck_assert_int_eq(p->leader, 1);
        ck_assert(in_sync_with(p, 1, 1));
        ck_assert_int_eq(metadata_partition_replicas(p).count, 3);
        p = controller_fixture_partition(&f, "once", i);
        int32_t only = metadata_partition_replicas(p).ids[0];
        ck_assert_int_eq(p->leader, only == 1 ? 1 : NO_LEADER);
        ck_assert(in_sync_with(p, only, 1));
    }
    /* And once more: nothing is left to change. */
    int changes = fake_log_count(&f.log, &partition_change_record_type);
    controller_fixture_start(&f, 1, false, NULL);
    ck_assert_int_eq(fake_log_count(&f.log, &partition_change_record_type), changes);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_transaction_left_open_is_aborted_at_the_start)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA};
    controller_fixture_open(&f, &options);
    struct begin_transaction_record begin = BEGIN_TRANSACTION_RECORD_INIT;
    struct topic_record topic = {.name = str_of("half"), .topic_id = {{9}}};
    struct metadata_record records[] = {{&begin_transaction_record_type, 0, &begin},
                                        {&topic_record_type, 0, &topic}};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(metadata_image_apply(f.image, &records[i], NULL, NULL), 0);
    controller_fixture_start(&f, 1, false, NULL);
    ck_assert(!metadata_image_in_transaction(f.image));
    ck_assert_ptr_null(metadata_image_topic(f.image, str_of("half")));
    ck_assert_int_eq(metadata_image_feature(f.image, str_of("metadata.version")), 30);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_metadata_version_of_a_later_kafka_is_refused)
{
    struct controller_fixture f;
    struct fixture_options options = {.profile = PROFILE_KAFKA};
    controller_fixture_open(&f, &options);
    struct feature_level_record level = {.name = str_of("metadata.version"),
                                         .feature_level = 31};
    struct metadata_record record = {&feature_level_record_type, 0, &level};
    metadata_image_apply(f.image, &record, NULL, NULL);
    struct controller_start start = {0};
    controller_start(f.controller, controller_fixture_request(&f), &start);
    controller_fixture_run(&f);
    ck_assert_int_eq(f.rc, ERR_UNSUPPORTED_VERSION);
    ck_assert_int_eq(f.log.appends, 0);
    controller_fixture_close(&f);
}
END_TEST

static struct create_topics_request one_topic(
    struct create_topics_request_creatable_topic *t, const char *name)
{
    *t = CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_INIT;
    t->name = str_of(name);
    t->num_partitions = 1;
    t->replication_factor = 1;
    struct create_topics_request request = CREATE_TOPICS_REQUEST_INIT;
    request.topics = t;
    request.topics_count = 1;
    return request;
}

struct counted_request {
    struct controller_request base; /* first */
    int answered;
    int rc;
};

static void count_answer(struct controller_request *request, int rc,
                         const struct err *err)
{
    (void)err;
    struct counted_request *r = (struct counted_request *)request;
    r->answered++;
    r->rc = rc;
}

START_TEST(an_answer_comes_only_when_durable_applied_and_served)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    f.node.at_once = false;
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request request = one_topic(&topic, "t");
    struct create_topics_response response = CREATE_TOPICS_RESPONSE_INIT;
    controller_create_topics(f.controller, controller_fixture_request(&f), &request,
                             &response);
    ck_assert_ptr_null(f.log.pending);
    controller_fixture_turn(&f);
    ck_assert_ptr_nonnull(f.log.pending);
    ck_assert_ptr_null(metadata_image_topic(f.image, str_of("t")));
    controller_fixture_sync(&f);
    ck_assert_ptr_nonnull(metadata_image_topic(f.image, str_of("t")));
    ck_assert_int_eq(f.answered, 0);
    ck_assert_int_eq(f.node.topics_created, 1);
    ck_assert_int_eq(f.node.partitions_added, 1);
    controller_fixture_ready(&f);
    ck_assert_int_eq(f.answered, 1);
    ck_assert_int_eq(response.topics[0].error_code, KAFKA_NONE);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(all_nodes_are_waited_for)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    struct fake_node other = {.publisher = {.publish = f.node.publisher.publish}};
    controller_add_publisher(f.controller, &other.publisher);
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request request = one_topic(&topic, "t");
    struct create_topics_response response = CREATE_TOPICS_RESPONSE_INIT;
    controller_create_topics(f.controller, controller_fixture_request(&f), &request,
                             &response);
    controller_fixture_turn(&f);
    controller_fixture_sync(&f);
    ck_assert_int_eq(f.answered, 0);
    metadata_publish_done(other.pending);
    ck_assert_int_eq(f.answered, 1);
    controller_remove_publisher(f.controller, &other.publisher);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_next_request_sees_what_the_one_before_did)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request request = one_topic(&topic, "t");
    struct create_topics_response responses[2] = {CREATE_TOPICS_RESPONSE_INIT,
                                                  CREATE_TOPICS_RESPONSE_INIT};
    struct counted_request first = {.base = {.done = count_answer, .arena = &f.arena}};
    struct counted_request second = first;
    controller_create_topics(f.controller, &first.base, &request, &responses[0]);
    controller_create_topics(f.controller, &second.base, &request, &responses[1]);
    controller_fixture_turn(&f);
    ck_assert_int_eq(second.answered, 0);
    controller_fixture_sync(&f);
    ck_assert_int_eq(first.answered, 1);
    ck_assert_int_eq(second.answered, 1);
    ck_assert_int_eq(responses[0].topics[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(responses[1].topics[0].error_code, KAFKA_TOPIC_ALREADY_EXISTS);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(what_the_log_refuses_is_told_and_changes_nothing)
{
    for (int in_sync = 0; in_sync < 2; in_sync++) {
        struct controller_fixture f;
        controller_fixture_open(&f, &one_broker);
        f.log.refuse_append = !in_sync;
        f.log.refuse_sync = in_sync;
        struct create_topics_request_creatable_topic topics[2];
        struct create_topics_request request = one_topic(&topics[0], "t");
        one_topic(&topics[1], "..");
        request.topics_count = 2;
        struct create_topics_response response = CREATE_TOPICS_RESPONSE_INIT;
        controller_create_topics(f.controller, controller_fixture_request(&f), &request,
                                 &response);
        controller_fixture_run(&f);
        ck_assert_int_eq(f.rc, 0);
        ck_assert_int_eq(response.topics[0].error_code, KAFKA_UNKNOWN_SERVER_ERROR);
        ck_assert_int_gt(response.topics[0].error_message.len, 0);
        ck_assert(uuid_is_zero(response.topics[0].topic_id));
        ck_assert_int_eq(response.topics[1].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
        ck_assert_ptr_null(metadata_image_topic(f.image, str_of("t")));
        controller_fixture_close(&f);
    }
}
END_TEST

START_TEST(producer_ids_come_in_blocks_that_never_repeat)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    for (int i = 0; i < 3; i++) {
        struct producer_id_block block = {.broker_id = 1};
        controller_allocate_producer_ids(f.controller, controller_fixture_request(&f),
                                         &block);
        controller_fixture_run(&f);
        ck_assert_int_eq(f.rc, 0);
        ck_assert_int_eq(block.first_producer_id, 1000 * i);
        ck_assert_int_eq(block.count, 1000);
    }
    f.log.refuse_sync = true;
    struct producer_id_block block = {.broker_id = 1};
    controller_allocate_producer_ids(f.controller, controller_fixture_request(&f),
                                     &block);
    controller_fixture_run(&f);
    ck_assert_int_eq(f.rc, ERR_IO);
    controller_fixture_close(&f);
}
END_TEST

START_TEST(a_stop_waits_for_the_change_under_way_and_refuses_the_rest)
{
    struct controller_fixture f;
    controller_fixture_open(&f, &one_broker);
    struct create_topics_request_creatable_topic topics[2];
    struct create_topics_request first = one_topic(&topics[0], "first");
    struct create_topics_request second = one_topic(&topics[1], "second");
    struct create_topics_response responses[2] = {CREATE_TOPICS_RESPONSE_INIT,
                                                  CREATE_TOPICS_RESPONSE_INIT};
    struct counted_request a = {.base = {.done = count_answer, .arena = &f.arena}};
    struct counted_request b = a, ids = a, stop = a;
    struct producer_id_block block = {.broker_id = 1};

    controller_create_topics(f.controller, &a.base, &first, &responses[0]);
    controller_fixture_turn(&f);
    controller_create_topics(f.controller, &b.base, &second, &responses[1]);
    controller_allocate_producer_ids(f.controller, &ids.base, &block);
    controller_stop(f.controller, &stop.base);
    controller_fixture_turn(&f);
    ck_assert_int_eq(stop.answered, 0);
    controller_fixture_sync(&f);

    ck_assert_int_eq(a.answered, 1);
    ck_assert_int_eq(responses[0].topics[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(b.answered, 1);
    ck_assert_int_eq(responses[1].topics[0].error_code, KAFKA_UNKNOWN_SERVER_ERROR);
    ck_assert_int_eq(ids.rc, ERR_CANCELED);
    ck_assert_int_eq(stop.answered, 1);
    ck_assert_int_eq(stop.rc, 0);
    ck_assert_ptr_null(metadata_image_topic(f.image, str_of("second")));
    controller_fixture_close(&f);
}
END_TEST

START_TEST(the_log_alone_makes_the_same_image)
{
    struct controller_fixture f;
    struct fixture_options three = {.profile = PROFILE_KAFKA, .brokers = 3};
    controller_fixture_open(&f, &three);
    controller_fixture_topic(&f, "a", 5, 3);
    controller_fixture_topic(&f, "b", 2, 2);
    controller_fixture_start(&f, 3, true, NULL);
    struct metadata_image *again = fake_log_replay(&f.log);
    struct buf one = image_text(f.image), other = image_text(again);
    ck_assert_str_eq((const char *)one.data, (const char *)other.data);
    buf_free(&one);
    buf_free(&other);
    metadata_image_destroy(again);
    controller_fixture_close(&f);
}
END_TEST

GREGOR_TESTS("controller", a_new_cluster_begins_with_the_records_of_a_new_kafka,
             a_second_start_registers_again_and_bootstraps_nothing,
             an_unclean_start_raises_every_leader_epoch_in_one_append,
             partitions_that_a_stopped_kafka_left_without_leader_get_one,
             brokers_that_are_not_there_lead_nothing_and_are_not_waited_for,
             a_transaction_left_open_is_aborted_at_the_start,
             a_metadata_version_of_a_later_kafka_is_refused,
             an_answer_comes_only_when_durable_applied_and_served,
             all_nodes_are_waited_for, the_next_request_sees_what_the_one_before_did,
             what_the_log_refuses_is_told_and_changes_nothing,
             producer_ids_come_in_blocks_that_never_repeat,
             a_stop_waits_for_the_change_under_way_and_refuses_the_rest,
             the_log_alone_makes_the_same_image)
