#include "config/endpoint.h"

#include "tests/support/check_main.h"

struct fixture {
    struct endpoint_settings settings;
    struct arena arena;
    struct endpoints listeners;
    struct endpoints advertised;
    struct err err;
};

static int derive(struct fixture *f, const char *listeners, const char *advertised)
{
    *f = (struct fixture){
        .settings = {.listeners = listeners,
                     .advertised_listeners = advertised,
                     .security_protocol_map =
                         "PLAINTEXT:PLAINTEXT,SSL:SSL,IN:PLAINTEXT,OUT: PLAINTEXT",
                     .default_protocol_map = true,
                     .controller_listener_names = "CONTROLLER"},
    };
    return endpoints_derive(&f->settings, &f->arena, &f->listeners, &f->advertised,
                            &f->err);
}

static void check_good(struct fixture *f, const char *listeners, const char *advertised)
{
    int rc = derive(f, listeners, advertised);
    ck_assert_msg(rc == 0, "%s: %s", listeners, f->err.message);
}

static void check_bad(const char *listeners, const char *advertised, const char *reason)
{
    struct fixture f;
    ck_assert_msg(derive(&f, listeners, advertised) == ERR_INVALID_CONFIG, "%s",
                  listeners);
    ck_assert_msg(strstr(f.err.message, reason) != NULL, "%s", f.err.message);
    arena_reset(&f.arena);
}

START_TEST(listener_has_name_host_and_port)
{
    struct fixture f;
    check_good(&f, "plaintext://localhost:9092, IN://[::1]:0,OUT://:19092", NULL);
    ck_assert_uint_eq(f.listeners.count, 3);
    ck_assert_str_eq(f.listeners.items[0].name, "PLAINTEXT");
    ck_assert_str_eq(f.listeners.items[0].host, "localhost");
    ck_assert_int_eq(f.listeners.items[0].port, 9092);
    ck_assert_str_eq(f.listeners.items[1].host, "::1");
    ck_assert_int_eq(f.listeners.items[1].port, 0);
    ck_assert_str_eq(f.listeners.items[2].host, "");
    ck_assert_ptr_eq(endpoints_find(&f.listeners, "out"), &f.listeners.items[2]);
    ck_assert_ptr_null(endpoints_find(&f.listeners, "ou"));
    arena_reset(&f.arena);
}
END_TEST

START_TEST(advertised_defaults_to_listeners)
{
    struct fixture f;
    check_good(&f, "PLAINTEXT://h:1", NULL);
    ck_assert_uint_eq(f.advertised.count, 1);
    ck_assert_str_eq(f.advertised.items[0].host, "h");
    arena_reset(&f.arena);
    check_good(&f, "PLAINTEXT://0.0.0.0:1,IN://:2", "PLAINTEXT://public:1");
    ck_assert_uint_eq(f.advertised.count, 1);
    ck_assert_str_eq(f.advertised.items[0].host, "public");
    arena_reset(&f.arena);
}
END_TEST

START_TEST(controller_listeners_are_left_out)
{
    struct fixture f;
    check_good(&f, "CONTROLLER://:9093,PLAINTEXT://:9092",
               "PLAINTEXT://a:9092,CONTROLLER://a:9093");
    ck_assert_uint_eq(f.listeners.count, 1);
    ck_assert_str_eq(f.listeners.items[0].name, "PLAINTEXT");
    ck_assert_uint_eq(f.advertised.count, 1);
    arena_reset(&f.arena);
    check_bad("CONTROLLER://:9093", NULL, "leaves none for clients");
    check_bad("PLAINTEXT://:9092", "CONTROLLER://:9093", "");
}
END_TEST

