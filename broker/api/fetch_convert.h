/* broker/api/fetch_convert.h
 *
 * What an old reader gets of a log: the batches of a slice as messages of magic 0 or
 * 1 (protocol/message_set.h; Kafka 3.9: LazyDownConversionRecords, KIP-283). */
#ifndef GREGOR_BROKER_API_FETCH_CONVERT_H
#define GREGOR_BROKER_API_FETCH_CONVERT_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "storage/log_file.h"

struct fetch_conversion {
    const struct log_slice *slice; /* borrowed; where first_offset is, or follows */
    int magic;
    int64_t first_offset;
    size_t expand_limit; /* of one batch */

    struct buf messages; /* whole ones, of one batch at least if any has some */
    int64_t next_offset; /* behind the last batch that was looked at */
    int rc;
    struct err err;
};

/* Converts batch by batch until the slice ends, or the messages are as large as it
 * is: where they would become larger, the last batch is left for the next fetch,
 * unless it is the first. A batch that cannot be converted ends it; rc is set only if
 * nothing came before, so that the reader gets as far as the log is good.
 *
 * Pool job. */
void fetch_convert(struct fetch_conversion *c);

/* Frees the messages. Accepts a zeroed one. */
void fetch_conversion_free(struct fetch_conversion *c);

#endif
