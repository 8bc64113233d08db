/* How sequences are judged
 *
 * A producer numbers its batches: base sequence 0, 10, 20 … for ten records
 * each, wrapping from INT32_MAX to 0. With the epoch they tell a repeated batch
 * from a lost one:
 *
 *   known: epoch 3, last five batches  [10..19] [20..29] … [50..59]
 *
 *   epoch 2                     refused: fenced by a newer epoch
 *   epoch 3, [30..39]           a duplicate: answered with its first offsets
 *   epoch 3, [60..69]           next in line
 *   epoch 3, anything else      out of order
 *   epoch 4, [0..9]             a new epoch begins, and begins at 0
 *   epoch 4, [5..9]             out of order
 *   nothing known, [700..709]   accepted: retention or expiry may have taken
 *                               what was known, and the producer is not to
 *                               blame for that
 *
 * Only data is judged; an end-transaction marker brings an epoch but no
 * sequence, so an entry can exist without a single batch. Then the next batch
 * of that epoch has to begin at 0 too.
 *
 * Transactions
 *
 * `txns` holds those that are open, and those ended whose marker is not yet
 * below the high watermark: readers of committed data may go no further than
 * the first of them. It is sorted by first offset, which append order gives for
 * free; the rare exception, a snapshot's producers in no order, is inserted at
 * its place. A producer has at most one open. */
#include "storage/producer_state.h"

#include <stdlib.h>

#include "protocol/base/crc32c.h"
#include "protocol/base/hash.h"
#include "protocol/wire.h"
#include "storage/replace_file.h"

#define NO_EPOCH (-1)
#define NO_OFFSET (-1)

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_CRC_AT 2
#define SNAPSHOT_COUNTED_FROM 6 /* what the CRC covers, and the count */
#define SNAPSHOT_HEADER 10
#define SNAPSHOT_ENTRY 46
#define SNAPSHOT_LIMIT ((size_t)1 << 30)

struct kept_batch {
    int64_t last_offset;
    int64_t timestamp;
    int32_t last_sequence;
    int32_t offset_delta; /* last offset - first offset */
};

struct producer {
    UT_hash_handle hh;
    int64_t producer_id; /* the key */
    int64_t last_timestamp;
    int64_t txn_first_offset; /* NO_OFFSET: no transaction is open */
    int32_t coordinator_epoch;
    int16_t producer_epoch;
    uint8_t count;                                    /* of `batches` */
    struct kept_batch batches[PRODUCER_BATCHES_KEPT]; /* oldest first */
};

struct txn {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset; /* of the marker; NO_OFFSET: open */
};

struct producer_state {
    struct producer *by_id;
    struct txn *txns;
    size_t txn_count;
    size_t txn_cap;
};

struct producer_state *producer_state_create(void)
{
    return calloc(1, sizeof(struct producer_state));
}

void producer_state_destroy(struct producer_state *p)
{
    if (p == NULL)
        return;
    producer_state_clear(p);
    free(p->txns);
    free(p);
}

void producer_state_clear(struct producer_state *p)
{
    struct producer *entry, *next;
    HASH_ITER (hh, p->by_id, entry, next) {
        HASH_DEL(p->by_id, entry);
        free(entry);
    }
    p->txn_count = 0;
}

static struct producer *find(const struct producer_state *p, int64_t producer_id)
{
    struct producer *entry;
    HASH_FIND(hh, p->by_id, &producer_id, sizeof(producer_id), entry);
    return entry;
}

static struct producer *find_or_add(struct producer_state *p, int64_t producer_id)
{
    struct producer *entry = find(p, producer_id);
    if (entry != NULL)
        return entry;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->producer_id = producer_id;
    entry->producer_epoch = NO_EPOCH;
    entry->coordinator_epoch = -1;
    entry->last_timestamp = NO_TIMESTAMP;
    entry->txn_first_offset = NO_OFFSET;
    HASH_ADD(hh, p->by_id, producer_id, sizeof(entry->producer_id), entry);
    if (!hash_added(entry)) {
        free(entry);
        return NULL;
    }
    return entry;
}

