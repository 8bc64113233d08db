/* replication/metadata_version.c */
#include "replication/metadata_version.h"

#include "protocol/messages.h"

#define LEVEL_3_4_IV0 8
#define LEVEL_3_7_IV0 15
#define LEVEL_3_7_IV2 17
#define LEVEL_4_0_IV1 23
#define LEVEL_4_3_IV0 30

#define ELR_FEATURE "eligible.leader.replicas.version"

const struct known_feature known_features[] = {
    {METADATA_VERSION_FEATURE, METADATA_VERSION_MIN, METADATA_VERSION_LATEST,
     METADATA_VERSION_LATEST},
    {ELR_FEATURE, 0, 1, 1},
    {"group.version", 0, 1, 1},
    {"kraft.version", 0, 1, 0},
    {"share.version", 0, 1, 1},
    {"streams.version", 0, 1, 1},
    {"transaction.version", 0, 2, 2},
};
const size_t known_feature_count = sizeof(known_features) / sizeof(known_features[0]);

int16_t metadata_version_of_record(int16_t level, const struct message_type *type)
{
    if (type == &partition_record_type || type == &partition_change_record_type)
        return level >= LEVEL_4_0_IV1 ? 2 : level >= LEVEL_3_7_IV2 ? 1 : 0;
    if (type == &register_broker_record_type)
        return level >= LEVEL_4_3_IV0   ? 4
               : level >= LEVEL_3_7_IV2 ? 3
               : level >= LEVEL_3_4_IV0 ? 2
                                        : 1;
    if (type == &broker_registration_change_record_type)
        return level >= LEVEL_4_3_IV0 ? 3 : level >= LEVEL_3_7_IV2 ? 2 : 1;
    return 0;
}

int16_t metadata_version_of_image(const struct metadata_image *image)
{
    int16_t level =
        metadata_image_feature(image, STR_LITERAL(METADATA_VERSION_FEATURE));
    return level == 0 ? METADATA_VERSION_LATEST : level;
}

bool metadata_version_has_elr(int16_t level)
{
    return level >= LEVEL_4_0_IV1;
}

bool metadata_version_has_controller_registrations(int16_t level)
{
    return level >= LEVEL_3_7_IV0;
}

bool metadata_image_elr_enabled(const struct metadata_image *image)
{
    return metadata_version_has_elr(metadata_version_of_image(image)) &&
           metadata_image_feature(image, STR_LITERAL(ELR_FEATURE)) > 0;
}
