/* storage/metadata_record.h
 *
 * One record of the metadata log as it stands in a batch: its frame (Kafka:
 * AbstractApiMessageSerde) around the message of the generated codec.
 *
 *   uvarint frame version, 1 | uvarint type | uvarint version | the message
 *
 * Any thread. */
#ifndef GREGOR_STORAGE_METADATA_RECORD_H
#define GREGOR_STORAGE_METADATA_RECORD_H

#include "protocol/message.h"

/* `message` is the generated struct of `type`. */
struct metadata_record {
    const struct message_type *type;
    int16_t version;
    const void *message;
};

/* Appends the framed record; *out fails with missing memory, which is told too. */
int metadata_record_encode(const struct metadata_record *record, struct buf *out,
                           struct err *err);

/* The message is of the arena and a view into `value`. ERR_CORRUPT, or
 * ERR_UNSUPPORTED_VERSION for a frame, type or version of a later Kafka. */
int metadata_record_decode(struct bytes value, struct arena *arena,
                           struct metadata_record *out, struct err *err);

#endif
