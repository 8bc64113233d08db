/* storage/log_folder.h
 *
 * The folders of a data directory: their names, and the id that says whose they
 * are. TOPIC-PARTITION is a live replica; TOPIC-PARTITION.HEX-delete, -stray or
 * -future, with 32 hex digits, is one on its way out or in (Kafka: LocalLog).
 * What touches the disk may block: pool job or start-up. */
#ifndef GREGOR_STORAGE_LOG_FOLDER_H
#define GREGOR_STORAGE_LOG_FOLDER_H

#include "protocol/base/random.h"
#include "protocol/base/trace.h"
#include "protocol/base/uuid.h"
#include "storage/disk.h"

#define FOLDER_DELETE_SUFFIX "-delete"
#define FOLDER_STRAY_SUFFIX "-stray"
#define FOLDER_FUTURE_SUFFIX "-future"
#define FOLDER_NAME_SIZE 256 /* with the terminating zero */

enum folder_kind {
    FOLDER_PARTITION,
    FOLDER_DELETED,
    FOLDER_STRAY,
    FOLDER_FUTURE,
    FOLDER_OTHER, /* no name of ours */
};

/* Reads a folder's name; topic (a view into it) and partition are set for a
 * FOLDER_PARTITION only. */
enum folder_kind log_folder_parse(const char *name, struct str *topic,
                                  int32_t *partition);

/* TOPIC-PARTITION. Topic names have at most 249 characters. */
void log_folder_name(char out[FOLDER_NAME_SIZE], struct str topic, int32_t partition);

/* TOPIC-PARTITION.HEX and the suffix; the topic is cut when the name would pass 255
 * characters. */
void log_folder_aside_name(char out[FOLDER_NAME_SIZE], struct str topic,
                           int32_t partition, const struct random *random,
                           const char *suffix);

struct log_folder {
    const char *parent; /* the data directory */
    struct str topic;
    int32_t partition;
    struct uuid topic_id;
};

/* Makes sure that the folder is there and belongs to the topic id: makes it, with
 * its partition.metadata, when it is missing, and moves another topic's out of the
 * way as a stray, which is traced. *fresh: it was made just now. */
int log_folder_prepare(const struct log_folder *folder, struct disk *disk,
                       const struct random *random, const struct trace *trace,
                       bool *fresh, struct err *err);

/* Renames a replica's folder to a stray's, traced. ERR_NOT_FOUND if it is gone. */
int log_folder_set_aside(const struct log_folder *folder, const char *why,
                         struct disk *disk, const struct random *random,
                         const struct trace *trace, struct err *err);

/* The bytes of the .log files in it; negative: an error. */
int64_t log_folder_size(struct disk *disk, const char *path, struct err *err);

#endif
