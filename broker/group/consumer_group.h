/* broker/group/consumer_group.h
 *
 * A group of the consumer protocol (KIP-848; Kafka: ConsumerGroup): members, epochs,
 * targets, resolved regular expressions. This is the state that the log holds;
 * consumer_group_set_…() apply its records, while the group is loaded and afterwards
 * alike. What members say, and what follows from it, is in consumer_heartbeat.h and
 * consumer_classic.h.
 *
 * consumer_group.c tells how the epochs hang together.
 *
 * One owner at a time: the job that loads it, then the loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_GROUP_H
#define GREGOR_BROKER_GROUP_CONSUMER_GROUP_H

#include "broker/group/consumer_member.h"
#include "broker/group/group_env.h"

enum consumer_group_state {
    CONSUMER_GROUP_EMPTY,
    CONSUMER_GROUP_ASSIGNING,   /* the target is behind what members asked for */
    CONSUMER_GROUP_RECONCILING, /* members are on their way to it */
    CONSUMER_GROUP_STABLE,
};

/* As Kafka's tools print it: "Reconciling". */
const char *consumer_group_state_name(enum consumer_group_state state);

/* A regular expression that members subscribe to, and the topics that it has matched
 * when it was last asked (Kafka: ResolvedRegularExpression). */
struct group_regex {
    UT_hash_handle hh;
    struct arena arena; /* of all that follows */
    struct str pattern;
    struct str *topics; /* sorted */
    int32_t topic_count;
    int64_t version;   /* of the metadata: an offset of their log */
    int64_t timestamp; /* wall clock, ms */
};

struct consumer_group {
    struct group_env *env;
    struct str id; /* the owner's, outlives the group */
    int32_t group_epoch;
    int64_t metadata_hash;           /* of the topics subscribed to */
    int32_t assignment_epoch;        /* of the target; -1: there is none */
    int64_t assignment_timestamp;    /* wall clock, ms; 0: not known */
    bool has_partition_metadata;     /* a record of Kafka 4.0, to be removed */
    struct consumer_member *members; /* by id; those with only a target, too */
    int32_t member_count;            /* those present */
    struct partition_owner *owners;  /* who holds which partition */
    struct group_regex *regexes;     /* those resolved, by pattern */

    /* Not in the log. */
    int64_t topics_version; /* of the metadata, when the hash was last looked at */
    bool resolving;         /* a job matches topics with the regular expressions */
};

/* Empty. NULL: no memory. */
struct consumer_group *consumer_group_create(struct group_env *env, struct str id);
void consumer_group_destroy(struct consumer_group *g); /* accepts NULL */

/* Arms the timers of a group that was loaded. */
void consumer_group_start(struct consumer_group *g);

/* ---- questions ----------------------------------------------------------- */

enum consumer_group_state consumer_group_state(const struct consumer_group *g);

/* Members that are present. NULL: none. */
struct consumer_member *consumer_group_member(const struct consumer_group *g,
                                              struct str member_id);
struct consumer_member *consumer_group_static_member(const struct consumer_group *g,
                                                     struct str instance_id);

/* The next one present behind `m`; the first behind NULL. */
struct consumer_member *consumer_group_next(const struct consumer_group *g,
                                            const struct consumer_member *m);

/* Who holds it, assigned or not yet given up. NULL: it is free. */
struct consumer_member *consumer_group_owner(const struct consumer_group *g,
                                             struct uuid topic_id, int32_t partition);

const struct group_regex *consumer_group_regex(const struct consumer_group *g,
                                               struct str pattern);
int32_t consumer_group_regex_subscribers(const struct consumer_group *g,
                                         struct str pattern);

/* By name, or by a regular expression that has matched it. */
bool consumer_group_subscribes(const struct consumer_group *g, struct str topic);

/* Members of the classic protocol. */
int32_t consumer_group_classic_count(const struct consumer_group *g);

/* Settings of the group itself, or else the broker's. */
int32_t consumer_group_session_timeout_ms(const struct consumer_group *g);
int32_t consumer_group_heartbeat_interval_ms(const struct consumer_group *g);
int32_t consumer_group_assignment_interval_ms(const struct consumer_group *g);

/* ---- offsets ------------------------------------------------------------- */

/* Whether who asks may commit, in which version of OffsetCommit. Where the epoch is an
 * older one, each partition is still to be asked for with
 * consumer_group_may_commit_partition(). */
enum kafka_error consumer_group_may_commit(const struct consumer_group *g,
                                           struct str member_id, int32_t member_epoch,
                                           int16_t version);

/* A member may commit with an older epoch what it has had since then (KIP-1251). */
enum kafka_error consumer_group_may_commit_partition(const struct consumer_group *g,
                                                     struct str member_id,
                                                     int32_t member_epoch,
                                                     struct uuid topic_id,
                                                     int32_t partition);

/* Whether who asks may fetch the committed offsets; null and -1: nobody in
 * particular. */
enum kafka_error consumer_group_may_fetch(const struct consumer_group *g,
                                          struct str member_id, int32_t member_epoch);

/* ---- records, applied ---------------------------------------------------- */

/* False: no memory; the group is then of use to nobody. */
bool consumer_group_set_member(struct consumer_group *g, struct str member_id,
                               const member_metadata *value);
bool consumer_group_set_target(struct consumer_group *g, struct str member_id,
                               const struct partition_set *target);
bool consumer_group_set_current(struct consumer_group *g, struct str member_id,
                                const struct member_assignment *current);
bool consumer_group_set_regex(
    struct consumer_group *g, struct str pattern,
    const struct consumer_group_regular_expression_value *value);

/* Their tombstones; what is not there is passed over. */
void consumer_group_remove_member(struct consumer_group *g, struct str member_id);
void consumer_group_remove_target(struct consumer_group *g, struct str member_id);
void consumer_group_remove_current(struct consumer_group *g, struct str member_id);
void consumer_group_remove_regex(struct consumer_group *g, struct str pattern);

/* Writes the tombstones of all that the group has in the log; of `renamed`, unless
 * NULL, under the id `renamed_to`. */
void consumer_group_write_tombstones(const struct consumer_group *g,
                                     struct group_records *w,
                                     const struct consumer_member *renamed,
                                     struct str renamed_to);

/* Writes all that it takes to make the group anew. */
void consumer_group_write(const struct consumer_group *g, struct group_records *w);

#endif
