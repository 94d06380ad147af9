/* Media workload: presents a frame each period, independent of the display; a frame is skipped while its predecessor is
 * not on screen. */
#include "clients/client.h"

static u64 due = NEVER, wake = NEVER;

static void plan(void)
{
    wake = due + random_quantile(&think, think_table()); /* decoding */
}

static void frame(u64 now)
{
    if (due != NEVER)
        return;
    due = now + config()->period_ns;
    plan();
}

static u64 next(void) { return wake; }

static void act(void)
{
    due += config()->period_ns;
    plan();
    if (!windows[0].callback)
        window_frame(&windows[0]);
}

const struct behaviour media = {.frame = frame, .due = next, .act = act};
