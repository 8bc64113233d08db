/* The log cleaner (Kafka: LogCleaner, LogCleanerManager): which log is cleaned, when,
 * and what becomes of one that cannot be.
 *
 *   round, every log.cleaner.backoff.ms, and when a log was cleaned:
 *     the dirtiest log that is due ─► a lane ─► log_cleaning_run(), slice by slice
 *     none among the open ones      ─► a look at closed ones (log_manager_survey.c)
 *
 * A lane is a log being cleaned; there are log.cleaner.threads of them at most. Each
 * has one job at a time in the pool, and that one is short, so that others get their
 * turn:
 *
 *              ┌───────────────────────────────┐
 *              ▼                               │ rate allows it
 *   ────► LANE_WORKS ──► LANE_THROTTLED ───────┤
 *              ├───────► LANE_WAITS ───────────┘ the log has no other job
 *              └───────► LANE_GIVES_UP ──► gone
 *
 * Setting the policy to something else, deleting the log and stopping the broker give
 * a cleaning up between two slices; what it has written is removed, and the log is as
 * it was. But once files change names, that is done first.
 *
 * A log whose bytes cannot be understood is never tried again until a restart, and is
 * told of once. One for which disk or memory did not suffice is tried with each
 * round. */
#include "storage/log_manager_internal.h"

#include <stdlib.h>
#include <utlist.h>

#define THROTTLE_CHECK_MS 20
#define MIN_IO_BYTES 4096
#define MIN_SLICE_BYTES (64 << 10)
#define MAX_SLICE_BYTES (32 << 20)

enum lane_state { LANE_WORKS, LANE_THROTTLED, LANE_WAITS, LANE_GIVES_UP };

struct cleaning_lane {
    struct log_job job;
    struct cleaning_lane *prev, *next;
    struct log_handle *h;
    struct log_cleaning *cleaning;
    enum lane_state state;
    bool alone; /* from here on it needs the log without other jobs */
    bool stop;  /* to be given up */
    int64_t began_us;
    struct err failed; /* code 0: nothing did */
};

/* ---- the end of a cleaning ----------------------------------------------- */

static void trace_cleaned(struct log_manager *m, const struct cleaning_lane *lane)
{
    const struct log_handle *h = lane->h;
    struct log_cleaning_stats s = log_cleaning_stats(lane->cleaning);
    int64_t took_us = clock_mono_us(m->o.clock) - lane->began_us;
    trace_info(m->o.trace,
               "log %.*s-%d is cleaned from offset %lld to %lld: %lld of %lld records "
               "and %lld of %lld bytes stay, %lld keys, %lld ms",
               STR_ARGS(log_handle_topic(h)), h->partition,
               (long long)s.first_dirty_offset, (long long)s.end_offset,
               (long long)s.records_kept, (long long)s.records_read,
               (long long)s.bytes_written, (long long)s.bytes_read, (long long)s.keys,
               (long long)took_us / 1000);
}

/* Whether trying again may help. */
static bool may_pass(int code)
{
    return code == ERR_NO_SPACE || code == ERR_NOMEM || code == ERR_CANCELED;
}

static void note_failure(struct log_manager *m, struct log_handle *h,
                         const struct err *why)
{
    if (why->code == ERR_CANCELED)
        return;
    if (!may_pass(why->code)) {
        h->uncleanable = true;
        trace_warn(m->o.trace,
                   "log %.*s-%d cannot be cleaned, and will not be until a restart: %s",
                   STR_ARGS(log_handle_topic(h)), h->partition, why->message);
    } else if (!h->not_cleaned) {
        h->not_cleaned = true;
        trace_warn(m->o.trace, "log %.*s-%d cannot be cleaned for now: %s",
                   STR_ARGS(log_handle_topic(h)), h->partition, why->message);
    }
}

static void free_lane(struct log_manager *m, struct cleaning_lane *lane)
{
    DL_DELETE(m->cleaner.lanes, lane);
    m->cleaner.lane_count--;
    log_cleaning_end(lane->cleaning);
    free(lane);
}

/* Back to where only other jobs are the handle's. */
static void leave_alone(struct cleaning_lane *lane)
{
    if (lane->h->job == &lane->job)
        lane->h->job = NULL;
    lane->alone = false;
}

static void end_lane(struct log_manager *m, struct cleaning_lane *lane)
{
    struct log_handle *h = lane->h;
    bool cleaned = lane->state != LANE_GIVES_UP;
    if (!log_manager_check(m, h) && cleaned) {
        h->not_cleaned = false;
        trace_cleaned(m, lane);
        m->cleaner.unwritten = true;
        log_manager_checkpoint(m);
    } else if (lane->failed.code != 0) {
        note_failure(m, h, &lane->failed);
    }
    leave_alone(lane);
    h->cleaning = NULL;
    free_lane(m, lane);
    log_manager_job_over(m, h);
    if (cleaned)
        log_manager_clean_more(m);
}

