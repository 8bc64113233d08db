/* replication/metadata_image.c */
#include "replication/metadata_image.h"

#include <stdlib.h>

#include "replication/metadata_image_internal.h"

bool metadata_grow(void **items, int32_t count, int32_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    int32_t wanted = *cap == 0 ? 4 : *cap + *cap / 2;
    void *bigger = realloc(*items, (size_t)wanted * size);
    if (bigger == NULL)
        return false;
    *items = bigger;
    *cap = wanted;
    return true;
}

struct str metadata_str_copy(struct str s)
{
    char *copy = malloc((size_t)s.len + 1);
    if (copy == NULL)
        return STR_NULL;
    if (s.len > 0)
        memcpy(copy, s.data, (size_t)s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

struct metadata_image *metadata_image_create(struct err *err)
{
    struct metadata_image *image = calloc(1, sizeof(*image));
    if (image != NULL)
        image->listing = calloc(1, sizeof(*image->listing));
    if (image == NULL || image->listing == NULL) {
        metadata_image_destroy(image);
        err_nomem(err);
        return NULL;
    }
    image->next_producer_id = -1;
    return image;
}

void metadata_image_destroy(struct metadata_image *image)
{
    if (image == NULL)
        return;
    metadata_topics_free(image);
    metadata_registrations_free(&image->brokers);
    metadata_registrations_free(&image->controllers);
    metadata_configs_free(image);
    for (int32_t i = 0; i < image->feature_count; i++)
        free((char *)image->features[i].name.data);
    free(image->features);
    metadata_kept_free(image);
    metadata_transaction_drop(image);
    free(image);
}

/* The index of a feature, or of the place where it belongs. */
static int32_t feature_index(const struct metadata_image *image, struct str name,
                             bool *found)
{
    int32_t low = 0, high = image->feature_count;
    *found = false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = str_compare(image->features[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Level 0 is the same as no level, and takes the feature away (Kafka:
 * FeaturesDelta). */
static int apply_feature(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err)
{
    const struct feature_level_record *record = message;
    bool found;
    int32_t at = feature_index(image, record->name, &found);
    if (delta != NULL)
        delta->features_changed = true;
    if (found && record->feature_level != 0) {
        image->features[at].level = record->feature_level;
        return 0;
    }
    if (found) {
        free((char *)image->features[at].name.data);
        image->feature_count--;
        memmove(&image->features[at], &image->features[at + 1],
                (size_t)(image->feature_count - at) * sizeof(*image->features));
        return 0;
    }
    if (record->feature_level == 0)
        return 0;
    struct str name = metadata_str_copy(record->name);
    if (name.data == NULL ||
        !metadata_grow((void **)&image->features, image->feature_count,
                       &image->feature_cap, sizeof(*image->features))) {
        free((char *)name.data);
        return err_nomem(err);
    }
    memmove(&image->features[at + 1], &image->features[at],
            (size_t)(image->feature_count - at) * sizeof(*image->features));
    image->features[at] =
        (struct metadata_feature){.name = name, .level = record->feature_level};
    image->feature_count++;
    return 0;
}

int16_t metadata_image_feature(const struct metadata_image *image, struct str name)
{
    bool found;
    int32_t at = feature_index(image, name, &found);
    return found ? image->features[at].level : 0;
}

const struct metadata_feature *metadata_image_features(
    const struct metadata_image *image, int32_t *count)
{
    *count = image->feature_count;
    return image->features;
}

static int apply_producer_ids(struct metadata_image *image, const void *message,
                              struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct producer_ids_record *record = message;
    if (record->next_producer_id < image->next_producer_id)
        return err_set(
            err, ERR_CORRUPT, "the next producer id goes back from %lld to %lld",
            (long long)image->next_producer_id, (long long)record->next_producer_id);
    image->next_producer_id = record->next_producer_id;
    return 0;
}

int64_t metadata_image_next_producer_id(const struct metadata_image *image)
{
    return image->next_producer_id < 0 ? 0 : image->next_producer_id;
}

/* NoOpRecord, and ZkMigrationStateRecord that only directories older than Kafka 4
 * have. */
static int apply_nothing(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err)
{
    (void)image;
    (void)message;
    (void)delta;
    (void)err;
    return 0;
}

int metadata_apply_now(struct metadata_image *image,
                       const struct metadata_record *record,
                       struct metadata_delta *delta, struct err *err)
{
    static const struct {
        const struct message_type *type;
        metadata_apply apply;
    } table[] = {
        {&topic_record_type, metadata_apply_topic},
        {&partition_record_type, metadata_apply_partition},
        {&partition_change_record_type, metadata_apply_partition_change},
        {&config_record_type, metadata_apply_config},
        {&remove_topic_record_type, metadata_apply_remove_topic},
        {&clear_elr_record_type, metadata_apply_clear_elr},
        {&no_op_record_type, apply_nothing},
        {&feature_level_record_type, apply_feature},
        {&producer_ids_record_type, apply_producer_ids},
        {&register_broker_record_type, metadata_apply_register_broker},
        {&unregister_broker_record_type, metadata_apply_unregister_broker},
        {&fence_broker_record_type, metadata_apply_fence_broker},
        {&unfence_broker_record_type, metadata_apply_unfence_broker},
        {&broker_registration_change_record_type, metadata_apply_broker_change},
        {&register_controller_record_type, metadata_apply_register_controller},
        {&client_quota_record_type, metadata_apply_quota},
        {&user_scram_credential_record_type, metadata_apply_scram},
        {&remove_user_scram_credential_record_type, metadata_apply_remove_scram},
        {&access_control_entry_record_type, metadata_apply_acl},
        {&remove_access_control_entry_record_type, metadata_apply_remove_acl},
        {&delegation_token_record_type, metadata_apply_token},
        {&remove_delegation_token_record_type, metadata_apply_remove_token},
        {&zk_migration_state_record_type, apply_nothing},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].type == record->type)
            return table[i].apply(image, record->message, delta, err);
    return err_set(err, ERR_UNSUPPORTED_VERSION,
                   "metadata records of type %s have no place here",
                   record->type->name);
}

int metadata_image_apply(struct metadata_image *image,
                         const struct metadata_record *record,
                         struct metadata_delta *delta, struct err *err)
{
    if (record->type == &begin_transaction_record_type)
        return metadata_transaction_begin(image, err);
    if (record->type == &end_transaction_record_type)
        return metadata_transaction_end(image, delta, err);
    if (record->type == &abort_transaction_record_type)
        return metadata_transaction_abort(image, err);
    if (image->in_transaction)
        return metadata_transaction_hold(image, record, err);
    return metadata_apply_now(image, record, delta, err);
}
