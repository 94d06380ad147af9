/* Input workload: reacts to an input event with a frame. */
#include "clients/client.h"

static u64 wake = NEVER;

static void event(u64 now)
{
    if (wake == NEVER)
        wake = now + random_quantile(&think, think_table());
}

static u64 next(void) { return windows[0].callback ? NEVER : wake; }

static void act(void)
{
    wake = NEVER;
    window_frame(&windows[0]);
}

const struct behaviour input = {.input = event, .due = next, .act = act};
