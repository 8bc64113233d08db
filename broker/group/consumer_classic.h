/* broker/group/consumer_classic.h
 *
 * Members of the classic protocol in a consumer group, while it moves from one to the
 * other (KIP-848; Kafka: classicGroupJoinToConsumerGroup, classicGroupSyncTo…,
 * classicGroupHeartbeatTo…, classicGroupLeaveToConsumerGroup). The broker assigns, and
 * translates: a JoinGroup is a heartbeat that tells a subscription and what is owned,
 * the generation is the member's epoch, SyncGroup fetches the assignment, and Heartbeat
 * says REBALANCE_IN_PROGRESS where the member is to come again. There is no leader, and
 * nobody waits for anybody.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_CLASSIC_H
#define GREGOR_BROKER_GROUP_CONSUMER_CLASSIC_H

#include "broker/group/consumer_change.h"

/* What follows from a JoinGroup. All of the arena. */
struct consumer_join_result {
    enum kafka_error error;
    struct str member_id;
    int32_t generation_id; /* -1 with an error */
    struct str protocol_name;
};

/* The group has members. The request's rebalance time-out is set in every version.
 * True: the change is made, and the result is to be told once `write` is committed. */
bool consumer_classic_join(struct consumer_group *g, int16_t version,
                           const struct consumer_client *client,
                           const struct join_group_request *request,
                           struct arena *arena, struct consumer_join_result *result,
                           struct group_write *write);

/* KAFKA_NONE: *assignment, of the arena, is to be told once all that is written is
 * committed. */
enum kafka_error consumer_classic_sync(struct consumer_group *g,
                                       const struct sync_group_request *request,
                                       struct arena *arena, struct bytes *assignment);

enum kafka_error consumer_classic_heartbeat(struct consumer_group *g,
                                            const struct heartbeat_request *request);

/* `members` may be of LeaveGroup 0 to 2, too: one without an instance id. Fills an
 * error for each. KAFKA_NONE: they hold once `write` is committed. */
enum kafka_error consumer_classic_leave(
    struct consumer_group *g, const struct leave_group_request_member_identity *members,
    int32_t count, struct arena *arena, enum kafka_error *errors,
    struct group_write *write);

#endif
