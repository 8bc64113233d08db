/* broker/group/consumer_heartbeat.h
 *
 * ConsumerGroupHeartbeat, all that a member of the consumer protocol ever says: it
 * joins, goes on, tells what it owns, changes its subscription, leaves (KIP-848; Kafka:
 * GroupMetadataManager.consumerGroupHeartbeat, consumerGroupLeave).
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_HEARTBEAT_H
#define GREGOR_BROKER_GROUP_CONSUMER_HEARTBEAT_H

#include "broker/group/consumer_change.h"

/* Whether the request can be one at all, in this version (Kafka:
 * GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid). `config`
 * names the assignors. False: *refusal, its message of the arena. */
bool consumer_heartbeat_is_valid(const struct broker_config *config,
                                 const struct consumer_group_heartbeat_request *m,
                                 int16_t version, struct arena *arena,
                                 struct group_refusal *refusal);

/* Fills `response`, of the arena, also with the error. True: the change is made, and
 * the response is to be given once `write` is committed. */
bool consumer_heartbeat(struct group_env *env, const struct consumer_client *client,
                        const struct consumer_group_heartbeat_request *m,
                        struct arena *arena,
                        struct consumer_group_heartbeat_response *response,
                        struct group_write *write);

#endif
