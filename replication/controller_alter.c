/* replication/controller_alter.c
 *
 * AlterConfigs and IncrementalAlterConfigs: the resources of a request, each judged
 * by itself (Kafka: ConfigAdminManager.preprocess, then ControllerApis). The two
 * requests hold the same in structs of different names; both become struct altered,
 * and the second half is shared. */
#include <stdlib.h>

#include "replication/controller_internal.h"

struct altered {
    int8_t type;
    struct str name;
    struct config_change *items;
    int32_t count;
    struct verdict verdict;
};

struct altering {
    struct controller *c;
    struct controller_request *r;
    struct altered *resources;
    int32_t count;
    bool replaces;
    bool validate_only;
};

static int begin(struct altering *a, int32_t count, struct err *err)
{
    a->resources = arena_array(a->r->arena, (size_t)count, sizeof(*a->resources));
    a->count = count;
    return a->resources == NULL ? err_nomem(err) : 0;
}

static int begin_resource(struct altering *a, struct altered *resource, int8_t type,
                          struct str name, int32_t count, struct err *err)
{
    resource->type = type;
    resource->name = name;
    resource->items = arena_array(a->r->arena, (size_t)count, sizeof(*resource->items));
    resource->count = count;
    return resource->items == NULL ? err_nomem(err) : 0;
}

/* ---- judgement of the request's form -------------------------------------- */

static int refuse_repeated_resources(struct altering *a, struct err *err)
{
    struct arena *arena = a->r->arena;
    struct str *keys = arena_array(arena, (size_t)a->count, sizeof(*keys));
    if (keys == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < a->count; i++) {
        keys[i] = arena_printf(arena, "%d/%.*s", a->resources[i].type,
                               STR_ARGS(a->resources[i].name));
        if (keys[i].data == NULL)
            return err_nomem(err);
    }
    uint8_t *uses;
    int rc = controller_name_uses(arena, keys, a->count, &uses, err);
    for (int32_t i = 0; i < a->count && rc == 0; i++)
        if (uses[i] != NAME_ONCE)
            a->resources[i].verdict =
                verdict_of(arena, KAFKA_INVALID_REQUEST,
                           "Each resource must appear at most once.");
    return rc;
}

static int refuse_repeated_keys(struct altering *a, struct altered *resource,
                                struct err *err)
{
    struct arena *arena = a->r->arena;
    struct str *names = arena_array(arena, (size_t)resource->count, sizeof(*names));
    if (names == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < resource->count; i++)
        names[i] = resource->items[i].name;
    uint8_t *uses;
    int rc = controller_name_uses(arena, names, resource->count, &uses, err);
    for (int32_t i = 0; i < resource->count && rc == 0; i++)
        if (uses[i] != NAME_ONCE)
            resource->verdict = verdict_of(arena, KAFKA_INVALID_REQUEST,
                                           "Error due to duplicate config keys");
    return rc;
}

static void refuse_nulls(struct altering *a, struct altered *resource)
{
    struct buf names = BUF_INIT;
    for (int32_t i = 0; i < resource->count; i++)
        if (resource->items[i].op != CONFIG_OP_DELETE &&
            resource->items[i].value.data == NULL)
            buf_printf(&names, "%s%.*s", names.len > 0 ? ", " : "",
                       STR_ARGS(resource->items[i].name));
    if (names.len > 0)
        resource->verdict = verdict_of(a->r->arena, KAFKA_INVALID_REQUEST,
                                       "Null value not supported for : %.*s",
                                       (int)names.len, (const char *)names.data);
    buf_free(&names);
}

/* As Java's Integer.parseInt. */
static bool parse_id(struct str text, int32_t *id)
{
    char digits[16];
    if (text.len == 0 || text.len >= (int32_t)sizeof(digits))
        return false;
    memcpy(digits, text.data, (size_t)text.len);
    digits[text.len] = '\0';
    const char *first = digits[0] == '-' || digits[0] == '+' ? digits + 1 : digits;
    if (*first < '0' || *first > '9')
        return false;
    char *end;
    long value = strtol(digits, &end, 10);
    *id = (int32_t)value;
    return *end == '\0' && value >= INT32_MIN && value <= INT32_MAX;
}

