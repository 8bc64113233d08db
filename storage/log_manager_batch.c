/* Making and deleting replicas, many in one job.
 *
 *   log_manager_delete ─► wait for the handles' own jobs,
 *                         and a checkpoint under way ─► rename ─► callback
 *   log_manager_create ─► wait until nothing is renamed ──► make ───► callback
 *
 * so that a topic which is deleted and made anew at once finds the name free. The
 * checkpoints go by name, too: what they say of the old log is gone before the
 * callback, or a crash would give the new log its offsets, and cut it off there.
 *
 * Making waits for no device: what a power cut takes is made again on first use, and
 * the first flush of a log syncs its folder, partition.metadata and all. */
#include "storage/log_manager_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

struct log_batch {
    struct log_job job;
    struct log_manager *m;
    struct log_batch *prev, *next; /* in m->creations or m->deletions */
    struct log_request *request;
    struct log_request *orphans;        /* requests that waited on deleted handles */
    struct doomed **doomed;             /* deletion: one a handle */
    struct checkpoint_job *checkpoints; /* deletion: without them; NULL: as it is */
    struct err checkpoint_err;
    bool *fresh; /* creation: one a handle */
    int busy;    /* handles that a job still works on */
    int made;    /* creation: so many have a folder */
    int count;
    struct log_handle *handles[];
};

static void batch_destroy(struct log_batch *b)
{
    for (int i = 0; b->doomed != NULL && i < b->count; i++)
        free(b->doomed[i]);
    free(b->doomed);
    free(b->fresh);
    free(b);
}

static struct log_batch *batch_create(struct log_manager *m,
                                      struct log_handle *const *handles, int count,
                                      struct log_request *request)
{
    size_t size = (size_t)count * sizeof(struct log_handle *);
    struct log_batch *b = calloc(1, sizeof(*b) + size);
    if (b == NULL)
        return NULL;
    b->m = m;
    b->request = request;
    b->count = count;
    memcpy(b->handles, handles, size);
    return b;
}

/* ---- creation ------------------------------------------------------------ */

static void create_work(struct log_job *job)
{
    struct log_batch *b = (struct log_batch *)job;
    const struct log_manager_options *o = &b->m->o;
    for (int i = 0; job->rc == 0 && i < b->count; i++) {
        struct log_folder folder = log_handle_folder(b->m, b->handles[i]);
        job->rc = log_folder_prepare(&folder, o->disk, o->random, o->trace,
                                     &b->fresh[i], &job->err);
        if (job->rc == 0)
            b->made++;
    }
}

static void created(struct log_batch *b, int i)
{
    struct log_manager *m = b->m;
    struct log_handle *h = b->handles[i];
    struct err err;
    h->job = NULL;
    if (b->fresh[i]) {
        h->clean = h->unsynced = true;
        h->recovery_point = h->high_watermark = h->log_start_offset = 0;
        h->first_dirty_offset = 0;
    }
    if (h->state == LOG_DELETING) {
        log_manager_handle_idle(m, h);
        return;
    }
    int rc = 0;
    if (i >= b->made) {
        rc = b->job.rc;
        err = b->job.err;
        log_handle_offline(m, h, &err);
    } else if (h->waiters != NULL) {
        rc = log_manager_start_open(m, h, &err);
    }
    if (rc != 0) {
        struct log_request *waiters = h->waiters;
        h->waiters = NULL;
        log_requests_wake(waiters, rc, &err);
    }
}

static void create_done(struct log_job *job)
{
    struct log_batch *b = (struct log_batch *)job;
    struct log_request *request = b->request;
    for (int i = 0; i < b->count; i++)
        created(b, i);
    request->done(request, job->rc, &job->err);
    batch_destroy(b);
}

int log_manager_create(struct log_manager *m, struct log_handle *const *handles,
                       int count, struct log_request *r, struct err *err)
{
    struct log_batch *b = batch_create(m, handles, count, r);
    if (b == NULL)
        return err_nomem(err);
    b->fresh = calloc((size_t)count + 1, sizeof(*b->fresh));
    if (b->fresh == NULL) {
        batch_destroy(b);
        return err_nomem(err);
    }
    for (int i = 0; i < count; i++)
        handles[i]->job = &b->job;
    if (m->renaming > 0 || m->deletions != NULL)
        DL_APPEND(m->creations, b);
    else
        log_manager_submit(m, &b->job, create_work, create_done);
    return 0;
}

void log_manager_renaming_done(struct log_manager *m)
{
    if (--m->renaming > 0 || m->deletions != NULL)
        return;
    struct log_batch *b, *next;
    DL_FOREACH_SAFE (m->creations, b, next) {
        DL_DELETE(m->creations, b);
        log_manager_submit(m, &b->job, create_work, create_done);
    }
}

/* ---- deletion ------------------------------------------------------------ */

static int rename_away(struct log_batch *b, int i, struct err *err)
{
    struct disk *disk = b->m->o.disk;
    const struct log_handle *h = b->handles[i];
    char name[FOLDER_NAME_SIZE], from[PATH_MAX];
    log_folder_name(name, log_handle_topic(h), h->partition);
    snprintf(from, sizeof(from), "%s/%s", log_manager_path(b->m), name);
    int rc = disk->ops->rename(disk, from, b->doomed[i]->path, err);
    if (rc != 0) {
        free(b->doomed[i]);
        b->doomed[i] = NULL;
    }
    return rc == ERR_NOT_FOUND ? 0 : rc; /* never made: nothing to rename */
}

