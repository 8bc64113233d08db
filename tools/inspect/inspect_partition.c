#include "tools/inspect/inspect_internal.h"

#include "storage/leader_epoch_cache.h"
#include "storage/log_path.h"
#include "storage/partition_metadata.h"
#include "storage/producer_state.h"

#define ROWS 20 /* of segments or producers, at the start and at the end */

/* ---- what it is ---------------------------------------------------------- */

static void print_topic_id(struct inspection *in, const struct topic_view *t,
                           const struct partition_view *p)
{
    char known[UUID_TEXT_SIZE], found[UUID_TEXT_SIZE];
    struct uuid id;
    struct err err;
    print_label(in, "topic id");
    fputs(t->known == NULL ? "none: not in the metadata"
                           : uuid_text(t->known->id, known),
          in->out);
    int rc = partition_metadata_read(in->disk, p->folder, &id, &err);
    if (rc == 0 && (t->known == NULL || !uuid_equal(id, t->known->id)))
        fprintf(in->out, "; the folder is of %s", uuid_text(id, found));
    fputc('\n', in->out);
    if (rc != 0)
        inspect_complain(in, PARTITION_METADATA_FILE, &err);
}

static void print_replicas(struct inspection *in, const struct partition_view *p)
{
    if (p->known == NULL)
        return;
    print_label(in, "leader");
    if (p->known->leader == NO_LEADER)
        fprintf(in->out, "none");
    else
        fprintf(in->out, "%d", p->known->leader);
    fprintf(in->out, ", epoch %d; replicas ", p->known->leader_epoch);
    print_ids(in, metadata_partition_replicas(p->known));
    fputs("; in sync ", in->out);
    print_ids(in, metadata_partition_isr(p->known));
    fputc('\n', in->out);
}

static void print_offsets(struct inspection *in, const struct partition_view *p)
{
    char size[SIZE_TEXT], offset[SIZE_TEXT];
    print_label(in, "log");
    fprintf(in->out, "offsets %lld to %lld, %s in %d segment%s\n",
            (long long)p->log_start_offset, (long long)p->log_end_offset - 1,
            size_text(p->size, size), p->segment_count,
            p->segment_count == 1 ? "" : "s");
    print_label(in, "log start");
    fprintf(in->out, "%lld\n", (long long)p->log_start_offset);
    print_label(in, "log end");
    fprintf(in->out, "%lld\n", (long long)p->log_end_offset);
    print_label(in, "high watermark");
    fprintf(in->out, "%s\n", offset_text(p->checkpointed.high_watermark, offset));
    print_label(in, "recovery point");
    fprintf(in->out, "%s\n", offset_text(p->checkpointed.recovery_point, offset));
}

struct epochs {
    struct inspection *in;
    int count;
};

static int print_epoch(void *context, const struct leader_epoch_entry *entry,
                       struct err *err)
{
    struct epochs *e = context;
    (void)err;
    if (e->count++ == 0)
        print_label(e->in, "leader epochs");
    fprintf(e->in->out, "%s%d from offset %lld", e->count == 1 ? "" : ", ",
            entry->leader_epoch, (long long)entry->start_offset);
    return 0;
}

static void print_epochs(struct inspection *in, const struct partition_view *p)
{
    char path[PATH_MAX];
    struct epochs e = {.in = in};
    struct err err;
    snprintf(path, sizeof(path), "%s/" LEADER_EPOCH_CHECKPOINT, p->folder);
    int rc = leader_epoch_checkpoint_read(in->disk, path, print_epoch, &e, &err);
    if (e.count > 0)
        fputc('\n', in->out);
    if (rc != 0)
        inspect_complain(in, LEADER_EPOCH_CHECKPOINT, &err);
}

/* ---- segments ------------------------------------------------------------ */

static void print_segment(struct inspection *in, const struct partition_view *p,
                          int64_t base_offset)
{
    struct segment_view v;
    struct err err;
    char last[SIZE_TEXT], size[SIZE_TEXT], from[TIME_TEXT], to[TIME_TEXT];
    int rc = segment_view_read(in->disk, p->folder, base_offset, &v, &err);
    if (rc != 0) {
        inspect_complain(in, LOG_SUFFIX, &err);
        return;
    }
    fprintf(in->out, "  %020lld  %12s  %10s  %-24s  %s", (long long)base_offset,
            offset_text(v.last_offset, last), size_text(v.size, size),
            time_text(v.first_timestamp, from), time_text(v.last_timestamp, to));
    if (v.good_bytes < v.size && v.size > 0)
        fprintf(in->out, "  damaged from position %lld on", (long long)v.good_bytes);
    fputc('\n', in->out);
}

