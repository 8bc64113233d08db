/* tests/unit/broker/test_topic_hash.c
 *
 * The numbers are what Apache Kafka 4.3.0 itself makes of these topics: its Utils
 * .computeTopicHash() and .computeGroupHash(), called by hand. */
#include "broker/group/topic_hash.h"

#include "tests/support/check_main.h"

#define RACKS(...)                                                         \
    {                                                                      \
        (const struct str[]){__VA_ARGS__},                                 \
            sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str) \
    }
#define S(text)                           \
    {                                     \
        (text), (int32_t)sizeof(text) - 1 \
    }

static const struct uuid LOW = {
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct uuid HIGH = {{0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0x81,
                                  0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88}};

static void check_hash(int64_t hash, uint64_t kafka)
{
    ck_assert_uint_eq((uint64_t)hash, kafka);
}

START_TEST(topics_without_racks_hash_as_in_kafka)
{
    check_hash(topic_hash(LOW, str_of("orders"), 1, NULL), 0xbc07c25f9ba0260f);
    check_hash(topic_hash(HIGH, str_of("payments"), 3, NULL), 0x154a94de3c7a48f5);
    check_hash(topic_hash(LOW, str_of("a"), 0, NULL), 0xbf1e8c1ea0958f14);
    check_hash(topic_hash(HIGH, str_of("long"), 1000, NULL), 0x71162a3e0194afbe);
}
END_TEST

START_TEST(racks_count_with_their_partitions)
{
    const struct partition_racks four[] = {
        RACKS(S("rack-a"), S("rack-b")), {NULL, 0}, RACKS(S("rack-a")), RACKS(S(""))};
    check_hash(topic_hash(LOW, str_of("racks"), 4, four), 0xb3d4ddccbc7ec150);
    const struct partition_racks two[] = {RACKS(S("a"), S("b")), RACKS(S("c"))};
    check_hash(topic_hash(LOW, str_of("racks"), 2, two), 0xb48d8b73641d6852);
    const struct partition_racks three_each[] = {RACKS(S("r1"), S("r2"), S("r3")),
                                                 RACKS(S("r1"), S("r2"), S("r3"))};
    check_hash(
        topic_hash(HIGH,
                   str_of("topic-name-of-sixty-characters-01234567890123456789012345678"
                          "90"),
                   2, three_each),
        0x27c4d14031939299);
}
END_TEST

/* z, U+00E4, U+1F600, U+E000: the order of Java. */
START_TEST(strings_count_in_utf16)
{
    const struct partition_racks racks[] = {
        RACKS(S("z"), S("\xc3\xa4"), S("\xf0\x9f\x98\x80"), S("\xee\x80\x80"))};
    check_hash(topic_hash(LOW, str_of("unicode"), 1, racks), 0xbd2e1208c698be26);
}
END_TEST

START_TEST(groups_hash_their_topics_in_order)
{
    int64_t of_a = topic_hash(LOW, str_of("a"), 0, NULL);
    int64_t of_long = topic_hash(HIGH, str_of("long"), 1000, NULL);
    int64_t of_orders = topic_hash(LOW, str_of("orders"), 1, NULL);
    int64_t of_payments = topic_hash(HIGH, str_of("payments"), 3, NULL);
    int64_t topics[500] = {of_a, of_long, of_orders, of_payments};
    check_hash(topic_hash_of_group(NULL, 0), 0);
    check_hash(topic_hash_of_group(&of_orders, 1), 0xe8e61f05aabd3817);
    check_hash(topic_hash_of_group(topics, 4), 0x7909f7755a447398);
    for (uint64_t i = 0; i < 500; i++)
        topics[i] = (int64_t)(i * 0x9E3779B97F4A7C15);
    check_hash(topic_hash_of_group(topics, 500), 0xf5490ca573a50201);
}
END_TEST

GREGOR_TESTS("topic_hash", topics_without_racks_hash_as_in_kafka,
             racks_count_with_their_partitions, strings_count_in_utf16,
             groups_hash_their_topics_in_order)
