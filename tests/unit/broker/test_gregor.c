/* libgregor as a program uses it: through broker/gregor.h alone, with a client
 * that is not ours. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/gregor.h"
#include "tests/support/check_main.h"

#define WAIT_MS 10000

static struct gregor *start(const char *const *topics, size_t topic_count)
{
    struct gregor_options options = GREGOR_OPTIONS_INIT;
    options.ephemeral = true;
    options.listen = "127.0.0.1:0";
    options.topics = topics;
    options.topic_count = topic_count;
    struct gregor *g = NULL;
    char error[GREGOR_ERROR_SIZE] = "";
    ck_assert_msg(gregor_start(&options, &g, error) == GREGOR_OK, "%s", error);
    return g;
}

static void stop(struct gregor *g)
{
    char error[GREGOR_ERROR_SIZE] = "";
    ck_assert_msg(gregor_stop(g, error) == GREGOR_OK, "%s", error);
}

static rd_kafka_t *client(rd_kafka_type_t type, const struct gregor *g)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", gregor_bootstrap(g), error,
                      sizeof(error));
    rd_kafka_conf_set(conf, "linger.ms", "0", error, sizeof(error));
    rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof(error));
    ck_assert_msg(rk != NULL, "%s", error);
    return rk;
}

static void produce(const struct gregor *g, const char *topic, const char *value)
{
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, g);
    rd_kafka_resp_err_t rc =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    ck_assert_int_eq(rc, RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(rk, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(rk);
}

/* The value of the first record of partition 0. */
static void check_first(const struct gregor *g, const char *topic, const char *value)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, g);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    ck_assert_int_eq(rd_kafka_consume_start(t, 0, RD_KAFKA_OFFSET_BEGINNING), 0);
    rd_kafka_message_t *m = rd_kafka_consume(t, 0, WAIT_MS);
    ck_assert_ptr_nonnull(m);
    ck_assert_msg(m->err == 0, "%s", rd_kafka_err2str(m->err));
    ck_assert_uint_eq(m->len, strlen(value));
    ck_assert_mem_eq(m->payload, value, m->len);
    rd_kafka_message_destroy(m);
    rd_kafka_consume_stop(t, 0);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
}

START_TEST(two_brokers_live_in_one_process_and_one_goes_on_alone)
{
    static const char *const topics[] = {"shared-name:1"};
    struct gregor *first = start(topics, 1);
    struct gregor *second = start(topics, 1);
    ck_assert_str_ne(gregor_bootstrap(first), gregor_bootstrap(second));
    ck_assert_str_ne(gregor_data_dir(first), gregor_data_dir(second));

    produce(first, "shared-name", "of the first");
    produce(second, "shared-name", "of the second");
    check_first(first, "shared-name", "of the first");
    stop(first);

    check_first(second, "shared-name", "of the second");
    produce(second, "another", "made after the first was gone");
    check_first(second, "another", "made after the first was gone");
    stop(second);
}
END_TEST

START_TEST(an_ephemeral_broker_leaves_no_folder)
{
    char dir[512];
    struct stat found;
    struct gregor *g = start(NULL, 0);
    snprintf(dir, sizeof(dir), "%s", gregor_data_dir(g));
    ck_assert_int_eq(stat(dir, &found), 0);
    stop(g);
    ck_assert_int_ne(stat(dir, &found), 0);
}
END_TEST

START_TEST(a_directory_in_use_is_refused_by_name_while_its_broker_goes_on)
{
    static const char *const topics[] = {"kept:1"};
    struct gregor *g = start(topics, 1);
    struct gregor_options options = GREGOR_OPTIONS_INIT;
    options.data_dir = gregor_data_dir(g);
    options.listen = "127.0.0.1:0";
    struct gregor *none = NULL;
    char error[GREGOR_ERROR_SIZE] = "";
    ck_assert_int_eq(gregor_start(&options, &none, error), GREGOR_FAILED);
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(error, gregor_data_dir(g)));
    produce(g, "kept", "still here");
    check_first(g, "kept", "still here");
    stop(g);
}
END_TEST

START_TEST(bad_settings_are_usage_errors_that_name_key_and_value)
{
    static const char *const settings[] = {"num.partitions=many"};
    struct gregor_options options = GREGOR_OPTIONS_INIT;
    options.ephemeral = true;
    options.settings = settings;
    options.setting_count = 1;
    struct gregor *none = NULL;
    char error[GREGOR_ERROR_SIZE] = "";
    ck_assert_int_eq(gregor_start(&options, &none, error), GREGOR_USAGE);
    ck_assert_ptr_nonnull(strstr(error, "num.partitions"));
    ck_assert_ptr_nonnull(strstr(error, "many"));
}
END_TEST

struct lines {
    int warnings;
    char last[512];
};

static void take_line(void *context, enum gregor_log_level level, const char *line)
{
    struct lines *l = context;
    l->warnings += level == GREGOR_LOG_WARN;
    snprintf(l->last, sizeof(l->last), "%s", line);
}

START_TEST(diagnostics_go_to_the_callers_function)
{
    static const char *const settings[] = {"no.such.setting=1"};
    struct lines lines = {0};
    struct gregor_options options = GREGOR_OPTIONS_INIT;
    options.ephemeral = true;
    options.listen = "127.0.0.1:0";
    options.settings = settings;
    options.setting_count = 1;
    options.log = take_line;
    options.log_context = &lines;
    struct gregor *g = NULL;
    char error[GREGOR_ERROR_SIZE] = "";
    ck_assert_msg(gregor_start(&options, &g, error) == GREGOR_OK, "%s", error);
    ck_assert_int_eq(lines.warnings, 1);
    ck_assert_ptr_nonnull(strstr(lines.last, "no.such.setting"));
    stop(g);
}
END_TEST

GREGOR_TESTS("gregor", two_brokers_live_in_one_process_and_one_goes_on_alone,
             an_ephemeral_broker_leaves_no_folder,
             a_directory_in_use_is_refused_by_name_while_its_broker_goes_on,
             bad_settings_are_usage_errors_that_name_key_and_value,
             diagnostics_go_to_the_callers_function)
