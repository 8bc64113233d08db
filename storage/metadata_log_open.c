/* From a folder to a leader.
 *
 * The epoch is one more than any that was seen: in quorum-state, in the log, in the
 * snapshot's name. quorum-state is written first and without a sync, for the
 * LeaderChange batch says the same and reaches the disk with the first append; so a
 * start without a change waits for no sync at all. */
#include "storage/metadata_log_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/messages.h"
#include "storage/log_path.h"
#include "storage/partition_metadata.h"
#include "storage/replace_file.h"

#define READ_BYTES (1 << 20)
#define BOOTSTRAP_FILE "bootstrap.checkpoint"

static const struct uuid metadata_topic_id = {{[15] = 1}};

/* ---- the folder ---------------------------------------------------------- */

struct finding {
    struct metadata_log *l;
    bool has_snapshot;
    struct metadata_snapshot_id newest;
};

static int find_snapshot(void *context, const struct disk_entry *entry)
{
    struct finding *f = context;
    struct disk *disk = f->l->o.disk;
    struct metadata_snapshot_id id;
    if (ends_with(entry->name, METADATA_SNAPSHOT_SUFFIX ".part") ||
        ends_with(entry->name, METADATA_SNAPSHOT_SUFFIX ".tmp")) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", f->l->dir, entry->name);
        return disk->ops->remove(disk, path, NULL); /* never finished */
    }
    if (!metadata_snapshot_parse_name(entry->name, &id))
        return 0;
    if (!f->has_snapshot || id.end_offset > f->newest.end_offset)
        f->newest = id;
    f->has_snapshot = true;
    return 0;
}

