/* The shell: configures (maximised, fullscreen, resized, decorated), and the timeline's events. Several configures may
 * be in flight. The client acknowledges one of them, which settles all earlier ones, and its next buffer has to obey
 * it. */
#include "wayland/protocol.h"

/* Of the published enum; bit n of `states` is state n. */
enum { STATE_MAXIMIZED = 1, STATE_FULLSCREEN = 2, STATE_RESIZING = 3 };
enum { FULL = 1 << STATE_MAXIMIZED | 1 << STATE_FULLSCREEN };
enum { RESIZE_STEPS = 16, GROW_WIDTH = 8, GROW_HEIGHT = 6 };
static const u64 resize_step_ns = 5000000;

/* ---- Configures ---- */

static u32 array_of(u32 states, u32 *array)
{
    u32 count = 0;
    for (u32 state = STATE_MAXIMIZED; state <= STATE_RESIZING; state++)
        if (states >> state & 1)
            array[count++] = state;
    return count * sizeof *array;
}

/* `events` of the timeline are done when content that obeys this configure is on screen. */
void shell_configure(struct toplevel *toplevel, event_set events)
{
    struct xdg_surface *xdg = toplevel->xdg;
    if (!xdg)
        return;
    xdg->owed_events |= events;
    if (!xdg->configured || xdg->sent_count == MAX_CONFIGURES) {
        xdg->owes_configure = xdg->configured; /* the first one is sent by the initial commit */
        return;
    }
    struct client *client = xdg->object.client;
    bool full = toplevel->states & FULL;
    struct configure *c = &xdg->sent[xdg->sent_count++];
    *c = (struct configure){
        .serial = next_serial(), .states = toplevel->states, .events = xdg->owed_events,
        .sent_ns = xdg->acknowledged ? clock_ns() : 0,
        .width = full ? (i32)scenario()->width : toplevel->width,
        .height = full ? (i32)scenario()->height : toplevel->height,
    };
    xdg->owed_events = 0;
    xdg->owes_configure = false;
    counters.configures_sent++;
    u32 states[3], bytes = array_of(c->states, states);
    event(client, toplevel->object.id, EVENT_TOPLEVEL_CONFIGURE, c->width, c->height, states, bytes);
    event(client, xdg->object.id, EVENT_XDG_SURFACE_CONFIGURE, c->serial);
}

/* false: no such configure is in flight. */
bool shell_acknowledge(struct xdg_surface *xdg, u32 serial)
{
    u32 n = 0;
    event_set events = xdg->has_acked ? xdg->acked.events : 0;
    while (n < xdg->sent_count && xdg->sent[n].serial != serial)
        events |= xdg->sent[n++].events;
    if (n == xdg->sent_count)
        return false;
    xdg->acked = xdg->sent[n++];
    xdg->acked.events |= events;
    xdg->has_acked = true;
    xdg->sent_count -= n;
    counters.configures_settled += n;
    memmove(xdg->sent, xdg->sent + n, xdg->sent_count * sizeof *xdg->sent);
    if (xdg->owes_configure)
        shell_configure(xdg->toplevel, 0);
    return true;
}

/* Before a buffer becomes the content: checks it against the acknowledged configure. false: an error is sent. */
bool shell_obeys(const struct xdg_surface *xdg, const struct buffer *buffer)
{
    const struct configure *c = xdg->has_acked ? &xdg->acked : &xdg->applied;
    bool wrong = c->states >> STATE_MAXIMIZED & 1 ? buffer->width != c->width || buffer->height != c->height
               : c->states >> STATE_FULLSCREEN & 1 && (buffer->width > c->width || buffer->height > c->height);
    if (wrong)
        client_error(xdg->object.client, xdg->wm_base->object.id, WM_BASE_INVALID_SURFACE_STATE,
                     "size is not the configured one");
    return !wrong;
}

void shell_apply(struct xdg_surface *xdg)
{
    if (!xdg->has_acked)
        return;
    xdg->has_acked = false;
    xdg->applied = xdg->acked;
    xdg->surface->events |= xdg->acked.events;
    xdg->surface->configured_ns = xdg->acked.sent_ns;
}

bool shell_full(const struct xdg_surface *xdg)
{
    return xdg && xdg->applied.states & FULL;
}

