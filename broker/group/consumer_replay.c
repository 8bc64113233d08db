#include "broker/group/consumer_replay.h"

/* What the keys of all types say. */
struct place {
    struct str group_id;
    struct str name; /* of a member, or a regular expression; or none */
};

union value {
    struct consumer_group_metadata_value group;
    struct consumer_group_partition_metadata_value partition_metadata;
    member_metadata member;
    struct consumer_group_target_assignment_metadata_value target;
    struct consumer_group_target_assignment_member_value target_member;
    struct consumer_group_current_member_assignment_value current;
    struct consumer_group_regular_expression_value regex;
};

/* ---- of the group -------------------------------------------------------- */

static bool set_group(struct consumer_group *g, struct str name,
                      const union value *value)
{
    (void)name;
    g->group_epoch = value->group.epoch;
    g->metadata_hash = value->group.metadata_hash;
    return true;
}

static bool set_target(struct consumer_group *g, struct str name,
                       const union value *value)
{
    (void)name;
    g->assignment_epoch = value->target.assignment_epoch;
    g->assignment_timestamp = value->target.assignment_timestamp;
    return true;
}

static void remove_target(struct consumer_group *g, struct str name)
{
    (void)name;
    g->assignment_epoch = -1;
    g->assignment_timestamp = 0;
}

static bool set_partition_metadata(struct consumer_group *g, struct str name,
                                   const union value *value)
{
    (void)name;
    (void)value;
    g->has_partition_metadata = true;
    return true;
}

static void remove_partition_metadata(struct consumer_group *g, struct str name)
{
    (void)name;
    g->has_partition_metadata = false;
}

/* ---- of a member --------------------------------------------------------- */

static bool set_member(struct consumer_group *g, struct str name,
                       const union value *value)
{
    return consumer_group_set_member(g, name, &value->member);
}

static bool read_target(
    const struct consumer_group_target_assignment_member_value *value,
    struct partition_set *out)
{
    for (int32_t t = 0; t < value->topic_partitions_count; t++) {
        struct topic_partition p = {.topic_id = value->topic_partitions[t].topic_id};
        for (int32_t i = 0; i < value->topic_partitions[t].partitions_count; i++) {
            p.partition = value->topic_partitions[t].partitions[i];
            if (!partition_set_append(out, p))
                return false;
        }
    }
    partition_set_sort(out);
    return true;
}

static bool set_target_member(struct consumer_group *g, struct str name,
                              const union value *value)
{
    struct partition_set target = PARTITION_SET_INIT;
    bool ok = read_target(&value->target_member, &target) &&
              consumer_group_set_target(g, name, &target);
    partition_set_free(&target);
    return ok;
}

typedef struct consumer_group_current_member_assignment_value_topic_partitions
    current_topic;

/* Before Kafka 4.3, partitions have no epoch of their own: the member's counts. */
static bool read_assigned(const current_topic *topics, int32_t count,
                          int32_t member_epoch, struct partition_set *out)
{
    for (int32_t t = 0; t < count; t++) {
        const current_topic *from = &topics[t];
        bool own = from->assignment_epochs_count == from->partitions_count;
        struct topic_partition p = {.topic_id = from->topic_id};
        for (int32_t i = 0; i < from->partitions_count; i++) {
            p.partition = from->partitions[i];
            p.epoch = own ? from->assignment_epochs[i] : member_epoch;
            if (!partition_set_append(out, p))
                return false;
        }
    }
    partition_set_sort(out);
    return true;
}

static enum member_state state_of(int8_t value)
{
    return value >= MEMBER_STABLE && value <= MEMBER_UNRELEASED_PARTITIONS
               ? (enum member_state)value
               : MEMBER_UNKNOWN;
}

