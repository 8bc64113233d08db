/* broker/group/consumer_subscription.h
 *
 * Which topics members are subscribed to, by name and by regular expression, with one
 * change under way taken into account: a member that comes, changes, or takes
 * another's place (Kafka: ModernGroup.computeSubscribedTopicNames, TopicIds).
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_SUBSCRIPTION_H
#define GREGOR_BROKER_GROUP_CONSUMER_SUBSCRIPTION_H

#include "broker/group/consumer_reconcile.h"

/* Sorted, each once. */
struct topic_names {
    struct str *items;
    int32_t count;
};

void topic_names_sort(struct topic_names *names);

/* A member with what it says of itself. */
struct subscriber {
    struct str member_id;
    const struct consumer_member *member; /* NULL: new */
    member_metadata said;
};

struct subscribers {
    const struct consumer_group *group;
    struct subscriber *items; /* sorted by member id */
    int32_t count;
};

/* The group's present members, but for `without` (may be NULL, as `with`), and with
 * `with`. Of the arena, views into the members. False: no memory. */
bool subscribers_list(const struct consumer_group *g,
                      const struct consumer_member *without,
                      const struct subscriber *with, struct arena *arena,
                      struct subscribers *out);

/* The same, but for all whom leaves() names. */
bool subscribers_list_remaining(const struct consumer_group *g,
                                bool (*leaves)(const void *context,
                                               const struct consumer_member *m),
                                const void *context, struct arena *arena,
                                struct subscribers *out);

/* The same topics by name; both in order. */
bool subscribed_names_equal(const member_metadata *a, const member_metadata *b);

/* One member's topics: those it names, and those that its expression has matched when
 * it was resolved. False: no memory. */
bool subscribed_names(const struct consumer_group *g, const member_metadata *said,
                      struct arena *arena, struct topic_names *out);

/* Of all of them. */
bool subscribers_names(const struct subscribers *s, struct arena *arena,
                       struct topic_names *out);

/* The name of the assignor that most of them prefer, of those that the broker offers;
 * among equals, and if none prefers any, of the one that the broker names first. */
const char *subscribers_assignor(const struct subscribers *s);

/* The ids of those that exist. False: no memory. */
bool subscribed_ids(const struct metadata_image *image, const struct topic_names *names,
                    struct arena *arena, struct topic_ids *out);

/* Of those that exist: ids, partitions, racks (Kafka: ModernGroup.computeMetadataHash).
 * False: no memory. */
bool subscribed_hash(const struct metadata_image *image,
                     const struct topic_names *names, struct arena *arena,
                     int64_t *hash);

#endif
