/* broker/group/group_expiry.h
 *
 * Offsets that go by themselves: because nobody has used them for
 * offsets.retention.minutes, or because their topic was deleted. Tombstones follow,
 * and a group that has nothing left goes too (Kafka:
 * OffsetMetadataManager.cleanupExpiredOffsets, onPartitionsDeleted).
 *
 * Nobody waits for it: what the log refuses is tried again the next time.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_EXPIRY_H
#define GREGOR_BROKER_GROUP_GROUP_EXPIRY_H

#include "broker/group/group_shard.h"

void group_expire_offsets(struct group_shard *shard);
void group_forget_topic(struct group_shard *shard, struct str topic);

/* Offsets of topics that are not, or that have another id by now. */
void group_forget_unknown_topics(struct group_shard *shard);

/* Writes a tombstone for each offset of the group; for whoever deletes the group. */
void group_records_all_offsets_gone(struct group_records *w, const struct group *g);

#endif
