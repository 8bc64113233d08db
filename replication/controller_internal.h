/* replication/controller_internal.h
 *
 * The inside of the controller, shared by controller*.c. Loop thread. */
#ifndef GREGOR_REPLICATION_CONTROLLER_INTERNAL_H
#define GREGOR_REPLICATION_CONTROLLER_INTERNAL_H

#include "protocol/kafka_error.h"
#include "replication/controller.h"
#include "replication/metadata_version.h"

/* One kind of request. */
struct controller_operation {
    const char *name;
    /* Judges the request against the image, fills the response, and adds the
     * records that it takes (controller_record()). Negative: nothing of it comes to
     * pass, and r->done hears of it. */
    int (*build)(struct controller *c, struct controller_request *r, struct err *err);
    /* The records did not become durable: turns what says success in the response
     * into UNKNOWN_SERVER_ERROR with that message (of the request's arena). NULL:
     * there is no response, r->done hears of it. */
    void (*fail)(struct controller_request *r, struct str message);
};

struct metadata_publish_wait {
    struct controller *controller;
    int32_t pending; /* publishers that have not yet said that they are done */
};

struct controller {
    struct controller_options options;
    struct metadata_publisher *publishers; /* in the order they were added */

    struct controller_request *first, *last; /* waiting */
    struct controller_request *current;      /* its records are on their way */
    struct controller_request *stop;         /* to be told when nothing is */
    bool stopped;

    struct job wake;
    bool waking;

    /* The change under way. */
    struct arena arena;
    struct metadata_record *records; /* messages are the arena's */
    int32_t record_count;
    int32_t record_cap;
    int64_t base_offset; /* of the first of them, once appended */
    struct metadata_append append;
    struct metadata_delta delta;
    struct metadata_publish_wait wait;

    /* Records that were made durable, but did not fit the image: our bug, or no
     * memory. What is on disk is right; the next start will read it. */
    bool broken;
};

static inline const struct metadata_image *controller_image(const struct controller *c)
{
    return c->options.image;
}

/* Puts a request at the end of the queue. */
void controller_submit(struct controller *c, struct controller_request *r,
                       const struct controller_operation *operation, const void *input,
                       void *output);

/* Adds a record with its defaults for the caller to fill; NULL without memory. */
void *controller_record(struct controller *c, const struct message_type *type);

/* Takes back the records behind the first `count`. */
void controller_drop_records(struct controller *c, int32_t count);

/* Memory for the lists of records; lives until the change is done. */
static inline void *controller_array(struct controller *c, int32_t count, size_t size)
{
    return arena_array(&c->arena, (size_t)count, size);
}

/* What one request may add (Kafka: MAX_PARTITIONS_PER_BATCH). */
#define CONTROLLER_PARTITIONS_MAX 10000
#define CONTROLLER_RECORDS_MAX 10000 /* Kafka: MAX_RECORDS_PER_USER_OP */

/* The verdict on one entry of a request: a Kafka error with its sentence. */
struct verdict {
    enum kafka_error code;
    struct str message; /* null with KAFKA_NONE */
};

#define VERDICT_OK ((struct verdict){KAFKA_NONE, STR_NULL})

struct verdict verdict_of(struct arena *arena, enum kafka_error code,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* POLICY_VIOLATION, of a request beyond CONTROLLER_RECORDS_MAX. */
struct verdict verdict_too_large(struct arena *arena);

/* Which of `count` names stand there more than once. Sets flags[i] for each: */
enum name_use {
    NAME_ONCE,
    NAME_FIRST, /* of several */
    NAME_AGAIN,
};
int controller_name_uses(struct arena *arena, const struct str *names, int32_t count,
                         uint8_t **uses, struct err *err);

/* controller_topics.c: for topics that are created without a client's request. */
extern const struct controller_operation controller_create_topics_operation;

/* controller_configs.c: the ConfigRecords that turn one resource's overrides into
 * others, judged as a whole. */
enum config_op {
    CONFIG_OP_SET,
    CONFIG_OP_DELETE,
    CONFIG_OP_APPEND,
    CONFIG_OP_SUBTRACT
};

struct config_change {
    struct str name;
    struct str value; /* null with DELETE */
    int8_t op;        /* enum config_op, if it is one */
};

struct config_changes {
    enum config_resource_type type; /* topic, broker, client metrics or group */
    struct str name;
    const struct config_change *items;
    int32_t count;
    bool replaces; /* what is not named goes (legacy AlterConfigs) */
    bool is_new;   /* the topic is being created */
};

int controller_change_configs(struct controller *c, struct arena *arena,
                              const struct config_changes *changes,
                              struct verdict *verdict, struct err *err);

/* controller_placement.c */
struct placement; /* replicas for the partitions of one topic */

/* ERR_INVALID_REPLICATION_FACTOR with Kafka's sentence. Memory is the arena's. */
int placement_begin(struct arena *arena, const struct metadata_image *image,
                    const struct random *random, int32_t replication_factor,
                    struct placement **out, struct err *err);

/* Fills `replicas` (as many as the factor) for the next partition. */
void placement_next(struct placement *p, int32_t *replicas);

/* controller_partitions.c */
struct replica_list {
    const int32_t *ids;
    int32_t count;
};

/* Judges what a request assigns to a partition by hand. `factor` is what the others
 * have, 0: nothing to compare with. `partition` is for the sentence. */
struct verdict controller_check_assignment(struct controller *c, struct arena *arena,
                                           struct replica_list replicas, int32_t factor,
                                           int32_t partition);

/* Adds the PartitionRecord of a new partition; the replicas that can lead are in
 * sync, and the first of them leads. */
int controller_add_partition(struct controller *c, struct uuid topic_id,
                             int32_t partition, struct replica_list replicas,
                             struct err *err);

/* Of those that can lead, whether there is one. */
bool controller_any_active(const struct controller *c, struct replica_list replicas);

/* What a topic gets when a client does not say, or says more than a development
 * cluster has (design: dev profile). */
int32_t controller_replication_factor(const struct controller *c, int32_t wanted);

/* replication/controller_elections.c */
bool controller_broker_begins(const struct controller_broker *brokers, int32_t count,
                              int32_t id);
/* Records that give every partition the leader and the in-sync replicas that the
 * brokers of this start allow. */
int controller_elect(struct controller *c, const struct controller_broker *brokers,
                     int32_t count, struct err *err);

#endif
