/* .index and .timeindex, and whether they agree with the log they lead into.
 *
 * Kafka looks up where a time index leads with the help of the .index. Here the log's
 * headers are walked once beside it, since both are in the same order: a broken .index
 * breaks nothing else. */
#include "tools/dump/dump_internal.h"

#include "storage/batch_walk.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"

/* ---- the check of a start ------------------------------------------------ */

/* What Kafka looks at when it opens an index: were it not so, it would make a new one
 * (OffsetIndex.sanityCheck, TimeIndex.sanityCheck). */
static int pass_sanity(struct dump *d, const struct dump_source *s, int entry_size,
                       bool in_order, struct err *err)
{
    if (!in_order)
        return err_set(err, ERR_CORRUPT, "the last entry lies before the first");
    if (s->size % entry_size != 0)
        return err_set(err, ERR_CORRUPT, "%lld bytes are no whole number of entries",
                       (long long)s->size);
    fprintf(d->out, "%s passed sanity check.\n", s->path);
    return 0;
}

static int read_entry(struct dump *d, const struct dump_source *s, int64_t number,
                      int entry_size, uint8_t *out, struct err *err)
{
    int64_t got = d->disk->ops->read(d->disk, s->fd, out, (size_t)entry_size,
                                     number * entry_size, err);
    if (got >= 0 && got < entry_size)
        return err_set(err, ERR_CORRUPT, "the file is shorter than it was");
    return got < 0 ? (int)got : 0;
}

/* ---- .index -------------------------------------------------------------- */

struct positions {
    struct dump *d;
    const struct dump_source *s;
    int log_fd;
    int64_t log_size;
    int64_t count;
    struct findings mismatches;
};

/* The last offset of the batch at a position; -1: there is none. */
static int last_offset_at(struct positions *x, int32_t position, int64_t *last_offset,
                          struct err *err)
{
    uint8_t window[RECORD_BATCH_OVERHEAD];
    struct batch_walk walk;
    struct record_batch batch;
    int64_t at;
    *last_offset = -1;
    if (position < 0)
        return 0;
    int64_t end = (int64_t)position + x->d->o.max_message_size;
    batch_walk_headers(&walk, x->d->disk, x->log_fd, position,
                       end < x->log_size ? end : x->log_size, window, sizeof(window));
    int rc = batch_walk_next(&walk, &batch, &at, err);
    if (rc == 1)
        *last_offset = batch.last_offset;
    return rc == 1 || batch_walk_is_corrupt(rc) ? 0 : rc;
}

static int dump_position(void *context, const uint8_t *entry, struct err *err)
{
    struct positions *x = context;
    struct offset_position at = offset_index_decode(entry, x->s->base_offset);
    int64_t last_offset;
    /* Of a preallocated file the rest is zeros. */
    if (at.offset == x->s->base_offset && x->count > 0)
        return 1;
    x->count++;
    int rc = last_offset_at(x, at.position, &last_offset, err);
    if (rc != 0)
        return rc;
    if (last_offset != at.offset)
        findings_add(&x->mismatches, "  Index offset: %lld, log offset: %lld",
                     (long long)at.offset, (long long)last_offset);
    if (!x->d->o.verify_index_only)
        fprintf(x->d->out, "offset: %lld position: %d\n", (long long)at.offset,
                at.position);
    return 0;
}

static int dump_positions(struct positions *x, struct err *err)
{
    int rc = dump_each_entry(x->d, x->s, OFFSET_INDEX_ENTRY, dump_position, x, err);
    x->d->faulty = x->d->faulty || x->mismatches.count > 0;
    findings_end(&x->mismatches, x->d, x->s);
    return rc == 1 ? 0 : rc;
}

static int check_offset_index(struct dump *d, const struct dump_source *s,
                              struct err *err)
{
    uint8_t entry[OFFSET_INDEX_ENTRY];
    int64_t count = s->size / OFFSET_INDEX_ENTRY;
    int rc = read_entry(d, s, count - 1, OFFSET_INDEX_ENTRY, entry, err);
    if (rc != 0)
        return rc;
    struct offset_position last = offset_index_decode(entry, s->base_offset);
    return pass_sanity(d, s, OFFSET_INDEX_ENTRY, last.offset >= s->base_offset, err);
}

int dump_offset_index(struct dump *d, const struct dump_source *s, struct err *err)
{
    struct positions x = {.d = d, .s = s, .mismatches = {.title = "Mismatches in :"}};
    if (s->base_offset < 0)
        return err_set(err, ERR_INVALID, "its name begins with no base offset");
    if (s->size < OFFSET_INDEX_ENTRY) {
        fprintf(d->out, "%s is empty.\n", s->path);
        return 0;
    }
    if (d->o.index_sanity_check)
        return check_offset_index(d, s, err);
    int rc = dump_open_log(d, s, &x.log_fd, &x.log_size, err);
    if (rc != 0)
        return rc;
    rc = dump_positions(&x, err);
    d->disk->ops->close(d->disk, x.log_fd);
    return rc;
}

/* ---- .timeindex ---------------------------------------------------------- */

struct times {
    struct dump *d;
    const struct dump_source *s;
    int log_fd;
    int64_t log_size;
    int64_t count;
    int64_t last_timestamp;
    /* The walk through the log, and the batch that it stands at. */
    uint8_t window[BATCH_WALK_HEADERS];
    struct batch_walk walk;
    struct record_batch batch;
    int64_t position;
    int at_batch; /* 1: `batch` is one; 0: the log has ended */
    struct findings mismatches;
    struct findings disorder;
    struct findings missing;
};

