/* The compositor's thread: one timed item or one batch at a time (docs/explanation/compositor.md). */
#include "protocol.h"

static u32 serial;
static u64 vblank_index, repaint_index, ping_index;
static struct timed vblank_item = {.order = TIMED_VBLANK};
static struct timed repaint_item = {.order = TIMED_REPAINT};
static struct timed ping_item = {.order = TIMED_PING};
static struct timed event_item = {.order = TIMED_EVENT};
static u32 event_index;                        /* of the timeline, the next one */

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

/* (2k + 1) * 10^12 / (2 * refresh_mhz), without overflow. */
static u64 vblank_time(u64 k)
{
    u64 divisor = 2ull * scenario()->refresh_mhz, odd = 2 * k + 1;
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
        timed_schedule(&ping_item, ++ping_index * scenario()->ping_interval_ns);
}

static void schedule_event(void)
{
    if (event_index < scenario_events())
        timed_schedule(&event_item, scenario_event(event_index)->at_ns);
    else
        timed_cancel(&event_item);
}

static void handle_timed(struct timed *item)
{
    u64 time = item->time;
    switch (item->order) {
    case TIMED_VBLANK:
        timed_schedule(item, vblank_time(vblank_index + 1));
        vblank(vblank_index++, time);
        break;
    case TIMED_REPAINT:
        timed_schedule(item, repaint_time(++repaint_index));
        repaint();
        break;
    case TIMED_INPUT:
        seat_input(item->context);
        break;
    case TIMED_DRAG:
        drag_step(item->context);
        break;
    case TIMED_PING:
        schedule_ping();
        xdg_ping_round(time);
        break;
    case TIMED_RESIZE:
        shell_resize_step(item->context);
        break;
    case TIMED_EVENT:
        shell_event(event_index++);
        schedule_event();
        break;
    }
    clients_flush();
    integration_print();
}

static void handle_socket(u64 deadline)
{
    static struct batch batch;                 /* larger than a stack should hold */
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
    timed_schedule(&vblank_item, vblank_time(0));
    timed_schedule(&repaint_item, repaint_time(0));
    schedule_ping();
    schedule_event();
    handle_socket(0);                          /* returns once the scenario has started: no item is handled before */
    for (;;) {
        struct timed *item = timed_first();
        if (clock_ns() >= item->time)
            handle_timed(item);
        else
            handle_socket(item->time);
    }
}
