/* tools/dump/dump.h
 *
 * What the files of a data directory say, line by line as Kafka's kafka-dump-log
 * prints it (DumpLogSegments), and of those that it knows not, in the same manner.
 *
 * A file is read as it is, a stretch at a time: the memory needed is that of one
 * batch and what it expands to. A file of a running broker may be read; it is taken
 * as long as it was when it was opened.
 *
 * What is wrong with a file is told in `complaints`, and its rest skipped only where
 * it cannot be read. One owner; every call may block. */
#ifndef GREGOR_TOOLS_DUMP_DUMP_H
#define GREGOR_TOOLS_DUMP_DUMP_H

#include <stdio.h>

#include "protocol/base/arena.h"
#include "storage/disk.h"
#include "tools/dump/record_decoder.h"

/* The names are those of kafka-dump-log's options. */
struct dump_options {
    bool deep_iteration;
    bool print_data_log;
    bool skip_record_metadata;
    bool verify_index_only;
    bool index_sanity_check;
    int32_t max_message_size;
    int32_t max_bytes;
    enum record_decoder decoder;
};

#define DUMP_OPTIONS_INIT                                       \
    ((struct dump_options){.max_message_size = 5 * 1024 * 1024, \
                           .max_bytes = INT32_MAX,              \
                           .decoder = DECODE_TEXT})

struct dump {
    struct dump_options o;
    struct disk *disk;
    FILE *out;
    FILE *complaints;
    bool faulty; /* something was damaged, or could not be read */

    /* Room that one file leaves to the next. */
    struct buf batch;
    struct decoded_record decoded;
};

void dump_init(struct dump *d, struct disk *disk, FILE *out, FILE *complaints,
               const struct dump_options *options);
void dump_free(struct dump *d);

/* Prints one file: what it is tells its name. */
void dump_file(struct dump *d, const char *path);

/* Whether the file's name says that it is of a kind that can be printed. */
bool dump_knows(const char *path);

#endif