/* ---- the way of a lane --------------------------------------------------- */

static void abandon_work(struct log_job *job)
{
    struct cleaning_lane *lane = (struct cleaning_lane *)job;
    job->rc = log_cleaning_abandon(lane->cleaning, &job->err);
}

static void abandon_done(struct log_job *job)
{
    struct cleaning_lane *lane = (struct cleaning_lane *)job;
    struct log_manager *m = job->m;
    if (job->rc != 0) /* the next cleaning, or the next start, removes it */
        trace_warn(m->o.trace, "what was cleaned of %.*s-%d in vain stays for now: %s",
                   STR_ARGS(log_handle_topic(lane->h)), lane->h->partition,
                   job->err.message);
    end_lane(m, lane);
}

static void give_up(struct log_manager *m, struct cleaning_lane *lane)
{
    leave_alone(lane);
    lane->state = LANE_GIVES_UP;
    log_manager_submit(m, &lane->job, abandon_work, abandon_done);
}

static void clean_work(struct log_job *job)
{
    struct cleaning_lane *lane = (struct cleaning_lane *)job;
    job->rc = log_cleaning_run(lane->cleaning, &job->err);
}

static void clean_done(struct log_job *job);

static bool is_throttled(const struct log_manager *m)
{
    return m->cleaner.paid_until_us > clock_mono_us(m->o.clock);
}

/* The next slice, or what it has to wait for. */
static void go_on(struct log_manager *m, struct cleaning_lane *lane)
{
    struct log_handle *h = lane->h;
    bool may_stop = log_cleaning_may_stop(lane->cleaning);
    if ((may_stop && lane->stop) ||
        !partition_log_cleaning_holds(h->log, lane->cleaning)) {
        lane->stop = true;
        give_up(m, lane);
    } else if (!lane->alone && is_throttled(m)) {
        lane->state = LANE_THROTTLED;
    } else if (lane->alone && h->job != NULL && h->job != &lane->job) {
        lane->state = LANE_WAITS;
    } else {
        if (lane->alone)
            h->job = &lane->job;
        lane->state = LANE_WORKS;
        log_manager_submit(m, &lane->job, clean_work, clean_done);
    }
}

/* What was read and written is paid for with time. */
static void pay(struct log_manager *m, int64_t bytes)
{
    double rate = m->o.cleaner.io_max_bytes_per_second;
    int64_t now_us = clock_mono_us(m->o.clock);
    double cost_us = rate > 0 ? (double)bytes * 1e6 / rate : 0;
    if (cost_us < 1)
        return;
    if (m->cleaner.paid_until_us < now_us)
        m->cleaner.paid_until_us = now_us;
    m->cleaner.paid_until_us += cost_us < 1e15 ? (int64_t)cost_us : (int64_t)1e15;
}

static void clean_done(struct log_job *job)
{
    struct cleaning_lane *lane = (struct cleaning_lane *)job;
    struct log_manager *m = job->m;
    struct log_handle *h = lane->h;
    bool was_alone = lane->alone;
    pay(m, log_cleaning_take_io(lane->cleaning));
    enum cleaning_next next =
        partition_log_cleaning_next(h->log, lane->cleaning, job->rc, &job->err);
    if (next == CLEANING_OVER) {
        end_lane(m, lane);
        return;
    }
    if (next == CLEANING_FAILED) {
        lane->failed = job->err;
        give_up(m, lane);
        return;
    }
    if (next == CLEANING_RUN)
        leave_alone(lane);
    else
        lane->alone = true;
    go_on(m, lane);
    if (was_alone && !lane->alone)
        log_manager_job_over(m, h);
}

bool log_manager_cleaning_waits(const struct log_handle *h)
{
    return h->cleaning != NULL && h->cleaning->state == LANE_WAITS;
}

void log_manager_cleaning_goes_on(struct log_manager *m, struct log_handle *h)
{
    go_on(m, h->cleaning);
}

void log_manager_stop_cleaning(struct log_manager *m, struct log_handle *h)
{
    struct cleaning_lane *lane = h->cleaning;
    if (lane == NULL || lane->stop)
        return;
    lane->stop = true;
    if (lane->state == LANE_THROTTLED || lane->state == LANE_WAITS)
        go_on(m, lane);
}

void log_manager_stop_cleaner(struct log_manager *m)
{
    struct cleaning_lane *lane, *next;
    DL_FOREACH_SAFE (m->cleaner.lanes, lane, next)
        log_manager_stop_cleaning(m, lane->h);
}

void log_manager_free_cleaner(struct log_manager *m)
{
    while (m->cleaner.lanes != NULL) {
        struct cleaning_lane *lane = m->cleaner.lanes;
        lane->h->cleaning = NULL;
        free_lane(m, lane);
    }
}

/* ---- rounds -------------------------------------------------------------- */

static bool is_candidate(const struct log_handle *h)
{
    return h->state == LOG_ONLINE && h->cleaning == NULL && !h->uncleanable &&
           h->topic->config->cleanup_compact;
}

