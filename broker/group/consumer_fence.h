/* broker/group/consumer_fence.h
 *
 * Members that are taken out of a consumer group: they leave, or fall silent, or do not
 * give their partitions up in time (Kafka: GroupMetadataManager.
 * consumerGroupFenceMembers). If only members of the classic protocol are left, the
 * group becomes a classic one.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_FENCE_H
#define GREGOR_BROKER_GROUP_CONSUMER_FENCE_H

#include "broker/group/consumer_change.h"

struct fenced_members {
    const struct consumer_member **items;
    int32_t count;
};

/* The whole change of c->group, made. The group may be another kind then, or the
 * members' memory gone. False: c->refusal. */
bool consumer_fence(struct consumer_change *c, const struct fenced_members *fenced,
                    struct group_write *write);

#endif
