/* Drag and drop. A drag belongs to the client that started it (client->transfer.dragged); its target is the peer, the
 * next client of the group. During the drag, source and offer point to each other; drag_over ends it and separates
 * them. */
#include "wayland/protocol.h"

enum { ACTIONS = 7, STEPS = 8 };
static const u64 step_ns = 16000000;

static bool same(const char *a, const char *b)
{
    size_t bytes = strlen(a);
    return bytes == strlen(b) && !memcmp(a, b, bytes);
}

/* ---- The drag ---- */

static void drag_over(struct client *client)
{
    struct data_source *source = client->transfer.dragged;
    agenda_cancel(&client->transfer.drag);
    client->transfer.dragged = NULL;
    source->offer->source = NULL;
    source->offer = NULL;
}

/* Sends leave to the target of a drag that ends before its drop. */
static void drag_leave(const struct data_offer *offer)
{
    struct client *target = offer->object.client;
    if (!offer->dropped && target->transfer.device)
        event(target, target->transfer.device->id, EVENT_DEVICE_LEAVE);
}

static void drag_cancel(struct client *client)
{
    event(client, client->transfer.dragged->object.id, EVENT_SOURCE_CANCELLED);
    drag_leave(client->transfer.dragged->offer);
    drag_over(client);
}

void drag_client_failed(struct client *client)
{
    if (client->transfer.dragged)
        drag_cancel(client);
    for (u32 slot = 0; slot < MAX_OFFERS; slot++) {
        const struct data_offer *offer = (struct data_offer *)client->objects.offers[slot];
        if (offer && offer->source && !offer->source->selection)
            drag_cancel(offer->source->object.client);
    }
}

static u32 position(u32 step)
{
    return (16 + 8 * step) << 8;
}

struct client *peer_of(const struct client *client)
{
    const struct image_group *group = client->group;
    return client_by_id(group->first_client + (client->id - group->first_client + 1) % group->count);
}

static void drag_enter(struct client *target, struct data_offer *offer)
{
    const struct data_source *source = offer->source;
    u32 device = target->transfer.device->id, id = offer->object.id;
    event(target, device, EVENT_DEVICE_DATA_OFFER, id);
    for (u32 i = 0; i < source->mime_count; i++)
        event(target, id, EVENT_OFFER_OFFER, source->mimes[i]);
    if (offer->object.version >= 3)
        event(target, id, EVENT_OFFER_SOURCE_ACTIONS, source->actions);
    u32 surface = target->shell.main->object.id;
    event(target, device, EVENT_DEVICE_ENTER, next_serial(), surface, position(0), position(0), id);
}

static void drag_start(struct client *client, struct data_source *source)
{
    struct client *target = peer_of(client);
    struct data_offer *offer = NULL;
    const struct surface *main = target ? target->shell.main : NULL;
    if (!client->transfer.dragged && target && target->transfer.device && main && main->mapped)
        offer = object_create_offer(target, target->transfer.device->version);
    if (!offer) {
        event(client, source->object.id, EVENT_SOURCE_CANCELLED);
        return;
    }
    offer->source = source;
    source->offer = offer;
    client->transfer.dragged = source;
    client->transfer.drag_step = 0;
    drag_enter(target, offer);
    agenda_schedule(&client->transfer.drag, clock_ns() + step_ns);
}

void drag_step(struct client *client)
{
    struct data_offer *offer = client->transfer.dragged->offer;
    struct client *target = offer->object.client;
    u32 step = ++client->transfer.drag_step;
    if (!target->transfer.device) {
        drag_cancel(client);
    } else {
        event(target, target->transfer.device->id, EVENT_DEVICE_MOTION, event_time(), position(step), position(step));
        if (step < STEPS) {
            agenda_schedule(&client->transfer.drag, client->transfer.drag.time_ns + step_ns);
        } else {
            agenda_cancel(&client->transfer.drag);
            offer->dropped = true;
            event(target, target->transfer.device->id, EVENT_DEVICE_DROP);
        }
    }
    trace_point(P_DRAG, client->id, step);
}

/* ---- wl_data_device_manager, wl_data_device ---- */

HANDLER(manager_create_data_source)
{
    object_create(client, arguments[0].u, WL_DATA_SOURCE, version_of(object), sizeof(struct data_source));
}

/* Drags go to the client's latest data device. */
HANDLER(manager_get_data_device)
{
    u32 id = arguments[0].u;
    struct object *device = object_create(client, id, WL_DATA_DEVICE, version_of(object), sizeof *device);
    if (device)
        client->transfer.device = device;
}

void device_destroyed(struct object *object)
{
    if (object->client->transfer.device == object)
        object->client->transfer.device = NULL;
    kfree(object);
}

