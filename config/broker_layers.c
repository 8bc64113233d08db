#include "config/broker_config_internal.h"

#include <stdlib.h>

struct config_entry *config_layers_find(const struct config_layers *layers,
                                        const struct setting *setting,
                                        enum setting_source source)
{
    for (size_t i = 0; i < layers->count; i++) {
        struct config_entry *entry = &layers->entries[i];
        if (entry->setting == setting && entry->source == source)
            return entry;
    }
    return NULL;
}

struct str config_layers_effective(const struct config_layers *layers,
                                   const struct setting *setting,
                                   enum setting_source *source)
{
    struct str value = str_of(setting->default_value);
    *source = SETTING_SOURCE_DEFAULT;
    for (size_t i = 0; i < layers->count; i++) {
        const struct config_entry *entry = &layers->entries[i];
        if (entry->setting == setting && entry->source > *source) {
            *source = entry->source;
            value = entry->value;
        }
    }
    return value;
}

static struct config_entry *add_entry(struct config_layers *layers)
{
    if (layers->count == layers->cap) {
        size_t cap = layers->cap == 0 ? 32 : layers->cap * 2;
        struct config_entry *entries =
            realloc(layers->entries, cap * sizeof(*layers->entries));
        if (entries == NULL)
            return NULL;
        layers->entries = entries;
        layers->cap = cap;
    }
    return &layers->entries[layers->count++];
}

/* The canonical form as a string of its own; data NULL when out of memory. */
static struct str canonical_copy(const struct setting *setting, struct str value)
{
    struct buf text = BUF_INIT;
    setting_canonical(setting, value, &text);
    buf_append(&text, "", 1);
    if (text.failed) {
        buf_free(&text);
        return STR_NULL;
    }
    return (struct str){(const char *)text.data, (int32_t)text.len - 1};
}

int config_layers_put(struct config_layers *layers, const struct setting *setting,
                      enum setting_source source, struct str value, struct err *err)
{
    int rc = setting_parse(setting, value, NULL, err);
    if (rc != 0)
        return rc;
    struct str copy = canonical_copy(setting, value);
    if (copy.data == NULL)
        return err_nomem(err);
    struct config_entry *entry = config_layers_find(layers, setting, source);
    if (entry != NULL) {
        free((char *)entry->value.data);
        entry->value = copy;
        return 0;
    }
    entry = add_entry(layers);
    if (entry == NULL) {
        free((char *)copy.data);
        return err_nomem(err);
    }
    *entry = (struct config_entry){setting, source, copy};
    return 0;
}

void config_layers_free(struct config_layers *layers)
{
    if (layers == NULL)
        return;
    for (size_t i = 0; i < layers->count; i++)
        free((char *)layers->entries[i].value.data);
    free(layers->entries);
    free(layers);
}
