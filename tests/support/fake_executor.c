#include "tests/support/fake_executor.h"

#include <check.h>
#include <string.h>

static void submit(struct executor *executor, struct job *job)
{
    struct fake_executor *e = (struct fake_executor *)executor;
    ck_assert_int_lt(e->count, FAKE_EXECUTOR_MAX);
    e->jobs[e->count++] = job;
    e->total++;
    if (e->count > e->most)
        e->most = e->count;
}

void fake_executor_init(struct fake_executor *e)
{
    memset(e, 0, sizeof(*e));
    e->executor.submit = submit;
}

bool fake_executor_run_one(struct fake_executor *e)
{
    if (e->count == 0)
        return false;
    struct job *job = e->jobs[0];
    if (e->worked > 0)
        e->worked--;
    else
        job->work(job);
    e->count--;
    memmove(e->jobs, e->jobs + 1, (size_t)e->count * sizeof(e->jobs[0]));
    job->done(job);
    return true;
}

void fake_executor_run(struct fake_executor *e)
{
    while (fake_executor_run_one(e)) {
    }
}

void fake_executor_work(struct fake_executor *e)
{
    for (; e->worked < e->count; e->worked++)
        e->jobs[e->worked]->work(e->jobs[e->worked]);
}
