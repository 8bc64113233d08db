/* Compacting a log: of every key the latest record stays, and offsets never change.
 *
 *   clean               │ dirty                              │ cannot be cleaned
 *   [ 0 … ][ 100 … ]    │ [ 210 … ][ 300 … ][ 380 … ]        │ [ 450 … ] active
 *                first dirty offset                first uncleanable offset
 *
 * The dirty part is read once for a map from keys to the offsets of their latest
 * records. Then everything from the log's start to where the map was full, or to the
 * end of the dirty part, is read and written again without the records that the map
 * knows a later one for. Neighbours that have become small are made one segment.
 * What the map had no room for is dirty still, and the next pass begins there.
 *
 *   PREPARE ─► MAP ─► SYNC ─► MEASURE ─► FILTER ─► NAME ─► RETIRE ─► SETTLE ─► OVER
 *                                          ▲                              │
 *                                          └───────── next group ─────────┘
 *
 * The SYNC is for records that were appended but never flushed: what they supersede
 * may be on the disk, and must not leave it before they are there themselves.
 *
 * A group of segments is replaced in steps, any of which may be the last before a
 * crash (Kafka: LocalLog.replaceSegments; opening the log ends what was begun, see
 * folder_contents.h):
 *
 *             pool                          loop                     a crash now
 *   FILTER    N.*.cleaned, synced                                    .cleaned goes
 *   NAME      N.*.cleaned ─► N.*.swap, synced                        .swap replaces
 *                                           the log reads N.*.swap   .swap replaces
 *   RETIRE    old files ─► .deleted, synced                          .swap replaces
 *                                           N.*.swap ─► N.*          either
 *   SETTLE    synced                                                 all is done
 *
 * Each sync keeps a power cut from undoing one step but not the next, and the cleaner's
 * checkpoint is written only behind the last. While names change the cleaning is the
 * log's one job; before, it only reads files that nobody changes: if retention or a
 * truncation takes them away, the cleaning is given up.
 *
 * Memory: the map, two buffers, and for each segment and producer a few bytes; all
 * of it gone between two cleanings. */
#include "storage/log_cleaning_internal.h"

#include <stdlib.h>

#include "storage/folder_contents.h"

#define SLICE_US 20000

struct cleaning_slice cleaning_slice_begin(const struct log_cleaning *c)
{
    return (struct cleaning_slice){clock_mono_us(c->clock), c->io_bytes};
}

bool cleaning_slice_is_over(const struct cleaning_slice *s,
                            const struct log_cleaning *c)
{
    return c->io_bytes - s->began_bytes >= c->o.slice_bytes ||
           clock_mono_us(c->clock) - s->began_us >= SLICE_US;
}

int64_t cleaning_segment_end(const struct log_cleaning *c, int at)
{
    return at + 1 < c->segment_count ? c->segments[at + 1].base_offset
                                     : c->limits.uncleanable_offset;
}

int log_cleaning_run(struct log_cleaning *c, struct err *err)
{
    static int (*const work[])(struct log_cleaning *, struct err *) = {
        [STATE_PREPARE] = cleaning_prepare, [STATE_MAP] = cleaning_map,
        [STATE_SYNC] = cleaning_sync,       [STATE_MEASURE] = cleaning_measure,
        [STATE_FILTER] = cleaning_filter,   [STATE_NAME] = cleaning_name,
        [STATE_RETIRE] = cleaning_retire,   [STATE_SETTLE] = cleaning_settle,
    };
    return work[c->state](c, err);
}

bool log_cleaning_may_stop(const struct log_cleaning *c)
{
    return c->state <= STATE_NAME || c->state == STATE_OVER;
}

int log_cleaning_abandon(struct log_cleaning *c, struct err *err)
{
    cleaning_reader_rewind(c, 0);
    segment_close(c->cleaned);
    c->cleaned = NULL;
    return folder_contents_drop_cleaned(c->disk, c->dir, err);
}

void log_cleaning_end(struct log_cleaning *c)
{
    if (c == NULL)
        return;
    cleaning_reader_rewind(c, 0);
    segment_close(c->cleaned);
    batch_filter_free(&c->filter);
    cleaned_txns_destroy(c->txns);
    offset_map_destroy(c->map);
    buf_free(&c->out);
    free(c->producers);
    free(c->segments);
    free(c);
}

int64_t log_cleaning_take_io(struct log_cleaning *c)
{
    int64_t bytes = c->io_bytes;
    c->io_bytes = 0;
    return bytes;
}

struct log_cleaning_stats log_cleaning_stats(const struct log_cleaning *c)
{
    struct log_cleaning_stats stats = c->stats;
    stats.first_dirty_offset = c->first_dirty_offset;
    stats.end_offset = c->end_offset;
    stats.keys = offset_map_count(c->map);
    return stats;
}
