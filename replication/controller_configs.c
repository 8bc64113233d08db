/* replication/controller_configs.c
 *
 * What becomes of one resource's overrides (Kafka: ConfigurationControlManager,
 * ControllerConfigurationValidator, and of ConfigAdminManager what it judges of a
 * broker's). The set as a whole is judged, so one bad value refuses them all. */
#include "config/topic_config.h"
#include "replication/controller_internal.h"
#include "replication/metadata_image_internal.h"
#include "replication/topic_name.h"

#define MIN_INSYNC_REPLICAS "min.insync.replicas"

/* One resource on its way from overrides to overrides. */
struct alteration {
    struct controller *c;
    struct arena *arena;
    const struct config_changes *changes;
    struct metadata_configs before;
    struct setting_override *records; /* what is written: null takes an override away */
    int32_t record_count;
    struct setting_override *after; /* what there is then */
    int32_t after_count;
    struct verdict verdict;
};

static const struct setting_table *table_of(enum config_resource_type type)
{
    switch (type) {
    case CONFIG_RESOURCE_TOPIC:
        return &topic_settings;
    case CONFIG_RESOURCE_GROUP:
        return &group_settings;
    case CONFIG_RESOURCE_CLIENT_METRICS:
        return &client_metrics_settings;
    default:
        return &broker_settings;
    }
}

static bool refused(const struct alteration *a)
{
    return a->verdict.code != KAFKA_NONE;
}

static bool same_name(struct str a, struct str b)
{
    return str_compare(a, b) == 0;
}

static struct str current_value(const struct alteration *a, struct str name)
{
    for (int32_t i = 0; i < a->before.count; i++)
        if (same_name(a->before.items[i].name, name))
            return a->before.items[i].value;
    return STR_NULL;
}

static bool list_has(struct str list, struct str wanted)
{
    struct setting_items items = setting_items(list);
    struct str item;
    while (setting_next(&items, &item))
        if (str_equal(item, wanted))
            return true;
    return false;
}

static void list_add(struct buf *out, struct str item)
{
    if (out->len > 0)
        buf_append(out, ",", 1);
    buf_append(out, item.data, (size_t)item.len);
}

/* The list with the items of `change` added, or taken out. Begins with the default
 * where nothing is set yet. */
static int changed_list(struct alteration *a, const struct setting *setting,
                        const struct config_change *change, struct str *out,
                        struct err *err)
{
    struct str old = current_value(a, change->name);
    if (old.data == NULL)
        old = str_of(setting->default_value);
    if (old.data == NULL)
        old = STR_LITERAL("");
    struct buf text = BUF_INIT;
    struct setting_items items = setting_items(old);
    struct str item;
    while (setting_next(&items, &item))
        if (item.len > 0 &&
            (change->op == CONFIG_OP_APPEND || !list_has(change->value, item)))
            list_add(&text, item);
    items = setting_items(change->value);
    while (change->op == CONFIG_OP_APPEND && setting_next(&items, &item))
        if (item.len > 0 && !list_has(old, item))
            list_add(&text, item);
    if (change->op == CONFIG_OP_APPEND && change->value.len == 0)
        list_add(&text, STR_LITERAL("")); /* for the check of the list to refuse */
    buf_append(&text, "", 1);
    *out =
        text.failed ? STR_NULL : arena_str(a->arena, str_of((const char *)text.data));
    buf_free(&text);
    return out->data == NULL ? err_nomem(err) : 0;
}

static int new_value(struct alteration *a, const struct config_change *change,
                     struct str *out, struct err *err)
{
    if (change->op == CONFIG_OP_SET || change->op == CONFIG_OP_DELETE) {
        *out = change->op == CONFIG_OP_SET ? change->value : STR_NULL;
        return 0;
    }
    if (change->op != CONFIG_OP_APPEND && change->op != CONFIG_OP_SUBTRACT) {
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST,
                                "Unknown operations type %d", change->op);
        return 0;
    }
    const struct setting *setting =
        setting_find(table_of(a->changes->type), change->name);
    if (setting == NULL || setting->type != SETTING_LIST) {
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_CONFIG,
                                "Can't %s to key %.*s because its type is not LIST.",
                                change->op == CONFIG_OP_APPEND ? "APPEND" : "SUBTRACT",
                                STR_ARGS(change->name));
        return 0;
    }
    return changed_list(a, setting, change, out, err);
}

static bool is_named(const struct config_changes *changes, struct str name)
{
    for (int32_t i = 0; i < changes->count; i++)
        if (same_name(changes->items[i].name, name))
            return true;
    return false;
}

static void add_record(struct alteration *a, struct str name, struct str value)
{
    a->records[a->record_count++] = (struct setting_override){name, value};
}

