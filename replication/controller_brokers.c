/* replication/controller_brokers.c
 *
 * The start of a cluster: bootstrap records and registrations; and blocks of
 * producer ids (Kafka: ActivationRecordsGenerator, ClusterControlManager,
 * ProducerIdControlManager). */
#include "config/topic_config.h"
#include "replication/controller_internal.h"

/* In a BrokerRegistrationChangeRecord; 0 is neither. */
#define FENCED 1
#define UNFENCED (-1)

/* ---- bootstrap -------------------------------------------------------------- */

static int add_feature(struct controller *c, const struct known_feature *feature,
                       struct err *err)
{
    if (feature->initial == 0)
        return 0;
    struct feature_level_record *record =
        controller_record(c, &feature_level_record_type);
    if (record == NULL)
        return err_nomem(err);
    record->name = str_of(feature->name);
    record->feature_level = feature->initial;
    return 0;
}

/* With eligible leader replicas the whole cluster has one min.insync.replicas. */
static int add_min_isr(struct controller *c, struct err *err)
{
    struct config_record *record = controller_record(c, &config_record_type);
    if (record == NULL)
        return err_nomem(err);
    record->resource_type = CONFIG_RESOURCE_BROKER;
    record->name = STR_LITERAL("min.insync.replicas");
    record->value =
        arena_printf(&c->arena, "%d", c->options.config->min_insync_replicas);
    return record->value.data == NULL ? err_nomem(err) : 0;
}

static int add_bootstrap(struct controller *c, struct err *err)
{
    struct begin_transaction_record *begin =
        controller_record(c, &begin_transaction_record_type);
    if (begin == NULL)
        return err_nomem(err);
    begin->name = STR_LITERAL("Bootstrap records");
    int rc = 0;
    for (size_t i = 0; i < known_feature_count && rc == 0; i++)
        rc = add_feature(c, &known_features[i], err);
    if (rc == 0)
        rc = add_min_isr(c, err);
    if (rc == 0 && controller_record(c, &end_transaction_record_type) == NULL)
        rc = err_nomem(err);
    return rc;
}

static int abort_transaction(struct controller *c, struct err *err)
{
    struct abort_transaction_record *record =
        controller_record(c, &abort_transaction_record_type);
    if (record == NULL)
        return err_nomem(err);
    record->reason = STR_LITERAL("failover");
    return 0;
}

/* ---- registrations ----------------------------------------------------------- */

static int add_controller(struct controller *c, const struct controller_start *start,
                          struct err *err)
{
    struct register_controller_record *r =
        controller_record(c, &register_controller_record_type);
    if (r == NULL)
        return err_nomem(err);
    r->controller_id = c->options.node_id;
    r->incarnation_id = start->controller_incarnation;
    r->end_points =
        controller_array(c, start->controller_endpoint_count, sizeof(*r->end_points));
    r->features =
        controller_array(c, (int32_t)known_feature_count, sizeof(*r->features));
    if (r->end_points == NULL || r->features == NULL)
        return err_nomem(err);
    r->end_points_count = start->controller_endpoint_count;
    for (int32_t i = 0; i < r->end_points_count; i++)
        r->end_points[i] = (struct register_controller_record_controller_endpoint){
            .name = start->controller_endpoints[i].name,
            .host = start->controller_endpoints[i].host,
            .port = start->controller_endpoints[i].port,
            .security_protocol = start->controller_endpoints[i].security_protocol};
    r->features_count = (int32_t)known_feature_count;
    for (int32_t i = 0; i < r->features_count; i++)
        r->features[i] = (struct register_controller_record_controller_feature){
            .name = str_of(known_features[i].name),
            .min_supported_version = known_features[i].min,
            .max_supported_version = known_features[i].max};
    return 0;
}

static int add_registration(struct controller *c,
                            const struct controller_broker *broker, int64_t epoch,
                            struct err *err)
{
    struct register_broker_record *r =
        controller_record(c, &register_broker_record_type);
    if (r == NULL)
        return err_nomem(err);
    r->broker_id = broker->id;
    r->incarnation_id = broker->incarnation;
    r->broker_epoch = epoch;
    r->rack = broker->rack;
    r->end_points = controller_array(c, broker->endpoint_count, sizeof(*r->end_points));
    r->features =
        controller_array(c, (int32_t)known_feature_count, sizeof(*r->features));
    if (r->end_points == NULL || r->features == NULL)
        return err_nomem(err);
    r->end_points_count = broker->endpoint_count;
    for (int32_t i = 0; i < r->end_points_count; i++)
        r->end_points[i] = (struct register_broker_record_broker_endpoint){
            .name = broker->endpoints[i].name,
            .host = broker->endpoints[i].host,
            .port = broker->endpoints[i].port,
            .security_protocol = broker->endpoints[i].security_protocol};
    r->features_count = (int32_t)known_feature_count;
    for (int32_t i = 0; i < r->features_count; i++)
        r->features[i] = (struct register_broker_record_broker_feature){
            .name = str_of(known_features[i].name),
            .min_supported_version = known_features[i].min,
            .max_supported_version = known_features[i].max};
    int16_t level = metadata_version_of_image(controller_image(c));
    if (metadata_version_of_record(level, &register_broker_record_type) >= 3) {
        r->log_dirs = (struct uuid *)broker->directories; /* only read */
        r->log_dirs_count = broker->directory_count;
    }
    return 0;
}

