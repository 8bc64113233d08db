/* replication/metadata_image.h
 *
 * All that __cluster_metadata-0 says, in memory: brokers answer from it (Kafka:
 * MetadataImage). It begins empty and changes only by metadata_image_apply(),
 * record after record, at start-up by the replay of snapshot and log, later by
 * the controller, which is the only writer. What Gregor does not use yet (quotas,
 * SCRAM credentials, ACLs, delegation tokens) is kept as it came, so that a
 * snapshot loses nothing.
 *
 * Records between BeginTransactionRecord and EndTransactionRecord are held back
 * until the end, and dropped at an AbortTransactionRecord (Kafka:
 * MetadataBatchLoader).
 *
 * Whatever an accessor returns is borrowed, and valid until the next record is
 * applied. Loop thread. */
#ifndef GREGOR_REPLICATION_METADATA_IMAGE_H
#define GREGOR_REPLICATION_METADATA_IMAGE_H

#include "config/setting.h"
#include "protocol/base/hash.h"
#include "protocol/base/uuid.h"
#include "storage/metadata_record.h"

struct metadata_image;
struct metadata_delta;

#define NO_LEADER (-1)
#define NO_LEADER_CHANGE (-2) /* in a PartitionChangeRecord */

struct broker_ids {
    const int32_t *ids;
    int32_t count;
};

/* The lists of a partition, packed one behind the other into its words. */
enum partition_list {
    PARTITION_REPLICAS, /* in order of preference */
    PARTITION_ISR,
    PARTITION_REMOVING_REPLICAS,
    PARTITION_ADDING_REPLICAS,
    PARTITION_ELR, /* eligible leader replicas (KIP-966) */
    PARTITION_LAST_KNOWN_ELR,
    PARTITION_LISTS,
};

/* What a partition with one replica needs: every list, and one directory. */
#define PARTITION_INLINE_WORDS 8

/* 64 bytes: there may be very many. */
struct metadata_partition {
    int32_t leader; /* NO_LEADER: none */
    int32_t leader_epoch;
    int32_t partition_epoch;
    int8_t leader_recovery_state; /* 0 recovered, 1 recovering */
    bool present;                 /* false: the array has a gap here */
    uint16_t list_count[PARTITION_LISTS];
    uint16_t directory_count; /* 0, or that of the replicas */
    uint16_t word_count;
    union {
        int32_t here[PARTITION_INLINE_WORDS];
        int32_t *away; /* owned, when word_count does not fit */
    } words;
};

struct metadata_topic {
    UT_hash_handle by_name;
    UT_hash_handle by_id;
    struct uuid id;
    struct metadata_partition *partitions; /* by partition id */
    int32_t partition_count;
    int32_t partition_cap;
    int32_t name_len;
    char name[]; /* terminated */
};