/* What is written. Values of a broker are written even if they are the same: that
 * makes it read files anew that a value names (KAFKA-14136). */
static int compute_records(struct alteration *a, struct err *err)
{
    const struct config_changes *changes = a->changes;
    for (int32_t i = 0; i < changes->count; i++) {
        struct str value = STR_NULL;
        int rc = new_value(a, &changes->items[i], &value, err);
        if (rc != 0 || refused(a))
            return rc;
        if (changes->type == CONFIG_RESOURCE_BROKER ||
            !str_equal(value, current_value(a, changes->items[i].name)))
            add_record(a, changes->items[i].name, value);
    }
    for (int32_t i = 0; changes->replaces && i < a->before.count; i++)
        if (!is_named(changes, a->before.items[i].name))
            add_record(a, a->before.items[i].name, STR_NULL);
    return 0;
}

/* A place where the name stands, or the end. */
static int32_t place_after(const struct alteration *a, struct str name)
{
    int32_t at = 0;
    while (at < a->after_count && !same_name(a->after[at].name, name))
        at++;
    return at;
}

static void put_after(struct alteration *a, struct str name, struct str value)
{
    int32_t at = place_after(a, name);
    if (value.data != NULL) {
        a->after[at] = (struct setting_override){name, value};
        a->after_count += at == a->after_count;
    } else if (at < a->after_count) {
        a->after[at] = a->after[--a->after_count];
    }
}

static void compute_after(struct alteration *a)
{
    for (int32_t i = 0; i < a->before.count; i++)
        put_after(a, a->before.items[i].name, a->before.items[i].value);
    for (int32_t i = 0; i < a->record_count; i++)
        put_after(a, a->records[i].name, a->records[i].value);
}

/* While eligible leader replicas are on, every broker must have the same
 * min.insync.replicas, and the cluster must have one (KIP-966). */
static void check_min_isr(struct alteration *a, const struct setting_override *record)
{
    if (a->changes->type != CONFIG_RESOURCE_BROKER ||
        !str_is(record->name, MIN_INSYNC_REPLICAS) ||
        !metadata_image_elr_enabled(controller_image(a->c)))
        return;
    if (a->changes->name.len > 0)
        a->verdict =
            verdict_of(a->arena, KAFKA_INVALID_CONFIG,
                       "Broker-level min.insync.replicas cannot be altered while "
                       "ELR is enabled.");
    else if (record->value.data == NULL)
        a->verdict =
            verdict_of(a->arena, KAFKA_INVALID_CONFIG,
                       "Cluster-level min.insync.replicas cannot be removed while "
                       "ELR is enabled.");
}

static void check_records(struct alteration *a)
{
    for (int32_t i = 0; i < a->record_count && !refused(a); i++) {
        const struct setting_override *record = &a->records[i];
        check_min_isr(a, record);
        if (!refused(a) &&
            (record->value.len > INT16_MAX || record->name.len > INT16_MAX))
            a->verdict =
                verdict_of(a->arena, KAFKA_INVALID_CONFIG,
                           "The configuration value cannot be added because it "
                           "exceeds the maximum value size of 32767 bytes.");
    }
}

static void check_topic(struct alteration *a)
{
    struct str name = a->changes->name;
    struct err err = {0};
    if (name.len == 0)
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST,
                                "Default topic resources are not allowed.");
    else if (topic_name_check(name, &err) != 0)
        a->verdict =
            verdict_of(a->arena, KAFKA_INVALID_TOPIC_EXCEPTION, "%s", err.message);
    else if (topic_config_validate(a->c->options.config, a->after,
                                   (size_t)a->after_count, &err) != 0)
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_CONFIG, "%s", err.message);
    else if (!a->changes->is_new &&
             metadata_image_topic(controller_image(a->c), name) == NULL)
        a->verdict = verdict_of(a->arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                                "The topic '%.*s' does not exist.", STR_ARGS(name));
}

static void check_broker(struct alteration *a)
{
    struct err err = {0};
    if (broker_config_check_dynamic(a->after, (size_t)a->after_count,
                                    a->changes->name.len > 0, &err) != 0)
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST, "%s", err.message);
}

static void check_group(struct alteration *a)
{
    struct err err = {0};
    if (a->changes->name.len == 0)
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST,
                                "Default group resources are not allowed.");
    else if (setting_check_overrides(&group_settings, "group", a->after,
                                     (size_t)a->after_count, &err) != 0 ||
             broker_config_check_group(a->c->options.config, a->after,
                                       (size_t)a->after_count, &err) != 0)
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_CONFIG, "%s", err.message);
}

