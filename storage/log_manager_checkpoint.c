/* The four checkpoint files. On the loop their values are gathered, in the pool
 * they are put into words and written, and those that say what they said before
 * are not: an idle broker leaves the disk asleep.
 *
 * Replicas that were never opened keep what the files said at start. */
#include "storage/log_manager_internal.h"

#include <stdlib.h>

#include "protocol/base/crc32c.h"
#include "storage/offset_checkpoint.h"

static const char *const file_names[CHECKPOINTS] = {
    [RECOVERY_POINTS] = RECOVERY_POINT_CHECKPOINT,
    [HIGH_WATERMARKS] = HIGH_WATERMARK_CHECKPOINT,
    [LOG_STARTS] = LOG_START_CHECKPOINT,
    [FIRST_DIRTY] = CLEANER_CHECKPOINT,
};

/* ---- reading ------------------------------------------------------------- */

struct reading {
    struct log_manager *m;
    enum checkpointed what;
};

static int take_entry(void *context, struct str topic, int32_t partition,
                      int64_t offset)
{
    struct reading *r = context;
    struct former *f;
    char name[FOLDER_NAME_SIZE];
    log_folder_name(name, topic, partition);
    size_t len = strlen(name);
    HASH_FIND(hh, r->m->former, name, len, f);
    if (f == NULL) {
        f = calloc(1, sizeof(*f) + len + 1);
        if (f == NULL)
            return ERR_NOMEM;
        memcpy(f->key, name, len + 1);
        HASH_ADD_KEYPTR(hh, r->m->former, f->key, len, f);
        if (!hash_added(f)) {
            free(f);
            return ERR_NOMEM;
        }
    }
    f->offsets[r->what] = offset;
    return 0;
}

static int read_checkpoint(struct log_manager *m, enum checkpointed what,
                           struct err *err)
{
    struct buf path = BUF_INIT;
    struct reading r = {m, what};
    buf_printf(&path, "%s/%s", log_manager_path(m), file_names[what]);
    int rc = path.failed ? err_nomem(err)
                         : offset_checkpoint_read(m->o.disk, (const char *)path.data,
                                                  take_entry, &r, err);
    buf_free(&path);
    return rc;
}

int log_manager_read_checkpoints(struct log_manager *m, struct err *err)
{
    for (int what = 0; what < CHECKPOINTS; what++) {
        int rc = read_checkpoint(m, (enum checkpointed)what, err);
        if (rc != ERR_CORRUPT && rc != 0)
            return rc;
        /* To clean from the start what is clean costs time, and nothing else. */
        if (rc == ERR_CORRUPT && m->o.dir->clean && what != FIRST_DIRTY)
            return rc;
        if (rc == ERR_CORRUPT)
            trace_warn(m->o.trace, "%s: the logs are %s from their start instead",
                       err->message, what == FIRST_DIRTY ? "cleaned" : "read");
    }
    return 0;
}

void log_manager_take_former(struct log_manager *m, struct log_handle *h)
{
    struct former *f;
    char name[FOLDER_NAME_SIZE];
    if (m->former == NULL)
        return;
    log_folder_name(name, log_handle_topic(h), h->partition);
    HASH_FIND(hh, m->former, name, strlen(name), f);
    if (f == NULL)
        return;
    h->recovery_point = f->offsets[RECOVERY_POINTS];
    h->high_watermark = f->offsets[HIGH_WATERMARKS];
    h->log_start_offset = f->offsets[LOG_STARTS];
    h->first_dirty_offset = f->offsets[FIRST_DIRTY];
}

void log_manager_forget_former(struct log_manager *m)
{
    struct former *f, *next;
    HASH_ITER (hh, m->former, f, next) {
        HASH_DEL(m->former, f);
        free(f);
    }
}

/* ---- writing ------------------------------------------------------------- */

struct checkpoint_entry {
    struct log_topic *topic; /* one reference */
    int32_t partition;
    int64_t offsets[CHECKPOINTS];
};

struct checkpoint_job {
    struct log_job job;
    struct disk *disk;
    const char *dir;
    uint32_t crc[CHECKPOINTS]; /* of what was written last */
    size_t count;
    struct checkpoint_entry entries[];
};

static void gather(struct checkpoint_job *c, struct log_topic *t,
                   const struct log_handle *h)
{
    struct checkpoint_entry *e = &c->entries[c->count++];
    t->refs++;
    e->topic = t;
    e->partition = h->partition;
    bool open = h->log != NULL;
    e->offsets[RECOVERY_POINTS] =
        open ? partition_log_recovery_point(h->log) : h->recovery_point;
    e->offsets[HIGH_WATERMARKS] =
        open ? partition_log_high_watermark(h->log) : h->high_watermark;
    e->offsets[LOG_STARTS] =
        open ? partition_log_start_offset(h->log) : h->log_start_offset;
    e->offsets[FIRST_DIRTY] =
        open ? partition_log_first_dirty_offset(h->log) : h->first_dirty_offset;
}

