/* storage/log_manager.h
 *
 * Owns the partition logs of one data directory: makes, opens, recovers,
 * flushes, checkpoints, deletes them, and has old segments deleted by retention
 * (Kafka: LogManager).
 *
 *                             ┌────────────────────┐
 *                             ▼                    │
 *        add ─► CLOSED ◄─► OPENING ─► ONLINE ─► OFFLINE
 *                  ▲  create  │         │          │
 *                  └──────────┴─────────┴──────────┴──► DELETING ─► (forgotten)
 *
 * Start-up, in this order: log_manager_open(), log_manager_add() for every
 * replica that the metadata names, then log_manager_start() after a clean stop
 * or log_manager_recover_all() after any other. A clean start reads four small
 * files and opens no log: each opens on first use.
 *
 * Every function is for the loop thread and none blocks, but for
 * log_manager_open(). Disk work runs in jobs of the executor.
 *
 * Requests (struct log_request) are memory of the caller, kept until their
 * callback. What returns 0 calls back exactly once, on a later turn; what
 * returns negative never does. The err of a callback is borrowed. */
#ifndef GREGOR_STORAGE_LOG_MANAGER_H
#define GREGOR_STORAGE_LOG_MANAGER_H

#include "protocol/base/executor.h"
#include "storage/log_dir.h"
#include "storage/partition_log.h"

struct log_manager;
struct log_topic;

enum log_state {
    LOG_CLOSED,  /* known; its files, if any, are shut */
    LOG_OPENING, /* a job opens or recovers it, or applies retention to it */
    LOG_ONLINE,
    LOG_OFFLINE,  /* the disk refused; waits for space, or for a restart */
    LOG_DELETING, /* takes no more requests */
};

struct log_request {
    void (*done)(struct log_request *request, int rc, const struct err *err);
    struct log_request *next; /* the manager's */
};

/* One replica's place in the manager, embedded in the caller's replica: from
 * log_manager_add() until the callback of log_manager_delete() or the end of
 * the manager. Callers read it through the functions below. */
struct log_handle {
    struct log_topic *topic;
    struct partition_log *log;      /* NULL unless ONLINE, or OFFLINE after that */
    struct log_job *job;            /* what runs on it now */
    struct cleaning_lane *cleaning; /* its compaction, beside that */
    struct log_request *waiters;    /* for the opening, or the next flush */
    struct log_handle *prev, *next; /* among those with a log */
    /* As checkpointed; stale while there is a log. */
    int64_t recovery_point;
    int64_t high_watermark;
    int64_t log_start_offset;
    int64_t first_dirty_offset; /* the cleaner's */
    /* While CLOSED: when retention looks at it, wall clock. 0: the next time. */
    int64_t retention_due_ms;
    /* While OFFLINE: what its log had reached, and when it is tried again, monotonic;
     * INT64_MAX: not until a restart. */
    int64_t end_offset;
    int64_t reopen_due_ms;
    int32_t reopen_delay_ms; /* of the last try; 0: there was none */
    int32_t partition;
    uint8_t state;  /* enum log_state */
    bool clean;     /* its files may be trusted without a scan */
    bool reopening; /* what OPENING tries was OFFLINE */
    bool unsynced;  /* its partition.metadata is; the first flush mends it */
    /* Of the cleaner: */
    bool surveyed;    /* while CLOSED: it knows whether the log is dirty */
    bool dirty;       /* and it is */
    bool uncleanable; /* for a reason that stays; traced */
    bool not_cleaned; /* for one that may pass; traced */
};

/* The cleaner's settings: log.cleaner.* of the broker. */
struct log_cleaner_config {
    bool enable;
    int threads;                    /* logs at a time */
    int64_t backoff_ms;             /* between looks for a dirty log */
    int64_t dedupe_buffer_bytes;    /* of all logs together */
    int64_t io_buffer_bytes;        /* the same, for reading and writing */
    double load_factor;             /* how full the first may become */
    double io_max_bytes_per_second; /* read and written */
};

