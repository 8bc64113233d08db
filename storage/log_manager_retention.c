/* Retention, every log.retention.check.interval.ms: one pass over all logs, one after
 * the other, so that it takes one thread of the pool at the most and never much of a
 * turn of the loop.
 *
 *   ONLINE   on the loop: what is condemned is taken out. A job before that, if times
 *            have to be read from files; one behind it, which renames.
 *   CLOSED   all in one job: opened, what is condemned removed, sealed and closed
 *            again. Who asks for the log meanwhile gets it open.
 *
 * A closed log does not change, so it is opened for retention once after a start, and
 * then only when the time has come that it named (retention_due_ms) or its settings
 * changed: ten thousand idle logs cost one comparison each. Readers of a closed log
 * there are none, so nothing waits for file.delete.delay.ms.
 *
 * Logs that were not stopped cleanly are left to recovery. */
#include "storage/log_manager_internal.h"

#include <stdlib.h>

#include "storage/log_path.h"

static void go_on(struct log_manager *m);

/* ---- the order ------------------------------------------------------------ */

static void stand_at(struct log_manager *m, struct log_topic *t)
{
    struct log_topic *before = m->retention.topic;
    if (t != NULL)
        t->refs++;
    m->retention.topic = t;
    m->retention.partition = 0;
    if (before != NULL)
        log_topic_release(m, before);
}

/* The next handle; NULL: that was the last. Topics may come and go between two
 * calls, but not the one that the pass stands at. */
static struct log_handle *next_handle(struct log_manager *m)
{
    struct retention_pass *pass = &m->retention;
    while (pass->topic != NULL) {
        while (pass->partition < pass->topic->slots) {
            struct log_handle *h = pass->topic->handles[pass->partition++];
            if (h != NULL)
                return h;
        }
        stand_at(m, pass->topic->hh.next);
    }
    return NULL;
}

/* ---- online --------------------------------------------------------------- */

struct aging {
    struct log_job job;
    struct log_topic *topic; /* one reference */
    int32_t partition;
    struct log_ages *ages;
};

static bool retain_online(struct log_manager *m, struct log_handle *h, bool may_ask);

static void aging_work(struct log_job *job)
{
    job->rc = log_ages_run(((struct aging *)job)->ages, &job->err);
}

/* The log need not be there any more. */
static void aging_done(struct log_job *job)
{
    struct aging *a = (struct aging *)job;
    struct log_manager *m = job->m;
    struct log_handle *h = a->topic->handles[a->partition];
    bool waits = false;
    if (job->rc != 0)
        trace_warn(m->o.trace, "retention of %s-%d waits: %s", a->topic->name,
                   a->partition, job->err.message);
    if (h != NULL && log_handle_log(h) != NULL) {
        partition_log_ages_end(h->log, a->ages);
        waits = !m->stopping && retain_online(m, h, false);
    } else {
        log_ages_free(a->ages);
    }
    log_topic_release(m, a->topic);
    free(a);
    if (!waits)
        go_on(m);
}

static bool start_aging(struct log_manager *m, struct log_handle *h)
{
    struct err err;
    struct aging *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return false; /* the next pass tries again, as it does when begin() fails */
    if (partition_log_ages_begin(h->log, &a->ages, &err) != 0 || a->ages == NULL) {
        free(a);
        return false;
    }
    a->topic = h->topic;
    a->topic->refs++;
    a->partition = h->partition;
    log_manager_submit(m, &a->job, aging_work, aging_done);
    return true;
}

/* True: the pass waits for a job. */
static bool retain_online(struct log_manager *m, struct log_handle *h, bool may_ask)
{
    struct retention_outcome outcome;
    struct err err;
    if (partition_log_retain(h->log, &outcome, &err) != 0) {
        log_manager_check(m, h);
        return false;
    }
    if (outcome.deleted > 0) {
        bool idle = h->job == NULL; /* else the next tick renames */
        log_owner_moved(m, h);
        log_manager_clean_up(m, h);
        m->retention.cleanup = idle ? h->job : NULL;
    }
    /* What was read and did not help is not read again in this pass. */
    if (outcome.unknown && (may_ask || outcome.deleted > 0) && start_aging(m, h)) {
        m->retention.cleanup = NULL;
        return true;
    }
    return m->retention.cleanup != NULL;
}

void log_manager_retention_cleaned(struct log_manager *m, const struct log_job *cleanup)
{
    if (m->retention.cleanup != cleanup)
        return;
    m->retention.cleanup = NULL;
    go_on(m);
}

/* ---- closed --------------------------------------------------------------- */

/* True: the times of more segments are known now. One that cannot be read is no reason
 * to take the log offline: the next pass tries again. */
static bool learn_ages(struct log_opening *o)
{
    struct log_ages *ages = NULL;
    struct err err;
    int rc = partition_log_ages_begin(o->log, &ages, &err);
    if (rc == 0)
        rc = log_ages_run(ages, &err);
    if (rc != 0)
        trace_warn(o->job.m->o.trace, "retention of %.*s-%d waits: %s",
                   STR_ARGS(o->folder.topic), o->folder.partition, err.message);
    partition_log_ages_end(o->log, ages);
    return rc == 0;
}

