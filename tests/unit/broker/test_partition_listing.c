/* tests/unit/broker/test_partition_listing.c
 *
 * A cluster of three brokers, as one broker alone never shows it. */
#include "broker/api/partition_listing.h"

#include "protocol/messages.h"
#include "tests/support/check_main.h"

#define LISTENER STR_LITERAL("PLAINTEXT")

static struct uuid id_of(uint8_t n)
{
    return (struct uuid){{[0] = n, [15] = n}};
}

static const struct uuid DIRECTORY_LOST = {{[15] = 1}};

struct cluster {
    struct metadata_image *image;
    struct arena arena;
};

static void apply(struct cluster *c, const struct message_type *type,
                  const void *message)
{
    struct metadata_record record = {type, type->max_version, message};
    struct err err = {0};
    ck_assert_msg(metadata_image_apply(c->image, &record, NULL, &err) == 0, "%s",
                  err.message);
}

/* Each broker has one directory, of the broker's id. */
static void add_broker(struct cluster *c, int32_t id, struct str listener, bool fenced)
{
    struct uuid directory = id_of((uint8_t)(100 + id));
    struct register_broker_record_broker_endpoint endpoint =
        REGISTER_BROKER_RECORD_BROKER_ENDPOINT_INIT;
    endpoint.name = listener;
    endpoint.host = STR_LITERAL("localhost");
    endpoint.port = 9092;
    struct register_broker_record record = REGISTER_BROKER_RECORD_INIT;
    record.broker_id = id;
    record.end_points = &endpoint;
    record.end_points_count = 1;
    record.log_dirs = &directory;
    record.log_dirs_count = 1;
    record.fenced = fenced;
    apply(c, &register_broker_record_type, &record);
}

static void cluster_open(struct cluster *c)
{
    *c = (struct cluster){.image = metadata_image_create(NULL)};
    ck_assert_ptr_nonnull(c->image);
    struct topic_record topic = {.name = STR_LITERAL("orders"), .topic_id = id_of(1)};
    apply(c, &topic_record_type, &topic);
}

static void cluster_close(struct cluster *c)
{
    metadata_image_destroy(c->image);
    arena_reset(&c->arena);
}

/* Partition 0 with replicas on brokers 1 to 3, the last in `third_directory`. */
static const struct metadata_partition *add_partition(struct cluster *c, int32_t leader,
                                                      struct uuid third_directory)
{
    int32_t replicas[] = {1, 2, 3};
    struct uuid directories[] = {id_of(101), id_of(102), third_directory};
    struct partition_record record = PARTITION_RECORD_INIT;
    record.partition_id = 0;
    record.topic_id = id_of(1);
    record.replicas = record.isr = replicas;
    record.replicas_count = record.isr_count = 3;
    record.directories = directories;
    record.directories_count = 3;
    record.leader = leader;
    apply(c, &partition_record_type, &record);
    return metadata_topic_partition(
        metadata_image_topic(c->image, STR_LITERAL("orders")), 0);
}

static struct partition_listing list(struct cluster *c,
                                     const struct metadata_partition *p)
{
    struct partition_listing out;
    ck_assert(partition_listing_of(c->image, LISTENER, p, KAFKA_LISTENER_NOT_FOUND,
                                   &c->arena, &out));
    return out;
}

static void check_offline(const struct partition_listing *listing, int32_t id)
{
    ck_assert_int_eq(listing->offline.count, 1);
    ck_assert_int_eq(listing->offline.ids[0], id);
}

START_TEST(a_healthy_partition_has_no_error_and_nobody_offline)
{
    struct cluster c;
    cluster_open(&c);
    for (int32_t id = 1; id <= 3; id++)
        add_broker(&c, id, LISTENER, false);
    struct partition_listing listing = list(&c, add_partition(&c, 2, id_of(103)));
    ck_assert_int_eq(listing.error, KAFKA_NONE);
    ck_assert_int_eq(listing.leader, 2);
    ck_assert_int_eq(listing.offline.count, 0);
    cluster_close(&c);
}
END_TEST

START_TEST(a_fenced_broker_and_an_unknown_one_are_offline)
{
    struct cluster c;
    cluster_open(&c);
    add_broker(&c, 1, LISTENER, false);
    add_broker(&c, 2, LISTENER, true);
    struct partition_listing listing = list(&c, add_partition(&c, 1, id_of(103)));
    ck_assert_int_eq(listing.error, KAFKA_NONE);
    ck_assert_int_eq(listing.offline.count, 2);
    ck_assert_int_eq(listing.offline.ids[0], 2);
    ck_assert_int_eq(listing.offline.ids[1], 3);
    cluster_close(&c);
}
END_TEST

START_TEST(a_leader_without_the_listener_is_not_named)
{
    struct cluster c;
    cluster_open(&c);
    add_broker(&c, 1, LISTENER, false);
    add_broker(&c, 2, STR_LITERAL("INTERNAL"), false);
    add_broker(&c, 3, LISTENER, false);
    struct partition_listing listing = list(&c, add_partition(&c, 2, id_of(103)));
    ck_assert_int_eq(listing.error, KAFKA_LISTENER_NOT_FOUND);
    ck_assert_int_eq(listing.leader, -1);
    check_offline(&listing, 2);
    cluster_close(&c);
}
END_TEST

START_TEST(without_a_leader_it_is_not_available)
{
    struct cluster c;
    cluster_open(&c);
    for (int32_t id = 1; id <= 3; id++)
        add_broker(&c, id, LISTENER, false);
    struct partition_listing listing =
        list(&c, add_partition(&c, NO_LEADER, id_of(103)));
    ck_assert_int_eq(listing.error, KAFKA_LEADER_NOT_AVAILABLE);
    ck_assert_int_eq(listing.leader, -1);
    ck_assert_int_eq(listing.offline.count, 0);
    cluster_close(&c);
}
END_TEST

START_TEST(a_replica_in_a_lost_or_foreign_directory_is_offline)
{
    struct cluster c;
    cluster_open(&c);
    for (int32_t id = 1; id <= 3; id++)
        add_broker(&c, id, LISTENER, false);
    struct partition_listing listing = list(&c, add_partition(&c, 1, DIRECTORY_LOST));
    check_offline(&listing, 3);
    listing = list(&c, add_partition(&c, 1, id_of(99)));
    check_offline(&listing, 3);
    listing = list(&c, add_partition(&c, 1, UUID_ZERO));
    ck_assert_int_eq(listing.offline.count, 0);
    cluster_close(&c);
}
END_TEST

START_TEST(only_reachable_brokers_are_kept)
{
    struct cluster c;
    cluster_open(&c);
    add_broker(&c, 1, LISTENER, true);
    add_broker(&c, 2, LISTENER, false);
    add_broker(&c, 3, STR_LITERAL("INTERNAL"), false);
    int32_t ids[] = {1, 2, 3, 4};
    struct broker_ids all = {ids, 4}, reachable;
    ck_assert(broker_ids_reachable(c.image, LISTENER, all, &c.arena, &reachable));
    ck_assert_int_eq(reachable.count, 1);
    ck_assert_int_eq(reachable.ids[0], 2);
    cluster_close(&c);
}
END_TEST

GREGOR_TESTS("partition_listing", a_healthy_partition_has_no_error_and_nobody_offline,
             a_fenced_broker_and_an_unknown_one_are_offline,
             a_leader_without_the_listener_is_not_named,
             without_a_leader_it_is_not_available,
             a_replica_in_a_lost_or_foreign_directory_is_offline,
             only_reachable_brokers_are_kept)
