/* The seat: one pointer and one keyboard. For clients whose workload takes input, the seat generates the events or
 * takes them from the input devices, depending on the scenario. */
#include "drivers/input.h"
#include "wayland/protocol.h"

enum { CAPABILITY_POINTER = 1, CAPABILITY_KEYBOARD = 2, KEY = 30 };

void seat_bound(struct object *object)
{
    event(object->client, object->id, EVENT_SEAT_CAPABILITIES, CAPABILITY_POINTER | CAPABILITY_KEYBOARD);
    if (object->version >= 2)
        event(object->client, object->id, EVENT_SEAT_NAME, "seat0");
}

/* Events go to the client's latest pointer and keyboard. */
HANDLER(seat_get_pointer)
{
    struct object *pointer = object_create(client, arguments[0].u, WL_POINTER, version_of(object), sizeof *pointer);
    if (!pointer)
        return;
    client->seat.pointer = pointer;
    client->seat.pointer_inside = false;
}

HANDLER(seat_get_keyboard)
{
    u32 id = arguments[0].u;
    struct object *keyboard = object_create(client, id, WL_KEYBOARD, version_of(object), sizeof *keyboard);
    if (!keyboard)
        return;
    client->seat.keyboard = keyboard;
    client->seat.keyboard_inside = false;
    if (keyboard->version >= 4)
        event(client, keyboard->id, EVENT_KEYBOARD_REPEAT_INFO, 0, 0);
}

HANDLER(seat_get_touch)
{
    (void)client, (void)arguments;
    object_error(object, SEAT_MISSING_CAPABILITY, "no touch screen");
}

HANDLER(pointer_set_cursor)
{
    (void)client;
    struct surface *surface = (struct surface *)arguments[1].o;
    if (!surface)
        return;
    if (surface->role != ROLE_NONE && surface->role != ROLE_CURSOR)
        object_error(object, POINTER_ROLE, "the surface has another role");
    else
        surface->role = ROLE_CURSOR;
}

void pointer_destroyed(struct object *object)
{
    if (object->client->seat.pointer == object)
        object->client->seat.pointer = NULL;
    kfree(object);
}

void keyboard_destroyed(struct object *object)
{
    if (object->client->seat.keyboard == object)
        object->client->seat.keyboard = NULL;
    kfree(object);
}

/* ---- Input ---- */

static void schedule(struct client *client, u64 last)
{
    u64 gap = random_quantile(&client->input.random, scenario_table(client->group->gap_table));
    agenda_schedule(&client->input.item, last + gap);
}

/* Both send an input event, preceded by enter if needed, and return the number of events. 0: no such device. */

static u32 send_motion(struct client *client, const struct surface *surface, i32 x, i32 y)
{
    if (!client->seat.pointer)
        return 0;
    u32 id = client->seat.pointer->id, before = client->outgoing.events;
    if (!client->seat.pointer_inside)
        event(client, id, EVENT_POINTER_ENTER, next_serial(), surface->object.id, (u32)x << 8, (u32)y << 8);
    client->seat.pointer_inside = true;
    event(client, id, EVENT_POINTER_MOTION, event_time(), (u32)x << 8, (u32)y << 8);
    if (client->seat.pointer->version >= 5)
        event(client, id, EVENT_POINTER_FRAME);
    return client->outgoing.events - before;
}

static u32 send_key(struct client *client, const struct surface *surface, u32 key, bool pressed)
{
    if (!client->seat.keyboard)
        return 0;
    u32 id = client->seat.keyboard->id, before = client->outgoing.events;
    if (!client->seat.keyboard_inside) {
        event(client, id, EVENT_KEYBOARD_ENTER, next_serial(), surface->object.id, "", 0);
        event(client, id, EVENT_KEYBOARD_MODIFIERS, next_serial(), 0, 0, 0, 0);
    }
    client->seat.keyboard_inside = true;
    event(client, id, EVENT_KEYBOARD_KEY, next_serial(), event_time(), key, (u32)pressed);
    return client->outgoing.events - before;
}

/* ---- Input devices: their reports go to the window under the pointer ---- */

static struct surface *focus;
static i32 pointer_x, pointer_y;
static bool key_down;

static u32 send_leave(const struct surface *surface)
{
    struct client *client = surface->object.client;
    u32 before = client->outgoing.events;
    if (client->seat.pointer && client->seat.pointer_inside) {
        event(client, client->seat.pointer->id, EVENT_POINTER_LEAVE, next_serial(), surface->object.id);
        if (client->seat.pointer->version >= 5)
            event(client, client->seat.pointer->id, EVENT_POINTER_FRAME);
    }
    if (client->seat.keyboard && client->seat.keyboard_inside)
        event(client, client->seat.keyboard->id, EVENT_KEYBOARD_LEAVE, next_serial(), surface->object.id);
    client->seat.pointer_inside = client->seat.keyboard_inside = false;
    return client->outgoing.events - before;
}

