/* wl_surface: pending state, commit, mapping. */
#include "wayland/protocol.h"

HANDLER(compositor_create_surface)
{
    if (!client_within(client, client->usage.surfaces, scenario()->client_surfaces))
        return;
    struct surface *surface = object_create(client, arguments[0].u, WL_SURFACE, version_of(object), sizeof *surface);
    if (!surface)
        return;
    client->usage.surfaces++;
    list_init(&surface->requested);
    list_init(&surface->waiting);
    list_init(&surface->framed_callbacks);
    list_init(&surface->committed_link);
    list_init(&surface->frame_link);
}

HANDLER(surface_destroy)
{
    (void)client, (void)arguments;
    struct surface *surface = object;
    if (surface->xdg)
        object_error(object, SURFACE_DEFUNCT_ROLE_OBJECT, "its xdg_surface still exists");
    else
        object_destroy(object);
}

HANDLER(surface_attach)
{
    (void)client;
    struct surface *surface = object;
    buffer_release(surface->pending);
    surface->pending = (struct buffer *)arguments[0].o;
    buffer_reference(surface->pending);
    surface->attached = true;
}

/* Both damage and damage_buffer: at scale 1 without transform their coordinates are the same. */
HANDLER(surface_damage)
{
    (void)client;
    struct surface *surface = object;
    i64 x = arguments[0].i, y = arguments[1].i, width = arguments[2].i, height = arguments[3].i;
    if (width <= 0 || height <= 0)
        return;
    i32 x0 = (i32)x, y0 = (i32)y;
    i32 x1 = x + width > 0x7fffffff ? 0x7fffffff : (i32)(x + width);
    i32 y1 = y + height > 0x7fffffff ? 0x7fffffff : (i32)(y + height);
    if (surface->damage_count == MAX_SURFACE_DAMAGE) { /* merge all into their bounding rectangle */
        for (u32 i = 0; i < MAX_SURFACE_DAMAGE; i++) {
            x0 = surface->damage[i].x0 < x0 ? surface->damage[i].x0 : x0;
            y0 = surface->damage[i].y0 < y0 ? surface->damage[i].y0 : y0;
            x1 = surface->damage[i].x1 > x1 ? surface->damage[i].x1 : x1;
            y1 = surface->damage[i].y1 > y1 ? surface->damage[i].y1 : y1;
        }
        surface->damage_count = 0;
    }
    u32 n = surface->damage_count++;
    surface->damage[n].x0 = x0, surface->damage[n].y0 = y0, surface->damage[n].x1 = x1, surface->damage[n].y1 = y1;
}

HANDLER(surface_frame)
{
    struct surface *surface = object;
    struct callback *callback = object_create(client, arguments[0].u, WL_CALLBACK, 1, sizeof *callback);
    if (!callback)
        return;
    counters.callbacks_made++;
    list_append(&surface->requested, &callback->link);
}

void callback_destroyed(struct object *object)
{
    struct callback *callback = (struct callback *)object;
    list_remove(&callback->link);
    counters.callbacks_ended++;
    kfree(callback);
}

HANDLER(surface_set_buffer_transform)
{
    (void)client;
    if (arguments[0].u > 7)
        object_error(object, SURFACE_INVALID_TRANSFORM, "invalid transform");
    else if (arguments[0].u)
        client_error(client, 1, DISPLAY_IMPLEMENTATION, "transforms are not supported");
}

HANDLER(surface_set_buffer_scale)
{
    (void)client;
    if (arguments[0].i < 1)
        object_error(object, SURFACE_INVALID_SCALE, "invalid scale");
    else if (arguments[0].i > 1)
        client_error(client, 1, DISPLAY_IMPLEMENTATION, "scales are not supported");
}

/* ---- Windows ---- */

static void place_main(struct surface *surface)
{
    u64 id = surface->object.client->id;
    i32 spare_x = (i32)scenario()->width - surface->current->width;
    i32 spare_y = (i32)scenario()->height - surface->current->height;
    surface->x = spare_x > 0 ? (i32)(97 * id % (u32)(spare_x + 1)) : 0;
    surface->y = spare_y > 0 ? (i32)(61 * id % (u32)(spare_y + 1)) : 0;
}

static void place(struct surface *surface)
{
    const struct surface *main = surface->object.client->shell.main;
    if (!surface->xdg->toplevel->secondary || !main || !main->mapped) {
        place_main(surface);
        return;
    }
    i64 right = (i64)main->x + 16 + surface->current->width, bottom = (i64)main->y + 16 + surface->current->height;
    bool fits = right <= scenario()->width && bottom <= scenario()->height;
    surface->x = main->x + (fits ? 16 : 0);
    surface->y = main->y + (fits ? 16 : 0);
}

static struct rect window_of(const struct surface *surface)
{
    i64 right = (i64)surface->x + surface->current->width, bottom = (i64)surface->y + surface->current->height;
    return output_clip(surface->x, surface->y, right, bottom);
}

static void map(struct surface *surface)
{
    place(surface);
    surface->full = shell_full(surface->xdg);
    surface->window = window_of(surface);
    if (!stack_push(surface)) {
        client_no_memory(surface->object.client);
        return;
    }
    surface->mapped = true;
    counters.windows_mapped++;
    damage_add(surface->window);
}

