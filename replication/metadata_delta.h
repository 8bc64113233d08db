/* replication/metadata_delta.h
 *
 * What a change of the metadata touched, and how nodes hear of it: the controller
 * applies the records to the image, then hands the delta to every publisher, and
 * answers its client only when all of them have said that their node can serve what
 * changed (Kafka: MetadataDelta, MetadataPublisher).
 *
 * Loop thread. */
#ifndef GREGOR_REPLICATION_METADATA_DELTA_H
#define GREGOR_REPLICATION_METADATA_DELTA_H

#include "replication/metadata_image.h"

struct metadata_partition_change {
    struct uuid topic_id;
    int32_t partition;
    bool added; /* false: it was there, and changed */
};

struct metadata_removed_topic {
    struct uuid id;
    struct str name; /* the delta's */
    int32_t partition_count;
};

/* A topic made and removed again within one delta is in neither list. */
struct metadata_delta {
    struct uuid *topics_created;
    int32_t topics_created_count;
    /* In the order of the records; a partition that changed twice may stand here
     * twice, one whose topic was removed does not. */
    struct metadata_partition_change *partitions;
    int32_t partition_count;
    struct metadata_removed_topic *topics_removed;
    int32_t topics_removed_count;
    /* A topic that is created with configs is here too, one that is removed is
     * not. Several changes of one resource in a row are one entry. */
    struct metadata_config_resource *configs; /* names are the delta's */
    int32_t config_count;
    bool brokers_changed;
    bool features_changed;

    struct arena arena; /* the names */
    int32_t topics_created_cap, partition_cap, topics_removed_cap, config_cap;
};

#define METADATA_DELTA_INIT ((struct metadata_delta){0})

/* Frees what it holds and leaves an empty one. */
void metadata_delta_clear(struct metadata_delta *delta);
bool metadata_delta_is_empty(const struct metadata_delta *delta);

/* One round of publishing; the controller's. */
struct metadata_publish_wait;

/* Memory of the node, from controller_add_publisher() until
 * controller_remove_publisher(). */
struct metadata_publisher {
    /* The image has changed by `delta`, which is borrowed for the call. Ends with
     * exactly one metadata_publish_done(wait), at once or on a later turn. Further
     * changes wait for it. What the disk refuses is the node's affair: its logs go
     * offline, the metadata stay. */
    void (*publish)(struct metadata_publisher *publisher,
                    const struct metadata_delta *delta,
                    struct metadata_publish_wait *wait);
    struct metadata_publisher *next; /* the controller's */
};

void metadata_publish_done(struct metadata_publish_wait *wait);

/* For metadata_image_apply(). ERR_NOMEM. */
int metadata_delta_topic_created(struct metadata_delta *delta, struct uuid id,
                                 struct err *err);
int metadata_delta_topic_removed(struct metadata_delta *delta,
                                 const struct metadata_topic *topic, struct err *err);
int metadata_delta_partition(struct metadata_delta *delta, struct uuid topic_id,
                             int32_t partition, bool added, struct err *err);
int metadata_delta_config(struct metadata_delta *delta, enum config_resource_type type,
                          struct str name, struct err *err);

#endif
