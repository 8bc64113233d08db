/* storage/log_manager_internal.h: what the log manager's files share. */
#ifndef GREGOR_STORAGE_LOG_MANAGER_INTERNAL_H
#define GREGOR_STORAGE_LOG_MANAGER_INTERNAL_H

#include "protocol/base/hash.h"
#include "storage/log_cleaning.h"
#include "storage/log_folder.h"
#include "storage/log_manager.h"

/* One topic's replicas here. Counted by handles, and by jobs that need the name. */
struct log_topic {
    UT_hash_handle hh;
    struct uuid id;
    struct topic_config *config; /* one reference */
    struct log_handle **handles; /* by partition; NULL: none here */
    int32_t slots;
    int32_t refs;
    int32_t name_len;
    char name[];
};

/* A job of the manager's, at the start of what it works on. done() frees it. */
struct log_job {
    struct job job;
    struct log_manager *m;
    void (*work)(struct log_job *job); /* pool */
    void (*done)(struct log_job *job); /* loop */
    bool sync_dir;                     /* work() begins with log_manager_settle() */
    int rc;
    struct err err;
};

/* A folder that was renamed away and waits to be removed. */
struct doomed {
    struct doomed *next;
    int64_t due_ms;
    char path[];
};

enum checkpointed {
    RECOVERY_POINTS,
    HIGH_WATERMARKS,
    LOG_STARTS,
    FIRST_DIRTY,
    CHECKPOINTS
};

/* What the checkpoints said at start of replicas not yet registered. */
struct former {
    UT_hash_handle hh;
    int64_t offsets[CHECKPOINTS];
    char key[]; /* the folder's name */
};

struct log_batch;
struct checkpoint_job;
struct log_survey;

/* The cleaner's state, see log_manager_cleaner.c. */
struct log_cleaner {
    struct cleaning_lane *lanes; /* logs that are being cleaned */
    int lane_count;
    int64_t next_round_ms;      /* INT64_MIN: before the first tick */
    int64_t paid_until_us;      /* monotonic: the rate allows nothing before */
    struct log_survey *survey;  /* under way, or NULL */
    struct log_request opening; /* of a closed log that is dirty */
    bool is_opening;
    bool unwritten; /* a log was cleaned since the last checkpoint began */
};

/* The opening of one log. */
struct log_opening {
    struct log_job job;
    struct log_handle *h;
    struct log_folder folder;
    struct topic_config *config; /* held while the pool reads it */
    struct partition_log_options options;
    struct partition_log_recovery recovery;
    struct partition_log *log; /* NULL until work() has opened it */
    bool fresh;                /* the folder was made by this job */
    int64_t high_watermark;    /* where it begins; the log's end at most */
    int64_t end_offset;        /* when it is reopened: what it has to reach */
    int64_t retention_due_ms;  /* see log_manager_retention.c */
    struct buf dir;
};

/* One look at all logs. While it is under way, one of its jobs is. */
struct retention_pass {
    struct log_topic *topic; /* where it is: one reference; NULL: none is under way */
    int32_t partition;       /* the next one of that topic */
    struct log_job *cleanup; /* that it waits for; NULL: for none */
};

/* A clean stop under way. */
struct log_stop {
    struct log_job job; /* the last one */
    struct log_request *request;
    struct checkpoint_job *checkpoints;
    int64_t broker_epoch;
    int sealing; /* jobs that seal logs */
    bool last;   /* the last job is submitted */
    bool dirty;  /* no marker */
    int rc;
    struct err err;
};

struct log_manager {
    struct log_manager_options o;
    struct log_owner *owner; /* may be NULL */
    struct log_topic *topics;
    struct log_handle *open; /* those with a log */
    struct former *former;
    struct doomed *doomed;
    struct log_batch *deletions; /* that wait for jobs, see submit_deletion() */
    struct log_batch *creations; /* that wait for `renaming` */
    struct retention_pass retention;
    struct log_cleaner cleaner;
    struct log_stop stop;
    bool stopping;
    int running;     /* jobs */
    int renaming;    /* of those: folders change names */
    int reopening;   /* of those: logs that were offline are tried again */
    bool dir_synced; /* log_dir_sync() has succeeded */
    bool checkpointing;
    bool checkpoints_fail; /* the last one did */
    bool removing;
    uint32_t written_crc[CHECKPOINTS]; /* of the text last written; 0: none */
    int64_t next_checkpoint_ms;        /* INT64_MIN: before the first tick */
    int64_t next_expiry_ms;
    int64_t next_roll_ms;
    int64_t next_retention_ms;
    int64_t next_reopen_ms; /* INT64_MAX: nothing is tried again */
};

/* log_manager.c */
void log_manager_submit(struct log_manager *m, struct log_job *job,
                        void (*work)(struct log_job *), void (*done)(struct log_job *));