/* "client_id=…": what a client metrics subscription may match by. */
static bool is_match_pattern(struct str pattern)
{
    static const char *const names[] = {
        "client_instance_id",    "client_id",
        "client_software_name",  "client_software_version",
        "client_source_address", "client_source_port"};
    const char *equals = memchr(pattern.data, '=', (size_t)pattern.len);
    if (equals == NULL)
        return false;
    struct str name =
        setting_trim((struct str){pattern.data, (int32_t)(equals - pattern.data)});
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static void check_match_patterns(struct alteration *a, struct str patterns)
{
    struct setting_items items = setting_items(patterns);
    struct str pattern;
    while (!refused(a) && setting_next(&items, &pattern))
        if (!is_match_pattern(pattern))
            a->verdict =
                verdict_of(a->arena, KAFKA_INVALID_CONFIG,
                           "Illegal client matching pattern: %.*s", STR_ARGS(pattern));
}

#define INTERVAL_MIN_MS 100
#define INTERVAL_MAX_MS 3600000

static void check_interval(struct alteration *a,
                           const struct setting_override *override)
{
    struct setting_value value = {0};
    setting_parse(setting_find(&client_metrics_settings, override->name),
                  override->value, &value, NULL);
    if (value.integer < INTERVAL_MIN_MS || value.integer > INTERVAL_MAX_MS)
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST,
                                "Invalid value %.*s for interval.ms, interval must be "
                                "between 100 and 3600000 (1 hour)",
                                STR_ARGS(override->value));
}

/* Kafka: ClientMetricsConfigs, which takes most of its faults for those of the
 * request. */
static void check_client_metrics(struct alteration *a)
{
    struct err err = {0};
    if (a->changes->name.len == 0) {
        a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST,
                                "Subscription name can't be empty");
        return;
    }
    for (int32_t i = 0; i < a->after_count && !refused(a); i++) {
        struct str name = a->after[i].name;
        if (setting_find(&client_metrics_settings, name) == NULL)
            a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST,
                                    "Unknown client metrics configuration: %.*s",
                                    STR_ARGS(name));
        else if (setting_check_overrides(&client_metrics_settings, "client metrics",
                                         &a->after[i], 1, &err) != 0)
            a->verdict = verdict_of(a->arena, KAFKA_INVALID_REQUEST, "%s", err.message);
        else if (str_is(name, "interval.ms"))
            check_interval(a, &a->after[i]);
        else if (str_is(name, "match"))
            check_match_patterns(a, a->after[i].value);
    }
}

static void check_after(struct alteration *a)
{
    switch (a->changes->type) {
    case CONFIG_RESOURCE_TOPIC:
        check_topic(a);
        break;
    case CONFIG_RESOURCE_GROUP:
        check_group(a);
        break;
    case CONFIG_RESOURCE_CLIENT_METRICS:
        check_client_metrics(a);
        break;
    default:
        check_broker(a);
    }
}

/* Who may lead depends on min.insync.replicas; when it changes, the lists of eligible
 * leaders begin anew. */
static int clear_elr(struct alteration *a, struct err *err)
{
    struct clear_elr_record *record = controller_record(a->c, &clear_elr_record_type);
    if (record == NULL)
        return err_nomem(err);
    if (a->changes->type == CONFIG_RESOURCE_TOPIC)
        record->topic_name = a->changes->name;
    return 0;
}

static int write_records(struct alteration *a, struct err *err)
{
    bool min_isr_changes = false;
    for (int32_t i = 0; i < a->record_count; i++) {
        struct config_record *record = controller_record(a->c, &config_record_type);
        if (record == NULL)
            return err_nomem(err);
        record->resource_type = (int8_t)a->changes->type;
        record->resource_name = a->changes->name;
        record->name = a->records[i].name;
        record->value = a->records[i].value;
        min_isr_changes |= str_is(record->name, MIN_INSYNC_REPLICAS);
    }
    if (min_isr_changes && metadata_image_elr_enabled(controller_image(a->c)))
        return clear_elr(a, err);
    return 0;
}

int controller_change_configs(struct controller *c, struct arena *arena,
                              const struct config_changes *changes,
                              struct verdict *verdict, struct err *err)
{
    struct alteration a = {
        .c = c, .arena = arena, .changes = changes, .verdict = VERDICT_OK};
    a.before =
        metadata_image_configs(controller_image(c), changes->type, changes->name);
    size_t most = (size_t)changes->count + (size_t)a.before.count;
    a.records = arena_array(arena, most, sizeof(*a.records));
    a.after = arena_array(arena, most, sizeof(*a.after));
    if (a.records == NULL || a.after == NULL)
        return err_nomem(err);
    int rc = compute_records(&a, err);
    if (rc == 0 && !refused(&a)) {
        compute_after(&a);
        check_records(&a);
    }
    if (rc == 0 && !refused(&a))
        check_after(&a);
    if (rc == 0 && !refused(&a))
        rc = write_records(&a, err);
    *verdict = a.verdict;
    return rc;
}
