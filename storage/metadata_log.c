/* Appends and syncs. The batch goes into the page cache at once; the sync is a
 * job, and what is appended while one runs waits for the next:
 *
 *   append A ─► sync 1 ······ done: A
 *   append B ──┐
 *   append C ──┴────────────► sync 2 ······ done: B, C
 *
 * The first append of a run (registrations, which promise nothing to anybody) is
 * called back on the next turn, while its sync goes on; with the data directory's
 * own it makes up what a start would otherwise wait for.
 *
 * A snapshot is taken between syncs, when nobody waits: then image and log agree.
 * Its bytes are made on the loop, written in a job. */
#include "storage/metadata_log_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "storage/log_path.h"

#define INDEX_BYTES (10 << 20)
#define INDEX_INTERVAL_BYTES 4096

void metadata_log_submit(struct metadata_log *l, struct metadata_job *j,
                         void (*work)(struct job *), void (*done)(struct job *))
{
    assert(!j->running);
    *j = (struct metadata_job){.job = {work, done}, .l = l, .running = true};
    executor_submit(l->o.executor, &j->job);
}

static void wake(struct metadata_log_request *list, int rc, const struct err *err)
{
    struct metadata_log_request *r, *next;
    LL_FOREACH_SAFE(list, r, next)
    {
        r->done(r, rc, err);
    }
}

/* ---- open and close ------------------------------------------------------ */

