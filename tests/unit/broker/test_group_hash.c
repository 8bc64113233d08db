/* tests/unit/broker/test_group_hash.c */
#include "broker/group/group_hash.h"

#include "tests/support/check_main.h"

/* Java's own answers. */
START_TEST(strings_hash_as_in_java)
{
    static const struct {
        const char *text;
        int32_t hash;
    } known[] = {
        {"", 0},
        {"a", 97},
        {"hello", 99162322},
        {"classic-group", -1592783484},
        {"\xc3\xa4", 228},             /* one unit, two bytes */
        {"\xf0\x9f\x98\x80", 1772899}, /* a surrogate pair */
        {"polygenelubricants", INT32_MIN},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        ck_assert_int_eq(java_string_hash(str_of(known[i].text)), known[i].hash);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_count_as_replacement_characters)
{
    static const char *const broken[] = {"\xff", "\xc3", "\x80", "\xed"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_int_eq(java_string_hash(str_of(broken[i])), 0xFFFD);
}
END_TEST

START_TEST(every_group_has_a_partition)
{
    ck_assert_int_eq(group_partition_of(STR_LITERAL("polygenelubricants"), 50), 0);
    ck_assert_int_eq(group_partition_of(STR_LITERAL("hello"), 50), 22);
    ck_assert_int_eq(group_partition_of(STR_LITERAL("classic-group"), 50), 34);
    ck_assert_int_eq(group_partition_of(STR_LITERAL("classic-group"), 1), 0);
}
END_TEST

GREGOR_TESTS("group_hash", strings_hash_as_in_java,
             bytes_that_are_no_utf8_count_as_replacement_characters,
             every_group_has_a_partition)
