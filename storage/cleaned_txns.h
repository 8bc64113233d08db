/* storage/cleaned_txns.h
 *
 * Which transactions a cleaner is in the middle of, as it goes through a log from
 * low offsets to high (Kafka: CleanedTransactionMetadata): whose data was aborted,
 * and which markers nobody needs any more because nothing is left of what they
 * end.
 *
 * Pool job, one owner. */
#ifndef GREGOR_STORAGE_CLEANED_TXNS_H
#define GREGOR_STORAGE_CLEANED_TXNS_H

#include "storage/producer_state.h"

struct cleaned_txns;

/* `aborted`: the aborted transactions that overlap what will be read, in any order,
 * one more than once if need be; copied. */
int cleaned_txns_create(const struct aborted_txn *aborted, size_t count,
                        struct cleaned_txns **out, struct err *err);
void cleaned_txns_destroy(struct cleaned_txns *t); /* accepts NULL */

/* Whether data of a transaction was read, but not its marker. */
bool cleaned_txns_any_open(const struct cleaned_txns *t);

/* Tells of the next batch of data. 1: it belongs to an aborted transaction, and
 * none of its records counts; 0: it does not. ERR_NOMEM. */
int cleaned_txns_read_data(struct cleaned_txns *t, const struct record_batch *batch,
                           struct err *err);

/* Tells of the next control batch, whole at `data`. 1: it ends a transaction of
 * which no batch is left, so that it may go (and an empty batch may); 0: it stays,
 * and *indexed says whether the transaction, *aborted, belongs into the .txnindex of
 * what is written. ERR_INVALID_RECORD: its record cannot be read. ERR_NOMEM. */
int cleaned_txns_read_control(struct cleaned_txns *t, const uint8_t *data,
                              const struct record_batch *batch,
                              struct aborted_txn *aborted, bool *indexed,
                              struct err *err);

#endif
