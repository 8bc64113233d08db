/* A log and its cleaning: how dirty it is, and the steps on the loop between those
 * of the pool (log_cleaning.c). */
#include "storage/partition_log_internal.h"

#include <stdlib.h>

#include "storage/log_cleaning_internal.h"

/* ---- how dirty ----------------------------------------------------------- */

/* The first segment behind the first dirty offset with a record too young to be
 * compacted; the active one if there is none. */
static int first_young_segment(struct partition_log *log, int dirty, int *at,
                               struct err *err)
{
    int64_t lag_ms = log->config->min_compaction_lag_ms;
    int64_t old_ms = clock_wall_ms(log->clock) - lag_ms;
    int last = log->segment_count - 1;
    for (*at = dirty; lag_ms > 0 && *at < last; ++*at) {
        struct timestamp_offset max;
        int rc = log_max_timestamp(log, *at, &max, err);
        if (rc != 0)
            return rc;
        /* Without timestamps: as old as the segment has been here for certain. */
        if (max.timestamp < 0)
            max.timestamp = log->segments[*at]->created_ms;
        if (max.timestamp > old_ms)
            return 0;
    }
    *at = last;
    return 0;
}

/* Whether a dirty segment begins before max.compaction.lag.ms ago. */
static int is_overdue(struct partition_log *log, int dirty, bool *overdue,
                      struct err *err)
{
    int64_t lag_ms = log->config->max_compaction_lag_ms;
    int64_t now_ms = clock_wall_ms(log->clock);
    *overdue = false;
    for (int at = dirty; lag_ms < now_ms && at < log->segment_count - 1; at++) {
        struct segment *s = log->segments[at];
        int64_t first_ms;
        bool was_open = s->file != NULL;
        int rc = segment_first_timestamp(s, &first_ms, err);
        if (!was_open)
            segment_rest(s);
        if (rc != 0)
            return rc;
        *overdue |= first_ms > 0 && first_ms < now_ms - lag_ms;
    }
    return 0;
}

/* A log that lost its end, or more of its beginning than the cleaner had come to. */
static void settle_first_dirty(struct partition_log *log)
{
    if (log->first_dirty_offset < log->log_start_offset ||
        log->first_dirty_offset > log->log_end_offset)
        log->first_dirty_offset = log->log_start_offset;
}

static void add_up(const struct partition_log *log, int uncleanable,
                   struct cleanable *out)
{
    int64_t dirty = out->first_dirty_offset;
    int from = log_floor(log, dirty);
    for (int at = 0; at < log->segment_count; at++) {
        const struct segment *s = log->segments[at];
        if (s->base_offset < dirty)
            out->clean_bytes += s->size;
        if (at >= from && at < uncleanable)
            out->cleanable_bytes += s->size;
    }
    int64_t total = out->clean_bytes + out->cleanable_bytes;
    out->ratio = total == 0 ? 0 : (double)out->cleanable_bytes / (double)total;
}

int partition_log_cleanable(struct partition_log *log, struct cleanable *out,
                            struct err *err)
{
    int young;
    int rc = log_check_online(log, err);
    if (rc != 0)
        return rc;
    settle_first_dirty(log);
    *out = (struct cleanable){.first_dirty_offset = log->first_dirty_offset};
    int dirty = log_floor(log, log->first_dirty_offset);
    if (dirty < 0)
        dirty = 0;
    rc = first_young_segment(log, dirty, &young, err);
    if (rc == 0)
        rc = is_overdue(log, dirty, &out->must_clean, err);
    if (rc != 0)
        return rc;
    int64_t stable = partition_log_last_stable_offset(log);
    int uncleanable = log_floor(log, stable);
    if (uncleanable > young)
        uncleanable = young;
    if (uncleanable < 0)
        uncleanable = 0;
    out->first_uncleanable_offset = log->segments[uncleanable]->base_offset;
    add_up(log, uncleanable, out);
    return 0;
}

