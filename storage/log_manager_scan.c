/* What lies in the data directory besides the replicas that metadata names:
 * folders on their way out, and strays. */
#include "storage/log_manager_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define METADATA_FOLDER "__cluster_metadata-0"

struct scan {
    struct log_job job;
    struct log_request *request; /* may be NULL */
    struct buf names;            /* of all folders, each with its zero */
    size_t at;
};

struct set_aside {
    struct log_job job;
    struct log_request *request;
    struct buf names;
};

/* ---- removal ------------------------------------------------------------- */

struct removal {
    struct log_job job;
    struct doomed *list;
};

static void removal_work(struct log_job *job)
{
    struct removal *r = (struct removal *)job;
    struct log_manager *m = job->m;
    for (struct doomed *d = r->list; d != NULL; d = d->next) {
        int rc = disk_remove_tree(m->o.disk, d->path, &job->err);
        if (rc != 0 && rc != ERR_NOT_FOUND)
            trace_warn(m->o.trace, "cannot remove the deleted log: %s",
                       job->err.message);
    }
}

static void removal_done(struct log_job *job)
{
    struct removal *r = (struct removal *)job;
    job->m->removing = false;
    while (r->list != NULL) {
        struct doomed *d = r->list;
        r->list = d->next;
        free(d);
    }
    free(r);
}

void log_manager_remove_doomed(struct log_manager *m, int64_t now_ms)
{
    struct doomed *due = NULL;
    struct doomed *d, *next;
    if (m->removing || m->doomed == NULL)
        return;
    struct removal *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return; /* the next tick tries again */
    LL_FOREACH_SAFE(m->doomed, d, next)
    {
        if (d->due_ms > now_ms)
            continue;
        LL_DELETE(m->doomed, d);
        LL_PREPEND(due, d);
    }
    if (due == NULL) {
        free(r);
        return;
    }
    r->list = due;
    m->removing = true;
    log_manager_submit(m, &r->job, removal_work, removal_done);
}

static void doom_leftover(struct log_manager *m, const char *name)
{
    size_t size = strlen(log_manager_path(m)) + 1 + strlen(name) + 1;
    struct doomed *d = calloc(1, sizeof(*d) + size);
    if (d == NULL)
        return; /* the next start finds it again */
    snprintf(d->path, size, "%s/%s", log_manager_path(m), name);
    d->due_ms = INT64_MIN;
    LL_PREPEND(m->doomed, d);
}

/* ---- strays -------------------------------------------------------------- */

static void finish(struct log_request *request, int rc, const struct err *err)
{
    if (request != NULL)
        request->done(request, rc, err);
}

static void set_aside_work(struct log_job *job)
{
    struct set_aside *s = (struct set_aside *)job;
    struct log_manager *m = job->m;
    struct err err;
    for (size_t at = 0; at < s->names.len;
         at += strlen((char *)s->names.data + at) + 1) {
        struct log_folder folder = {.parent = log_manager_path(m)};
        log_folder_parse((char *)s->names.data + at, &folder.topic, &folder.partition);
        int rc = log_folder_set_aside(&folder, "belongs to no partition of this broker",
                                      m->o.disk, m->o.random, m->o.trace, &err);
        if (rc != 0 && rc != ERR_NOT_FOUND)
            trace_warn(m->o.trace, "cannot set a stray log aside: %s", err.message);
    }
}

static void set_aside_done(struct log_job *job)
{
    struct set_aside *s = (struct set_aside *)job;
    struct log_manager *m = job->m;
    finish(s->request, 0, &job->err);
    buf_free(&s->names);
    free(s);
    log_manager_renaming_done(m);
}

/* ---- the scan ------------------------------------------------------------ */

static int note_folder(void *context, const struct disk_entry *entry)
{
    if (entry->is_dir && strcmp(entry->name, METADATA_FOLDER) != 0)
        buf_append(context, entry->name, strlen(entry->name) + 1);
    return 0;
}

static void scan_work(struct log_job *job)
{
    struct scan *s = (struct scan *)job;
    struct disk *disk = job->m->o.disk;
    job->rc = disk->ops->list(disk, log_manager_path(job->m), note_folder, &s->names,
                              &job->err);
    if (job->rc == 0 && s->names.failed)
        job->rc = err_nomem(&job->err);
}