/* A broker's own settings are altered by asking that broker. */
static struct verdict check_broker_name(struct altering *a, struct str name)
{
    int32_t id;
    if (name.len == 0)
        return VERDICT_OK;
    if (!parse_id(name, &id))
        return verdict_of(a->r->arena, KAFKA_INVALID_REQUEST,
                          "Node id must be an integer, but it is: %.*s",
                          STR_ARGS(name));
    if (id != a->r->node_id)
        return verdict_of(a->r->arena, KAFKA_INVALID_REQUEST,
                          "Unexpected broker id, expected %d, but received %.*s",
                          a->r->node_id, STR_ARGS(name));
    return VERDICT_OK;
}

static struct verdict check_type(struct altering *a, const struct altered *resource)
{
    switch (resource->type) {
    case CONFIG_RESOURCE_BROKER:
        return check_broker_name(a, resource->name);
    case CONFIG_RESOURCE_TOPIC:
    case CONFIG_RESOURCE_CLIENT_METRICS:
    case CONFIG_RESOURCE_GROUP:
        if (resource->name.len > INT16_MAX)
            return verdict_of(a->r->arena, KAFKA_INVALID_REQUEST,
                              "The resource name is too long.");
        return VERDICT_OK;
    case CONFIG_RESOURCE_BROKER_LOGGER:
        return verdict_of(a->r->arena, KAFKA_INVALID_REQUEST,
                          "This broker has no loggers to alter (resource type %d).",
                          resource->type);
    default:
        return verdict_of(a->r->arena, KAFKA_INVALID_REQUEST,
                          "Unknown resource type %d", resource->type);
    }
}

/* ---- the change ------------------------------------------------------------- */

static int alter_resource(struct altering *a, struct altered *resource, struct err *err)
{
    int rc = refuse_repeated_keys(a, resource, err);
    if (rc == 0 && resource->verdict.code == KAFKA_NONE)
        refuse_nulls(a, resource);
    if (rc == 0 && resource->verdict.code == KAFKA_NONE)
        resource->verdict = check_type(a, resource);
    if (rc != 0 || resource->verdict.code != KAFKA_NONE)
        return rc;
    struct config_changes changes = {.type = (enum config_resource_type)resource->type,
                                     .name = resource->name,
                                     .items = resource->items,
                                     .count = resource->count,
                                     .replaces = a->replaces};
    return controller_change_configs(a->c, a->r->arena, &changes, &resource->verdict,
                                     err);
}

static void refuse_too_many(struct altering *a)
{
    int64_t total = 0;
    for (int32_t i = 0; i < a->count; i++)
        total += a->resources[i].count;
    for (int32_t i = 0; i < a->count && total > CONTROLLER_RECORDS_MAX; i++)
        a->resources[i].verdict = verdict_too_large(a->r->arena);
}

static int alter_all(struct altering *a, struct err *err)
{
    int rc = refuse_repeated_resources(a, err);
    refuse_too_many(a);
    for (int32_t i = 0; i < a->count && rc == 0; i++)
        if (a->resources[i].verdict.code == KAFKA_NONE)
            rc = alter_resource(a, &a->resources[i], err);
    if (a->validate_only)
        controller_drop_records(a->c, 0);
    return rc;
}

/* ---- AlterConfigs ----------------------------------------------------------- */

static int read_alter(struct altering *a, const struct alter_configs_request *request,
                      struct err *err)
{
    int rc = begin(a, request->resources_count, err);
    for (int32_t i = 0; i < request->resources_count && rc == 0; i++) {
        const struct alter_configs_request_alter_configs_resource *from =
            &request->resources[i];
        struct altered *resource = &a->resources[i];
        rc = begin_resource(a, resource, from->resource_type, from->resource_name,
                            from->configs_count, err);
        for (int32_t j = 0; j < from->configs_count && rc == 0; j++)
            resource->items[j] = (struct config_change){.name = from->configs[j].name,
                                                        .value = from->configs[j].value,
                                                        .op = CONFIG_OP_SET};
    }
    return rc;
}