int metadata_log_open(const struct metadata_log_options *options,
                      struct metadata_log **out, struct err *err)
{
    struct buf dir = BUF_INIT;
    struct metadata_log *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return err_nomem(err);
    l->o = *options;
    l->config = (struct topic_config){
        .references = 1,
        .retention_ms = -1,
        .retention_bytes = -1,
        .segment_bytes = options->segment_bytes,
        .segment_ms = options->segment_ms,
        .segment_index_bytes = INDEX_BYTES,
        .index_interval_bytes = INDEX_INTERVAL_BYTES,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .max_message_bytes = INT32_MAX,
        .compression_type = TOPIC_COMPRESSION_PRODUCER,
    };
    buf_printf(&dir, "%s/" METADATA_LOG_FOLDER, options->dir->path);
    l->dir = (char *)dir.data;
    int rc = dir.failed ? err_nomem(err) : metadata_log_load(l, err);
    if (rc != 0) {
        metadata_log_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

void metadata_log_close(struct metadata_log *l)
{
    if (l == NULL)
        return;
    assert(!l->sync.running && !l->snapshot.running && !l->seal.running &&
           !l->turn.running);
    partition_log_close(l->log);
    buf_free(&l->kraft_version);
    buf_free(&l->voters);
    buf_free(&l->snapshot_bytes);
    free(l->dir);
    free(l);
}

int64_t metadata_log_next_offset(const struct metadata_log *l)
{
    return partition_log_end_offset(l->log);
}

int32_t metadata_log_leader_epoch(const struct metadata_log *l)
{
    return l->quorum.leader_epoch;
}

bool metadata_log_is_new(const struct metadata_log *l)
{
    return !l->has_records;
}

/* ---- snapshots ----------------------------------------------------------- */

/* What the newest snapshot says no older one needs to say as well. */
static int remove_older(void *context, const struct disk_entry *entry)
{
    struct metadata_log *l = context;
    struct metadata_snapshot_id id;
    char path[PATH_MAX];
    if (!metadata_snapshot_parse_name(entry->name, &id) ||
        id.end_offset >= l->snapshot_id.end_offset)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", l->dir, entry->name);
    return l->o.disk->ops->remove(l->o.disk, path, &l->snapshot.err);
}

static void snapshot_work(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    struct disk *disk = l->o.disk;
    char path[PATH_MAX], name[METADATA_SNAPSHOT_NAME_SIZE];
    metadata_snapshot_name(name, l->snapshot_id);
    snprintf(path, sizeof(path), "%s/%s", l->dir, name);
    j->rc = disk_write_file_atomically(disk, path, l->snapshot_bytes.data,
                                       l->snapshot_bytes.len, &j->err);
    if (j->rc == 0)
        j->rc = disk->ops->list(disk, l->dir, remove_older, l, &j->err);
}

static void end_snapshot(struct metadata_job *j)
{
    j->running = false;
    if (j->rc != 0)
        trace_warn(j->l->o.trace, "cannot make a snapshot of the metadata: %s",
                   j->err.message);
    metadata_log_stop_step(j->l);
}

static void cleanup_work(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    j->rc = log_cleanup_run(j->l->cleanup, &j->err);
}

static void cleanup_done(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    partition_log_cleanup_end(j->l->log, j->l->cleanup, j->rc, &j->err);
    j->l->cleanup = NULL;
    end_snapshot(j);
}

/* The segments that the snapshot makes superfluous go at once: nobody reads them. */
static void snapshot_done(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    j->running = false;
    buf_free(&l->snapshot_bytes);
    if (j->rc == 0)
        j->rc =
            partition_log_delete_records(l->log, l->snapshot_id.end_offset, &j->err);
    if (j->rc == 0)
        j->rc = partition_log_cleanup_begin(l->log, INT64_MAX, &l->cleanup, &j->err);
    if (l->cleanup != NULL)
        metadata_log_submit(l, &l->snapshot, cleanup_work, cleanup_done);
    else
        end_snapshot(j);
}

static int emit_record(void *context, const struct metadata_record *record,
                       struct err *err)
{
    return metadata_snapshot_add(context, record, err);
}

static struct bytes bytes_of(const struct buf *b)
{
    return b->len == 0 ? BYTES_NULL : (struct bytes){b->data, (int32_t)b->len};
}

static int build_snapshot(struct metadata_log *l, struct metadata_snapshot_writer *w,
                          struct err *err)
{
    struct metadata_quorum_records quorum = {bytes_of(&l->kraft_version),
                                             bytes_of(&l->voters)};
    int rc = metadata_snapshot_begin(w, l->snapshot_id.leader_epoch, l->last_timestamp,
                                     clock_wall_ms(l->o.clock), &quorum, err);
    if (rc == 0)
        rc = l->o.write_image(l->o.context, emit_record, w, err);
    return rc != 0 ? rc : metadata_snapshot_finish(w, err);
}

static void maybe_snapshot(struct metadata_log *l)
{
    struct metadata_snapshot_writer w;
    struct err err;
    if (l->bytes_since_snapshot < l->o.max_bytes_between_snapshots ||
        l->snapshot.running || l->stop != NULL || l->waiting != NULL ||
        l->syncing != NULL || l->first != NULL || partition_log_offline(l->log) != NULL)
        return;
    l->snapshot_id = (struct metadata_snapshot_id){partition_log_end_offset(l->log),
                                                   l->quorum.leader_epoch};
    int rc = build_snapshot(l, &w, &err);
    if (rc == 0) {
        l->snapshot_bytes = w.out;
        w.out = BUF_INIT;
        metadata_log_submit(l, &l->snapshot, snapshot_work, snapshot_done);
    } else if (rc != ERR_BUSY) {
        trace_warn(l->o.trace, "cannot make a snapshot of the metadata: %s",
                   err.message);
    }
    metadata_snapshot_free(&w);
    if (rc != ERR_BUSY)
        l->bytes_since_snapshot = 0;
}

/* ---- syncing ------------------------------------------------------------- */

static int start_sync(struct metadata_log *l, struct err *err);

static void sync_work(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    j->rc = l->dir_synced ? 0 : log_dir_sync(l->o.dir, &j->err);
    if (j->rc == 0)
        j->rc = log_flush_run(l->flush, &j->err);
}

static void sync_done(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    struct metadata_log_request *served = l->syncing;
    struct metadata_log_request *stranded = NULL;
    struct err err;
    int rc = j->rc;
    partition_log_flush_end(l->log, l->flush, rc, &j->err);
    l->flush = NULL;
    l->syncing = NULL;
    j->running = false;
    if (rc == 0) {
        l->dir_synced = true;
        partition_log_set_high_watermark(l->log, partition_log_recovery_point(l->log));
    }
    struct err why = j->err; /* the next sync begins with a clean one */
    int next = l->waiting == NULL ? 0 : start_sync(l, &err);
    if (next != 0) {
        stranded = l->waiting;
        l->waiting = NULL;
    }
    wake(served, rc, &why);
    wake(stranded, next, &err);
    maybe_snapshot(l);
    metadata_log_stop_step(l);
}

static int start_sync(struct metadata_log *l, struct err *err)
{
    int rc = partition_log_flush_begin(l->log, &l->flush, err);
    if (rc != 0)
        return rc;
    l->syncing = l->waiting;
    l->waiting = NULL;
    metadata_log_submit(l, &l->sync, sync_work, sync_done);
    return 0;
}

/* ---- the first append ---------------------------------------------------- */

static void turn_work(struct job *job)
{
    (void)job;
}

static void turn_done(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log *l = j->l;
    struct metadata_log_request *first = l->first;
    j->running = false;
    l->first = NULL;
    wake(first, 0, &j->err);
    metadata_log_stop_step(l);
}

static int begin(struct metadata_log *l, struct metadata_log_request *r,
                 struct err *err)
{
    int rc = start_sync(l, err);
    if (rc != 0)
        return rc;
    l->began = true;
    l->first = r;
    r->next = NULL;
    metadata_log_submit(l, &l->turn, turn_work, turn_done);
    return 0;
}

/* ---- appending ----------------------------------------------------------- */

int metadata_log_append_batch(struct metadata_log *l, struct record_batch_builder *b,
                              struct err *err)
{
    struct append_result result;
    int rc = record_batch_builder_finish(b, err);
    if (rc == 0)
        rc = partition_log_append(l->log, b->out.data, (int32_t)b->out.len,
                                  l->quorum.leader_epoch, APPEND_CONTROLLER, &result,
                                  err);
    if (rc != 0)
        return rc;
    l->bytes_since_snapshot += (int64_t)b->out.len;
    l->last_timestamp = b->batch.max_timestamp;
    return 0;
}

static int build_batch(struct metadata_log *l, const struct metadata_record *records,
                       int32_t count, struct record_batch_builder *b, struct err *err)
{
    struct buf value = BUF_INIT;
    int64_t now = clock_wall_ms(l->o.clock);
    int rc = 0;
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        value.len = 0;
        rc = metadata_record_encode(&records[i], &value, err);
        if (rc == 0)
            record_batch_builder_add(b, now, BYTES_NULL,
                                     (struct bytes){value.data, (int32_t)value.len},
                                     NULL, 0);
    }
    buf_free(&value);
    return rc;
}

int metadata_log_append(struct metadata_log *l, const struct metadata_record *records,
                        int32_t count, struct metadata_log_request *r, struct err *err)
{
    struct record_batch_builder b;
    assert(count > 0 && l->stop == NULL);
    record_batch_builder_init(&b, 0);
    int rc = build_batch(l, records, count, &b, err);
    if (rc == 0 && metadata_log_may_reopen(l)) {
        metadata_log_reopen(l, &b, r);
        return 0;
    }
    if (rc == 0)
        rc = metadata_log_append_built(l, &b, r, err);
    record_batch_builder_free(&b);
    return rc;
}

int metadata_log_append_built(struct metadata_log *l, struct record_batch_builder *b,
                              struct metadata_log_request *r, struct err *err)
{
    int rc = metadata_log_append_batch(l, b, err);
    if (rc != 0)
        return rc;
    l->has_records = true;
    if (!l->began)
        return begin(l, r, err);
    LL_APPEND(l->waiting, r);
    if (l->sync.running)
        return 0;
    rc = start_sync(l, err);
    if (rc != 0)
        l->waiting = NULL; /* which held `r` alone */
    return rc;
}

/* ---- the stop ------------------------------------------------------------ */

static void seal_work(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    j->rc = partition_log_seal(j->l->log, &j->err);
}

static void seal_done(struct job *job)
{
    struct metadata_job *j = (struct metadata_job *)job;
    struct metadata_log_request *r = j->l->stop;
    j->running = false;
    r->done(r, j->rc, &j->err); /* may close the log */
}

void metadata_log_stop_step(struct metadata_log *l)
{
    if (l->stop != NULL && !l->turn.running && !l->sync.running &&
        !l->snapshot.running && !l->reopen.running && !l->seal.running)
        metadata_log_submit(l, &l->seal, seal_work, seal_done);
}

void metadata_log_stop(struct metadata_log *l, struct metadata_log_request *r)
{
    assert(l->stop == NULL);
    l->stop = r;
    metadata_log_stop_step(l);
}
