/* broker/api/groups.h
 *
 * What the APIs of consumer groups share.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_GROUPS_H
#define GREGOR_BROKER_API_GROUPS_H

#include "broker/api/api.h"
#include "broker/group/group_coordinator.h"

/* The active shard of a group that may be joined: as group_coordinator_shard(), and
 * INVALID_GROUP_ID for an empty id. */
enum kafka_error groups_shard(struct request *r, struct str group_id,
                              struct group_shard **out);

/* A group that members of the classic protocol can be in: one of its `classic` and
 * `consumer` is there. NULL, and the error for whoever is not a member of it:
 * UNKNOWN_MEMBER_ID, or what groups_shard() says. */
struct group *groups_joined(struct request *r, struct str group_id,
                            enum kafka_error *error);

/* What KafkaApis.isConsumerGroupProtocolEnabled() says: consumer groups are not
 * switched off, neither by a setting nor by the feature's level. */
bool groups_have_consumer_protocol(const struct request *r);

/* As a set of bits, what DescribeGroups and its like say is allowed: READ, DELETE,
 * DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS, as AclOperation numbers them. */
#define GROUP_OPERATIONS_ALL 0x0d48

/* Sends this answer at once, then what it has set free. */
void groups_respond(struct request *r, const void *response);

/* A copy of the request's arena, empty for null; data NULL: no memory. */
struct bytes groups_copy(struct request *r, struct bytes b);

/* Lets the handler begin anew once all that was written to this shard is committed,
 * or cannot be. False: it is, or there is no memory to wait with. */
bool groups_wait_committed(struct request *r, struct group_shard *shard);

/* "/127.0.0.1", as Kafka notes where a member is. Of the request's arena. */
struct str groups_client_host(struct request *r);

#endif
