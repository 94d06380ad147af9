/* xdg-shell: roles, configure before content, pings. shell.c decides the content of configures. */
#include "wayland/protocol.h"

void wm_base_bound(struct object *object)
{
    object->client->shell.wm_base = (struct wm_base *)object;
}

HANDLER(wm_base_destroy)
{
    (void)client, (void)arguments;
    struct wm_base *wm_base = object;
    if (wm_base->surfaces)
        object_error(object, WM_BASE_DEFUNCT_SURFACES, "xdg_surfaces still exist");
    else
        object_destroy(object);
}

void wm_base_destroyed(struct object *object)
{
    struct client *client = object->client;
    if (client->shell.wm_base == (struct wm_base *)object)
        client->shell.wm_base = NULL, client->shell.ping_serial = 0;
    kfree(object);
}

/* ---- Ping ---- */

HANDLER(wm_base_pong)
{
    (void)object;
    if (arguments[0].u == client->shell.ping_serial)
        client->shell.ping_serial = 0;
}

static void hang(struct client *client, u64 waited_ns)
{
    trace_measure(M_HANG, client->id, waited_ns);
    failure_detected(client->id, DETECTED_HANG);
    client_drop(client);
    process_kill(client->id, END_KILLED);
}

/* now: when the round was due, so that intervals are exact. In order of client id. */
void xdg_ping_round(u64 now)
{
    u32 total = scenario_clients(), pinged = 0;
    for (u32 id = 0; id < total; id++) {
        struct client *client = client_by_id(id);
        if (!client || !client->shell.wm_base)
            continue;
        if (!client->shell.ping_serial) {
            client->shell.ping_serial = next_serial();
            client->shell.ping_ns = now;
            pinged++;
            event(client, client->shell.wm_base->object.id, EVENT_WM_BASE_PING, client->shell.ping_serial);
        } else if (now - client->shell.ping_ns >= scenario()->hang_timeout_ns && detector_on(DETECTED_HANG)) {
            hang(client, now - client->shell.ping_ns);
        }
    }
    trace_point(P_PING, pinged, 0);
}

/* ---- Positioner: only for its errors, since there are no popups ---- */

HANDLER(wm_base_create_positioner)
{
    object_create(client, arguments[0].u, XDG_POSITIONER, version_of(object), sizeof(struct positioner));
}

HANDLER(positioner_set_size)
{
    (void)client;
    struct positioner *positioner = object;
    positioner->width = arguments[0].i;
    positioner->height = arguments[1].i;
    if (positioner->width < 1 || positioner->height < 1)
        object_error(object, POSITIONER_INVALID_INPUT, "size not positive");
}

HANDLER(positioner_set_anchor_rect)
{
    (void)client;
    struct positioner *positioner = object;
    positioner->anchor_width = arguments[2].i;
    positioner->anchor_height = arguments[3].i;
    if (positioner->anchor_width < 0 || positioner->anchor_height < 0)
        object_error(object, POSITIONER_INVALID_INPUT, "negative anchor rectangle");
}

HANDLER(positioner_set_anchor)
{
    (void)client;
    if (arguments[0].u > 8)
        object_error(object, POSITIONER_INVALID_INPUT, "no such edge");
}

/* ---- xdg_surface ---- */

HANDLER(wm_base_get_xdg_surface)
{
    struct wm_base *wm_base = object;
    struct surface *surface = (struct surface *)arguments[1].o;
    if (surface->role != ROLE_NONE && surface->role != ROLE_TOPLEVEL) {
        object_error(object, WM_BASE_ROLE, "the surface has another role");
        return;
    }
    if (surface->xdg) {
        object_error(object, WM_BASE_ROLE, "the surface has an xdg_surface");
        return;
    }
    if (surface->current || (surface->attached && surface->pending)) {
        object_error(object, WM_BASE_INVALID_SURFACE_STATE, "the surface has a buffer");
        return;
    }
    struct xdg_surface *xdg = object_create(client, arguments[0].u, XDG_SURFACE, wm_base->object.version, sizeof *xdg);
    if (!xdg)
        return;
    xdg->wm_base = wm_base;
    wm_base->surfaces++;
    xdg->surface = surface;
    surface->xdg = xdg;
}

HANDLER(xdg_surface_destroy)
{
    (void)client, (void)arguments;
    struct xdg_surface *xdg = object;
    if (xdg->toplevel)
        object_error(object, XDG_SURFACE_DEFUNCT_ROLE_OBJECT, "its xdg_toplevel still exists");
    else
        object_destroy(object);
}

void xdg_surface_destroyed(struct object *object)
{
    struct xdg_surface *xdg = (struct xdg_surface *)object;
    if (xdg->surface) {
        xdg->surface->xdg = NULL;
        surface_unmap(xdg->surface);
    }
    if (xdg->toplevel)
        xdg->toplevel->xdg = NULL;
    shell_forget(xdg);
    if (!object->client->status.closing) /* while closing, the wm_base may be freed already */
        xdg->wm_base->surfaces--;
    kfree(xdg);
}