/* The sequence `back` records before `sequence`; 0 follows INT32_MAX. */
static int32_t sequence_before(int32_t sequence, int32_t back)
{
    int64_t before = (int64_t)sequence - back;
    return (int32_t)(before >= 0 ? before : before + INT32_MAX + INT64_C(1));
}

static bool in_sequence(int32_t last, int32_t next)
{
    return next == (int64_t)last + 1 || (next == 0 && last == INT32_MAX);
}

static int32_t last_sequence(const struct producer *entry)
{
    return entry->count == 0 ? NO_SEQUENCE
                             : entry->batches[entry->count - 1].last_sequence;
}

static int64_t last_offset(const struct producer *entry)
{
    return entry->count == 0 ? NO_OFFSET : entry->batches[entry->count - 1].last_offset;
}

/* ---- judging a client's batch -------------------------------------------- */

static bool find_duplicate(const struct producer *entry,
                           const struct record_batch *batch, struct producer_batch *out)
{
    if (batch->producer_epoch != entry->producer_epoch)
        return false;
    for (int i = 0; i < entry->count; i++) {
        const struct kept_batch *kept = &entry->batches[i];
        int32_t first = sequence_before(kept->last_sequence, kept->offset_delta);
        if (batch->base_sequence != first ||
            batch->last_sequence != kept->last_sequence)
            continue;
        *out = (struct producer_batch){
            .first_sequence = first,
            .last_sequence = kept->last_sequence,
            .first_offset = kept->last_offset - kept->offset_delta,
            .last_offset = kept->last_offset,
            .timestamp = kept->timestamp,
        };
        return true;
    }
    return false;
}

static int check_sequence(const struct producer *entry,
                          const struct record_batch *batch, struct err *err)
{
    if (entry->producer_epoch == NO_EPOCH)
        return 0;
    if (batch->producer_epoch != entry->producer_epoch) {
        if (batch->base_sequence == 0)
            return 0;
        return err_set(err, ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                       "producer %lld began epoch %d with sequence %d, not 0",
                       (long long)batch->producer_id, batch->producer_epoch,
                       batch->base_sequence);
    }
    if (in_sequence(last_sequence(entry), batch->base_sequence))
        return 0;
    return err_set(err, ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                   "producer %lld sent sequence %d after %d",
                   (long long)batch->producer_id, batch->base_sequence,
                   last_sequence(entry));
}

int producer_state_check(const struct producer_state *p,
                         const struct record_batch *batch,
                         struct producer_batch *duplicate, struct err *err)
{
    const struct producer *entry = find(p, batch->producer_id);
    if (entry == NULL && batch->producer_epoch < NO_EPOCH)
        return err_set(err, ERR_INVALID_PRODUCER_EPOCH,
                       "producer %lld cannot have epoch %d",
                       (long long)batch->producer_id, batch->producer_epoch);
    if (entry == NULL)
        return 0;
    if (find_duplicate(entry, batch, duplicate))
        return 1;
    if (batch->producer_epoch < entry->producer_epoch)
        return err_set(err, ERR_INVALID_PRODUCER_EPOCH,
                       "producer %lld has epoch %d, but epoch %d was seen",
                       (long long)batch->producer_id, batch->producer_epoch,
                       entry->producer_epoch);
    int rc = check_sequence(entry, batch, err);
    if (rc != 0)
        return rc;
    if (entry->txn_first_offset != NO_OFFSET && !batch->transactional)
        return err_set(err, ERR_INVALID_TXN_STATE,
                       "producer %lld wrote outside its open transaction",
                       (long long)batch->producer_id);
    return 0;
}

/* ---- transactions -------------------------------------------------------- */

/* Room for one more, so that what follows cannot fail half-way. */
static int reserve_txn(struct producer_state *p, struct err *err)
{
    if (p->txn_count < p->txn_cap)
        return 0;
    size_t cap = p->txn_cap == 0 ? 4 : p->txn_cap * 2;
    struct txn *grown = realloc(p->txns, cap * sizeof(*grown));
    if (grown == NULL)
        return err_nomem(err);
    p->txns = grown;
    p->txn_cap = cap;
    return 0;
}

