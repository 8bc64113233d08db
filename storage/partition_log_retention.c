/* Retention: how many of the oldest segments have to go.
 *
 *      log start offset                 high watermark
 *             ▼                               ▼
 *   [ A ][ B │   ][ C      ][ D      ][ E     │  ]
 *     below   └─ size: while what is left is at least retention.bytes
 *     the        then time: while the largest timestamp is more than
 *     start      retention.ms ago
 *
 * As in Kafka the three reasons are asked in this order, each from where the one
 * before ended, and each ends with the first segment that may stay: an old one behind
 * a young one waits for it. A timestamp in the future therefore keeps its segment and
 * all behind it, which is told once.
 *
 * The time of a segment is the largest timestamp in it. Where its records have none it
 * is when the file changed last: Kafka's rule, which makes a copied data directory
 * young again. Both are read from files once a segment, in a job, and only for
 * segments that come into question: of the active one and of those rolled since the
 * log was opened the timestamps are known. */
#include "storage/partition_log_internal.h"

#include <stdlib.h>

/* False: it has to be read first. */
static bool time_of(const struct segment *s, int64_t *time_ms)
{
    if (!s->max_timestamp_known)
        return false;
    *time_ms = s->max_timestamp.timestamp;
    if (*time_ms == NO_TIMESTAMP)
        *time_ms = s->modified_ms;
    return *time_ms >= 0;
}

static bool is_empty_end(const struct partition_log *log, int at)
{
    return at + 1 == log->segment_count && log->segments[at]->size == 0;
}

/* Whether all of a segment lies below the high watermark, and it is no empty end. */
static bool may_go(const struct partition_log *log, int at)
{
    int64_t end = at + 1 == log->segment_count ? log->log_end_offset
                                               : log->segments[at + 1]->base_offset;
    return end <= log->high_watermark && !is_empty_end(log, at);
}

static int count_by_size(const struct partition_log *log, int at)
{
    int64_t limit = log->config->retention_bytes;
    int64_t left = log->size_bytes;
    if (limit < 0)
        return at;
    for (int i = 0; i < at; i++)
        left -= log->segments[i]->size;
    while (at < log->segment_count && may_go(log, at) &&
           left - log->segments[at]->size >= limit)
        left -= log->segments[at++]->size;
    return at;
}

static void tell_of_future(const struct partition_log *log, struct segment *s)
{
    if (s->from_future_told)
        return;
    s->from_future_told = true;
    trace_warn(log->trace,
               "%s: the segment at %lld has a timestamp in the future, %lld: "
               "retention.ms does not delete it, nor what follows, before its time",
               log->dir, (long long)s->base_offset,
               (long long)s->max_timestamp.timestamp);
}

static int count_by_time(const struct partition_log *log, int at,
                         struct retention_outcome *out)
{
    int64_t limit_ms = log->config->retention_ms;
    int64_t now_ms = clock_wall_ms(log->clock);
    int64_t time_ms;
    for (; limit_ms >= 0 && at < log->segment_count && may_go(log, at); at++) {
        struct segment *s = log->segments[at];
        if (!time_of(s, &time_ms)) {
            out->unknown = true;
            break;
        }
        if (time_ms > now_ms)
            tell_of_future(log, s);
        if (now_ms - time_ms <= limit_ms) {
            out->due_ms = clock_later_ms(clock_later_ms(time_ms, limit_ms), 1);
            return at;
        }
    }
    /* What only the high watermark protects is looked at again next time. */
    if (limit_ms >= 0 && at < log->segment_count && !is_empty_end(log, at))
        out->due_ms = now_ms;
    return at;
}

static int count_condemned(const struct partition_log *log,
                           struct retention_outcome *out)
{
    int count = log_count_below(log, log->log_start_offset);
    if (!log->config->cleanup_delete)
        return count;
    count = count_by_size(log, count);
    return count_by_time(log, count, out);
}

int partition_log_retain(struct partition_log *log, struct retention_outcome *out,
                         struct err *err)
{
    *out = (struct retention_outcome){.due_ms = INT64_MAX};
    int rc = log_check_online(log, err);
    if (rc != 0)
        return rc;
    int count = count_condemned(log, out);
    if (count == 0)
        return 0;
    int64_t bytes = log->size_bytes;
    if (count == log->segment_count) {
        rc = log_roll(log, log->log_end_offset, err);
        if (rc != 0)
            return log_fail(log, rc, err);
    }
    int64_t start = log->segments[count]->base_offset;
    if (start < log->log_start_offset)
        start = log->log_start_offset;
    rc = log_raise_start(log, start, err);
    if (rc != 0)
        return rc;
    out->deleted = count;
    trace_info(log->trace,
               "%s: %d segments of %lld bytes are deleted, the log begins at %lld",
               log->dir, count, (long long)(bytes - log->size_bytes), (long long)start);
    return 0;
}

