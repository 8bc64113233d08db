/* broker/dynamic_config.h
 *
 * Broker settings that were altered at runtime (IncrementalAlterConfigs on a
 * broker, or on all of them) live in the metadata; this carries them into the
 * node's struct broker_config, at start and whenever they change.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_DYNAMIC_CONFIG_H
#define GREGOR_BROKER_DYNAMIC_CONFIG_H

#include "config/broker_config.h"
#include "protocol/base/trace.h"
#include "replication/metadata_delta.h"

struct dynamic_config {
    struct metadata_publisher publisher; /* add it before the replica manager's */
    struct metadata_image *image;
    struct broker_config *config;
    const struct trace *trace;
    char broker_name[12];             /* the node's id, as resources are named */
    struct dynamic_override *applied; /* a hash of what is in the config */
    void (*changed)(struct dynamic_config *d); /* after the config has changed */
    void *owner;
};

/* Applies what the image says. */
void dynamic_config_init(struct dynamic_config *d, int32_t node_id,
                         struct metadata_image *image, struct broker_config *config,
                         const struct trace *trace);
void dynamic_config_free(struct dynamic_config *d);

#endif
