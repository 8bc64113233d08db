/* config/broker_config_internal.h
 *
 * Shared by the broker_*.c files of this folder. */
#ifndef GREGOR_CONFIG_BROKER_CONFIG_INTERNAL_H
#define GREGOR_CONFIG_BROKER_CONFIG_INTERNAL_H

#include "config/broker_config.h"

/* One value in one layer. Kafka's defaults are no entries, they are in the table. */
struct config_entry {
    const struct setting *setting;
    enum setting_source source;
    struct str value; /* owned, terminated, in canonical form */
};

struct config_layers {
    struct config_entry *entries;
    size_t count;
    size_t cap;
};

/* The entry of one layer, or NULL. */
struct config_entry *config_layers_find(const struct config_layers *layers,
                                        const struct setting *setting,
                                        enum setting_source source);

/* The value in force. */
struct str config_layers_effective(const struct config_layers *layers,
                                   const struct setting *setting,
                                   enum setting_source *source);

/* Checks `value` and puts a copy into a layer, over what was there. */
int config_layers_put(struct config_layers *layers, const struct setting *setting,
                      enum setting_source source, struct str value, struct err *err);

/* Accepts NULL. */
void config_layers_free(struct config_layers *layers);

/* Sets every typed field and list from the layers; config->derived is filled afresh
 * and must be empty. (broker_fields.c) */
int broker_fields_derive(struct broker_config *config, struct err *err);

/* Settings of groups that must fit together. (broker_groups.c) */
int broker_groups_check(const struct broker_config *config, struct err *err);

/* Whether the setting changes what Gregor does. (broker_fields.c) */
bool broker_fields_honour(const struct setting *setting);

#endif
