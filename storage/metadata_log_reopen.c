/* The metadata log, offline because the disk was full, comes back when there is space:
 * the next change that somebody wants has it recovered first, in a job.
 *
 * The image in memory is what the log says up to its end. So this is for a batch alone
 * that found no space and was undone: all before it must have been synced and applied,
 * and recovery must find the log as long as it was, neither shorter nor longer. In any
 * other case a restart has to read what is there. */
#include "storage/metadata_log_internal.h"

/* For the next changes, and indexes and a snapshot that recovery writes. */
#define NEEDED_BYTES (1 << 20)

bool metadata_log_may_reopen(const struct metadata_log *l)
{
    const struct err *why = partition_log_offline(l->log);
    /* A sync that failed leaves the recovery point below the end. */
    return why != NULL && why->code == ERR_NO_SPACE && !l->sync.running &&
           !l->snapshot.running && !l->reopen.running &&
           partition_log_recovery_point(l->log) == partition_log_end_offset(l->log);
}

static void reopen_work(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    int64_t end = partition_log_end_offset(l->log);
    j->rc = disk_need_space(l->o.disk, l->dir, NEEDED_BYTES, &j->err);
    if (j->rc == 0)
        j->rc = metadata_log_open_log(l, end, partition_log_start_offset(l->log),
                                      &l->reopened, &j->err);
    if (j->rc != 0 || partition_log_end_offset(l->reopened) == end)
        return;
    j->rc = err_set(&j->err, ERR_OFFLINE,
                    "the metadata log ends at %lld now, and at %lld before: restart",
                    (long long)partition_log_end_offset(l->reopened), (long long)end);
    partition_log_close(l->reopened);
    l->reopened = NULL;
}

static void take_over(struct metadata_log *l)
{
    int64_t end = partition_log_end_offset(l->reopened);
    partition_log_close(l->log);
    l->log = l->reopened;
    l->reopened = NULL;
    partition_log_set_high_watermark(l->log, end);
    trace_warn(l->o.trace, "%s is back online: there is space, and nothing was lost",
               l->dir);
}

static void reopen_done(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    struct metadata_log_request *r = l->kept_request;
    j->running = false;
    l->kept_request = NULL;
    if (j->rc == 0) {
        take_over(l);
        j->rc = metadata_log_append_built(l, &l->kept, r, &j->err);
    }
    record_batch_builder_free(&l->kept);
    if (j->rc != 0)
        r->done(r, j->rc, &j->err);
    metadata_log_stop_step(l);
}

void metadata_log_reopen(struct metadata_log *l, struct record_batch_builder *b,
                         struct metadata_log_request *r)
{
    l->kept = *b;
    l->kept_request = r;
    metadata_log_submit(l, &l->reopen, reopen_work, reopen_done);
}