static int retain_all(struct log_opening *o, struct err *err)
{
    struct retention_outcome outcome;
    bool learnt = false;
    for (;;) {
        int rc = partition_log_retain(o->log, &outcome, err);
        if (rc != 0)
            return rc;
        o->retention_due_ms = outcome.unknown ? 0 : outcome.due_ms;
        /* What was read and did not help is not read again. */
        if (!outcome.unknown || (learnt && outcome.deleted == 0))
            return 0;
        learnt = learn_ages(o);
        if (!learnt)
            return 0;
    }
}

/* No reader has ever had the log: its files go without delay. */
static int remove_deleted(struct log_opening *o, struct err *err)
{
    struct log_cleanup *cleanup;
    int rc = partition_log_cleanup_begin(o->log, INT64_MAX, &cleanup, err);
    if (rc != 0)
        return rc;
    rc = log_cleanup_run(cleanup, err);
    partition_log_cleanup_end(o->log, cleanup, rc, err);
    if (rc != 0 && partition_log_offline(o->log) == NULL) {
        trace_warn(o->job.m->o.trace,
                   "deleted segments of %.*s-%d stay until the next start: %s",
                   STR_ARGS(o->folder.topic), o->folder.partition, err->message);
        rc = 0;
    }
    return rc;
}

static int visit_log(struct log_opening *o, struct err *err)
{
    partition_log_set_high_watermark(o->log, o->high_watermark);
    int rc = retain_all(o, err);
    if (rc == 0)
        rc = remove_deleted(o, err);
    if (rc == 0)
        rc = partition_log_seal(o->log, err);
    return rc;
}

/* A log that was never opened is not made for this. An empty one is opened all the
 * same: that removes what was deleted before the start and is on its way out. */
static int find_segment(void *context, const struct disk_entry *entry)
{
    (void)context;
    return ends_with(entry->name, LOG_SUFFIX);
}

static void visit_work(struct log_job *job)
{
    struct log_opening *o = (struct log_opening *)job;
    struct disk *disk = job->m->o.disk;
    o->retention_due_ms = INT64_MAX;
    int found = disk->ops->list(disk, o->options.dir, find_segment, NULL, &job->err);
    if (found < 0 && found != ERR_NOT_FOUND)
        job->rc = found;
    if (found != 1)
        return;
    log_opening_work(o);
    if (job->rc == 0)
        job->rc = visit_log(o, &job->err);
    if (job->rc != 0) {
        partition_log_close(o->log);
        o->log = NULL;
    }
}

/* Closed again, or not opened at all; 0, or the reason why those who
 * came meanwhile do not get it. */
static int leave_closed(struct log_opening *o, struct err *err)
{
    struct log_manager *m = o->job.m;
    struct log_handle *h = o->h;
    h->job = NULL;
    if (o->log != NULL) {
        log_opening_take_log(o);
        log_handle_shut(m, h);
    }
    log_handle_enter(h, LOG_CLOSED);
    bool stale = o->job.rc != 0 || o->config != h->topic->config;
    h->retention_due_ms = stale ? 0 : o->retention_due_ms;
    return h->waiters == NULL ? 0 : log_manager_start_open(m, h, err);
}

static void visit_done(struct log_job *job)
{
    struct log_opening *o = (struct log_opening *)job;
    struct log_manager *m = job->m;
    struct log_handle *h = o->h;
    struct err err;
    /* Lack of memory takes no log away that nobody has asked for. */
    bool quiet = job->rc == 0 || job->rc == ERR_NOMEM;
    bool wanted = o->log != NULL && h->waiters != NULL;
    if (job->rc != 0)
        h->clean = false; /* it was not sealed again */
    if (h->state == LOG_OPENING && quiet && !wanted) {
        int rc = leave_closed(o, &err);
        if (rc != 0) {
            struct log_request *waiters = h->waiters;
            h->waiters = NULL;
            log_requests_wake(waiters, rc, &err);
        }
        log_opening_free(o);
    } else {
        log_opening_end(o);
    }
    go_on(m);
}

/* Whether retention can ever have something to do with it as it is. */
static bool is_subject(const struct log_handle *h)
{
    const struct topic_config *config = h->topic->config;
    return h->log_start_offset > 0 ||
           (config->cleanup_delete &&
            (config->retention_ms >= 0 || config->retention_bytes >= 0));
}

/* True: the pass waits for a job. */
static bool visit_closed(struct log_manager *m, struct log_handle *h)
{
    struct err err;
    if (!h->clean || h->job != NULL || !is_subject(h) ||
        h->retention_due_ms > clock_wall_ms(m->o.clock))
        return false;
    struct log_opening *o = log_opening_begin(m, h, &err);
    if (o == NULL)
        return false; /* the next pass tries again */
    log_manager_submit(m, &o->job, visit_work, visit_done);
    return true;
}

/* ---- the pass ------------------------------------------------------------- */

static bool visit(struct log_manager *m, struct log_handle *h)
{
    if (h->state == LOG_CLOSED)
        return visit_closed(m, h);
    if (h->state != LOG_ONLINE || log_manager_check(m, h))
        return false;
    return retain_online(m, h, true);
}

static void go_on(struct log_manager *m)
{
    struct log_handle *h;
    while (!m->stopping && (h = next_handle(m)) != NULL) {
        if (visit(m, h))
            return;
    }
    stand_at(m, NULL);
}

void log_manager_start_retention(struct log_manager *m)
{
    if (m->retention.topic != NULL || m->stopping)
        return; /* the one under way takes its time */
    stand_at(m, m->topics);
    go_on(m);
}
