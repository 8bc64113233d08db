/* replication/controller_topics.c
 *
 * CreateTopics (Kafka: ControllerApis.createTopics,
 * ReplicationControlManager.createTopics). */
#include "config/topic_config.h"
#include "replication/controller_internal.h"
#include "replication/topic_name.h"

typedef struct create_topics_request_creatable_topic creatable_topic;
typedef struct create_topics_response_creatable_topic_result topic_result;
typedef struct create_topics_response_creatable_topic_configs result_config;

/* One topic on its way from request to result. */
struct creation {
    struct controller *c;
    struct arena *arena;
    const creatable_topic *topic;
    topic_result *result;
    struct uuid id;
    struct verdict verdict;
    int32_t partition_count;
    int32_t replication_factor;
    int32_t *by_partition; /* assigned by hand: which assignment is a partition's */
};

static void refuse(struct creation *n, struct verdict verdict)
{
    n->verdict = verdict;
}

static bool refused(const struct creation *n)
{
    return n->verdict.code != KAFKA_NONE;
}

static void check_name(struct creation *n)
{
    struct str name = n->topic->name;
    struct err err = {0};
    if (str_is(name, "__cluster_metadata")) {
        refuse(n, verdict_of(
                      n->arena, KAFKA_INVALID_REQUEST,
                      "Creation of internal topic __cluster_metadata is prohibited."));
        return;
    }
    if (topic_name_check(name, &err) != 0) {
        refuse(n,
               verdict_of(n->arena, KAFKA_INVALID_TOPIC_EXCEPTION, "%s", err.message));
        return;
    }
    const struct metadata_image *image = controller_image(n->c);
    if (metadata_image_topic(image, name) != NULL) {
        refuse(n, verdict_of(n->arena, KAFKA_TOPIC_ALREADY_EXISTS,
                             "Topic '%.*s' already exists.", STR_ARGS(name)));
        return;
    }
    const struct metadata_topic *twin = metadata_image_colliding_topic(image, name);
    if (twin != NULL)
        refuse(n, verdict_of(n->arena, KAFKA_INVALID_TOPIC_EXCEPTION,
                             "Topic '%.*s' collides with existing topic: %s",
                             STR_ARGS(name), twin->name));
}

static void check_null_configs(struct creation *n)
{
    struct buf names = BUF_INIT;
    for (int32_t i = 0; i < n->topic->configs_count; i++)
        if (n->topic->configs[i].value.data == NULL)
            buf_printf(&names, "%s%.*s", names.len > 0 ? "," : "",
                       STR_ARGS(n->topic->configs[i].name));
    if (names.len > 0)
        refuse(n, verdict_of(n->arena, KAFKA_INVALID_CONFIG,
                             "Null value not supported for topic configs: %.*s",
                             (int)names.len, (const char *)names.data));
    buf_free(&names);
}

/* The ConfigRecords; the topic's own comes before them, its partitions' behind. Of a
 * name that stands there twice the last counts, as in Kafka's map. */
static int add_configs(struct creation *n, struct err *err)
{
    int32_t count = n->topic->configs_count;
    struct config_change *items = arena_array(n->arena, (size_t)count, sizeof(*items));
    if (items == NULL)
        return err_nomem(err);
    int32_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t at = 0;
        while (at < used && !str_equal(items[at].name, n->topic->configs[i].name))
            at++;
        items[at] = (struct config_change){.name = n->topic->configs[i].name,
                                           .value = n->topic->configs[i].value,
                                           .op = CONFIG_OP_SET};
        used += at == used;
    }
    struct config_changes changes = {.type = CONFIG_RESOURCE_TOPIC,
                                     .name = n->topic->name,
                                     .items = items,
                                     .count = used,
                                     .is_new = true};
    return controller_change_configs(n->c, n->arena, &changes, &n->verdict, err);
}

