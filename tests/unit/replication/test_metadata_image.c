/* tests/unit/replication/test_metadata_image.c */
#include "replication/metadata_image.h"

#include <malloc.h>
#include <stdio.h>

#include "protocol/messages.h"
#include "protocol/record_batch.h"
#include "replication/metadata_delta.h"
#include "replication/metadata_image_internal.h"
#include "tests/support/check_main.h"
#include "tests/unit/replication/metadata_log_file.h"

static struct uuid id_of(int n)
{
    struct uuid id = UUID_ZERO;
    memcpy(id.bytes, &n, sizeof(n));
    id.bytes[15] = 1;
    return id;
}

static struct metadata_image *new_image(void)
{
    struct metadata_image *image = metadata_image_create(NULL);
    ck_assert_ptr_nonnull(image);
    return image;
}

static int apply_to(struct metadata_image *image, const struct message_type *type,
                    const void *message, struct metadata_delta *delta)
{
    struct metadata_record record = {type, type->max_version, message};
    struct err err = {0};
    return metadata_image_apply(image, &record, delta, &err);
}

static void add_topic(struct metadata_image *image, int id, const char *name)
{
    struct topic_record record = {.name = str_of(name), .topic_id = id_of(id)};
    ck_assert_int_eq(apply_to(image, &topic_record_type, &record, NULL), 0);
}

static void add_partition(struct metadata_image *image, int id, int32_t partition)
{
    int32_t replicas[] = {1};
    struct uuid directory = id_of(77);
    struct partition_record record = PARTITION_RECORD_INIT;
    record.topic_id = id_of(id);
    record.partition_id = partition;
    record.replicas = record.isr = replicas;
    record.replicas_count = record.isr_count = 1;
    record.directories = &directory;
    record.directories_count = 1;
    record.leader = 1;
    record.leader_epoch = record.partition_epoch = 0;
    ck_assert_int_eq(apply_to(image, &partition_record_type, &record, NULL), 0);
}

static void set_config(struct metadata_image *image, enum config_resource_type type,
                       const char *resource, const char *name, const char *value)
{
    struct config_record record = {.resource_type = (int8_t)type,
                                   .resource_name = str_of(resource),
                                   .name = str_of(name),
                                   .value = str_of(value)};
    ck_assert_int_eq(apply_to(image, &config_record_type, &record, NULL), 0);
}

START_TEST(a_topic_is_found_by_name_and_by_id_until_it_is_removed)
{
    struct metadata_image *image = new_image();
    add_topic(image, 1, "orders");
    add_partition(image, 1, 0);
    set_config(image, CONFIG_RESOURCE_TOPIC, "orders", "retention.ms", "5");

    const struct metadata_topic *topic = metadata_image_topic(image, str_of("orders"));
    ck_assert_ptr_nonnull(topic);
    ck_assert_ptr_eq(metadata_image_topic_by_id(image, id_of(1)), topic);
    ck_assert_ptr_null(metadata_image_topic(image, str_of("order")));
    ck_assert_int_eq(metadata_image_partition_count(image), 1);

    struct remove_topic_record gone = {.topic_id = id_of(1)};
    ck_assert_int_eq(apply_to(image, &remove_topic_record_type, &gone, NULL), 0);
    ck_assert_ptr_null(metadata_image_topic(image, str_of("orders")));
    ck_assert_ptr_null(metadata_image_topic_by_id(image, id_of(1)));
    ck_assert_int_eq(metadata_image_partition_count(image), 0);
    ck_assert_int_eq(
        metadata_image_configs(image, CONFIG_RESOURCE_TOPIC, str_of("orders")).count,
        0);
    metadata_image_destroy(image);
}
END_TEST

START_TEST(names_that_differ_in_dots_and_underscores_collide)
{
    struct metadata_image *image = new_image();
    add_topic(image, 1, "a.b_c");
    ck_assert_ptr_nonnull(metadata_image_colliding_topic(image, str_of("a_b.c")));
    ck_assert_ptr_nonnull(metadata_image_colliding_topic(image, str_of("a.b_c")));
    ck_assert_ptr_null(metadata_image_colliding_topic(image, str_of("a-b_c")));
    ck_assert_ptr_null(metadata_image_topic(image, str_of("a_b.c")));
    metadata_image_destroy(image);
}
END_TEST

