#include "tests/support/fake_clock.h"

static int64_t fake_wall_ms(const struct clock *clock)
{
    return ((const struct fake_clock *)(const void *)clock)->wall_now_ms;
}

static int64_t fake_mono_us(const struct clock *clock)
{
    return ((const struct fake_clock *)(const void *)clock)->mono_now_us;
}

void fake_clock_init(struct fake_clock *c, int64_t wall_ms)
{
    *c = (struct fake_clock){
        .clock = {.wall_ms = fake_wall_ms, .mono_us = fake_mono_us},
        .wall_now_ms = wall_ms,
        .mono_now_us = 1000000,
    };
}

void fake_clock_advance_ms(struct fake_clock *c, int64_t ms)
{
    c->wall_now_ms += ms;
    c->mono_now_us += ms * 1000;
}
