/* The compositor's thread: a loop over timed items and socket items (docs/explanation/compositor.md). */
#include "wayland/compositor.h"
#include "wayland/protocol.h"

static u32 serial;
static u64 vblank_index, repaint_index, ping_index;
static struct agenda_item vblank_item = {.order = AGENDA_VBLANK};
static struct agenda_item repaint_item = {.order = AGENDA_REPAINT};
static struct agenda_item ping_item = {.order = AGENDA_PING};
static struct agenda_item event_item = {.order = AGENDA_EVENT};
static u32 event_index;                        /* the next event of the timeline */

u32 next_serial(void)
{
    if (!++serial)
        ++serial; /* 0 means "none" */
    return serial;
}

u32 event_time(void)
{
    return (u32)(clock_ns() / 1000000);
}

/* (2k + 1) * 10^12 / (2 * refresh rate in millihertz), without overflow. */
static u64 vblank_time(u64 k)
{
    u64 refresh_millihertz = scenario()->refresh_millihertz, divisor = 2 * refresh_millihertz, odd = 2 * k + 1;
    return odd * (1000000000000 / divisor) + odd * (1000000000000 % divisor) / divisor;
}

static u64 repaint_time(u64 k)
{
    u64 at = vblank_time(k), window = scenario()->repaint_window_ns;
    return at > window ? at - window : 0;
}

static void schedule_ping(void)
{
    if (scenario()->ping_interval_ns)
        agenda_schedule(&ping_item, ++ping_index * scenario()->ping_interval_ns);
}

static void schedule_event(void)
{
    if (event_index < scenario_events())
        agenda_schedule(&event_item, scenario_event(event_index)->at_ns);
    else
        agenda_cancel(&event_item);
}

static void handle_item(struct agenda_item *item)
{
    u64 time_ns = item->time_ns;
    switch (item->order) {
    case AGENDA_VBLANK:
        agenda_schedule(item, vblank_time(vblank_index + 1));
        vblank(vblank_index++, time_ns);
        break;
    case AGENDA_REPAINT:
        agenda_schedule(item, repaint_time(++repaint_index));
        repaint();
        break;
    case AGENDA_INPUT:
        seat_input(item->context);
        break;
    case AGENDA_DRAG:
        drag_step(item->context);
        break;
    case AGENDA_PING:
        schedule_ping();
        xdg_ping_round(time_ns);
        break;
    case AGENDA_RESIZE:
        shell_resize_step(item->context);
        break;
    case AGENDA_EVENT:
        shell_event(event_index++);
        schedule_event();
        break;
    }
    clients_flush();
    integration_print();
}

static void handle_socket(u64 deadline)
{
    static struct batch batch;                 /* static: too large for the stack */
    struct socket *socket;
    switch (socket_wait(deadline, &socket, &batch)) {
    case READY_BATCH:
        trace_point(P_TAKE, socket_client(socket), batch.bytes);
        if (socket_user(socket))
            client_batch(socket_user(socket), &batch);
        else
            handle_drop(&batch.handle);        /* refused at connect */
        break;
    case READY_CONNECTED:
        client_connect(socket);
        break;
    case READY_CLOSED:
        client_closed(socket);
        break;
    case READY_DEADLINE:
        break;
    }
    integration_print();
}

[[noreturn]] void compositor_main(void)
{
    composite_init();
    agenda_schedule(&vblank_item, vblank_time(0));
    agenda_schedule(&repaint_item, repaint_time(0));
    schedule_ping();
    schedule_event();
    handle_socket(0);                          /* returns when the scenario has started: no item is handled before */
    for (;;) {
        struct agenda_item *item = agenda_first();
        if (clock_ns() >= item->time_ns)
            handle_item(item);
        else
            handle_socket(item->time_ns);
    }
}
