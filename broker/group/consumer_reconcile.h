/* broker/group/consumer_reconcile.h
 *
 * One step of a member towards its target (Kafka: CurrentAssignmentBuilder). A pure
 * function of what it holds, what it is to hold, and what others still hold.
 *
 *                    must give partitions up
 *        ┌────────► UNREVOKED_PARTITIONS ────────┐ has said that it did
 *        │                                       ▼
 *      STABLE ◄──────────────────────── (the next step)
 *        ▲                                       │ others hold some of its target
 *        │                                       ▼
 *        └───────────────────────── UNRELEASED_PARTITIONS
 *          they have given them up
 *
 * While it has something to give up, it stays in its epoch; otherwise it goes to the
 * target's at once, and gets what is free.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_RECONCILE_H
#define GREGOR_BROKER_GROUP_CONSUMER_RECONCILE_H

#include "broker/group/consumer_group.h"

struct topic_ids {
    const struct uuid *items; /* ascending */
    int32_t count;
};

struct reconciliation {
    const struct consumer_group *group; /* whose owners are asked */
    const struct member_assignment *current;
    int32_t assignment_epoch;
    const struct partition_set *target;
    struct topic_ids subscribed;
    bool subscription_changed;
    const struct partition_set *owned; /* as the member says; NULL: it does not say */
};

/* KAFKA_NONE: *out, empty before, is where the member is then; the caller frees it,
 * also where nothing has changed. FENCED_MEMBER_EPOCH: it is in a state that nobody
 * knows, and must come back without partitions. UNKNOWN_SERVER_ERROR: no memory. */
enum kafka_error consumer_reconcile(const struct reconciliation *r,
                                    struct member_assignment *out);

/* The same in everything that is stored, epochs of partitions included. */
bool member_assignment_equal(const struct member_assignment *a,
                             const struct member_assignment *b);

#endif
