/* The part of the load that librdkafka drives.
 *
 * The client shares two cores with the broker, so what it spends is kept small
 * and is the same for every broker: payloads are not copied, records are handed
 * over and taken many at a time, deliveries are counted and not reported one by
 * one. */
#include "tests/bench/client.h"

#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDED_OVER = 1000, /* records a call of rd_kafka_produce_batch */
    TAKEN = 10000,      /* records a call of rd_kafka_consume_batch_queue */
    WAIT_MS = 60000,
};

static const char *const producer_settings[][2] = {
    {"linger.ms", "5"},
    {"batch.size", "1000000"},
    {"batch.num.messages", "100000"},
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "262144"},
    {"delivery.report.only.error", "true"},
    {NULL, NULL},
};

static const char *const consumer_settings[][2] = {
    {"group.id", "bench"},
    {"enable.auto.commit", "false"},
    {"enable.partition.eof", "false"},
    {"fetch.message.max.bytes", "8388608"},
    {"fetch.max.bytes", "67108864"},
    {"queued.min.messages", "1000000"},
    {"queued.max.messages.kbytes", "262144"},
    {NULL, NULL},
};

/* One record is sent and one is awaited: nothing may be held back to be sent
 * together with what comes later. */
static const char *const latency_settings[][2] = {
    {"linger.ms", "0"},
    {"acks", "all"},
    {"socket.nagle.disable", "true"},
    {NULL, NULL},
};

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];

    if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
        die("%s=%s: %s", key, value, why);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("a record was not taken: %s", rd_kafka_err2str(message->err));
}

static rd_kafka_conf_t *conf_for(const char *bootstrap,
                                 const char *const (*settings)[2])
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    set(conf, "bootstrap.servers", bootstrap);
    for (; (*settings)[0] != NULL; settings++)
        set(conf, (*settings)[0], (*settings)[1]);
    return conf;
}

/* Whatever the machine's default is: bbr, made for long lines, paces what is sent
 * and leaves both ends of a loopback idle. What the kernel lacks is not set. */
static int open_socket(int domain, int type, int protocol, void *opaque)
{
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    (void)opaque;
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", strlen("cubic"));
    return fd;
}

static rd_kafka_t *client_open(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_t *rk;

    rd_kafka_conf_set_socket_cb(conf, open_socket);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (rk == NULL)
        die("%s", why);
    return rk;
}

static rd_kafka_topic_t *topic_open(rd_kafka_t *rk, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);

    /* Connected, and the leader known, before any clock runs. */
    if (topic == NULL || rd_kafka_metadata(rk, 0, topic, &metadata, WAIT_MS) != 0)
        die("no metadata of %s", name);
    rd_kafka_metadata_destroy(metadata);
    return topic;
}