START_TEST(topics_are_listed_by_name_also_after_changes)
{
    struct metadata_image *image = new_image();
    int32_t count;
    ck_assert_ptr_null(metadata_image_topics(image, &count));
    ck_assert_int_eq(count, 0);
    add_topic(image, 1, "b");
    add_topic(image, 2, "a");
    ck_assert_int_eq(metadata_image_topics(image, &count)[0]->name[0], 'a');
    add_topic(image, 3, "A");
    const struct metadata_topic *const *all = metadata_image_topics(image, &count);
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(all[0]->name, "A");
    ck_assert_str_eq(all[1]->name, "a");
    ck_assert_str_eq(all[2]->name, "b");
    metadata_image_destroy(image);
}
END_TEST

START_TEST(a_change_that_names_a_leader_begins_an_epoch_even_with_the_same_leader)
{
    struct metadata_image *image = new_image();
    add_topic(image, 1, "t");
    add_partition(image, 1, 0);
    struct partition_change_record change = PARTITION_CHANGE_RECORD_INIT;
    change.topic_id = id_of(1);
    change.partition_id = 0;
    int32_t elr[] = {1};
    change.eligible_leader_replicas = elr;
    change.eligible_leader_replicas_count = 1;
    ck_assert_int_eq(apply_to(image, &partition_change_record_type, &change, NULL), 0);
    const struct metadata_partition *p =
        metadata_topic_partition(metadata_image_topic(image, str_of("t")), 0);
    ck_assert_int_eq(p->leader_epoch, 0);
    ck_assert_int_eq(p->partition_epoch, 1);
    ck_assert_int_eq(metadata_partition_isr(p).count, 1);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_ELR).ids[0], 1);

    change.leader = 1;
    ck_assert_int_eq(apply_to(image, &partition_change_record_type, &change, NULL), 0);
    ck_assert_int_eq(p->leader_epoch, 1);
    ck_assert_int_eq(p->partition_epoch, 2);
    metadata_image_destroy(image);
}
END_TEST

START_TEST(partitions_of_many_replicas_keep_every_list)
{
    struct metadata_image *image = new_image();
    add_topic(image, 1, "t");
    int32_t replicas[] = {3, 1, 2}, isr[] = {3, 2}, adding[] = {2}, elr[] = {1};
    struct uuid directories[] = {id_of(30), id_of(10), id_of(20)};
    struct partition_record r = PARTITION_RECORD_INIT;
    r.topic_id = id_of(1);
    r.partition_id = 2; /* a gap before it */
    r.replicas = replicas, r.replicas_count = 3;
    r.isr = isr, r.isr_count = 2;
    r.adding_replicas = adding, r.adding_replicas_count = 1;
    r.eligible_leader_replicas = elr, r.eligible_leader_replicas_count = 1;
    r.directories = directories, r.directories_count = 3;
    r.leader = 3;
    ck_assert_int_eq(apply_to(image, &partition_record_type, &r, NULL), 0);

    const struct metadata_topic *topic = metadata_image_topic(image, str_of("t"));
    ck_assert_ptr_null(metadata_topic_partition(topic, 0));
    ck_assert_ptr_null(metadata_topic_partition(topic, 3));
    const struct metadata_partition *p = metadata_topic_partition(topic, 2);
    ck_assert_int_eq(metadata_partition_replicas(p).count, 3);
    ck_assert_int_eq(metadata_partition_replicas(p).ids[1], 1);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_ADDING_REPLICAS).ids[0], 2);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_ELR).ids[0], 1);
    ck_assert(uuid_equal(metadata_partition_directory(p, 2), id_of(20)));

    /* Shrinks to one replica, and so into the struct. */
    struct partition_change_record change = PARTITION_CHANGE_RECORD_INIT;
    change.topic_id = id_of(1);
    change.partition_id = 2;
    change.replicas = replicas, change.replicas_count = 1;
    change.isr = replicas, change.isr_count = 1;
    change.adding_replicas_count = change.eligible_leader_replicas_count = 0;
    change.directories = directories, change.directories_count = 1;
    ck_assert_int_eq(apply_to(image, &partition_change_record_type, &change, NULL), 0);
    ck_assert_int_eq(metadata_partition_replicas(p).count, 1);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_ADDING_REPLICAS).count, 0);
    ck_assert(uuid_equal(metadata_partition_directory(p, 0), id_of(30)));
    metadata_image_destroy(image);
}
END_TEST

