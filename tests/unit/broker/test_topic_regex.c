/* tests/unit/broker/test_topic_regex.c */
#include "broker/group/topic_regex.h"

#include "protocol/base/buf.h"
#include "tests/support/check_main.h"

static void check_match_of(struct str pattern, const char *topic, bool expected)
{
    struct topic_regex *r = NULL;
    struct err err = {0};
    ck_assert_msg(topic_regex_compile(pattern, &r, &err) == 0, "%.*s: %s",
                  STR_ARGS(pattern), err.message);
    ck_assert_msg(topic_regex_matches(r, str_of(topic)) == expected, "%.*s and %s",
                  STR_ARGS(pattern), topic);
    ck_assert(!topic_regex_failed(r));
    topic_regex_destroy(r);
}

static void check_match(const char *pattern, const char *topic, bool expected)
{
    check_match_of(str_of(pattern), topic, expected);
}

static void check_refused(struct str pattern, const char *why)
{
    struct topic_regex *untouched = (struct topic_regex *)&untouched, *r = untouched;
    struct err err = {0};
    int rc = topic_regex_compile(pattern, &r, &err);
    ck_assert_msg(rc == ERR_INVALID, "%.*s: %d", STR_ARGS(pattern), rc);
    ck_assert_str_eq(err.message, why);
    ck_assert_ptr_eq(r, untouched);
}

START_TEST(an_expression_matches_the_whole_name)
{
    check_match("orders", "orders", true);
    check_match("orders", "orders-2", false);
    check_match("orders", "my-orders", false);
    check_match("orders.*", "orders-2", true);
    check_match("orders|payments", "payments", true);
    check_match("orders|payments", "orders|payments", false);
    check_match("a|ab", "ab", true); /* though the first branch ends sooner */
    check_match("^orders$", "orders", true);
    check_match("", "", true);
    check_match("", "a", false);
    check_match("[a-c]+[0-9]{2}", "abc07", true);
    check_match("a.c", "a\nc", false);
    check_match("(?s)a.c", "a\nc", true);
    check_match("(?i)ORDERS", "Orders", true);
}
END_TEST

START_TEST(the_syntax_is_that_of_re2j)
{
    check_match("(?P<year>[0-9]+)-(?<month>[0-9]+)", "2026-11", true);
    check_match("[(?<]+", "(?<", true);   /* in a class no group begins */
    check_match("[(?<]+", "(?P<", false); /* and none is made up */
    check_match("[])(?<]+", "](?<", true);
    check_match("[](?<]+", "P", false);
    check_match("[^](?<]+", "P", true);
    check_match("[[:alpha:](?<]+", "a(?<", true);
    check_match("[[:alpha:](?<]+", "a(?P<", true);
    check_match("[\\](?<]+", "](?<", true);
    check_match("\\Q(?<\\E(?<n>a)", "(?<a", true);
    check_match("\\Q\\C", "\\C", true);
    check_match("\\\\C", "\\C", true);
    check_match("\\(?<", "(<", true);
    check_match("\\(?<", "<", true);
    check_match("\\pL\\p{Greek}", "a\xce\xb1", true);
    check_match("\\x{e4}\\101",
                "\xc3\xa4"
                "A",
                true);
    check_match("\\d\\w\\s\\D", "1a b", true);
    check_match("(x{2}){3}", "xxxxxx", true);
}
END_TEST

