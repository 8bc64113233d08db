#include "broker/group/consumer_protocol.h"

#define HIGHEST_VERSION 3

typedef struct consumer_protocol_assignment_topic_partition assigned_topic;

int16_t consumer_protocol_version(struct bytes data)
{
    int16_t version = data.len < 2 ? -1 : (int16_t)load_be16(data.data);
    return version > HIGHEST_VERSION ? HIGHEST_VERSION : version;
}

static bool decode(const struct message_type *type, int16_t version, struct bytes data,
                   struct arena *arena, void *out)
{
    struct wire_reader r = wire_reader_of(data.data, (size_t)data.len, arena);
    wire_read_int16(&r);
    if (version < 0)
        return false;
    type->decode(&r, version, out);
    return !r.failed;
}

bool consumer_protocol_subscription(struct bytes data, struct arena *arena,
                                    struct consumer_protocol_subscription *out)
{
    return decode(&consumer_protocol_subscription_type, consumer_protocol_version(data),
                  data, arena, out);
}

bool consumer_protocol_assignment(struct bytes data, struct arena *arena,
                                  struct consumer_protocol_assignment *out)
{
    return decode(&consumer_protocol_assignment_type, consumer_protocol_version(data),
                  data, arena, out);
}

bool consumer_protocol_topics(struct bytes data, struct arena *arena,
                              struct str **topics, int32_t *count)
{
    struct consumer_protocol_subscription s = {0};
    if (!decode(&consumer_protocol_subscription_type, 0, data, arena, &s) ||
        s.topics_count < 0)
        return false;
    *topics = s.topics;
    *count = s.topics_count;
    return true;
}

/* ---- partitions ---------------------------------------------------------- */

static bool add_topic(const struct metadata_image *image, struct str name,
                      const int32_t *partitions, int32_t count,
                      struct partition_set *out)
{
    const struct metadata_topic *t = metadata_image_topic(image, name);
    for (int32_t i = 0; t != NULL && i < count; i++) {
        struct topic_partition p = {.topic_id = t->id, .partition = partitions[i]};
        if (!partition_set_append(out, p))
            return false;
    }
    return true;
}

bool consumer_protocol_owned(const struct consumer_protocol_subscription *s,
                             const struct metadata_image *image,
                             struct partition_set *out)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < s->owned_partitions_count; i++)
        ok = add_topic(image, s->owned_partitions[i].topic,
                       s->owned_partitions[i].partitions,
                       s->owned_partitions[i].partitions_count, out);
    partition_set_sort(out);
    return ok;
}

bool consumer_protocol_assigned(const struct consumer_protocol_assignment *a,
                                const struct metadata_image *image,
                                struct partition_set *out)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < a->assigned_partitions_count; i++)
        ok = add_topic(image, a->assigned_partitions[i].topic,
                       a->assigned_partitions[i].partitions,
                       a->assigned_partitions[i].partitions_count, out);
    partition_set_sort(out);
    return ok;
}

static bool list_topics(const struct partition_set *set,
                        const struct metadata_image *image, struct arena *arena,
                        struct consumer_protocol_assignment *out)
{
    assigned_topic *topics = arena_array(arena, (size_t)set->count, sizeof(*topics));
    out->assigned_partitions = topics;
    for (int32_t i = 0; topics != NULL && i < set->count;) {
        int32_t end = i + partition_set_run(set, i);
        const struct metadata_topic *t =
            metadata_image_topic_by_id(image, set->items[i].topic_id);
        if (t == NULL) {
            i = end;
            continue;
        }
        assigned_topic *to = &topics[out->assigned_partitions_count++];
        to->topic = metadata_topic_name(t);
        to->partitions = arena_array(arena, (size_t)(end - i), sizeof(int32_t));
        if (to->partitions == NULL)
            return false;
        for (; i < end; i++)
            to->partitions[to->partitions_count++] = set->items[i].partition;
    }
    return topics != NULL;
}

struct bytes consumer_protocol_write(const struct partition_set *set,
                                     const struct metadata_image *image,
                                     int16_t version, struct arena *arena)
{
    struct consumer_protocol_assignment assignment = CONSUMER_PROTOCOL_ASSIGNMENT_INIT;
    struct wire_writer w = WIRE_WRITER_INIT;
    struct err ignored = {0}; /* the only reader asks whether it worked */
    struct str copy = STR_NULL;
    assignment.user_data = BYTES_NULL;
    wire_write_int16(&w.out, version);
    if (list_topics(set, image, arena, &assignment) &&
        consumer_protocol_assignment_type.encode(&w, version, &assignment, &ignored) ==
            0 &&
        !w.out.failed)
        copy = arena_str(arena, (struct str){(char *)w.out.data, (int32_t)w.out.len});
    wire_writer_free(&w);
    return (struct bytes){(const uint8_t *)copy.data, copy.len};
}
