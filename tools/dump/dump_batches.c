/* .log files, and .checkpoint files, which hold batches too.
 *
 * Headers are walked, and each batch is then read whole, for its CRC and its records.
 * A batch whose CRC does not hold is printed with isvalid: false, and its records as
 * far as they can be read. Where no batch begins, nobody knows where the next one
 * does: the rest of the file is skipped. */
#include "tools/dump/dump_internal.h"

#include "storage/batch_walk.h"
#include "storage/log_path.h"
#include "storage/metadata_snapshot.h"

#define BOOTSTRAP_SNAPSHOT "bootstrap.checkpoint"

struct batches {
    struct dump *d;
    const struct dump_source *s;
    int64_t last_offset; /* of the last record */
    int64_t next_offset; /* behind the last batch; the base offset before the first */
    struct findings gaps;
};

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void print_batch(struct dump *d, const struct record_batch *b, int64_t position,
                        bool valid)
{
    const char *codec = compression_name(b->compression);
    fprintf(d->out,
            "baseOffset: %lld lastOffset: %lld count: %d baseSequence: %d "
            "lastSequence: %d producerId: %lld producerEpoch: %d "
            "partitionLeaderEpoch: %d isTransactional: %s isControl: %s "
            "deleteHorizonMs: ",
            (long long)b->base_offset, (long long)b->last_offset, b->record_count,
            b->base_sequence, b->last_sequence, (long long)b->producer_id,
            b->producer_epoch, b->leader_epoch, truth(b->transactional),
            truth(b->control));
    dump_optional(d, b->has_delete_horizon, b->base_timestamp);
    fprintf(d->out,
            " position: %lld %s: %lld size: %d magic: %d compresscodec: %s crc: %u "
            "isvalid: %s\n",
            (long long)position, timestamp_type_name(b->timestamp_type),
            (long long)b->max_timestamp, b->size, RECORD_BATCH_MAGIC,
            codec == NULL ? "unknown" : codec, b->crc, truth(valid));
}

static int print_records(struct batches *w, const struct record_batch *batch,
                         struct err *err)
{
    struct record_iter it;
    struct record record;
    int rc = dump_open_records(w->d, batch, &it, err);
    if (rc != 0)
        return rc;
    while ((rc = record_iter_next(&it, &record, err)) == 1) {
        /* The first record of a later segment is told as well, as by Kafka's tool. */
        if ((uint64_t)record.offset != (uint64_t)w->last_offset + 1)
            findings_add(&w->gaps, "  %lld is followed by %lld",
                         (long long)w->last_offset, (long long)record.offset);
        w->last_offset = record.offset;
        if (dump_record(w->d, batch, &record, err) != 0)
            dump_complain(w->d, w->s, err);
    }
    record_iter_close(&it);
    return rc;
}

/* Offsets may leave some out, where compaction was, but never go back. */
static void check_order(struct batches *w, const struct record_batch *batch,
                        int64_t position)
{
    struct err err;
    if (batch->base_offset < w->next_offset) {
        err_set(&err, ERR_CORRUPT,
                "position %lld: a batch at offset %lld, where %lld or more must follow",
                (long long)position, (long long)batch->base_offset,
                (long long)w->next_offset);
        dump_complain(w->d, w->s, &err);
    }
    w->next_offset = batch->last_offset + 1;
}

static void dump_batch(struct batches *w, const struct record_batch *batch,
                       int64_t position)
{
    struct err err;
    struct dump *d = w->d;
    int rc = dump_read_batch(d, w->s->fd, batch, position, &err);
    if (rc == 0) {
        bool valid = record_batch_crc_ok(d->batch.data, batch->size);
        print_batch(d, batch, position, valid);
        d->faulty = d->faulty || !valid;
        if (d->o.deep_iteration)
            rc = print_records(w, batch, &err);
    }
    check_order(w, batch, position);
    if (rc != 0)
        dump_complain(d, w->s, &err);
}

static void tell_rest(struct dump *d, const struct dump_source *s, int64_t bytes)
{
    if (bytes <= 0 || d->o.max_bytes != INT32_MAX)
        return;
    fprintf(d->out, "Found %lld invalid bytes at the end of %s\n", (long long)bytes,
            s->name);
    d->faulty = true;
}

static int walk(struct batches *w, struct err *err)
{
    uint8_t window[BATCH_WALK_HEADERS];
    struct dump *d = w->d;
    struct batch_walk walk;
    struct record_batch batch;
    int64_t position = 0;
    bool all = d->o.max_bytes == INT32_MAX || w->s->size < d->o.max_bytes;
    int64_t end = all ? w->s->size : d->o.max_bytes;
    batch_walk_headers(&walk, d->disk, w->s->fd, 0, end, window, sizeof(window));
    int rc;
    while ((rc = batch_walk_next(&walk, &batch, &position, err)) == 1)
        dump_batch(w, &batch, position);
    if (rc == 0)
        tell_rest(d, w->s, end - walk.position);
    else if (batch_walk_is_corrupt(rc))
        rc = err_context(err, "no batch at position %lld, the rest is skipped",
                         (long long)walk.position);
    return rc;
}

static int dump_all(struct dump *d, const struct dump_source *s, struct err *err)
{
    struct batches w = {
        .d = d,
        .s = s,
        .last_offset = -1,
        .next_offset = s->base_offset < 0 ? 0 : s->base_offset,
        .gaps = {.title = "Non-consecutive offsets in "},
    };
    int rc = walk(&w, err);
    findings_end(&w.gaps, d, s);
    return rc;
}

int dump_batches(struct dump *d, const struct dump_source *s, struct err *err)
{
    if (s->base_offset < 0)
        return err_set(err, ERR_INVALID, "its name begins with no base offset");
    fprintf(d->out, "Log starting offset: %lld\n", (long long)s->base_offset);
    return dump_all(d, s, err);
}

int dump_snapshot_of_metadata(struct dump *d, const struct dump_source *s,
                              struct err *err)
{
    struct metadata_snapshot_id id;
    if (strcmp(s->name, BOOTSTRAP_SNAPSHOT) == 0)
        fprintf(d->out, "KRaft bootstrap snapshot\n");
    else if (metadata_snapshot_parse_name(s->name, &id))
        fprintf(d->out, "Snapshot end offset: %lld, epoch: %d\n",
                (long long)id.end_offset, id.leader_epoch);
    else
        return err_set(err, ERR_INVALID, "its name is no offset and epoch");
    return dump_all(d, s, err);
}
