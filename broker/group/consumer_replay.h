/* broker/group/consumer_replay.h
 *
 * What the records of consumer groups say, applied to a table of groups (Kafka:
 * GroupMetadataManager.replay). The same for records that are loaded and for those that
 * were just appended.
 *
 * One owner at a time: the job that loads, then the loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_REPLAY_H
#define GREGOR_BROKER_GROUP_CONSUMER_REPLAY_H

#include "broker/group/group_table.h"

/* Whether this type of key is one of them. */
bool consumer_replay_is_for(int16_t type);

/* `key` stands behind the type. ERR_NOMEM; what cannot be read is counted. */
int consumer_replay(struct group_table *t, int16_t type, struct wire_reader *key,
                    const struct record *record, struct err *err);

/* The value of a record. False: it is of a version that is not known, or malformed. */
bool group_record_value(const struct message_type *type, const struct record *record,
                        struct arena *arena, void *out);

#endif