/* Requests the next event from the host: a motion to one of seven places in the client's window, or the key. */
static struct input_report ask(const struct client *client)
{
    struct rect window = client->shell.main->window;
    i32 part = (i32)(client->input.count % 7) + 1;
    u32 x = (u32)(window.x0 + (window.x1 - window.x0) * part / 8);
    u32 y = (u32)(window.y0 + (window.y1 - window.y0) * part / 8);
    u32 width = scenario()->width, height = scenario()->height, whole = INPUT_RANGE + 1;
    if (client->input.count % 2)
        return input_ask(HOST_MOTION, (x * whole + width - 1) / width, (y * whole + height - 1) / height);
    key_down = !key_down;
    return input_ask(HOST_KEY, KEY, key_down);
}

/* The client that received the event; NULL: none. */
static struct client *route(const struct input_report *report, u32 *written)
{
    if (report->moved) {
        pointer_x = (i32)(report->x * scenario()->width / (INPUT_RANGE + 1));
        pointer_y = (i32)(report->y * scenario()->height / (INPUT_RANGE + 1));
        struct surface *under = stack_at(pointer_x, pointer_y);
        if (focus && focus != under)
            *written += send_leave(focus);
        focus = under;
    }
    if (!focus)
        return NULL;
    struct client *client = focus->object.client;
    u32 sent = report->moved ? send_motion(client, focus, pointer_x - focus->x, pointer_y - focus->y)
                             : send_key(client, focus, report->key, report->pressed);
    *written += sent;
    return sent ? client : NULL;
}

/* ---- Both sources ---- */

static struct client *from_device(struct client *client, u32 *written)
{
    struct input_report report = ask(client);
    trace_point(P_DEVICE, client->id, 0);
    return route(&report, written);
}

static struct client *from_seat(struct client *client, u32 *written)
{
    i32 x = (i32)(client->input.count * 7 % 64), y = (i32)(client->input.count * 5 % 64);
    *written = client->input.count % 2 ? send_motion(client, client->shell.main, x, y)
                                       : send_key(client, client->shell.main, KEY, client->input.count / 2 % 2);
    return *written ? client : NULL;
}

/* Scheduled only while client->shell.main exists. */
void seat_input(struct client *client)
{
    u64 scheduled = client->input.item.time_ns;
    u32 written = 0, id = client->id;
    schedule(client, scheduled);
    client->input.count++;
    struct client *receiver = (scenario()->input_source == INPUT_DEVICE ? from_device : from_seat)(client, &written);
    trace_point(P_INPUT, id, written);
    bool tracked = receiver && receiver->input.queued - receiver->input.shown < MAX_INPUTS;
    counters.input_produced++;
    counters.input_delivered += tracked;
    counters.input_coalesced += !tracked;
    if (tracked)
        receiver->input.events[receiver->input.queued++ % MAX_INPUTS] = (struct input_event){scheduled, clock_ns()};
    clients_flush(); /* last: with SMP the client may answer before this returns */
}

/* The commit answers the events that were queued before its batch was sent. */
void seat_commit(struct client *client)
{
    struct input *in = &client->input;
    while (in->carried != in->queued && in->events[in->carried % MAX_INPUTS].queued_ns < client->incoming.sent_ns)
        in->carried++;
}

void seat_surface_shown(struct surface *surface, u64 now)
{
    struct client *client = surface->object.client;
    u32 workload = client->group->workload;
    if ((workload != WORKLOAD_INPUT && workload != WORKLOAD_EDITOR) || client->status.failed)
        return;
    struct input *in = &client->input;
    for (; in->shown != in->framed; in->shown++)
        trace_measure(M_INPUT_ROUND_TRIP, client->id, now - in->events[in->shown % MAX_INPUTS].scheduled_ns);
    if (in->started || surface != client->shell.main)
        return;
    in->started = true;
    random_seed(&in->random, scenario()->seed, client->id, client->generation, STREAM_GAP);
    schedule(client, now);
}

void seat_surface_gone(struct surface *surface)
{
    struct client *client = surface->object.client;
    if (focus == surface) {
        focus = NULL;
        client->seat.pointer_inside = client->seat.keyboard_inside = false;
    }
    if (client->shell.main != surface)
        return;
    client->shell.main = NULL;
    client->seat.pointer_inside = client->seat.keyboard_inside = false;
    agenda_cancel(&client->input.item);
}