static void rewind_log(struct times *x)
{
    batch_walk_headers(&x->walk, x->d->disk, x->log_fd, 0, x->log_size, x->window,
                       sizeof(x->window));
    x->batch.last_offset = -1;
    x->at_batch = 1;
}

/* Goes to the first batch that ends at or behind `offset`. Entries that are in order
 * never lead back. */
static int go_to(struct times *x, int64_t offset, struct err *err)
{
    if (x->at_batch == 0 || x->batch.last_offset > offset)
        rewind_log(x);
    while (x->at_batch == 1 && x->batch.last_offset < offset) {
        x->at_batch = batch_walk_next(&x->walk, &x->batch, &x->position, err);
        if (batch_walk_is_corrupt(x->at_batch))
            x->at_batch = 0;
    }
    return x->at_batch < 0 ? x->at_batch : 0;
}

static int max_timestamp(struct times *x, int64_t *out, struct err *err)
{
    struct record_iter it;
    struct record record;
    *out = NO_TIMESTAMP;
    int rc = dump_read_batch(x->d, x->log_fd, &x->batch, x->position, err);
    if (rc == 0)
        rc = dump_open_records(x->d, &x->batch, &it, err);
    if (rc != 0)
        return rc;
    while ((rc = record_iter_next(&it, &record, err)) == 1)
        if (record.timestamp > *out)
            *out = record.timestamp;
    record_iter_close(&it);
    return rc;
}

static int compare(struct times *x, const struct timestamp_offset *entry,
                   struct err *err)
{
    int64_t largest;
    int rc = go_to(x, entry->offset, err);
    if (rc != 0)
        return rc;
    if (x->at_batch == 0 || x->batch.last_offset != entry->offset) {
        int64_t found = x->at_batch == 0 ? -1 : x->batch.last_offset;
        findings_add(&x->missing, "Indexed offset: %lld, found log offset: %lld",
                     (long long)entry->offset, (long long)found);
        return 0;
    }
    rc = max_timestamp(x, &largest, err);
    if (rc != 0)
        return rc;
    if (largest != entry->timestamp)
        findings_add(&x->mismatches, "  Index timestamp: %lld, log timestamp: %lld",
                     (long long)entry->timestamp, (long long)largest);
    if (x->last_timestamp >= entry->timestamp)
        findings_add(&x->disorder,
                     "  Index timestamp: %lld, Previously indexed timestamp: %lld",
                     (long long)entry->timestamp, (long long)x->last_timestamp);
    return 0;
}

static int dump_time(void *context, const uint8_t *bytes, struct err *err)
{
    struct times *x = context;
    struct timestamp_offset entry = time_index_decode(bytes, x->s->base_offset);
    if (entry.offset == x->s->base_offset && x->count > 0)
        return 1;
    x->count++;
    int rc = compare(x, &entry, err);
    if (rc != 0)
        return rc;
    if (!x->d->o.verify_index_only)
        fprintf(x->d->out, "timestamp: %lld offset: %lld\n", (long long)entry.timestamp,
                (long long)entry.offset);
    x->last_timestamp = entry.timestamp;
    return 0;
}

static int dump_times(struct times *x, struct err *err)
{
    rewind_log(x);
    int rc = dump_each_entry(x->d, x->s, TIME_INDEX_ENTRY, dump_time, x, err);
    if (x->mismatches.count + x->disorder.count + x->missing.count > 0)
        x->d->faulty = true;
    findings_end(&x->mismatches, x->d, x->s);
    findings_end(&x->disorder, x->d, x->s);
    findings_end(&x->missing, x->d, x->s);
    return rc == 1 ? 0 : rc;
}

static int check_time_index(struct dump *d, const struct dump_source *s,
                            struct err *err)
{
    uint8_t first[TIME_INDEX_ENTRY], last[TIME_INDEX_ENTRY];
    int64_t count = s->size / TIME_INDEX_ENTRY;
    bool in_order = true;
    if (count > 0) {
        int rc = read_entry(d, s, 0, TIME_INDEX_ENTRY, first, err);
        if (rc == 0)
            rc = read_entry(d, s, count - 1, TIME_INDEX_ENTRY, last, err);
        if (rc != 0)
            return rc;
        struct timestamp_offset end = time_index_decode(last, s->base_offset);
        in_order = end.offset >= s->base_offset &&
                   end.timestamp >= time_index_decode(first, s->base_offset).timestamp;
    }
    return pass_sanity(d, s, TIME_INDEX_ENTRY, in_order, err);
}

int dump_time_index(struct dump *d, const struct dump_source *s, struct err *err)
{
    struct times x = {
        .d = d,
        .s = s,
        .last_timestamp = NO_TIMESTAMP,
        .mismatches = {.title = "Found timestamp mismatch in :"},
        .disorder = {.title = "Found out of order timestamp in :"},
        .missing = {.title = "The following indexed offsets are not found in :"},
    };
    if (s->base_offset < 0)
        return err_set(err, ERR_INVALID, "its name begins with no base offset");
    if (d->o.index_sanity_check)
        return check_time_index(d, s, err);
    int rc = dump_open_log(d, s, &x.log_fd, &x.log_size, err);
    if (rc != 0)
        return rc;
    rc = dump_times(&x, err);
    d->disk->ops->close(d->disk, x.log_fd);
    return rc;
}
