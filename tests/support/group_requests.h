/* tests/support/group_requests.h
 *
 * Parts of what consumers say, for tests. All is of the arena. */
#ifndef GREGOR_TESTS_SUPPORT_GROUP_REQUESTS_H
#define GREGOR_TESTS_SUPPORT_GROUP_REQUESTS_H

#include "broker/group/partition_set.h"
#include "protocol/messages.h"
#include "replication/metadata_image.h"

struct name_array {
    struct str *items;
    int32_t count;
};

/* "a,b" */
struct name_array request_names(const char *text, struct arena *arena);

/* What a heartbeat says that its member owns. */
void request_say_owned(struct consumer_group_heartbeat_request *m,
                       const struct partition_set *owned, struct arena *arena);

/* A heartbeat's answer back: added to `out`, empty before, sorted. */
void request_assigned(const struct consumer_group_heartbeat_response *r,
                      struct partition_set *out);

/* The metadata of a JoinGroup. What is owned of topics that are gone is left out. */
struct bytes request_subscription(struct name_array topics,
                                  const struct partition_set *owned,
                                  const struct metadata_image *image,
                                  int32_t generation_id, struct arena *arena);

#endif
