/* protocol/base/executor.h
 *
 * Where work goes that may block. The broker's executor is libuv's pool;
 * tests run jobs at once, or one by one when they say so.
 *
 * A job is memory of its submitter, embedded in what it works on. work() runs
 * on a pool thread and may touch only what was handed to it; done() runs later
 * on the loop thread, on another turn than executor_submit(), exactly once.
 * After that the job may be submitted again or freed. */
#ifndef GREGOR_PROTOCOL_BASE_EXECUTOR_H
#define GREGOR_PROTOCOL_BASE_EXECUTOR_H

struct job {
    void (*work)(struct job *job);
    void (*done)(struct job *job);
};

struct executor {
    /* Kept until job->done has returned. Never fails: an executor that cannot
     * queue runs the work itself. */
    void (*submit)(struct executor *executor, struct job *job);
};

/* Loop thread. */
static inline void executor_submit(struct executor *executor, struct job *job)
{
    executor->submit(executor, job);
}

#endif
