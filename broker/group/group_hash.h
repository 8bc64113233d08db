/* broker/group/group_hash.h
 *
 * Which partition of __consumer_offsets a group belongs to. Kafka takes Java's
 * String.hashCode(), and so must we, or directories could not be exchanged (Kafka:
 * GroupCoordinatorService.partitionFor, Utils.abs).
 *
 * Any thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_HASH_H
#define GREGOR_BROKER_GROUP_GROUP_HASH_H

#include "protocol/base/view.h"

int32_t group_partition_of(struct str group_id, int32_t partition_count);

#endif
