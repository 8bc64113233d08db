#include "broker/topic_spec.h"

#include "tests/support/check_main.h"

struct fixture {
    struct broker_config *config;
    struct arena arena;
    struct create_topics_request request;
    struct err err;
};

static void open_fixture(struct fixture *f)
{
    struct broker_config_input input = {.profile = PROFILE_DEV};
    *f = (struct fixture){.request = CREATE_TOPICS_REQUEST_INIT};
    ck_assert_int_eq(broker_config_create(&input, &f->config, &f->err), 0);
}

static void close_fixture(struct fixture *f)
{
    broker_config_destroy(f->config);
    arena_reset(&f->arena);
}

static int parse(struct fixture *f, const char *first, const char *second)
{
    const char *specs[] = {first, second};
    f->err = (struct err){0};
    return topic_specs_parse(specs, second == NULL ? 1 : 2, f->config, &f->arena,
                             &f->request, &f->err);
}

static const struct create_topics_request_creatable_topic *one(struct fixture *f,
                                                               const char *spec)
{
    ck_assert_msg(parse(f, spec, NULL) == 0, "%s: %s", spec, f->err.message);
    ck_assert_int_eq(f->request.topics_count, 1);
    return &f->request.topics[0];
}

static void refused(struct fixture *f, const char *spec, const char *why)
{
    ck_assert_msg(parse(f, spec, NULL) == ERR_INVALID, "%s is accepted", spec);
    ck_assert_msg(strstr(f->err.message, why) != NULL, "%s: %s", spec, f->err.message);
    ck_assert_msg(strstr(f->err.message, "--topic") != NULL, "%s", f->err.message);
}

START_TEST(a_name_alone_takes_the_defaults)
{
    struct fixture f;
    open_fixture(&f);
    const struct create_topics_request_creatable_topic *t = one(&f, "orders");
    ck_assert(str_is(t->name, "orders"));
    ck_assert_int_eq(t->num_partitions, -1);
    ck_assert_int_eq(t->replication_factor, -1);
    ck_assert_int_eq(t->configs_count, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(partitions_and_settings_follow_the_name)
{
    struct fixture f;
    open_fixture(&f);
    const struct create_topics_request_creatable_topic *t =
        one(&f, "orders:12:retention.ms=5,segment.bytes=2000000");
    ck_assert(str_is(t->name, "orders"));
    ck_assert_int_eq(t->num_partitions, 12);
    ck_assert_int_eq(t->configs_count, 2);
    ck_assert(str_is(t->configs[0].name, "retention.ms"));
    ck_assert(str_is(t->configs[0].value, "5"));
    ck_assert(str_is(t->configs[1].name, "segment.bytes"));
    ck_assert(str_is(t->configs[1].value, "2000000"));
    close_fixture(&f);
}
END_TEST

START_TEST(a_comma_that_no_key_follows_belongs_to_the_value)
{
    struct fixture f;
    open_fixture(&f);
    const struct create_topics_request_creatable_topic *t =
        one(&f, "a:1:cleanup.policy=compact,delete,retention.ms=5");
    ck_assert_int_eq(t->configs_count, 2);
    ck_assert(str_is(t->configs[0].value, "compact,delete"));
    t = one(&f, "a:1:retention.ms=5,cleanup.policy=compact,delete");
    ck_assert_int_eq(t->configs_count, 2);
    ck_assert(str_is(t->configs[1].value, "compact,delete"));
    close_fixture(&f);
}
END_TEST

START_TEST(several_topics_make_one_request)
{
    struct fixture f;
    open_fixture(&f);
    ck_assert_int_eq(parse(&f, "a:2", "b"), 0);
    ck_assert_int_eq(f.request.topics_count, 2);
    ck_assert_int_eq(f.request.topics[0].num_partitions, 2);
    ck_assert(str_is(f.request.topics[1].name, "b"));
    ck_assert_int_eq(parse(&f, "a:2", "a"), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(f.err.message, "twice"));
    close_fixture(&f);
}
END_TEST

START_TEST(names_counts_and_settings_that_are_wrong_are_refused)
{
    struct fixture f;
    open_fixture(&f);
    refused(&f, "", "--topic");
    refused(&f, "a b", "a b");
    refused(&f, "..", "..");
    refused(&f, ":3", "--topic");
    refused(&f, "a:", "number of partitions");
    refused(&f, "a:0", "number of partitions");
    refused(&f, "a:-1", "number of partitions");
    refused(&f, "a:10001", "number of partitions");
    refused(&f, "a:3x", "number of partitions");
    refused(&f, "a: 3", "number of partitions");
    refused(&f, "a:+3", "number of partitions");
    refused(&f, "a:99999999999999999999", "number of partitions");
    refused(&f, "a::retention.ms=5", "number of partitions");
    refused(&f, "a:1:retention.ms", "key=value");
    refused(&f, "a:1:=5", "key=value");
    refused(&f, "a:1:,retention.ms=5", "key=value");
    refused(&f, "a:1:retention.ms=soon", "retention.ms");
    refused(&f, "a:1:no.such.setting=1", "no.such.setting");
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("topic_spec", a_name_alone_takes_the_defaults,
             partitions_and_settings_follow_the_name,
             a_comma_that_no_key_follows_belongs_to_the_value,
             several_topics_make_one_request,
             names_counts_and_settings_that_are_wrong_are_refused)
