/* Two questions, in this order.
 *
 * Of the batch: do all its records go, and if none is left, does it stay as a bare
 * header? It does when it is a producer's newest, whose sequence the next one must
 * follow, and when it ends the part being cleaned: nothing else would say how far
 * the log reaches.
 *
 * Of each record: is it the latest of its key? Markers of transactions have keys of
 * their own kind and are not asked.
 *
 * Whether records are left, and whether a horizon has to be noted, is known only
 * when all of them were seen, but the horizon is the base that timestamps are
 * written against. So a batch is gone through once to judge, and again to write,
 * should it not stay as it is. */
#include "storage/batch_filter.h"

#include <stdlib.h>

#define EXPAND_LIMIT ((size_t)INT32_MAX)

struct judgement {
    bool stays;       /* if need be without a record */
    bool records_go;  /* all of them */
    bool idle_marker; /* of a transaction that left nothing */
    int32_t kept;
    bool tombstones; /* among those kept */
};

static int compare_producers(const void *a, const void *b)
{
    const struct last_record *x = a;
    const struct last_record *y = b;
    return x->producer_id < y->producer_id ? -1 : x->producer_id > y->producer_id;
}

void last_records_sort(struct last_record *records, size_t count)
{
    if (count > 0)
        qsort(records, count, sizeof(*records), compare_producers);
}

void batch_filter_free(struct batch_filter *f)
{
    record_batch_builder_free(&f->builder);
}

static bool is_last_of_producer(const struct batch_filter *f,
                                const struct record_batch *batch)
{
    struct last_record key = {.producer_id = batch->producer_id};
    if (batch->producer_id == NO_PRODUCER_ID || f->producer_count == 0)
        return false;
    const struct last_record *last =
        bsearch(&key, f->producers, f->producer_count, sizeof(key), compare_producers);
    if (last == NULL)
        return false;
    if (last->last_offset >= 0)
        return batch->last_offset == last->last_offset;
    return batch->control && batch->producer_epoch == last->producer_epoch;
}

static bool horizon_is_over(const struct batch_filter *f,
                            const struct record_batch *batch)
{
    return batch->has_delete_horizon && batch->base_timestamp <= f->now_ms;
}

static int judge_batch(struct batch_filter *f, const uint8_t *data,
                       const struct record_batch *batch, struct judgement *j,
                       struct filtered_batch *out, struct err *err)
{
    int rc;
    if (batch->control) {
        rc = cleaned_txns_read_control(f->txns, data, batch, &out->aborted,
                                       &out->indexed, err);
        j->idle_marker = rc == 1;
        j->records_go = j->idle_marker && horizon_is_over(f, batch);
    } else {
        rc = cleaned_txns_read_data(f->txns, batch, err);
        j->records_go = rc == 1;
    }
    if (rc < 0)
        return rc;
    j->stays =
        is_last_of_producer(f, batch) || batch->last_offset + 1 == f->upper_offset;
    return 0;
}

static bool record_stays(const struct batch_filter *f, const struct record_batch *batch,
                         const struct record *record)
{
    if (batch->control || record->offset >= f->end_offset)
        return true;
    if (record->key.data == NULL)
        return false;
    if (record->value.data == NULL && horizon_is_over(f, batch))
        return false;
    return record->offset >= offset_map_get(f->map, record->key);
}

/* Judges every record; the walk is a copy, and its owner's stays at the start. */
static int judge_records(const struct batch_filter *f, struct record_iter it,
                         struct judgement *j, struct err *err)
{
    struct record ahead[OFFSET_MAP_AHEAD];
    int rc;
    do {
        int count = 0;
        while (count < OFFSET_MAP_AHEAD &&
               (rc = record_iter_next(&it, &ahead[count], err)) == 1)
            offset_map_announce(f->map, ahead[count++].key);
        for (int i = 0; i < count; i++) {
            if (!record_stays(f, &it.batch, &ahead[i]))
                continue;
            j->kept++;
            j->tombstones |= ahead[i].value.data == NULL;
        }
    } while (rc == 1);
    return rc;
}