/* Its window is destroyed: no configure is in flight any more. */
void shell_forget(struct xdg_surface *xdg)
{
    counters.configures_settled += xdg->sent_count;
    xdg->sent_count = 0;
    xdg->has_acked = xdg->owes_configure = false;
    xdg->applied = (struct configure){0};
}

/* ---- Requests for a state ---- */

static void set_state(struct client *client, struct toplevel *toplevel, u32 state, bool on, enum action action)
{
    if (on)
        toplevel->states |= 1u << state;
    else
        toplevel->states &= ~(1u << state);
    if (!on && toplevel->xdg && toplevel->xdg->surface && !toplevel->width) { /* back to the size it had */
        toplevel->width = toplevel->xdg->surface->normal_width;
        toplevel->height = toplevel->xdg->surface->normal_height;
    }
    shell_configure(toplevel, integration_take(client->id, action));
}

#define STATE_HANDLER(name, state, on, action) \
    HANDLER(name) { (void)arguments; set_state(client, object, state, on, action); }
STATE_HANDLER(toplevel_set_maximized, STATE_MAXIMIZED, true, ACTION_MAXIMIZE)
STATE_HANDLER(toplevel_unset_maximized, STATE_MAXIMIZED, false, ACTION_UNMAXIMIZE)
STATE_HANDLER(toplevel_set_fullscreen, STATE_FULLSCREEN, true, ACTION_FULLSCREEN)
STATE_HANDLER(toplevel_unset_fullscreen, STATE_FULLSCREEN, false, ACTION_UNFULLSCREEN)

HANDLER(toplevel_set_minimized)
{
    (void)arguments;
    const struct toplevel *toplevel = object;
    if (toplevel->xdg && toplevel->xdg->surface)
        surface_minimize(toplevel->xdg->surface);
    integration_done(client->id, integration_take(client->id, ACTION_MINIMIZE));
    event_set restores = integration_take(client->id, ACTION_RESTORE); /* that came before this request: see act */
    if (restores && toplevel->xdg && toplevel->xdg->surface)
        surface_restore(toplevel->xdg->surface, restores);
}

/* ---- Interactive resize: the window grows for half of the steps and shrinks back ---- */

static u32 steps_of(event_set events)
{
    u32 steps = events ? scenario_event((u32)__builtin_ctzll(events))->value : 0;
    return steps ? steps : RESIZE_STEPS;
}

HANDLER(toplevel_resize)
{
    struct toplevel *toplevel = object;
    u32 edges = arguments[2].u;
    if (edges > 10 || (edges & 3) == 3 || (edges & 12) == 12) {
        object_error(object, TOPLEVEL_INVALID_RESIZE_EDGE, "no such edge");
        return;
    }
    const struct surface *surface = toplevel->xdg ? toplevel->xdg->surface : NULL;
    if (!edges || !surface || !surface->mapped || toplevel->states || client->resize.toplevel)
        return; /* not for a maximised or fullscreen window, nor during another resize */
    client->resize.toplevel = toplevel;
    client->resize.step = 0;
    client->resize.events = integration_take(client->id, ACTION_RESIZE);
    client->resize.steps = steps_of(client->resize.events);
    client->resize.width = surface->current->width;
    client->resize.height = surface->current->height;
    toplevel->states = 1 << STATE_RESIZING;
    agenda_schedule(&client->resize.item, clock_ns() + resize_step_ns);
}

static i32 limited(i32 value, u32 limit) { return value > (i32)limit ? (i32)limit : value; }

void shell_resize_step(struct client *client)
{
    struct toplevel *toplevel = client->resize.toplevel;
    u32 step = ++client->resize.step, steps = client->resize.steps;
    i32 grown = (i32)(step < steps - step ? step : step < steps ? steps - step : 0);
    toplevel->width = limited(client->resize.width + GROW_WIDTH * grown, scenario()->width);
    toplevel->height = limited(client->resize.height + GROW_HEIGHT * grown, scenario()->height);
    if (step < steps) {
        agenda_schedule(&client->resize.item, client->resize.item.time_ns + resize_step_ns);
        shell_configure(toplevel, 0);
    } else {
        event_set events = client->resize.events;
        shell_resize_end(client);
        shell_configure(toplevel, events);
    }
    trace_point(P_RESIZE, client->id, step);
}

