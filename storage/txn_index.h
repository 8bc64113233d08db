/* storage/txn_index.h
 *
 * A segment's .txnindex: the aborted transactions whose markers lie in the
 * segment (Kafka: TransactionIndex, AbortedTxn). An entry, big-endian:
 *
 *   int16 version 0 | int64 producer id | int64 first offset |
 *   int64 last offset (the marker) | int64 last stable offset after it
 *
 * The file is there only when there is an entry. Aborts are rare, so nothing
 * is kept in memory but the number of entries, and the file is opened for each
 * use.
 *
 * Owned by its segment; used where that is used. Every call may block. */
#ifndef GREGOR_STORAGE_TXN_INDEX_H
#define GREGOR_STORAGE_TXN_INDEX_H

#include "storage/disk.h"
#include "storage/producer_state.h"

#define TXN_INDEX_ENTRY 34

/* Reads one entry; ERR_CORRUPT: it is of another version. */
int txn_index_decode(const uint8_t entry[TXN_INDEX_ENTRY], struct aborted_txn *out,
                     struct err *err);

struct txn_index {
    struct disk *disk;
    const char *dir; /* borrowed from the log */
    int64_t base_offset;
    const char *stage; /* of the name, as log_path_staged() has it */
    int64_t count;     /* -1: the file was not looked at yet */
};

/* `exists`: whether the folder has the file; without it nothing is opened. */
void txn_index_init(struct txn_index *x, struct disk *disk, const char *dir,
                    int64_t base_offset, bool exists);

/* Checks every entry: ERR_CORRUPT unless each is of version 0, of this segment
 * and behind the one before, and the file ends with an entry. */
int txn_index_check(struct txn_index *x, struct err *err);

int txn_index_append(struct txn_index *x, const struct aborted_txn *txn,
                     struct err *err);

/* Appends to *out (struct aborted_txn) those that overlap [offset,
 * upper_offset). *done: later segments cannot have more of them. */
int txn_index_collect(struct txn_index *x, int64_t offset, int64_t upper_offset,
                      struct buf *out, bool *done, struct err *err);

/* Drops the transactions that end at or above `offset`; none left: the file
 * goes too. */
int txn_index_truncate_to(struct txn_index *x, int64_t offset, struct err *err);

#endif