/* Sets by_partition; -1 for a partition that has none. */
static int order_assignments(struct creation *n, struct err *err)
{
    int32_t count = n->topic->assignments_count;
    n->by_partition = arena_array(n->arena, (size_t)count, sizeof(*n->by_partition));
    if (n->by_partition == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < count; i++)
        n->by_partition[i] = -1;
    for (int32_t i = count - 1; i >= 0; i--) {
        int32_t partition = n->topic->assignments[i].partition_index;
        if (partition >= 0 && partition < count)
            n->by_partition[partition] = i;
    }
    return 0;
}

/* Whether an earlier assignment is for the same partition. */
static bool is_repeated(const struct creation *n, int32_t index)
{
    int32_t partition = n->topic->assignments[index].partition_index;
    return partition >= 0 && partition < n->topic->assignments_count &&
           n->by_partition[partition] != index;
}

static struct replica_list assigned(const creatable_topic *topic, int32_t index)
{
    return (struct replica_list){topic->assignments[index].broker_ids,
                                 topic->assignments[index].broker_ids_count};
}

static void check_assignments(struct creation *n)
{
    const creatable_topic *topic = n->topic;
    if (topic->replication_factor != -1) {
        refuse(n, verdict_of(
                      n->arena, KAFKA_INVALID_REQUEST,
                      "A manual partition assignment was specified, but replication "
                      "factor was not set to -1."));
        return;
    }
    if (topic->num_partitions != -1) {
        refuse(n, verdict_of(n->arena, KAFKA_INVALID_REQUEST,
                             "A manual partition assignment was specified, but "
                             "numPartitions was not set to -1."));
        return;
    }
    int32_t factor = 0;
    for (int32_t i = 0; i < topic->assignments_count && !refused(n); i++) {
        int32_t partition = topic->assignments[i].partition_index;
        struct replica_list replicas = assigned(topic, i);
        if (is_repeated(n, i)) {
            refuse(n, verdict_of(n->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                                 "Found multiple manual partition assignments for "
                                 "partition %d",
                                 partition));
            return;
        }
        refuse(n, controller_check_assignment(n->c, n->arena, replicas, factor,
                                              partition));
        factor = replicas.count;
    }
    for (int32_t i = 0; i < topic->assignments_count && !refused(n); i++)
        if (n->by_partition[i] < 0)
            refuse(n, verdict_of(n->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                                 "partitions should be a consecutive 0-based integer "
                                 "sequence"));
    n->partition_count = topic->assignments_count;
    n->replication_factor = factor;
}

static int add_assigned_partitions(struct creation *n, struct err *err)
{
    int rc = 0;
    for (int32_t i = 0; i < n->partition_count && rc == 0; i++)
        rc = controller_add_partition(n->c, n->id, i,
                                      assigned(n->topic, n->by_partition[i]), err);
    return rc;
}

static void check_numbers(struct creation *n)
{
    const creatable_topic *topic = n->topic;
    if (topic->replication_factor < -1 || topic->replication_factor == 0) {
        refuse(n,
               verdict_of(n->arena, KAFKA_INVALID_REPLICATION_FACTOR,
                          "Replication factor must be larger than 0, or -1 to use the "
                          "default value."));
        return;
    }
    if (topic->num_partitions < -1 || topic->num_partitions == 0) {
        refuse(n, verdict_of(n->arena, KAFKA_INVALID_PARTITIONS,
                             "Number of partitions was set to an invalid non-positive "
                             "value."));
        return;
    }
    n->partition_count = topic->num_partitions == -1
                             ? n->c->options.config->num_partitions
                             : topic->num_partitions;
    n->replication_factor =
        controller_replication_factor(n->c, topic->replication_factor);
}

