/* The client's loop: set-up, events, leaving. A turn does the first thing that is due, at most one batch, or receives
 * events. */
#include "clients/client.h"
#include "clients/compute.h"

struct globals globals;
struct random think, gap;

static const struct behaviour idle;
static const struct behaviour *workload = &idle;
static const u64 provoke_ns = 1000000000;

/* Set-up: one batch leads to the next stage; some stages wait for an event first. */
static enum { CONNECTED, ASKED, SYNCED, BOUND, ACKNOWLEDGED, RUNNING } stage;
bool leaving;
static u32 names[ZXDG_TOPLEVEL_DECORATION_V1 + 1]; /* of the globals, by interface */
static u32 sync_callback;
static u32 ping_serial;                        /* unanswered ping; 0: none */
static bool provoked;

/* ---- Set-up ---- */

static void ask(void)
{
    globals.registry = id_new();
    sync_callback = id_new();
    request(1, DISPLAY_GET_REGISTRY, "u", globals.registry);
    request(1, DISPLAY_SYNC, "u", sync_callback);
    batch_send(TAG_REGISTRY, -1);
    stage = ASKED;
}

static u32 bind_global(u32 interface, const char *name, u32 version)
{
    u32 id = id_new();
    request(globals.registry, REGISTRY_BIND, "usuu", names[interface], name, version, id);
    return id;
}

static void bind(void)
{
    globals.compositor = bind_global(WL_COMPOSITOR, "wl_compositor", 4);
    globals.shm = bind_global(WL_SHM, "wl_shm", 1);
    globals.seat = bind_global(WL_SEAT, "wl_seat", 5);
    globals.output = bind_global(WL_OUTPUT, "wl_output", 3);
    globals.data_device_manager = bind_global(WL_DATA_DEVICE_MANAGER, "wl_data_device_manager", 3);
    globals.wm_base = bind_global(XDG_WM_BASE, "xdg_wm_base", 3);
    globals.pointer = id_new();
    globals.keyboard = id_new();
    globals.data_device = id_new();
    request(globals.seat, SEAT_GET_POINTER, "u", globals.pointer);
    request(globals.seat, SEAT_GET_KEYBOARD, "u", globals.keyboard);
    request(globals.data_device_manager, MANAGER_GET_DATA_DEVICE, "uu", globals.data_device, globals.seat);
    window_request(&windows[0], "main");
    batch_send(TAG_BIND, -1);
    stage = BOUND;
}

static u32 decoration_manager;

/* After the first configure and before the first buffer, as the protocol requires; another configure follows. */
static void decorate(void)
{
    decoration_manager = bind_global(ZXDG_DECORATION_MANAGER_V1, "zxdg_decoration_manager_v1", 1);
    windows[0].decoration = id_new();
    windows[0].serial = 0;
    request(decoration_manager, DECORATION_MANAGER_GET, "uu", windows[0].decoration, windows[0].toplevel);
    batch_send(TAG_DECORATE, -1);
}

static bool set_up_due(void)
{
    return stage == CONNECTED || stage == SYNCED || (stage == BOUND && windows[0].serial) || stage == ACKNOWLEDGED;
}

static void set_up(void)
{
    switch (stage) {
    case CONNECTED: ask(); break;
    case SYNCED: bind(); break;
    case BOUND:
        if (config()->decorated && !decoration_manager) {
            decorate();
            break;
        }
        window_acknowledge(&windows[0]);
        stage = ACKNOWLEDGED;
        break;
    case ACKNOWLEDGED: window_first(&windows[0], 2); stage = RUNNING; break;
    case ASKED: case RUNNING: break;
    }
}

/* ---- Events ---- */

static void global_event(const struct message *message)
{
    static const struct { const char *name; u32 interface; } known[] = {
        {"wl_compositor", WL_COMPOSITOR}, {"wl_shm", WL_SHM}, {"wl_seat", WL_SEAT}, {"wl_output", WL_OUTPUT},
        {"wl_data_device_manager", WL_DATA_DEVICE_MANAGER}, {"xdg_wm_base", XDG_WM_BASE},
        {"zxdg_decoration_manager_v1", ZXDG_DECORATION_MANAGER_V1},
    };
    const char *name = message_string(message, 1);
    for (u32 i = 0; name && i < sizeof known / sizeof *known; i++)
        if (strings_equal(name, known[i].name))
            names[known[i].interface] = message_word(message, 0);
}

static void display_event(const struct message *message)
{
    if (message->opcode == DISPLAY_DELETE_ID)
        id_free(message_word(message, 0));
    else
        connection_closed = true; /* an error: nothing follows it */
}

static void toplevel_event(struct window *window, const struct message *message, u64 now)
{
    if (message->opcode == TOPLEVEL_CONFIGURE) {
        window->wanted_width = message_word(message, 0);
        window->wanted_height = message_word(message, 1);
    } else if (message->opcode == TOPLEVEL_CLOSE) {
        if (workload->close)
            workload->close(now);
        else
            leaving = true;
    }
}

static bool window_event(struct window *window, const struct message *message, u64 now)
{
    if (message->object == window->callback) {
        window->callback = 0;
        if (window == &windows[0] && workload->frame)
            workload->frame(now);
    } else if (message->object == window->xdg_surface) {
        window->serial = message_word(message, 0);
    } else if (message->object == window->toplevel) {
        toplevel_event(window, message, now);
    } else if (window->decoration && message->object == window->decoration) {
        window->theme = message_word(message, 0);
    } else {
        return false;
    }
    return true;
}