/* A window that becomes maximised or fullscreen is moved to the top of the stack, and stays there. */
static void change_full(struct surface *surface)
{
    surface->full = !surface->full;
    if (!surface->full) {
        place(surface);
        return;
    }
    surface->x = surface->y = 0;
    if (surface->minimized)
        return;
    stack_remove(surface);
    stack_push(surface);
}

static void resize(struct surface *surface)
{
    damage_add(surface->window);
    if (surface->full != shell_full(surface->xdg))
        change_full(surface);
    surface->window = window_of(surface);
    if (surface->minimized)
        return;
    stack_resize(surface);
    damage_add(surface->window);
}

void surface_unmap(struct surface *surface)
{
    if (!surface->mapped)
        return;
    if (!surface->minimized)
        stack_remove(surface);
    surface->mapped = surface->minimized = surface->full = false;
    counters.windows_unmapped++;
    damage_add(surface->window);
    if (surface->xdg)
        xdg_unmapped(surface->xdg);
}

/* Until the surface is restored, its commits get no frame callback and are not measured. */
void surface_minimize(struct surface *surface)
{
    if (!surface->mapped || surface->minimized)
        return;
    stack_remove(surface);
    surface->minimized = true;
    list_remove(&surface->committed_link);
    damage_add(surface->window);
}

void surface_restore(struct surface *surface, event_set events)
{
    surface->events |= events;
    if (surface->minimized && !stack_push(surface)) {
        client_no_memory(surface->object.client);
        return;
    }
    surface->minimized = surface->fresh = false;
    damage_add(surface->window);
    composite_commit(surface);
}

/* ---- Commit ---- */

/* Adds the pending damage to that of the next pass. whole: the whole window is damaged already. */
static void apply_damage(struct surface *surface, bool whole)
{
    for (u32 i = 0; i < surface->damage_count && surface->mapped && !surface->minimized && !whole; i++) {
        i32 x0 = surface->damage[i].x0, y0 = surface->damage[i].y0;
        i32 x1 = surface->damage[i].x1, y1 = surface->damage[i].y1;
        x0 = x0 > 0 ? x0 : 0;
        y0 = y0 > 0 ? y0 : 0;
        x1 = x1 < surface->current->width ? x1 : surface->current->width;
        y1 = y1 < surface->current->height ? y1 : surface->current->height;
        damage_add(output_clip((i64)x0 + surface->x, (i64)y0 + surface->y, (i64)x1 + surface->x, (i64)y1 + surface->y));
    }
    surface->damage_count = 0;
}

/* The pending buffer becomes current. true: that damaged the whole window. */
static bool apply_buffer(struct surface *surface)
{
    struct buffer *old = surface->current, *new = surface->pending;
    bool same_size = old && new && old->width == new->width && old->height == new->height;
    buffer_use(new);
    surface->current = new;
    surface->fresh = new != NULL;
    surface->sent_ns = surface->object.client->incoming.sent_ns;
    surface->pending = NULL;
    surface->attached = false;
    buffer_release(new);
    buffer_unuse(old);
    if (!new) {
        surface_unmap(surface);
    } else if (surface->role == ROLE_TOPLEVEL && surface->xdg && surface->xdg->toplevel) {
        if (!shell_full(surface->xdg))
            surface->normal_width = new->width, surface->normal_height = new->height;
        if (!surface->mapped)
            map(surface);
        else if (!same_size || surface->full != shell_full(surface->xdg))
            resize(surface);
        else
            return false;
        return true;
    }
    return false;
}

HANDLER(surface_commit)
{
    (void)arguments;
    struct surface *surface = object;
    bool attaching = surface->attached, buffer = attaching && surface->pending;
    if (surface->xdg && !xdg_commit(surface->xdg, buffer))
        return;
    list_move_all(&surface->waiting, &surface->requested);
    bool whole = attaching && apply_buffer(surface);
    apply_damage(surface, whole);
    if ((attaching || !list_empty(&surface->waiting)) && !surface->minimized)
        composite_commit(surface);
    if (buffer) {
        seat_commit(client);
        surface->events |= integration_take(client->id, ACTION_SURGE);
    }
    client->incoming.buffer_committed = buffer;
#ifdef RAYOS_SLOW_COMMIT /* iterations of an empty loop: a slow-down planted by a test that must find it */
    for (u32 turns = RAYOS_SLOW_COMMIT; turns; turns--)
        __asm__ volatile("");
#endif
}

static void callbacks_destroy(struct list *callbacks)
{
    while (!list_empty(callbacks))
        object_destroy(&CONTAINER(callbacks->next, struct callback, link)->object);
}

void surface_destroyed(struct object *object)
{
    struct surface *surface = (struct surface *)object;
    seat_surface_gone(surface);
    surface_unmap(surface);
    if (surface->xdg)
        surface->xdg->surface = NULL;
    list_remove(&surface->committed_link);
    list_remove(&surface->frame_link);
    callbacks_destroy(&surface->requested);
    callbacks_destroy(&surface->waiting);
    callbacks_destroy(&surface->framed_callbacks);
    object->client->usage.surfaces--;
    buffer_release(surface->pending);
    buffer_unuse(surface->current);
    buffer_unuse(surface->framed);
    buffer_unuse(surface->shown);
    kfree(surface);
}
