/* storage/log_cleaning_internal.h
 *
 * What the files of a cleaning share. Nobody else includes it. */
#ifndef GREGOR_STORAGE_LOG_CLEANING_INTERNAL_H
#define GREGOR_STORAGE_LOG_CLEANING_INTERNAL_H

#include "storage/batch_filter.h"
#include "storage/batch_walk.h"
#include "storage/log_cleaning.h"
#include "storage/segment.h"
#include "storage/segment_groups.h"

/* Drawn in log_cleaning.c. */
enum cleaning_state {
    STATE_PREPARE,
    STATE_MAP,
    STATE_SYNC,
    STATE_MEASURE,
    STATE_FILTER,
    STATE_NAME,
    STATE_RETIRE,
    STATE_SETTLE,
    STATE_OVER,
};

/* Where reading through the segments has come to. */
struct cleaning_reader {
    int at;   /* the segment */
    int open; /* the segment whose file is open; -1: none */
    int fd;
    struct batch_walk walk;
};

struct log_cleaning {
    enum cleaning_state state;
    struct disk *disk;
    const struct clock *clock;
    const struct random *random;
    const char *dir; /* the log's */
    struct log_cleaning_options o;

    /* The topic's settings, as they were. */
    int32_t index_interval_bytes;
    int64_t delete_retention_ms;
    struct group_limits limits;

    int64_t now_ms;
    int64_t first_dirty_offset;
    int64_t synced_offset; /* below it all was on the disk at begin() */
    int64_t end_offset;    /* behind what the map knows */
    int truncations;       /* the log's at begin() */

    /* All of the log's; the first `segment_count` lie below limits.uncleanable_offset.
     */
    struct dirty_segment *segments;
    int all_count;
    int segment_count;
    int synced_count; /* of all, on the disk for certain */
    int clean_count;  /* of those to be cleaned, below end_offset: written anew */
    struct last_record *producers;
    size_t producer_count;

    struct cleaning_reader reader;
    struct offset_map *map;
    struct cleaned_txns *txns;

    /* The group at work: segments [group_from, group_to). */
    int group_from;
    int group_to;
    struct batch_filter filter;
    struct segment *cleaned; /* what it becomes; NULL: not made yet, or the log's */
    struct buf out;          /* batches to be written behind it */
    int64_t unsynced_bytes;

    int64_t io_bytes;
    struct log_cleaning_stats stats;
};

/* A slice of work. */
struct cleaning_slice {
    int64_t began_us;
    int64_t began_bytes;
};
struct cleaning_slice cleaning_slice_begin(const struct log_cleaning *c);
bool cleaning_slice_is_over(const struct cleaning_slice *s,
                            const struct log_cleaning *c);

/* Takes the next whole batch of segments up to `end` (an index): 1; 0: there is
 * none; negative: the disk, or bytes that are no batch, in words that name the file.
 * r->at is the batch's segment, or `end`. Its CRC holds. */
int cleaning_reader_next(struct log_cleaning *c, int end, struct record_batch *batch,
                         const uint8_t **data, struct err *err);
void cleaning_reader_rewind(struct log_cleaning *c, int at);

/* Says where the batch that the reader gave last lies. Returns rc. */
int cleaning_reader_context(const struct log_cleaning *c,
                            const struct record_batch *batch, int rc, struct err *err);

/* Where the offsets of segment `at` end. */
int64_t cleaning_segment_end(const struct log_cleaning *c, int at);

/* Begins with the transactions anew, to read on from `offset`. */
int cleaning_load_txns(struct log_cleaning *c, int64_t offset, struct err *err);

/* The states; 1: not done yet. */
int cleaning_prepare(struct log_cleaning *c, struct err *err);
int cleaning_map(struct log_cleaning *c, struct err *err);
int cleaning_sync(struct log_cleaning *c, struct err *err);
int cleaning_measure(struct log_cleaning *c, struct err *err);
int cleaning_filter(struct log_cleaning *c, struct err *err);
int cleaning_name(struct log_cleaning *c, struct err *err);
int cleaning_retire(struct log_cleaning *c, struct err *err);
int cleaning_settle(struct log_cleaning *c, struct err *err);

/* Moves on to the next group; false: there is none. */
bool cleaning_next_group(struct log_cleaning *c);

#endif
