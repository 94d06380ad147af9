/* Surge workload: idle until the timeline's surge, then renders as `rendering` does. */
#include "clients/client.h"

static bool active;

static void frame(u64 now)
{
    if (active)
        rendering.frame(now);
}

static void begin(u64 now)
{
    active = true;
    if (!windows[0].callback)
        rendering.frame(now);
}

static u64 due(void) { return rendering.due(); }
static void act(void) { rendering.act(); }

const struct behaviour surge = {.frame = frame, .due = due, .act = act, .surge = begin};