START_TEST(records_that_do_not_fit_are_refused)
{
    struct metadata_image *image = new_image();
    add_topic(image, 1, "t");
    struct topic_record twin = {.name = str_of("t"), .topic_id = id_of(2)};
    ck_assert_int_eq(apply_to(image, &topic_record_type, &twin, NULL), ERR_CORRUPT);
    struct remove_topic_record gone = {.topic_id = id_of(2)};
    ck_assert_int_eq(apply_to(image, &remove_topic_record_type, &gone, NULL),
                     ERR_CORRUPT);
    struct partition_record r = PARTITION_RECORD_INIT;
    r.topic_id = id_of(2);
    r.partition_id = 0;
    ck_assert_int_eq(apply_to(image, &partition_record_type, &r, NULL), ERR_CORRUPT);
    r.topic_id = id_of(1);
    r.partition_id = INT32_MAX;
    ck_assert_int_eq(apply_to(image, &partition_record_type, &r, NULL), ERR_CORRUPT);
    struct partition_change_record change = PARTITION_CHANGE_RECORD_INIT;
    change.topic_id = id_of(1);
    change.partition_id = 0;
    ck_assert_int_eq(apply_to(image, &partition_change_record_type, &change, NULL),
                     ERR_CORRUPT);
    struct unfence_broker_record unfence = {.id = 4};
    ck_assert_int_eq(apply_to(image, &unfence_broker_record_type, &unfence, NULL),
                     ERR_CORRUPT);
    struct end_transaction_record end = {0};
    ck_assert_int_eq(apply_to(image, &end_transaction_record_type, &end, NULL),
                     ERR_CORRUPT);
    metadata_image_destroy(image);
}
END_TEST

START_TEST(a_transaction_shows_at_its_end_and_never_when_aborted)
{
    struct metadata_image *image = new_image();
    struct begin_transaction_record begin = BEGIN_TRANSACTION_RECORD_INIT;
    struct end_transaction_record end = {0};
    struct abort_transaction_record abort_record = ABORT_TRANSACTION_RECORD_INIT;

    ck_assert_int_eq(apply_to(image, &begin_transaction_record_type, &begin, NULL), 0);
    add_topic(image, 1, "t");
    add_partition(image, 1, 0);
    ck_assert(metadata_image_in_transaction(image));
    ck_assert_ptr_null(metadata_image_topic(image, str_of("t")));
    ck_assert_int_eq(apply_to(image, &end_transaction_record_type, &end, NULL), 0);
    ck_assert_ptr_nonnull(metadata_image_topic(image, str_of("t")));
    ck_assert_int_eq(metadata_image_partition_count(image), 1);

    ck_assert_int_eq(apply_to(image, &begin_transaction_record_type, &begin, NULL), 0);
    add_topic(image, 2, "u");
    ck_assert_int_eq(
        apply_to(image, &abort_transaction_record_type, &abort_record, NULL), 0);
    ck_assert(!metadata_image_in_transaction(image));
    ck_assert_ptr_null(metadata_image_topic(image, str_of("u")));
    metadata_image_destroy(image);
}
END_TEST