bool cleanable_is_due(const struct cleanable *c, const struct topic_config *config)
{
    return c->cleanable_bytes > 0 &&
           (c->must_clean || c->ratio > config->min_cleanable_dirty_ratio);
}

/* ---- begin --------------------------------------------------------------- */

static int take_segments(struct log_cleaning *c, const struct partition_log *log,
                         struct err *err)
{
    c->segments = calloc((size_t)log->segment_count, sizeof(*c->segments));
    if (c->segments == NULL)
        return err_nomem(err);
    c->all_count = log->segment_count;
    for (int at = 0; at < log->segment_count; at++) {
        const struct segment *s = log->segments[at];
        c->segments[at] = (struct dirty_segment){.base_offset = s->base_offset,
                                                 .size_bytes = s->size,
                                                 .has_txn_index = s->txns.count != 0};
        c->segment_count += s->base_offset < c->limits.uncleanable_offset;
    }
    return 0;
}

static void take_producer(void *context, const struct producer_info *info)
{
    struct log_cleaning *c = context;
    c->producers[c->producer_count++] =
        (struct last_record){.producer_id = info->producer_id,
                             .last_offset = info->last_offset,
                             .producer_epoch = info->producer_epoch};
}

/* Who appends from now on does so above what is cleaned: what is known now of the
 * last batches is all that matters. */
static int take_producers(struct log_cleaning *c, const struct partition_log *log,
                          struct err *err)
{
    size_t count = (size_t)producer_state_count(log->producers);
    c->producers = calloc(count + 1, sizeof(*c->producers));
    if (c->producers == NULL)
        return err_nomem(err);
    producer_state_each(log->producers, take_producer, c);
    return 0;
}

int partition_log_cleaning_begin(struct partition_log *log,
                                 const struct cleanable *cleanable,
                                 const struct log_cleaning_options *options,
                                 struct log_cleaning **out, struct err *err)
{
    struct log_cleaning *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return err_nomem(err);
    *c = (struct log_cleaning){
        .disk = log->disk,
        .clock = log->clock,
        .random = log->random,
        .dir = log->dir,
        .o = *options,
        .index_interval_bytes = log->config->index_interval_bytes,
        .delete_retention_ms = log->config->delete_retention_ms,
        .limits = {.segment_bytes = log->config->segment_bytes,
                   .index_bytes = log->config->segment_index_bytes,
                   .uncleanable_offset = cleanable->first_uncleanable_offset},
        .now_ms = clock_wall_ms(log->clock),
        .first_dirty_offset = cleanable->first_dirty_offset,
        .synced_offset = log->recovery_point,
        .end_offset = cleanable->first_dirty_offset,
        .truncations = log->truncations,
        .reader = {.open = -1},
    };
    int rc = take_segments(c, log, err);
    if (rc == 0)
        rc = take_producers(c, log, err);
    if (rc != 0) {
        log_cleaning_end(c);
        return rc;
    }
    *out = c;
    return 0;
}

/* ---- the steps on the loop ----------------------------------------------- */

bool partition_log_cleaning_holds(const struct partition_log *log,
                                  const struct log_cleaning *c)
{
    return log->offline.code == 0 &&
           (log->truncations == c->truncations || !log_cleaning_may_stop(c));
}

/* The first of the log's segments at or above `offset`. */
static int ceiling(const struct partition_log *log, int64_t offset)
{
    int at = log_floor(log, offset);
    return at >= 0 && log->segments[at]->base_offset == offset ? at : at + 1;
}

/* Puts the cleaned segment where those of its group are. False: the first of them went
 * meanwhile, and its files will: their names are not to be given again. */
