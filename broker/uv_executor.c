#include "broker/uv_executor.h"

#include <stdlib.h>

struct queued_job {
    uv_work_t work;
    struct uv_executor *executor;
    struct job *job;
};

static void on_work(uv_work_t *work)
{
    struct queued_job *q = work->data;
    q->job->work(q->job);
}

static void on_done(uv_work_t *work, int status)
{
    (void)status; /* nobody cancels */
    struct queued_job *q = work->data;
    struct job *job = q->job;
    q->executor->in_flight--;
    free(q);
    job->done(job);
}

/* Without memory for the queue's entry there is nothing to unwind to: the job's
 * submitter counts on done(). The broker ends here, as on any failed malloc
 * that no request can be refused for. */
static void submit(struct executor *base, struct job *job)
{
    struct uv_executor *e = (struct uv_executor *)base;
    struct queued_job *q = malloc(sizeof(*q));
    if (q == NULL)
        abort();
    q->executor = e;
    q->job = job;
    q->work.data = q;
    e->in_flight++;
    if (uv_queue_work(e->loop, &q->work, on_work, on_done) != 0)
        abort(); /* only invalid arguments make it fail */
}

void uv_executor_init(struct uv_executor *e, uv_loop_t *loop)
{
    *e = (struct uv_executor){.base = {.submit = submit}, .loop = loop};
}
