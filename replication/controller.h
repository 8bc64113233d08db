/* replication/controller.h
 *
 * The one writer of the cluster's metadata (Kafka: QuorumController with its
 * ReplicationControlManager, ConfigurationControlManager, ClusterControlManager).
 *
 *   request ─► queue ─► records against the image ─► append + fsync ─► apply
 *                         │ nothing to write                            │
 *                         ▼                                             ▼
 *                       answer  ◄──────────── every node ready ◄──── publish
 *
 * Requests are worked off one by one, in the order they came: each sees all that
 * was done before it, and what it answers is on disk and served by the nodes.
 *
 * A request (struct controller_request) is memory of the caller, as are the Kafka
 * request, the Kafka response and the arena: all kept until request->done, which is
 * called exactly once, on a later turn. Responses are filled with Kafka's error
 * codes and messages, entry by entry; strings and arrays are of the request's arena
 * or views into the Kafka request. When the metadata log refuses (and it refuses
 * for good: fsync is never retried), every entry that would have succeeded says
 * UNKNOWN_SERVER_ERROR.
 *
 * Authorisation is the caller's: what is not allowed does not come here.
 *
 * Loop thread. */
#ifndef GREGOR_REPLICATION_CONTROLLER_H
#define GREGOR_REPLICATION_CONTROLLER_H

#include "config/broker_config.h"
#include "protocol/base/clock.h"
#include "protocol/base/executor.h"
#include "protocol/base/random.h"
#include "protocol/base/trace.h"
#include "protocol/messages.h"
#include "replication/metadata_delta.h"
#include "replication/metadata_image.h"

struct controller;

/* Where records become durable; the broker gives it the metadata log, tests a
 * fake. */
struct metadata_append {
    /* rc 0: durable, in one batch, at base_offset. Negative: the log is offline,
     * and refuses from now on. `err` is borrowed. Called on a later turn. */
    void (*done)(struct metadata_append *append, int rc, const struct err *err);
};

struct metadata_writer {
    /* The offset that the next record appended will have. */
    int64_t (*next_offset)(struct metadata_writer *writer);

    /* Appends the records and makes them durable. They are borrowed for the call;
     * `append` is kept until its callback. Negative: no callback follows. Not
     * called again before the callback. */
    int (*append)(struct metadata_writer *writer, const struct metadata_record *records,
                  int32_t count, struct metadata_append *append, struct err *err);
};

struct controller_options {
    int32_t node_id; /* of the controller */
    struct metadata_image
        *image; /* replayed; from now on changed by the controller only */
    struct metadata_writer *writer;
    const struct broker_config *config; /* defaults of topics, profile, limits */
    struct executor *executor;          /* brings callbacks to a later turn */
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
};

/* All of the options are borrowed until controller_destroy(). */
int controller_create(const struct controller_options *options, struct controller **out,
                      struct err *err);

/* Only when nothing is under way: after controller_stop()'s callback, or before
 * the first request. Accepts NULL. */
void controller_destroy(struct controller *c);

/* Publishers are called in the order they were added. Not while a change is being
 * published. */
void controller_add_publisher(struct controller *c, struct metadata_publisher *p);
void controller_remove_publisher(struct controller *c, struct metadata_publisher *p);

/* The offset of the newest metadata record; -1 before the first. */
int64_t controller_metadata_offset(const struct controller *c);

struct controller_request {
    /* rc is 0 whenever a response was filled. `err` is borrowed. */
    void (*done)(struct controller_request *request, int rc, const struct err *err);
    struct arena *arena;
    int32_t node_id; /* the broker that was asked: it alone may be named in configs */

    /* The controller's. */
    struct controller_request *next;
    const struct controller_operation *operation;
    const void *input;
    void *output;
};

/* A broker to be registered. Borrowed until the callback. */
struct controller_broker {
    int32_t id;
    struct uuid incarnation;                   /* new at every start */
    struct str rack;                           /* may be null */
    const struct metadata_endpoint *endpoints; /* as advertised, ports known */
    int32_t endpoint_count;
    const struct uuid *directories;
    int32_t directory_count;
    /* The last stop was not clean: the leader epoch of every partition with a
     * replica there is raised, so that consumers look for truncation (KIP-320). */
    bool unclean;
};

struct controller_start {
    const struct controller_broker *brokers;
    int32_t broker_count;
    const struct metadata_endpoint *controller_endpoints;
    int32_t controller_endpoint_count;
    struct uuid controller_incarnation;
};

/* The first request: writes, in one append, the bootstrap records if the log has
 * none (feature levels, min.insync.replicas), an abort of a transaction that was left
 * open, the registrations of controller and brokers with the brokers unfenced,
 * all others fenced, and elections for partitions that have no leader but could have
 * one (as a stopped Kafka leaves them) or are led by, or in sync with, brokers that
 * are not there. rc: the log's, or ERR_UNSUPPORTED_VERSION if the log's
 * metadata.version is beyond ours. A broker's epoch is then in the image. */
void controller_start(struct controller *c, struct controller_request *r,
                      const struct controller_start *start);

/* Waits for the request under way; those behind it, and all that come later, are
 * refused with ERR_CANCELED or, in responses, UNKNOWN_SERVER_ERROR. The log may be
 * closed after the callback. */
void controller_stop(struct controller *c, struct controller_request *r);

/* Topics. The response structs arrive initialised (…_INIT). */
void controller_create_topics(struct controller *c, struct controller_request *r,
                              const struct create_topics_request *request,
                              struct create_topics_response *response);
void controller_delete_topics(struct controller *c, struct controller_request *r,
                              const struct delete_topics_request *request,
                              struct delete_topics_response *response);
void controller_create_partitions(struct controller *c, struct controller_request *r,
                                  const struct create_partitions_request *request,
                                  struct create_partitions_response *response);

/* Topics that a client named and that do not exist: num.partitions,
 * default.replication.factor; internal topics with their own settings (Kafka:
 * AutoTopicCreationManager). Whether auto.create.topics.enable allows it is the
 * caller's question. The response tells of each name; TOPIC_ALREADY_EXISTS is as good
 * as success. */
struct controller_auto_create {
    const struct str *names;
    int32_t name_count;
};
void controller_auto_create_topics(struct controller *c, struct controller_request *r,
                                   const struct controller_auto_create *topics,
                                   struct create_topics_response *response);

/* Configs. Broker loggers are not the controller's: INVALID_REQUEST. */
void controller_alter_configs(struct controller *c, struct controller_request *r,
                              const struct alter_configs_request *request,
                              struct alter_configs_response *response);
void controller_incremental_alter_configs(
    struct controller *c, struct controller_request *r,
    const struct incremental_alter_configs_request *request,
    struct incremental_alter_configs_response *response);

/* A block of producer ids for a broker: PRODUCER_ID_BLOCK_SIZE of them from
 * `first_producer_id`. The broker asks for the next when it runs out. */
#define PRODUCER_ID_BLOCK_SIZE 1000
struct producer_id_block {
    int32_t broker_id; /* asked by */
    int64_t first_producer_id;
    int32_t count;
};
void controller_allocate_producer_ids(struct controller *c,
                                      struct controller_request *r,
                                      struct producer_id_block *block);

#endif