static int build_alter(struct controller *c, struct controller_request *r,
                       struct err *err)
{
    const struct alter_configs_request *request = r->input;
    struct alter_configs_response *response = r->output;
    struct altering a = {
        .c = c, .r = r, .replaces = true, .validate_only = request->validate_only};
    int rc = read_alter(&a, request, err);
    if (rc == 0)
        rc = alter_all(&a, err);
    if (rc != 0)
        return rc;
    response->responses =
        arena_array(r->arena, (size_t)a.count, sizeof(*response->responses));
    if (response->responses == NULL)
        return err_nomem(err);
    response->responses_count = a.count;
    for (int32_t i = 0; i < a.count; i++)
        response->responses[i] =
            (struct alter_configs_response_alter_configs_resource_response){
                .error_code = (int16_t)a.resources[i].verdict.code,
                .error_message = a.resources[i].verdict.message,
                .resource_type = a.resources[i].type,
                .resource_name = a.resources[i].name};
    return 0;
}

static void fail_alter(struct controller_request *r, struct str message)
{
    struct alter_configs_response *response = r->output;
    for (int32_t i = 0; i < response->responses_count; i++) {
        if (response->responses[i].error_code != KAFKA_NONE)
            continue;
        response->responses[i].error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        response->responses[i].error_message = message;
    }
}

void controller_alter_configs(struct controller *c, struct controller_request *r,
                              const struct alter_configs_request *request,
                              struct alter_configs_response *response)
{
    static const struct controller_operation operation = {
        .name = "AlterConfigs", .build = build_alter, .fail = fail_alter};
    controller_submit(c, r, &operation, request, response);
}

/* ---- IncrementalAlterConfigs ------------------------------------------------- */

static int read_incremental(struct altering *a,
                            const struct incremental_alter_configs_request *request,
                            struct err *err)
{
    int rc = begin(a, request->resources_count, err);
    for (int32_t i = 0; i < request->resources_count && rc == 0; i++) {
        const struct incremental_alter_configs_request_alter_configs_resource *from =
            &request->resources[i];
        struct altered *resource = &a->resources[i];
        rc = begin_resource(a, resource, from->resource_type, from->resource_name,
                            from->configs_count, err);
        for (int32_t j = 0; j < from->configs_count && rc == 0; j++)
            resource->items[j] =
                (struct config_change){.name = from->configs[j].name,
                                       .value = from->configs[j].value,
                                       .op = from->configs[j].config_operation};
    }
    return rc;
}

static int build_incremental(struct controller *c, struct controller_request *r,
                             struct err *err)
{
    const struct incremental_alter_configs_request *request = r->input;
    struct incremental_alter_configs_response *response = r->output;
    struct altering a = {.c = c, .r = r, .validate_only = request->validate_only};
    int rc = read_incremental(&a, request, err);
    if (rc == 0)
        rc = alter_all(&a, err);
    if (rc != 0)
        return rc;
    response->responses =
        arena_array(r->arena, (size_t)a.count, sizeof(*response->responses));
    if (response->responses == NULL)
        return err_nomem(err);
    response->responses_count = a.count;
    for (int32_t i = 0; i < a.count; i++)
        response->responses[i] =
            (struct incremental_alter_configs_response_alter_configs_resource_response){
                .error_code = (int16_t)a.resources[i].verdict.code,
                .error_message = a.resources[i].verdict.message,
                .resource_type = a.resources[i].type,
                .resource_name = a.resources[i].name};
    return 0;
}

static void fail_incremental(struct controller_request *r, struct str message)
{
    struct incremental_alter_configs_response *response = r->output;
    for (int32_t i = 0; i < response->responses_count; i++) {
        if (response->responses[i].error_code != KAFKA_NONE)
            continue;
        response->responses[i].error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        response->responses[i].error_message = message;
    }
}

void controller_incremental_alter_configs(
    struct controller *c, struct controller_request *r,
    const struct incremental_alter_configs_request *request,
    struct incremental_alter_configs_response *response)
{
    static const struct controller_operation operation = {.name =
                                                              "IncrementalAlterConfigs",
                                                          .build = build_incremental,
                                                          .fail = fail_incremental};
    controller_submit(c, r, &operation, request, response);
}