static void begin_txn(struct producer_state *p, int64_t producer_id,
                      int64_t first_offset)
{
    size_t at = p->txn_count;
    while (at > 0 && p->txns[at - 1].first_offset > first_offset)
        at--;
    memmove(&p->txns[at + 1], &p->txns[at], (p->txn_count - at) * sizeof(*p->txns));
    p->txns[at] = (struct txn){producer_id, first_offset, NO_OFFSET};
    p->txn_count++;
}

static void end_txn_at(struct producer_state *p, int64_t first_offset,
                       int64_t marker_offset)
{
    for (size_t i = 0; i < p->txn_count; i++) {
        if (p->txns[i].first_offset == first_offset)
            p->txns[i].last_offset = marker_offset;
    }
}

/* How far committed data could be read once `ended` is out of the way. */
static int64_t stable_without(const struct producer_state *p, const struct txn *ended)
{
    for (size_t i = 0; i < p->txn_count; i++) {
        const struct txn *t = &p->txns[i];
        if (t->last_offset == NO_OFFSET && t->producer_id != ended->producer_id)
            return t->first_offset;
    }
    return ended->last_offset + 1;
}

int64_t producer_state_first_unstable_offset(struct producer_state *p,
                                             int64_t high_watermark)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->txn_count; i++) {
        const struct txn *t = &p->txns[i];
        if (t->last_offset == NO_OFFSET || t->last_offset >= high_watermark)
            p->txns[kept++] = *t;
    }
    p->txn_count = kept;
    return kept == 0 ? INT64_MAX : p->txns[0].first_offset;
}

/* ---- remembering --------------------------------------------------------- */

static void enter_epoch(struct producer *entry, int16_t producer_epoch)
{
    if (entry->producer_epoch == producer_epoch)
        return;
    entry->producer_epoch = producer_epoch;
    entry->count = 0;
}

static void keep_batch(struct producer *entry, const struct record_batch *batch)
{
    if (entry->count == PRODUCER_BATCHES_KEPT) {
        entry->count--;
        memmove(&entry->batches[0], &entry->batches[1],
                entry->count * sizeof(entry->batches[0]));
    }
    entry->batches[entry->count++] = (struct kept_batch){
        .last_offset = batch->last_offset,
        .timestamp = batch->max_timestamp,
        .last_sequence = batch->last_sequence,
        .offset_delta = (int32_t)(batch->last_offset - batch->base_offset),
    };
    entry->last_timestamp = batch->max_timestamp;
}

static void update_data(struct producer_state *p, struct producer *entry,
                        const struct record_batch *batch)
{
    enter_epoch(entry, batch->producer_epoch);
    keep_batch(entry, batch);
    if (batch->transactional && entry->txn_first_offset == NO_OFFSET) {
        entry->txn_first_offset = batch->base_offset;
        begin_txn(p, entry->producer_id, batch->base_offset);
    }
}

/* A marker without a transaction changes the epochs only: it hides nothing
 * from readers, so the index need not know of it. */
static int update_marker(struct producer_state *p, struct producer *entry,
                         const struct record_batch *batch,
                         const struct end_txn *control, struct aborted_txn *aborted)
{
    struct txn ended = {entry->producer_id, entry->txn_first_offset,
                        batch->base_offset};
    enter_epoch(entry, batch->producer_epoch);
    entry->coordinator_epoch = control->coordinator_epoch;
    entry->last_timestamp = batch->max_timestamp;
    entry->txn_first_offset = NO_OFFSET;
    if (ended.first_offset == NO_OFFSET)
        return 0;
    end_txn_at(p, ended.first_offset, ended.last_offset);
    if (control->type != CONTROL_ABORT)
        return 0;
    *aborted = (struct aborted_txn){
        .producer_id = ended.producer_id,
        .first_offset = ended.first_offset,
        .last_offset = ended.last_offset,
        .last_stable_offset = stable_without(p, &ended),
    };
    return 1;
}

