#include "broker/dynamic_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct dynamic_override {
    bool wanted; /* the image still has it */
    enum setting_source source;
    UT_hash_handle hh;
    size_t key_len;
    char key[]; /* the source's digit, then the name */
};

static struct dynamic_override *find_or_add(struct dynamic_config *d,
                                            enum setting_source source, struct str name)
{
    size_t len = (size_t)name.len + 1;
    struct dynamic_override *fresh = calloc(1, sizeof(*fresh) + len);
    struct dynamic_override *found = NULL;
    if (fresh == NULL)
        return NULL;
    fresh->source = source;
    fresh->key_len = len;
    fresh->key[0] = (char)('0' + (int)source);
    memcpy(fresh->key + 1, name.data, (size_t)name.len);
    HASH_FIND(hh, d->applied, fresh->key, len, found);
    if (found != NULL) {
        free(fresh);
        return found;
    }
    HASH_ADD_KEYPTR(hh, d->applied, fresh->key, len, fresh);
    return fresh;
}

static void set(struct dynamic_config *d, enum setting_source source, struct str name,
                struct str value)
{
    struct err err = {0};
    if (broker_config_set_dynamic(d->config, source, name, value, &err) != 0)
        trace_error(d->trace, "broker setting %.*s stays as it was: %s", STR_ARGS(name),
                    err.message);
}

static void apply_resource(struct dynamic_config *d, enum setting_source source,
                           struct str resource)
{
    struct metadata_configs configs =
        metadata_image_configs(d->image, CONFIG_RESOURCE_BROKER, resource);
    for (int32_t i = 0; i < configs.count; i++) {
        struct dynamic_override *o = find_or_add(d, source, configs.items[i].name);
        if (o != NULL)
            o->wanted = true;
        set(d, source, configs.items[i].name, configs.items[i].value);
    }
}

static void apply(struct dynamic_config *d)
{
    struct dynamic_override *o, *next;
    HASH_ITER (hh, d->applied, o, next) {
        o->wanted = false;
    }
    apply_resource(d, SETTING_SOURCE_DYNAMIC_DEFAULT, STR_LITERAL(""));
    apply_resource(d, SETTING_SOURCE_DYNAMIC_BROKER, str_of(d->broker_name));
    HASH_ITER (hh, d->applied, o, next) {
        if (o->wanted)
            continue;
        set(d, o->source, (struct str){o->key + 1, (int32_t)o->key_len - 1}, STR_NULL);
        HASH_DEL(d->applied, o);
        free(o);
    }
}

static void publish(struct metadata_publisher *publisher,
                    const struct metadata_delta *delta,
                    struct metadata_publish_wait *wait)
{
    struct dynamic_config *d = (struct dynamic_config *)publisher;
    bool concerned = false;
    for (int32_t i = 0; i < delta->config_count; i++)
        concerned |= delta->configs[i].type == CONFIG_RESOURCE_BROKER;
    if (concerned) {
        apply(d);
        d->changed(d);
    }
    metadata_publish_done(wait);
}

void dynamic_config_init(struct dynamic_config *d, int32_t node_id,
                         struct metadata_image *image, struct broker_config *config,
                         const struct trace *trace)
{
    *d = (struct dynamic_config){.publisher = {.publish = publish},
                                 .image = image,
                                 .config = config,
                                 .trace = trace};
    snprintf(d->broker_name, sizeof(d->broker_name), "%d", (int)node_id);
    apply(d);
}

void dynamic_config_free(struct dynamic_config *d)
{
    struct dynamic_override *o, *next;
    HASH_ITER (hh, d->applied, o, next) {
        HASH_DEL(d->applied, o);
        free(o);
    }
}