HANDLER(xdg_surface_get_toplevel)
{
    struct xdg_surface *xdg = object;
    if (xdg->toplevel) {
        object_error(object, XDG_SURFACE_ALREADY_CONSTRUCTED, "it has a role object");
        return;
    }
    u32 id = arguments[0].u;
    struct toplevel *toplevel = object_create(client, id, XDG_TOPLEVEL, xdg->object.version, sizeof *toplevel);
    if (!toplevel)
        return;
    toplevel->xdg = xdg;
    toplevel->secondary = client->shell.main != NULL;
    xdg->toplevel = toplevel;
    xdg->surface->role = ROLE_TOPLEVEL;
    if (!client->shell.main)
        client->shell.main = xdg->surface;
}

HANDLER(xdg_surface_get_popup)
{
    const struct xdg_surface *xdg = object;
    const struct positioner *positioner = (struct positioner *)arguments[2].o;
    u32 wm_base = xdg->wm_base->object.id;
    if (xdg->toplevel)
        object_error(object, XDG_SURFACE_ALREADY_CONSTRUCTED, "it has a role object");
    else if (!positioner->width || !positioner->anchor_width || !positioner->anchor_height)
        client_error(client, wm_base, WM_BASE_INVALID_POSITIONER, "incomplete positioner");
    else if (!arguments[1].o)
        client_error(client, wm_base, WM_BASE_INVALID_POPUP_PARENT, "no parent");
    else
        client_error(client, 1, DISPLAY_IMPLEMENTATION, "popups are not supported");
}

HANDLER(xdg_surface_set_window_geometry)
{
    (void)client;
    const struct xdg_surface *xdg = object;
    if (!xdg->toplevel)
        object_error(object, XDG_SURFACE_NOT_CONSTRUCTED, "it has no role object");
    else if (arguments[2].i <= 0 || arguments[3].i <= 0)
        object_error(object, XDG_SURFACE_INVALID_SIZE, "size not positive");
}

HANDLER(xdg_surface_ack_configure)
{
    struct xdg_surface *xdg = object;
    if (!xdg->toplevel) {
        object_error(object, XDG_SURFACE_NOT_CONSTRUCTED, "it has no role object");
        return;
    }
    if (!shell_acknowledge(xdg, arguments[0].u)) {
        object_error(object, XDG_SURFACE_INVALID_SERIAL, "no such configure");
        return;
    }
    xdg->acknowledged = true;
    if (client->milestones.created)
        return;
    client->milestones.created = true;
    trace_measure(M_CLIENT_CREATION, client->id, clock_ns() - socket_connected_ns(client->socket));
}

/* Before a commit takes effect. The first one of a role carries no buffer and gets the configure. */
bool xdg_commit(struct xdg_surface *xdg, bool attaching)
{
    if (!xdg->toplevel) {
        object_error(&xdg->object, XDG_SURFACE_NOT_CONSTRUCTED, "it has no role object");
        return false;
    }
    if (attaching && !xdg->acknowledged) {
        object_error(&xdg->object, XDG_SURFACE_UNCONFIGURED_BUFFER,
                     "buffer before the first configure is acknowledged");
        return false;
    }
    if (!xdg->configured) {
        xdg->configured = true;
        shell_configure(xdg->toplevel, 0);
    }
    if (!attaching)
        return true;
    if (!shell_obeys(xdg, xdg->surface->pending))
        return false;
    shell_apply(xdg);
    return true;
}

/* New content must start with a commit without a buffer. */
void xdg_unmapped(struct xdg_surface *xdg)
{
    xdg->configured = xdg->acknowledged = false;
    shell_forget(xdg);
}

/* ---- xdg_toplevel ---- */

HANDLER(toplevel_destroy)
{
    (void)client, (void)arguments;
    struct toplevel *toplevel = object;
    if (toplevel->decoration)
        object_error(&toplevel->decoration->object, DECORATION_ORPHANED, "its toplevel goes before it");
    else
        object_destroy(object);
}

HANDLER(toplevel_set_parent)
{
    (void)client;
    if (arguments[0].o == object)
        object_error(object, TOPLEVEL_INVALID_PARENT, "it cannot be its own parent");
}

HANDLER(toplevel_set_bounds)
{
    (void)client;
    if (arguments[0].i < 0 || arguments[1].i < 0)
        object_error(object, TOPLEVEL_INVALID_SIZE, "negative size");
}

void toplevel_destroyed(struct object *object)
{
    struct toplevel *toplevel = (struct toplevel *)object;
    struct xdg_surface *xdg = toplevel->xdg;
    if (object->client->resize.toplevel == toplevel)
        shell_resize_end(object->client);
    if (toplevel->decoration)
        toplevel->decoration->toplevel = NULL;
    if (xdg) {
        if (xdg->surface) {
            surface_unmap(xdg->surface);
            seat_surface_gone(xdg->surface);
        }
        xdg->toplevel = NULL;
        xdg_unmapped(xdg);
    }
    kfree(toplevel);
}