/* A batch like `batch`, without records yet. */
static void begin_like(struct batch_filter *f, const struct record_batch *batch)
{
    struct record_batch_builder *b = &f->builder;
    record_batch_builder_free(b);
    record_batch_builder_init(b, batch->base_offset);
    buf_reserve(&b->out, (size_t)batch->size);
    b->batch.leader_epoch = batch->leader_epoch;
    b->batch.timestamp_type = batch->timestamp_type;
    b->batch.transactional = batch->transactional;
    b->batch.control = batch->control;
    b->batch.producer_id = batch->producer_id;
    b->batch.producer_epoch = batch->producer_epoch;
    b->batch.base_sequence = batch->base_sequence;
}

static int finish(struct batch_filter *f, const struct record_batch *batch,
                  struct filtered_batch *out, struct err *err)
{
    struct record_batch_builder *b = &f->builder;
    b->batch.last_offset = batch->last_offset;
    /* A time that was given to all of the batch outlives each of its records; and
     * one without records keeps its place in time. */
    if (batch->timestamp_type == TIMESTAMP_LOG_APPEND_TIME ||
        b->batch.record_count == 0)
        b->batch.max_timestamp = batch->max_timestamp;
    int rc = record_batch_builder_finish(b, err);
    if (rc != 0)
        return rc;
    out->bytes = (struct bytes){b->out.data, b->batch.size};
    out->batch = b->batch;
    return 0;
}

static int write_empty(struct batch_filter *f, const struct record_batch *batch,
                       struct filtered_batch *out, struct err *err)
{
    begin_like(f, batch);
    return finish(f, batch, out, err);
}

static int write_rest(struct batch_filter *f, struct record_iter *it, bool new_horizon,
                      struct filtered_batch *out, struct err *err)
{
    const struct record_batch *batch = &it->batch;
    struct record record;
    int rc;
    begin_like(f, batch);
    f->builder.batch.compression = batch->compression;
    f->builder.batch.has_delete_horizon = new_horizon || batch->has_delete_horizon;
    if (new_horizon)
        f->builder.batch.base_timestamp = f->now_ms + f->delete_retention_ms;
    else if (batch->has_delete_horizon)
        f->builder.batch.base_timestamp = batch->base_timestamp;
    while ((rc = record_iter_next(it, &record, err)) == 1) {
        if (record_stays(f, batch, &record))
            record_batch_builder_copy(&f->builder, &record);
    }
    return rc == 0 ? finish(f, batch, out, err) : rc;
}

static int filter_records(struct batch_filter *f, struct record_iter *it,
                          const uint8_t *data, struct judgement *j,
                          struct filtered_batch *out, struct err *err)
{
    const struct record_batch *batch = &it->batch;
    int rc = judge_records(f, *it, j, err);
    if (rc != 0)
        return rc;
    out->records_kept = j->kept;
    if (j->kept == 0)
        return j->stays ? write_empty(f, batch, out, err) : 0;
    bool new_horizon = (j->tombstones || j->idle_marker) && !batch->has_delete_horizon;
    if (j->kept < batch->record_count || new_horizon)
        return write_rest(f, it, new_horizon, out, err);
    out->bytes = (struct bytes){data, batch->size};
    out->batch = *batch;
    return 0;
}

int batch_filter_apply(struct batch_filter *f, const uint8_t *data,
                       const struct record_batch *batch, struct filtered_batch *out,
                       struct err *err)
{
    struct record_iter it;
    struct judgement j = {0};
    *out = (struct filtered_batch){.bytes = BYTES_NULL,
                                   .records_read = batch->record_count};
    int rc = judge_batch(f, data, batch, &j, out, err);
    if (rc != 0)
        return rc;
    if (j.records_go)
        return j.stays ? write_empty(f, batch, out, err) : 0;
    rc = record_iter_open(&it, data, (size_t)batch->size, EXPAND_LIMIT, err);
    if (rc != 0)
        return rc;
    rc = filter_records(f, &it, data, &j, out, err);
    record_iter_close(&it);
    return rc;
}
