/* When the high watermark moves
 *
 *   append ── flush.messages not reached ──────────────► high watermark = log end
 *        └─── reached ──► flush in a pool job ── done ─► high watermark = log end
 *                                                        as of the flush
 *
 * While a flush is under way every append waits for the one that follows it:
 * otherwise records behind the flushed ones would become visible before them.
 *
 * Moves are collected, and watches told at the end of the turn
 * (replica_manager_run_watches()): a fetch that completes inside another
 * client's produce would have the two connections recurse into each other. */
#include "replication/partition.h"

#include <assert.h>
#include <stdlib.h>

#include "replication/partition_internal.h"

struct partition_flush {
    struct log_request base;
    struct partition *partition; /* NULL: it was deleted meanwhile */
    int64_t upto;                /* log end offset when the flush began */
};

struct partition_log *partition_log_of(const struct partition *p)
{
    return p->gone ? NULL : log_handle_log(&p->handle);
}

bool partition_commits_alone(const struct partition *p)
{
    return p->in_sync_count == 1 && p->leader_id == partition_context_of(p)->node_id;
}

/* A leader that is alone in sync has committed all that its log held when it was
 * opened: the checkpointed high watermark is older, or lost, after a crash. */
static void take_over(const struct partition *p, struct partition_log *log)
{
    if (partition_commits_alone(p) && p->flushing == NULL)
        partition_log_set_high_watermark(log, partition_log_end_offset(log));
}

int partition_check_leader(struct partition *p, int32_t leader_epoch, struct err *err)
{
    if (p->gone)
        return err_set(err, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                       "the partition was deleted");
    if (leader_epoch != -1 && leader_epoch < p->leader_epoch)
        return err_set(err, ERR_FENCED_LEADER_EPOCH, "leader epoch %d is older than %d",
                       leader_epoch, p->leader_epoch);
    if (leader_epoch > p->leader_epoch)
        return err_set(err, ERR_UNKNOWN_LEADER_EPOCH,
                       "leader epoch %d is newer than %d", leader_epoch,
                       p->leader_epoch);
    if (p->leader_id != partition_context_of(p)->node_id)
        return err_set(err, ERR_NOT_LEADER_OR_FOLLOWER, "node %d leads it",
                       p->leader_id);
    struct partition_log *log = partition_log_of(p);
    if (log == NULL)
        return err_set(err, ERR_OFFLINE, "its log is offline");
    take_over(p, log);
    return 0;
}

static void ring_insert(struct watch_link *ring, struct watch_link *link)
{
    link->prev = ring->prev;
    link->next = ring;
    ring->prev->next = link;
    ring->prev = link;
}

static void ring_remove(struct watch_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
}

void partition_init(struct partition *p, struct replica_manager *manager)
{
    *p = (struct partition){
        .manager = manager, .leader_id = -1, .in_sync_count = 1, .replica_count = 1};
    p->watches.prev = p->watches.next = &p->watches;
}

void partition_moved(struct partition *p)
{
    if (p->moved || p->watches.next == &p->watches)
        return;
    struct moved_list *list = &partition_context_of(p)->moved;
    p->moved = true;
    p->next_moved = NULL;
    if (list->last == NULL)
        list->first = p;
    else
        list->last->next_moved = p;
    list->last = p;
}

/* Whoever is told may end any watch, and start new ones. So the ring is moved
 * aside, and each watch goes back into the partition's before it is told. */
void partition_tell_watches(struct partition *p)
{
    if (p->watches.next == &p->watches)
        return;
    struct watch_link aside = p->watches;
    aside.prev->next = &aside;
    aside.next->prev = &aside;
    p->watches.prev = p->watches.next = &p->watches;
    while (aside.next != &aside) {
        struct watch_link *link = aside.next;
        ring_remove(link);
        ring_insert(&p->watches, link);
        struct partition_watch *w = (struct partition_watch *)link;
        w->moved(w);
    }
}

static void advance_high_watermark(struct partition *p, int64_t offset)
{
    struct partition_log *log = partition_log_of(p);
    if (log == NULL || p->in_sync_count > 1)
        return;
    if (offset > partition_log_high_watermark(log))
        partition_log_set_high_watermark(log, offset);
    partition_moved(p);
}

