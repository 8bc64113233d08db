#include "broker/api/partition_listing.h"

#include "broker/listener.h"
#include "broker/request.h"

/* Reserved directory ids (Kafka: DirectoryId): not yet assigned, lost, and
 * replicas from before directories had ids. */
static const struct uuid DIRECTORY_LOST = {{[15] = 1}};
static const struct uuid DIRECTORY_MIGRATING = {{[15] = 2}};

struct str request_listener(const struct request *r)
{
    return str_of(connection_links(r->connection)->listener->name);
}

static bool directory_is_online(const struct metadata_broker *b, struct uuid directory)
{
    if (uuid_is_zero(directory) || uuid_equal(directory, DIRECTORY_MIGRATING))
        return true;
    if (uuid_equal(directory, DIRECTORY_LOST))
        return false;
    for (int32_t i = 0; i < b->directory_count; i++) {
        if (uuid_equal(b->directories[i], directory))
            return true;
    }
    return b->directory_count == 0; /* an old registration names none */
}

static bool is_reachable(const struct metadata_broker *b, struct str listener)
{
    return b != NULL && !b->fenced && metadata_broker_endpoint(b, listener) != NULL;
}

static bool list_offline(const struct metadata_image *image, struct str listener,
                         const struct metadata_partition *p, struct arena *arena,
                         struct broker_ids *out)
{
    struct broker_ids replicas = metadata_partition_replicas(p);
    int32_t *offline = NULL, count = 0;
    for (int32_t i = 0; i < replicas.count; i++) {
        const struct metadata_broker *b = metadata_image_broker(image, replicas.ids[i]);
        if (is_reachable(b, listener) &&
            directory_is_online(b, metadata_partition_directory(p, i)))
            continue;
        /* Nearly always there is none: memory only for those who need it. */
        if (offline == NULL)
            offline = arena_array(arena, (size_t)replicas.count, sizeof(int32_t));
        if (offline == NULL)
            return false;
        offline[count++] = replicas.ids[i];
    }
    *out = (struct broker_ids){offline, count};
    return true;
}

bool partition_listing_of(const struct metadata_image *image, struct str listener,
                          const struct metadata_partition *p,
                          enum kafka_error error_without_listener, struct arena *arena,
                          struct partition_listing *out)
{
    *out = (struct partition_listing){.error = KAFKA_NONE, .leader = p->leader};
    const struct metadata_broker *leader = metadata_image_broker(image, p->leader);
    if (leader == NULL) {
        out->error = KAFKA_LEADER_NOT_AVAILABLE;
        out->leader = NO_LEADER;
    } else if (metadata_broker_endpoint(leader, listener) == NULL) {
        out->error = error_without_listener;
        out->leader = NO_LEADER;
    }
    return list_offline(image, listener, p, arena, &out->offline);
}

bool broker_ids_reachable(const struct metadata_image *image, struct str listener,
                          struct broker_ids ids, struct arena *arena,
                          struct broker_ids *out)
{
    int32_t *reachable = arena_array(arena, (size_t)ids.count, sizeof(int32_t));
    if (reachable == NULL)
        return false;
    int32_t count = 0;
    for (int32_t i = 0; i < ids.count; i++) {
        if (is_reachable(metadata_image_broker(image, ids.ids[i]), listener))
            reachable[count++] = ids.ids[i];
    }
    *out = (struct broker_ids){reachable, count};
    return true;
}