START_TEST(configs_are_kept_by_resource_and_go_with_a_null)
{
    struct metadata_image *image = new_image();
    set_config(image, CONFIG_RESOURCE_BROKER, "", "z", "1");
    set_config(image, CONFIG_RESOURCE_BROKER, "", "a", "2");
    set_config(image, CONFIG_RESOURCE_BROKER, "", "a", "3");
    set_config(image, CONFIG_RESOURCE_GROUP, "g", "a", "4");
    struct metadata_configs configs =
        metadata_image_configs(image, CONFIG_RESOURCE_BROKER, str_of(""));
    ck_assert_int_eq(configs.count, 2);
    ck_assert(str_is(configs.items[0].name, "a") &&
              str_is(configs.items[0].value, "3"));
    ck_assert(str_is(
        metadata_image_config(image, CONFIG_RESOURCE_GROUP, str_of("g"), "a"), "4"));
    set_config(image, CONFIG_RESOURCE_GROUP, "g", "a", NULL);
    ck_assert_int_eq(
        metadata_image_configs(image, CONFIG_RESOURCE_GROUP, str_of("g")).count, 0);
    metadata_image_destroy(image);
}
END_TEST

START_TEST(a_delta_tells_what_a_change_touched)
{
    struct metadata_image *image = new_image();
    struct metadata_delta delta = METADATA_DELTA_INIT;
    add_topic(image, 1, "old");
    add_partition(image, 1, 0);

    struct topic_record topic = {.name = str_of("new"), .topic_id = id_of(2)};
    apply_to(image, &topic_record_type, &topic, &delta);
    struct partition_record p = PARTITION_RECORD_INIT;
    p.topic_id = id_of(2);
    p.partition_id = 0;
    apply_to(image, &partition_record_type, &p, &delta);
    struct remove_topic_record gone = {.topic_id = id_of(1)};
    apply_to(image, &remove_topic_record_type, &gone, &delta);

    ck_assert_int_eq(delta.topics_created_count, 1);
    ck_assert_int_eq(delta.partition_count, 1);
    ck_assert(delta.partitions[0].added);
    ck_assert_int_eq(delta.topics_removed_count, 1);
    ck_assert(str_is(delta.topics_removed[0].name, "old"));
    ck_assert_int_eq(delta.topics_removed[0].partition_count, 1);

    /* What came and went within the delta never was. */
    struct remove_topic_record new_gone = {.topic_id = id_of(2)};
    apply_to(image, &remove_topic_record_type, &new_gone, &delta);
    ck_assert_int_eq(delta.topics_created_count, 0);
    ck_assert_int_eq(delta.partition_count, 0);
    ck_assert_int_eq(delta.topics_removed_count, 1);
    metadata_delta_clear(&delta);
    ck_assert(metadata_delta_is_empty(&delta));
    metadata_image_destroy(image);
}
END_TEST

/* Appends every record of an image as "TypeName{json}\n". */
static int print_record(void *context, const struct metadata_record *record,
                        struct err *err)
{
    (void)err;
    struct buf *out = context;
    buf_printf(out, "%s ", record->type->name);
    record->type->to_json(out, record->version, record->message);
    buf_append(out, "\n", 1);
    return 0;
}

static int apply_record(void *context, const struct metadata_record *record,
                        struct err *err)
{
    return metadata_image_apply(context, record, NULL, err);
}

static struct buf print_image(const struct metadata_image *image)
{
    struct buf out = BUF_INIT;
    ck_assert_int_eq(metadata_image_write(image, print_record, &out, NULL), 0);
    buf_append(&out, "", 1);
    return out;
}

static void add_kept_records(struct metadata_image *image)
{
    struct client_quota_record_entity_data both[] = {{str_of("user"), str_of("u")},
                                                     {str_of("client-id"), STR_NULL}};
    struct client_quota_record quota = {.entity = both,
                                        .entity_count = 2,
                                        .key = str_of("producer_byte_rate"),
                                        .value = 9};
    ck_assert_int_eq(apply_to(image, &client_quota_record_type, &quota, NULL), 0);
    struct user_scram_credential_record scram = {.name = str_of("u"),
                                                 .mechanism = 1,
                                                 .salt = BYTES_EMPTY,
                                                 .stored_key = BYTES_EMPTY,
                                                 .server_key = BYTES_EMPTY,
                                                 .iterations = 4096};
    ck_assert_int_eq(apply_to(image, &user_scram_credential_record_type, &scram, NULL),
                     0);
    struct access_control_entry_record acl = ACCESS_CONTROL_ENTRY_RECORD_INIT;
    acl.id = id_of(5);
    acl.principal = str_of("User:u");
    ck_assert_int_eq(apply_to(image, &access_control_entry_record_type, &acl, NULL), 0);
    struct delegation_token_record token = DELEGATION_TOKEN_RECORD_INIT;
    token.token_id = str_of("token");
    ck_assert_int_eq(apply_to(image, &delegation_token_record_type, &token, NULL), 0);
}

