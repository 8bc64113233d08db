/* Renaming the files of segments that were deleted, and removing them a while later, a
 * job a log. It counts as the handle's one job, for the folder must not be renamed
 * under it; a flush that is asked for meanwhile follows it. */
#include "storage/log_manager_internal.h"

#include <stdlib.h>

struct cleaning {
    struct log_job job;
    struct log_handle *h;
    struct log_cleanup *cleanup;
};

static void clean_work(struct log_job *job)
{
    job->rc = log_cleanup_run(((struct cleaning *)job)->cleanup, &job->err);
}

static void clean_done(struct log_job *job)
{
    struct cleaning *c = (struct cleaning *)job;
    struct log_manager *m = job->m;
    struct log_handle *h = c->h;
    partition_log_cleanup_end(h->log, c->cleanup, job->rc, &job->err);
    h->job = NULL;
    if (!log_manager_check(m, h) && job->rc != 0)
        trace_warn(m->o.trace,
                   "deleted segments of %.*s-%d stay until the next start: %s",
                   STR_ARGS(log_handle_topic(h)), h->partition, job->err.message);
    log_manager_job_over(m, h);
    log_manager_retention_cleaned(m, job);
    free(c);
}

void log_manager_clean_up(struct log_manager *m, struct log_handle *h)
{
    struct err err;
    if (h->state != LOG_ONLINE || h->job != NULL)
        return; /* the next tick tries again, as it does for want of memory */
    struct cleaning *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return;
    if (partition_log_cleanup_begin(h->log, clock_mono_ms(m->o.clock), &c->cleanup,
                                    &err) != 0 ||
        c->cleanup == NULL) {
        free(c);
        return;
    }
    c->h = h;
    h->job = &c->job;
    log_manager_submit(m, &c->job, clean_work, clean_done);
}
