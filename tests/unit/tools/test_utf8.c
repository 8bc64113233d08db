#include "tools/utf8.h"

#include "tests/support/check_main.h"

#define BAD "\xef\xbf\xbd"

static void shows(const char *in, const char *expected)
{
    struct buf out = BUF_INIT;
    utf8_append(&out, (struct bytes){(const uint8_t *)in, (int32_t)strlen(in)});
    buf_append(&out, "", 1);
    ck_assert_str_eq((char *)out.data, expected);
    buf_free(&out);
}

START_TEST(text_stays_as_it_is)
{
    shows("", "");
    shows("a line\nand \"more\"", "a line\nand \"more\"");
    shows("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xbb",
          "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xbb");
    shows("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"); /* the last that there is */
}
END_TEST

/* As many as new String(bytes, UTF_8) of Java 17 makes of them. */
START_TEST(each_malformed_sequence_becomes_one_sign)
{
    shows("a\x80z", "a" BAD "z");
    shows("\xc0\xafz", BAD BAD "z");         /* too long for '/' */
    shows("\xc3z", BAD "z");                 /* its second is missing */
    shows("\xe2\x82z", BAD "z");             /* its third: two bytes, one sign */
    shows("\xe0\x80\x80z", BAD BAD BAD "z"); /* too long */
    shows("\xed\xa0\x80z", BAD "z");         /* half of a pair */
    shows("\xf0\x9f\x8ez", BAD "z");         /* its fourth: three bytes, one sign */
    shows("\xf0\x80\x80\x80z", BAD BAD BAD BAD "z");
    shows("\xf4\x90\x80\x80z", BAD BAD BAD BAD "z");
    shows("\xf5z\xff", BAD "z" BAD);
}
END_TEST

START_TEST(a_sequence_that_the_end_cuts_off_becomes_one_sign)
{
    shows("a\xc3", "a" BAD);
    shows("a\xe2\x82", "a" BAD);
    shows("a\xf0\x9f\x8e", "a" BAD);
}
END_TEST

GREGOR_TESTS("utf8", text_stays_as_it_is, each_malformed_sequence_becomes_one_sign,
             a_sequence_that_the_end_cuts_off_becomes_one_sign)