int producer_state_update(struct producer_state *p, const struct record_batch *batch,
                          const struct end_txn *control, struct aborted_txn *aborted,
                          struct err *err)
{
    if (batch->producer_id == NO_PRODUCER_ID)
        return 0;
    /* A control batch whose marker compaction took away says nothing. */
    if (batch->control && control == NULL)
        return 0;
    int rc = reserve_txn(p, err);
    if (rc != 0)
        return rc;
    struct producer *entry = find_or_add(p, batch->producer_id);
    if (entry == NULL)
        return err_nomem(err);
    if (control != NULL)
        return update_marker(p, entry, batch, control, aborted);
    update_data(p, entry, batch);
    return 0;
}

int producer_state_expire(struct producer_state *p, int64_t now_ms,
                          int64_t expiration_ms)
{
    int forgotten = 0;
    struct producer *entry, *next;
    HASH_ITER (hh, p->by_id, entry, next) {
        if (entry->txn_first_offset != NO_OFFSET ||
            now_ms - entry->last_timestamp < expiration_ms)
            continue;
        HASH_DEL(p->by_id, entry);
        free(entry);
        forgotten++;
    }
    return forgotten;
}

void producer_state_each(const struct producer_state *p,
                         void (*each)(void *context, const struct producer_info *info),
                         void *context)
{
    for (const struct producer *entry = p->by_id; entry != NULL;
         entry = entry->hh.next) {
        struct producer_info info = {
            .producer_id = entry->producer_id,
            .producer_epoch = entry->producer_epoch,
            .last_sequence = last_sequence(entry),
            .last_offset = last_offset(entry),
            .last_timestamp = entry->last_timestamp,
            .coordinator_epoch = entry->coordinator_epoch,
            .current_txn_first_offset = entry->txn_first_offset,
        };
        each(context, &info);
    }
}

int64_t producer_state_count(const struct producer_state *p)
{
    return HASH_COUNT(p->by_id);
}

/* ---- snapshots ----------------------------------------------------------- */

/* Of the five batches only the last is kept: a duplicate of an older one is
 * out of order after a restart, in Kafka as here. */
static void encode_producer(struct buf *out, const struct producer *entry)
{
    static const struct kept_batch none = {NO_OFFSET, NO_TIMESTAMP, NO_SEQUENCE, 0};
    const struct kept_batch *last =
        entry->count == 0 ? &none : &entry->batches[entry->count - 1];
    wire_write_int64(out, entry->producer_id);
    wire_write_int16(out, entry->producer_epoch);
    wire_write_int32(out, last->last_sequence);
    wire_write_int64(out, last->last_offset);
    wire_write_int32(out, last->offset_delta);
    wire_write_int64(out, entry->last_timestamp);
    wire_write_int32(out, entry->coordinator_epoch);
    wire_write_int64(out, entry->txn_first_offset);
}

static int encode_snapshot(const struct producer_state *p, struct buf *out,
                           struct err *err)
{
    wire_write_int16(out, SNAPSHOT_VERSION);
    wire_write_int32(out, 0); /* the CRC */
    wire_write_int32(out, (int32_t)HASH_COUNT(p->by_id));
    for (const struct producer *entry = p->by_id; entry != NULL; entry = entry->hh.next)
        encode_producer(out, entry);
    if (out->failed)
        return err_nomem(err);
    store_be32(out->data + SNAPSHOT_CRC_AT, crc32c(out->data + SNAPSHOT_COUNTED_FROM,
                                                   out->len - SNAPSHOT_COUNTED_FROM));
    return 0;
}

int producer_state_write(const struct producer_state *p, struct disk *disk,
                         const char *path, struct err *err)
{
    struct buf out = BUF_INIT;
    int rc = encode_snapshot(p, &out, err);
    if (rc == 0)
        rc = replace_file(disk, path, out.data, out.len, err);
    buf_free(&out);
    return rc;
}

