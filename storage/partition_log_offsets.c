#include "storage/partition_log_internal.h"

#include <stdlib.h>

int partition_log_offsets_begin(struct partition_log *log, struct offsets_before *out,
                                struct err *err)
{
    *out = (struct offsets_before){.disk = log->disk};
    int rc = log_check_online(log, err);
    if (rc != 0)
        return rc;
    size_t count = (size_t)log->segment_count;
    out->dir = strdup(log->dir);
    out->offsets = calloc(count + 1, sizeof(*out->offsets));
    out->base_offsets = calloc(count, sizeof(*out->base_offsets));
    if (out->dir == NULL || out->offsets == NULL || out->base_offsets == NULL) {
        offsets_before_free(out);
        return err_nomem(err);
    }
    for (; out->files < log->segment_count; out->files++) {
        int64_t base = log->segments[out->files]->base_offset;
        out->base_offsets[out->files] = base;
        out->offsets[out->files] =
            base > log->log_start_offset ? base : log->log_start_offset;
    }
    out->count = out->files;
    if (log_active(log)->size > 0)
        out->offsets[out->count++] = log->log_end_offset;
    return 0;
}

/* A file that was deleted meanwhile is older than any time. */
static int modified_at(const struct offsets_before *o, int at, int64_t now_ms,
                       int64_t *ms, struct err *err)
{
    *ms = now_ms;
    if (at >= o->files)
        return 0;
    char path[PATH_MAX];
    log_path(path, o->dir, o->base_offsets[at], LOG_SUFFIX);
    int rc = o->disk->ops->modified_ms(o->disk, path, ms, err);
    if (rc == ERR_NOT_FOUND)
        *ms = 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int offsets_before_run(struct offsets_before *o, int64_t timestamp, int64_t now_ms,
                       struct err *err)
{
    for (; o->count > 0; o->count--) {
        int64_t ms;
        int rc = modified_at(o, o->count - 1, now_ms, &ms, err);
        if (rc != 0)
            return rc;
        if (ms <= timestamp)
            break;
    }
    return 0;
}

void offsets_before_free(struct offsets_before *o)
{
    free(o->dir);
    free(o->offsets);
    free(o->base_offsets);
    *o = (struct offsets_before){0};
}
