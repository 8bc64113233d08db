/* Opening logs, one by one on first use, or all of them after an unclean stop. */
#include "storage/log_manager_internal.h"

#include <stdlib.h>
#include <utlist.h>

void log_opening_work(struct log_opening *o)
{
    struct log_job *job = &o->job;
    struct log_manager *m = job->m;
    if (log_manager_settle(job) != 0)
        return;
    job->rc = log_folder_prepare(&o->folder, m->o.disk, m->o.random, m->o.trace,
                                 &o->fresh, &job->err);
    if (job->rc != 0)
        return;
    if (o->fresh) {
        o->options.clean = true;
        o->options.recovery_point = o->options.log_start_offset = 0;
        o->options.first_dirty_offset = 0;
    }
    job->rc = partition_log_open(&o->options, &o->log, &o->recovery, &job->err);
}

static void open_work(struct log_job *job)
{
    log_opening_work((struct log_opening *)job);
}

static void trace_recovery(struct log_opening *o)
{
    const struct partition_log_recovery *r = &o->recovery;
    if (r->bytes_truncated > 0)
        trace_warn(o->job.m->o.trace,
                   "log %.*s-%d: %lld bytes at its end were no whole batches and are "
                   "cut off; it goes on at offset %lld",
                   STR_ARGS(o->folder.topic), o->folder.partition,
                   (long long)r->bytes_truncated,
                   (long long)partition_log_end_offset(o->log));
}

void log_opening_take_log(struct log_opening *o)
{
    struct log_manager *m = o->job.m;
    struct log_handle *h = o->h;
    h->log = o->log;
    h->unsynced |= o->fresh;
    DL_APPEND(m->open, h);
    log_manager_settled(&o->job);
    partition_log_set_config(h->log, h->topic->config);
    partition_log_set_producer_expiration(h->log, m->o.producer_id_expiration_ms);
    partition_log_set_high_watermark(h->log, o->high_watermark);
    trace_recovery(o);
}

void log_opening_end(struct log_opening *o)
{
    struct log_job *job = &o->job;
    struct log_manager *m = job->m;
    struct log_handle *h = o->h;
    struct log_request *waiters = h->waiters;
    h->job = NULL;
    h->waiters = NULL;
    if (o->log != NULL)
        log_opening_take_log(o);
    if (h->state == LOG_DELETING)
        log_manager_handle_idle(m, h); /* which had no waiters left */
    else if (o->log != NULL)
        log_handle_enter(h, LOG_ONLINE);
    else
        log_handle_offline(m, h, &job->err);
    log_requests_wake(waiters, job->rc, &job->err);
    log_opening_free(o);
}

void log_opening_free(struct log_opening *o)
{
    topic_config_release(o->config);
    buf_free(&o->dir);
    free(o);
}

static void open_done(struct log_job *job)
{
    log_opening_end((struct log_opening *)job);
}

struct log_opening *log_opening_begin(struct log_manager *m, struct log_handle *h,
                                      struct err *err)
{
    char name[FOLDER_NAME_SIZE];
    struct log_opening *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return err_nomem(err), NULL;
    log_folder_name(name, log_handle_topic(h), h->partition);
    buf_printf(&o->dir, "%s/%s", log_manager_path(m), name);
    if (o->dir.failed) {
        free(o);
        return err_nomem(err), NULL;
    }
    o->h = h;
    o->folder = log_handle_folder(m, h);
    o->config = topic_config_acquire(h->topic->config);
    o->options = (struct partition_log_options){
        .dir = (const char *)o->dir.data,
        .disk = m->o.disk,
        .clock = m->o.clock,
        .random = m->o.random,
        .trace = m->o.trace,
        .config = o->config,
        .clean = h->clean,
        .recovery_point = h->recovery_point,
        .log_start_offset = h->log_start_offset,
        .first_dirty_offset = h->first_dirty_offset,
        .producer_id_expiration_ms = m->o.producer_id_expiration_ms,
    };
    bool alone = m->owner != NULL && m->owner->commits_alone(m->owner, h);
    o->high_watermark = alone ? INT64_MAX : h->high_watermark;
    h->job = &o->job;
    log_handle_enter(h, LOG_OPENING);
    return o;
}