/* The dirtiest log that is due; NULL: none is. */
static struct log_handle *find_filthiest(struct log_manager *m, struct cleanable *out)
{
    struct log_handle *h, *found = NULL;
    struct cleanable one;
    struct err err;
    DL_FOREACH (m->open, h) {
        if (!is_candidate(h))
            continue;
        if (partition_log_cleanable(h->log, &one, &err) != 0) {
            if (!log_manager_check(m, h))
                note_failure(m, h, &err);
            continue;
        }
        if (!cleanable_is_due(&one, h->topic->config) ||
            (found != NULL && one.ratio <= out->ratio))
            continue;
        found = h;
        *out = one;
    }
    return found;
}

/* A slice is over before it has used up the rate of a tenth of a second. */
static int64_t slice_bytes(double rate)
{
    double most = rate / 10;
    if (most >= MAX_SLICE_BYTES)
        return MAX_SLICE_BYTES;
    return most < MIN_SLICE_BYTES ? MIN_SLICE_BYTES : (int64_t)most;
}

static int start_lane(struct log_manager *m, struct log_handle *h,
                      const struct cleanable *cleanable, struct err *err)
{
    const struct log_cleaner_config *config = &m->o.cleaner;
    int64_t io_bytes = config->io_buffer_bytes / config->threads / 2;
    struct log_cleaning_options options = {
        .dedupe_bytes = config->dedupe_buffer_bytes / config->threads,
        .dedupe_load_factor = config->load_factor,
        .io_bytes = io_bytes < MIN_IO_BYTES ? MIN_IO_BYTES : (size_t)io_bytes,
        .slice_bytes = slice_bytes(config->io_max_bytes_per_second),
    };
    struct cleaning_lane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL)
        return err_nomem(err);
    int rc =
        partition_log_cleaning_begin(h->log, cleanable, &options, &lane->cleaning, err);
    if (rc != 0) {
        free(lane);
        return rc;
    }
    lane->h = h;
    lane->began_us = clock_mono_us(m->o.clock);
    h->cleaning = lane;
    DL_APPEND(m->cleaner.lanes, lane);
    m->cleaner.lane_count++;
    go_on(m, lane);
    return 0;
}

static struct log_handle *find_dirty_closed(struct log_manager *m)
{
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; t->config->cleanup_compact && i < t->slots; i++) {
            struct log_handle *h = t->handles[i];
            if (h != NULL && h->state == LOG_CLOSED && h->dirty)
                return h;
        }
    }
    return NULL;
}

static void on_opened(struct log_request *request, int rc, const struct err *err)
{
    struct log_manager *m =
        (struct log_manager *)((char *)request -
                               offsetof(struct log_manager, cleaner.opening));
    (void)rc; /* one that could not be opened is offline, and traced */
    (void)err;
    m->cleaner.is_opening = false;
    log_manager_clean_more(m);
}

/* Closed logs are opened one at a time, and only those that are dirty. */
static void open_dirty(struct log_manager *m)
{
    struct log_handle *h = find_dirty_closed(m);
    struct err err;
    if (h == NULL || m->cleaner.is_opening)
        return;
    h->dirty = false;
    m->cleaner.opening.done = on_opened;
    m->cleaner.is_opening =
        log_manager_ensure_open(m, h, &m->cleaner.opening, &err) == 0;
}

void log_manager_clean_more(struct log_manager *m)
{
    if (!m->o.cleaner.enable || m->stopping)
        return;
    while (m->cleaner.lane_count < m->o.cleaner.threads) {
        struct cleanable cleanable;
        struct err err;
        struct log_handle *h = find_filthiest(m, &cleanable);
        if (h == NULL)
            break;
        int rc = start_lane(m, h, &cleanable, &err);
        if (rc != 0) {
            note_failure(m, h, &err);
            break; /* until the next round */
        }
    }
    if (m->cleaner.lane_count < m->o.cleaner.threads && !log_manager_survey(m))
        open_dirty(m);
}

static void resume_throttled(struct log_manager *m)
{
    struct cleaning_lane *lane, *next;
    DL_FOREACH_SAFE (m->cleaner.lanes, lane, next) {
        if (lane->state == LANE_THROTTLED)
            go_on(m, lane);
    }
}

int64_t log_manager_tick_cleaner(struct log_manager *m, int64_t now_ms)
{
    if (!m->o.cleaner.enable || m->stopping)
        return INT64_MAX;
    resume_throttled(m);
    if (log_manager_is_due(&m->cleaner.next_round_ms, now_ms, m->o.cleaner.backoff_ms,
                           m->o.cleaner.backoff_ms))
        log_manager_clean_more(m);
    /* Slices end between two ticks, so when one will have to wait is not known. */
    if (m->cleaner.lanes != NULL && is_throttled(m))
        return THROTTLE_CHECK_MS;
    return m->cleaner.next_round_ms - now_ms;
}
