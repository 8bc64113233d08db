/* tests/unit/broker/test_consumer_replay.c
 *
 * The records of consumer groups, read: each type, what cannot be read, tombstones of
 * what is not there, and what the log cleaner may leave of a long history. */
#include "broker/group/consumer_records.h"
#include "broker/group/consumer_replay.h"
#include "tests/unit/broker/consumer_fixture.h"

/* ---- machinery -------------------------------------------------------------- */

static void begin(struct group_world *w, struct group_records *records)
{
    group_records_init(records, group_now_ms(&w->env));
}

static void read_back(struct group_world *w, struct group_records *records)
{
    struct group_write ignored = {0};
    ck_assert_int_eq(w->env.change(&w->env, WORLD_GROUP, records, &ignored),
                     KAFKA_NONE);
}

static void write_epoch(struct group_world *w, int32_t epoch)
{
    struct group_records records;
    struct consumer_group_metadata_value value = {epoch, 77};
    begin(w, &records);
    consumer_records_group(&records, WORLD_GROUP, &value);
    read_back(w, &records);
}

static void write_member(struct group_world *w, const char *id, const char *topics)
{
    struct group_records records;
    struct arena arena = ARENA_INIT;
    member_metadata said = CONSUMER_GROUP_MEMBER_METADATA_VALUE_INIT;
    struct name_array names = request_names(topics, &arena);
    said.instance_id = said.rack_id = said.server_assignor = STR_NULL;
    said.subscribed_topic_names = names.items;
    said.subscribed_topic_names_count = names.count;
    said.rebalance_timeout_ms = REBALANCE_MS;
    begin(w, &records);
    consumer_records_member(&records, WORLD_GROUP, str_of(id), &said);
    read_back(w, &records);
    arena_reset(&arena);
}

static void write_current(struct group_world *w, const char *id, const char *assigned)
{
    struct group_records records;
    struct member_assignment current = {.member_epoch = 4, .previous_member_epoch = 3};
    current.assigned = group_world_partitions(w, assigned);
    begin(w, &records);
    consumer_records_current(&records, WORLD_GROUP, str_of(id), &current);
    read_back(w, &records);
    member_assignment_free(&current);
}

static void write_target(struct group_world *w, const char *id, const char *target)
{
    struct group_records records;
    struct partition_set set = group_world_partitions(w, target);
    begin(w, &records);
    consumer_records_target_member(&records, WORLD_GROUP, str_of(id), &set);
    read_back(w, &records);
    partition_set_free(&set);
}

/* All types of key, so that nobody is forgotten below. */
static const enum group_record_type TYPES[] = {
    GROUP_RECORD_CONSUMER_GROUP,         GROUP_RECORD_CONSUMER_PARTITION_METADATA,
    GROUP_RECORD_CONSUMER_MEMBER,        GROUP_RECORD_CONSUMER_TARGET,
    GROUP_RECORD_CONSUMER_TARGET_MEMBER, GROUP_RECORD_CONSUMER_CURRENT,
    GROUP_RECORD_CONSUMER_REGEX,
};
#define TYPE_COUNT (sizeof(TYPES) / sizeof(TYPES[0]))

static bool is_of_group(enum group_record_type type)
{
    return type == GROUP_RECORD_CONSUMER_GROUP ||
           type == GROUP_RECORD_CONSUMER_TARGET ||
           type == GROUP_RECORD_CONSUMER_PARTITION_METADATA;
}

/* A record for group "g" and member "m", byte by byte. `key_len` may cut it short. */
static void write_raw(struct group_world *w, enum group_record_type type, int key_len,
                      struct bytes value)
{
    struct group_records records;
    const uint8_t key[] = {0, (uint8_t)type, 0, 1, 'g', 0, 1, 'm'};
    int len = is_of_group(type) ? 5 : 8;
    begin(w, &records);
    record_batch_builder_add(&records.builder, 0,
                             (struct bytes){key, key_len < len ? key_len : len}, value,
                             NULL, 0);
    records.count++;
    read_back(w, &records);
}

/* ---- each type -------------------------------------------------------------- */

