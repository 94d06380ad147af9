/* Surface-creation workload: replaces its secondary window after each gap. */
#include "clients/client.h"

static u64 next = NEVER;
static enum { RESTING, CONFIGURING, ACKNOWLEDGED } step;
static struct window *const window = &windows[1];

static void frame(u64 now)
{
    if (next == NEVER)
        next = now + random_quantile(&gap, gap_table());
}

static u64 due(void)
{
    if (step == CONFIGURING)
        return window->serial ? 0 : NEVER;
    return step == ACKNOWLEDGED ? 0 : next;
}

static void act(void)
{
    if (step == CONFIGURING) {
        step = ACKNOWLEDGED;
        window_acknowledge(window);
    } else if (step == ACKNOWLEDGED) {
        step = RESTING;
        window_first(window, 1);
    } else if (window->surface) {
        window_request_destroy(window);
        batch_send(TAG_DESTROY, -1);
        window_forget(window);
    } else {
        next += random_quantile(&gap, gap_table());
        step = CONFIGURING;
        window_request(window, "next");
        batch_send(TAG_NEW_SURFACE, -1);
    }
}

const struct behaviour surface_creation = {.frame = frame, .due = due, .act = act};
