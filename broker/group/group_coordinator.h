/* broker/group/group_coordinator.h
 *
 * The coordinator of consumer groups of one node: the shards, one for each partition
 * of __consumer_offsets that the node leads, and what is done to all of them (Kafka:
 * GroupCoordinatorService).
 *
 * Answers are queued while groups change, and sent by group_coordinator_settle():
 * sending one may bring the next request of that connection, which may change the
 * group that is being walked.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_COORDINATOR_H
#define GREGOR_BROKER_GROUP_GROUP_COORDINATOR_H

#include "broker/group/group_shard.h"
#include "broker/request.h"

struct group_coordinator;

/* NULL: no memory. `node` is borrowed, and has its replicas. */
struct group_coordinator *group_coordinator_create(struct node *node);

/* Begins to look for expired offsets, now and then. The node has its timers. */
void group_coordinator_start(struct group_coordinator *c);

/* After the node was stopped. Accepts NULL. */
void group_coordinator_destroy(struct group_coordinator *c);

/* Answers all that wait; from now on there is no coordinator here. */
void group_coordinator_stop(struct group_coordinator *c);

/* Follows leaders and deleted topics; comes after the replica manager's. */
struct metadata_publisher *group_coordinator_publisher(struct group_coordinator *c);

/* The shard that holds this group. KAFKA_NONE: *out is ACTIVE. Else the error that
 * Kafka's coordinator answers: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS (and then
 * the loading has begun), COORDINATOR_NOT_AVAILABLE while it stops. */
enum kafka_error group_coordinator_shard(struct group_coordinator *c,
                                         struct str group_id, struct group_shard **out);

/* Where the group is coordinated. KAFKA_NONE: *leader is the broker. With
 * UNKNOWN_TOPIC_OR_PARTITION there is no __consumer_offsets yet. */
enum kafka_error group_coordinator_leader(struct group_coordinator *c,
                                          struct str group_id, int32_t *leader);

/* True: the handler returns, and is called again from its start when what it waits
 * for is loaded (or cannot be). False: there is nothing to wait for. */
bool group_coordinator_wait(struct group_coordinator *c, struct request *r,
                            struct str group_id);
bool group_coordinator_wait_all(struct group_coordinator *c, struct request *r);

/* Calls for every shard that this node leads and has loaded. */
void group_coordinator_each(struct group_coordinator *c,
                            void (*visit)(void *context, struct group_shard *shard),
                            void *context);

/* Queues the answer; `response` is of the request's arena. */
void group_coordinator_answer(struct group_coordinator *c, struct request *r,
                              const void *response);
/* Sends what is queued. The last thing a handler does. */
void group_coordinator_settle(struct group_coordinator *c);

#endif