struct log_manager_options {
    struct log_dir *dir; /* locked and read; outlives the manager */
    struct disk *disk;
    const struct clock *clock;
    const struct random *random;
    const struct trace *trace;
    struct executor *executor;
    int recovery_threads;                /* num.recovery.threads.per.data.dir */
    int64_t checkpoint_interval_ms;      /* log.flush.offset.checkpoint.interval.ms */
    int64_t file_delete_delay_ms;        /* log.segment.delete.delay.ms */
    int64_t producer_id_expiration_ms;   /* producer.id.expiration.ms */
    int64_t producer_expiry_interval_ms; /* producer.id.expiration.check.interval.ms */
    int64_t initial_task_delay_ms;       /* log.initial.task.delay.ms */
    int64_t retention_check_interval_ms; /* log.retention.check.interval.ms */
    struct log_cleaner_config cleaner;
};

/* Whose logs these are: the replication layer. Outlives the manager's jobs. */
struct log_owner {
    /* The log start offset of an open log moved, or a log went offline or came back,
     * without the owner's doing. */
    void (*moved)(struct log_owner *owner, struct log_handle *h);
    /* Whether all that the log holds counts as committed when it is opened, since
     * nobody else has to have it: its high watermark then begins at its end. */
    bool (*commits_alone)(struct log_owner *owner, const struct log_handle *h);
};

/* Reads the four checkpoint files. Start-up; may block. An unreadable
 * checkpoint is traced and taken as empty when the last stop was not clean
 * (every log is then scanned from its start), an error otherwise; the cleaner's is
 * taken as empty in any case. */
int log_manager_open(const struct log_manager_options *options,
                     struct log_manager **out, struct err *err);

/* Frees; writes nothing. Only when no job runs: after log_manager_stop(), or
 * when none was started. Closes what is open. Accepts NULL. */
void log_manager_destroy(struct log_manager *m);

/* Before the first log is opened. Without an owner nobody hears, and high watermarks
 * begin where the checkpoint says. */
void log_manager_set_owner(struct log_manager *m, struct log_owner *owner);

/* Registers a replica, CLOSED. Name and config are kept once a topic: the name is
 * copied, a reference on `config` taken. Touches no disk. ERR_EXISTS if that replica
 * is registered. */
int log_manager_add(struct log_manager *m, struct log_handle *h, struct str topic,
                    struct uuid topic_id, int32_t partition,
                    struct topic_config *config, struct err *err);

/* Takes a handle out again that has no log and no job; leaves the disk alone. */
void log_manager_remove(struct log_manager *m, struct log_handle *h);

/* Replaces the config of a topic's handles; open logs follow at once. */
void log_manager_set_config(struct log_manager *m, struct uuid topic_id,
                            struct topic_config *config);

/* Follows the two of log_manager_options that may change while it runs. */
void log_manager_set_times(struct log_manager *m, int64_t file_delete_delay_ms,
                           int64_t producer_id_expiration_ms);

/* The same for the cleaner's settings, all but `enable`. Cleanings under way keep
 * their buffers. */
void log_manager_set_cleaner(struct log_manager *m,
                             const struct log_cleaner_config *config);

/* The registered handle of a replica; NULL: none. */
struct log_handle *log_manager_find(struct log_manager *m, struct uuid topic_id,
                                    int32_t partition);

struct str log_handle_topic(const struct log_handle *h);
struct uuid log_handle_topic_id(const struct log_handle *h);

/* The log; NULL unless ONLINE. */
static inline struct partition_log *log_handle_log(const struct log_handle *h)
{
    return h->state == LOG_ONLINE ? h->log : NULL;
}

/* After a clean start: looks through the data directory in a job for folders
 * to delete (-delete) and for strays: folders of a topic that no handle has.
 * Strays are renamed TOPIC-PARTITION.HEX-stray and traced, never deleted. */
void log_manager_start(struct log_manager *m);