START_TEST(malformed_listeners_are_refused)
{
    check_bad("PLAINTEXT", NULL, "NAME://host:port");
    check_bad("PLAINTEXT://", NULL, "NAME://host:port");
    check_bad("PLAINTEXT://host", NULL, "NAME://host:port");
    check_bad("://:9092", NULL, "NAME://host:port");
    check_bad("PLAINTEXT://:", NULL, "the port must be between 0 and 65535");
    check_bad("PLAINTEXT://:65536", NULL, "the port must be between 0 and 65535");
    check_bad("PLAINTEXT://:99999999999999999999", NULL, "port");
    check_bad("PLAINTEXT://:-1", NULL, "port");
    check_bad("PLAINTEXT://a b:1", NULL, "not a host name");
    check_bad("PLAINTEXT://:9092", "PLAINTEXT", "advertised.listeners");
}
END_TEST

START_TEST(names_and_ports_are_taken_once)
{
    check_bad("PLAINTEXT://:1,plaintext://:2", NULL, "different name");
    check_bad("PLAINTEXT://:1,IN://:1", NULL, "different port");
    check_bad("PLAINTEXT://:1,CONTROLLER://:1", NULL, "different port");
    struct fixture f;
    check_good(&f, "PLAINTEXT://:0,IN://:0", NULL);
    arena_reset(&f.arena);
    check_good(&f, "PLAINTEXT://127.0.0.1:1,IN://[::1]:1", NULL);
    arena_reset(&f.arena);
    check_bad("PLAINTEXT://127.0.0.1:1,IN://127.0.0.2:1", NULL, "different port");
    check_good(&f, "PLAINTEXT://:1,IN://:2", "PLAINTEXT://a:7,IN://a:7");
    arena_reset(&f.arena);
}
END_TEST

START_TEST(every_listener_needs_a_protocol_that_is_served)
{
    check_bad("NEW://:1", NULL, "No security protocol defined");
    check_bad("SSL://:1", NULL, "allowed is PLAINTEXT");
    struct fixture f;
    derive(&f, "PLAINTEXT://:1", NULL);
    arena_reset(&f.arena);
    f.settings.security_protocol_map = "PLAINTEXT:FOO";
    ck_assert_int_ne(
        endpoints_derive(&f.settings, &f.arena, &f.listeners, &f.advertised, &f.err),
        0);
    ck_assert_ptr_nonnull(strstr(f.err.message, "must be one of: PLAINTEXT"));
    arena_reset(&f.arena);
    f.settings.security_protocol_map = "PLAINTEXT";
    ck_assert_int_ne(
        endpoints_derive(&f.settings, &f.arena, &f.listeners, &f.advertised, &f.err),
        0);
    arena_reset(&f.arena);
}
END_TEST

START_TEST(controller_needs_a_protocol_once_the_map_is_set)
{
    struct fixture f;
    check_good(&f, "PLAINTEXT://:1,CONTROLLER://:2", NULL);
    arena_reset(&f.arena);
    f.settings.default_protocol_map = false;
    ck_assert_int_ne(
        endpoints_derive(&f.settings, &f.arena, &f.listeners, &f.advertised, &f.err),
        0);
    ck_assert_ptr_nonnull(strstr(f.err.message, "No security protocol defined"));
    arena_reset(&f.arena);
}
END_TEST

START_TEST(advertised_must_be_reachable_and_listened_on)
{
    check_bad("PLAINTEXT://0.0.0.0:1", NULL, "nonroutable");
    check_bad("PLAINTEXT://:1", "PLAINTEXT://0.0.0.0:1", "nonroutable");
    check_bad("PLAINTEXT://:1", "IN://h:1", "must be one of listeners");
}
END_TEST

GREGOR_TESTS("endpoint", listener_has_name_host_and_port,
             advertised_defaults_to_listeners, controller_listeners_are_left_out,
             malformed_listeners_are_refused, names_and_ports_are_taken_once,
             every_listener_needs_a_protocol_that_is_served,
             controller_needs_a_protocol_once_the_map_is_set,
             advertised_must_be_reachable_and_listened_on)