START_TEST(what_re2j_refuses_is_refused_in_its_words)
{
    static const struct {
        const char *pattern, *why;
    } bad[] = {
        {"[a", "missing closing ]"},
        {"(a", "missing closing )"},
        {"a)", "unexpected closing )"},
        {"*", "missing argument to repetition operator"},
        {"a**", "invalid nested repetition operator"},
        {"a{1001}", "invalid repeat count"},
        {"a{2,1}", "invalid repeat count"},
        {"a\\", "trailing backslash at end of expression"},
        {"\\y", "invalid escape sequence"},
        {"\\C", "invalid escape sequence"},
        {"a(b\\C)", "invalid escape sequence"},
        {"(a)\\1", "invalid escape sequence"},
        {"[b-a]", "invalid character class range"},
        {"[[:nothing:]]", "invalid character class range"},
        {"\\p{Nothing}", "invalid character class range"},
        {"(?=a)", "invalid or unsupported Perl syntax"},
        {"(?!a)", "invalid or unsupported Perl syntax"},
        {"(?<=a)b", "invalid named capture"},
        {"(?<!a)b", "invalid named capture"},
        {"(?>a)", "invalid or unsupported Perl syntax"},
        {"(?<n", "invalid named capture"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_refused(str_of(bad[i].pattern), bad[i].why);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_and_zeros_are_told_apart)
{
    check_refused(STR_LITERAL("a\xff"), "invalid UTF-8");
    struct topic_regex *r;
    ck_assert_int_eq(topic_regex_compile(STR_LITERAL("a\0b"), &r, NULL), 0);
    ck_assert(topic_regex_matches(r, STR_LITERAL("a\0b")));
    ck_assert(!topic_regex_matches(r, STR_LITERAL("a")));
    topic_regex_destroy(r);
    topic_regex_destroy(NULL);
}
END_TEST

/* ---- hostile ones ------------------------------------------------------------ */

static void append_times(struct buf *b, const char *text, int times)
{
    while (times-- > 0)
        buf_append(b, text, strlen(text));
}

static struct str text_of(const struct buf *b)
{
    ck_assert(!b->failed);
    return (struct str){(const char *)b->data, (int32_t)b->len};
}

START_TEST(what_makes_others_backtrack_is_matched_at_once)
{
    struct buf name = BUF_INIT;
    append_times(&name, "a", 240);
    buf_append(&name, "!", 2); /* with the zero at its end */
    static const char *const patterns[] = {"(a*)*b", "(a|a)*b", "(a|aa)+b",
                                           "(.*a){20}b", "(((a+)+)+)+b"};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        check_match(patterns[i], (const char *)name.data, false);
    buf_free(&name);
}
END_TEST

START_TEST(what_would_take_too_much_memory_is_refused)
{
    check_refused(STR_LITERAL("x{1000}{1000}"), "invalid nested repetition operator");
    check_refused(STR_LITERAL("(x{1000}){1000}"), "invalid repeat count");
    check_refused(STR_LITERAL("((x{100}){100}){100}"), "invalid repeat count");
    check_refused(STR_LITERAL("\\pL{1000}"), "expression too large");
    struct buf pattern = BUF_INIT;
    append_times(&pattern, "a", 32 * 1024 + 1);
    check_refused(text_of(&pattern), "expression too large");
    buf_free(&pattern);
    append_times(&pattern, "\\p{Zl}?", 256); /* small, but parsed like large ones */
    check_match_of(text_of(&pattern), "", true);
    append_times(&pattern, "[\\PL]", 1);
    check_refused(text_of(&pattern), "expression too large");
    buf_free(&pattern);
}
END_TEST

START_TEST(depth_does_not_exhaust_the_stack)
{
    static const char *const openings[] = {"(", "(?:", "(a|", "((?i)", "[[", "(?<n>"};
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        struct buf pattern = BUF_INIT;
        append_times(&pattern, openings[i], 10000);
        append_times(&pattern, ")", 10000);
        struct topic_regex *r = NULL;
        if (topic_regex_compile(text_of(&pattern), &r, NULL) == 0)
            topic_regex_matches(r, STR_LITERAL("a"));
        topic_regex_destroy(r);
        buf_free(&pattern);
    }
}
END_TEST

START_TEST(a_list_of_a_thousand_topics_is_an_expression)
{
    struct buf pattern = BUF_INIT;
    for (int i = 0; i < 1000; i++)
        buf_printf(&pattern, "%sa-topic-of-some-length-%d", i == 0 ? "" : "|", i);
    check_match_of(text_of(&pattern), "a-topic-of-some-length-999", true);
    check_match_of(text_of(&pattern), "a-topic-of-some-length-1000", false);
    buf_free(&pattern);
}
END_TEST

GREGOR_TESTS("topic_regex", an_expression_matches_the_whole_name,
             the_syntax_is_that_of_re2j, what_re2j_refuses_is_refused_in_its_words,
             bytes_that_are_no_utf8_and_zeros_are_told_apart,
             what_makes_others_backtrack_is_matched_at_once,
             what_would_take_too_much_memory_is_refused,
             depth_does_not_exhaust_the_stack,
             a_list_of_a_thousand_topics_is_an_expression)