HANDLER(device_start_drag)
{
    struct data_source *source = (struct data_source *)arguments[0].o;
    struct surface *icon = (struct surface *)arguments[2].o;
    if (icon && icon->role != ROLE_NONE && icon->role != ROLE_DRAG_ICON) {
        object_error(object, DEVICE_ROLE, "the icon has another role");
        return;
    }
    if (source && source->used) {
        object_error(object, DEVICE_USED_SOURCE, "the source was used before");
        return;
    }
    if (icon)
        icon->role = ROLE_DRAG_ICON;
    if (!source)
        return; /* a drag within the client needs no offer */
    source->used = true;
    drag_start(client, source);
}

/* ---- wl_data_source ---- */

HANDLER(source_offer)
{
    struct data_source *source = object;
    size_t bytes = strlen(arguments[0].s) + 1;
    if (bytes > MAX_MIME || source->mime_count == MAX_MIMES)
        client_error(client, 1, DISPLAY_IMPLEMENTATION, "MIME types too long or too many");
    else
        memcpy(source->mimes[source->mime_count++], arguments[0].s, bytes);
}

HANDLER(source_set_actions)
{
    (void)client;
    struct data_source *source = object;
    if (arguments[0].u & ~(u32)ACTIONS) {
        object_error(object, SOURCE_INVALID_ACTION_MASK, "no such action");
    } else if (source->actions_set || source->used) {
        object_error(object, SOURCE_INVALID_SOURCE, "actions are set once, before the drag");
    } else {
        source->actions_set = true;
        source->actions = arguments[0].u;
    }
}

void source_destroyed(struct object *object)
{
    struct data_source *source = (struct data_source *)object;
    if (source->selection) {
        selection_source_gone(source);
    } else if (source->offer) {
        drag_leave(source->offer);
        drag_over(object->client);
    }
    kfree(source);
}

/* ---- wl_data_offer ---- */

HANDLER(offer_accept)
{
    (void)client;
    ((struct data_offer *)object)->accepted = arguments[1].s != NULL;
}

HANDLER(offer_receive)
{
    const struct data_offer *offer = object;
    struct handle handle;
    if (!client_take_handle(client, &handle))
        return;
    const struct data_source *source = offer->source;
    bool offered = false;
    for (u32 i = 0; source && i < source->mime_count; i++)
        offered = offered || same(source->mimes[i], arguments[0].s);
    if (handle.type != HANDLE_PIPE_WRITE)
        client_error(client, 1, DISPLAY_INVALID_METHOD, "not the write end of a pipe");
    if (handle.type != HANDLE_PIPE_WRITE || !offered || client_deaf(source->object.client)) {
        handle_drop(&handle); /* the reader gets end of file */
        return;
    }
    struct client *giver = source->object.client;
    if (giver->outgoing.handle.type != HANDLE_NONE)
        client_flush(giver);
    event(giver, source->object.id, EVENT_SOURCE_SEND, arguments[0].s);
    if (client_deaf(giver))
        handle_drop(&handle);
    else
        giver->outgoing.handle = handle;
}

HANDLER(offer_finish)
{
    (void)client, (void)arguments;
    struct data_offer *offer = object;
    if (offer->finished || !offer->dropped || !offer->accepted || !offer->action) {
        object_error(object, OFFER_INVALID_FINISH, "nothing to finish");
        return;
    }
    offer->finished = true;
    const struct data_source *source = offer->source;
    if (!source)
        return;
    struct client *giver = source->object.client;
    if (source->object.version >= 3) {
        event(giver, source->object.id, EVENT_SOURCE_DROP_PERFORMED);
        event(giver, source->object.id, EVENT_SOURCE_FINISHED);
    }
    drag_over(giver);
}

HANDLER(offer_set_actions)
{
    struct data_offer *offer = object;
    u32 actions = arguments[0].u, preferred = arguments[1].u;
    if (actions & ~(u32)ACTIONS) {
        object_error(object, OFFER_INVALID_ACTION_MASK, "no such action");
        return;
    }
    if (preferred && (preferred & ~actions || preferred & (preferred - 1))) {
        object_error(object, OFFER_INVALID_ACTION, "not one of the actions");
        return;
    }
    const struct data_source *source = offer->source;
    if (source && source->selection) {
        object_error(object, OFFER_INVALID_OFFER, "actions are for drags");
        return;
    }
    u32 common = source ? actions & source->actions : 0;
    u32 action = preferred & common ? preferred : common & -common;
    if (!source || action == offer->action)
        return;
    offer->action = action;
    event(client, offer->object.id, EVENT_OFFER_ACTION, action);
    if (source->object.version >= 3)
        event(source->object.client, source->object.id, EVENT_SOURCE_ACTION, action);
}

void offer_destroyed(struct object *object)
{
    struct data_offer *offer = (struct data_offer *)object;
    if (offer->source && offer->source->selection) {
        selection_offer_gone(offer);
    } else if (offer->source) {
        struct client *giver = offer->source->object.client;
        event(giver, offer->source->object.id, EVENT_SOURCE_CANCELLED);
        drag_over(giver);
    }
    kfree(offer);
}
