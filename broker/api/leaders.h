/* broker/api/leaders.h
 *
 * What Produce and Fetch tell a client that asked the wrong broker: who leads
 * the partition, and where that broker is (KIP-951).
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_LEADERS_H
#define GREGOR_BROKER_API_LEADERS_H

#include "broker/request.h"

struct leader_endpoint {
    int32_t id;
    struct str host;
    int32_t port;
    struct str rack;
};

/* The leaders that one answer names, each once. */
struct leaders {
    struct leader_endpoint *items; /* of the request's arena */
    int32_t count;
};

/* If `rc` is ERR_NOT_LEADER_OR_FOLLOWER or ERR_FENCED_LEADER_EPOCH, fills in
 * leader and epoch of `p` (may be NULL) and adds the leader to the list. */
void leaders_tell(struct leaders *l, struct request *r, const struct partition *p,
                  int rc, int32_t *leader_id, int32_t *leader_epoch);

/* The address of a broker as the client of this connection must use it. False:
 * it has no such listener. */
bool leaders_endpoint(const struct request *r, int32_t broker_id,
                      struct leader_endpoint *out);

#endif
