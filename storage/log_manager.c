/* The manager's own state is the loop thread's alone. A job gets copies, or
 * things nobody else touches meanwhile, and gives its result back through done():
 *
 *   loop   request ─► log_manager_submit() ┐            ┌ done(): state, callbacks
 *   pool                                   └─ work() ───┘
 *
 * Invariants:
 * - A handle has at most one job (h->job). Requests that need another wait in
 *   h->waiters, a deletion in m->deletions. A cleaning (h->cleaning) goes on beside
 *   it, but becomes that job while it changes the log.
 * - While m->renaming > 0 no folder is made: a new topic may bear the name of one
 *   whose folder is just being renamed away.
 * - A log belongs to a handle in state ONLINE, OFFLINE or DELETING, and then the
 *   handle is in m->open. */
#include "storage/log_manager_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define ROLL_CHECK_MS 120000 /* partition_log_roll_if_due(): every few minutes */
#define FLUSH_CHECK_MAX_MS 1000
#define LOG_CHECK_MIN_MS 20

/* ---- jobs and requests --------------------------------------------------- */

static void job_work(struct job *job)
{
    struct log_job *j = (struct log_job *)job;
    j->work(j);
}

static void job_done(struct job *job)
{
    struct log_job *j = (struct log_job *)job;
    struct log_manager *m = j->m;
    bool last = j == &m->stop.job; /* after that one `m` may be gone */
    m->running--;
    j->done(j);
    if (!last && m->stopping)
        log_manager_stop_step(m);
}

void log_manager_submit(struct log_manager *m, struct log_job *job,
                        void (*work)(struct log_job *), void (*done)(struct log_job *))
{
    job->job = (struct job){job_work, job_done};
    job->m = m;
    job->work = work;
    job->done = done;
    job->sync_dir = !m->dir_synced;
    m->running++;
    executor_submit(m->o.executor, &job->job);
}

int log_manager_settle(struct log_job *job)
{
    if (job->sync_dir)
        job->rc = log_dir_sync(job->m->o.dir, &job->err);
    return job->rc;
}

void log_manager_settled(struct log_job *job)
{
    if (job->sync_dir && job->rc == 0)
        job->m->dir_synced = true;
}

void log_requests_add(struct log_request **list, struct log_request *r)
{
    r->next = NULL;
    while (*list != NULL)
        list = &(*list)->next;
    *list = r;
}

void log_requests_wake(struct log_request *list, int rc, const struct err *err)
{
    while (list != NULL) {
        struct log_request *r = list;
        list = r->next;
        r->done(r, rc, err);
    }
}

/* ---- handles ------------------------------------------------------------- */

void log_handle_enter(struct log_handle *h, enum log_state next)
{
    static const bool legal[5][5] = {
        [LOG_CLOSED] = {[LOG_OPENING] = true,
                        [LOG_OFFLINE] = true, /* its folder cannot be made */
                        [LOG_DELETING] = true},
        [LOG_OPENING] = {[LOG_ONLINE] = true,
                         [LOG_OFFLINE] = true,
                         [LOG_DELETING] = true,
                         [LOG_CLOSED] = true}, /* retention is done with it */
        [LOG_ONLINE] = {[LOG_CLOSED] = true,   /* at the stop */
                        [LOG_OFFLINE] = true,
                        [LOG_DELETING] = true},
        [LOG_OFFLINE] = {[LOG_OPENING] = true, [LOG_DELETING] = true},
    };
    assert(legal[h->state][next]);
    h->state = (uint8_t)next;
}

struct str log_handle_topic(const struct log_handle *h)
{
    return (struct str){h->topic->name, h->topic->name_len};
}

struct uuid log_handle_topic_id(const struct log_handle *h)
{
    return h->topic->id;
}

