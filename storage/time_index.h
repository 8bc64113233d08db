/* storage/time_index.h
 *
 * A segment's .timeindex (Kafka: TimeIndex): int64 timestamp, int32 relative
 * offset. An entry says: up to and including this offset no record is younger
 * than this timestamp, and the batch that ends there has it. Timestamps
 * strictly increase. Written beside the entries of .index, and once more on a
 * roll or a clean stop, so that the last entry of a closed segment is its
 * largest timestamp.
 *
 * A hint that recovery makes anew.
 *
 * Owned by its segment; used where that is used. Every call may block. */
#ifndef GREGOR_STORAGE_TIME_INDEX_H
#define GREGOR_STORAGE_TIME_INDEX_H

#include "storage/index_file.h"

#define TIME_INDEX_ENTRY 12

struct timestamp_offset {
    int64_t timestamp; /* NO_TIMESTAMP: nothing known */
    int64_t offset;
};

static inline struct timestamp_offset time_index_decode(const uint8_t *entry,
                                                        int64_t base_offset)
{
    return (struct timestamp_offset){
        .timestamp = (int64_t)load_be64(entry),
        .offset = base_offset + (int32_t)load_be32(entry + 8),
    };
}

struct time_index {
    struct index_file file;
    struct timestamp_offset last; /* (-1, base offset) while there is none */
};

/* `dir` is borrowed until time_index_close(). */
void time_index_init(struct time_index *x, struct disk *disk, const char *dir,
                     int64_t base_offset);
void time_index_close(struct time_index *x);

/* Makes an empty file in place of what is there. */
int time_index_create(struct time_index *x, struct err *err);

/* As offset_index_load(). */
int time_index_load(struct time_index *x, struct err *err);

/* The last entry with a timestamp <= `timestamp`; (-1, base offset) if none. */
int time_index_lookup(struct time_index *x, int64_t timestamp,
                      struct timestamp_offset *out, struct err *err);

/* As offset_index_reserve(). The append does nothing unless the timestamp is
 * larger than the last entry's. */
int time_index_reserve(struct time_index *x, struct err *err);
void time_index_append(struct time_index *x, struct timestamp_offset entry);

int64_t time_index_count(struct time_index *x);

/* Drops the entries whose offset is at or above `offset`. */
int time_index_truncate_to(struct time_index *x, int64_t offset, struct err *err);

#endif
