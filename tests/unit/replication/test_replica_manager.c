#include "replication/replica_manager.h"

#include "tests/support/check_main.h"
#include "tests/unit/replication/replica_fixture.h"

/* The linker puts this before the real one, which fails only without memory. */
static bool creating_fails;

int __real_log_manager_create(struct log_manager *m, struct log_handle *const *handles,
                              int count, struct log_request *r, struct err *err);
int __wrap_log_manager_create(struct log_manager *m, struct log_handle *const *handles,
                              int count, struct log_request *r, struct err *err);

int __wrap_log_manager_create(struct log_manager *m, struct log_handle *const *handles,
                              int count, struct log_request *r, struct err *err)
{
    if (creating_fails)
        return err_nomem(err);
    return __real_log_manager_create(m, handles, count, r, err);
}

static struct partition *find(struct replica_fixture *f, int id, int32_t partition)
{
    return replica_manager_find(f->m, replica_topic_id(id), partition);
}

/* A topic of node 1 alone. */
static void make_topic(struct replica_fixture *f, int id, const char *name,
                       int32_t partitions)
{
    put_topic(f, id, name);
    for (int32_t i = 0; i < partitions; i++)
        put_partition(f, id, i, REPLICA_NODE, 0);
}

START_TEST(a_new_topic_is_answered_when_its_folders_are_there)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 2);
    publish(&f);
    ck_assert_int_eq(f.published, 0);
    fake_executor_run(&f.executor);
    ck_assert_int_eq(f.published, 1);
    ck_assert(fake_disk_has(&f.disk, "data/t-0/partition.metadata"));
    ck_assert(fake_disk_has(&f.disk, "data/t-1/partition.metadata"));
    struct partition *p = open_partition(&f, 1, 1);
    ck_assert_int_eq(p->leader_id, REPLICA_NODE);
    ck_assert_int_eq(append_one(&f, p), 0);
    ck_assert_ptr_null(find(&f, 1, 2));
    ck_assert_ptr_null(find(&f, 1, -1));
    ck_assert_ptr_null(find(&f, 2, 0));
    replica_fixture_close(&f);
}
END_TEST

START_TEST(replicas_of_other_nodes_are_not_ours)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    put_topic(&f, 1, "t");
    put_partition(&f, 1, 0, 2, 3);
    put_partition(&f, 1, 1, 2, REPLICA_NODE);
    publish_and_run(&f);
    ck_assert_ptr_null(find(&f, 1, 0));
    ck_assert(!fake_disk_has(&f.disk, "data/t-0/partition.metadata"));
    ck_assert_ptr_nonnull(find(&f, 1, 1));
    ck_assert_int_eq(find(&f, 1, 1)->leader_id, 2);
    ck_assert_int_eq(find(&f, 1, 1)->in_sync_count, 2);
    put_topic(&f, 2, "elsewhere");
    put_partition(&f, 2, 0, 2, 0);
    put_removal(&f, 2); /* and none of a removed one either */
    publish_and_run(&f);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_topic_grows)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 1);
    publish_and_run(&f);
    struct partition *p = open_partition(&f, 1, 0);
    ck_assert_int_eq(append_one(&f, p), 0);
    put_partition(&f, 1, 5, REPLICA_NODE, 0);
    publish_and_run(&f);
    ck_assert_ptr_eq(find(&f, 1, 0), p);
    ck_assert_ptr_null(find(&f, 1, 4));
    ck_assert_int_eq(append_one(&f, open_partition(&f, 1, 5)), 0);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_replica_follows_its_leader)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    put_topic(&f, 1, "t");
    put_partition(&f, 1, 0, REPLICA_NODE, 2);
    publish_and_run(&f);
    put_leader(&f, 1, 0, 2);
    publish_and_run(&f);
    struct partition *p = open_partition(&f, 1, 0);
    ck_assert_int_eq(p->leader_id, 2);
    ck_assert_int_eq(p->leader_epoch, 1);
    ck_assert_int_eq(partition_check_leader(p, 1, NULL), ERR_NOT_LEADER_OR_FOLLOWER);
    ck_assert_int_eq(partition_check_leader(p, 0, NULL), ERR_FENCED_LEADER_EPOCH);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_deleted_topic_is_gone_at_once_and_its_names_are_free_when_answered)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 2);
    publish_and_run(&f);
    open_partition(&f, 1, 0);
    put_removal(&f, 1);
    publish(&f);
    ck_assert_ptr_null(find(&f, 1, 0));
    ck_assert_int_eq(f.published, 1);
    fake_executor_run(&f.executor);
    ck_assert_int_eq(f.published, 2);
    ck_assert(!fake_disk_has(&f.disk, "data/t-0/partition.metadata"));
    ck_assert(!fake_disk_has(&f.disk, "data/t-1/partition.metadata"));
    replica_fixture_close(&f);
}
END_TEST

static void check_new_topic_is_empty(struct replica_fixture *f)
{
    struct partition *p = open_partition(f, 2, 0);
    ck_assert_int_eq(partition_log_end_offset(partition_log_of(p)), 0);
    ck_assert_int_eq(append_one(f, p), 0);
    ck_assert_ptr_null(find(f, 1, 0));
}

