/* What the cleaner learns of logs that are closed. After a clean start all of them
 * are, and a topic that nobody asks for stays so; to open thousands only to see that
 * they are clean would cost memory and time. A closed log does not change, so one look
 * into its folder, at the names and sizes of its segments, serves until it is opened
 * or its topic's settings change. Times are not looked at: a log that would be due
 * but for them is opened, and then looked at properly. */
#include "storage/log_manager_internal.h"

#include <limits.h>
#include <stdlib.h>

#include "storage/log_path.h"

#define SURVEY_CHUNK 64 /* folders a job */

struct surveyed {
    struct log_topic *topic;     /* one reference */
    struct topic_config *config; /* held while the pool reads it */
    int32_t partition;
    int64_t first_dirty_offset;
    bool dirty;
};

struct log_survey {
    struct log_job job;
    int count;
    struct surveyed items[SURVEY_CHUNK];
};

struct found_segment {
    int64_t base_offset;
    int64_t size;
};

static int note_segment(void *context, const struct disk_entry *entry)
{
    struct found_segment found = {0};
    const char *suffix;
    if (log_path_parse(entry->name, &found.base_offset, &suffix) &&
        strcmp(suffix, LOG_SUFFIX) == 0)
        buf_append(context, &found, sizeof(found));
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct found_segment *x = a;
    const struct found_segment *y = b;
    return x->base_offset < y->base_offset ? -1 : x->base_offset > y->base_offset;
}

static int measure(struct disk *disk, const char *dir, struct found_segment *s,
                   struct err *err)
{
    char path[PATH_MAX];
    int fd;
    log_path(path, dir, s->base_offset, LOG_SUFFIX);
    int rc = disk->ops->open(disk, path, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    s->size = disk->ops->size(disk, fd, err);
    disk->ops->close(disk, fd);
    return s->size < 0 ? (int)s->size : 0;
}

/* As partition_log_cleanable() counts, with all but the active segment for clean-
 * able. */
static bool is_dirty(const struct found_segment *s, int count, int64_t first_dirty,
                     const struct topic_config *config)
{
    struct cleanable c = {.must_clean = config->max_compaction_lag_ms != INT64_MAX};
    for (int i = 0; i + 1 < count; i++) {
        if (s[i].base_offset < first_dirty)
            c.clean_bytes += s[i].size;
        if (s[i + 1].base_offset > first_dirty)
            c.cleanable_bytes += s[i].size;
    }
    int64_t total = c.clean_bytes + c.cleanable_bytes;
    c.ratio = total == 0 ? 0 : (double)c.cleanable_bytes / (double)total;
    return cleanable_is_due(&c, config);
}

static void look(struct log_manager *m, struct surveyed *item, struct err *err)
{
    const struct log_topic *t = item->topic;
    struct buf found = BUF_INIT;
    char name[FOLDER_NAME_SIZE], dir[PATH_MAX];
    log_folder_name(name, (struct str){t->name, t->name_len}, item->partition);
    snprintf(dir, sizeof(dir), "%s/%s", log_manager_path(m), name);
    int rc = m->o.disk->ops->list(m->o.disk, dir, note_segment, &found, err);
    struct found_segment *segments = (void *)found.data;
    int count = (int)(found.len / sizeof(*segments));
    if (count > 1)
        qsort(segments, (size_t)count, sizeof(*segments), compare);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = measure(m->o.disk, dir, &segments[i], err);
    /* Opening it will tell what is wrong with it. */
    item->dirty = rc == 0 && !found.failed &&
                  is_dirty(segments, count, item->first_dirty_offset, item->config);
    buf_free(&found);
}

static void survey_work(struct log_job *job)
{
    struct log_survey *s = (struct log_survey *)job;
    for (int i = 0; i < s->count; i++)
        look(job->m, &s->items[i], &job->err);
}

static void survey_done(struct log_job *job)
{
    struct log_survey *s = (struct log_survey *)job;
    struct log_manager *m = job->m;
    for (int i = 0; i < s->count; i++) {
        struct log_topic *t = s->items[i].topic;
        int32_t partition = s->items[i].partition;
        if (partition < t->slots && t->handles[partition] != NULL) {
            t->handles[partition]->surveyed = true;
            t->handles[partition]->dirty = s->items[i].dirty;
        }
        topic_config_release(s->items[i].config);
        log_topic_release(m, t);
    }
    m->cleaner.survey = NULL;
    free(s);
    log_manager_clean_more(m);
}

static void take(struct log_survey *s, struct log_topic *t)
{
    for (int32_t i = 0; i < t->slots && s->count < SURVEY_CHUNK; i++) {
        const struct log_handle *h = t->handles[i];
        if (h == NULL || h->state != LOG_CLOSED || h->job != NULL || h->surveyed)
            continue;
        t->refs++;
        s->items[s->count++] =
            (struct surveyed){.topic = t,
                              .config = topic_config_acquire(t->config),
                              .partition = i,
                              .first_dirty_offset = h->first_dirty_offset};
    }
}

bool log_manager_survey(struct log_manager *m)
{
    if (m->cleaner.survey != NULL)
        return true;
    struct log_survey *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return false; /* the next round tries again */
    log_manager_each_topic(m, t)
    {
        if (t->config->cleanup_compact)
            take(s, t);
    }
    if (s->count == 0) {
        free(s);
        return false;
    }
    m->cleaner.survey = s;
    log_manager_submit(m, &s->job, survey_work, survey_done);
    return true;
}
