#include "tests/support/group_requests.h"

#include <check.h>

/* Versions of a subscription: from 3 on they tell the generation. */
#define SUBSCRIPTION_VERSION 3

typedef struct consumer_group_heartbeat_request_topic_partitions heartbeat_topic;
typedef struct consumer_protocol_subscription_topic_partition subscription_topic;

struct name_array request_names(const char *text, struct arena *arena)
{
    struct name_array names = {arena_array(arena, strlen(text) + 1, sizeof(struct str)),
                               0};
    while (*text != '\0') {
        int32_t len = (int32_t)strcspn(text, ",");
        names.items[names.count++] = arena_str(arena, (struct str){text, len});
        text += len + (text[len] == ',');
    }
    return names;
}

void request_say_owned(struct consumer_group_heartbeat_request *m,
                       const struct partition_set *owned, struct arena *arena)
{
    m->topic_partitions =
        arena_array(arena, (size_t)owned->count, sizeof(*m->topic_partitions));
    m->topic_partitions_count = 0;
    for (int32_t i = 0; i < owned->count;) {
        int32_t run = partition_set_run(owned, i);
        heartbeat_topic *t = &m->topic_partitions[m->topic_partitions_count++];
        t->topic_id = owned->items[i].topic_id;
        t->partitions = arena_array(arena, (size_t)run, sizeof(int32_t));
        for (t->partitions_count = 0; t->partitions_count < run; i++)
            t->partitions[t->partitions_count++] = owned->items[i].partition;
    }
}

void request_assigned(const struct consumer_group_heartbeat_response *r,
                      struct partition_set *out)
{
    const struct consumer_group_heartbeat_response_assignment *a = r->assignment;
    for (int32_t t = 0; a != NULL && t < a->topic_partitions_count; t++) {
        struct topic_partition p = {.topic_id = a->topic_partitions[t].topic_id};
        for (int32_t i = 0; i < a->topic_partitions[t].partitions_count; i++) {
            p.partition = a->topic_partitions[t].partitions[i];
            ck_assert(partition_set_append(out, p));
        }
    }
    partition_set_sort(out);
}

static void list_owned(const struct partition_set *owned,
                       const struct metadata_image *image, struct arena *arena,
                       struct consumer_protocol_subscription *says)
{
    says->owned_partitions =
        arena_array(arena, (size_t)owned->count, sizeof(*says->owned_partitions));
    for (int32_t i = 0; i < owned->count; i++) {
        const struct metadata_topic *t =
            metadata_image_topic_by_id(image, owned->items[i].topic_id);
        if (t == NULL)
            continue;
        subscription_topic *o = &says->owned_partitions[says->owned_partitions_count++];
        o->topic = arena_str(arena, metadata_topic_name(t));
        o->partitions = &owned->items[i].partition;
        o->partitions_count = 1;
    }
}

struct bytes request_subscription(struct name_array topics,
                                  const struct partition_set *owned,
                                  const struct metadata_image *image,
                                  int32_t generation_id, struct arena *arena)
{
    struct consumer_protocol_subscription says = CONSUMER_PROTOCOL_SUBSCRIPTION_INIT;
    struct wire_writer w = WIRE_WRITER_INIT;
    struct err err = {0};
    says.topics = topics.items;
    says.topics_count = topics.count;
    says.generation_id = generation_id;
    list_owned(owned, image, arena, &says);
    wire_write_int16(&w.out, SUBSCRIPTION_VERSION);
    ck_assert_int_eq(consumer_protocol_subscription_type.encode(
                         &w, SUBSCRIPTION_VERSION, &says, &err),
                     0);
    struct str copy =
        arena_str(arena, (struct str){(char *)w.out.data, (int32_t)w.out.len});
    wire_writer_free(&w);
    return (struct bytes){(const uint8_t *)copy.data, copy.len};
}
