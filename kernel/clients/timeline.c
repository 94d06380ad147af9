/* The client's part of the scenario's timeline, for any workload. */
#include "clients/client.h"

enum { EDGE_BOTTOM_RIGHT = 10 };

static u32 at;                                 /* index of the next event in config_events() */

u64 timeline_due(void)
{
    return at < config()->event_count ? config_events()[at].at_ns : NEVER;
}

static void ask(u32 opcode)
{
    if (opcode == TOPLEVEL_SET_FULLSCREEN)
        request(windows[0].toplevel, opcode, "u", 0); /* on any output */
    else
        request(windows[0].toplevel, opcode, "");
    batch_send(TAG_SHELL, -1);
}

void timeline_act(const struct behaviour *workload)
{
    switch (config_events()[at++].action) {
    case ACTION_MAXIMIZE: ask(TOPLEVEL_SET_MAXIMIZED); break;
    case ACTION_UNMAXIMIZE: ask(TOPLEVEL_UNSET_MAXIMIZED); break;
    case ACTION_FULLSCREEN: ask(TOPLEVEL_SET_FULLSCREEN); break;
    case ACTION_UNFULLSCREEN: ask(TOPLEVEL_UNSET_FULLSCREEN); break;
    case ACTION_MINIMIZE: ask(TOPLEVEL_SET_MINIMIZED); break;
    case ACTION_RESIZE: window_request_resize(); break;
    case ACTION_SURGE:
        if (workload->surge)
            workload->surge(clock_ns());
        break;
    }
}

void window_request_resize(void)
{
    request(windows[0].toplevel, TOPLEVEL_RESIZE, "uuu", globals.seat, 0, EDGE_BOTTOM_RIGHT);
    batch_send(TAG_RESIZE, -1);
}
