/* storage/log_cleaning.h
 *
 * Compaction of one log: what of it is dirty, and one pass that cleans it (Kafka:
 * LogToClean, Cleaner). log_cleaning.c tells how it goes.
 *
 *   loop   partition_log_cleaning_begin()      partition_log_cleaning_next() … _end()
 *   pool                             └► log_cleaning_run() ┘ └► run() ┘
 *
 * Appends and reads go on meanwhile, and so do flushes, but while next() says that
 * the cleaning needs the log alone: then it is the log's one job that changes it. */
#ifndef GREGOR_STORAGE_LOG_CLEANING_H
#define GREGOR_STORAGE_LOG_CLEANING_H

#include "storage/partition_log.h"

struct cleanable {
    int64_t first_dirty_offset;       /* where the last cleaning ended */
    int64_t first_uncleanable_offset; /* base of the first segment that must stay */
    int64_t clean_bytes;              /* of segments that begin below the first dirty */
    int64_t cleanable_bytes;          /* of segments between the two */
    double ratio;                     /* of cleanable_bytes to both together */
    bool must_clean;                  /* max.compaction.lag.ms is over */
};

/* Looks how dirty the log is. The active segment cannot be cleaned, nor what is at
 * or above the last stable offset, nor segments with a record younger than
 * min.compaction.lag.ms. A first dirty offset outside of the log is put back to its
 * start. Loop thread; with a compaction lag it reads a header or an index entry of
 * each dirty segment, once. */
int partition_log_cleanable(struct partition_log *log, struct cleanable *out,
                            struct err *err);

/* Whether a log like that is due (Kafka: grabFilthiestCompactedLog). */
bool cleanable_is_due(const struct cleanable *c, const struct topic_config *config);

struct log_cleaning_options {
    int64_t dedupe_bytes;      /* for the map of keys */
    double dedupe_load_factor; /* how full that may become */
    size_t io_bytes;           /* for reading, and the same for writing */
    int64_t slice_bytes;       /* a run() ends when so many were read and written */
};

struct log_cleaning;

/* Loop thread. `log` outlives the cleaning. */
int partition_log_cleaning_begin(struct partition_log *log,
                                 const struct cleanable *cleanable,
                                 const struct log_cleaning_options *options,
                                 struct log_cleaning **out, struct err *err);

/* Works for twenty milliseconds, or slice_bytes. Pool job; the caller keeps what it
 * returns for next(). */
int log_cleaning_run(struct log_cleaning *c, struct err *err);

enum cleaning_next {
    CLEANING_RUN,       /* run() again */
    CLEANING_RUN_ALONE, /* the same, when no other job changes the log */
    CLEANING_OVER,      /* all is done, or the log went offline: end() */
    CLEANING_FAILED,    /* *err says why; abandon(), then end() */
};

/* What follows a run() that returned rc, `err` being its own. ERR_CANCELED in *err:
 * segments were taken out of the log meanwhile, and a new cleaning is what helps.
 * Loop thread. */
enum cleaning_next partition_log_cleaning_next(struct partition_log *log,
                                               struct log_cleaning *c, int rc,
                                               struct err *err);

/* Whether it may go on, asked right before each run(): not once the log was
 * truncated or is offline. Loop thread. */
bool partition_log_cleaning_holds(const struct partition_log *log,
                                  const struct log_cleaning *c);

/* Whether it can be given up between two runs: not while files change names. */
bool log_cleaning_may_stop(const struct log_cleaning *c);

/* Removes what a cleaning that is given up has written. Pool job. */
int log_cleaning_abandon(struct log_cleaning *c, struct err *err);

/* Frees; touches no file but its own descriptors. Accepts NULL. Loop thread. */
void log_cleaning_end(struct log_cleaning *c);

/* Bytes read and written since the last call. */
int64_t log_cleaning_take_io(struct log_cleaning *c);

struct log_cleaning_stats {
    int64_t first_dirty_offset;
    int64_t end_offset; /* so far the log is clean now */
    int64_t bytes_read; /* of the segments that were cleaned */
    int64_t bytes_written;
    int64_t records_read;
    int64_t records_kept;
    int64_t keys;
};
struct log_cleaning_stats log_cleaning_stats(const struct log_cleaning *c);

#endif
