/* broker/group/group.h
 *
 * One group of any kind, with its offsets, and the questions that do not depend on the
 * kind (Kafka: Group).
 *
 * Exactly one of `classic` and `consumer` is there, or none: share and streams groups
 * are not coordinated here, and keep what a Kafka has left of them.
 *
 * One owner at a time: the job that loads it, then the loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_H
#define GREGOR_BROKER_GROUP_GROUP_H

#include "broker/group/classic_group.h"
#include "broker/group/consumer_group.h"
#include "broker/group/group_offsets.h"

enum group_kind { GROUP_CLASSIC, GROUP_CONSUMER, GROUP_SHARE, GROUP_STREAMS };

/* As ListGroups says it: "classic". */
const char *group_kind_name(enum group_kind kind);

struct group {
    UT_hash_handle hh;
    enum group_kind kind;
    struct classic_group *classic;
    struct consumer_group *consumer;
    struct group_offsets offsets;
    int32_t pending_offsets; /* of transactions under way */
    int32_t id_len;
    char id[];
};

static inline struct str group_id(const struct group *g)
{
    return (struct str){g->id, g->id_len};
}

/* As Kafka's tools print it. A group of another kind has no members here: Empty. */
const char *group_state_name(const struct group *g);

/* Never null. */
struct str group_protocol_type(const struct group *g);

bool group_subscribes_to(const struct group *g, struct str topic);

/* KAFKA_NONE, NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
enum kafka_error group_may_delete(const struct group *g);
enum kafka_error group_may_delete_offsets(const struct group *g);

/* Nothing keeps it but its offsets: no member, none about to join. */
bool group_is_unused(const struct group *g);

/* When unused offsets begin to count as such. */
enum classic_expiry group_expiry(const struct group *g);

/* Writes the tombstones of the group, not those of its offsets. */
void group_write_tombstones(const struct group *g, struct group_records *w);

#endif