static int add_fencing(struct controller *c, int32_t id, int64_t epoch, int8_t fenced,
                       struct err *err)
{
    struct broker_registration_change_record *r =
        controller_record(c, &broker_registration_change_record_type);
    if (r == NULL)
        return err_nomem(err);
    r->broker_id = id;
    r->broker_epoch = epoch;
    r->fenced = fenced;
    return 0;
}

/* ---- requests ----------------------------------------------------------------- */

/* Whoever does not begin with this controller is not there: brokers of a Kafka's
 * cluster, whose directory this was (Kafka: ReplicationControlManager fences them when
 * their sessions end). Nothing may be led by them or wait for them. */
static int fence_others(struct controller *c, const struct controller_broker *brokers,
                        int32_t count, struct err *err)
{
    int32_t known;
    const struct metadata_broker *const *all =
        metadata_image_brokers(controller_image(c), &known);
    for (int32_t i = 0; i < known; i++) {
        if (all[i]->fenced || controller_broker_begins(brokers, count, all[i]->id))
            continue;
        int rc = add_fencing(c, all[i]->id, all[i]->epoch, FENCED, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* A broker's epoch is the offset of its registration, as Kafka's. */
static int add_brokers(struct controller *c, const struct controller_broker *brokers,
                       int32_t count, struct err *err)
{
    int64_t next_offset = c->options.writer->next_offset(c->options.writer);
    int rc = 0;
    for (int32_t i = 0; i < count && rc == 0; i++) {
        int64_t epoch = next_offset + c->record_count;
        rc = add_registration(c, &brokers[i], epoch, err);
        if (rc == 0)
            rc = add_fencing(c, brokers[i].id, epoch, UNFENCED, err);
    }
    if (rc == 0)
        rc = fence_others(c, brokers, count, err);
    return rc == 0 ? controller_elect(c, brokers, count, err) : rc;
}

static int check_version(const struct controller *c, struct err *err)
{
    int16_t level = metadata_version_of_image(controller_image(c));
    if (level >= METADATA_VERSION_MIN && level <= METADATA_VERSION_LATEST)
        return 0;
    return err_set(
        err, ERR_UNSUPPORTED_VERSION,
        "the metadata log is of metadata.version %d; this broker knows %d to %d", level,
        METADATA_VERSION_MIN, METADATA_VERSION_LATEST);
}

static int build_start(struct controller *c, struct controller_request *r,
                       struct err *err)
{
    const struct controller_start *start = r->input;
    const struct metadata_image *image = controller_image(c);
    int rc = check_version(c, err);
    if (rc == 0 && metadata_image_in_transaction(image))
        rc = abort_transaction(c, err);
    if (rc == 0 &&
        metadata_image_feature(image, STR_LITERAL(METADATA_VERSION_FEATURE)) == 0)
        rc = add_bootstrap(c, err);
    if (rc == 0 &&
        metadata_version_has_controller_registrations(metadata_version_of_image(image)))
        rc = add_controller(c, start, err);
    if (rc == 0)
        rc = add_brokers(c, start->brokers, start->broker_count, err);
    return rc;
}

void controller_start(struct controller *c, struct controller_request *r,
                      const struct controller_start *start)
{
    static const struct controller_operation operation = {.name = "start",
                                                          .build = build_start};
    controller_submit(c, r, &operation, start, NULL);
}

static int build_producer_ids(struct controller *c, struct controller_request *r,
                              struct err *err)
{
    struct producer_id_block *block = r->output;
    const struct metadata_image *image = controller_image(c);
    const struct metadata_broker *broker =
        metadata_image_broker(image, block->broker_id);
    int64_t first = metadata_image_next_producer_id(image);
    if (first > INT64_MAX - PRODUCER_ID_BLOCK_SIZE)
        return err_set(
            err, ERR_INVALID,
            "Exhausted all producerIds as the next block's end producerId has "
            "exceeded the int64 type limit");
    struct producer_ids_record *record =
        controller_record(c, &producer_ids_record_type);
    if (record == NULL)
        return err_nomem(err);
    record->broker_id = block->broker_id;
    record->broker_epoch = broker == NULL ? -1 : broker->epoch;
    record->next_producer_id = first + PRODUCER_ID_BLOCK_SIZE;
    block->first_producer_id = first;
    block->count = PRODUCER_ID_BLOCK_SIZE;
    return 0;
}

void controller_allocate_producer_ids(struct controller *c,
                                      struct controller_request *r,
                                      struct producer_id_block *block)
{
    static const struct controller_operation operation = {.name = "AllocateProducerIds",
                                                          .build = build_producer_ids};
    controller_submit(c, r, &operation, NULL, block);
}