START_TEST(a_name_is_made_anew_in_the_next_change)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 1);
    publish_and_run(&f);
    ck_assert_int_eq(append_one(&f, open_partition(&f, 1, 0)), 0);
    put_removal(&f, 1);
    publish(&f);
    make_topic(&f, 2, "t", 1); /* the deletion is still under way */
    publish(&f);
    fake_executor_run(&f.executor);
    ck_assert_int_eq(f.published, 3);
    check_new_topic_is_empty(&f);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_name_is_made_anew_in_the_same_change)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 1);
    publish_and_run(&f);
    ck_assert_int_eq(append_one(&f, open_partition(&f, 1, 0)), 0);
    put_removal(&f, 1);
    make_topic(&f, 2, "t", 1);
    publish_and_run(&f);
    check_new_topic_is_empty(&f);
    replica_fixture_close(&f);
}
END_TEST

static const struct topic_config *config_of(struct replica_fixture *f, int id)
{
    return partition_log_config(partition_log_of(open_partition(f, id, 0)));
}

START_TEST(open_logs_follow_the_settings_of_topic_and_broker)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "own", 1);
    make_topic(&f, 2, "plain", 1);
    put_config(&f, CONFIG_RESOURCE_TOPIC, "own", "max.message.bytes", "1000");
    publish_and_run(&f);
    int32_t standard = config_of(&f, 2)->max_message_bytes;
    ck_assert_int_eq(config_of(&f, 1)->max_message_bytes, 1000);
    put_config(&f, CONFIG_RESOURCE_TOPIC, "own", "max.message.bytes", "2000");
    publish_and_run(&f);
    ck_assert_int_eq(config_of(&f, 1)->max_message_bytes, 2000);
    ck_assert_int_eq(config_of(&f, 2)->max_message_bytes, standard);

    /* What the broker's dynamic settings do before the publisher is called. */
    ck_assert_int_eq(broker_config_set_dynamic(f.config, SETTING_SOURCE_DYNAMIC_BROKER,
                                               str_of("message.max.bytes"),
                                               str_of("3000"), &f.err),
                     0);
    put_config(&f, CONFIG_RESOURCE_BROKER, "1", "message.max.bytes", "3000");
    publish_and_run(&f);
    ck_assert_int_eq(config_of(&f, 1)->max_message_bytes, 2000);
    ck_assert_int_eq(config_of(&f, 2)->max_message_bytes, 3000);
    put_config(&f, CONFIG_RESOURCE_TOPIC, "own", "max.message.bytes", NULL);
    publish_and_run(&f);
    ck_assert_int_eq(config_of(&f, 1)->max_message_bytes, 3000);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(settings_that_do_not_hold_leave_the_topic_with_the_defaults)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 1);
    put_config(&f, CONFIG_RESOURCE_TOPIC, "t", "segment.bytes", "tiny");
    publish_and_run(&f);
    ck_assert_ptr_nonnull(strstr(f.traced, "topic t keeps to the default settings"));
    ck_assert_int_eq(append_one(&f, open_partition(&f, 1, 0)), 0);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_start_registers_what_the_image_says)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 2);
    put_topic(&f, 2, "u");
    put_partition(&f, 2, 0, 2, 3);
    ck_assert_int_eq(replica_manager_load(f.m, &f.err), 0);
    ck_assert_ptr_nonnull(find(&f, 1, 0));
    ck_assert_ptr_nonnull(find(&f, 1, 1));
    ck_assert_ptr_null(find(&f, 2, 0));
    ck_assert_int_eq(f.executor.total, 0); /* the disk was not asked */
    ck_assert_int_eq(replica_manager_load(f.m, &f.err), ERR_EXISTS);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(folders_that_the_disk_refuses_leave_their_partitions_offline)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 1);
    fake_disk_fail_nth(&f.disk, 1);
    publish_and_run(&f); /* is answered: the metadata stay */
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert_ptr_nonnull(strstr(f.traced, "new partitions are offline"));
    ck_assert_int_eq(partition_check_leader(find(&f, 1, 0), -1, NULL), ERR_OFFLINE);
    make_topic(&f, 2, "u", 1);
    publish_and_run(&f);
    ck_assert_int_eq(append_one(&f, open_partition(&f, 2, 0)), 0);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(partitions_that_cannot_be_made_are_not_found)
{
    struct replica_fixture f;
    replica_fixture_open(&f);
    make_topic(&f, 1, "t", 2);
    creating_fails = true;
    publish_and_run(&f);
    creating_fails = false;
    ck_assert_ptr_nonnull(strstr(f.traced, "2 new partitions are missing"));
    ck_assert_ptr_null(find(&f, 1, 0));
    ck_assert_ptr_null(find(&f, 1, 1));
    put_partition(&f, 1, 2, REPLICA_NODE, 0);
    publish_and_run(&f);
    ck_assert_int_eq(append_one(&f, open_partition(&f, 1, 2)), 0);
    put_removal(&f, 1);
    publish_and_run(&f);
    replica_fixture_close(&f);
}
END_TEST

GREGOR_TESTS("replica_manager", a_new_topic_is_answered_when_its_folders_are_there,
             replicas_of_other_nodes_are_not_ours, a_topic_grows,
             a_replica_follows_its_leader,
             a_deleted_topic_is_gone_at_once_and_its_names_are_free_when_answered,
             a_name_is_made_anew_in_the_next_change,
             a_name_is_made_anew_in_the_same_change,
             open_logs_follow_the_settings_of_topic_and_broker,
             settings_that_do_not_hold_leave_the_topic_with_the_defaults,
             a_start_registers_what_the_image_says,
             folders_that_the_disk_refuses_leave_their_partitions_offline,
             partitions_that_cannot_be_made_are_not_found)
