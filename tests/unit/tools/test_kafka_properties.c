#include "tools/graduate/kafka_properties.h"

#include "config/properties.h"
#include "tests/support/check_main.h"

static struct setting_override setting(const char *name, const char *value)
{
    return (struct setting_override){str_of(name), str_of(value)};
}

/* Reads back what is composed, as Java would. */
static void compose(const struct kafka_properties *k, struct properties *out)
{
    struct buf text = BUF_INIT;
    struct err err;
    ck_assert_msg(kafka_properties_append(k, &text, &err) == 0, "%s", err.message);
    struct str in = {(const char *)text.data, (int32_t)text.len};
    ck_assert_int_eq(properties_parse(in, out, &err), 0);
    buf_free(&text);
}

/* NULL: it is not there. */
static void says(const struct properties *p, const char *name, const char *value)
{
    const struct property *found = properties_find(p, name);
    ck_assert_msg((found == NULL) == (value == NULL), "%s", name);
    if (value != NULL)
        ck_assert_str_eq(found->value.data, value);
}

static void listens(const struct setting_override *settings, size_t count,
                    const char *listeners, const char *voters)
{
    struct properties p;
    struct kafka_properties k = {
        .data = "/d", .node_id = 3, .settings = settings, .count = count};
    compose(&k, &p);
    says(&p, "listeners", listeners);
    says(&p, "controller.quorum.voters", voters);
    properties_free(&p);
}

START_TEST(without_settings_it_is_one_node_that_listens_where_it_did)
{
    struct properties p;
    struct kafka_properties k = {.data = "/data",
                                 .node_id = 1,
                                 .host = STR_LITERAL("broker.local"),
                                 .port = 19092};
    compose(&k, &p);
    says(&p, "process.roles", "broker,controller");
    says(&p, "node.id", "1");
    says(&p, "log.dirs", "/data");
    says(&p, "listeners",
         "PLAINTEXT://broker.local:19092,CONTROLLER://127.0.0.1:19093");
    says(&p, "controller.listener.names", "CONTROLLER");
    says(&p, "controller.quorum.voters", "1@127.0.0.1:19093");
    says(&p, "controller.quorum.bootstrap.servers", NULL);
    says(&p, "listener.security.protocol.map", NULL);
    says(&p, "offsets.topic.replication.factor", "1");
    says(&p, "transaction.state.log.min.isr", "1");
    says(&p, "share.coordinator.state.topic.replication.factor", "1");
    properties_free(&p);
    k.host = STR_LITERAL("::1");
    compose(&k, &p);
    says(&p, "listeners", "PLAINTEXT://[::1]:19092,CONTROLLER://127.0.0.1:19093");
    properties_free(&p);
    listens(NULL, 0, "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
            "3@127.0.0.1:9093");
}
END_TEST

START_TEST(voters_that_stand_in_the_log_are_no_setting)
{
    struct properties p;
    struct kafka_properties k = {.data = "/d", .node_id = 1, .kraft_version = 1};
    compose(&k, &p);
    says(&p, "controller.quorum.voters", NULL);
    says(&p, "controller.quorum.bootstrap.servers", "127.0.0.1:9093");
    properties_free(&p);
}
END_TEST

START_TEST(the_controllers_port_is_nobody_elses)
{
    const struct setting_override two[] = {
        setting("listeners", "A://:9092,B://[::1]:9093, C://host:0")};
    listens(two, 1, "A://:9092,B://[::1]:9093, C://host:0,CONTROLLER://127.0.0.1:9094",
            "3@127.0.0.1:9094");
    const struct setting_override last[] = {setting("listeners", "A://:65535")};
    struct kafka_properties k = {.data = "/d", .settings = last, .count = 1};
    struct buf text = BUF_INIT;
    struct err err;
    ck_assert_int_eq(kafka_properties_append(&k, &text, &err), ERR_INVALID_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "listeners"));
    buf_free(&text);
}
END_TEST

START_TEST(a_file_that_was_made_for_kafka_keeps_its_listeners)
{
    const struct setting_override s[] = {
        setting("process.roles", "broker,controller"),
        setting("controller.listener.names", "CTL"),
        setting("listeners", "PLAINTEXT://:9092,CTL://:7000"),
        setting("listener.security.protocol.map", "CTL:PLAINTEXT,PLAINTEXT:PLAINTEXT"),
        setting("controller.quorum.voters", "3@here:7000"),
    };
    struct properties p;
    struct kafka_properties k = {.data = "/d", .node_id = 3, .settings = s, .count = 5};
    compose(&k, &p);
    for (size_t i = 0; i < 5; i++)
        says(&p, s[i].name.data, s[i].value.data);
    properties_free(&p);
}
END_TEST

START_TEST(a_map_of_protocols_learns_of_the_controller)
{
    const struct setting_override s[] = {
        setting("listener.security.protocol.map", "X:PLAINTEXT"),
        setting("listeners", "X://:9092")};
    struct properties p;
    struct kafka_properties k = {.data = "/d", .settings = s, .count = 2};
    compose(&k, &p);
    says(&p, "listener.security.protocol.map", "X:PLAINTEXT,CONTROLLER:PLAINTEXT");
    properties_free(&p);
}
END_TEST

START_TEST(what_the_user_set_goes_along)
{
    const struct setting_override s[] = {
        setting("log.retention.hours", "1"),
        setting("num.partitions", "3"),
        setting("log.retention.hours", "2"), /* the last counts */
        setting("log.dirs", "/elsewhere"),
        setting("log.dir", "/elsewhere"),
        setting("broker.id", "9"),
        setting("made.up", " a \\ b=c:d # \xc3\xa9"),
        setting("offsets.topic.replication.factor", "3"),
    };
    struct buf text = BUF_INIT;
    struct properties p;
    struct kafka_properties k = {.data = "/with \\ in it", .settings = s, .count = 8};
    compose(&k, &p);
    says(&p, "log.retention.hours", "2");
    says(&p, "num.partitions", "3");
    says(&p, "log.dirs", "/with \\ in it");
    says(&p, "log.dir", NULL);
    says(&p, "broker.id", NULL);
    says(&p, "made.up", " a \\ b=c:d # \xc3\xa9");
    says(&p, "offsets.topic.replication.factor", "1");
    properties_free(&p);
    ck_assert_int_eq(kafka_properties_append(&k, &text, NULL), 0);
    buf_append(&text, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)text.data, "# 3 before; there is one broker.\n"
                                                    "offsets.topic.replication"));
    ck_assert_ptr_null(strstr((char *)text.data, "log.retention.hours=1"));
    buf_free(&text);
}
END_TEST

GREGOR_TESTS("kafka_properties",
             without_settings_it_is_one_node_that_listens_where_it_did,
             voters_that_stand_in_the_log_are_no_setting,
             the_controllers_port_is_nobody_elses,
             a_file_that_was_made_for_kafka_keeps_its_listeners,
             a_map_of_protocols_learns_of_the_controller, what_the_user_set_goes_along)