static void hand_over(rd_kafka_t *rk, rd_kafka_topic_t *topic,
                      rd_kafka_message_t *batch, int count)
{
    int taken = rd_kafka_produce_batch(topic, 0, 0, batch, count);

    for (int i = 0; taken < count && i < count; i++) {
        if (batch[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        if (batch[i].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("%s", rd_kafka_err2str(batch[i].err));
        /* Wait for room, then hand over what found none. */
        rd_kafka_poll(rk, 1);
        batch[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        while (rd_kafka_produce(topic, 0, 0, batch[i].payload, batch[i].len, NULL, 0,
                                NULL) != 0)
            rd_kafka_poll(rk, 1);
    }
}

int run_produce(char **arguments)
{
    size_t size = (size_t)number(arguments[2]);
    long count = number(arguments[3]);
    rd_kafka_conf_t *conf = conf_for(arguments[0], producer_settings);
    rd_kafka_message_t batch[HANDED_OVER];
    rd_kafka_topic_t *topic;
    rd_kafka_t *rk;
    char *payload = malloc(size);

    if (payload == NULL)
        die("out of memory");
    memset(payload, 'x', size);
    set(conf, "acks", arguments[4]);
    rk = client_open(RD_KAFKA_PRODUCER, conf);
    topic = topic_open(rk, arguments[1]);

    int64_t began = now_us();
    for (long left = count; left > 0; left -= HANDED_OVER) {
        int now = left < HANDED_OVER ? (int)left : HANDED_OVER;
        memset(batch, 0, sizeof(batch));
        for (int i = 0; i < now; i++) {
            batch[i].payload = payload;
            batch[i].len = size;
        }
        hand_over(rk, topic, batch, now);
    }
    if (rd_kafka_flush(rk, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("records are left after %d s", WAIT_MS / 1000);
    int64_t took = now_us() - began;

    printf("{\"seconds\": %.6f, \"bytes\": %.0f}\n", (double)took / 1e6,
           (double)size * (double)count);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    free(payload);
    return 0;
}

int run_consume(char **arguments)
{
    long count = number(arguments[2]), seen = 0;
    rd_kafka_t *rk =
        client_open(RD_KAFKA_CONSUMER, conf_for(arguments[0], consumer_settings));
    rd_kafka_topic_t *topic = topic_open(rk, arguments[1]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_message_t *messages[TAKEN];
    double bytes = 0;

    int64_t began = now_us();
    if (rd_kafka_consume_start_queue(topic, 0, 0, queue) != 0)
        die("cannot consume %s", arguments[1]);
    while (seen < count) {
        /* It waits until there are as many as asked for. */
        size_t wanted = count - seen < TAKEN ? (size_t)(count - seen) : TAKEN;
        ssize_t taken = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, wanted);
        if (taken <= 0)
            die("%ld of %ld records came", seen, count);
        for (ssize_t i = 0; i < taken; i++) {
            if (messages[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                die("%s", rd_kafka_message_errstr(messages[i]));
            bytes += (double)messages[i]->len;
            rd_kafka_message_destroy(messages[i]);
        }
        seen += taken;
    }
    int64_t took = now_us() - began;

    printf("{\"seconds\": %.6f, \"bytes\": %.0f}\n", (double)took / 1e6, bytes);
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Sends a record and waits until it comes back; in microseconds. */
static int64_t one_way(rd_kafka_t *producer, rd_kafka_topic_t *to,
                       rd_kafka_topic_t *from, long sequence)
{
    int64_t began = now_us();
    rd_kafka_message_t *message;

    if (rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, &sequence, sizeof(sequence), NULL,
                         0, NULL) != 0)
        die("a record was not taken");
    message = rd_kafka_consume(from, 0, WAIT_MS);
    int64_t took = now_us() - began;
    if (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR ||
        message->len != sizeof(sequence) ||
        memcmp(message->payload, &sequence, sizeof(sequence)) != 0)
        die("record %ld did not come", sequence);
    rd_kafka_message_destroy(message);
    rd_kafka_poll(producer, 0);
    return took;
}

int run_latency(char **arguments)
{
    long count = number(arguments[2]), warm_up = count / 5;
    int64_t *took = calloc((size_t)count, sizeof(*took));
    rd_kafka_conf_t *conf = conf_for(arguments[0], consumer_settings);
    rd_kafka_t *producer, *consumer;
    rd_kafka_topic_t *to, *from;

    if (took == NULL)
        die("out of memory");
    set(conf, "socket.nagle.disable", "true");
    consumer = client_open(RD_KAFKA_CONSUMER, conf);
    producer = client_open(RD_KAFKA_PRODUCER, conf_for(arguments[0], latency_settings));
    to = topic_open(producer, arguments[1]);
    from = topic_open(consumer, arguments[1]);
    if (rd_kafka_consume_start(from, 0, 0) != 0)
        die("cannot consume %s", arguments[1]);

    for (long i = -warm_up; i < count; i++) {
        int64_t one = one_way(producer, to, from, i);
        if (i >= 0)
            took[i] = one;
    }
    qsort(took, (size_t)count, sizeof(*took), by_value);
    printf("{\"p50_us\": %lld, \"p99_us\": %lld}\n", (long long)took[count / 2],
           (long long)took[count * 99 / 100]);
    rd_kafka_consume_stop(from, 0);
    rd_kafka_flush(producer, WAIT_MS);
    rd_kafka_topic_destroy(to);
    rd_kafka_topic_destroy(from);
    rd_kafka_destroy(producer);
    rd_kafka_destroy(consumer);
    free(took);
    return 0;
}
