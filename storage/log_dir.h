/* storage/log_dir.h
 *
 * One data directory: its lock, its identity and the small files that say how
 * it was left (Kafka: MetaProperties, CleanShutdownFileHandler, FileLock).
 * The layout of the whole directory: formats.md.
 *
 * Start-up and pool jobs: every call may block. */
#ifndef GREGOR_STORAGE_LOG_DIR_H
#define GREGOR_STORAGE_LOG_DIR_H

#include "protocol/base/random.h"
#include "protocol/base/uuid.h"
#include "storage/disk.h"

#define LOG_DIR_CLUSTER_ID_SIZE 64
#define LOG_DIR_FIRST_NODE_ID 1

struct log_dir_options {
    const char *path; /* copied */
    struct disk *disk;
    const struct random *random;
    int32_t node_id;        /* -1: the directory's own, or the first one */
    const char *cluster_id; /* NULL: the directory's own, or a new one */
};

struct log_dir {
    struct disk *disk;
    char *path;
    int lock_fd; /* -1: not locked */
    int32_t node_id;
    char cluster_id[LOG_DIR_CLUSTER_ID_SIZE];
    struct uuid directory_id;
    bool fresh;                /* made, or found empty, by this start */
    bool clean;                /* the last stop was clean; true for a fresh one */
    int64_t last_broker_epoch; /* at the last clean stop; -1: unknown */
};

/* Makes the directory if it is missing (0755), locks it, reads or writes
 * meta.properties, takes away .kafka_cleanshutdown. What is refused is left
 * untouched, and *err names the directory:
 *   ERR_BUSY         another broker uses it
 *   ERR_INVALID      it holds files but is no data directory of Kafka's
 *   ERR_MISMATCH     it is of another cluster, node or format version
 *   ERR_CORRUPT      meta.properties lacks an id
 *   ERR_PERMISSION, ERR_IO, … */
int log_dir_open(const struct log_dir_options *options, struct log_dir *out,
                 struct err *err);

/* Reads whose directory it is and how it was left, as log_dir_open() does, but makes,
 * locks and takes away nothing: a broker may be using it. ERR_NOT_FOUND: there is no
 * such directory; ERR_INVALID: it holds no meta.properties. log_dir_close() ends it. */
int log_dir_look(struct disk *disk, const char *path, struct log_dir *out,
                 struct err *err);

/* Locks a directory that was looked at, until log_dir_close(). ERR_BUSY. */
int log_dir_lock(struct log_dir *d, struct err *err);

/* Makes durable what log_dir_open() did: it waits for no device, so that a broker
 * starts at once. Before this has returned 0 nothing may be written that a power
 * cut must not take, or that must not be trusted after one. Pool job. */
int log_dir_sync(const struct log_dir *d, struct err *err);

/* Unlocks and frees; accepts a zeroed one. */
void log_dir_close(struct log_dir *d);

/* Writes .kafka_cleanshutdown: the last act of a clean stop. */
int log_dir_mark_clean(struct log_dir *d, int64_t broker_epoch, struct err *err);

#endif
