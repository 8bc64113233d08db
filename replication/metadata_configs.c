/* replication/metadata_configs.c
 *
 * Overrides by resource. A resource without any has no entry. */
#include <stdlib.h>

#include "replication/metadata_image_internal.h"

struct config_entry {
    UT_hash_handle hh;              /* keyed by `key`: the type, then the name */
    struct setting_override *items; /* sorted by name; names and values owned */
    int32_t count;
    int32_t cap;
    int32_t key_len;
    char key[];
};

/* Room for the longest string the wire can carry, and the type. */
struct config_key {
    char bytes[INT16_MAX + 1];
    int32_t len;
};

static bool make_key(struct config_key *key, enum config_resource_type type,
                     struct str name)
{
    if (name.len < 0 || name.len > INT16_MAX)
        return false;
    key->bytes[0] = (char)type;
    if (name.len > 0)
        memcpy(key->bytes + 1, name.data, (size_t)name.len);
    key->len = name.len + 1;
    return true;
}

static struct config_entry *find(const struct metadata_image *image,
                                 enum config_resource_type type, struct str name)
{
    struct config_entry *entry = NULL;
    struct config_key key;
    if (make_key(&key, type, name))
        HASH_FIND(hh, image->configs, key.bytes, (unsigned)key.len, entry);
    return entry;
}

static enum config_resource_type entry_type(const struct config_entry *entry)
{
    return (enum config_resource_type)entry->key[0];
}

static struct str entry_name(const struct config_entry *entry)
{
    return (struct str){entry->key + 1, entry->key_len - 1};
}

static void entry_free(struct config_entry *entry)
{
    for (int32_t i = 0; i < entry->count; i++) {
        free((char *)entry->items[i].name.data);
        free((char *)entry->items[i].value.data);
    }
    free(entry->items);
    free(entry);
}

void metadata_configs_free(struct metadata_image *image)
{
    struct config_entry *entry = image->configs;
    HASH_CLEAR(hh, image->configs); /* leaves the entries, and the links between them */
    while (entry != NULL) {
        struct config_entry *next = entry->hh.next;
        entry_free(entry);
        entry = next;
    }
}

void metadata_configs_remove(struct metadata_image *image,
                             enum config_resource_type type, struct str name)
{
    struct config_entry *entry = find(image, type, name);
    if (entry == NULL)
        return;
    HASH_DEL(image->configs, entry);
    entry_free(entry);
}

static struct config_entry *find_or_add(struct metadata_image *image,
                                        enum config_resource_type type, struct str name)
{
    struct config_entry *entry = find(image, type, name);
    struct config_key key;
    if (entry != NULL || !make_key(&key, type, name))
        return entry;
    entry = calloc(1, sizeof(*entry) + (size_t)key.len);
    if (entry == NULL)
        return NULL;
    entry->key_len = key.len;
    memcpy(entry->key, key.bytes, (size_t)key.len);
    HASH_ADD_KEYPTR(hh, image->configs, entry->key, (unsigned)entry->key_len, entry);
    if (!hash_added(entry)) {
        free(entry);
        return NULL;
    }
    return entry;
}

/* The index of an override, or of the place where it belongs. */
static int32_t index_of(const struct config_entry *entry, struct str name, bool *found)
{
    int32_t at = 0;
    int order = -1;
    while (at < entry->count && (order = str_compare(entry->items[at].name, name)) < 0)
        at++;
    *found = at < entry->count && order == 0;
    return at;
}

static void take_out(struct metadata_image *image, struct config_entry *entry,
                     struct str name)
{
    bool found;
    int32_t at = index_of(entry, name, &found);
    if (!found)
        return;
    free((char *)entry->items[at].name.data);
    free((char *)entry->items[at].value.data);
    entry->count--;
    memmove(&entry->items[at], &entry->items[at + 1],
            (size_t)(entry->count - at) * sizeof(*entry->items));
    if (entry->count == 0) {
        HASH_DEL(image->configs, entry);
        entry_free(entry);
    }
}

static int put_in(struct config_entry *entry, struct str name, struct str value,
                  struct err *err)
{
    struct str value_copy = metadata_str_copy(value);
    if (value_copy.data == NULL)
        return err_nomem(err);
    bool found;
    int32_t at = index_of(entry, name, &found);
    if (found) {
        free((char *)entry->items[at].value.data);
        entry->items[at].value = value_copy;
        return 0;
    }
    struct str name_copy = metadata_str_copy(name);
    if (name_copy.data == NULL || !metadata_grow((void **)&entry->items, entry->count,
                                                 &entry->cap, sizeof(*entry->items))) {
        free((char *)name_copy.data);
        free((char *)value_copy.data);
        return err_nomem(err);
    }
    memmove(&entry->items[at + 1], &entry->items[at],
            (size_t)(entry->count - at) * sizeof(*entry->items));
    entry->items[at] =
        (struct setting_override){.name = name_copy, .value = value_copy};
    entry->count++;
    return 0;
}

int metadata_apply_config(struct metadata_image *image, const void *message,
                          struct metadata_delta *delta, struct err *err)
{
    const struct config_record *record = message;
    enum config_resource_type type = (enum config_resource_type)record->resource_type;
    struct config_entry *entry;
    if (record->value.data == NULL) {
        entry = find(image, type, record->resource_name);
        if (entry != NULL)
            take_out(image, entry, record->name);
    } else {
        entry = find_or_add(image, type, record->resource_name);
        if (entry == NULL)
            return err_nomem(err);
        int rc = put_in(entry, record->name, record->value, err);
        if (rc != 0)
            return rc;
    }
    return metadata_delta_config(delta, type, record->resource_name, err);
}

struct metadata_configs metadata_image_configs(const struct metadata_image *image,
                                               enum config_resource_type type,
                                               struct str name)
{
    const struct config_entry *entry = find(image, type, name);
    if (entry == NULL)
        return (struct metadata_configs){0};
    return (struct metadata_configs){entry->items, entry->count};
}

struct str metadata_image_config(const struct metadata_image *image,
                                 enum config_resource_type type, struct str name,
                                 const char *key)
{
    const struct config_entry *entry = find(image, type, name);
    bool found = false;
    int32_t at = entry == NULL ? 0 : index_of(entry, str_of(key), &found);
    return found ? entry->items[at].value : STR_NULL;
}

static int by_type_and_name(const struct config_entry *a, const struct config_entry *b)
{
    if (entry_type(a) != entry_type(b))
        return entry_type(a) < entry_type(b) ? -1 : 1;
    return str_compare(entry_name(a), entry_name(b));
}

void metadata_image_each_config_resource(
    const struct metadata_image *image,
    void (*visit)(void *context, const struct metadata_config_resource *resource),
    void *context)
{
    /* Sorting moves links, not entries: what others look up stays. */
    struct metadata_image *mutable_image = (struct metadata_image *)image;
    HASH_SORT(mutable_image->configs, by_type_and_name);
    for (const struct config_entry *e = image->configs; e != NULL; e = e->hh.next) {
        struct metadata_config_resource resource = {entry_type(e), entry_name(e)};
        visit(context, &resource);
    }
}
