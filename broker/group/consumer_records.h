/* broker/group/consumer_records.h
 *
 * The records of consumer groups in __consumer_offsets, written (Kafka:
 * GroupCoordinatorRecordHelpers). NULL for a value: a tombstone.
 *
 * Any thread, one owner. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_RECORDS_H
#define GREGOR_BROKER_GROUP_CONSUMER_RECORDS_H

#include "broker/group/consumer_member.h"
#include "broker/group/group_records.h"

void consumer_records_group(struct group_records *w, struct str group,
                            const struct consumer_group_metadata_value *value);
void consumer_records_partition_metadata_gone(struct group_records *w,
                                              struct str group);
void consumer_records_member(struct group_records *w, struct str group,
                             struct str member_id, const member_metadata *value);
void consumer_records_target(
    struct group_records *w, struct str group,
    const struct consumer_group_target_assignment_metadata_value *value);
void consumer_records_target_member(struct group_records *w, struct str group,
                                    struct str member_id,
                                    const struct partition_set *target);
void consumer_records_current(struct group_records *w, struct str group,
                              struct str member_id,
                              const struct member_assignment *current);
void consumer_records_regex(
    struct group_records *w, struct str group, struct str regex,
    const struct consumer_group_regular_expression_value *value);

/* The three tombstones of a member, in the order in which they can be replayed. */
void consumer_records_member_gone(struct group_records *w, struct str group,
                                  struct str member_id);

#endif
