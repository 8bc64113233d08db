/* replication/metadata_write.c
 *
 * The image as records, in the order of Kafka's MetadataImage.write: features with
 * metadata.version first, since it decides how the rest is read, cluster, topics,
 * configs, quotas, producer ids, ACLs, SCRAM credentials, delegation tokens. */
#include "replication/metadata_image_internal.h"
#include "replication/metadata_version.h"

struct writing {
    const struct metadata_image *image;
    int16_t level;
    metadata_emit emit;
    void *context;
    struct err *err;
    struct arena *arena;
    int rc;
};

static int emit(struct writing *w, const struct message_type *type, const void *message)
{
    struct metadata_record record = {type, metadata_version_of_record(w->level, type),
                                     message};
    return w->emit(w->context, &record, w->err);
}

static int write_feature(struct writing *w, const struct metadata_feature *feature)
{
    struct feature_level_record record = {.name = feature->name,
                                          .feature_level = feature->level};
    return emit(w, &feature_level_record_type, &record);
}

static int write_features(struct writing *w)
{
    int rc = 0;
    for (int first = 1; first >= 0; first--)
        for (int32_t i = 0; i < w->image->feature_count && rc == 0; i++) {
            const struct metadata_feature *f = &w->image->features[i];
            if (str_is(f->name, METADATA_VERSION_FEATURE) == (first == 1))
                rc = write_feature(w, f);
        }
    return rc;
}

static int write_broker(struct writing *w, const struct metadata_broker *b)
{
    struct register_broker_record record = REGISTER_BROKER_RECORD_INIT;
    record.broker_id = b->id;
    record.incarnation_id = b->incarnation;
    record.broker_epoch = b->epoch;
    record.rack = b->rack;
    record.fenced = b->fenced;
    record.in_controlled_shutdown = b->in_controlled_shutdown;
    int16_t version =
        metadata_version_of_record(w->level, &register_broker_record_type);
    if (version >= 3) {
        record.log_dirs = b->directories;
        record.log_dirs_count = b->directory_count;
    }
    if (version >= 4) {
        record.cordoned_log_dirs = b->cordoned_directories;
        record.cordoned_log_dirs_count = b->cordoned_directory_count;
    }
    record.end_points =
        arena_array(w->arena, (size_t)b->endpoint_count, sizeof(*record.end_points));
    record.features =
        arena_array(w->arena, (size_t)b->feature_count, sizeof(*record.features));
    if (record.end_points == NULL || record.features == NULL)
        return err_nomem(w->err);
    record.end_points_count = b->endpoint_count;
    for (int32_t i = 0; i < b->endpoint_count; i++)
        record.end_points[i] = (struct register_broker_record_broker_endpoint){
            .name = b->endpoints[i].name,
            .host = b->endpoints[i].host,
            .port = b->endpoints[i].port,
            .security_protocol = b->endpoints[i].security_protocol};
    record.features_count = b->feature_count;
    for (int32_t i = 0; i < b->feature_count; i++)
        record.features[i] = (struct register_broker_record_broker_feature){
            .name = b->features[i].name,
            .min_supported_version = b->features[i].min,
            .max_supported_version = b->features[i].max};
    return emit(w, &register_broker_record_type, &record);
}

static int write_controller(struct writing *w, const struct metadata_broker *c)
{
    struct register_controller_record record = REGISTER_CONTROLLER_RECORD_INIT;
    record.controller_id = c->id;
    record.incarnation_id = c->incarnation;
    record.end_points =
        arena_array(w->arena, (size_t)c->endpoint_count, sizeof(*record.end_points));
    record.features =
        arena_array(w->arena, (size_t)c->feature_count, sizeof(*record.features));
    if (record.end_points == NULL || record.features == NULL)
        return err_nomem(w->err);
    record.end_points_count = c->endpoint_count;
    for (int32_t i = 0; i < c->endpoint_count; i++)
        record.end_points[i] = (struct register_controller_record_controller_endpoint){
            .name = c->endpoints[i].name,
            .host = c->endpoints[i].host,
            .port = c->endpoints[i].port,
            .security_protocol = c->endpoints[i].security_protocol};
    record.features_count = c->feature_count;
    for (int32_t i = 0; i < c->feature_count; i++)
        record.features[i] = (struct register_controller_record_controller_feature){
            .name = c->features[i].name,
            .min_supported_version = c->features[i].min,
            .max_supported_version = c->features[i].max};
    return emit(w, &register_controller_record_type, &record);
}

static int write_cluster(struct writing *w)
{
    int rc = 0;
    for (int32_t i = 0; i < w->image->brokers.count && rc == 0; i++)
        rc = write_broker(w, w->image->brokers.items[i]);
    if (!metadata_version_has_controller_registrations(w->level))
        return rc;
    for (int32_t i = 0; i < w->image->controllers.count && rc == 0; i++)
        rc = write_controller(w, w->image->controllers.items[i]);
    return rc;
}