static int look_around(struct metadata_log *l, struct finding *f, struct err *err)
{
    *f = (struct finding){.l = l};
    int rc = l->o.disk->ops->list(l->o.disk, l->dir, find_snapshot, f, err);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Never taken for clean: the marker's removal is not durable when this log is
 * written first. What is scanned here the replay reads anyway. */
int metadata_log_open_log(const struct metadata_log *l, int64_t recovery_point,
                          int64_t log_start_offset, struct partition_log **out,
                          struct err *err)
{
    struct partition_log_recovery recovery = {0};
    struct partition_log_options options = {
        .dir = l->dir,
        .disk = l->o.disk,
        .clock = l->o.clock,
        .random = l->o.random,
        .trace = l->o.trace,
        .config = &l->config,
        .clean = false,
        .recovery_point = recovery_point,
        .log_start_offset = log_start_offset,
        .producer_id_expiration_ms = INT64_MAX,
    };
    int rc = partition_log_open(&options, out, &recovery, err);
    if (rc == 0 && recovery.bytes_truncated > 0)
        trace_warn(l->o.trace,
                   "%s: %lld bytes at its end were no whole batches and are cut off",
                   l->dir, (long long)recovery.bytes_truncated);
    return rc;
}

/* ---- replay -------------------------------------------------------------- */

static int replay_record(void *context, const struct metadata_record *record,
                         int64_t offset, struct err *err)
{
    struct metadata_log *l = context;
    (void)offset;
    l->has_records = true;
    return l->o.replay(l->o.context, record, err);
}

/* Which voters there are is kept as it came, for the next snapshot. */
static int replay_control(void *context, int type, struct bytes value, struct err *err)
{
    struct metadata_log *l = context;
    struct buf *kept = type == CONTROL_KRAFT_VERSION  ? &l->kraft_version
                       : type == CONTROL_KRAFT_VOTERS ? &l->voters
                                                      : NULL;
    if (kept == NULL || value.data == NULL)
        return 0;
    kept->len = 0;
    buf_append(kept, value.data, (size_t)value.len);
    return kept->failed ? err_nomem(err) : 0;
}

static int replay_snapshot(struct metadata_log *l, struct metadata_visitor *v,
                           struct metadata_snapshot_id id, struct err *err)
{
    char path[PATH_MAX], name[METADATA_SNAPSHOT_NAME_SIZE];
    metadata_snapshot_name(name, id);
    snprintf(path, sizeof(path), "%s/%s", l->dir, name);
    if (id.end_offset > partition_log_end_offset(l->log))
        return err_set(err, ERR_CORRUPT,
                       "%s ends at offset %lld, before its snapshot %s", l->dir,
                       (long long)partition_log_end_offset(l->log), name);
    return metadata_snapshot_read(l->o.disk, path, v, err);
}

static int read_slice(struct metadata_log *l, const struct log_slice *slice,
                      struct buf *out, struct err *err)
{
    struct disk *disk = l->o.disk;
    out->len = 0;
    uint8_t *to = buf_extend(out, (size_t)slice->size);
    if (to == NULL)
        return err_nomem(err);
    int64_t got = disk->ops->read(disk, slice->file->fd, to, (size_t)slice->size,
                                  slice->position, err);
    if (got < 0)
        return (int)got;
    out->len = (size_t)got;
    return 0;
}

/* One read's worth of batches, from `*offset` on, which moves behind them. */
static int replay_some(struct metadata_log *l, struct metadata_visitor *v,
                       struct buf *bytes, int64_t *offset, struct err *err)
{
    struct log_slice slice = {0};
    size_t used = 0;
    int64_t end = partition_log_end_offset(l->log);
    int rc = partition_log_read(l->log, *offset, end, READ_BYTES, true, &slice, err);
    if (rc != 0)
        return rc;
    if (slice.file != NULL)
        rc = read_slice(l, &slice, bytes, err);
    log_file_release(slice.file);
    if (rc == 0)
        rc = metadata_batches_visit(bytes->data, bytes->len, v, &used, err);
    if (rc == 0 && v->next_offset <= *offset)
        rc = err_set(err, ERR_CORRUPT, "there is nothing at offset %lld",
                     (long long)*offset);
    l->bytes_since_snapshot += (int64_t)used;
    *offset = v->next_offset;
    return rc;
}

static int replay_log(struct metadata_log *l, struct metadata_visitor *v, int64_t from,
                      struct err *err)
{
    struct buf bytes = BUF_INIT;
    int64_t offset = from;
    int rc = 0;
    if (partition_log_start_offset(l->log) > from)
        return err_set(err, ERR_CORRUPT,
                       "%s begins at offset %lld, and no snapshot says what was before",
                       l->dir, (long long)partition_log_start_offset(l->log));
    v->next_offset = from;
    while (rc == 0 && offset < partition_log_end_offset(l->log))
        rc = replay_some(l, v, &bytes, &offset, err);
    buf_free(&bytes);
    return rc == 0 ? 0 : err_context(err, "%s", l->dir);
}

static int replay(struct metadata_log *l, const struct finding *found, struct err *err)
{
    struct metadata_visitor v = {
        .record = replay_record, .control = replay_control, .context = l};
    int rc = 0;
    if (found->has_snapshot)
        rc = replay_snapshot(l, &v, found->newest, err);
    if (rc == 0)
        rc = replay_log(l, &v, found->has_snapshot ? found->newest.end_offset : 0, err);
    l->last_timestamp = v.last_timestamp;
    return rc;
}

/* ---- a new directory ----------------------------------------------------- */

static int build_bootstrap(struct metadata_log *l, struct metadata_snapshot_writer *w,
                           struct err *err)
{
    int rc = metadata_snapshot_begin(w, 0, 0, clock_wall_ms(l->o.clock), NULL, err);
    for (int32_t i = 0; rc == 0 && i < l->o.bootstrap_count; i++)
        rc = metadata_snapshot_add(w, &l->o.bootstrap[i], err);
    return rc != 0 ? rc : metadata_snapshot_finish(w, err);
}

/* Neither file is synced: the first append syncs the folders, and a power cut that
 * takes more finds a broker that never was ready. */
static int furnish(struct metadata_log *l, struct err *err)
{
    struct metadata_snapshot_writer w;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/" BOOTSTRAP_FILE, l->o.dir->path);
    int rc = partition_metadata_write(l->o.disk, l->dir, metadata_topic_id, err);
    if (rc != 0)
        return rc;
    rc = build_bootstrap(l, &w, err);
    if (rc == 0)
        rc = replace_file(l->o.disk, path, w.out.data, w.out.len, err);
    metadata_snapshot_free(&w);
    return rc;
}

/* ---- leadership ---------------------------------------------------------- */

static int quorum_path(const struct metadata_log *l, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/quorum-state", l->dir);
}

static int read_quorum(struct metadata_log *l, struct err *err)
{
    char path[PATH_MAX];
    quorum_path(l, path);
    int rc = quorum_state_read(l->o.disk, path, &l->quorum, err);
    if (rc == ERR_CORRUPT)
        trace_warn(l->o.trace, "%s: the epochs of the log count instead", err->message);
    return rc == ERR_CORRUPT || rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Leading alone would tear the log apart from that of the other voters. */
static int refuse_voters(const struct metadata_log *l, const int32_t *voters,
                         int32_t count, struct err *err)
{
    char list[QUORUM_VOTERS_KEPT * 12] = "";
    size_t len = 0;
    for (int32_t i = 0; i < count && i < QUORUM_VOTERS_KEPT; i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%d",
                                i == 0 ? "" : ", ", voters[i]);
    return err_set(err, ERR_MISMATCH,
                   "%s is of the quorum of %s%s, and node %d would lead it alone: it "
                   "is left as it is",
                   l->dir, list, count > QUORUM_VOTERS_KEPT ? ", …" : "", l->o.node_id);
}

static int check_voters(const struct metadata_log *l, const int32_t *voters,
                        int32_t count, struct err *err)
{
    if (count == 0 || (count == 1 && voters[0] == l->o.node_id))
        return 0;
    return refuse_voters(l, voters, count, err);
}

/* Those that the log itself names (KIP-853). */
static int check_voters_of_log(const struct metadata_log *l, struct err *err)
{
    int32_t ids[QUORUM_VOTERS_KEPT];
    struct arena arena = ARENA_INIT;
    struct voters_record record = VOTERS_RECORD_INIT;
    struct bytes value = {l->voters.data, (int32_t)l->voters.len};
    if (l->voters.len == 0)
        return 0;
    int rc = message_decode(&voters_record_type, 0, value, &arena, &record, err);
    for (int32_t i = 0; rc == 0 && i < record.voters_count && i < QUORUM_VOTERS_KEPT;
         i++)
        ids[i] = record.voters[i].voter_id;
    if (rc == 0)
        rc = check_voters(l, ids, record.voters_count, err);
    arena_reset(&arena);
    return rc;
}

static void raise_epoch(struct metadata_log *l, int32_t seen)
{
    if (seen > l->quorum.leader_epoch)
        l->quorum.leader_epoch = seen;
}

static int append_leader_change(struct metadata_log *l, struct err *err)
{
    struct leader_change_message change = LEADER_CHANGE_MESSAGE_INIT;
    struct leader_change_message_voter voter = {.voter_id = l->o.node_id};
    struct record_batch_builder b;
    int16_t version = l->quorum.data_version > 0;
    if (version > 0)
        voter.voter_directory_id = l->o.dir->directory_id;
    change.version = version;
    change.leader_id = l->o.node_id;
    change.voters = change.granting_voters = &voter;
    change.voters_count = change.granting_voters_count = 1;
    record_batch_builder_init(&b, 0);
    int rc = metadata_control_add(&b, clock_wall_ms(l->o.clock), CONTROL_LEADER_CHANGE,
                                  &leader_change_message_type, version, &change, err);
    if (rc == 0)
        rc = metadata_log_append_batch(l, &b, err);
    record_batch_builder_free(&b);
    return rc;
}

static int take_the_lead(struct metadata_log *l, const struct finding *found,
                         struct err *err)
{
    char path[PATH_MAX];
    struct leader_epoch_entry latest;
    if (found->has_snapshot)
        raise_epoch(l, found->newest.leader_epoch);
    if (leader_epoch_cache_latest(partition_log_leader_epochs(l->log), &latest))
        raise_epoch(l, latest.leader_epoch);
    l->quorum.leader_epoch++;
    l->quorum.leader_id = l->o.node_id;
    quorum_path(l, path);
    int rc = quorum_state_write(l->o.disk, path, &l->quorum, err);
    return rc != 0 ? rc : append_leader_change(l, err);
}

int metadata_log_load(struct metadata_log *l, struct err *err)
{
    struct finding found;
    int rc = read_quorum(l, err);
    if (rc == 0)
        rc = check_voters(l, l->quorum.voters, l->quorum.voter_count, err);
    if (rc == 0)
        rc = look_around(l, &found, err);
    if (rc == 0)
        rc = metadata_log_open_log(l, found.has_snapshot ? found.newest.end_offset : 0,
                                   0, &l->log, err);
    if (rc == 0)
        rc = replay(l, &found, err);
    if (rc == 0)
        rc = check_voters_of_log(l, err);
    if (rc == 0 && !l->has_records)
        rc = furnish(l, err);
    if (rc == 0)
        rc = take_the_lead(l, &found, err);
    return rc;
}
