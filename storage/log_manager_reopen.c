/* Logs that went offline for want of space come back when there is some.
 *
 *   OFFLINE ── due, a job: space? ── recovered from the recovery point ──► ONLINE
 *      ▲                    │ no             │ shorter than it was
 *      └── twice as long ───┘                └──► OFFLINE, until a restart
 *
 * A write that found no space left is undone or cut off by recovery, as after a crash;
 * it was not acknowledged. What was is in the page cache still, if no sync failed, and
 * recovery must find all of it: a log that is shorter than before has lost something,
 * and somebody should look at that before it goes on.
 *
 * Space may be little, or under a limit of its own (a quota, a file size): so a log
 * that fails again soon waits longer, up to a minute. */
#include "storage/log_manager_internal.h"

#define REOPEN_MIN_MS 1000
#define REOPEN_MAX_MS 60000

static int32_t next_delay(const struct log_handle *h, int64_t now_ms)
{
    /* Due: the last try's time. It has held for a while: this is another story. */
    if (h->reopen_delay_ms == 0 ||
        now_ms - h->reopen_due_ms > 2 * (int64_t)REOPEN_MAX_MS)
        return REOPEN_MIN_MS;
    return h->reopen_delay_ms < REOPEN_MAX_MS / 2 ? h->reopen_delay_ms * 2
                                                  : REOPEN_MAX_MS;
}

bool log_manager_plan_reopening(struct log_manager *m, struct log_handle *h,
                                const struct err *why)
{
    int64_t now_ms = clock_mono_ms(m->o.clock);
    bool again = why->code == ERR_NO_SPACE &&
                 (h->log == NULL || !partition_log_sync_failed(h->log));
    if (h->log != NULL) {
        h->end_offset = partition_log_end_offset(h->log);
        h->clean = false;
    }
    if (again)
        h->reopen_delay_ms = next_delay(h, now_ms);
    h->reopen_due_ms = again ? now_ms + h->reopen_delay_ms : INT64_MAX;
    if (h->reopen_due_ms < m->next_reopen_ms)
        m->next_reopen_ms = h->reopen_due_ms;
    return again;
}

static void reopen_work(struct log_job *job)
{
    struct log_opening *o = (struct log_opening *)job;
    const struct log_manager *m = job->m;
    /* For indexes and a snapshot that recovery writes, and more than the next batch. */
    int64_t needed = 2 * (int64_t)o->config->max_message_bytes;
    job->rc = disk_need_space(m->o.disk, log_manager_path(m), needed, &job->err);
    if (job->rc == 0)
        log_opening_work(o);
    if (job->rc != 0)
        return;
    int64_t end = partition_log_end_offset(o->log);
    if (end >= o->end_offset)
        return;
    job->rc = err_set(&job->err, ERR_CORRUPT,
                      "after recovery it ends at offset %lld, and was at %lld before",
                      (long long)end, (long long)o->end_offset);
    partition_log_close(o->log);
    o->log = NULL;
}

static void reopen_done(struct log_job *job)
{
    struct log_opening *o = (struct log_opening *)job;
    struct log_manager *m = job->m;
    struct log_handle *h = o->h;
    bool back = o->log != NULL && h->state == LOG_OPENING;
    m->reopening--;
    if (back)
        trace_warn(m->o.trace,
                   "log %.*s-%d is back online: there is space, and nothing was lost",
                   STR_ARGS(log_handle_topic(h)), h->partition);
    log_opening_end(o);
    if (!back)
        return;
    h->reopening = false;
    log_owner_moved(m, h);
}

static void reopen(struct log_manager *m, struct log_handle *h)
{
    struct err err;
    log_handle_shut(m, h);
    h->clean = false;
    struct log_opening *o = log_opening_begin(m, h, &err);
    if (o == NULL)
        return; /* the next tick tries again */
    o->end_offset = h->end_offset;
    h->reopening = true;
    m->reopening++;
    log_manager_submit(m, &o->job, reopen_work, reopen_done);
}

/* As many at a time as may be recovered at a time; the others wait for a later tick. */
void log_manager_reopen_due(struct log_manager *m, int64_t now_ms)
{
    if (now_ms < m->next_reopen_ms || m->stopping)
        return;
    m->next_reopen_ms = INT64_MAX;
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; i < t->slots; i++) {
            struct log_handle *h = t->handles[i];
            if (h == NULL || h->state != LOG_OFFLINE)
                continue;
            if (h->reopen_due_ms <= now_ms && h->job == NULL && h->cleaning == NULL &&
                m->reopening < m->o.recovery_threads)
                reopen(m, h);
            if (h->state == LOG_OFFLINE && h->reopen_due_ms < m->next_reopen_ms)
                m->next_reopen_ms = h->reopen_due_ms;
        }
    }
}