struct checkpoint_job *checkpoint_job_create(struct log_manager *m)
{
    size_t count = 0;
    log_manager_each_topic(m, t) count += (size_t)t->slots;
    struct checkpoint_job *c = calloc(1, sizeof(*c) + count * sizeof(c->entries[0]));
    if (c == NULL)
        return NULL;
    c->disk = m->o.disk;
    c->dir = log_manager_path(m);
    memcpy(c->crc, m->written_crc, sizeof(c->crc));
    log_manager_each_topic(m, t)
    {
        for (int32_t i = 0; i < t->slots; i++) {
            if (t->handles[i] != NULL)
                gather(c, t, t->handles[i]);
        }
    }
    return c;
}

/* Kafka leaves out log starts that the first segment tells anyway; 0 is the one
 * that always is. Logs that were never cleaned are not in the cleaner's. */
static int write_one(struct checkpoint_job *c, int what, struct err *err)
{
    struct offset_checkpoint text = OFFSET_CHECKPOINT_INIT;
    for (size_t i = 0; i < c->count; i++) {
        const struct checkpoint_entry *e = &c->entries[i];
        struct str topic = {e->topic->name, e->topic->name_len};
        if (what < LOG_STARTS || e->offsets[what] > 0)
            offset_checkpoint_add(&text, topic, e->partition, e->offsets[what]);
    }
    /* Of nothing but the count the CRC would be that of an empty text. */
    uint32_t crc = crc32c_extend((uint32_t)what + 1, text.lines.data, text.lines.len);
    int rc = 0;
    if (crc != c->crc[what]) {
        struct buf path = BUF_INIT;
        buf_printf(&path, "%s/%s", c->dir, file_names[what]);
        rc = path.failed ? err_nomem(err)
                         : offset_checkpoint_write(&text, c->disk,
                                                   (const char *)path.data, err);
        buf_free(&path);
    }
    if (rc == 0)
        c->crc[what] = crc;
    offset_checkpoint_free(&text);
    return rc;
}

int checkpoint_job_write(struct checkpoint_job *c, struct err *err)
{
    int rc = 0;
    uint32_t before[CHECKPOINTS];
    memcpy(before, c->crc, sizeof(before));
    for (int what = 0; rc == 0 && what < CHECKPOINTS; what++)
        rc = write_one(c, what, err);
    if (rc == 0 && memcmp(before, c->crc, sizeof(before)) != 0)
        rc = c->disk->ops->sync_dir(c->disk, c->dir, err);
    return rc;
}

void checkpoint_job_destroy(struct log_manager *m, struct checkpoint_job *c)
{
    if (c == NULL)
        return;
    memcpy(m->written_crc, c->crc, sizeof(c->crc));
    for (size_t i = 0; i < c->count; i++)
        log_topic_release(m, c->entries[i].topic);
    free(c);
}

void log_manager_tell_checkpoint(struct log_manager *m, int rc, const struct err *err)
{
    bool failed = rc != 0;
    if (failed && !m->checkpoints_fail)
        trace_warn(m->o.trace, "cannot write a checkpoint: %s", err->message);
    if (!failed && m->checkpoints_fail)
        trace_warn(m->o.trace, "checkpoints can be written again");
    m->checkpoints_fail = failed;
}

static void checkpoint_work(struct log_job *job)
{
    job->rc = checkpoint_job_write((struct checkpoint_job *)job, &job->err);
}

static void checkpoint_done(struct log_job *job)
{
    struct log_manager *m = job->m;
    m->checkpointing = false;
    log_manager_tell_checkpoint(m, job->rc, &job->err);
    checkpoint_job_destroy(m, (struct checkpoint_job *)job);
    log_manager_deletions_go_on(m);
    if (m->cleaner.unwritten)
        log_manager_checkpoint(m);
}

void log_manager_checkpoint(struct log_manager *m)
{
    if (m->checkpointing || m->stopping)
        return; /* the running one, or the last one, says it soon enough */
    struct checkpoint_job *c = checkpoint_job_create(m);
    if (c == NULL)
        return; /* an old checkpoint is a right one */
    m->checkpointing = true;
    m->cleaner.unwritten = false;
    log_manager_submit(m, &c->job, checkpoint_work, checkpoint_done);
}