/* After an unclean stop: as log_manager_start(), then opens and recovers every
 * handle, `recovery_threads` at a time. A log that cannot be opened goes
 * OFFLINE and is traced; the others go on, and rc is 0. */
int log_manager_recover_all(struct log_manager *m, struct log_request *r,
                            struct err *err);

/* Makes folder and partition.metadata of `count` new handles in one job; the
 * array is copied. rc 0: all of them take produce and fetch (they are CLOSED:
 * log_manager_ensure_open() as always, and it may be called at once: it waits). A
 * folder of that name but another topic id goes the way of a stray. Waits for deletions
 * under way, so a name may be created anew at once after log_manager_delete(). On
 * failure each handle that has no folder is OFFLINE. */
int log_manager_create(struct log_manager *m, struct log_handle *const *handles,
                       int count, struct log_request *r, struct err *err);

/* 1: it is ONLINE now, no callback follows. 0: `r` hears of it. ERR_OFFLINE,
 * ERR_NOT_FOUND (DELETING). Callers queue behind one opening. The high
 * watermark begins at its checkpointed value, at most log_end_offset. */
int log_manager_ensure_open(struct log_manager *m, struct log_handle *h,
                            struct log_request *r, struct err *err);

/* Syncs all that was appended before the call. Waits behind a running flush;
 * callers that wait share the next one. ERR_OFFLINE unless ONLINE. */
int log_manager_flush(struct log_manager *m, struct log_handle *h,
                      struct log_request *r, struct err *err);

/* After any partition_log call that failed: marks the handle when its log went
 * offline (which the log has traced, once). True: it is offline. What went offline for
 * want of space is recovered and comes back, traced, when there is space again: tried
 * by the tick, at growing intervals. Whatever else the disk refused waits for a
 * restart. */
bool log_manager_check(struct log_manager *m, struct log_handle *h);

/* After partition_log_delete_records(): the files of what was deleted are renamed in
 * a job now, or after the job that runs on the log, rather than some ticks later. */
void log_manager_clean_up(struct log_manager *m, struct log_handle *h);

/* Closes the logs, renames their folders TOPIC-PARTITION.HEX-delete, drops
 * them from the checkpoints; then calls back, and the handles are the
 * caller's again. The array is copied. Waiting requests hear ERR_NOT_FOUND.
 * The folders go file_delete_delay_ms later. */
int log_manager_delete(struct log_manager *m, struct log_handle *const *handles,
                       int count, struct log_request *r, struct err *err);

/* What is due by time: flush.ms, segment.ms, retention, compaction, checkpoints,
 * producer expiry, removal of deleted segments and folders, another try with logs that
 * are offline. `now_ms` is the monotonic clock's. Returns in how many ms it wants to be
 * called again. */
int64_t log_manager_tick(struct log_manager *m, int64_t now_ms);

/* Writes the checkpoint files that changed, in a job. For tick() and tests. */
void log_manager_checkpoint(struct log_manager *m);

/* Waits for what runs, seals all open logs in parallel, closes them, writes the
 * checkpoints and, unless a log failed, the clean-shutdown marker with
 * `broker_epoch`. No request may follow. rc: the first failure. */
void log_manager_stop(struct log_manager *m, int64_t broker_epoch,
                      struct log_request *r);

/* Sizes for DescribeLogDirs, of logs not open too (in a job). Memory of the
 * caller, kept until request.done; `sizes` is freed by
 * log_manager_describe_end(). Replicas deleted meanwhile may be among them. */
struct log_size {
    struct uuid topic_id;
    int32_t partition;
    int64_t size_bytes; /* -1: it cannot be read */
};
struct log_describe {
    struct log_request request;
    int64_t total_bytes;
    int64_t usable_bytes;
    struct log_size *sizes;
    int count;
};
int log_manager_describe(struct log_manager *m, struct log_describe *d,
                         struct err *err);
void log_manager_describe_end(struct log_describe *d);

#endif
