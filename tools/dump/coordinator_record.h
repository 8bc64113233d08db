/* tools/dump/coordinator_record.h
 *
 * Records of the coordinators' topics: a key begins with an int16 that tells the
 * type, a value with its version; no value at all is a tombstone (Kafka:
 * CoordinatorRecordSerde, CoordinatorRecordType of each coordinator). Any thread. */
#ifndef GREGOR_TOOLS_DUMP_COORDINATOR_RECORD_H
#define GREGOR_TOOLS_DUMP_COORDINATOR_RECORD_H

#include "tools/dump/record_decoder.h"

/* record_decode() for DECODE_OFFSETS, _TRANSACTIONS and _SHARE_STATE; *out is empty. */
void coordinator_record_decode(enum record_decoder decoder, const struct record *record,
                               struct decoded_record *out);

#endif
