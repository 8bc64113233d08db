/* tools/dump/record_decoder.h
 *
 * What keys and values of records mean, as text: of a topic that people use, UTF-8;
 * of Kafka's own topics, JSON (Kafka: DumpLogSegments.MessageParser).
 *
 * Any thread. */
#ifndef GREGOR_TOOLS_DUMP_RECORD_DECODER_H
#define GREGOR_TOOLS_DUMP_RECORD_DECODER_H

#include "protocol/record_batch.h"

enum record_decoder {
    DECODE_TEXT,
    DECODE_OFFSETS,          /* __consumer_offsets */
    DECODE_TRANSACTIONS,     /* __transaction_state */
    DECODE_CLUSTER_METADATA, /* __cluster_metadata */
    DECODE_SHARE_STATE,      /* __share_group_state */
};

struct decoded_record {
    bool has_key;
    bool has_value;
    bool faulty; /* a sentence stands in place of what could not be decoded */
    struct buf key;
    struct buf value;
};

#define DECODED_RECORD_INIT ((struct decoded_record){0})

/* Puts the texts in place of those of the record before. `failed` of a text tells of
 * missing memory. */
void record_decode(enum record_decoder decoder, const struct record *record,
                   struct decoded_record *out);

void decoded_record_free(struct decoded_record *d);

#endif
