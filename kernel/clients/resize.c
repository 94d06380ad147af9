/* Resize workload: starts an interactive resize after each gap, so that configures arrive faster than it can draw. */
#include "clients/client.h"

static u64 next = NEVER;

static void frame(u64 now)
{
    if (next == NEVER)
        next = now + random_quantile(&gap, gap_table());
}

static u64 due(void) { return next; }

static void act(void)
{
    next += random_quantile(&gap, gap_table());
    window_request_resize();
}

const struct behaviour resize = {.frame = frame, .due = due, .act = act};
