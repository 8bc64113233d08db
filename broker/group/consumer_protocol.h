/* broker/group/consumer_protocol.h
 *
 * What members of the classic protocol put into its bytes: the subscription that they
 * join with, the assignment that they get (Kafka: ConsumerProtocol). An int16 version
 * comes first; one that is newer than 3 is read as 3.
 *
 * Any thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_PROTOCOL_H
#define GREGOR_BROKER_GROUP_CONSUMER_PROTOCOL_H

#include "broker/group/partition_set.h"
#include "protocol/messages.h"
#include "replication/metadata_image.h"

/* The protocol type of consumers. */
#define CONSUMER_PROTOCOL "consumer"

/* -1: there is none. */
int16_t consumer_protocol_version(struct bytes data);

/* Views into the data, lists of the arena. False: malformed, or no memory. */
bool consumer_protocol_subscription(struct bytes data, struct arena *arena,
                                    struct consumer_protocol_subscription *out);
bool consumer_protocol_assignment(struct bytes data, struct arena *arena,
                                  struct consumer_protocol_assignment *out);

/* The topics of a subscription alone, which stand first in each version. */
bool consumer_protocol_topics(struct bytes data, struct arena *arena,
                              struct str **topics, int32_t *count);

/* The partitions of topics that exist, added to `out`, empty before. False: no
 * memory. */
bool consumer_protocol_owned(const struct consumer_protocol_subscription *s,
                             const struct metadata_image *image,
                             struct partition_set *out);
bool consumer_protocol_assigned(const struct consumer_protocol_assignment *a,
                                const struct metadata_image *image,
                                struct partition_set *out);

/* The assignment of these partitions, but for topics that are gone. Of the arena; data
 * NULL: no memory. */
struct bytes consumer_protocol_write(const struct partition_set *set,
                                     const struct metadata_image *image,
                                     int16_t version, struct arena *arena);

#endif