/* The record only reads its lists; the generated structs have no const. */
static int32_t *list_of(const struct partition_parts *parts, enum partition_list list,
                        int32_t *count)
{
    *count = parts->lists[list].count;
    return (int32_t *)parts->lists[list].ids;
}

static int write_partition(struct writing *w, const struct metadata_topic *topic,
                           int32_t id)
{
    const struct metadata_partition *p = &topic->partitions[id];
    struct partition_parts parts;
    /* One a replica: a partition from before they were known has them "migrating",
     * which is zero (Kafka: DirectoryId). */
    int32_t replicas = metadata_partition_replicas(p).count;
    struct uuid *directories =
        arena_array(w->arena, (size_t)replicas, sizeof(*directories));
    if (directories == NULL)
        return err_nomem(w->err);
    metadata_partition_unpack(p, &parts, directories);

    struct partition_record r = PARTITION_RECORD_INIT;
    int16_t version = metadata_version_of_record(w->level, &partition_record_type);
    r.partition_id = id;
    r.topic_id = topic->id;
    r.leader = p->leader;
    r.leader_epoch = p->leader_epoch;
    r.partition_epoch = p->partition_epoch;
    r.leader_recovery_state = p->leader_recovery_state;
    r.replicas = list_of(&parts, PARTITION_REPLICAS, &r.replicas_count);
    r.isr = list_of(&parts, PARTITION_ISR, &r.isr_count);
    r.removing_replicas =
        list_of(&parts, PARTITION_REMOVING_REPLICAS, &r.removing_replicas_count);
    r.adding_replicas =
        list_of(&parts, PARTITION_ADDING_REPLICAS, &r.adding_replicas_count);
    if (version >= 1) {
        r.directories = directories;
        r.directories_count = replicas;
    }
    if (version >= 2 && parts.lists[PARTITION_ELR].count > 0)
        r.eligible_leader_replicas =
            list_of(&parts, PARTITION_ELR, &r.eligible_leader_replicas_count);
    if (version >= 2 && parts.lists[PARTITION_LAST_KNOWN_ELR].count > 0)
        r.last_known_elr =
            list_of(&parts, PARTITION_LAST_KNOWN_ELR, &r.last_known_elr_count);
    return emit(w, &partition_record_type, &r);
}

static int write_topics(struct writing *w)
{
    const struct metadata_topic *topic = w->image->topics_by_id;
    int rc = 0;
    for (; topic != NULL && rc == 0; topic = topic->by_id.next) {
        struct topic_record record = {.name = metadata_topic_name(topic),
                                      .topic_id = topic->id};
        rc = emit(w, &topic_record_type, &record);
        for (int32_t i = 0; i < topic->partition_count && rc == 0; i++)
            if (topic->partitions[i].present)
                rc = write_partition(w, topic, i);
        arena_reset(w->arena);
    }
    return rc;
}

static void write_configs(void *context,
                          const struct metadata_config_resource *resource)
{
    struct writing *w = context;
    struct metadata_configs configs =
        metadata_image_configs(w->image, resource->type, resource->name);
    for (int32_t i = 0; i < configs.count && w->rc == 0; i++) {
        struct config_record record = {.resource_type = (int8_t)resource->type,
                                       .resource_name = resource->name,
                                       .name = configs.items[i].name,
                                       .value = configs.items[i].value};
        w->rc = emit(w, &config_record_type, &record);
    }
}

static int write_producer_ids(struct writing *w)
{
    if (w->image->next_producer_id < 0)
        return 0;
    struct producer_ids_record record = {.broker_id = -1,
                                         .broker_epoch = -1,
                                         .next_producer_id =
                                             w->image->next_producer_id};
    return emit(w, &producer_ids_record_type, &record);
}

static int write_kept(struct writing *w, const struct message_type *type)
{
    return metadata_kept_write(w->image, type, w->emit, w->context, w->err);
}

int metadata_image_write(const struct metadata_image *image,
                         int (*emit_record)(void *context,
                                            const struct metadata_record *record,
                                            struct err *err),
                         void *context, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct writing w = {.image = image,
                        .level = metadata_version_of_image(image),
                        .emit = emit_record,
                        .context = context,
                        .err = err,
                        .arena = &arena};
    w.rc = write_features(&w);
    if (w.rc == 0)
        w.rc = write_cluster(&w);
    if (w.rc == 0)
        w.rc = write_topics(&w);
    if (w.rc == 0)
        metadata_image_each_config_resource(image, write_configs, &w);
    if (w.rc == 0)
        w.rc = write_kept(&w, &client_quota_record_type);
    if (w.rc == 0)
        w.rc = write_producer_ids(&w);
    if (w.rc == 0)
        w.rc = write_kept(&w, &access_control_entry_record_type);
    if (w.rc == 0)
        w.rc = write_kept(&w, &user_scram_credential_record_type);
    if (w.rc == 0)
        w.rc = write_kept(&w, &delegation_token_record_type);
    arena_reset(&arena);
    return w.rc;
}