static int add_placed_partitions(struct creation *n, struct err *err)
{
    struct placement *placement;
    struct err problem = {0};
    int rc = placement_begin(n->arena, controller_image(n->c), n->c->options.random,
                             n->replication_factor, &placement, &problem);
    if (rc == ERR_INVALID_REPLICATION_FACTOR) {
        refuse(n, verdict_of(n->arena, KAFKA_INVALID_REPLICATION_FACTOR,
                             "Unable to replicate the partition %d time(s): %s",
                             n->replication_factor, problem.message));
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", problem.message);
    int32_t *replicas =
        arena_array(n->arena, (size_t)n->replication_factor, sizeof(*replicas));
    if (replicas == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < n->partition_count && rc == 0; i++) {
        placement_next(placement, replicas);
        struct replica_list list = {replicas, n->replication_factor};
        if (!controller_any_active(n->c, list)) {
            refuse(n, verdict_of(
                          n->arena, KAFKA_INVALID_REPLICATION_FACTOR,
                          "Unable to replicate the partition %d time(s): All brokers "
                          "are currently fenced or in controlled shutdown.",
                          n->replication_factor));
            return 0;
        }
        rc = controller_add_partition(n->c, n->id, i, list, err);
    }
    return rc;
}

static int add_topic_record(struct creation *n, struct err *err)
{
    struct topic_record *record = controller_record(n->c, &topic_record_type);
    if (record == NULL)
        return err_nomem(err);
    n->id = uuid_random(n->c->options.random);
    record->name = n->topic->name;
    record->topic_id = n->id;
    return 0;
}

/* The records of one topic, or a refusal. */
static int add_topic(struct creation *n, struct err *err)
{
    bool by_hand = n->topic->assignments_count > 0;
    int rc = add_topic_record(n, err);
    if (rc == 0)
        rc = add_configs(n, err);
    if (rc != 0 || refused(n))
        return rc;
    if (by_hand) {
        rc = order_assignments(n, err);
        if (rc != 0)
            return rc;
        check_assignments(n);
    } else {
        check_numbers(n);
    }
    if (refused(n))
        return 0;
    return by_hand ? add_assigned_partitions(n, err) : add_placed_partitions(n, err);
}

/* Every setting with what will be in force (KIP-525). */
static int describe_configs(struct creation *n, struct err *err)
{
    const creatable_topic *topic = n->topic;
    struct setting_override *overrides =
        arena_array(n->arena, (size_t)topic->configs_count, sizeof(*overrides));
    n->result->configs =
        arena_array(n->arena, topic_settings.count, sizeof(*n->result->configs));
    if (overrides == NULL || n->result->configs == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < topic->configs_count; i++)
        overrides[i] =
            (struct setting_override){topic->configs[i].name, topic->configs[i].value};
    for (size_t i = 0; i < topic_settings.count; i++) {
        const struct setting *setting = &topic_settings.items[i];
        if (setting->internal)
            continue;
        enum setting_source source;
        result_config config = {.name = str_of(setting->name)};
        int rc = topic_config_get(n->c->options.config, overrides,
                                  (size_t)topic->configs_count, config.name, n->arena,
                                  &config.value, &source, err);
        if (rc != 0)
            return rc;
        /* Here alone, what was asked for comes back as it was written. */
        for (int32_t given = 0; given < topic->configs_count; given++)
            if (str_equal(topic->configs[given].name, config.name))
                config.value = topic->configs[given].value;
        config.config_source = setting_source_kafka_id(source);
        config.is_sensitive = setting->type == SETTING_PASSWORD;
        n->result->configs[n->result->configs_count++] = config;
    }
    return 0;
}

static int create_topic(struct controller *c, struct controller_request *r,
                        const creatable_topic *topic, bool duplicate,
                        topic_result *result, struct err *err)
{
    struct creation n = {.c = c,
                         .arena = r->arena,
                         .topic = topic,
                         .result = result,
                         .verdict = VERDICT_OK};
    int32_t before = c->record_count;
    int rc = 0;
    *result = CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT_INIT;
    result->name = topic->name;
    if (duplicate)
        refuse(&n,
               verdict_of(r->arena, KAFKA_INVALID_REQUEST, "Duplicate topic name."));
    else
        check_name(&n);
    if (!refused(&n))
        check_null_configs(&n);
    if (!refused(&n))
        rc = add_topic(&n, err);
    if (rc == 0 && !refused(&n))
        rc = describe_configs(&n, err);
    result->error_code = (int16_t)n.verdict.code;
    result->error_message = n.verdict.message;
    if (refused(&n)) {
        controller_drop_records(c, before);
        return rc;
    }
    result->topic_id = n.id;
    result->num_partitions = n.partition_count;
    result->replication_factor = (int16_t)n.replication_factor;
    return rc;
}

static bool too_many_partitions(const struct controller *c,
                                const struct create_topics_request *request)
{
    int64_t total = 0;
    for (int32_t i = 0; i < request->topics_count; i++) {
        const creatable_topic *topic = &request->topics[i];
        if (topic->assignments_count > 0)
            total += topic->assignments_count;
        else if (topic->num_partitions == -1)
            total += c->options.config->num_partitions;
        else if (topic->num_partitions > 0)
            total += topic->num_partitions;
    }
    return total > CONTROLLER_PARTITIONS_MAX;
}

static bool too_many_configs(const struct create_topics_request *request)
{
    int64_t total = 0;
    for (int32_t i = 0; i < request->topics_count; i++)
        total += request->topics[i].configs_count;
    return total > CONTROLLER_RECORDS_MAX;
}

static void refuse_all(const struct create_topics_request *request,
                       struct create_topics_response *response, struct verdict verdict)
{
    for (int32_t i = 0; i < request->topics_count; i++) {
        topic_result *result = &response->topics[response->topics_count++];
        *result = CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT_INIT;
        result->name = request->topics[i].name;
        result->error_code = (int16_t)verdict.code;
        result->error_message = verdict.message;
    }
}

static int build_create_topics(struct controller *c, struct controller_request *r,
                               struct err *err)
{
    const struct create_topics_request *request = r->input;
    struct create_topics_response *response = r->output;
    int32_t count = request->topics_count;
    response->topics = arena_array(r->arena, (size_t)count, sizeof(*response->topics));
    struct str *names = arena_array(r->arena, (size_t)count, sizeof(*names));
    if (response->topics == NULL || names == NULL)
        return err_nomem(err);
    if (too_many_partitions(c, request)) {
        refuse_all(request, response,
                   verdict_of(r->arena, KAFKA_POLICY_VIOLATION,
                              "Excessively large number of partitions per request."));
        return 0;
    }
    if (too_many_configs(request)) {
        refuse_all(request, response, verdict_too_large(r->arena));
        return 0;
    }
    for (int32_t i = 0; i < count; i++)
        names[i] = request->topics[i].name;
    uint8_t *uses;
    int rc = controller_name_uses(r->arena, names, count, &uses, err);
    for (int32_t i = 0; i < count && rc == 0; i++) {
        if (uses[i] == NAME_AGAIN)
            continue;
        rc = create_topic(c, r, &request->topics[i], uses[i] == NAME_FIRST,
                          &response->topics[response->topics_count++], err);
    }
    if (request->validate_only)
        controller_drop_records(c, 0);
    return rc;
}

static void fail_create_topics(struct controller_request *r, struct str message)
{
    struct create_topics_response *response = r->output;
    for (int32_t i = 0; i < response->topics_count; i++) {
        topic_result *result = &response->topics[i];
        if (result->error_code != KAFKA_NONE)
            continue;
        struct str name = result->name;
        *result = CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT_INIT;
        result->name = name;
        result->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        result->error_message = message;
    }
}

const struct controller_operation controller_create_topics_operation = {
    .name = "CreateTopics", .build = build_create_topics, .fail = fail_create_topics};

void controller_create_topics(struct controller *c, struct controller_request *r,
                              const struct create_topics_request *request,
                              struct create_topics_response *response)
{
    controller_submit(c, r, &controller_create_topics_operation, request, response);
}
