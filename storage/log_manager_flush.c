/* Syncing single logs. One flush at a time runs on a log; requests that come
 * meanwhile share the next one, since the running one may have begun before their
 * batches were appended. */
#include "storage/log_manager_internal.h"

#include <stdlib.h>

#include "storage/partition_metadata.h"

struct flushing {
    struct log_job job;
    struct log_handle *h;
    struct log_flush *flush;     /* NULL: all is on disk already */
    struct log_request *waiters; /* who hears of this one */
    const char *dir;             /* the log's */
    bool sync_metadata;
};

static void flush_work(struct log_job *job)
{
    struct flushing *f = (struct flushing *)job;
    if (f->sync_metadata)
        job->rc = partition_metadata_sync(job->m->o.disk, f->dir, &job->err);
    if (job->rc == 0 && f->flush != NULL)
        job->rc = log_flush_run(f->flush, &job->err);
}

static void next_flush(struct log_manager *m, struct log_handle *h)
{
    struct err err;
    if (h->waiters == NULL)
        return;
    int rc = ERR_OFFLINE;
    if (h->state == LOG_ONLINE)
        rc = log_manager_start_flush(m, h, &err);
    else
        err_set(&err, ERR_OFFLINE, "the log is offline");
    if (rc != 0) {
        struct log_request *waiters = h->waiters;
        h->waiters = NULL;
        log_requests_wake(waiters, rc, &err);
    }
}

void log_manager_job_over(struct log_manager *m, struct log_handle *h)
{
    if (h->job != NULL)
        return;
    if (log_manager_cleaning_waits(h))
        log_manager_cleaning_goes_on(m, h);
    else if (h->state == LOG_DELETING)
        log_manager_handle_idle(m, h);
    else
        next_flush(m, h);
}

static void flush_done(struct log_job *job)
{
    struct flushing *f = (struct flushing *)job;
    struct log_manager *m = job->m;
    struct log_handle *h = f->h;
    if (f->flush != NULL)
        partition_log_flush_end(h->log, f->flush, job->rc, &job->err);
    h->job = NULL;
    if (job->rc == 0)
        h->unsynced = false;
    log_manager_check(m, h);
    struct log_request *waiters = f->waiters;
    log_manager_job_over(m, h);
    log_requests_wake(waiters, job->rc, &job->err);
    free(f);
}

int log_manager_start_flush(struct log_manager *m, struct log_handle *h,
                            struct err *err)
{
    struct flushing *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return err_nomem(err);
    int rc = partition_log_flush_begin(h->log, &f->flush, err);
    if (rc != 0) {
        free(f);
        log_manager_check(m, h);
        return rc;
    }
    f->h = h;
    f->dir = partition_log_dir(h->log);
    f->sync_metadata = h->unsynced;
    f->waiters = h->waiters;
    h->waiters = NULL;
    h->job = &f->job;
    log_manager_submit(m, &f->job, flush_work, flush_done);
    return 0;
}

int log_manager_flush(struct log_manager *m, struct log_handle *h,
                      struct log_request *r, struct err *err)
{
    if (h->state != LOG_ONLINE)
        return err_set(err, ERR_OFFLINE, "log %.*s-%d is not online",
                       STR_ARGS(log_handle_topic(h)), h->partition);
    log_requests_add(&h->waiters, r);
    if (h->job != NULL)
        return 0;
    int rc = log_manager_start_flush(m, h, err);
    if (rc != 0)
        h->waiters = NULL; /* which held `r` alone */
    return rc;
}