struct metadata_endpoint {
    struct str name; /* of the listener */
    struct str host;
    uint16_t port;
    int16_t security_protocol; /* 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
};

struct metadata_feature_range {
    struct str name;
    int16_t min;
    int16_t max;
};

/* A registered broker, or controller (then epoch, rack, directories and the
 * flags mean nothing). */
struct metadata_broker {
    int32_t id;
    int64_t epoch;
    struct uuid incarnation;
    struct str rack; /* may be null */
    bool fenced;
    bool in_controlled_shutdown;
    struct metadata_endpoint *endpoints;
    int32_t endpoint_count;
    struct metadata_feature_range *features;
    int32_t feature_count;
    struct uuid *directories;
    int32_t directory_count;
    struct uuid *cordoned_directories;
    int32_t cordoned_directory_count; /* -1: not said */
};

/* Kafka: ConfigResource.Type */
enum config_resource_type {
    CONFIG_RESOURCE_UNKNOWN = 0,
    CONFIG_RESOURCE_TOPIC = 2,
    CONFIG_RESOURCE_BROKER = 4, /* named by its id; "" is the default of all */
    CONFIG_RESOURCE_BROKER_LOGGER = 8,
    CONFIG_RESOURCE_CLIENT_METRICS = 16,
    CONFIG_RESOURCE_GROUP = 32,
};

/* The overrides of one resource, sorted by name; no value is null. */
struct metadata_configs {
    const struct setting_override *items;
    int32_t count;
};

struct metadata_config_resource {
    enum config_resource_type type;
    struct str name;
};

struct metadata_feature {
    struct str name;
    int16_t level;
};

struct metadata_image *metadata_image_create(struct err *err);
void metadata_image_destroy(struct metadata_image *image); /* accepts NULL */

/* Changes the image by one record; what the record holds is copied. Types that do
 * not concern an image (NoOpRecord, …) change nothing. `delta`, unless NULL, notes
 * what changed. ERR_CORRUPT if the record does not fit what is there (a partition
 * of a topic that is none), ERR_UNSUPPORTED_VERSION for a type that Kafka 4.3 has
 * not, ERR_NOMEM; the image is then of use to nobody. */
int metadata_image_apply(struct metadata_image *image,
                         const struct metadata_record *record,
                         struct metadata_delta *delta, struct err *err);

/* Whether a transaction was begun and not ended: records are held back. */
bool metadata_image_in_transaction(const struct metadata_image *image);

/* Hands every record that would rebuild the image to emit(), in the order that
 * Kafka's snapshots have; a nonzero result ends it and is returned. The record is
 * borrowed for the call. */
int metadata_image_write(const struct metadata_image *image,
                         int (*emit)(void *context,
                                     const struct metadata_record *record,
                                     struct err *err),
                         void *context, struct err *err);

/* Topics. NULL: there is none. */
const struct metadata_topic *metadata_image_topic(const struct metadata_image *image,
                                                  struct str name);
const struct metadata_topic *metadata_image_topic_by_id(
    const struct metadata_image *image, struct uuid id);
int32_t metadata_image_topic_count(const struct metadata_image *image);
int32_t metadata_image_partition_count(const struct metadata_image *image);

/* Any topic whose name equals `name` but for '.' and '_', `name` itself too. */
const struct metadata_topic *metadata_image_colliding_topic(
    const struct metadata_image *image, struct str name);

/* All topics sorted by name, byte by byte as Kafka's; sorted anew only if topics
 * came or went since the last call. NULL and count 0 when there are none; NULL and
 * *count -1 when memory is missing. */
const struct metadata_topic *const *metadata_image_topics(
    const struct metadata_image *image, int32_t *count);

static inline struct str metadata_topic_name(const struct metadata_topic *t)
{
    return (struct str){t->name, t->name_len};
}

/* __consumer_offsets, __transaction_state, __share_group_state (Kafka: Topic). */
bool metadata_topic_is_internal(struct str name);

/* NULL: there is none. */
const struct metadata_partition *metadata_topic_partition(
    const struct metadata_topic *t, int32_t partition);

struct broker_ids metadata_partition_list(const struct metadata_partition *p,
                                          enum partition_list list);

static inline struct broker_ids metadata_partition_replicas(
    const struct metadata_partition *p)
{
    return metadata_partition_list(p, PARTITION_REPLICAS);
}

static inline struct broker_ids metadata_partition_isr(
    const struct metadata_partition *p)
{
    return metadata_partition_list(p, PARTITION_ISR);
}

static inline bool broker_ids_have(struct broker_ids list, int32_t id)
{
    for (int32_t i = 0; i < list.count; i++)
        if (list.ids[i] == id)
            return true;
    return false;
}

/* The directory of the replica at `index` of the replicas; zero: unassigned. */
struct uuid metadata_partition_directory(const struct metadata_partition *p,
                                         int32_t index);

/* Brokers, in order of id. */
const struct metadata_broker *metadata_image_broker(const struct metadata_image *image,
                                                    int32_t id);
const struct metadata_broker *const *metadata_image_brokers(
    const struct metadata_image *image, int32_t *count);

/* Neither fenced nor shutting down: it leads, and takes new replicas. */
static inline bool metadata_broker_active(const struct metadata_broker *b)
{
    return b != NULL && !b->fenced && !b->in_controlled_shutdown;
}

/* NULL: the broker has no listener of that name. */
const struct metadata_endpoint *metadata_broker_endpoint(
    const struct metadata_broker *b, struct str listener);

const struct metadata_broker *metadata_image_controller(
    const struct metadata_image *image, int32_t id);

/* Overrides; count 0 when there are none. */
struct metadata_configs metadata_image_configs(const struct metadata_image *image,
                                               enum config_resource_type type,
                                               struct str name);
/* One override's value; null when it is not set. */
struct str metadata_image_config(const struct metadata_image *image,
                                 enum config_resource_type type, struct str name,
                                 const char *key);

/* Calls for every resource that has an override, by type, then by name. */
void metadata_image_each_config_resource(
    const struct metadata_image *image,
    void (*visit)(void *context, const struct metadata_config_resource *resource),
    void *context);

/* The level of a feature; 0 when it is not set. */
int16_t metadata_image_feature(const struct metadata_image *image, struct str name);
const struct metadata_feature *metadata_image_features(
    const struct metadata_image *image, int32_t *count); /* by name */

/* The first producer id that no block has given out. */
int64_t metadata_image_next_producer_id(const struct metadata_image *image);

#endif
