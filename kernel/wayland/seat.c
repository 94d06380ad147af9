/* The seat: one pointer and one keyboard, whose events the seat itself makes for clients whose workload takes input. */
#include "protocol.h"

enum { CAPABILITY_POINTER = 1, CAPABILITY_KEYBOARD = 2, KEY = 30 };

void seat_bound(struct object *object)
{
    event(object->client, object->id, EVENT_SEAT_CAPABILITIES, CAPABILITY_POINTER | CAPABILITY_KEYBOARD);
    if (object->version >= 2)
        event(object->client, object->id, EVENT_SEAT_NAME, "seat0");
}

/* Events go to the latest pointer and keyboard a client made. */
HANDLER(seat_get_pointer)
{
    struct object *pointer = object_create(client, arguments[0].u, WL_POINTER, ((struct object *)object)->version, sizeof *pointer);
    if (!pointer)
        return;
    client->pointer = pointer;
    client->pointer_inside = false;
}

HANDLER(seat_get_keyboard)
{
    struct object *keyboard = object_create(client, arguments[0].u, WL_KEYBOARD, ((struct object *)object)->version, sizeof *keyboard);
    if (!keyboard)
        return;
    client->keyboard = keyboard;
    client->keyboard_inside = false;
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
    if (object->client->pointer == object)
        object->client->pointer = NULL;
    kfree(object);
}

void keyboard_destroyed(struct object *object)
{
    if (object->client->keyboard == object)
        object->client->keyboard = NULL;
    kfree(object);
}

/* ---- Input ---- */

static void schedule(struct client *client, u64 last)
{
    timed_schedule(&client->input, last + random_quantile(&client->input_random, scenario_table(client->group->gap_table)));
}

static bool send_motion(struct client *client)
{
    if (!client->pointer)
        return false;
    u32 id = client->pointer->id, x = (client->input_count * 7 % 64) << 8, y = (client->input_count * 5 % 64) << 8;
    if (!client->pointer_inside)
        event(client, id, EVENT_POINTER_ENTER, next_serial(), client->main->object.id, x, y);
    client->pointer_inside = true;
    event(client, id, EVENT_POINTER_MOTION, event_time(), x, y);
    if (client->pointer->version >= 5)
        event(client, id, EVENT_POINTER_FRAME);
    return true;
}

static bool send_key(struct client *client)
{
    if (!client->keyboard)
        return false;
    u32 id = client->keyboard->id, pressed = client->input_count / 2 % 2;
    if (!client->keyboard_inside) {
        event(client, id, EVENT_KEYBOARD_ENTER, next_serial(), client->main->object.id, "", 0);
        event(client, id, EVENT_KEYBOARD_MODIFIERS, next_serial(), 0, 0, 0, 0);
    }
    client->keyboard_inside = true;
    event(client, id, EVENT_KEYBOARD_KEY, next_serial(), event_time(), KEY, pressed);
    return true;
}

/* Timed only while client->main exists. */
void seat_input(struct client *client)
{
    u64 scheduled = client->input.time;
    schedule(client, scheduled);
    client->input_count++;
    bool sent = client->input_count % 2 ? send_motion(client) : send_key(client);
    trace_point(P_INPUT, client->id, scheduled);
    clients_flush();
    bool tracked = sent && client->inputs_queued - client->inputs_shown < MAX_INPUTS;
    counters.input_produced++;
    counters.input_delivered += tracked;
    counters.input_coalesced += !tracked;
    if (tracked)
        client->inputs[client->inputs_queued++ % MAX_INPUTS] = (struct input_event){scheduled, clock_ns()};
}

/* Events queued before this batch was sent are answered by it. */
void seat_commit(struct client *client)
{
    while (client->inputs_carried != client->inputs_queued && client->inputs[client->inputs_carried % MAX_INPUTS].queued_ns < client->sent_ns)
        client->inputs_carried++;
}

void seat_surface_shown(struct surface *surface, u64 now)
{
    struct client *client = surface->object.client;
    u32 workload = client->group->workload;
    if ((workload != WORKLOAD_INPUT && workload != WORKLOAD_EDITOR) || client->failed)
        return;
    for (; client->inputs_shown != client->inputs_framed; client->inputs_shown++)
        trace_measure(M_INPUT_ROUND_TRIP, client->id, now - client->inputs[client->inputs_shown % MAX_INPUTS].scheduled_ns);
    if (client->input_started || surface != client->main)
        return;
    client->input_started = true;
    random_seed(&client->input_random, scenario()->seed, client->id, client->generation, 1);
    schedule(client, now);
}

void seat_surface_gone(struct surface *surface)
{
    struct client *client = surface->object.client;
    if (client->main != surface)
        return;
    client->main = NULL;
    client->pointer_inside = client->keyboard_inside = false;
    timed_cancel(&client->input);
}
