/* storage/metadata_log_internal.h: what the metadata log's files share. */
#ifndef GREGOR_STORAGE_METADATA_LOG_INTERNAL_H
#define GREGOR_STORAGE_METADATA_LOG_INTERNAL_H

#include "storage/metadata_log.h"
#include "storage/quorum_state.h"

/* One of the log's jobs; there is one of each kind. */
struct metadata_job {
    struct job job;
    struct metadata_log *l;
    bool running;
    int rc;
    struct err err;
};

struct metadata_log {
    struct metadata_log_options o;
    char *dir;
    struct topic_config config;
    struct partition_log *log;
    struct quorum_state quorum;
    struct buf kraft_version; /* values of the last such control records; empty: */
    struct buf voters;        /* there were none */
    bool has_records;
    int64_t last_timestamp; /* of the last batch */
    int64_t bytes_since_snapshot;

    struct metadata_log_request *waiting; /* for the next sync */
    struct metadata_log_request *syncing; /* for the one that runs */
    struct metadata_job sync;
    bool dir_synced; /* log_dir_sync() has succeeded */

    struct metadata_log_request *first; /* called back on the next turn */
    struct metadata_job turn;
    bool began; /* the first append has been */
    struct log_flush *flush;

    struct metadata_job snapshot;
    struct metadata_snapshot_id snapshot_id;
    struct buf snapshot_bytes;
    struct log_cleanup *cleanup; /* behind a snapshot; NULL: none under way */

    struct metadata_job reopen;
    struct partition_log *reopened;
    struct record_batch_builder kept; /* the batch that waits for it */
    struct metadata_log_request *kept_request;

    struct metadata_job seal;
    struct metadata_log_request *stop; /* not NULL: stopping */
};

/* metadata_log.c */
int metadata_log_append_batch(struct metadata_log *l, struct record_batch_builder *b,
                              struct err *err);

/* Appends a batch that was built, and sees to its sync. */
int metadata_log_append_built(struct metadata_log *l, struct record_batch_builder *b,
                              struct metadata_log_request *r, struct err *err);
void metadata_log_submit(struct metadata_log *l, struct metadata_job *j,
                         void (*work)(struct job *), void (*done)(struct job *));
/* A job is done: the stop, if one waits for it. */
void metadata_log_stop_step(struct metadata_log *l);

/* metadata_log_open.c: folder, snapshot, log, epoch. */
int metadata_log_load(struct metadata_log *l, struct err *err);
/* The partition log alone, recovered. May block. */
int metadata_log_open_log(const struct metadata_log *l, int64_t recovery_point,
                          int64_t log_start_offset, struct partition_log **out,
                          struct err *err);

/* metadata_log_reopen.c */
bool metadata_log_may_reopen(const struct metadata_log *l);
/* The batch is the log's from now on; `r` hears how it went with it. */
void metadata_log_reopen(struct metadata_log *l, struct record_batch_builder *b,
                         struct metadata_log_request *r);

#endif
