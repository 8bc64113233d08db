/* broker/api/lookup.h
 *
 * From the topics and partitions that a request names to the replicas of this
 * node (Kafka: ReplicaManager.getPartitionOrError).
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_LOOKUP_H
#define GREGOR_BROKER_API_LOOKUP_H

#include "broker/request.h"

/* By id if `by_id`, else by name (a null name is none). NULL: there is none. */
const struct metadata_topic *lookup_topic(const struct node *node, struct str name,
                                          struct uuid topic_id, bool by_id);

/* The replica on this node; its log may be closed (request_open_logs). On failure
 * *out is NULL:
 *   ERR_UNKNOWN_TOPIC_OR_PARTITION  no such name, or no such partition
 *   ERR_UNKNOWN_TOPIC_ID            no such id
 *   ERR_NOT_LEADER_OR_FOLLOWER      other nodes have it */
int lookup_partition(const struct node *node, struct str name, struct uuid topic_id,
                     bool by_id, int32_t index, struct partition **out,
                     struct err *err);

/* The logs that a request needs, to be opened before it is handled: begin, add
 * each partition it names, open. */
struct needed_logs {
    struct request *request;
    struct partition **items; /* of the request's arena */
    int count;
};

/* False: no memory for `most` of them; the request has ended. */
bool needed_logs_begin(struct needed_logs *n, struct request *r, size_t most);

/* As lookup_partition; what is not there needs nothing. */
void needed_logs_add(struct needed_logs *n, struct str name, struct uuid topic_id,
                     bool by_id, int32_t index);

/* As request_open_logs: false, and the request is handled again later. */
bool needed_logs_open(const struct needed_logs *n);

#endif