struct known {
    struct log_topic **topics; /* by name */
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    const struct log_topic *const *left = a;
    const struct log_topic *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static int know(struct log_manager *m, struct known *k)
{
    *k = (struct known){0};
    k->topics = calloc(HASH_COUNT(m->topics) + 1, sizeof(struct log_topic *));
    if (k->topics == NULL)
        return ERR_NOMEM;
    log_manager_each_topic(m, t) k->topics[k->count++] = t;
    qsort(k->topics, k->count, sizeof(k->topics[0]), by_name);
    return 0;
}

static int compare_name(const void *key, const void *element)
{
    const struct str *name = key;
    const struct log_topic *const *t = element;
    int order = strncmp(name->data, (*t)->name, (size_t)name->len);
    return order != 0 ? order : (*t)->name[name->len] == '\0' ? 0 : -1;
}

/* By name alone: whether the id fits is seen when the log is opened. A topic whose
 * folders are being renamed just now counts as known. */
static bool is_known(const struct known *k, struct str topic, int32_t partition)
{
    struct log_topic *const *found =
        bsearch(&topic, k->topics, k->count, sizeof(k->topics[0]), compare_name);
    if (found == NULL)
        return false;
    size_t first = (size_t)(found - k->topics);
    while (first > 0 && compare_name(&topic, &k->topics[first - 1]) == 0)
        first--;
    for (; first < k->count && compare_name(&topic, &k->topics[first]) == 0; first++) {
        const struct log_topic *t = k->topics[first];
        if (partition < t->slots && t->handles[partition] != NULL)
            return true;
    }
    return false;
}

static void sort_out(struct log_manager *m, const struct known *k, const char *name,
                     struct buf *strays)
{
    struct str topic;
    int32_t partition;
    switch (log_folder_parse(name, &topic, &partition)) {
    case FOLDER_PARTITION:
        if (!is_known(k, topic, partition))
            buf_append(strays, name, strlen(name) + 1);
        break;
    case FOLDER_DELETED:
        doom_leftover(m, name);
        break;
    case FOLDER_STRAY:
        trace_debug(m->o.trace, "%s/%s is a stray log", log_manager_path(m), name);
        break;
    case FOLDER_FUTURE:
    case FOLDER_OTHER:
        trace_warn(m->o.trace, "%s/%s is no partition's folder and left alone",
                   log_manager_path(m), name);
        break;
    }
}

static void set_strays_aside(struct log_manager *m, struct scan *s)
{
    struct known k;
    struct set_aside *job = calloc(1, sizeof(*job));
    if (job == NULL || know(m, &k) != 0) {
        free(job);
        finish(s->request, ERR_NOMEM, &s->job.err);
        return;
    }
    for (size_t at = 0; at < s->names.len; at += strlen((char *)s->names.data + at) + 1)
        sort_out(m, &k, (const char *)s->names.data + at, &job->names);
    free(k.topics);
    job->request = s->request;
    m->renaming++; /* nobody makes a folder that is taken for a stray */
    log_manager_submit(m, &job->job, set_aside_work, set_aside_done);
}

static void scan_done(struct log_job *job)
{
    struct scan *s = (struct scan *)job;
    struct log_manager *m = job->m;
    if (job->rc != 0) {
        trace_warn(m->o.trace, "cannot look through the data directory: %s",
                   job->err.message);
        finish(s->request, job->rc, &job->err);
    } else {
        set_strays_aside(m, s);
        log_manager_remove_doomed(m, clock_mono_ms(m->o.clock));
    }
    buf_free(&s->names);
    free(s);
}

int log_manager_scan(struct log_manager *m, struct log_request *r, struct err *err)
{
    struct scan *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return err_nomem(err);
    log_manager_forget_former(m);
    s->request = r;
    log_manager_submit(m, &s->job, scan_work, scan_done);
    return 0;
}

void log_manager_start(struct log_manager *m)
{
    struct err err;
    if (log_manager_scan(m, NULL, &err) != 0)
        trace_warn(m->o.trace, "leftovers of deleted topics stay for now: %s",
                   err.message);
}

/* ---- sizes --------------------------------------------------------------- */

struct sizing {
    struct log_job job;
    struct log_describe *d;
    struct log_topic *topics[]; /* a reference for each log that is not open */
};

static void sizing_work(struct log_job *job)
{
    struct sizing *s = (struct sizing *)job;
    struct disk *disk = job->m->o.disk;
    struct log_describe *d = s->d;
    struct err err;
    for (int i = 0; i < d->count; i++) {
        const struct log_topic *t = s->topics[i];
        char name[FOLDER_NAME_SIZE], path[PATH_MAX];
        if (t == NULL)
            continue;
        log_folder_name(name, (struct str){t->name, t->name_len},
                        d->sizes[i].partition);
        snprintf(path, sizeof(path), "%s/%s", log_manager_path(job->m), name);
        int64_t size = log_folder_size(disk, path, &err);
        d->sizes[i].size_bytes = size < 0 ? -1 : size;
    }
    job->rc = disk->ops->space(disk, log_manager_path(job->m), &d->usable_bytes,
                               &d->total_bytes, &job->err);
}

static void sizing_done(struct log_job *job)
{
    struct sizing *s = (struct sizing *)job;
    for (int i = 0; i < s->d->count; i++) {
        if (s->topics[i] != NULL)
            log_topic_release(job->m, s->topics[i]);
    }
    s->d->request.done(&s->d->request, job->rc, &job->err);
    free(s);
}

static int count_handles(struct log_manager *m)
{
    int count = 0;
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; i < t->slots; i++)
            count += t->handles[i] != NULL;
    }
    return count;
}

static void size_up(struct sizing *s, struct log_topic *t, int32_t partition)
{
    const struct log_handle *h = t->handles[partition];
    int i = s->d->count++;
    s->d->sizes[i] = (struct log_size){.topic_id = t->id, .partition = partition};
    if (h->log != NULL) {
        s->d->sizes[i].size_bytes = partition_log_size_bytes(h->log);
        return;
    }
    t->refs++;
    s->topics[i] = t;
}

int log_manager_describe(struct log_manager *m, struct log_describe *d, struct err *err)
{
    int count = count_handles(m);
    struct sizing *s = calloc(1, sizeof(*s) + (size_t)count * sizeof(s->topics[0]));
    d->sizes = calloc((size_t)count + 1, sizeof(*d->sizes));
    d->count = 0;
    if (s == NULL || d->sizes == NULL) {
        log_manager_describe_end(d);
        free(s);
        return err_nomem(err);
    }
    s->d = d;
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; i < t->slots; i++) {
            if (t->handles[i] != NULL)
                size_up(s, t, i);
        }
    }
    log_manager_submit(m, &s->job, sizing_work, sizing_done);
    return 0;
}

void log_manager_describe_end(struct log_describe *d)
{
    free(d->sizes);
    d->sizes = NULL;
    d->count = 0;
}
