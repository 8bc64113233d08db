/* replication/controller_partitions.c
 *
 * New partitions, and CreatePartitions (Kafka: ReplicationControlManager,
 * ControllerApis.createPartitions). */
#include "replication/controller_internal.h"

/* The directory that a new replica is assigned to: a broker with one has no choice;
 * with several, the broker chooses and tells (KIP-858). */
static struct uuid new_directory(const struct metadata_broker *broker)
{
    static const struct uuid unassigned = {{[15] = 1}};
    if (broker == NULL || broker->directory_count == 0)
        return UUID_ZERO;
    return broker->directory_count == 1 ? broker->directories[0] : unassigned;
}

static bool is_active(const struct controller *c, int32_t id)
{
    return metadata_broker_active(metadata_image_broker(controller_image(c), id));
}

bool controller_any_active(const struct controller *c, struct replica_list replicas)
{
    for (int32_t i = 0; i < replicas.count; i++)
        if (is_active(c, replicas.ids[i]))
            return true;
    return false;
}

int32_t controller_replication_factor(const struct controller *c, int32_t wanted)
{
    const struct broker_config *config = c->options.config;
    int32_t factor = wanted == -1 ? config->default_replication_factor : wanted;
    int32_t brokers;
    metadata_image_brokers(controller_image(c), &brokers);
    if (config->profile == PROFILE_DEV && factor > brokers && brokers > 0)
        factor = brokers;
    return factor;
}

