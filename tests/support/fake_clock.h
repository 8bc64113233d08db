/* tests/support/fake_clock.h
 *
 * A clock that stands still until the test moves it. */
#ifndef GREGOR_TESTS_SUPPORT_FAKE_CLOCK_H
#define GREGOR_TESTS_SUPPORT_FAKE_CLOCK_H

#include "protocol/base/clock.h"

struct fake_clock {
    struct clock clock; /* first: what the code under test is given */
    int64_t wall_now_ms;
    int64_t mono_now_us;
};

/* Wall time `wall_ms`, monotonic time 1 s. */
void fake_clock_init(struct fake_clock *c, int64_t wall_ms);

/* Moves both. */
void fake_clock_advance_ms(struct fake_clock *c, int64_t ms);

#endif
