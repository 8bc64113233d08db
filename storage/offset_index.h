/* storage/offset_index.h
 *
 * A segment's .index: for some batches, where they lie in the .log (Kafka:
 * OffsetIndex). An entry is int32 last offset of the batch, relative to the
 * segment, and int32 position of the batch; both strictly increase. Sparse: a
 * reader starts at the nearest entry below and walks.
 *
 * A hint: whoever uses a position checks that the batch there is the one
 * meant, and recovery makes the index anew.
 *
 * Owned by its segment; used where that is used. Every call may block. */
#ifndef GREGOR_STORAGE_OFFSET_INDEX_H
#define GREGOR_STORAGE_OFFSET_INDEX_H

#include "storage/index_file.h"

#define OFFSET_INDEX_ENTRY 8

struct offset_position {
    int64_t offset;
    int32_t position;
};

static inline struct offset_position offset_index_decode(const uint8_t *entry,
                                                         int64_t base_offset)
{
    return (struct offset_position){
        .offset = base_offset + (int32_t)load_be32(entry),
        .position = (int32_t)load_be32(entry + 4),
    };
}

struct offset_index {
    struct index_file file;
    struct offset_position last; /* (base offset, 0) while there is none */
};

/* `dir` is borrowed until offset_index_close(). */
void offset_index_init(struct offset_index *x, struct disk *disk, const char *dir,
                       int64_t base_offset);
void offset_index_close(struct offset_index *x);

/* Makes an empty file in place of what is there. */
int offset_index_create(struct offset_index *x, struct err *err);

/* Looks at the file, once: afterwards `last` is known. Entries count only as
 * long as they increase. ERR_NOT_FOUND: there is no file. */
int offset_index_load(struct offset_index *x, struct err *err);

/* The entry with the largest offset <= `offset`; (base offset, 0) if none is. */
int offset_index_lookup(struct offset_index *x, int64_t offset,
                        struct offset_position *out, struct err *err);

/* Two steps, so that an append fails before anything is written or not at all. */
int offset_index_reserve(struct offset_index *x, struct err *err);
void offset_index_append(struct offset_index *x, int64_t offset, int32_t position);

int64_t offset_index_count(struct offset_index *x);

/* Drops the entries at or above `offset`. */
int offset_index_truncate_to(struct offset_index *x, int64_t offset, struct err *err);

#endif