START_TEST(each_record_says_its_part)
{
    struct group_world w;
    struct group_records records;
    struct str topic = STR_LITERAL("a");
    struct consumer_group_target_assignment_metadata_value target = {8, 12345};
    struct consumer_group_regular_expression_value regex = {&topic, 1, 5, 6};
    consumer_fixture_open(&w, NULL);
    write_epoch(&w, 9);
    write_member(&w, "m", "a,b");
    write_target(&w, "m", "a0 b1");
    write_current(&w, "m", "a0");
    begin(&w, &records);
    consumer_records_target(&records, WORLD_GROUP, &target);
    consumer_records_regex(&records, WORLD_GROUP, STR_LITERAL("a.*"), &regex);
    read_back(&w, &records);
    const struct consumer_group *g = group_world_consumer(&w);
    ck_assert_int_eq(g->group_epoch, 9);
    ck_assert_int_eq(g->metadata_hash, 77);
    ck_assert_int_eq(g->assignment_epoch, 8);
    ck_assert_int_eq(g->assignment_timestamp, 12345);
    expect_member(&w, "m", MEMBER_STABLE, "a0", "");
    expect_target(&w, "m", "a0 b1");
    ck_assert(consumer_group_subscribes(g, STR_LITERAL("b")));
    ck_assert_int_eq(consumer_group_regex(g, STR_LITERAL("a.*"))->version, 5);
    ck_assert_int_eq(w.table.unreadable_records, 0);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(each_tombstone_takes_its_part_back)
{
    struct group_world w;
    struct group_records records;
    consumer_fixture_open(&w, NULL);
    write_epoch(&w, 9);
    write_member(&w, "m", "a");
    write_target(&w, "m", "a0");
    write_current(&w, "m", "a0 a1");
    const struct consumer_group *g = group_world_consumer(&w);
    struct uuid a = metadata_image_topic(w.image, STR_LITERAL("a"))->id;
    ck_assert_ptr_nonnull(consumer_group_owner(g, a, 1));

    begin(&w, &records);
    consumer_records_current(&records, WORLD_GROUP, STR_LITERAL("m"), NULL);
    read_back(&w, &records);
    ck_assert_ptr_null(consumer_group_owner(g, a, 1));
    expect_member(&w, "m", MEMBER_STABLE, "", "");

    begin(&w, &records);
    consumer_records_member(&records, WORLD_GROUP, STR_LITERAL("m"), NULL);
    read_back(&w, &records);
    ck_assert_int_eq(g->member_count, 0);
    ck_assert_ptr_nonnull(g->members); /* its target is still there */

    begin(&w, &records);
    consumer_records_target_member(&records, WORLD_GROUP, STR_LITERAL("m"), NULL);
    read_back(&w, &records);
    ck_assert_ptr_null(g->members);

    begin(&w, &records);
    consumer_records_group(&records, WORLD_GROUP, NULL);
    read_back(&w, &records);
    ck_assert_ptr_null(group_world_group(&w));
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(a_group_that_goes_leaves_its_offsets)
{
    struct group_world w;
    struct group_records records;
    struct committed_offset o = {.offset = 5, .expire_timestamp = NO_EXPIRE_TIMESTAMP};
    consumer_fixture_open(&w, NULL);
    write_epoch(&w, 9);
    begin(&w, &records);
    group_records_offset(&records, WORLD_GROUP, STR_LITERAL("a"), UUID_ZERO, &o);
    consumer_records_group(&records, WORLD_GROUP, NULL);
    read_back(&w, &records);
    ck_assert_ptr_null(group_world_consumer(&w));
    ck_assert(classic_group_is_simple(group_world_classic(&w)));
    ck_assert_int_eq(group_world_group(&w)->offsets.count, 1);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

START_TEST(tombstones_of_what_is_not_there_change_nothing)
{
    struct group_world w;
    consumer_fixture_open(&w, NULL);
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        write_raw(&w, TYPES[i], 8, BYTES_NULL);
        ck_assert_ptr_null(group_world_group(&w));
    }
    write_epoch(&w, 9);
    write_member(&w, "n", "a"); /* another one */
    char *before = group_table_text(&w.table, true);
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (!is_of_group(TYPES[i]))
            write_raw(&w, TYPES[i], 8, BYTES_NULL);
    }
    expect_unchanged(&w, before);
    ck_assert_int_eq(w.table.unreadable_records, 0);
    group_world_close(&w);
}
END_TEST

/* ---- what cannot be read ------------------------------------------------------ */

START_TEST(what_cannot_be_read_is_counted_and_left_alone)
{
    static const uint8_t later[] = {0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t cut_short[] = {0};
    static const uint8_t empty[] = {0, 0};
    struct group_world w;
    consumer_fixture_open(&w, NULL);
    write_epoch(&w, 9);
    write_member(&w, "m", "a");
    write_target(&w, "m", "a0");
    write_current(&w, "m", "a0");
    char *before = group_table_text(&w.table, true);
    int32_t unreadable = 0;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (TYPES[i] == GROUP_RECORD_CONSUMER_PARTITION_METADATA)
            continue; /* whatever it says, it is only to be removed */
        write_raw(&w, TYPES[i], 8, (struct bytes){later, sizeof(later)});
        write_raw(&w, TYPES[i], 8, (struct bytes){cut_short, sizeof(cut_short)});
        write_raw(&w, TYPES[i], 8, (struct bytes){empty, sizeof(empty)});
        write_raw(&w, TYPES[i], 3, (struct bytes){later, sizeof(later)}); /* its key */
        unreadable += 4;
        ck_assert_int_eq(w.table.unreadable_records, unreadable);
    }
    expect_unchanged(&w, before);
    group_world_close(&w);
}
END_TEST

START_TEST(records_for_a_group_of_another_kind_are_left_alone)
{
    static const uint8_t share_key[] = {0, 11, 0, 1, 'g'};
    static const uint8_t share_value[] = {0, 0, 0, 0, 0, 1, 0};
    struct group_world w;
    struct group_records records;
    consumer_fixture_open(&w, NULL);
    begin(&w, &records);
    record_batch_builder_add(&records.builder, 0,
                             (struct bytes){share_key, sizeof(share_key)},
                             (struct bytes){share_value, sizeof(share_value)}, NULL, 0);
    records.count++;
    read_back(&w, &records);
    write_epoch(&w, 9);
    write_member(&w, "m", "a");
    ck_assert_int_eq(group_world_group(&w)->kind, GROUP_SHARE);
    ck_assert_ptr_null(group_world_consumer(&w));
    ck_assert_int_eq(w.table.unreadable_records, 2);
    group_world_close(&w);
}
END_TEST

/* ---- of other versions of Kafka ------------------------------------------------ */

static void write_current_value(
    struct group_world *w, struct consumer_group_current_member_assignment_value *value)
{
    struct group_records records;
    struct consumer_group_current_member_assignment_key key = {WORLD_GROUP,
                                                               STR_LITERAL("m")};
    struct group_record r = {
        .type = GROUP_RECORD_CONSUMER_CURRENT,
        .key_type = &consumer_group_current_member_assignment_key_type,
        .key = &key,
        .value_type = &consumer_group_current_member_assignment_value_type,
        .value = value};
    begin(w, &records);
    group_records_add(&records, &r);
    read_back(w, &records);
}

START_TEST(partitions_without_epochs_are_assigned_since_the_members)
{
    struct group_world w;
    int32_t partitions[] = {2, 3};
    consumer_fixture_open(&w, NULL);
    struct consumer_group_current_member_assignment_value_topic_partitions topic = {
        .topic_id = metadata_image_topic(w.image, STR_LITERAL("a"))->id,
        .partitions = partitions,
        .partitions_count = 2};
    struct consumer_group_current_member_assignment_value value =
        CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE_INIT;
    value.member_epoch = 6;
    value.assigned_partitions = &topic;
    value.assigned_partitions_count = 1;
    write_current_value(&w, &value);
    const struct consumer_member *m =
        consumer_group_member(group_world_consumer(&w), STR_LITERAL("m"));
    ck_assert_int_eq(m->current.assigned.count, 2);
    ck_assert_int_eq(m->current.assigned.items[1].epoch, 6);
    group_world_close(&w);
}
END_TEST

START_TEST(a_member_in_a_state_of_a_later_kafka_must_come_back)
{
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    struct consumer_group_current_member_assignment_value value =
        CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE_INIT;
    value.member_epoch = m.epoch;
    value.state = 7;
    write_current_value(&w, &value);
    expect_member(&w, "m", MEMBER_UNKNOWN, "", "");
    member_beat_shortly(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_FENCED_MEMBER_EPOCH);
    member_join(&w, &m);
    ck_assert_int_eq(m.last.error, KAFKA_NONE);
    ck_assert_str_eq(m.owned, "a0 a1 a2 a3");
    group_world_close(&w);
}
END_TEST

START_TEST(the_partition_metadata_of_kafka_4_0_is_removed_when_topics_change)
{
    static const uint8_t value[] = {0, 0, 1, 0};
    struct group_world w;
    struct member m = {.id = "m", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    write_raw(&w, GROUP_RECORD_CONSUMER_PARTITION_METADATA, 8,
              (struct bytes){value, sizeof(value)});
    ck_assert(group_world_consumer(&w)->has_partition_metadata);
    group_world_topic(&w, "a", 5);
    member_beat(&w, &m);
    ck_assert(!group_world_consumer(&w)->has_partition_metadata);
    expect_replayed(&w);
    group_world_close(&w);
}
END_TEST

/* ---- in any order -------------------------------------------------------------- */

START_TEST(the_parts_of_a_group_may_come_in_any_order)
{
    struct group_world w[2];
    for (int i = 0; i < 2; i++)
        consumer_fixture_open(&w[i], NULL);
    write_epoch(&w[0], 9);
    write_member(&w[0], "m", "a");
    write_target(&w[0], "m", "a0 a1");
    write_current(&w[0], "m", "a0");
    write_current(&w[1], "m", "a0");
    write_target(&w[1], "m", "a0 a1");
    write_member(&w[1], "m", "a");
    write_epoch(&w[1], 9);
    char *one = group_table_text(&w[0].table, true);
    char *other = group_table_text(&w[1].table, true);
    ck_assert_str_eq(one, other);
    free(one);
    free(other);
    for (int i = 0; i < 2; i++)
        group_world_close(&w[i]);
}
END_TEST

/* Who had a partition before may be read after who has it now. */
START_TEST(a_partition_that_changes_hands_is_with_the_last_one)
{
    struct group_world w;
    consumer_fixture_open(&w, NULL);
    write_current(&w, "m", "a0 a1");
    write_current(&w, "n", "a1 a2");
    write_current(&w, "m", "a0");
    const struct consumer_group *g = group_world_consumer(&w);
    struct uuid a = metadata_image_topic(w.image, STR_LITERAL("a"))->id;
    ck_assert(str_is(consumer_group_owner(g, a, 1)->id, "n"));
    ck_assert(str_is(consumer_group_owner(g, a, 0)->id, "m"));
    group_world_close(&w);
}
END_TEST

/* Joins and leaves, a migration up and down, offsets, an expression. */
static void live(struct group_world *w)
{
    struct member m[] = {{.id = "m1", .topics = "a"},
                         {.id = "m2", .instance = "two", .topics = "a,b"}};
    struct peer p = {.topics = "a", .generation = -1};
    struct beaten out;
    member_join(w, &m[0]);
    member_join(w, &m[1]);
    members_settle(w, m, 2);
    peer_join(w, &p);
    peer_sync(w, &p);
    member_leave(w, &m[1], LEAVE_GROUP_STATIC_MEMBER_EPOCH);
    m[1].id = "m3";
    member_join(w, &m[1]);
    consumer_beat(w,
                  (struct beat){.member = "m1",
                                .epoch = m[0].epoch,
                                .topics = "",
                                .regex = "a",
                                .owned = m[0].owned},
                  &out);
    group_world_work(w);
    member_leave(w, &m[0], LEAVE_GROUP_MEMBER_EPOCH);
    member_leave(w, &m[1], LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_ptr_nonnull(group_world_classic(w));
    m[0].id = "m4";
    member_join(w, &m[0]);
    ck_assert_ptr_nonnull(group_world_consumer(w));
}

START_TEST(what_the_cleaner_leaves_gives_the_same_group)
{
    for (int drops = 0; drops < 2; drops++) {
        struct group_world w;
        consumer_fixture_open(&w, NULL);
        live(&w);
        expect_replayed(&w);
        size_t whole = w.log.len;
        for (int64_t until = 1; until <= w.next_offset; until++) {
            group_world_compact(&w, until, drops == 1);
            expect_replayed(&w);
        }
        ck_assert_uint_lt(w.log.len, whole);
        group_world_close(&w);
    }
}
END_TEST

GREGOR_TESTS("consumer_replay", each_record_says_its_part,
             each_tombstone_takes_its_part_back, a_group_that_goes_leaves_its_offsets,
             tombstones_of_what_is_not_there_change_nothing,
             what_cannot_be_read_is_counted_and_left_alone,
             records_for_a_group_of_another_kind_are_left_alone,
             partitions_without_epochs_are_assigned_since_the_members,
             a_member_in_a_state_of_a_later_kafka_must_come_back,
             the_partition_metadata_of_kafka_4_0_is_removed_when_topics_change,
             the_parts_of_a_group_may_come_in_any_order,
             a_partition_that_changes_hands_is_with_the_last_one,
             what_the_cleaner_leaves_gives_the_same_group)
