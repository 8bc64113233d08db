/* tests/support/group_world.h
 *
 * What surrounds groups, for tests: a clock that the test moves, randomness from a
 * seed, topics that come, grow and go, and a log in memory. What groups append is
 * applied as the broker applies it, and may be replayed from the start at any time.
 *
 * The log commits at once, unless it is told to hold its commits back; it may also
 * refuse what is appended. A write that is told of its failure stays in the log, as
 * one may in a real one. */
#ifndef GREGOR_TESTS_SUPPORT_GROUP_WORLD_H
#define GREGOR_TESTS_SUPPORT_GROUP_WORLD_H

#include "broker/group/group_table.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_executor.h"

/* The only group that most tests need. */
#define WORLD_GROUP STR_LITERAL("g")

struct group_world {
    struct group_env env; /* first: its functions cast back */
    struct fake_clock clock;
    struct deadline_heap deadlines;
    struct fake_executor executor;
    struct random random;
    uint64_t random_state;
    struct broker_config *config;
    struct metadata_image *image;
    struct group_table table;
    int topic_ids; /* given out so far */

    struct buf log; /* batches, one behind the other */
    int64_t next_offset;
    struct group_write *held; /* appended, not yet committed; in order */

    bool away;                /* the groups are coordinated elsewhere */
    bool holds_commits;       /* until group_world_commit() */
    enum kafka_error refuses; /* what is appended; KAFKA_NONE: nothing */
    bool classic_is_ahead;    /* a classic group's last store was refused */
    int appends;              /* batches */
    int settled;              /* timers and jobs that have changed groups */
    int under_way;            /* jobs */
};

/* `settings` is the text of a server.properties; NULL: Kafka's defaults. */
void group_world_open(struct group_world *w, const char *settings);

/* Frees everything; no timer and no job may be left behind. */
void group_world_close(struct group_world *w);

/* ---- time ---------------------------------------------------------------- */

/* Every timer that is due on the way expires at its time. */
void group_world_pass(struct group_world *w, int64_t ms);

/* Jobs, until none is left. */
void group_world_work(struct group_world *w);

uint32_t group_world_random(struct group_world *w, uint32_t below);

/* ---- metadata ------------------------------------------------------------ */

/* Creates the topic, or lets it grow. */
void group_world_topic(struct group_world *w, const char *name, int32_t partitions);
void group_world_remove_topic(struct group_world *w, const char *name);
void group_world_group_setting(struct group_world *w, const char *name,
                               const char *value);

/* "a0 a1 b2": names of topics with the numbers of partitions. The caller frees it. */
struct partition_set group_world_partitions(const struct group_world *w,
                                            const char *text);
/* ... and back; of a topic that is gone "?". */
const char *group_world_text(const struct group_world *w, const struct partition_set *s,
                             char *out, size_t size);

/* ---- the log ------------------------------------------------------------- */

/* Ends all writes that are held: KAFKA_NONE, or why they failed. */
void group_world_commit(struct group_world *w, enum kafka_error error);

/* Fills `out` from the log; group_table_free() ends it. Its groups are loaded, not
 * started. */
void group_world_replay(struct group_world *w, struct group_table *out);

/* Lets `t` read on from place *at of the log to its end. */
void group_world_replay_more(struct group_world *w, struct group_table *t, size_t *at);

/* The broker ends and starts again: held writes fail, all is read from the log. */
void group_world_restart(struct group_world *w);

/* As the log cleaner leaves it (storage/cleaner.h): of the records before `until`, the
 * last one of each key stays; tombstones go, too, when they are old enough. */
void group_world_compact(struct group_world *w, int64_t until, bool drops_tombstones);

/* ---- questions ----------------------------------------------------------- */

/* WORLD_GROUP; NULL: it is not there, or not of that kind. */
struct group *group_world_group(const struct group_world *w);
struct consumer_group *group_world_consumer(const struct group_world *w);
struct classic_group *group_world_classic(const struct group_world *w);

#endif
