/* storage/batch_filter.h
 *
 * What compaction leaves of one batch: nothing, all of it, some of its records, or
 * a header without records (Kafka: Cleaner, MemoryRecords.filterTo).
 *
 *   record                            goes when
 *   of a key with a later record      always
 *   without a key                     always
 *   of an aborted transaction         always
 *   tombstone                         the batch's delete horizon is over
 *   marker                            the same, and its transaction left no batch
 *
 * A batch whose first tombstone or idle marker is met here is given a delete
 * horizon, delete.retention.ms from now (KIP-534). What is left keeps its offsets,
 * timestamps, producer and sequence, and the batch its first and last offset, codec
 * and leader epoch. A batch that loses nothing is not touched.
 *
 * Pool job, one owner. */
#ifndef GREGOR_STORAGE_BATCH_FILTER_H
#define GREGOR_STORAGE_BATCH_FILTER_H

#include "storage/cleaned_txns.h"
#include "storage/offset_map.h"

/* The newest batch of a producer, whose sequence and epoch must not be lost. */
struct last_record {
    int64_t producer_id;
    int64_t last_offset; /* of its newest batch of data; -1: only markers are known */
    int16_t producer_epoch;
};

/* Sorts them for batch_filter.producers. */
void last_records_sort(struct last_record *records, size_t count);

struct batch_filter {
    const struct offset_map *map;
    int64_t end_offset; /* of what the map knows: from here on records stay */
    int64_t now_ms;     /* wall clock */
    int64_t delete_retention_ms;
    int64_t upper_offset; /* the batch that ends right below it stays */
    struct cleaned_txns *txns;
    const struct last_record *producers; /* sorted */
    size_t producer_count;
    struct record_batch_builder builder; /* zeroed at first; the filter's */
};

struct filtered_batch {
    struct bytes bytes;        /* null: nothing is left; borrowed until the next call */
    struct record_batch batch; /* of `bytes` */
    bool indexed;              /* `aborted` goes into the .txnindex beside it */
    struct aborted_txn aborted;
    int32_t records_read;
    int32_t records_kept;
};

/* Filters the whole batch at `data`, whose CRC holds and of which `batch` is the
 * header. Batches come in the order of the log. ERR_INVALID_RECORD and what
 * record_iter_open() says of records that cannot be read; ERR_NOMEM. */
int batch_filter_apply(struct batch_filter *f, const uint8_t *data,
                       const struct record_batch *batch, struct filtered_batch *out,
                       struct err *err);

void batch_filter_free(struct batch_filter *f); /* accepts a zeroed one */

#endif
