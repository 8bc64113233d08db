/* tests/support/log_fixture.h
 *
 * A partition log on a fake disk with a fake clock, and batches to put in.
 * Segments, intervals and limits are Kafka's defaults until the test changes
 * f.config; the folder is "data/t-0". */
#ifndef GREGOR_TESTS_SUPPORT_LOG_FIXTURE_H
#define GREGOR_TESTS_SUPPORT_LOG_FIXTURE_H

#include "storage/log_cleaning.h"
#include "storage/partition_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_disk.h"

#define FIXTURE_DIR "data/t-0"
#define FIXTURE_NOW 1700000000000LL

struct fixture_random {
    struct random random; /* first */
    uint8_t drawn;        /* what every byte is; 0 at first */
};

struct log_fixture {
    struct fake_disk disk;
    struct fake_clock clock;
    struct topic_config config;
    struct fixture_random random;
    struct partition_log *log; /* NULL while closed */
    struct partition_log_recovery recovery;
    int64_t recovery_point; /* what a checkpoint would say; open() uses it */
    int64_t log_start_offset;
    int64_t first_dirty_offset;
    struct append_result result; /* of the last append */
    struct err err;
};

/* What the batch of fixture_append() is like; zero is a plain one. */
struct fixture_batch {
    int records;      /* 0: one */
    int value_size;   /* of each record */
    const char *keys; /* a letter a record, capital: a tombstone; NULL: all of "k" */
    int number;       /* with keys, values are the letter and this */
    enum compression codec;
    int64_t timestamp;   /* 0: the clock's */
    int64_t producer_id; /* 0: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    bool transactional;
    bool end_txn; /* a marker */
    bool abort;
    int64_t base_offset; /* for APPEND_REPLICATION */
    int32_t leader_epoch;
    enum append_origin origin;
};

void log_fixture_init(struct log_fixture *f);
void log_fixture_free(struct log_fixture *f); /* closes the log too */

/* Opens the log; must succeed. */
void log_fixture_open(struct log_fixture *f, bool clean);
int log_fixture_try_open(struct log_fixture *f, bool clean);
void log_fixture_close(struct log_fixture *f); /* writes nothing */
void log_fixture_seal_and_close(struct log_fixture *f);

/* Builds one batch; the caller ends it with buf_free(). */
struct buf fixture_build(const struct log_fixture *f, struct fixture_batch what);

int log_fixture_append(struct log_fixture *f, struct fixture_batch what);
/* The same; must succeed. */
void log_fixture_must_append(struct log_fixture *f, struct fixture_batch what);

/* Begins, runs and ends a flush; a failed one is told by the log. */
int log_fixture_flush(struct log_fixture *f);

/* Begins, runs and ends a cleanup; *did: there was something to do. */
int log_fixture_clean_up(struct log_fixture *f, bool *did);

/* Applies retention, with the times that it has to read, as often as it wants to;
 * the outcome of the last time is in *out. */
int log_fixture_retain(struct log_fixture *f, struct retention_outcome *out);

/* One cleaning, due or not, with so much memory for its map. The log is open. What
 * stops it is returned, and left in f->err; its files stay as they are then. */
int log_fixture_clean(struct log_fixture *f, int64_t dedupe_bytes);

/* The same step by step: begin, then step until it returns something else than
 * CLEANING_RUN and CLEANING_RUN_ALONE. */
struct log_cleaning *log_fixture_begin_cleaning(struct log_fixture *f,
                                                int64_t dedupe_bytes);
enum cleaning_next log_fixture_step(struct log_fixture *f, struct log_cleaning *c);

/* Reads up to upper_offset from `offset` on with partition_log_read(), slice by
 * slice, whole batches, appended to *out. Returns the offset behind the last. */
int64_t log_fixture_read_all(struct log_fixture *f, int64_t offset,
                             int64_t upper_offset, struct buf *out);

/* "data/t-0/<base offset><suffix>", in static storage of eight. */
const char *fixture_path(int64_t base_offset, const char *suffix);

#endif
