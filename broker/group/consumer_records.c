#include "broker/group/consumer_records.h"

#include "protocol/base/arena.h"

typedef struct consumer_group_target_assignment_member_value_topic_partition
    target_topic;
typedef struct consumer_group_current_member_assignment_value_topic_partitions
    current_topic;

void consumer_records_group(struct group_records *w, struct str group,
                            const struct consumer_group_metadata_value *value)
{
    struct consumer_group_metadata_key key = {group};
    struct group_record r = {.type = GROUP_RECORD_CONSUMER_GROUP,
                             .key_type = &consumer_group_metadata_key_type,
                             .key = &key,
                             .value_type = &consumer_group_metadata_value_type,
                             .value = value};
    group_records_add(w, &r);
}

void consumer_records_partition_metadata_gone(struct group_records *w, struct str group)
{
    struct consumer_group_partition_metadata_key key = {group};
    struct group_record r = {.type = GROUP_RECORD_CONSUMER_PARTITION_METADATA,
                             .key_type = &consumer_group_partition_metadata_key_type,
                             .key = &key};
    group_records_add(w, &r);
}

void consumer_records_member(struct group_records *w, struct str group,
                             struct str member_id, const member_metadata *value)
{
    struct consumer_group_member_metadata_key key = {group, member_id};
    struct group_record r = {.type = GROUP_RECORD_CONSUMER_MEMBER,
                             .key_type = &consumer_group_member_metadata_key_type,
                             .key = &key,
                             .value_type = &consumer_group_member_metadata_value_type,
                             .value = value};
    group_records_add(w, &r);
}

void consumer_records_target(
    struct group_records *w, struct str group,
    const struct consumer_group_target_assignment_metadata_value *value)
{
    struct consumer_group_target_assignment_metadata_key key = {group};
    struct group_record r = {
        .type = GROUP_RECORD_CONSUMER_TARGET,
        .key_type = &consumer_group_target_assignment_metadata_key_type,
        .key = &key,
        .value_type = &consumer_group_target_assignment_metadata_value_type,
        .value = value};
    group_records_add(w, &r);
}

void consumer_records_regex(struct group_records *w, struct str group, struct str regex,
                            const struct consumer_group_regular_expression_value *value)
{
    struct consumer_group_regular_expression_key key = {group, regex};
    struct group_record r = {.type = GROUP_RECORD_CONSUMER_REGEX,
                             .key_type = &consumer_group_regular_expression_key_type,
                             .key = &key,
                             .value_type =
                                 &consumer_group_regular_expression_value_type,
                             .value = value};
    group_records_add(w, &r);
}

/* ---- sets of partitions -------------------------------------------------- */

static int32_t topic_count(const struct partition_set *s)
{
    int32_t count = 0;
    for (int32_t i = 0; i < s->count; i += partition_set_run(s, i))
        count++;
    return count;
}

static bool list_targets(struct arena *a, const struct partition_set *s,
                         struct consumer_group_target_assignment_member_value *value)
{
    int32_t topics = topic_count(s);
    target_topic *at = arena_array(a, (size_t)topics, sizeof(*at));
    value->topic_partitions = at;
    value->topic_partitions_count = topics;
    for (int32_t i = 0; at != NULL && i < s->count; at++) {
        int32_t run = partition_set_run(s, i);
        at->topic_id = s->items[i].topic_id;
        at->partitions = arena_array(a, (size_t)run, sizeof(int32_t));
        if (at->partitions == NULL)
            return false;
        for (; at->partitions_count < run; i++)
            at->partitions[at->partitions_count++] = s->items[i].partition;
    }
    return value->topic_partitions != NULL;
}

void consumer_records_target_member(struct group_records *w, struct str group,
                                    struct str member_id,
                                    const struct partition_set *target)
{
    struct consumer_group_target_assignment_member_key key = {group, member_id};
    struct consumer_group_target_assignment_member_value value =
        CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER_VALUE_INIT;
    struct group_record r = {
        .type = GROUP_RECORD_CONSUMER_TARGET_MEMBER,
        .key_type = &consumer_group_target_assignment_member_key_type,
        .key = &key,
        .value_type = &consumer_group_target_assignment_member_value_type,
        .value = target == NULL ? NULL : &value};
    struct arena arena = ARENA_INIT;
    if (target == NULL || list_targets(&arena, target, &value))
        group_records_add(w, &r);
    else
        group_records_fail(w);
    arena_reset(&arena);
}

static bool list_assigned(struct arena *a, const struct partition_set *s,
                          current_topic **topics, int32_t *count)
{
    *count = topic_count(s);
    current_topic *at = arena_array(a, (size_t)*count, sizeof(*at));
    *topics = at;
    for (int32_t i = 0; at != NULL && i < s->count; at++) {
        int32_t run = partition_set_run(s, i);
        at->topic_id = s->items[i].topic_id;
        at->partitions = arena_array(a, (size_t)run, sizeof(int32_t));
        at->assignment_epochs = arena_array(a, (size_t)run, sizeof(int32_t));
        if (at->partitions == NULL || at->assignment_epochs == NULL)
            return false;
        for (; at->partitions_count < run; i++) {
            at->partitions[at->partitions_count++] = s->items[i].partition;
            at->assignment_epochs[at->assignment_epochs_count++] = s->items[i].epoch;
        }
    }
    return *topics != NULL;
}

void consumer_records_current(struct group_records *w, struct str group,
                              struct str member_id,
                              const struct member_assignment *current)
{
    struct consumer_group_current_member_assignment_key key = {group, member_id};
    struct consumer_group_current_member_assignment_value value =
        CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT_VALUE_INIT;
    struct group_record r = {
        .type = GROUP_RECORD_CONSUMER_CURRENT,
        .key_type = &consumer_group_current_member_assignment_key_type,
        .key = &key,
        .value_type = &consumer_group_current_member_assignment_value_type,
        .value = current == NULL ? NULL : &value};
    struct arena arena = ARENA_INIT;
    bool ok = true;
    if (current != NULL) {
        value.member_epoch = current->member_epoch;
        value.previous_member_epoch = current->previous_member_epoch;
        value.state = (int8_t)current->state;
        ok = list_assigned(&arena, &current->assigned, &value.assigned_partitions,
                           &value.assigned_partitions_count) &&
             list_assigned(&arena, &current->pending_revocation,
                           &value.partitions_pending_revocation,
                           &value.partitions_pending_revocation_count);
    }
    if (ok)
        group_records_add(w, &r);
    else
        group_records_fail(w);
    arena_reset(&arena);
}

void consumer_records_member_gone(struct group_records *w, struct str group,
                                  struct str member_id)
{
    consumer_records_current(w, group, member_id, NULL);
    consumer_records_target_member(w, group, member_id, NULL);
    consumer_records_member(w, group, member_id, NULL);
}