static void delete_work(struct log_job *job)
{
    struct log_batch *b = (struct log_batch *)job;
    struct disk *disk = b->m->o.disk;
    struct err err;
    for (int i = 0; i < b->count; i++) {
        int rc = rename_away(b, i, &err);
        if (rc != 0 && job->rc == 0) {
            job->rc = rc;
            job->err = err;
        }
    }
    int rc = disk->ops->sync_dir(disk, log_manager_path(b->m), &err);
    if (rc != 0 && job->rc == 0) {
        job->rc = rc;
        job->err = err;
    }
    if (b->checkpoints != NULL)
        checkpoint_job_write(b->checkpoints, &b->checkpoint_err);
}

/* What failed is tried again by the next checkpoint. */
static void end_checkpoints(struct log_batch *b)
{
    if (b->checkpoints == NULL)
        return;
    b->m->checkpointing = false;
    log_manager_tell_checkpoint(b->m, b->checkpoint_err.code, &b->checkpoint_err);
    checkpoint_job_destroy(b->m, b->checkpoints);
}

static void delete_done(struct log_job *job)
{
    struct log_batch *b = (struct log_batch *)job;
    struct log_manager *m = b->m;
    struct log_request *request = b->request;
    int64_t due = clock_later_ms(clock_mono_ms(m->o.clock), m->o.file_delete_delay_ms);
    struct err gone;
    err_set(&gone, ERR_NOT_FOUND, "the log was deleted");
    end_checkpoints(b);
    for (int i = 0; i < b->count; i++) {
        struct doomed *d = b->doomed[i];
        struct log_topic *topic = b->handles[i]->topic;
        b->handles[i]->topic = NULL;
        log_topic_release(m, topic);
        if (d == NULL)
            continue;
        b->doomed[i] = NULL;
        d->due_ms = due;
        LL_PREPEND(m->doomed, d);
    }
    log_requests_wake(b->orphans, ERR_NOT_FOUND, &gone);
    request->done(request, job->rc, &job->err);
    batch_destroy(b);
    log_manager_deletions_go_on(m);
    log_manager_checkpoint(m);
    log_manager_renaming_done(m);
}

/* Whether a checkpoint may say something of these logs that would harm a new one. */
static bool is_checkpointed(const struct log_batch *b)
{
    for (int i = 0; i < b->count; i++) {
        const struct log_handle *h = b->handles[i];
        if (h->recovery_point > 0 || h->log_start_offset > 0 ||
            h->first_dirty_offset > 0)
            return true;
    }
    return false;
}

static void submit_deletion(struct log_batch *b)
{
    struct log_manager *m = b->m;
    for (int i = 0; i < b->count; i++)
        log_handle_shut(m, b->handles[i]);
    if (is_checkpointed(b)) {
        if (m->checkpointing)
            return; /* log_manager_deletions_go_on() comes when it is done */
        b->checkpoints = checkpoint_job_create(m);
        m->checkpointing = b->checkpoints != NULL;
    }
    DL_DELETE(m->deletions, b);
    m->renaming++;
    log_manager_submit(m, &b->job, delete_work, delete_done);
}

void log_manager_deletions_go_on(struct log_manager *m)
{
    struct log_batch *b, *next;
    DL_FOREACH_SAFE (m->deletions, b, next) {
        if (b->busy == 0)
            submit_deletion(b);
    }
}

/* A job on a handle that is to be deleted is over; it may have been the last. */
void log_manager_handle_idle(struct log_manager *m, struct log_handle *h)
{
    struct log_batch *b;
    if (h->job != NULL || h->cleaning != NULL)
        return;
    DL_FOREACH (m->deletions, b) {
        for (int i = 0; i < b->count; i++) {
            if (b->handles[i] != h)
                continue;
            if (--b->busy == 0)
                submit_deletion(b);
            return;
        }
    }
}

/* Names are made here, so that nothing can fail later for want of memory. */
static struct doomed *doom(struct log_manager *m, const struct log_handle *h)
{
    char name[FOLDER_NAME_SIZE];
    log_folder_aside_name(name, log_handle_topic(h), h->partition, m->o.random,
                          FOLDER_DELETE_SUFFIX);
    size_t size = strlen(log_manager_path(m)) + 1 + strlen(name) + 1;
    struct doomed *d = calloc(1, sizeof(*d) + size);
    if (d != NULL)
        snprintf(d->path, size, "%s/%s", log_manager_path(m), name);
    return d;
}

static bool doom_all(struct log_batch *b)
{
    b->doomed = calloc((size_t)b->count + 1, sizeof(*b->doomed));
    for (int i = 0; b->doomed != NULL && i < b->count; i++) {
        b->doomed[i] = doom(b->m, b->handles[i]);
        if (b->doomed[i] == NULL)
            return false;
    }
    return b->doomed != NULL;
}

int log_manager_delete(struct log_manager *m, struct log_handle *const *handles,
                       int count, struct log_request *r, struct err *err)
{
    struct log_batch *b = batch_create(m, handles, count, r);
    if (b == NULL)
        return err_nomem(err);
    if (!doom_all(b)) {
        batch_destroy(b);
        return err_nomem(err);
    }
    for (int i = 0; i < count; i++) {
        struct log_handle *h = handles[i];
        log_handle_enter(h, LOG_DELETING);
        h->topic->handles[h->partition] = NULL;
        while (h->waiters != NULL) {
            struct log_request *waiter = h->waiters;
            h->waiters = waiter->next;
            log_requests_add(&b->orphans, waiter);
        }
        b->busy += h->job != NULL || h->cleaning != NULL;
        log_manager_stop_cleaning(m, h);
    }
    DL_APPEND(m->deletions, b);
    if (b->busy == 0)
        submit_deletion(b);
    return 0;
}