static bool set_current(struct consumer_group *g, struct str name,
                        const union value *value)
{
    const struct consumer_group_current_member_assignment_value *v = &value->current;
    int32_t member_epoch = v->member_epoch < 0 ? 0 : v->member_epoch;
    struct member_assignment current = {
        .member_epoch = v->member_epoch,
        .previous_member_epoch = v->previous_member_epoch,
        .state = state_of(v->state),
    };
    bool ok = read_assigned(v->assigned_partitions, v->assigned_partitions_count,
                            member_epoch, &current.assigned) &&
              read_assigned(v->partitions_pending_revocation,
                            v->partitions_pending_revocation_count, member_epoch,
                            &current.pending_revocation) &&
              consumer_group_set_current(g, name, &current);
    member_assignment_free(&current);
    return ok;
}

static bool set_regex(struct consumer_group *g, struct str name,
                      const union value *value)
{
    return consumer_group_set_regex(g, name, &value->regex);
}

/* ---- all of them --------------------------------------------------------- */

struct replay {
    int16_t type;
    bool named; /* the key has a name behind the group's id */
    const struct message_type *value_type;
    bool (*set)(struct consumer_group *g, struct str name, const union value *value);
    void (*remove)(struct consumer_group *g, struct str name); /* NULL: the group */
};

static const struct replay replays[] = {
    {GROUP_RECORD_CONSUMER_GROUP, false, &consumer_group_metadata_value_type, set_group,
     NULL},
    {GROUP_RECORD_CONSUMER_PARTITION_METADATA, false,
     &consumer_group_partition_metadata_value_type, set_partition_metadata,
     remove_partition_metadata},
    {GROUP_RECORD_CONSUMER_MEMBER, true, &consumer_group_member_metadata_value_type,
     set_member, consumer_group_remove_member},
    {GROUP_RECORD_CONSUMER_TARGET, false,
     &consumer_group_target_assignment_metadata_value_type, set_target, remove_target},
    {GROUP_RECORD_CONSUMER_TARGET_MEMBER, true,
     &consumer_group_target_assignment_member_value_type, set_target_member,
     consumer_group_remove_target},
    {GROUP_RECORD_CONSUMER_CURRENT, true,
     &consumer_group_current_member_assignment_value_type, set_current,
     consumer_group_remove_current},
    {GROUP_RECORD_CONSUMER_REGEX, true, &consumer_group_regular_expression_value_type,
     set_regex, consumer_group_remove_regex},
};

static const struct replay *replay_of(int16_t type)
{
    for (size_t i = 0; i < sizeof(replays) / sizeof(replays[0]); i++) {
        if (replays[i].type == type)
            return &replays[i];
    }
    return NULL;
}

bool consumer_replay_is_for(int16_t type)
{
    return replay_of(type) != NULL;
}

static int replay_tombstone(struct group_table *t, const struct replay *replay,
                            struct place place, struct err *err)
{
    struct group *g = group_table_find(t, place.group_id);
    if (g == NULL || g->consumer == NULL)
        return 0;
    if (replay->remove == NULL)
        return group_table_retire(t, g, err);
    replay->remove(g->consumer, place.name);
    return 0;
}

int consumer_replay(struct group_table *t, int16_t type, struct wire_reader *key,
                    const struct record *record, struct err *err)
{
    const struct replay *replay = replay_of(type);
    struct place place = {wire_read_string(key, false), STR_NULL};
    union value value;
    bool failed;
    if (replay->named)
        place.name = wire_read_string(key, false);
    bool readable = !key->failed && place.group_id.data != NULL;
    if (readable && record->value.data == NULL)
        return replay_tombstone(t, replay, place, err);
    if (!readable ||
        !group_record_value(replay->value_type, record, key->arena, &value)) {
        t->unreadable_records++;
        return 0;
    }
    struct consumer_group *g = group_table_make_consumer(t, place.group_id, &failed);
    if (failed)
        return err_nomem(err);
    /* Of a group that is of a kind kept apart, nothing is to be made of it. */
    if (g == NULL)
        t->unreadable_records++;
    else if (!replay->set(g, place.name, &value))
        return err_nomem(err);
    return 0;
}