void log_handle_shut(struct log_manager *m, struct log_handle *h)
{
    if (h->log == NULL)
        return;
    h->recovery_point = partition_log_recovery_point(h->log);
    h->high_watermark = partition_log_high_watermark(h->log);
    h->log_start_offset = partition_log_start_offset(h->log);
    h->first_dirty_offset = partition_log_first_dirty_offset(h->log);
    partition_log_close(h->log);
    h->log = NULL;
    DL_DELETE(m->open, h);
}

void log_handle_offline(struct log_manager *m, struct log_handle *h,
                        const struct err *why)
{
    bool told = h->log != NULL && partition_log_offline(h->log) != NULL;
    bool again = log_manager_plan_reopening(m, h, why);
    if (!told && !(again && h->reopening))
        trace_error(m->o.trace, "log %.*s-%d is offline until %s: %s",
                    STR_ARGS(log_handle_topic(h)), h->partition,
                    again ? "there is space" : "a restart", why->message);
    h->reopening = false;
    log_handle_enter(h, LOG_OFFLINE);
    log_owner_moved(m, h);
}

bool log_manager_check(struct log_manager *m, struct log_handle *h)
{
    if (h->state == LOG_ONLINE && partition_log_offline(h->log) != NULL)
        log_handle_offline(m, h, partition_log_offline(h->log));
    return h->state == LOG_OFFLINE;
}

/* ---- topics -------------------------------------------------------------- */

static struct log_topic *find_topic(struct log_manager *m, struct uuid id)
{
    struct log_topic *t;
    HASH_FIND(hh, m->topics, &id, sizeof(id), t);
    return t;
}

static struct log_topic *add_topic(struct log_manager *m, struct str name,
                                   struct uuid id, struct topic_config *config)
{
    struct log_topic *t = calloc(1, sizeof(*t) + (size_t)name.len + 1);
    if (t == NULL)
        return NULL;
    t->id = id;
    t->name_len = name.len;
    memcpy(t->name, name.data, (size_t)name.len);
    HASH_ADD(hh, m->topics, id, sizeof(t->id), t);
    if (!hash_added(t)) {
        free(t);
        return NULL;
    }
    t->config = topic_config_acquire(config);
    return t;
}

void log_topic_release(struct log_manager *m, struct log_topic *t)
{
    if (--t->refs > 0)
        return;
    HASH_DEL(m->topics, t);
    topic_config_release(t->config);
    free(t->handles);
    free(t);
}

static bool reserve_slot(struct log_topic *t, int32_t partition)
{
    if (partition < t->slots)
        return true;
    int32_t slots = t->slots < 1 ? 1 : t->slots;
    while (slots <= partition)
        slots = slots > INT32_MAX / 2 ? INT32_MAX : slots * 2;
    struct log_handle **grown = realloc(t->handles, (size_t)slots * sizeof(*grown));
    if (grown == NULL)
        return false;
    memset(grown + t->slots, 0, (size_t)(slots - t->slots) * sizeof(*grown));
    t->handles = grown;
    t->slots = slots;
    return true;
}

struct log_handle *log_manager_find(struct log_manager *m, struct uuid topic_id,
                                    int32_t partition)
{
    struct log_topic *t = find_topic(m, topic_id);
    return t == NULL || partition < 0 || partition >= t->slots ? NULL
                                                               : t->handles[partition];
}

int log_manager_add(struct log_manager *m, struct log_handle *h, struct str topic,
                    struct uuid topic_id, int32_t partition,
                    struct topic_config *config, struct err *err)
{
    assert(partition >= 0 && topic.len > 0 && topic.len <= 249);
    struct log_topic *t = find_topic(m, topic_id);
    if (t == NULL)
        t = add_topic(m, topic, topic_id, config);
    if (t == NULL)
        return err_nomem(err);
    t->refs++;
    if (!reserve_slot(t, partition)) {
        log_topic_release(m, t);
        return err_nomem(err);
    }
    if (t->handles[partition] != NULL) {
        log_topic_release(m, t);
        return err_set(err, ERR_EXISTS, "partition %.*s-%d is here already",
                       STR_ARGS(topic), partition);
    }
    *h = (struct log_handle){.topic = t,
                             .partition = partition,
                             .state = LOG_CLOSED,
                             .clean = m->o.dir->clean};
    t->handles[partition] = h;
    log_manager_take_former(m, h);
    return 0;
}

