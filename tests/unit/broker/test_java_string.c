/* tests/unit/broker/test_java_string.c */
#include "broker/group/java_string.h"

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

START_TEST(a_length_counts_units)
{
    ck_assert_int_eq(java_string_length(STR_NULL), 0);
    ck_assert_int_eq(java_string_length(STR_LITERAL("rack")), 4);
    ck_assert_int_eq(java_string_length(STR_LITERAL("\xc3\xa4")), 1);
    ck_assert_int_eq(java_string_length(STR_LITERAL("a\xf0\x9f\x98\x80")), 3);
}
END_TEST

START_TEST(strings_are_ordered_by_their_units)
{
    static const char *const ascending[] = {
        "",
        "A",
        "a",
        "aa",
        "b",
        "\xc3\xa4",         /* U+00E4 */
        "\xf0\x9f\x98\x80", /* U+1F600: D83D DE00 */
        "\xf0\x9f\x98\x81", /* U+1F601: D83D DE01 */
        "\xee\x80\x80",     /* U+E000, of smaller bytes */
        "\xef\xbf\xbd",     /* U+FFFD */
        "\xef\xbf\xbd-",
    };
    int count = sizeof(ascending) / sizeof(ascending[0]);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            int order = java_string_compare(str_of(ascending[i]), str_of(ascending[j]));
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}
END_TEST

GREGOR_TESTS("java_string", strings_hash_as_in_java,
             bytes_that_are_no_utf8_count_as_replacement_characters,
             a_length_counts_units, strings_are_ordered_by_their_units)
