#include "config/setting.h"

/* Names come from the wire too and may hold anything, a zero byte included. */
static int compare(const char *have, struct str name)
{
    size_t have_len = strlen(have);
    size_t len = (size_t)name.len;
    int order = memcmp(have, name.data, have_len < len ? have_len : len);
    if (order != 0)
        return order;
    return have_len < len ? -1 : have_len > len;
}

const struct setting *setting_find(const struct setting_table *table, struct str name)
{
    if (name.data == NULL)
        return NULL;
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(table->items[middle].name, name);
        if (order == 0)
            return &table->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct str setting_trim(struct str s)
{
    while (s.len > 0 && (unsigned char)s.data[0] <= ' ') {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && (unsigned char)s.data[s.len - 1] <= ' ')
        s.len--;
    return s;
}

bool setting_next(struct setting_items *items, struct str *item)
{
    if (!items->more)
        return false;
    struct str rest = items->rest;
    const char *comma = memchr(rest.data, ',', (size_t)rest.len);
    int32_t len = comma == NULL ? rest.len : (int32_t)(comma - rest.data);
    *item = setting_trim((struct str){rest.data, len});
    items->more = comma != NULL;
    if (items->more)
        items->rest = (struct str){comma + 1, rest.len - len - 1};
    return true;
}

bool setting_list_has(struct str list, const char *item)
{
    struct setting_items items = setting_items(list);
    struct str have;
    while (setting_next(&items, &have)) {
        if (str_is(have, item))
            return true;
    }
    return false;
}

int8_t setting_source_kafka_id(enum setting_source source)
{
    static const int8_t ids[] = {
        [SETTING_SOURCE_TOPIC] = 1,
        [SETTING_SOURCE_DYNAMIC_BROKER] = 2,
        [SETTING_SOURCE_DYNAMIC_DEFAULT] = 3,
        [SETTING_SOURCE_COMMAND_LINE] = 4,
        [SETTING_SOURCE_FILE] = 4,
        [SETTING_SOURCE_PROFILE] = 4,
        [SETTING_SOURCE_DEFAULT] = 5,
    };
    return ids[source];
}

int8_t setting_type_kafka_id(enum setting_type type)
{
    static const int8_t ids[] = {
        [SETTING_BOOLEAN] = 1, [SETTING_STRING] = 2, [SETTING_INT] = 3,
        [SETTING_SHORT] = 4,   [SETTING_LONG] = 5,   [SETTING_DOUBLE] = 6,
        [SETTING_LIST] = 7,    [SETTING_CLASS] = 8,  [SETTING_PASSWORD] = 9,
    };
    return ids[type];
}

int setting_check_overrides(const struct setting_table *table, const char *what,
                            const struct setting_override *overrides, size_t count,
                            struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (overrides[i].value.data == NULL)
            return err_set(err, ERR_INVALID_CONFIG,
                           "Null value not supported for %s configs: %.*s", what,
                           STR_ARGS(overrides[i].name));
        if (setting_find(table, overrides[i].name) == NULL)
            return err_set(err, ERR_INVALID_CONFIG, "Unknown %s config name: %.*s",
                           what, STR_ARGS(overrides[i].name));
    }
    for (size_t i = 0; i < count; i++) {
        const struct setting *setting = setting_find(table, overrides[i].name);
        int rc = setting_parse(setting, overrides[i].value, NULL, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}