void log_manager_remove(struct log_manager *m, struct log_handle *h)
{
    assert(h->log == NULL && h->job == NULL && h->waiters == NULL);
    h->topic->handles[h->partition] = NULL;
    log_topic_release(m, h->topic);
    h->topic = NULL;
}

void log_manager_set_config(struct log_manager *m, struct uuid topic_id,
                            struct topic_config *config)
{
    struct log_topic *t = find_topic(m, topic_id);
    if (t == NULL)
        return;
    struct topic_config *before = t->config;
    t->config = topic_config_acquire(config);
    for (int32_t i = 0; i < t->slots; i++) {
        struct log_handle *h = t->handles[i];
        if (h == NULL)
            continue;
        h->retention_due_ms = 0;
        h->surveyed = false;
        if (h->log != NULL)
            partition_log_set_config(h->log, config);
        if (!config->cleanup_compact)
            log_manager_stop_cleaning(m, h);
    }
    topic_config_release(before);
}

void log_manager_set_owner(struct log_manager *m, struct log_owner *owner)
{
    m->owner = owner;
}

void log_owner_moved(struct log_manager *m, struct log_handle *h)
{
    if (m->owner != NULL)
        m->owner->moved(m->owner, h);
}

void log_manager_set_times(struct log_manager *m, int64_t file_delete_delay_ms,
                           int64_t producer_id_expiration_ms)
{
    struct log_handle *h;
    m->o.file_delete_delay_ms = file_delete_delay_ms;
    m->o.producer_id_expiration_ms = producer_id_expiration_ms;
    DL_FOREACH (m->open, h)
        partition_log_set_producer_expiration(h->log, producer_id_expiration_ms);
}

void log_manager_set_cleaner(struct log_manager *m,
                             const struct log_cleaner_config *config)
{
    bool enable = m->o.cleaner.enable;
    m->o.cleaner = *config;
    m->o.cleaner.enable = enable;
    m->cleaner.paid_until_us = 0;
}

/* ---- time ---------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t until_ms(int64_t due_ms, int64_t now_ms)
{
    return due_ms <= now_ms ? 0 : due_ms - now_ms;
}

/* What is overdue waits for a job: to ask often would not help it. */
static int64_t wait_for_jobs(int64_t wait_ms)
{
    return wait_ms < LOG_CHECK_MIN_MS ? LOG_CHECK_MIN_MS : wait_ms;
}

/* What is due for one log; in how many ms it may have to be flushed or cleaned up. */
static int64_t tick_log(struct log_manager *m, struct log_handle *h, int64_t now_ms)
{
    struct err err;
    int64_t cleanup_due_ms = partition_log_cleanup_due_ms(h->log);
    if (h->job == NULL && partition_log_flush_overdue(h->log))
        log_manager_start_flush(m, h, &err);
    else if (cleanup_due_ms <= now_ms)
        log_manager_clean_up(m, h);
    int64_t flush_ms = h->topic->config->flush_ms;
    if (flush_ms != INT64_MAX)
        flush_ms = earlier(flush_ms, FLUSH_CHECK_MAX_MS);
    return earlier(flush_ms, until_ms(cleanup_due_ms, now_ms));
}

/* One pass over the open logs; returns in how many ms one of them wants the next. */
static int64_t tick_logs(struct log_manager *m, int64_t now_ms, bool rolls, bool expiry)
{
    int64_t wait = INT64_MAX;
    struct err err;
    struct log_handle *h, *next;
    DL_FOREACH_SAFE (m->open, h, next) {
        if (h->state != LOG_ONLINE || log_manager_check(m, h))
            continue;
        wait = earlier(wait, tick_log(m, h, now_ms));
        if (rolls)
            partition_log_roll_if_due(h->log, &err);
        if (expiry)
            partition_log_expire_producers(h->log);
        log_manager_check(m, h);
    }
    return wait_for_jobs(wait);
}

