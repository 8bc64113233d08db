/* broker/group/consumer_group_internal.h
 *
 * What the files of the consumer group share. Loop thread, but for what loading
 * needs. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_GROUP_INTERNAL_H
#define GREGOR_BROKER_GROUP_CONSUMER_GROUP_INTERNAL_H

#include "broker/group/consumer_group.h"

struct partition_owner {
    UT_hash_handle hh; /* by topic and partition */
    struct topic_partition place;
    struct consumer_member *member;
};

/* The bytes of a place that are its key. */
#define PLACE_KEY_SIZE (sizeof(struct uuid) + sizeof(int32_t))

/* ---- parts of a group (consumer_group_log.c) ---- */

/* The entry of a member, present or not; NULL: none. */
struct consumer_member *consumer_group_entry(const struct consumer_group *g,
                                             struct str id);
/* Who holds the place; NULL: nobody. */
struct partition_owner *consumer_group_place(const struct consumer_group *g,
                                             const struct topic_partition *place);
void consumer_group_drop_member(struct consumer_group *g, struct consumer_member *m);
void consumer_group_drop_regex(struct consumer_group *g, struct group_regex *r);
void consumer_group_drop_owner(struct consumer_group *g, struct partition_owner *o);

/* ---- timers of members (consumer_fence.c) ---- */

void consumer_member_on_session_over(struct deadline *d);
void consumer_member_on_rebalance_over(struct deadline *d);
void consumer_member_on_join_over(struct deadline *d);
void consumer_member_on_sync_over(struct deadline *d);

#endif