struct verdict controller_check_assignment(struct controller *c, struct arena *arena,
                                           struct replica_list replicas, int32_t factor,
                                           int32_t partition)
{
    if (replicas.count <= 0)
        return verdict_of(
            arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes an empty replica list.");
    for (int32_t i = 0; i < replicas.count; i++) {
        if (metadata_image_broker(controller_image(c), replicas.ids[i]) == NULL)
            return verdict_of(arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                              "The manual partition assignment includes broker %d, but "
                              "no such broker is registered.",
                              replicas.ids[i]);
        for (int32_t before = 0; before < i; before++)
            if (replicas.ids[before] == replicas.ids[i])
                return verdict_of(arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                                  "The manual partition assignment includes the broker "
                                  "%d more than once.",
                                  replicas.ids[i]);
    }
    if (factor != 0 && replicas.count != factor)
        return verdict_of(
            arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes a partition with %d "
            "replica(s), but this is not consistent with previous "
            "partitions, which have %d replica(s).",
            replicas.count, factor);
    if (!controller_any_active(c, replicas))
        return verdict_of(
            arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
            "All brokers specified in the manual partition assignment for "
            "partition %d are fenced or in controlled shutdown.",
            partition);
    return VERDICT_OK;
}

int controller_add_partition(struct controller *c, struct uuid topic_id,
                             int32_t partition, struct replica_list replicas,
                             struct err *err)
{
    struct partition_record *r = controller_record(c, &partition_record_type);
    if (r == NULL)
        return err_nomem(err);
    r->partition_id = partition;
    r->topic_id = topic_id;
    r->leader_epoch = 0;
    r->partition_epoch = 0;
    r->replicas = controller_array(c, replicas.count, sizeof(*r->replicas));
    r->isr = controller_array(c, replicas.count, sizeof(*r->isr));
    struct uuid *directories =
        controller_array(c, replicas.count, sizeof(*directories));
    if (r->replicas == NULL || r->isr == NULL || directories == NULL)
        return err_nomem(err);
    r->replicas_count = replicas.count;
    for (int32_t i = 0; i < replicas.count; i++) {
        int32_t id = replicas.ids[i];
        r->replicas[i] = id;
        directories[i] = new_directory(metadata_image_broker(controller_image(c), id));
        if (is_active(c, id))
            r->isr[r->isr_count++] = id;
    }
    r->leader = r->isr_count > 0 ? r->isr[0] : NO_LEADER;
    int16_t level = metadata_version_of_image(controller_image(c));
    if (metadata_version_of_record(level, &partition_record_type) >= 1) {
        r->directories = directories;
        r->directories_count = replicas.count;
    }
    return 0;
}

typedef struct create_partitions_request_create_partitions_topic new_partitions;
typedef struct create_partitions_response_create_partitions_topic_result
    partitions_result;

static struct verdict check_count(const struct metadata_topic *topic,
                                  const new_partitions *wanted, struct arena *arena)
{
    if (wanted->count == topic->partition_count)
        return verdict_of(arena, KAFKA_INVALID_PARTITIONS,
                          "Topic already has %d partition(s).", topic->partition_count);
    if (wanted->count < topic->partition_count)
        return verdict_of(
            arena, KAFKA_INVALID_PARTITIONS,
            "The topic %s currently has %d partition(s); %d would not be an "
            "increase.",
            topic->name, topic->partition_count, wanted->count);
    int32_t more = wanted->count - topic->partition_count;
    if (wanted->assignments_count >= 0 && wanted->assignments_count != more)
        return verdict_of(arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "Attempted to add %d additional partition(s), but only %d "
                          "assignment(s) were specified.",
                          more, wanted->assignments_count);
    /* As many as CreateTopics may ask for: one change is one batch. */
    if (more > CONTROLLER_PARTITIONS_MAX)
        return verdict_of(arena, KAFKA_POLICY_VIOLATION,
                          "Excessively large number of partitions per request.");
    return VERDICT_OK;
}

static int add_assigned(struct controller *c, struct arena *arena,
                        const struct metadata_topic *topic,
                        const new_partitions *wanted, int32_t factor,
                        struct verdict *verdict, struct err *err)
{
    for (int32_t i = 0; i < wanted->assignments_count; i++) {
        int32_t partition = topic->partition_count + i;
        struct replica_list replicas = {wanted->assignments[i].broker_ids,
                                        wanted->assignments[i].broker_ids_count};
        *verdict = controller_check_assignment(c, arena, replicas, factor, partition);
        if (verdict->code != KAFKA_NONE)
            return 0;
        int rc = controller_add_partition(c, topic->id, partition, replicas, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int add_placed(struct controller *c, struct arena *arena,
                      const struct metadata_topic *topic, const new_partitions *wanted,
                      int32_t factor, struct verdict *verdict, struct err *err)
{
    struct placement *placement;
    struct err problem = {0};
    int rc = placement_begin(arena, controller_image(c), c->options.random, factor,
                             &placement, &problem);
    if (rc == ERR_INVALID_REPLICATION_FACTOR) {
        *verdict =
            verdict_of(arena, KAFKA_INVALID_REPLICATION_FACTOR, "%s", problem.message);
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", problem.message);
    int32_t *replicas = arena_array(arena, (size_t)factor, sizeof(*replicas));
    if (replicas == NULL)
        return err_nomem(err);
    for (int32_t i = topic->partition_count; i < wanted->count && rc == 0; i++) {
        placement_next(placement, replicas);
        struct replica_list list = {replicas, factor};
        if (!controller_any_active(c, list)) {
            *verdict =
                verdict_of(arena, KAFKA_INVALID_REPLICATION_FACTOR,
                           "Unable to replicate the partition %d time(s): All "
                           "brokers are currently fenced or in controlled shutdown.",
                           factor);
            return 0;
        }
        rc = controller_add_partition(c, topic->id, i, list, err);
    }
    return rc;
}

static int add_partitions(struct controller *c, struct arena *arena,
                          const new_partitions *wanted, struct verdict *verdict,
                          struct err *err)
{
    const struct metadata_topic *topic =
        metadata_image_topic(controller_image(c), wanted->name);
    if (topic == NULL) {
        *verdict = verdict_of(arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                              "This server does not host this topic-partition.");
        return 0;
    }
    *verdict = check_count(topic, wanted, arena);
    if (verdict->code != KAFKA_NONE)
        return 0;
    const struct metadata_partition *first = metadata_topic_partition(topic, 0);
    int32_t factor = first == NULL ? 0 : metadata_partition_replicas(first).count;
    if (factor == 0) {
        *verdict = verdict_of(arena, KAFKA_UNKNOWN_SERVER_ERROR,
                              "Invalid state: topic %s appears to have no partitions.",
                              topic->name);
        return 0;
    }
    if (wanted->assignments_count >= 0)
        return add_assigned(c, arena, topic, wanted, factor, verdict, err);
    return add_placed(c, arena, topic, wanted, factor, verdict, err);
}

/* One result for each name, duplicates too. */
static int fill_results(struct controller *c, struct controller_request *r,
                        const uint8_t *uses, struct err *err)
{
    const struct create_partitions_request *request = r->input;
    struct create_partitions_response *response = r->output;
    for (int32_t i = 0; i < request->topics_count; i++) {
        if (uses[i] == NAME_AGAIN)
            continue;
        struct verdict verdict = VERDICT_OK;
        int32_t before = c->record_count;
        int rc = 0;
        if (uses[i] == NAME_FIRST)
            verdict =
                verdict_of(r->arena, KAFKA_INVALID_REQUEST, "Duplicate topic name.");
        else
            rc = add_partitions(c, r->arena, &request->topics[i], &verdict, err);
        if (rc != 0)
            return rc;
        if (verdict.code != KAFKA_NONE || request->validate_only)
            controller_drop_records(c, before);
        response->results[response->results_count++] =
            (partitions_result){.name = request->topics[i].name,
                                .error_code = (int16_t)verdict.code,
                                .error_message = verdict.message};
    }
    return 0;
}

static int build_create_partitions(struct controller *c, struct controller_request *r,
                                   struct err *err)
{
    const struct create_partitions_request *request = r->input;
    struct create_partitions_response *response = r->output;
    size_t count = (size_t)request->topics_count;
    response->results = arena_array(r->arena, count, sizeof(*response->results));
    struct str *names = arena_array(r->arena, count, sizeof(*names));
    if (response->results == NULL || names == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < count; i++)
        names[i] = request->topics[i].name;
    uint8_t *uses;
    int rc = controller_name_uses(r->arena, names, request->topics_count, &uses, err);
    return rc != 0 ? rc : fill_results(c, r, uses, err);
}

static void fail_create_partitions(struct controller_request *r, struct str message)
{
    struct create_partitions_response *response = r->output;
    for (int32_t i = 0; i < response->results_count; i++) {
        partitions_result *result = &response->results[i];
        if (result->error_code != KAFKA_NONE)
            continue;
        result->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        result->error_message = message;
    }
}

void controller_create_partitions(struct controller *c, struct controller_request *r,
                                  const struct create_partitions_request *request,
                                  struct create_partitions_response *response)
{
    static const struct controller_operation operation = {
        .name = "CreatePartitions",
        .build = build_create_partitions,
        .fail = fail_create_partitions};
    controller_submit(c, r, &operation, request, response);
}
