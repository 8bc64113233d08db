/* tests/unit/replication/replica_fixture.h
 *
 * Node 1 with its replica manager over real logs on a disk in memory. Jobs run when
 * the test says so; changes of the metadata are put together record by record and
 * published as one. */
#ifndef GREGOR_TESTS_REPLICA_FIXTURE_H
#define GREGOR_TESTS_REPLICA_FIXTURE_H

#include "replication/metadata_delta.h"
#include "replication/replica_manager.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_executor.h"

#define REPLICA_NODE 1

struct replica_fixture {
    struct fake_disk disk;
    struct fake_clock clock;
    struct fake_executor executor;
    struct trace trace;
    char traced[4096];
    struct broker_config *config;
    struct log_dir dir;
    struct log_manager *logs;
    struct metadata_image *image;
    struct metadata_delta delta;
    struct replica_manager *m;
    int published; /* how often the publisher said that it is done */
    struct err err;
};

/* The round of publishing; replica_fixture.c stands in for the controller. */
struct metadata_publish_wait {
    struct replica_fixture *f;
};

void replica_fixture_open(struct replica_fixture *f);
void replica_fixture_close(struct replica_fixture *f); /* stops the logs before */

/* Records for the image and the delta. A partition's replicas are the leader, and
 * node `other` unless that is 0; all are in sync. */
struct uuid replica_topic_id(int n);
void put_topic(struct replica_fixture *f, int id, const char *name);
void put_partition(struct replica_fixture *f, int id, int32_t partition, int32_t leader,
                   int32_t other);
void put_leader(struct replica_fixture *f, int id, int32_t partition, int32_t leader);
void put_removal(struct replica_fixture *f, int id);
void put_config(struct replica_fixture *f, enum config_resource_type type,
                const char *resource, const char *name, const char *value);

/* Hands the delta to the publisher. */
void publish(struct replica_fixture *f);

/* Publishes, runs all jobs, and expects the publisher to have answered. */
void publish_and_run(struct replica_fixture *f);

/* The replica with its log opened; must be there. */
struct partition *open_partition(struct replica_fixture *f, int id, int32_t partition);

/* Appends one record as leader; the code of partition_append(). */
int append_one(struct replica_fixture *f, struct partition *p);

#endif