static void start_flush(struct partition *p);

static void on_flushed(struct log_request *base, int rc, const struct err *err)
{
    struct partition_flush *f = (struct partition_flush *)base;
    struct partition *p = f->partition;
    int64_t upto = f->upto;
    (void)err; /* the log manager has reported it and taken the log offline */
    free(f);
    if (p == NULL)
        return;
    p->flushing = NULL;
    if (rc != 0) {
        partition_moved(p);
        return;
    }
    advance_high_watermark(p, upto);
    struct partition_log *log = partition_log_of(p);
    if (log != NULL && partition_log_end_offset(log) > upto)
        start_flush(p);
}

/* If no flush can be had the log is offline, or memory is out; then the high
 * watermark stays and producers time out rather than hear of what may go. */
static void start_flush(struct partition *p)
{
    struct partition_flush *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return;
    f->base.done = on_flushed;
    f->partition = p;
    f->upto = partition_log_end_offset(p->handle.log);
    if (log_manager_flush(partition_context_of(p)->logs, &p->handle, &f->base, NULL) !=
        0) {
        free(f);
        return;
    }
    p->flushing = f;
}

int partition_append(struct partition *p, uint8_t *batch, int32_t size,
                     enum append_origin origin, struct append_result *out,
                     struct err *err)
{
    int rc = partition_check_leader(p, -1, err);
    if (rc != 0)
        return rc;
    struct partition_log *log = p->handle.log;
    rc = partition_log_append(log, batch, size, p->leader_epoch, origin, out, err);
    if (rc != 0) {
        if (log_manager_check(partition_context_of(p)->logs, &p->handle))
            partition_moved(p);
        return rc;
    }
    if (out->duplicate)
        out->flush_due = p->flushing != NULL; /* the first one's may be under way */
    if (out->duplicate || p->flushing != NULL)
        return 0;
    if (out->flush_due)
        start_flush(p);
    else
        advance_high_watermark(p, partition_log_end_offset(log));
    return 0;
}

bool partition_is_committed(const struct partition *p, int64_t last_offset)
{
    struct partition_log *log = partition_log_of(p);
    return log != NULL && partition_log_high_watermark(log) > last_offset;
}

int64_t partition_fetch_bound(const struct partition *p, enum fetch_isolation isolation)
{
    struct partition_log *log = partition_log_of(p);
    assert(log != NULL);
    switch (isolation) {
    case FETCH_COMMITTED:
        return partition_log_last_stable_offset(log);
    case FETCH_LOG_END:
        return partition_log_end_offset(log);
    default:
        return partition_log_high_watermark(log);
    }
}

int partition_delete_records(struct partition *p, int64_t before_offset,
                             struct err *err)
{
    int rc = partition_check_leader(p, -1, err);
    if (rc != 0)
        return rc;
    struct partition_log *log = p->handle.log;
    int64_t high_watermark = partition_log_high_watermark(log);
    int64_t before = before_offset == -1 ? high_watermark : before_offset;
    if (before < 0 || before > high_watermark)
        return err_set(err, ERR_OFFSET_OUT_OF_RANGE,
                       "offset %lld is not between 0 and the high watermark %lld",
                       (long long)before, (long long)high_watermark);
    rc = partition_log_delete_records(log, before, err);
    if (!log_manager_check(partition_context_of(p)->logs, &p->handle))
        log_manager_clean_up(partition_context_of(p)->logs, &p->handle);
    partition_moved(p);
    return rc;
}

void partition_watch_start(struct partition_watch *w, struct partition *p)
{
    assert(w->partition == NULL);
    w->partition = p;
    ring_insert(&p->watches, &w->link);
}

void partition_watch_stop(struct partition_watch *w)
{
    if (w->partition == NULL)
        return;
    ring_remove(&w->link);
    w->partition = NULL;
}

void partition_detach(struct partition *p)
{
    while (p->watches.next != &p->watches)
        partition_watch_stop((struct partition_watch *)p->watches.next);
    if (p->flushing != NULL)
        p->flushing->partition = NULL;
    p->flushing = NULL;
}
