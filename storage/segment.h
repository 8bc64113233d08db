/* storage/segment.h
 *
 * One stretch of a partition log: <base offset>.log with its sparse .index and
 * .timeindex, and a .txnindex if transactions were aborted in it (Kafka:
 * LogSegment). Only the newest segment of a log grows.
 *
 * An open segment holds what appends need: sizes, the largest timestamp, the
 * last index entries. Its descriptors open on use; segment_rest() closes them.
 * The .log's is counted (log_file.h), so a reader may outlive the segment.
 *
 * Owned by its log; used where that is used. Calls may block unless they say
 * otherwise. */
#ifndef GREGOR_STORAGE_SEGMENT_H
#define GREGOR_STORAGE_SEGMENT_H

#include "storage/batch_walk.h"
#include "storage/log_file.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"
#include "storage/txn_index.h"

struct segment {
    struct disk *disk;
    const char *dir; /* borrowed from the log */
    int64_t base_offset;
    const char *stage;       /* of its files' names, as log_path_staged() has it */
    struct log_file *file;   /* NULL: closed */
    int64_t size;            /* of the .log; positions are int32, and so is this */
    int64_t created_ms;      /* wall clock; since when an empty one waits */
    int64_t jitter_ms;       /* how much sooner segment.ms is over */
    int64_t first_timestamp; /* largest of the first batch; -1: none or unknown */
    /* The largest timestamp and the last offset of the batch that brought it. */
    struct timestamp_offset max_timestamp;
    /* Of the .log's content, read for retention where no record has a timestamp; -1:
     * not read since it last changed. */
    int64_t modified_ms;
    bool max_timestamp_known;
    bool from_future_told; /* that its largest timestamp keeps it from expiring */
    bool indexes_missing;  /* recovery has to make them anew */
    struct offset_index offsets;
    struct time_index times;
    struct txn_index txns;
};

/* A batch's place in the .log. */
struct batch_place {
    int32_t position;
    int32_t size;
    int64_t base_offset;
    int64_t last_offset;
};

/* Makes the files of an empty segment, over any of the same names. `dir` is
 * borrowed until segment_close(). */
int segment_create(struct disk *disk, const char *dir, int64_t base_offset,
                   int64_t now_ms, struct segment **out, struct err *err);

/* The same for one that a cleaner fills: its files end in .cleaned. */
int segment_create_cleaned(struct disk *disk, const char *dir, int64_t base_offset,
                           int64_t now_ms, struct segment **out, struct err *err);

/* Gives its files the names of another stage, one after the other. */
int segment_rename(struct segment *s, const char *stage, struct err *err);

/* Opens the segment whose .log is there. Nothing but its size is looked at. */
int segment_open(struct disk *disk, const char *dir, int64_t base_offset,
                 int64_t now_ms, bool has_txn_index, struct segment **out,
                 struct err *err);

/* Frees without writing anything. Accepts NULL. */
void segment_close(struct segment *s);

/* Closes descriptors that nobody else holds; the next use opens them again. */
void segment_rest(struct segment *s);
/* The same for the indexes alone. */
void segment_rest_indexes(struct segment *s);

/* Opens the .log if need be; s->file is set after success. */
int segment_open_file(struct segment *s, struct err *err);

/* Whether `offset` fits the int32 that the indexes have for it. Never blocks. */
bool segment_fits_offset(const struct segment *s, int64_t offset);

/* Learns what appends need: both indexes' ends, the largest and the first
 * timestamp. Later calls do nothing. ERR_NOT_FOUND: an index is missing. */
int segment_prepare(struct segment *s, struct err *err);

/* Appends one batch whose offsets are final, with an index entry when more than
 * index_interval_bytes lie behind the last one. One write. A failed one is
 * undone as far as the disk allows, and the segment stands as before. No memory
 * is allocated, but for the growth of the index tails. The segment is prepared. */
int segment_append(struct segment *s, const uint8_t *data,
                   const struct record_batch *batch, int32_t index_interval_bytes,
                   struct err *err);

/* Notes the entries that a batch at `position` brings, as segment_append() and
 * recovery both do. After segment_reserve_entries(). Never blocks. */
int segment_reserve_entries(struct segment *s, struct err *err);
void segment_note_batch(struct segment *s, const struct record_batch *batch,
                        int64_t position, int32_t index_interval_bytes);

/* The first batch whose last offset is >= `offset`. 1 and *place, or 0: the
 * segment has none. */
int segment_find(struct segment *s, int64_t offset, struct batch_place *place,
                 struct err *err);

/* Where the first batch with base offset >= `offset` begins; the segment's size
 * if there is none. */
int segment_position_of(struct segment *s, int64_t offset, int64_t *position,
                        struct err *err);

/* The offset behind the last batch, found by walking behind the last index
 * entry. ERR_CORRUPT when that does not lead to the end of the file. */
int segment_next_offset(struct segment *s, int64_t *next, struct err *err);

/* The largest timestamp; (-1, base offset) when empty. */
int segment_max_timestamp(struct segment *s, struct timestamp_offset *out,
                          struct err *err);

/* The largest timestamp of its first batch; -1 when empty or without any. */
int segment_first_timestamp(struct segment *s, int64_t *out, struct err *err);

/* Writes the last time index entry and the tails of the indexes. */
int segment_write_out(struct segment *s, bool last_time_entry, struct err *err);

/* Syncs the indexes of a segment, which need not be open. A file that is not there
 * was deleted meanwhile: nobody will miss it. */
int segment_sync_indexes(struct disk *disk, const char *dir, int64_t base_offset,
                         const char *stage, bool has_txn_index, struct err *err);

/* Empties the indexes, to be filled anew from the .log; makes missing ones. */
int segment_reset_indexes(struct segment *s, struct err *err);

/* Cuts the .log to `size` bytes; the indexes are the caller's business. */
int segment_cut(struct segment *s, int64_t size, struct err *err);

/* Drops what is at or above `offset`, from the indexes too. */
int segment_truncate_to(struct segment *s, int64_t offset, struct err *err);

/* Renames the files of a segment, and the producers' snapshot as of its base offset, to
 * the same with .deleted behind. */
int segment_mark_deleted(struct segment *s, struct err *err);
/* Renames the live files of a segment, which need not be open, to the same with
 * .deleted behind, and removes those; `keep_snapshot`: all but the producers' snapshot
 * as of its base offset. Missing ones are none. Touch nothing but the disk. */
int segment_files_mark_deleted(struct disk *disk, const char *dir, int64_t base_offset,
                               bool keep_snapshot, struct err *err);
int segment_files_remove_deleted(struct disk *disk, const char *dir,
                                 int64_t base_offset, struct err *err);

#endif
