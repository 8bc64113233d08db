/* tests/support/fake_executor.h
 *
 * An executor that works on one thread and only when told: jobs queue up, and a
 * test decides when each works and when its result comes back. */
#ifndef GREGOR_TESTS_SUPPORT_FAKE_EXECUTOR_H
#define GREGOR_TESTS_SUPPORT_FAKE_EXECUTOR_H

#include <stdbool.h>

#include "protocol/base/executor.h"

#define FAKE_EXECUTOR_MAX 4096

struct fake_executor {
    struct executor executor; /* first: what the code under test is given */
    struct job *jobs[FAKE_EXECUTOR_MAX];
    int count;
    int worked; /* of those, from the first on, work() has run */
    int most;   /* the largest count there ever was */
    int total;  /* submitted since the start */
};

void fake_executor_init(struct fake_executor *e);

/* work() and done() of the oldest job; false: there is none. */
bool fake_executor_run_one(struct fake_executor *e);

/* Until nothing is left, jobs that done() submits included. */
void fake_executor_run(struct fake_executor *e);

/* work() alone, of all that wait: their results come with the next run. */
void fake_executor_work(struct fake_executor *e);

#endif
