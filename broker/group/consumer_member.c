#include "broker/group/consumer_member.h"

#include <stdlib.h>

#include "protocol/base/arena.h"

#define METADATA_VERSION 0

bool member_assignment_copy(const struct member_assignment *from,
                            struct member_assignment *to)
{
    struct partition_set assigned = PARTITION_SET_INIT;
    struct partition_set pending_revocation = PARTITION_SET_INIT;
    if (!partition_set_copy(&from->assigned, &assigned) ||
        !partition_set_copy(&from->pending_revocation, &pending_revocation)) {
        partition_set_free(&assigned);
        return false;
    }
    member_assignment_free(to);
    *to = *from;
    to->assigned = assigned;
    to->pending_revocation = pending_revocation;
    return true;
}

void member_assignment_free(struct member_assignment *a)
{
    partition_set_free(&a->assigned);
    partition_set_free(&a->pending_revocation);
}

bool member_assignment_holds(const struct member_assignment *a, struct uuid topic_id,
                             int32_t partition)
{
    return partition_set_find(&a->assigned, topic_id, partition) != NULL ||
           partition_set_find(&a->pending_revocation, topic_id, partition) != NULL;
}

struct consumer_member *consumer_member_create(struct consumer_group *g, struct str id)
{
    struct consumer_member *m = calloc(1, sizeof(*m));
    char *copy = malloc((size_t)id.len + 1);
    if (m == NULL || copy == NULL) {
        free(m);
        free(copy);
        return NULL;
    }
    if (id.len > 0)
        memcpy(copy, id.data, (size_t)id.len);
    m->group = g;
    m->id = (struct str){copy, id.len};
    m->regex = STR_LITERAL("");
    m->rebalance_timeout_ms = -1;
    m->current.previous_member_epoch = -1;
    return m;
}

void consumer_member_destroy(struct consumer_member *m)
{
    free((char *)m->id.data);
    free((uint8_t *)m->metadata.data);
    member_assignment_free(&m->current);
    partition_set_free(&m->target);
    free(m);
}

/* ---- what it says of itself ---------------------------------------------- */

struct bytes member_metadata_encode(const member_metadata *value, struct arena *arena)
{
    struct wire_writer w = WIRE_WRITER_INIT;
    struct err ignored = {0}; /* the only reader asks whether it worked */
    struct str copy = STR_NULL;
    if (consumer_group_member_metadata_value_type.encode(&w, METADATA_VERSION, value,
                                                         &ignored) == 0 &&
        !w.out.failed)
        copy = arena_str(arena, (struct str){(char *)w.out.data, (int32_t)w.out.len});
    wire_writer_free(&w);
    return (struct bytes){(const uint8_t *)copy.data, copy.len};
}

static bool decode(struct bytes encoded, struct arena *arena, member_metadata *out)
{
    struct wire_reader r = wire_reader_of(encoded.data, (size_t)encoded.len, arena);
    consumer_group_member_metadata_value_type.decode(&r, METADATA_VERSION, out);
    return !r.failed;
}

bool consumer_member_metadata(const struct consumer_member *m, struct arena *arena,
                              member_metadata *out)
{
    if (m->metadata.data != NULL)
        return decode(m->metadata, arena, out);
    *out = CONSUMER_GROUP_MEMBER_METADATA_VALUE_INIT;
    out->instance_id = out->rack_id = out->server_assignor = STR_NULL;
    return true;
}

static void take_metadata(struct consumer_member *m, const member_metadata *value)
{
    m->instance_id = value->instance_id;
    m->regex = value->subscribed_topic_regex.data == NULL
                   ? STR_LITERAL("")
                   : value->subscribed_topic_regex;
    m->rebalance_timeout_ms = value->rebalance_timeout_ms;
    m->uses_classic_protocol = value->classic_member_metadata != NULL;
    m->classic_session_timeout_ms =
        m->uses_classic_protocol ? value->classic_member_metadata->session_timeout_ms
                                 : 0;
}

bool consumer_member_set_metadata(struct consumer_member *m,
                                  const member_metadata *value)
{
    struct arena arena = ARENA_INIT;
    member_metadata decoded;
    struct bytes encoded = member_metadata_encode(value, &arena);
    uint8_t *copy = encoded.data == NULL ? NULL : malloc((size_t)encoded.len);
    bool ok = copy != NULL;
    if (ok) {
        struct bytes kept = {memcpy(copy, encoded.data, (size_t)encoded.len),
                             encoded.len};
        ok = decode(kept, &arena, &decoded);
        if (ok) {
            free((uint8_t *)m->metadata.data);
            m->metadata = kept;
            take_metadata(m, &decoded);
        } else {
            free(copy);
        }
    }
    arena_reset(&arena);
    return ok;
}
