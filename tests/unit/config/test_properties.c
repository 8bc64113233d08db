#include "config/properties.h"

#include <stdlib.h>

#include "tests/support/check_main.h"

static struct properties parse(const char *text)
{
    struct properties p = PROPERTIES_INIT;
    struct err err = {0};
    int rc = properties_parse(str_of(text), &p, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return p;
}

static void check_pair(const char *text, const char *key, const char *value)
{
    struct properties p = parse(text);
    ck_assert_uint_eq(p.count, 1);
    ck_assert_str_eq(p.items[0].key.data, key);
    ck_assert_str_eq(p.items[0].value.data, value);
    ck_assert_int_eq((int)strlen(value), p.items[0].value.len);
    properties_free(&p);
}

static void check_refused(const char *text, const char *reason)
{
    struct properties p = PROPERTIES_INIT;
    struct err err = {0};
    ck_assert_int_eq(properties_parse(str_of(text), &p, &err), ERR_INVALID);
    ck_assert_msg(strstr(err.message, reason) != NULL, "%s", err.message);
    ck_assert_ptr_null(p.items);
}

START_TEST(empty_text_comments_and_blank_lines_hold_nothing)
{
    const char *texts[] = {"", "\n\r\n \t\f\n", "# a=b\n! c=d", "  # a=b\\\n", "\\\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct properties p = parse(texts[i]);
        ck_assert_uint_eq(p.count, 0);
        properties_free(&p);
    }
    struct properties p = PROPERTIES_INIT;
    ck_assert_int_eq(properties_parse(STR_NULL, &p, NULL), 0);
    properties_free(&p);
}
END_TEST

START_TEST(key_ends_at_equals_colon_or_blank)
{
    check_pair("a=b", "a", "b");
    check_pair("a:b", "a", "b");
    check_pair("a b", "a", "b");
    check_pair("a\tb", "a", "b");
    check_pair(" \t a \t=\f b", "a", "b");
    check_pair("a : = b", "a", "= b");
    check_pair("a", "a", "");
    check_pair("a=", "a", "");
    check_pair("=b", "", "b");
}
END_TEST

START_TEST(escaped_separators_belong_to_the_key)
{
    check_pair("a\\ b\\=c\\:d=e", "a b=c:d", "e");
    check_pair("\\#a=b", "#a", "b");
    check_pair("a\\\\=b", "a\\", "b");
}
END_TEST

START_TEST(blanks_behind_a_value_are_kept)
{
    check_pair("a=b \t\n", "a", "b \t");
    check_pair("a=\\ b", "a", " b");
}
END_TEST

START_TEST(backslash_joins_lines_and_drops_leading_blanks)
{
    check_pair("a=b,\\\n   c,\\\r\n\td", "a", "b,c,d");
    check_pair("a=b\\\\\n", "a", "b\\");
    check_pair("a=b\\\\\\\nc", "a", "b\\c");
    check_pair("a=b\\\n#c", "a", "b#c");
    check_pair("a\\\n=b", "a", "b");
    check_pair("a=b\\", "a", "b");
    check_pair("a=b\\\n\n", "a", "b");
}
END_TEST

START_TEST(comment_is_never_continued)
{
    check_pair("# a \\\nb=c", "b", "c");
}
END_TEST

START_TEST(escapes_become_the_characters_they_name)
{
    check_pair("a=\\t\\n\\r\\f\\q\\u0041", "a", "\t\n\r\fqA");
    check_pair("a=\\u00e9\\u20AC\\uD83D\\uDE00", "a",
               "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    check_pair("a=\xC3\xA9", "a", "\xC3\xA9");
}
END_TEST

START_TEST(bad_unicode_escape_names_its_line)
{
    check_refused("a=b\n\nc=\\u00g0", "line 3");
    check_refused("a=\\u12", "four hex digits");
    check_refused("a=\\uD83D", "half of a surrogate pair");
    check_refused("a=\\uDE00\\uD83D", "half of a surrogate pair");
    check_refused("a=b\\\nc\\u0000", "line 1: a zero byte");
}
END_TEST

START_TEST(last_of_equal_keys_wins_with_its_line)
{
    struct properties p = parse("a=1\nb=2\n# x\na=3\n");
    ck_assert_uint_eq(p.count, 2);
    const struct property *a = properties_find(&p, "a");
    ck_assert_str_eq(a->value.data, "3");
    ck_assert_int_eq(a->line, 4);
    ck_assert_int_eq(properties_find(&p, "b")->line, 2);
    ck_assert_ptr_null(properties_find(&p, "c"));
    properties_free(&p);
}
END_TEST

START_TEST(lines_are_counted_over_every_kind_of_end)
{
    struct properties p = parse("a=1\rb=2\r\nc=3\\\n\\\nx\nd=4");
    ck_assert_int_eq(properties_find(&p, "b")->line, 2);
    ck_assert_int_eq(properties_find(&p, "c")->line, 3);
    ck_assert_int_eq(properties_find(&p, "d")->line, 6);
    properties_free(&p);
}
END_TEST

START_TEST(too_many_bytes_or_keys_are_refused)
{
    struct buf text = BUF_INIT;
    for (int i = 0; i <= PROPERTIES_MAX_KEYS; i++)
        buf_printf(&text, "k%d\n", i);
    buf_append(&text, "", 1);
    check_refused((const char *)text.data, "more than 4096 keys");
    while (text.len <= PROPERTIES_MAX_BYTES)
        buf_append(&text, "# comment\n", 10);
    struct properties p = PROPERTIES_INIT;
    struct err err;
    struct str large = {(const char *)text.data, (int32_t)text.len};
    ck_assert_int_eq(properties_parse(large, &p, &err), ERR_INVALID);
    ck_assert_str_eq(err.message, "larger than 1048576 bytes");
    buf_free(&text);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    static const char *const texts[] = {
        "plain",   "",          " leading",
        "in side", "trailing ", "a=b:c#d!e\\f",
        "#",       "\t\n\r\f",  "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf out = BUF_INIT;
        properties_append(&out, str_of(texts[i]), str_of(texts[i]));
        buf_append(&out, "", 1);
        for (size_t at = 0; at < out.len; at++)
            ck_assert_uint_lt(out.data[at], 0x80);
        check_pair((const char *)out.data, texts[i], texts[i]);
        buf_free(&out);
    }
}
END_TEST

START_TEST(bytes_that_are_no_utf8_pass_through)
{
    struct buf out = BUF_INIT;
    properties_append(&out, STR_LITERAL("a"), STR_LITERAL("\xFF\xC3 \xED\xA0\x80"));
    buf_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data, "a=\xFF\xC3 \xED\xA0\x80\n");
    buf_free(&out);
}
END_TEST

GREGOR_TESTS("properties", empty_text_comments_and_blank_lines_hold_nothing,
             key_ends_at_equals_colon_or_blank, escaped_separators_belong_to_the_key,
             blanks_behind_a_value_are_kept,
             backslash_joins_lines_and_drops_leading_blanks, comment_is_never_continued,
             escapes_become_the_characters_they_name, bad_unicode_escape_names_its_line,
             last_of_equal_keys_wins_with_its_line,
             lines_are_counted_over_every_kind_of_end,
             too_many_bytes_or_keys_are_refused, what_is_written_is_read_back,
             bytes_that_are_no_utf8_pass_through)
