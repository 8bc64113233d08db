#include "broker/group/group.h"

#include "broker/group/consumer_protocol.h"

const char *group_kind_name(enum group_kind kind)
{
    static const char *const names[] = {
        [GROUP_CLASSIC] = "classic",
        [GROUP_CONSUMER] = "consumer",
        [GROUP_SHARE] = "share",
        [GROUP_STREAMS] = "streams",
    };
    return names[kind];
}

const char *group_state_name(const struct group *g)
{
    if (g->consumer != NULL)
        return consumer_group_state_name(consumer_group_state(g->consumer));
    return classic_state_name(g->classic == NULL ? GROUP_EMPTY : g->classic->state);
}

struct str group_protocol_type(const struct group *g)
{
    if (g->consumer != NULL)
        return STR_LITERAL(CONSUMER_PROTOCOL);
    if (g->classic == NULL)
        return str_of(group_kind_name(g->kind));
    return g->classic->protocol_type.data == NULL ? STR_LITERAL("")
                                                  : g->classic->protocol_type;
}

bool group_subscribes_to(const struct group *g, struct str topic)
{
    if (g->consumer != NULL)
        return consumer_group_subscribes(g->consumer, topic);
    return g->classic != NULL && classic_group_subscribes(g->classic, topic);
}

enum kafka_error group_may_delete(const struct group *g)
{
    if (g->consumer != NULL)
        return g->consumer->member_count == 0 ? KAFKA_NONE : KAFKA_NON_EMPTY_GROUP;
    /* Groups that are kept apart keep their records, so they cannot go. */
    return g->classic == NULL ? KAFKA_NON_EMPTY_GROUP
                              : classic_group_may_delete(g->classic);
}

enum kafka_error group_may_delete_offsets(const struct group *g)
{
    return g->classic == NULL ? KAFKA_NONE
                              : classic_group_may_delete_offsets(g->classic);
}

bool group_is_unused(const struct group *g)
{
    if (group_may_delete(g) != KAFKA_NONE || g->pending_offsets > 0)
        return false;
    return g->classic == NULL || g->classic->pending_joins == NULL;
}

enum classic_expiry group_expiry(const struct group *g)
{
    if (g->consumer != NULL)
        return EXPIRE_SINCE_COMMIT;
    /* Groups that are kept apart keep their records, and with them their offsets. */
    return g->classic == NULL ? EXPIRE_NEVER : classic_group_expiry(g->classic);
}

void group_write_tombstones(const struct group *g, struct group_records *w)
{
    if (g->consumer != NULL)
        consumer_group_write_tombstones(g->consumer, w, NULL, STR_NULL);
    else
        group_records_group_gone(w, group_id(g));
}