START_TEST(what_is_not_used_yet_is_in_snapshots_until_it_is_removed)
{
    struct metadata_image *image = new_image();
    add_kept_records(image);
    add_kept_records(image); /* again: takes the place of the first */
    struct buf text = print_image(image);
    const char *all = (const char *)text.data;
    const char *names[] = {"ClientQuotaRecord", "AccessControlEntryRecord",
                           "UserScramCredentialRecord", "DelegationTokenRecord"};
    for (size_t i = 0; i < 4; i++) {
        const char *at = strstr(all, names[i]);
        ck_assert_ptr_nonnull(at);
        ck_assert_ptr_null(strstr(at + 1, names[i]));
    }
    buf_free(&text);

    struct client_quota_record_entity_data turned[] = {{str_of("client-id"), STR_NULL},
                                                       {str_of("user"), str_of("u")}};
    struct client_quota_record quota = {.entity = turned,
                                        .entity_count = 2,
                                        .key = str_of("producer_byte_rate"),
                                        .remove = true};
    apply_to(image, &client_quota_record_type, &quota, NULL);
    struct remove_user_scram_credential_record scram = {.name = str_of("u"),
                                                        .mechanism = 1};
    apply_to(image, &remove_user_scram_credential_record_type, &scram, NULL);
    struct remove_access_control_entry_record acl = {.id = id_of(5)};
    apply_to(image, &remove_access_control_entry_record_type, &acl, NULL);
    struct remove_delegation_token_record token = {.token_id = str_of("token")};
    apply_to(image, &remove_delegation_token_record_type, &token, NULL);
    text = print_image(image);
    ck_assert_str_eq((const char *)text.data, "");
    buf_free(&text);
    metadata_image_destroy(image);
}
END_TEST

START_TEST(the_log_of_a_real_kafka_gives_the_image_that_its_dump_describes)
{
    struct metadata_image *image = new_image();
    ck_assert_int_eq(metadata_log_file_replay(SAMPLE_METADATA_LOG, apply_record, image),
                     200);

    ck_assert_int_eq(metadata_image_feature(image, str_of("metadata.version")), 30);
    ck_assert_int_eq(metadata_image_feature(image, str_of("transaction.version")), 2);
    ck_assert_int_eq(metadata_image_feature(image, str_of("kraft.version")), 0);
    ck_assert_int_eq(metadata_image_topic_count(image), 12);
    ck_assert_int_eq(metadata_image_partition_count(image), 13);
    const struct metadata_topic *plain = metadata_image_topic(image, str_of("plain"));
    char text[UUID_TEXT_SIZE];
    ck_assert_str_eq(uuid_text(plain->id, text), "pCj5ox7MRi2CutXGlrDO1Q");
    const struct metadata_partition *p = metadata_topic_partition(plain, 1);
    ck_assert_int_eq(p->leader, NO_LEADER);
    ck_assert_int_eq(p->leader_epoch, 1);
    ck_assert_int_eq(metadata_partition_isr(p).count, 0);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_ELR).ids[0], 1);
    ck_assert_int_eq(metadata_partition_list(p, PARTITION_LAST_KNOWN_ELR).ids[0], 1);
    ck_assert_str_eq(uuid_text(metadata_partition_directory(p, 0), text),
                     "j677plo9svUdzEbE86FWOA");
    ck_assert(str_is(metadata_image_config(image, CONFIG_RESOURCE_TOPIC,
                                           str_of("compacted"), "segment.ms"),
                     "300"));
    ck_assert(str_is(metadata_image_config(image, CONFIG_RESOURCE_BROKER, str_of(""),
                                           "min.insync.replicas"),
                     "1"));
    const struct metadata_broker *broker = metadata_image_broker(image, 1);
    ck_assert_int_eq(broker->epoch, 12);
    ck_assert(broker->fenced && broker->in_controlled_shutdown);
    ck_assert_int_eq(metadata_broker_endpoint(broker, str_of("PLAINTEXT"))->port, 9300);
    ck_assert_ptr_null(metadata_broker_endpoint(broker, str_of("SSL")));
    ck_assert_int_eq(metadata_image_controller(image, 1)->endpoints[0].port, 9301);
    ck_assert_int_eq(metadata_image_next_producer_id(image), 1000);
    metadata_image_destroy(image);
}
END_TEST

