/* Markers of integration scenarios: milestones when their effect is on screen, and checks that the counters of
 * different subsystems agree. The counters run in every scenario; only kind "integration" prints. The compositor's
 * thread reports the timeline's progress; the launcher's starts and finishes. */
#include "experiment/integration.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

struct counters counters;

static u32 markers;                            /* lines printed so far */
static u32 windows_shown, failures;
static bool shown[MAX_CLIENTS];
static u32 expected[MAX_EVENTS];               /* clients on which the event has no effect yet */
static bool begun[MAX_EVENTS], complete[MAX_EVENTS];
static event_set pending[MAX_CLIENTS];         /* by client: begun, not done */
static event_set unhandled[MAX_CLIENTS];         /* ... and the client has not reacted yet */
static event_set abandoned;                    /* a client left before they were done */

static const char *const names[] = {
    [ACTION_THEME_CHANGE] = "theme_change", [ACTION_CLOSE] = "close", [ACTION_RESTORE] = "restore",
    [ACTION_MAXIMIZE] = "maximize", [ACTION_UNMAXIMIZE] = "unmaximize", [ACTION_FULLSCREEN] = "fullscreen",
    [ACTION_UNFULLSCREEN] = "unfullscreen", [ACTION_MINIMIZE] = "minimize", [ACTION_RESIZE] = "resize",
    [ACTION_SURGE] = "surge",
};

static bool printing(void) { return scenario()->kind == KIND_INTEGRATION; }

/* Called before its line is printed: the record has the time of the milestone, not of the output. */
static void mark(void) { trace_measure(M_MARKER, markers++, 0); }

/* Milestones are printed after the client's events are queued. */
enum what { STARTED, COMPLETE, ALL_SHOWN };
static struct { u32 event; enum what what; } milestones[2 * MAX_EVENTS + 1];
static u32 reached, printed;

static void milestone(u32 event, enum what what)
{
    if (!printing())
        return;
    mark();
    milestones[reached].event = event;
    milestones[reached++].what = what;
}

void integration_print(void)
{
    for (; printed != reached; printed++) {
        u32 event = milestones[printed].event;
        enum what what = milestones[printed].what;
        const char *name = what == ALL_SHOWN ? "" : names[scenario_event(event)->action];
        if (what == ALL_SHOWN)
            print_line("RAYOS_INTEGRATION:MILESTONE:all windows shown");
        else
            print_line("RAYOS_INTEGRATION:MILESTONE:%s %u %s", name, event, what == STARTED ? "started" : "complete");
        trace_point(P_MARKER, 0, strlen(name));
    }
}

void integration_start(void)
{
    if (!printing())
        return;
    mark();
    print_line("RAYOS_INTEGRATION:SCENARIO_START:%s", scenario()->name);
}

void integration_window_shown(u32 client)
{
    if (shown[client])
        return;
    shown[client] = true;
    if (++windows_shown == scenario_clients())
        milestone(0, ALL_SHOWN);
}

/* ---- The timeline ---- */

static void settle(u32 index)
{
    if (expected[index] || complete[index])
        return;
    complete[index] = true;
    milestone(index, COMPLETE);
}

void integration_begin(u32 index)
{
    begun[index] = true;
    expected[index] = 1;                       /* until integration_begun */
    milestone(index, STARTED);
}

void integration_expect(u32 index, u32 client)
{
    expected[index]++;
    pending[client] |= 1ull << index;
    unhandled[client] |= 1ull << index;
}

void integration_begun(u32 index)
{
    expected[index]--;
    settle(index);
}

static event_set unhandled_of(u32 client, enum action action)
{
    event_set found = 0;
    for (event_set rest = unhandled[client]; rest; rest &= rest - 1) {
        u32 index = (u32)__builtin_ctzll(rest);
        if (scenario_event(index)->action == action)
            found |= 1ull << index;
    }
    return found;
}

bool integration_awaits(u32 client, enum action action) { return unhandled_of(client, action); }

event_set integration_take(u32 client, enum action action)
{
    event_set taken = unhandled_of(client, action);
    unhandled[client] &= ~taken;
    return taken;
}

void integration_done(u32 client, event_set events)
{
    for (events &= pending[client]; events; events &= events - 1) {
        u32 index = (u32)__builtin_ctzll(events);
        pending[client] &= ~(1ull << index);
        expected[index]--;
        settle(index);
    }
}

void integration_closed(u32 client)
{
    for (event_set rest = pending[client]; rest; rest &= rest - 1) {
        u32 index = (u32)__builtin_ctzll(rest);
        if (scenario_event(index)->action != ACTION_CLOSE)
            abandoned |= 1ull << index;
    }
    unhandled[client] = 0;
    integration_done(client, pending[client]);
}

/* ---- The checks ---- */

static void verify(const char *check, bool holds)
{
    failures += !holds;
    mark();
    print_line("RAYOS_INTEGRATION:VERIFY:%s:%s", check, holds ? "pass" : "fail");
}

static bool timeline_complete(void)
{
    bool all = !abandoned;
    for (u32 i = 0; i < scenario_events(); i++)
        all &= complete[i] || (!begun[i] && scenario_event(i)->at_ns >= scenario()->duration_ns);
    return all;
}

bool integration_finish(bool all_left, i64 pages, i64 heap)
{
    if (!printing())
        return true;
    const struct counters *c = &counters;
    verify("windows", c->windows_mapped == c->windows_unmapped && windows_shown == scenario_clients());
    verify("clients", c->clients_connected == c->clients_closed && all_left);
    verify("memory", !pages && !heap);
    verify("buffers", c->buffers_busy == c->buffers_free);
    verify("frames", c->frames_painted - c->frames_shown <= 1 && c->callbacks_made == c->callbacks_ended);
    verify("input", c->input_produced == c->input_delivered + c->input_coalesced);
    verify("configures", c->configures_sent == c->configures_settled);
    verify("transfers", c->pipe_in == c->pipe_out + c->pipe_dropped);
    verify("theme", c->themes_sent == c->themes_followed);
    verify("timeline", timeline_complete());
    mark();
    print_line("RAYOS_INTEGRATION:SCENARIO_COMPLETE:%s:%s", scenario()->name, failures ? "fail" : "pass");
    return !failures;
}
