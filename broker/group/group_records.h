/* broker/group/group_records.h
 *
 * The records of __consumer_offsets, written: what one change of a coordinator
 * appends is one batch, so that it is in the log whole or not at all (Kafka:
 * GroupCoordinatorRecordHelpers, GroupCoordinatorRecordSerde).
 *
 * A key begins with an int16 that tells the type of the record, a value with its
 * version; no value at all is a tombstone.
 *
 * A failure is kept, and shows at finish. One owner, any thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_RECORDS_H
#define GREGOR_BROKER_GROUP_GROUP_RECORDS_H

#include "broker/group/group_offsets.h"
#include "protocol/messages.h"
#include "protocol/record_batch.h"

/* The types of keys (Kafka: CoordinatorRecordType). Those of share and streams
 * groups are not coordinated here. */
enum group_record_type {
    GROUP_RECORD_LEGACY_OFFSET = 0,
    GROUP_RECORD_OFFSET = 1,
    GROUP_RECORD_GROUP = 2,
    GROUP_RECORD_CONSUMER_GROUP = 3,
    GROUP_RECORD_CONSUMER_PARTITION_METADATA = 4, /* of Kafka 4.0; only removed */
    GROUP_RECORD_CONSUMER_MEMBER = 5,
    GROUP_RECORD_CONSUMER_TARGET = 6,
    GROUP_RECORD_CONSUMER_TARGET_MEMBER = 7,
    GROUP_RECORD_CONSUMER_CURRENT = 8,
    GROUP_RECORD_CONSUMER_REGEX = 16,
};

struct group_records {
    struct record_batch_builder builder;
    struct wire_writer key, value;
    int64_t now_ms;
    int32_t count;
    int rc;
    struct err err;
};

void group_records_init(struct group_records *w, int64_t now_ms);
void group_records_free(struct group_records *w);

/* One record. `value` NULL: a tombstone. */
struct group_record {
    enum group_record_type type;
    const struct message_type *key_type;
    const void *key;
    const struct message_type *value_type;
    int16_t version; /* of the value */
    const void *value;
};
void group_records_add(struct group_records *w, const struct group_record *record);

/* Whoever prepares a record has no memory for it. */
void group_records_fail(struct group_records *w);

void group_records_offset(struct group_records *w, struct str group, struct str topic,
                          struct uuid topic_id, const struct committed_offset *offset);
void group_records_offset_gone(struct group_records *w, struct str group,
                               struct str topic, int32_t partition);
void group_records_group(struct group_records *w, struct str group,
                         const struct group_metadata_value *value);
void group_records_group_gone(struct group_records *w, struct str group);

/* Leaves the whole batch in w->builder.out. Not for one without records. */
int group_records_finish(struct group_records *w, struct err *err);

#endif
