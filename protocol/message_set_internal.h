/* protocol/message_set_internal.h
 *
 * The layout of a message, and the reading of one. Private to
 * protocol/message_set*.c. */
#ifndef GREGOR_PROTOCOL_MESSAGE_SET_INTERNAL_H
#define GREGOR_PROTOCOL_MESSAGE_SET_INTERNAL_H

#include "protocol/message_set.h"

/* In front of each message: int64 offset, int32 length of what follows. */
#define MESSAGE_PREFIX RECORD_BATCH_PREFIX
#define MESSAGE_LENGTH_AT 8

/* Counted from behind the prefix; the drawing is in message_set.c. */
enum {
    MESSAGE_CRC_AT = 0,
    MESSAGE_MAGIC_AT = 4, /* from here on the CRC counts */
    MESSAGE_ATTRIBUTES_AT = 5,
    MESSAGE_TIMESTAMP_AT = 6, /* magic 1 */
};

enum {
    MESSAGE_CODEC = 0x07,
    MESSAGE_LOG_APPEND_TIME = 0x08, /* magic 1 */
};

/* Without key and value; no message is shorter than the first. */
#define MESSAGE_OVERHEAD_0 14
#define MESSAGE_OVERHEAD_1 22

struct message {
    int64_t offset;
    struct bytes body; /* behind the prefix */
    uint8_t magic;
    enum compression compression; /* may hold a value that is no codec */
    enum timestamp_type timestamp_type;

    /* From message_read_fields() on: */
    int64_t timestamp; /* magic 0: NO_TIMESTAMP */
    struct bytes key;  /* may be null, and so may the value */
    struct bytes value;
};

/* Reads what stands at a fixed place in the message at `data`, `size` bytes with its
 * prefix, at least MESSAGE_PREFIX + MESSAGE_OVERHEAD_0. */
void message_read(const uint8_t *data, int32_t size, struct message *out);

/* Reads the rest, of magic 0 and 1 only; ERR_INVALID_RECORD if it is not well
 * formed. Bytes behind the value are passed over, as Kafka does. */
int message_read_fields(struct message *m, struct err *err);

/* CRC-32 of all that follows it. */
uint32_t message_crc(struct bytes body);
bool message_crc_ok(const struct message *m);

#endif