static bool install(struct partition_log *log, struct log_cleaning *c)
{
    int from = ceiling(log, c->segments[c->group_from].base_offset);
    int to = ceiling(log, cleaning_segment_end(c, c->group_to - 1));
    if (from == to ||
        log->segments[from]->base_offset != c->segments[c->group_from].base_offset)
        return false;
    for (int at = from; at < to; at++) {
        if (log->warm == log->segments[at])
            log->warm = NULL;
        log->size_bytes -= log->segments[at]->size;
        segment_close(log->segments[at]);
    }
    log->segments[from] = c->cleaned;
    memmove(&log->segments[from + 1], &log->segments[to],
            (size_t)(log->segment_count - to) * sizeof(struct segment *));
    log->segment_count -= to - from - 1;
    log->size_bytes += c->cleaned->size;
    segment_rest(c->cleaned);
    c->cleaned = NULL;
    return true;
}

/* The cleaned segment gets its lasting name, unless a truncation took it. */
static int go_live(struct partition_log *log, const struct log_cleaning *c,
                   struct err *err)
{
    int64_t base_offset = c->segments[c->group_from].base_offset;
    int at = log_floor(log, base_offset);
    if (at < 0 || log->segments[at]->base_offset != base_offset)
        return 0;
    return segment_rename(log->segments[at], "", err);
}

/* Without memory to note them they are swept with the next start. */
static void note_deleted(struct partition_log *log, const struct log_cleaning *c)
{
    struct deleted_segment deleted = {
        .due_ms = clock_later_ms(clock_mono_ms(log->clock),
                                 log->config->file_delete_delay_ms),
        .renamed = true,
    };
    for (int at = c->group_from; at < c->group_to; at++) {
        deleted.base_offset = c->segments[at].base_offset;
        buf_append(&log->deleted, &deleted, sizeof(deleted));
    }
    log->deleted.failed = false;
}

static enum cleaning_next next_group(struct partition_log *log, struct log_cleaning *c)
{
    if (cleaning_next_group(c)) {
        c->state = STATE_FILTER;
        return CLEANING_RUN;
    }
    c->state = STATE_OVER;
    log->first_dirty_offset = c->end_offset;
    return CLEANING_OVER;
}

static enum cleaning_next fail(struct partition_log *log, struct log_cleaning *c,
                               struct err *err)
{
    /* Names have changed, or have not, or records are not on the disk though the
     * kernel believes so: only opening the log anew will tell. */
    if (c->state >= STATE_NAME || c->state == STATE_SYNC) {
        log_fail(log, ERR_IO, err);
        c->state = STATE_OVER;
        return CLEANING_OVER;
    }
    if (log->truncations != c->truncations ||
        log->segments[0]->base_offset > c->segments[0].base_offset)
        err_set(err, ERR_CANCELED, "its segments were deleted meanwhile");
    return CLEANING_FAILED;
}

enum cleaning_next partition_log_cleaning_next(struct partition_log *log,
                                               struct log_cleaning *c, int rc,
                                               struct err *err)
{
    if (rc < 0)
        return fail(log, c, err);
    if (rc == 1)
        return CLEANING_RUN;
    switch (c->state) {
    case STATE_PREPARE:
    case STATE_MAP:
    case STATE_SYNC:
        c->state++;
        return CLEANING_RUN;
    case STATE_MEASURE:
        return next_group(log, c);
    case STATE_SETTLE:
        note_deleted(log, c);
        return next_group(log, c);
    case STATE_FILTER:
        c->state = STATE_NAME;
        return CLEANING_RUN_ALONE;
    case STATE_NAME:
        if (!install(log, c)) {
            err_set(err, ERR_CANCELED, "its segments were deleted meanwhile");
            return CLEANING_FAILED;
        }
        c->state = STATE_RETIRE;
        return CLEANING_RUN_ALONE;
    case STATE_RETIRE:
        if (go_live(log, c, err) != 0)
            return fail(log, c, err);
        c->state = STATE_SETTLE;
        return CLEANING_RUN_ALONE;
    case STATE_OVER:
        break;
    }
    return CLEANING_OVER;
}
