/* broker/group/topic_hash.h
 *
 * What a group of the consumer protocol remembers of its topics: a hash, kept with the
 * group (ConsumerGroupMetadataValue: MetadataHash), by which a change is noticed, also
 * of topics that came or went while nobody looked. It must be Kafka's own, or groups
 * would rebalance when a directory changes hands (Kafka: Utils.computeTopicHash and
 * computeGroupHash).
 *
 * XXH3, 64 bits. Any thread. */
#ifndef GREGOR_BROKER_GROUP_TOPIC_HASH_H
#define GREGOR_BROKER_GROUP_TOPIC_HASH_H

#include "protocol/base/uuid.h"

/* The racks of one partition's replicas, as many times as they have them; those of
 * brokers without a rack are left out. */
struct partition_racks {
    const struct str *racks; /* ascending, as java_string_compare() has it */
    int32_t count;
};

/* A topic that does not exist counts as 0. `racks` has one entry for each partition;
 * NULL: no broker has a rack. */
int64_t topic_hash(struct uuid id, struct str name, int32_t partition_count,
                   const struct partition_racks *racks);

/* Of the topics that a group subscribes to, existing or not, in the order of their
 * names; 0 without any. */
int64_t topic_hash_of_group(const int64_t *topics, int32_t count);

#endif