static void handle_event(const struct message *message, i32 *handle, u64 now)
{
    u32 object = message->object;
    if (object == 1)
        display_event(message);
    else if (!object || window_event(&windows[0], message, now) || window_event(&windows[1], message, now))
        return;
    else if ((object == globals.pointer && message->opcode == POINTER_MOTION) ||
             (object == globals.keyboard && message->opcode == KEYBOARD_KEY)) {
        if (workload->input)
            workload->input(now);
    } else if (object == globals.wm_base)
        ping_serial = message_word(message, 0);
    else if (object == globals.registry)
        global_event(message);
    else if (object == sync_callback && stage == ASKED)
        stage = SYNCED;
    else if (workload->event)
        workload->event(message, handle);
}

static void receive(u64 deadline)
{
    struct message message;
    i32 handle;
    events_receive(deadline, &handle);
    u64 now = clock_ns();
    while (events_next(&message))
        handle_event(&message, &handle, now);
    if (handle >= 0) /* no event took it */
        syscall(SYS_CLOSE, (u64)handle, 0, 0, 0, 0);
}

/* ---- Leaving ---- */

static void request_release(u32 object, u32 opcode)
{
    if (object)
        request(object, opcode, "");
}

[[noreturn]] static void leave(void)
{
    if (connection_closed || stage < BOUND)
        client_exit();
    if (workload->leave)
        workload->leave();
    window_request_destroy(&windows[1]);
    window_request_destroy(&windows[0]);
    request_release(globals.data_device, DEVICE_RELEASE);
    request_release(globals.pointer, POINTER_RELEASE);
    request_release(globals.keyboard, KEYBOARD_RELEASE);
    request_release(globals.seat, SEAT_RELEASE);
    request_release(globals.output, OUTPUT_RELEASE);
    request_release(globals.wm_base, WM_BASE_DESTROY);
    request_release(decoration_manager, DECORATION_MANAGER_DESTROY);
    batch_send(TAG_LEAVE, -1);
    client_exit();
}

/* ---- Provocations: they prove that a detector works ---- */

static u64 provoke_due(void)
{
    bool asked = config()->provoke >= PROVOKE_CLIENT_FAULT && !config()->id && !config()->generation && !provoked;
    return asked ? provoke_ns : NEVER;
}

static void provoke(void)
{
    i32 ends[2];
    provoked = true;
    switch (config()->provoke) {
    case PROVOKE_CLIENT_FAULT:
        *(volatile u32 *)0 = 1;
        break;
    case PROVOKE_CLIENT_HANG: /* no other process holds the write end: the read blocks for ever */
        if (syscall(SYS_PIPE, (u64)ends, 0, 0, 0, 0) >= 0)
            syscall(SYS_PIPE_READ, (u64)ends[0], (u64)ends, sizeof ends, 0, 0);
        break;
    case PROVOKE_BAD_REQUEST:
        request(windows[0].surface ? windows[0].surface : 1, 99, "");
        batch_send(TAG_DESTROY, -1);
        break;
    }
}

/* ---- The loop ---- */

static u64 earliest(u64 a, u64 b) { return a < b ? a : b; }

/* A configure is obeyed when the frame before it is on screen; of several, only the latest. */
static bool obey_due(void) { return windows[0].serial && !windows[0].callback; }

static void turn(void)
{
    u64 now = clock_ns();
    if (ping_serial) {
        request(globals.wm_base, WM_BASE_PONG, "u", ping_serial);
        ping_serial = 0;
        batch_send(TAG_PONG, -1);
        return;
    }
    if (connection_closed || leaving || now >= config()->end_ns)
        leave();
    if (provoke_due() <= now) {
        provoke();
        return;
    }
    u64 due = stage == RUNNING && workload->due ? workload->due() : NEVER;
    u64 wanted = stage == RUNNING ? timeline_due() : NEVER;
    if (stage != RUNNING && set_up_due())
        set_up();
    else if (wanted <= now)
        timeline_act(workload);
    else if (stage == RUNNING && obey_due())
        window_obey(&windows[0]);
    else if (due <= now)
        workload->act();
    else
        receive(earliest(earliest(earliest(due, wanted), provoke_due()), config()->end_ns));
}

static const struct behaviour *const workloads[] = {
    [WORKLOAD_IDLE] = &idle, [WORKLOAD_RENDERING] = &rendering, [WORKLOAD_INPUT] = &input,
    [WORKLOAD_SURFACE_CREATION] = &surface_creation, [WORKLOAD_DRAG_DROP] = &drag_drop, [WORKLOAD_MEDIA] = &media,
    [WORKLOAD_CLIPBOARD] = &clipboard, [WORKLOAD_EDITOR] = &editor, [WORKLOAD_SURGE] = &surge,
    [WORKLOAD_RESIZE] = &resize,
};

void client_loop(void)
{
    for (;;)
        turn();
}

void client_serve_until(u64 deadline)
{
    while (clock_ns() < deadline && !connection_closed)
        receive(deadline);
}

void client_await_end(u64 patience_ns)
{
    i32 handle = 0;
    for (u64 deadline = clock_ns() + patience_ns; !connection_closed && events_receive(deadline, &handle);)
        if (handle >= 0)
            syscall(SYS_CLOSE, (u64)handle, 0, 0, 0, 0);
}

void client_main(void)
{
    const struct client_config *c = config();
    if (c->workload == WORKLOAD_COMPUTE)
        compute();
    if (c->workload == WORKLOAD_STRESS_DISK || c->workload == WORKLOAD_STRESS_MEMORY)
        stress_main();
    if (c->workload <= WORKLOAD_RESIZE)
        workload = workloads[c->workload];
    random_seed(&think, c->seed, c->id, c->generation, STREAM_THINK);
    random_seed(&gap, c->seed, c->id, c->generation, STREAM_GAP);
    client_loop();
}
