/* broker/uv_executor.h
 *
 * The executor of production: jobs run on libuv's thread pool. Loop thread. */
#ifndef GREGOR_BROKER_UV_EXECUTOR_H
#define GREGOR_BROKER_UV_EXECUTOR_H

#include <uv.h>

#include "protocol/base/executor.h"

struct uv_executor {
    struct executor base;
    uv_loop_t *loop;
    int in_flight; /* jobs whose done() has not run yet */
};

void uv_executor_init(struct uv_executor *e, uv_loop_t *loop);

#endif
