/* tests/unit/broker/assignor_fixture.h
 *
 * A group that an assignor serves again and again. Topics are called 'A' to 'L'; a
 * list of topics is a string, "ACD". What each outcome must be like, whatever the
 * assignor, is checked each time. */
#ifndef GREGOR_TESTS_UNIT_BROKER_ASSIGNOR_FIXTURE_H
#define GREGOR_TESTS_UNIT_BROKER_ASSIGNOR_FIXTURE_H

#include "broker/group/assignor.h"

#define FIXTURE_TOPICS 12
#define FIXTURE_MEMBERS 40

struct fixture_member {
    char id[24];
    char instance_id[24]; /* empty: a dynamic member */
    char topics[FIXTURE_TOPICS + 1];
    struct partition_set target; /* owned */
};

struct assignor_fixture {
    const struct assignor *assignor;
    int32_t partitions[FIXTURE_TOPICS];             /* 0: there is no such topic */
    struct fixture_member members[FIXTURE_MEMBERS]; /* ascending by id */
    int32_t member_count;
    int32_t total;  /* partitions that were assigned last */
    int32_t stayed; /* of these, those that are where they were before */
};

void assignor_fixture_free(struct assignor_fixture *f);

/* Joins, or comes back with other topics. */
void assignor_fixture_join(struct assignor_fixture *f, const char *id,
                           const char *topics);
void assignor_fixture_leave(struct assignor_fixture *f, const char *id);

struct fixture_member *assignor_fixture_member(struct assignor_fixture *f,
                                               const char *id);

struct uuid assignor_fixture_topic(char name);
bool fixture_member_subscribes(const struct fixture_member *m, char topic);
bool fixture_member_has(const struct fixture_member *m, char topic, int32_t partition);

/* Makes the outcome the new targets. Each partition of a topic with subscribers is
 * with one of them, and nothing else is anywhere. */
void assignor_fixture_assign(struct assignor_fixture *f);

/* "A0 A1 B2" */
void assignor_fixture_expect(struct assignor_fixture *f, const char *id,
                             const char *partitions);

/* One random change: a member comes, goes or subscribes to others, a topic comes, goes
 * or grows. `topics`: what all members subscribe to; NULL: each to what it likes. */
void assignor_fixture_change(struct assignor_fixture *f, unsigned *seed,
                             const char *topics);

#endif