static void decode_entry(struct wire_reader *r, struct producer_snapshot_entry *out)
{
    out->producer_id = wire_read_int64(r);
    out->producer_epoch = wire_read_int16(r);
    out->last_sequence = wire_read_int32(r);
    out->last_offset = wire_read_int64(r);
    out->offset_delta = wire_read_int32(r);
    out->last_timestamp = wire_read_int64(r);
    out->coordinator_epoch = wire_read_int32(r);
    out->current_txn_first_offset = wire_read_int64(r);
    out->first_sequence = sequence_before(out->last_sequence, out->offset_delta);
}

/* Checks what stands before the entries; *count: how many they are. */
static int decode_header(struct wire_reader *r, const struct buf *in, int64_t *count,
                         struct err *err)
{
    if (in->len < SNAPSHOT_HEADER)
        return err_set(err, ERR_CORRUPT, "it is only %zu bytes long", in->len);
    int version = wire_read_int16(r);
    uint32_t crc = (uint32_t)wire_read_int32(r);
    *count = wire_read_int32(r);
    if (version != SNAPSHOT_VERSION)
        return err_set(err, ERR_CORRUPT, "its version is %d, not %d", version,
                       SNAPSHOT_VERSION);
    if (crc !=
        crc32c(in->data + SNAPSHOT_COUNTED_FROM, in->len - SNAPSHOT_COUNTED_FROM))
        return err_set(err, ERR_CORRUPT, "its checksum does not hold");
    if (*count < 0 || wire_left(r) != (uint64_t)*count * SNAPSHOT_ENTRY)
        return err_set(err, ERR_CORRUPT, "%lld producers do not fit its size",
                       (long long)*count);
    return 0;
}

int producer_snapshot_read(struct disk *disk, const char *path,
                           int (*each)(void *context,
                                       const struct producer_snapshot_entry *entry,
                                       struct err *err),
                           void *context, struct err *err)
{
    struct buf in = BUF_INIT;
    int64_t count = 0;
    int rc = disk_read_file(disk, path, SNAPSHOT_LIMIT, &in, err);
    if (rc == 0) {
        struct wire_reader r = wire_reader_of(in.data, in.len, NULL);
        rc = decode_header(&r, &in, &count, err);
        for (int64_t i = 0; rc == 0 && i < count; i++) {
            struct producer_snapshot_entry entry;
            decode_entry(&r, &entry);
            rc = each(context, &entry, err);
        }
        if (rc != 0)
            rc = err_context(err, "producer snapshot %s", path);
    }
    buf_free(&in);
    return rc;
}

static int take_entry(void *context, const struct producer_snapshot_entry *from,
                      struct err *err)
{
    struct producer_state *p = context;
    int rc = reserve_txn(p, err);
    if (rc != 0)
        return rc;
    struct producer *entry = find_or_add(p, from->producer_id);
    if (entry == NULL)
        return err_nomem(err);
    if (entry->producer_epoch != NO_EPOCH)
        return err_set(err, ERR_CORRUPT, "producer %lld is there twice",
                       (long long)from->producer_id);
    entry->producer_epoch = from->producer_epoch;
    entry->last_timestamp = from->last_timestamp;
    entry->coordinator_epoch = from->coordinator_epoch;
    entry->txn_first_offset = NO_OFFSET;
    if (from->last_offset >= 0)
        entry->batches[entry->count++] = (struct kept_batch){
            .last_offset = from->last_offset,
            .timestamp = from->last_timestamp,
            .last_sequence = from->last_sequence,
            .offset_delta = from->offset_delta,
        };
    if (from->current_txn_first_offset >= 0) {
        entry->txn_first_offset = from->current_txn_first_offset;
        begin_txn(p, from->producer_id, from->current_txn_first_offset);
    }
    return 0;
}

int producer_state_read(struct producer_state *p, struct disk *disk, const char *path,
                        struct err *err)
{
    producer_state_clear(p);
    int rc = producer_snapshot_read(disk, path, take_entry, p, err);
    if (rc != 0)
        producer_state_clear(p);
    return rc;
}
