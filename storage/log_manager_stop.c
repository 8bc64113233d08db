/* The clean stop:
 *
 *   what runs ends ─► open logs are sealed, a chunk a job, several at a time
 *                  ─► one last job: checkpoints, then the marker
 *
 * The marker says that every file may be trusted. One log that could not be sealed,
 * went offline before, or was not recovered yet, is enough to leave it out. */
#include "storage/log_manager_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "storage/partition_metadata.h"

#define SEAL_CHUNK 64

struct sealing {
    struct log_job job;
    struct err errs[SEAL_CHUNK];
    int rcs[SEAL_CHUNK];
    int count;
    struct log_handle *handles[SEAL_CHUNK];
};

static void fail(struct log_stop *s, int rc, const struct err *err)
{
    s->dirty = true;
    if (s->rc == 0) {
        s->rc = rc;
        s->err = *err;
    }
}

/* An empty log may lose its partition.metadata: it is made anew with the folder. */
static int seal(struct log_manager *m, struct log_handle *h, struct err *err)
{
    int rc = 0;
    if (h->unsynced && partition_log_end_offset(h->log) > 0)
        rc = partition_metadata_sync(m->o.disk, partition_log_dir(h->log), err);
    return rc != 0 ? rc : partition_log_seal(h->log, err);
}

static void seal_work(struct log_job *job)
{
    struct sealing *s = (struct sealing *)job;
    for (int i = 0; i < s->count; i++)
        s->rcs[i] = seal(job->m, s->handles[i], &s->errs[i]);
}

static void seal_done(struct log_job *job)
{
    struct sealing *s = (struct sealing *)job;
    struct log_manager *m = job->m;
    m->stop.sealing--;
    for (int i = 0; i < s->count; i++) {
        struct log_handle *h = s->handles[i];
        h->job = NULL;
        if (s->rcs[i] != 0) {
            fail(&m->stop, s->rcs[i], &s->errs[i]);
            log_handle_offline(m, h, &s->errs[i]);
        } else {
            log_handle_enter(h, LOG_CLOSED);
            h->clean = true;
        }
        log_handle_shut(m, h);
    }
    free(s);
}

static struct sealing *next_chunk(struct log_manager *m)
{
    struct sealing *s = NULL;
    for (struct log_handle *h = m->open; h != NULL; h = h->next) {
        if (h->state != LOG_ONLINE || h->job != NULL)
            continue;
        if (s == NULL)
            s = calloc(1, sizeof(*s));
        if (s == NULL)
            return NULL;
        h->job = &s->job;
        s->handles[s->count++] = h;
        if (s->count == SEAL_CHUNK)
            break;
    }
    return s;
}

/* Too little memory to seal them: closed as they are, and the next start finds no
 * marker and recovers. */
static void shut_rest(struct log_manager *m)
{
    struct err err;
    while (m->open != NULL) {
        if (m->open->state == LOG_ONLINE)
            fail(&m->stop, ERR_NOMEM, (err_nomem(&err), &err));
        m->stop.dirty = true;
        log_handle_shut(m, m->open);
    }
}

/* Logs that nobody opened since an unclean stop, say, or that are offline. */
static bool all_are_clean(struct log_manager *m)
{
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; i < t->slots; i++) {
            if (t->handles[i] != NULL && !t->handles[i]->clean)
                return false;
        }
    }
    return true;
}

static void last_work(struct log_job *job)
{
    struct log_stop *s = (struct log_stop *)job;
    struct log_manager *m = job->m;
    job->rc = s->checkpoints == NULL ? err_nomem(&job->err)
                                     : checkpoint_job_write(s->checkpoints, &job->err);
    if (job->rc == 0 && !s->dirty)
        job->rc = log_dir_mark_clean(m->o.dir, s->broker_epoch, &job->err);
}

static void last_done(struct log_job *job)
{
    struct log_stop *s = (struct log_stop *)job;
    struct log_manager *m = job->m;
    checkpoint_job_destroy(m, s->checkpoints);
    if (job->rc != 0)
        fail(s, job->rc, &job->err);
    m->stopping = false;
    s->request->done(s->request, s->rc, &s->err); /* may end the manager */
}

void log_manager_stop_step(struct log_manager *m)
{
    struct log_stop *s = &m->stop;
    if (s->last || m->running > s->sealing)
        return;
    while (s->sealing < m->o.recovery_threads) {
        struct sealing *chunk = next_chunk(m);
        if (chunk == NULL)
            break;
        s->sealing++;
        log_manager_submit(m, &chunk->job, seal_work, seal_done);
    }
    if (s->sealing > 0)
        return;
    shut_rest(m);
    s->dirty = s->dirty || !all_are_clean(m);
    s->checkpoints = checkpoint_job_create(m);
    s->last = true;
    log_manager_submit(m, &s->job, last_work, last_done);
}

void log_manager_stop(struct log_manager *m, int64_t broker_epoch,
                      struct log_request *r)
{
    assert(!m->stopping);
    m->stop = (struct log_stop){.request = r, .broker_epoch = broker_epoch};
    m->stopping = true;
    log_manager_stop_cleaner(m);
    log_manager_stop_step(m);
}
