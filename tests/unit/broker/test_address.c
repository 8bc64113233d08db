#include "broker/address.h"

#include "tests/support/check_main.h"

static void good(const char *text, const char *host, int port)
{
    struct address a;
    struct err err = {0};
    ck_assert_msg(address_parse(text, "--listen", &a, &err) == 0, "%s", err.message);
    ck_assert_str_eq(a.host, host);
    ck_assert_int_eq(a.port, port);
}

static void bad(const char *text)
{
    struct address a;
    struct err err = {0};
    ck_assert_msg(address_parse(text, "--listen", &a, &err) == ERR_INVALID, "%s", text);
    ck_assert_ptr_nonnull(strstr(err.message, "--listen"));
}

START_TEST(host_and_port_are_told_apart)
{
    good("127.0.0.1:9092", "127.0.0.1", 9092);
    good("some.host:0", "some.host", 0);
    good(":65535", "", 65535);
    good("[::1]:9092", "::1", 9092);
    good("[]:1", "", 1);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    bad("");
    bad("host");
    bad("host:");
    bad("host:http");
    bad("host:80x");
    bad("host:-1");
    bad("host:65536");
    bad("host:99999999999999999999");
    bad("host: 80");
    bad("host:+80");
    bad("::1:80"); /* no brackets */
    bad("[::1]");
}
END_TEST

START_TEST(a_host_that_is_too_long_is_refused)
{
    char text[300];
    memset(text, 'h', sizeof(text));
    strcpy(text + 255, ":1");
    struct address a;
    ck_assert_int_eq(address_parse(text, "--listen", &a, NULL), 0);
    ck_assert_uint_eq(strlen(a.host), 255);
    strcpy(text + 256, ":1");
    text[255] = 'h';
    bad(text);
}
END_TEST

START_TEST(an_ipv6_address_is_written_in_brackets)
{
    char text[64];
    address_text("localhost", 9092, text, sizeof(text));
    ck_assert_str_eq(text, "localhost:9092");
    address_text("::1", 80, text, sizeof(text));
    ck_assert_str_eq(text, "[::1]:80");
}
END_TEST

GREGOR_TESTS("address", host_and_port_are_told_apart, what_is_no_address_is_refused,
             a_host_that_is_too_long_is_refused, an_ipv6_address_is_written_in_brackets)