void shell_resize_end(struct client *client)
{
    agenda_cancel(&client->resize.item);
    if (client->resize.toplevel)
        client->resize.toplevel->states &= ~(1u << STATE_RESIZING);
    client->resize.toplevel = NULL;
}

/* ---- Decorations: the mode is the theme ---- */

static u32 theme = 2; /* server_side */

static void decorate(struct decoration *decoration, event_set events)
{
    u32 mode = decoration->own_mode ? decoration->own_mode : theme;
    event(decoration->object.client, decoration->object.id, EVENT_DECORATION_CONFIGURE, mode);
    if (events) {
        counters.themes_sent++;
        counters.themes_followed += mode == scenario_event((u32)__builtin_ctzll(events))->value;
    }
    shell_configure(decoration->toplevel, events);
}

HANDLER(decoration_manager_get)
{
    struct toplevel *toplevel = (struct toplevel *)arguments[1].o;
    const struct surface *surface = toplevel->xdg ? toplevel->xdg->surface : NULL;
    if (toplevel->decoration) {
        object_error(object, DECORATION_ALREADY_CONSTRUCTED, "the toplevel has a decoration");
        return;
    }
    if (surface && (surface->current || (surface->attached && surface->pending))) {
        object_error(object, DECORATION_UNCONFIGURED_BUFFER, "the toplevel has a buffer");
        return;
    }
    u32 id = arguments[0].u;
    struct decoration *decoration = object_create(client, id, ZXDG_TOPLEVEL_DECORATION_V1, 1, sizeof *decoration);
    if (!decoration)
        return;
    decoration->toplevel = toplevel;
    toplevel->decoration = decoration;
    decorate(decoration, 0);
}

HANDLER(decoration_set_mode)
{
    (void)client;
    struct decoration *decoration = object;
    if (arguments[0].u != 1 && arguments[0].u != 2) {
        object_error(object, DECORATION_INVALID_MODE, "no such mode");
        return;
    }
    decoration->own_mode = arguments[0].u;
    if (decoration->toplevel)
        decorate(decoration, 0);
}

HANDLER(decoration_unset_mode)
{
    (void)client, (void)arguments;
    struct decoration *decoration = object;
    decoration->own_mode = 0;
    if (decoration->toplevel)
        decorate(decoration, 0);
}

void decoration_destroyed(struct object *object)
{
    struct decoration *decoration = (struct decoration *)object;
    if (decoration->toplevel)
        decoration->toplevel->decoration = NULL;
    kfree(decoration);
}

/* ---- The timeline ---- */

/* Actions of the compositor on one client. The other actions are requests of the clients. A restore waits for the
 * request of an earlier minimise that has not arrived yet. */
static void act(const struct image_event *e, struct client *client)
{
    struct toplevel *toplevel = client->shell.main->xdg ? client->shell.main->xdg->toplevel : NULL;
    if (!toplevel)
        return;
    if (e->action == ACTION_THEME_CHANGE && toplevel->decoration)
        decorate(toplevel->decoration, integration_take(client->id, ACTION_THEME_CHANGE));
    else if (e->action == ACTION_CLOSE)
        event(client, toplevel->object.id, EVENT_TOPLEVEL_CLOSE);
    else if (e->action == ACTION_RESTORE && !integration_awaits(client->id, ACTION_MINIMIZE))
        surface_restore(client->shell.main, integration_take(client->id, ACTION_RESTORE));
}

void shell_event(u32 index)
{
    const struct image_event *e = scenario_event(index);
    u32 concerned = 0;
    integration_begin(index);
    if (e->action == ACTION_THEME_CHANGE && scenario()->provoke != PROVOKE_ORDER)
        theme = e->value;
    for (u32 id = e->first_client; id < e->first_client + e->count; id++) {
        struct client *client = client_by_id(id);
        if (!client || !client->shell.main || !client->shell.main->mapped)
            continue;
        concerned++;
        integration_expect(index, id);
        act(e, client);
    }
    if (e->action == ACTION_THEME_CHANGE)
        theme = e->value;                      /* with PROVOKE_ORDER only here: too late */
    integration_begun(index);
    trace_point(P_ACTION, e->action, concerned);
}
