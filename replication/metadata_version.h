/* replication/metadata_version.h
 *
 * What the level of the feature metadata.version allows (Kafka: MetadataVersion):
 * a directory that an older Kafka began keeps its level, and its records are
 * written as that Kafka would read them. Also the features that this broker knows,
 * for its registrations. Any thread. */
#ifndef GREGOR_REPLICATION_METADATA_VERSION_H
#define GREGOR_REPLICATION_METADATA_VERSION_H

#include "replication/metadata_image.h"

#define METADATA_VERSION_FEATURE "metadata.version"
#define METADATA_VERSION_MIN 7     /* 3.3-IV3 */
#define METADATA_VERSION_LATEST 30 /* 4.3-IV0 */

struct known_feature {
    const char *name;
    int16_t min;
    int16_t max;
    int16_t initial; /* the level of a new cluster; 0: not set */
};

/* In the order of Kafka's bootstrap records. */
extern const struct known_feature known_features[];
extern const size_t known_feature_count;

/* The version in which a record of this type is written at that level. */
int16_t metadata_version_of_record(int16_t level, const struct message_type *type);

/* The image's level; METADATA_VERSION_LATEST while it has none. */
int16_t metadata_version_of_image(const struct metadata_image *image);

/* Eligible leader replicas as far as metadata.version is concerned; registrations of
 * controllers. */
bool metadata_version_has_elr(int16_t level);
bool metadata_version_has_controller_registrations(int16_t level);

/* Eligible leader replicas (KIP-966) are on. */
bool metadata_image_elr_enabled(const struct metadata_image *image);

#endif