/* Everything of a partition but its lists, which the text compares. */
static void check_epochs(struct metadata_image *image, struct metadata_image *other)
{
    int32_t count;
    const struct metadata_topic *const *topics = metadata_image_topics(image, &count);
    for (int32_t i = 0; i < count; i++) {
        const struct metadata_topic *twin =
            metadata_image_topic(other, metadata_topic_name(topics[i]));
        ck_assert_ptr_nonnull(twin);
        ck_assert(uuid_equal(twin->id, topics[i]->id));
        for (int32_t j = 0; j < topics[i]->partition_count; j++) {
            const struct metadata_partition *p = metadata_topic_partition(topics[i], j);
            const struct metadata_partition *q = metadata_topic_partition(twin, j);
            ck_assert_int_eq(p->leader, q->leader);
            ck_assert_int_eq(p->leader_epoch, q->leader_epoch);
            ck_assert_int_eq(p->partition_epoch, q->partition_epoch);
            ck_assert_int_eq(metadata_partition_list(p, PARTITION_ELR).count,
                             metadata_partition_list(q, PARTITION_ELR).count);
            ck_assert(uuid_equal(metadata_partition_directory(p, 0),
                                 metadata_partition_directory(q, 0)));
        }
    }
}

START_TEST(an_image_written_and_read_again_is_the_same)
{
    struct metadata_image *image = new_image();
    metadata_log_file_replay(SAMPLE_METADATA_LOG, apply_record, image);
    add_kept_records(image);
    struct metadata_image *again = new_image();
    ck_assert_int_eq(metadata_image_write(image, apply_record, again, NULL), 0);
    struct buf one = print_image(image), other = print_image(again);
    ck_assert_int_gt(one.len, 4000);
    check_epochs(image, again);
    ck_assert_str_eq((const char *)one.data, (const char *)other.data);
    buf_free(&one);
    buf_free(&other);
    metadata_image_destroy(again);
    metadata_image_destroy(image);
}
END_TEST

START_TEST(ten_thousand_partitions_stay_small)
{
    size_t before = mallinfo2().uordblks;
    struct metadata_image *image = new_image();
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "topic-%d", i);
        add_topic(image, i, name);
        for (int32_t p = 0; p < 100; p++)
            add_partition(image, i, p);
    }
    size_t used = mallinfo2().uordblks - before;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ck_assert_uint_gt(used, 10000 * sizeof(struct metadata_partition));
    ck_assert_uint_lt(used, 1500 * 1024);
#else
    (void)used;
#endif
    metadata_image_destroy(image);
}
END_TEST

GREGOR_TESTS("metadata_image", a_topic_is_found_by_name_and_by_id_until_it_is_removed,
             names_that_differ_in_dots_and_underscores_collide,
             topics_are_listed_by_name_also_after_changes,
             a_change_that_names_a_leader_begins_an_epoch_even_with_the_same_leader,
             partitions_of_many_replicas_keep_every_list,
             records_that_do_not_fit_are_refused,
             a_transaction_shows_at_its_end_and_never_when_aborted,
             configs_are_kept_by_resource_and_go_with_a_null,
             a_delta_tells_what_a_change_touched,
             what_is_not_used_yet_is_in_snapshots_until_it_is_removed,
             the_log_of_a_real_kafka_gives_the_image_that_its_dump_describes,
             an_image_written_and_read_again_is_the_same,
             ten_thousand_partitions_stay_small)
