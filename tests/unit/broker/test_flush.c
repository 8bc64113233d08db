/* flush.messages and flush.ms as a client feels them. The program stands between
 * the library and the disk: while `held`, syncs of logs wait at the gate. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "broker/gregor.h"
#include "tests/support/check_main.h"

#define WAIT_MS 10000
#define A_WHILE_MS 150

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;
static int arrived; /* syncs of t-0's log that have come to the gate */

static bool is_topics_log(int fd)
{
    char link[64], path[512];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len < 0 ? 0 : len] = '\0';
    return strstr(path, "/t-0/") != NULL && strstr(path, ".log") != NULL;
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    if (is_topics_log(fd)) {
        pthread_mutex_lock(&mutex);
        arrived++;
        pthread_cond_broadcast(&changed);
        while (held)
            pthread_cond_wait(&changed, &mutex);
        pthread_mutex_unlock(&mutex);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* Begins anew: no sync has come yet, and none passes. */
static void close_gate(void)
{
    pthread_mutex_lock(&mutex);
    arrived = 0;
    held = true;
    pthread_mutex_unlock(&mutex);
}

static void open_gate(void)
{
    pthread_mutex_lock(&mutex);
    held = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* Waits until a sync has come to the gate. */
static void await_sync(void)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&mutex);
    while (arrived == 0 && rc == 0)
        rc = pthread_cond_timedwait(&changed, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    ck_assert_msg(rc == 0, "nobody syncs the log");
}

static struct gregor *start(const char *topic, const char *setting)
{
    struct gregor_options options = GREGOR_OPTIONS_INIT;
    options.ephemeral = true;
    options.listen = "127.0.0.1:0";
    options.topics = &topic;
    options.topic_count = 1;
    options.settings = &setting;
    options.setting_count = setting == NULL ? 0 : 1;
    struct gregor *g = NULL;
    char error[GREGOR_ERROR_SIZE] = "";
    ck_assert_msg(gregor_start(&options, &g, error) == GREGOR_OK, "%s", error);
    return g;
}

/* One record is on its way; nothing is known of it yet. */
static rd_kafka_t *send_one(const struct gregor *g, const char *acks)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", gregor_bootstrap(g), error,
                      sizeof(error));
    rd_kafka_conf_set(conf, "linger.ms", "0", error, sizeof(error));
    rd_kafka_conf_set(conf, "acks", acks, error, sizeof(error));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_msg(rk != NULL, "%s", error);
    rd_kafka_resp_err_t rc = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_VALUE((void *)(uintptr_t) "v", 1),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    ck_assert_int_eq(rc, RD_KAFKA_RESP_ERR_NO_ERROR);
    return rk;
}

static void end(struct gregor *g, rd_kafka_t *rk)
{
    char error[GREGOR_ERROR_SIZE] = "";
    open_gate();
    rd_kafka_destroy(rk);
    ck_assert_msg(gregor_stop(g, error) == GREGOR_OK, "%s", error);
}

static void expect_answer_after_sync(const char *topic, const char *setting,
                                     const char *acks)
{
    close_gate();
    struct gregor *g = start(topic, setting);
    rd_kafka_t *rk = send_one(g, acks);
    await_sync();
    ck_assert_int_eq(rd_kafka_flush(rk, A_WHILE_MS), RD_KAFKA_RESP_ERR__TIMED_OUT);
    open_gate();
    ck_assert_int_eq(rd_kafka_flush(rk, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    end(g, rk);
}

START_TEST(what_flush_messages_demands_is_answered_after_the_sync)
{
    expect_answer_after_sync("t:1:flush.messages=1", NULL, "1");
    expect_answer_after_sync("t:1:flush.messages=1", NULL, "all");
    expect_answer_after_sync("t", "log.flush.interval.messages=1", "1");
    expect_answer_after_sync("t", "log.flush.interval.messages=1", "all");
}
END_TEST

START_TEST(otherwise_no_answer_waits_for_a_sync)
{
    close_gate();
    struct gregor *g = start("t:1:flush.messages=2", NULL);
    rd_kafka_t *rk = send_one(g, "all");
    ck_assert_int_eq(rd_kafka_flush(rk, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    pthread_mutex_lock(&mutex);
    ck_assert_int_eq(arrived, 0);
    pthread_mutex_unlock(&mutex);
    end(g, rk);
}
END_TEST

static void expect_sync_with_time(const char *topic, const char *setting)
{
    close_gate();
    struct gregor *g = start(topic, setting);
    rd_kafka_t *rk = send_one(g, "all");
    ck_assert_int_eq(rd_kafka_flush(rk, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    await_sync(); /* the answer did not wait for it */
    end(g, rk);
}

START_TEST(flush_ms_syncs_what_was_answered)
{
    expect_sync_with_time("t:1:flush.ms=30", NULL);
    expect_sync_with_time("t", "log.flush.interval.ms=30");
}
END_TEST

GREGOR_TESTS("flush", what_flush_messages_demands_is_answered_after_the_sync,
             otherwise_no_answer_waits_for_a_sync, flush_ms_syncs_what_was_answered)
