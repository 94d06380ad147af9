/* Rendering workload: draws a frame at each frame callback, no faster than its rate. */
#include "clients/client.h"

static u64 wake = NEVER, due;

static void frame(u64 now)
{
    u64 period = config()->period_ns;
    u64 start = now;
    if (period > config()->refresh_ns) {       /* otherwise the display paces it */
        if (due + period < now)
            due = now;
        start = due > now ? due : now;
        due += period;
    }
    wake = start + random_quantile(&think, think_table());
}

static u64 next(void) { return wake; }

static void act(void)
{
    wake = NEVER;
    window_frame(&windows[0]);
}

const struct behaviour rendering = {.frame = frame, .due = next, .act = act};