static void print_segments(struct inspection *in, const struct partition_view *p)
{
    int32_t number = 0;
    if (p->segment_count == 0)
        return;
    fprintf(in->out, "\n  %-20s  %12s  %10s  %-24s  %s\n", "segment", "last offset",
            "size", "first timestamp", "largest timestamp");
    folder_listing_each(&p->files, f)
    {
        if (!listed_file_is(f, LOG_SUFFIX))
            continue;
        if (number < ROWS || number >= p->segment_count - ROWS)
            print_segment(in, p, f->base_offset);
        else if (number == ROWS)
            fprintf(in->out, "  … %d more\n", p->segment_count - 2 * ROWS);
        number++;
    }
}

/* ---- producers ----------------------------------------------------------- */

struct producers {
    struct inspection *in;
    int64_t offset; /* of the snapshot */
    int32_t count;
};

static int print_producer(void *context, const struct producer_snapshot_entry *e,
                          struct err *err)
{
    struct producers *p = context;
    FILE *out = p->in->out;
    char last[SIZE_TEXT], time[TIME_TEXT], txn[SIZE_TEXT];
    (void)err;
    if (p->count++ == 0)
        fprintf(out, "\n  %-20s  %5s  %13s  %12s  %-24s  %s\n", "producer id", "epoch",
                "last sequence", "last offset", "last timestamp", "open transaction");
    if (p->count > ROWS)
        return 0;
    fprintf(out, "  %-20lld  %5d  %13d  %12s  %-24s  %s\n", (long long)e->producer_id,
            e->producer_epoch, e->last_sequence, offset_text(e->last_offset, last),
            time_text(e->last_timestamp, time),
            offset_text(e->current_txn_first_offset, txn));
    return 0;
}

static void print_producers(struct inspection *in, const struct partition_view *p)
{
    char path[PATH_MAX];
    struct producers all = {.in = in, .offset = -1};
    struct err err;
    folder_listing_each(&p->files, f)
    {
        if (listed_file_is(f, SNAPSHOT_SUFFIX))
            all.offset = f->base_offset;
    }
    if (all.offset < 0)
        return;
    log_path(path, p->folder, all.offset, SNAPSHOT_SUFFIX);
    int rc = producer_snapshot_read(in->disk, path, print_producer, &all, &err);
    if (all.count > ROWS)
        fprintf(in->out, "  … %d more\n", all.count - ROWS);
    if (all.count > 0)
        fprintf(in->out, "  as of offset %lld, the newest snapshot\n",
                (long long)all.offset);
    if (rc != 0)
        inspect_complain(in, SNAPSHOT_SUFFIX, &err);
}

/* ---- files on their way -------------------------------------------------- */

static void print_departures(struct inspection *in, const struct partition_view *p)
{
    static const struct {
        const char *suffix;
        const char *why;
    } kinds[] = {
        {DELETED_SUFFIX, "deleted, to be removed"},
        {CLEANED_SUFFIX, "a compaction's output, not finished"},
        {SWAP_SUFFIX, "a compaction's output, about to take its place"},
    };
    char size[SIZE_TEXT];
    bool first = true;
    folder_listing_each(&p->files, f)
    {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (!ends_with(f->name, kinds[i].suffix))
                continue;
            fprintf(in->out, "%s  %s: %s, %s\n", first ? "\n" : "", f->name,
                    kinds[i].why,
                    f->size < 0 ? "unreadable" : size_text(f->size, size));
            first = false;
        }
    }
}

static void print_all(struct inspection *in, const struct topic_view *t,
                      const struct partition_view *p)
{
    fprintf(in->out, "%.*s/%d\n", STR_ARGS(t->name), p->partition);
    if (p->here)
        print_topic_id(in, t, p);
    print_directory(in);
    print_replicas(in, p);
    if (!p->here) {
        fprintf(in->out, "  no folder here\n");
        return;
    }
    print_offsets(in, p);
    print_epochs(in, p);
    print_configs(in, t->name);
    print_segments(in, p);
    print_producers(in, p);
    print_departures(in, p);
}

int inspect_partition(struct inspection *in, struct str name, int32_t partition,
                      struct err *err)
{
    struct topic_view t;
    struct partition_view p = {0};
    int rc = topic_view_read(in, name, &t, err);
    if (rc == 0 && partition < t.partition_count)
        rc = partition_view_read(in, &t, partition, &p, err);
    if (rc == 0 && p.known == NULL && !p.here)
        rc = err_set(err, ERR_NOT_FOUND, "%.*s has no partition %d in %s",
                     STR_ARGS(name), partition, in->dir.path);
    if (rc == 0)
        print_all(in, &t, &p);
    partition_view_free(&p);
    topic_view_free(&t);
    return rc;
}
