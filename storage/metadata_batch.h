/* storage/metadata_batch.h
 *
 * Batches of metadata records, as they stand in the metadata log and in its
 * snapshots: walking them, and the control records among them. Any thread. */
#ifndef GREGOR_STORAGE_METADATA_BATCH_H
#define GREGOR_STORAGE_METADATA_BATCH_H

#include "protocol/record_batch.h"
#include "storage/metadata_record.h"

struct metadata_visitor {
    /* What is read is borrowed for the call. A nonzero result ends the walk and is
     * returned. `record` may be NULL: then records are not even decoded. */
    int (*record)(void *context, const struct metadata_record *record, int64_t offset,
                  struct err *err);
    int (*control)(void *context, int type, struct bytes value, struct err *err);
    void *context;

    /* Told by the walk. */
    int64_t next_offset;
    int64_t last_timestamp;
    int32_t leader_epoch; /* of the last batch */
};

/* Visits the whole batches in `data`; *used is where the first cut one begins.
 * ERR_CORRUPT: a CRC does not hold, or what is inside is no metadata. */
int metadata_batches_visit(const uint8_t *data, size_t len, struct metadata_visitor *v,
                           size_t *used, struct err *err);

/* A control record, as a batch's only one or one of several; `message` is encoded in
 * that version, or taken as it is from `value`. */
int metadata_control_add(struct record_batch_builder *b, int64_t timestamp,
                         enum control_record_type type, const struct message_type *of,
                         int16_t version, const void *message, struct err *err);
void metadata_control_add_raw(struct record_batch_builder *b, int64_t timestamp,
                              enum control_record_type type, struct bytes value);

#endif
