/* tools/dump/group_metadata_json.h
 *
 * A classic group's record as JSON, with what its members said of themselves
 * decoded. Any thread. */
#ifndef GREGOR_TOOLS_DUMP_GROUP_METADATA_JSON_H
#define GREGOR_TOOLS_DUMP_GROUP_METADATA_JSON_H

#include "protocol/messages.h"

/* Appends it. Of a group of consumers, `subscription` and `assignment` of each member
 * are shown as the messages they hold, where they can be read (Kafka:
 * DumpLogSegments.OffsetsMessageParser). out->failed tells of missing memory. */
void group_metadata_json(struct buf *out, int16_t version,
                         const struct group_metadata_value *value);

#endif
