/* The small files beside the segments: aborted transactions, producers, leader epochs,
 * the topic's id, and the checkpoints of the whole data directory. */
#include "tools/dump/dump_internal.h"

#include "storage/leader_epoch_cache.h"
#include "storage/offset_checkpoint.h"
#include "storage/partition_metadata.h"
#include "storage/txn_index.h"

static int dump_aborted(void *context, const uint8_t *entry, struct err *err)
{
    struct dump *d = context;
    struct aborted_txn txn;
    int rc = txn_index_decode(entry, &txn, err);
    if (rc == 0)
        fprintf(d->out,
                "version: 0 producerId: %lld firstOffset: %lld lastOffset: %lld "
                "lastStableOffset: %lld\n",
                (long long)txn.producer_id, (long long)txn.first_offset,
                (long long)txn.last_offset, (long long)txn.last_stable_offset);
    return rc;
}

int dump_txn_index(struct dump *d, const struct dump_source *s, struct err *err)
{
    int rc = dump_each_entry(d, s, TXN_INDEX_ENTRY, dump_aborted, d, err);
    if (rc == 0 && s->size % TXN_INDEX_ENTRY != 0)
        rc = err_set(err, ERR_CORRUPT, "it ends inside an entry");
    return rc;
}

static int dump_producer(void *context, const struct producer_snapshot_entry *e,
                         struct err *err)
{
    struct dump *d = context;
    (void)err;
    fprintf(d->out,
            "producerId: %lld producerEpoch: %d coordinatorEpoch: %d "
            "currentTxnFirstOffset: ",
            (long long)e->producer_id, e->producer_epoch, e->coordinator_epoch);
    dump_optional(d, e->current_txn_first_offset >= 0, e->current_txn_first_offset);
    fprintf(d->out, " lastTimestamp: %lld", (long long)e->last_timestamp);
    if (e->last_offset >= 0)
        fprintf(d->out,
                " firstSequence: %d lastSequence: %d lastOffset: %lld offsetDelta: %d "
                "timestamp: %lld",
                e->first_sequence, e->last_sequence, (long long)e->last_offset,
                e->offset_delta, (long long)e->last_timestamp);
    fputc('\n', d->out);
    return 0;
}

int dump_producers(struct dump *d, const struct dump_source *s, struct err *err)
{
    return producer_snapshot_read(d->disk, s->path, dump_producer, d, err);
}

static int dump_offset(void *context, struct str topic, int32_t partition,
                       int64_t offset)
{
    struct dump *d = context;
    fprintf(d->out, "topic: %.*s partition: %d offset: %lld\n", STR_ARGS(topic),
            partition, (long long)offset);
    return 0;
}

int dump_offset_checkpoint(struct dump *d, const struct dump_source *s, struct err *err)
{
    return offset_checkpoint_read(d->disk, s->path, dump_offset, d, err);
}

static int dump_epoch(void *context, const struct leader_epoch_entry *entry,
                      struct err *err)
{
    struct dump *d = context;
    (void)err;
    fprintf(d->out, "leaderEpoch: %d startOffset: %lld\n", entry->leader_epoch,
            (long long)entry->start_offset);
    return 0;
}

int dump_leader_epochs(struct dump *d, const struct dump_source *s, struct err *err)
{
    return leader_epoch_checkpoint_read(d->disk, s->path, dump_epoch, d, err);
}

int dump_partition_metadata(struct dump *d, const struct dump_source *s,
                            struct err *err)
{
    char folder[PATH_MAX];
    char text[UUID_TEXT_SIZE];
    struct uuid id;
    snprintf(folder, sizeof(folder), "%.*s.", (int)(s->name - s->path), s->path);
    int rc = partition_metadata_read(d->disk, folder, &id, err);
    if (rc == 0)
        fprintf(d->out, "version: 0 topicId: %s\n", uuid_text(id, text));
    return rc;
}
