/* tests/unit/replication/controller_fixture.h
 *
 * A controller whose log, nodes and turns of the loop are the test's: nothing becomes
 * durable, is published or called back before the test says so. */
#ifndef GREGOR_TESTS_UNIT_REPLICATION_CONTROLLER_FIXTURE_H
#define GREGOR_TESTS_UNIT_REPLICATION_CONTROLLER_FIXTURE_H

#include <check.h>

#include "protocol/kafka_error.h"
#include "replication/controller.h"
#include "tests/support/fake_executor.h"

#define FAKE_RECORDS_MAX 64000

struct fake_log {
    struct metadata_writer writer; /* first */
    int64_t next_offset;
    int appends;
    struct buf *records; /* encoded; of all appends that succeeded */
    int record_count;
    struct metadata_append *pending;
    bool refuse_append;
    bool refuse_sync;
};

struct fake_node {
    struct metadata_publisher publisher; /* first */
    struct metadata_publish_wait *pending;
    bool at_once; /* done within publish() */
    int rounds;
    /* Of the last round. */
    int topics_created, partitions_added, partitions_changed, topics_removed, configs;
};

struct replaying_random {
    struct random random; /* first */
    uint64_t *state;
};

struct controller_fixture {
    struct controller *controller;
    struct metadata_image *image;
    struct broker_config *config;
    struct fake_executor executor;
    struct fake_log log;
    struct fake_node node;
    struct replaying_random random;
    uint64_t random_state;
    struct trace trace;

    struct arena arena;
    struct controller_request request;
    int answered; /* callbacks of `request` since it was last begun */
    int rc;
    struct err err;
};

struct fixture_options {
    const char *settings; /* lines of server.properties, or NULL */
    enum profile profile;
    int brokers; /* registered, ids from 1; 0: the controller is not started */
    const char *racks[8];
};

void controller_fixture_open(struct controller_fixture *f,
                             const struct fixture_options *options);
void controller_fixture_close(struct controller_fixture *f);

/* A request with the fixture's arena, for one call of the controller. */
struct controller_request *controller_fixture_request(struct controller_fixture *f);

/* Turns the loop until the request is answered: the log syncs, the node is ready. */
void controller_fixture_run(struct controller_fixture *f);

/* The parts of that, one by one. */
void controller_fixture_turn(struct controller_fixture *f);  /* what executors bring */
void controller_fixture_sync(struct controller_fixture *f);  /* the append's callback */
void controller_fixture_ready(struct controller_fixture *f); /* the node's */

/* Registers `count` brokers with ids from 1, and starts. */
void controller_fixture_start(struct controller_fixture *f, int count, bool unclean,
                              const char *const *racks);

/* Creates a topic and expects it to succeed. */
void controller_fixture_topic(struct controller_fixture *f, const char *name,
                              int32_t partitions, int16_t factor);

const struct metadata_partition *controller_fixture_partition(
    struct controller_fixture *f, const char *topic, int32_t partition);

/* How many records of that type the log holds. */
int fake_log_count(const struct fake_log *log, const struct message_type *type);

/* An image made from the log alone. */
struct metadata_image *fake_log_replay(const struct fake_log *log);

/* The image as text: equal images, equal texts. Freed by the caller. */
struct buf image_text(const struct metadata_image *image);

#define CHECK_TEXT(value, expected)                                      \
    ck_assert_msg(str_is((value), (expected)), "\"%.*s\" is not \"%s\"", \
                  STR_ARGS(value), (expected))

#endif
