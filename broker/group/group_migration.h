/* broker/group/group_migration.h
 *
 * Groups that change from one protocol to the other while their members live, as
 * group.consumer.migration.policy allows (KIP-848; Kafka: convertToConsumerGroup,
 * convertToClassicGroup). Up, when a member of the consumer protocol joins a classic
 * group; down, when the last such member goes or is replaced by a classic one.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_MIGRATION_H
#define GREGOR_BROKER_GROUP_GROUP_MIGRATION_H

#include "broker/group/consumer_change.h"

/* Makes c->group, which is c->fresh, of a classic group with members, and writes the
 * records; whoever waits in the old group is told to join again. False: c->refusal. */
bool group_upgrade(struct consumer_change *c, struct classic_group *classic);

struct group_downgrade {
    /* Whom the classic group is without. */
    bool (*leaves)(const void *context, const struct consumer_member *m);
    const void *context;
    /* A classic member takes the place of c->known, with what c->after says. */
    bool joins;
    const char
        *rebalance; /* why the classic group begins with one; NULL: it does not */
};

/* Whether only classic members are left then, and the policy lets them go on as a
 * classic group. */
bool group_downgrade_is_due(const struct consumer_change *c,
                            const struct group_downgrade *d);

/* Writes the rest of the records and makes the change. False: c->refusal. */
bool group_downgrade_make(struct consumer_change *c, const struct group_downgrade *d,
                          struct group_write *write);

#endif