/* What comes before the first log is written: in work(), and its end in done(). */
int log_manager_settle(struct log_job *job); /* pool */
void log_manager_settled(struct log_job *job);
void log_handle_enter(struct log_handle *h, enum log_state next);
void log_topic_release(struct log_manager *m, struct log_topic *t);
void log_requests_wake(struct log_request *list, int rc, const struct err *err);
void log_requests_add(struct log_request **list, struct log_request *r);
/* Closes the handle's log, remembering its offsets for the checkpoints. */
void log_handle_shut(struct log_manager *m, struct log_handle *h);
void log_handle_offline(struct log_manager *m, struct log_handle *h,
                        const struct err *why);
void log_owner_moved(struct log_manager *m, struct log_handle *h);
/* Whether `interval_ms` has passed since it was last true, or `first_ms` since the
 * first call; *next_ms is INT64_MIN before that. */
bool log_manager_is_due(int64_t *next_ms, int64_t now_ms, int64_t first_ms,
                        int64_t interval_ms);
static inline const char *log_manager_path(const struct log_manager *m)
{
    return m->o.dir->path;
}
static inline struct log_folder log_handle_folder(const struct log_manager *m,
                                                  const struct log_handle *h)
{
    return (struct log_folder){log_manager_path(m), log_handle_topic(h), h->partition,
                               h->topic->id};
}
/* Every registered handle; `slot` counts through a topic's. */
#define log_manager_each_topic(m, t) \
    for (struct log_topic *t = (m)->topics; t != NULL; t = t->hh.next)

/* log_manager_open.c */
int log_manager_start_open(struct log_manager *m, struct log_handle *h,
                           struct err *err);
/* Its steps, for jobs that do more. begin(): the handle enters OPENING; the caller
 * submits. end() frees, and what the handle is then says the log that work() left. */
struct log_opening *log_opening_begin(struct log_manager *m, struct log_handle *h,
                                      struct err *err);
void log_opening_work(struct log_opening *o); /* pool */
void log_opening_end(struct log_opening *o);
void log_opening_free(struct log_opening *o);
/* The log is the handle's from now on. */
void log_opening_take_log(struct log_opening *o);

/* log_manager_reopen.c */
/* For a handle that goes offline: when it is tried again, if at all. True: it is. */
bool log_manager_plan_reopening(struct log_manager *m, struct log_handle *h,
                                const struct err *why);
void log_manager_reopen_due(struct log_manager *m, int64_t now_ms);

/* log_manager_flush.c */
int log_manager_start_flush(struct log_manager *m, struct log_handle *h,
                            struct err *err);
/* A job on the handle is done. Unless another is at work, what waited comes next: a
 * cleaning that needs the log alone, the handle's deletion, a flush. */
void log_manager_job_over(struct log_manager *m, struct log_handle *h);

/* log_manager_retention.c */
void log_manager_start_retention(struct log_manager *m);
/* A cleanup is done: the pass that waited for it goes on. */
void log_manager_retention_cleaned(struct log_manager *m,
                                   const struct log_job *cleanup);

/* log_manager_cleaner.c */
/* What is due; in how many ms it wants to be asked again. */
int64_t log_manager_tick_cleaner(struct log_manager *m, int64_t now_ms);
/* Looks for a log to clean, now. */
void log_manager_clean_more(struct log_manager *m);
/* Gives up the cleaning of a log, if there is one, at its next chance. */
void log_manager_stop_cleaning(struct log_manager *m, struct log_handle *h);
void log_manager_stop_cleaner(struct log_manager *m);
void log_manager_free_cleaner(struct log_manager *m);
/* Whether a cleaning waits until the log has no other job, and then its turn. */
bool log_manager_cleaning_waits(const struct log_handle *h);
void log_manager_cleaning_goes_on(struct log_manager *m, struct log_handle *h);

/* log_manager_survey.c */
/* Looks at closed logs that the cleaner knows nothing of yet; false: there is none. */
bool log_manager_survey(struct log_manager *m);

/* log_manager_batch.c */
void log_manager_renaming_done(struct log_manager *m);
void log_manager_handle_idle(struct log_manager *m, struct log_handle *h);
/* A checkpoint has been written: deletions that waited for it begin. */
void log_manager_deletions_go_on(struct log_manager *m);

/* log_manager_scan.c */
int log_manager_scan(struct log_manager *m, struct log_request *r, struct err *err);
void log_manager_remove_doomed(struct log_manager *m, int64_t now_ms);

/* log_manager_checkpoint.c */
struct checkpoint_job *checkpoint_job_create(struct log_manager *m);
int checkpoint_job_write(struct checkpoint_job *c, struct err *err); /* pool */
void checkpoint_job_destroy(struct log_manager *m, struct checkpoint_job *c);
/* Traces the first failure of several, and the end of them. */
void log_manager_tell_checkpoint(struct log_manager *m, int rc, const struct err *err);
int log_manager_read_checkpoints(struct log_manager *m, struct err *err);
void log_manager_take_former(struct log_manager *m, struct log_handle *h);
void log_manager_forget_former(struct log_manager *m);

/* log_manager_stop.c */
void log_manager_stop_step(struct log_manager *m);

#endif
