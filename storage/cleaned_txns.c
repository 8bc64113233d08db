/* The aborted transactions stand in a list by their first offset. Reading moves
 * through it: a transaction is open, for its producer, from the batch that reaches
 * its first offset until its marker. Everything else that is transactional was
 * committed: what is undecided is never given to the cleaner.
 *
 *   offset   0         10 data p     20 data p     30 abort p     40 data p
 *   list     (p, 10)
 *   open                p, aborted ──────────────►  gone           p, committed
 *
 * A marker whose transaction showed no data on the way ends nothing that is left. */
#include "storage/cleaned_txns.h"

#include <stdlib.h>

#include "protocol/base/hash.h"

struct open_txns { /* of one producer */
    UT_hash_handle hh;
    int64_t producer_id; /* the key */
    bool committed;      /* data of a committed one was read */
    bool aborted;        /* an aborted one has begun */
    bool seen;           /* and data of it was read */
    struct aborted_txn txn;
};

struct cleaned_txns {
    struct open_txns *by_producer;
    size_t count;
    size_t next;
    struct aborted_txn aborted[];
};

static int by_first_offset(const void *a, const void *b)
{
    const struct aborted_txn *x = a;
    const struct aborted_txn *y = b;
    return x->first_offset < y->first_offset ? -1 : x->first_offset > y->first_offset;
}

int cleaned_txns_create(const struct aborted_txn *aborted, size_t count,
                        struct cleaned_txns **out, struct err *err)
{
    struct cleaned_txns *t = malloc(sizeof(*t) + count * sizeof(*aborted));
    if (t == NULL)
        return err_nomem(err);
    *t = (struct cleaned_txns){.count = count};
    if (count > 0)
        memcpy(t->aborted, aborted, count * sizeof(*aborted));
    qsort(t->aborted, count, sizeof(*aborted), by_first_offset);
    *out = t;
    return 0;
}

static void forget(struct cleaned_txns *t, struct open_txns *open)
{
    HASH_DEL(t->by_producer, open);
    free(open);
}

void cleaned_txns_destroy(struct cleaned_txns *t)
{
    struct open_txns *open, *next;
    if (t == NULL)
        return;
    HASH_ITER (hh, t->by_producer, open, next) {
        forget(t, open);
    }
    free(t);
}

bool cleaned_txns_any_open(const struct cleaned_txns *t)
{
    return t->by_producer != NULL;
}

static struct open_txns *find(struct cleaned_txns *t, int64_t producer_id)
{
    struct open_txns *open;
    HASH_FIND(hh, t->by_producer, &producer_id, sizeof(producer_id), open);
    return open;
}

static struct open_txns *find_or_add(struct cleaned_txns *t, int64_t producer_id)
{
    struct open_txns *open = find(t, producer_id);
    if (open != NULL)
        return open;
    open = calloc(1, sizeof(*open));
    if (open == NULL)
        return NULL;
    open->producer_id = producer_id;
    HASH_ADD(hh, t->by_producer, producer_id, sizeof(open->producer_id), open);
    if (!hash_added(open)) {
        free(open);
        return NULL;
    }
    return open;
}

/* Opens the aborted transactions that begin at or below `offset`. */
static int open_up_to(struct cleaned_txns *t, int64_t offset, struct err *err)
{
    while (t->next < t->count && t->aborted[t->next].first_offset <= offset) {
        const struct aborted_txn *txn = &t->aborted[t->next];
        struct open_txns *open = find_or_add(t, txn->producer_id);
        if (open == NULL)
            return err_nomem(err);
        t->next++;
        if (open->aborted)
            continue; /* told twice */
        open->aborted = true;
        open->seen = false;
        open->txn = *txn;
    }
    return 0;
}

int cleaned_txns_read_data(struct cleaned_txns *t, const struct record_batch *batch,
                           struct err *err)
{
    int rc = open_up_to(t, batch->last_offset, err);
    if (rc != 0 || !batch->transactional)
        return rc;
    struct open_txns *open = find_or_add(t, batch->producer_id);
    if (open == NULL)
        return err_nomem(err);
    if (!open->aborted) {
        open->committed = true;
        return 0;
    }
    open->seen = true;
    return 1;
}

/* Takes the flag down, and the entry too when nothing else is open. */
static void close_txn(struct cleaned_txns *t, struct open_txns *open, bool *flag)
{
    *flag = false;
    if (!open->aborted && !open->committed)
        forget(t, open);
}

/* The type of a control batch's record; -1: it has none. */
static int read_type(const uint8_t *data, const struct record_batch *batch, int *type,
                     struct err *err)
{
    struct record_iter it;
    struct record record;
    *type = -1;
    int rc = record_iter_open(&it, data, (size_t)batch->size,
                              (size_t)RECORD_BATCH_OVERHEAD * 8, err);
    if (rc != 0)
        return rc;
    rc = record_iter_next(&it, &record, err);
    if (rc == 1)
        *type = record_control_type(&record);
    record_iter_close(&it);
    return rc < 0 ? rc : 0;
}

int cleaned_txns_read_control(struct cleaned_txns *t, const uint8_t *data,
                              const struct record_batch *batch,
                              struct aborted_txn *aborted, bool *indexed,
                              struct err *err)
{
    int type = -1;
    *indexed = false;
    int rc = open_up_to(t, batch->last_offset, err);
    if (rc == 0)
        rc = read_type(data, batch, &type, err);
    if (rc != 0)
        return rc;
    if (type < 0)
        return batch->record_count == 0;
    struct open_txns *open = find(t, batch->producer_id);
    if (type == CONTROL_ABORT) {
        if (open == NULL || !open->aborted)
            return 1;
        *indexed = open->seen;
        *aborted = open->txn;
        close_txn(t, open, &open->aborted);
        return !*indexed;
    }
    if (type == CONTROL_COMMIT) {
        if (open == NULL || !open->committed)
            return 1;
        close_txn(t, open, &open->committed);
    }
    return 0;
}