int log_manager_start_open(struct log_manager *m, struct log_handle *h, struct err *err)
{
    struct log_opening *o = log_opening_begin(m, h, err);
    if (o == NULL)
        return ERR_NOMEM;
    log_manager_submit(m, &o->job, open_work, open_done);
    return 0;
}

int log_manager_ensure_open(struct log_manager *m, struct log_handle *h,
                            struct log_request *r, struct err *err)
{
    switch ((enum log_state)h->state) {
    case LOG_ONLINE:
        return 1;
    case LOG_OFFLINE:
        return err_set(err, ERR_OFFLINE, "log %.*s-%d is offline",
                       STR_ARGS(log_handle_topic(h)), h->partition);
    case LOG_DELETING:
        return err_set(err, ERR_NOT_FOUND, "log %.*s-%d is being deleted",
                       STR_ARGS(log_handle_topic(h)), h->partition);
    case LOG_CLOSED:
        if (h->job == NULL) { /* else its folder is being made: wait for that */
            int rc = log_manager_start_open(m, h, err);
            if (rc != 0)
                return rc;
        }
        break;
    case LOG_OPENING:
        break;
    }
    log_requests_add(&h->waiters, r);
    return 0;
}

/* ---- after an unclean stop ----------------------------------------------- */

struct recovery;

/* Opens one log after the other; as many lanes as threads are granted. */
struct lane {
    struct log_request request; /* first */
    struct recovery *recovery;
};

struct recovery {
    struct log_manager *m;
    struct log_request *request;
    struct log_request scanned;
    struct log_handle **handles;
    size_t count;
    size_t next;
    int pending; /* lanes, and the scan */
    struct lane lanes[];
};

#define container_of_scan(r) \
    ((struct recovery *)((char *)(r)-offsetof(struct recovery, scanned)))

static void one_done(struct recovery *r)
{
    if (--r->pending > 0)
        return;
    struct err none = {0};
    r->request->done(r->request, 0, &none);
    free(r->handles);
    free(r);
}

static void lane_go_on(struct lane *lane)
{
    struct recovery *r = lane->recovery;
    struct err err;
    while (r->next < r->count) {
        struct log_handle *h = r->handles[r->next++];
        if (log_manager_ensure_open(r->m, h, &lane->request, &err) == 0)
            return;
    }
    one_done(r);
}

/* What could not be opened is offline and traced: the next one, please. */
static void lane_done(struct log_request *request, int rc, const struct err *err)
{
    (void)rc;
    (void)err;
    lane_go_on((struct lane *)request);
}

static void scan_done(struct log_request *request, int rc, const struct err *err)
{
    (void)rc;
    (void)err;
    one_done(container_of_scan(request));
}

static size_t collect_handles(struct log_manager *m, struct log_handle **out)
{
    size_t count = 0;
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; i < t->slots; i++) {
            if (t->handles[i] == NULL)
                continue;
            if (out != NULL)
                out[count] = t->handles[i];
            count++;
        }
    }
    return count;
}

int log_manager_recover_all(struct log_manager *m, struct log_request *request,
                            struct err *err)
{
    int lanes = m->o.recovery_threads;
    struct recovery *r = calloc(1, sizeof(*r) + (size_t)lanes * sizeof(r->lanes[0]));
    size_t count = collect_handles(m, NULL);
    struct log_handle **handles = calloc(count + 1, sizeof(*handles));
    int rc = r == NULL || handles == NULL ? err_nomem(err) : 0;
    if (rc == 0) {
        collect_handles(m, handles);
        *r = (struct recovery){.m = m,
                               .request = request,
                               .scanned = {.done = scan_done},
                               .handles = handles,
                               .count = count,
                               .pending = 1 + lanes};
        rc = log_manager_scan(m, &r->scanned, err);
    }
    if (rc != 0) {
        free(handles);
        free(r);
        return rc;
    }
    for (int i = 0; i < lanes; i++) {
        r->lanes[i] = (struct lane){.request = {.done = lane_done}, .recovery = r};
        lane_go_on(&r->lanes[i]);
    }
    return 0;
}
