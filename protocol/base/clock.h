/* protocol/base/clock.h
 *
 * Time comes in through this struct, so that tests move it. Any thread. */
#ifndef GREGOR_PROTOCOL_BASE_CLOCK_H
#define GREGOR_PROTOCOL_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(const struct clock *clock); /* since the Unix epoch */
    int64_t (*mono_us)(const struct clock *clock); /* never goes back */
};

/* The machine's clock. */
extern const struct clock clock_system;

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock);
}

static inline int64_t clock_mono_us(const struct clock *clock)
{
    return clock->mono_us(clock);
}

static inline int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_us(clock) / 1000;
}

/* `delay_ms` after `ms`; INT64_MAX where there is no such time. */
static inline int64_t clock_later_ms(int64_t ms, int64_t delay_ms)
{
    int64_t later;
    return __builtin_add_overflow(ms, delay_ms, &later) ? INT64_MAX : later;
}

#endif