bool log_manager_is_due(int64_t *next_ms, int64_t now_ms, int64_t first_ms,
                        int64_t interval_ms)
{
    if (*next_ms == INT64_MIN) /* the first tick only sets the clocks */
        *next_ms = clock_later_ms(now_ms, first_ms);
    if (now_ms < *next_ms)
        return false;
    *next_ms = clock_later_ms(now_ms, interval_ms);
    return true;
}

static bool is_due_every(int64_t *next_ms, int64_t now_ms, int64_t interval_ms)
{
    return log_manager_is_due(next_ms, now_ms, interval_ms, interval_ms);
}

int64_t log_manager_tick(struct log_manager *m, int64_t now_ms)
{
    bool rolls = is_due_every(&m->next_roll_ms, now_ms, ROLL_CHECK_MS);
    bool expiry =
        is_due_every(&m->next_expiry_ms, now_ms, m->o.producer_expiry_interval_ms);
    bool checkpoint =
        is_due_every(&m->next_checkpoint_ms, now_ms, m->o.checkpoint_interval_ms);
    bool retention =
        log_manager_is_due(&m->next_retention_ms, now_ms, m->o.initial_task_delay_ms,
                           m->o.retention_check_interval_ms);
    int64_t wait = tick_logs(m, now_ms, rolls, expiry);
    if (checkpoint)
        log_manager_checkpoint(m);
    if (retention)
        log_manager_start_retention(m);
    log_manager_reopen_due(m, now_ms);
    log_manager_remove_doomed(m, now_ms);
    if (m->open != NULL)
        wait = earlier(wait, m->next_roll_ms - now_ms);
    wait = earlier(wait, m->next_expiry_ms - now_ms);
    wait = earlier(wait, m->next_checkpoint_ms - now_ms);
    wait = earlier(wait, m->next_retention_ms - now_ms);
    if (m->next_reopen_ms != INT64_MAX)
        wait = earlier(wait, wait_for_jobs(until_ms(m->next_reopen_ms, now_ms)));
    for (struct doomed *d = m->doomed; d != NULL; d = d->next)
        wait = earlier(wait, d->due_ms - now_ms);
    wait = earlier(wait, log_manager_tick_cleaner(m, now_ms));
    return wait < 1 ? 1 : wait;
}

/* ---- open and destroy ---------------------------------------------------- */

int log_manager_open(const struct log_manager_options *options,
                     struct log_manager **out, struct err *err)
{
    struct log_manager *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return err_nomem(err);
    m->o = *options;
    if (m->o.recovery_threads < 1)
        m->o.recovery_threads = 1;
    m->next_checkpoint_ms = m->next_expiry_ms = INT64_MIN;
    m->next_roll_ms = m->next_retention_ms = INT64_MIN;
    m->next_reopen_ms = INT64_MAX;
    m->cleaner.next_round_ms = INT64_MIN;
    int rc = log_manager_read_checkpoints(m, err);
    if (rc != 0) {
        log_manager_destroy(m);
        return rc;
    }
    *out = m;
    return 0;
}

void log_manager_destroy(struct log_manager *m)
{
    if (m == NULL)
        return;
    assert(m->running == 0);
    log_manager_free_cleaner(m);
    while (m->open != NULL)
        log_handle_shut(m, m->open);
    struct log_topic *t, *next;
    HASH_ITER (hh, m->topics, t, next) {
        t->refs = 1;
        log_topic_release(m, t);
    }
    while (m->doomed != NULL) {
        struct doomed *d = m->doomed;
        m->doomed = d->next;
        free(d);
    }
    log_manager_forget_former(m);
    free(m);
}
