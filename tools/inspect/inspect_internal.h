/* tools/inspect/inspect_internal.h
 *
 * gregor inspect: what a data directory holds of a topic, on one screen. All is read
 * as it is and nothing is locked, so a broker may be running: what it has in memory
 * only (checkpoints not yet written) does not show. */
#ifndef GREGOR_TOOLS_INSPECT_INSPECT_INTERNAL_H
#define GREGOR_TOOLS_INSPECT_INSPECT_INTERNAL_H

#include <limits.h>
#include <stdio.h>

#include "storage/log_dir.h"
#include "tools/folder_listing.h"
#include "tools/inspect/segment_view.h"
#include "tools/metadata_view.h"

struct inspection {
    struct disk *disk;
    FILE *out;
    FILE *complaints;
    struct log_dir dir;
    struct metadata_view metadata;
    struct folder_listing folders; /* of the data directory */
    bool faulty;                   /* something could not be read */
};

/* Opens, but locks nothing. */
int inspection_open(struct inspection *in, struct disk *disk, const char *data,
                    FILE *out, FILE *complaints, struct err *err);
void inspection_close(struct inspection *in);

void inspect_complain(struct inspection *in, const char *what, const struct err *err);

/* What the three checkpoints say of one partition; -1: nothing. */
struct checkpointed_offsets {
    int64_t recovery_point;
    int64_t high_watermark;
    int64_t log_start_offset;
};

/* One partition's folder. */
struct partition_view {
    int32_t partition;
    const struct metadata_partition *known; /* NULL: the metadata has none such */
    char folder[PATH_MAX];
    bool here;
    struct folder_listing files;
    int32_t segment_count;
    int64_t size;               /* of all segments */
    struct segment_view newest; /* of the newest segment */
    int64_t log_start_offset;
    int64_t log_end_offset;
    struct checkpointed_offsets checkpointed;
};

struct topic_view {
    struct str name;
    const struct metadata_topic *known;        /* NULL: the metadata has none such */
    int32_t partition_count;                   /* of the metadata and of the folders */
    struct checkpointed_offsets *checkpointed; /* owned; one a partition */
};

/* ERR_NOT_FOUND: neither the metadata nor a folder has it. `name` is borrowed. */
int topic_view_read(struct inspection *in, struct str name, struct topic_view *out,
                    struct err *err);
void topic_view_free(struct topic_view *t);

/* What cannot be read of a partition is told, and shows as missing. */
int partition_view_read(struct inspection *in, const struct topic_view *t,
                        int32_t partition, struct partition_view *out, struct err *err);
void partition_view_free(struct partition_view *p);

/* The three kinds of screen. */
int inspect_directory(struct inspection *in, struct err *err);
int inspect_topic(struct inspection *in, struct str name, struct err *err);
int inspect_partition(struct inspection *in, struct str name, int32_t partition,
                      struct err *err);

/* inspect_print.c: "  label            value" */
void print_label(struct inspection *in, const char *label);
void print_directory(struct inspection *in);
void print_configs(struct inspection *in, struct str topic);
/* Folders beside the live ones whose names begin with `start`: on their way out, or
 * kept aside. */
void print_folders_aside(struct inspection *in, struct str start);

#define SIZE_TEXT 32
#define TIME_TEXT 32
const char *size_text(int64_t bytes, char out[SIZE_TEXT]);     /* "1.4 MiB" */
const char *time_text(int64_t timestamp, char out[TIME_TEXT]); /* UTC; "-" for -1 */
const char *offset_text(int64_t offset, char out[SIZE_TEXT]);  /* "-" for -1 */
void print_ids(struct inspection *in, struct broker_ids ids);  /* "1, 2, 3" */

#endif