/* ---- what has to be read -------------------------------------------------- */

#define AGES_AT_ONCE 64

struct segment_age {
    int64_t base_offset;
    int64_t size; /* when it was asked for: an append makes the answer stale */
    bool read;
    bool max_timestamp_known;
    struct timestamp_offset max_timestamp;
    int64_t modified_ms;
};

struct log_ages {
    struct disk *disk;
    int64_t young_ms; /* whoever is not older than this ends the search */
    int count;
    struct segment_age segments[AGES_AT_ONCE];
    char dir[]; /* a copy: the log may be gone before the job is done */
};

static void ask_age(struct log_ages *ages, const struct segment *s)
{
    ages->segments[ages->count++] = (struct segment_age){
        .base_offset = s->base_offset,
        .size = s->size,
        .max_timestamp_known = s->max_timestamp_known,
        .max_timestamp = s->max_timestamp,
        .modified_ms = s->modified_ms,
    };
}

int partition_log_ages_begin(struct partition_log *log, struct log_ages **out,
                             struct err *err)
{
    int64_t ignored;
    int at = 0;
    *out = NULL;
    while (at < log->segment_count && time_of(log->segments[at], &ignored))
        at++;
    if (at == log->segment_count)
        return 0;
    size_t dir_size = strlen(log->dir) + 1;
    struct log_ages *ages = calloc(1, sizeof(*ages) + dir_size);
    if (ages == NULL)
        return err_nomem(err);
    ages->disk = log->disk;
    ages->young_ms = clock_wall_ms(log->clock) - log->config->retention_ms;
    memcpy(ages->dir, log->dir, dir_size);
    for (; at < log->segment_count && ages->count < AGES_AT_ONCE; at++) {
        if (!time_of(log->segments[at], &ignored))
            ask_age(ages, log->segments[at]);
    }
    *out = ages;
    return 0;
}

static int read_max_timestamp(const struct log_ages *ages, struct segment_age *age,
                              struct err *err)
{
    struct time_index times;
    time_index_init(&times, ages->disk, ages->dir, age->base_offset);
    int rc = time_index_load(&times, err);
    if (rc == 0) {
        age->max_timestamp = times.last;
        age->max_timestamp_known = true;
    }
    time_index_close(&times);
    return rc;
}

static int read_modified(const struct log_ages *ages, struct segment_age *age,
                         struct err *err)
{
    char path[PATH_MAX];
    log_path(path, ages->dir, age->base_offset, LOG_SUFFIX);
    int rc = ages->disk->ops->modified_ms(ages->disk, path, &age->modified_ms, err);
    if (rc == 0 && age->modified_ms < 0)
        age->modified_ms = 0;
    return rc;
}

int log_ages_run(struct log_ages *ages, struct err *err)
{
    for (int i = 0; ages != NULL && i < ages->count; i++) {
        struct segment_age *age = &ages->segments[i];
        int rc = age->max_timestamp_known ? 0 : read_max_timestamp(ages, age, err);
        int64_t time_ms = age->max_timestamp.timestamp;
        if (rc == 0 && time_ms == NO_TIMESTAMP) {
            rc = read_modified(ages, age, err);
            time_ms = age->modified_ms;
        }
        if (rc != 0)
            return rc == ERR_NOT_FOUND ? 0 : rc; /* deleted meanwhile */
        age->read = true;
        if (time_ms >= ages->young_ms)
            break;
    }
    return 0;
}

static void keep_age(struct partition_log *log, const struct segment_age *age)
{
    int at = log_floor(log, age->base_offset);
    struct segment *s = at < 0 ? NULL : log->segments[at];
    if (s == NULL || s->base_offset != age->base_offset || s->size != age->size)
        return;
    s->max_timestamp = age->max_timestamp;
    s->max_timestamp_known = true;
    s->modified_ms = age->modified_ms;
}

void partition_log_ages_end(struct partition_log *log, struct log_ages *ages)
{
    for (int i = 0; ages != NULL && i < ages->count; i++) {
        if (ages->segments[i].read)
            keep_age(log, &ages->segments[i]);
    }
    log_ages_free(ages);
}

void log_ages_free(struct log_ages *ages)
{
    free(ages);
}
