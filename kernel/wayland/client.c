/* A client from connect to disconnect: incoming batches, errors, outgoing events. */
#include "wayland/protocol.h"

static struct client *clients[MAX_CLIENTS];
static u32 connections[MAX_CLIENTS];           /* connections so far, by id: the next generation */
static struct list touched = LIST_EMPTY(touched); /* clients with events to flush, in order of first touch */

struct client *client_by_id(u32 id)
{
    return id < MAX_CLIENTS && clients[id] && !clients[id]->status.failed ? clients[id] : NULL;
}

/* ---- Outgoing ---- */

bool client_deaf(const struct client *client)
{
    return client->status.failed || client->status.closing || client->status.overflown;
}

void client_touch(struct client *client)
{
    if (list_empty(&client->outgoing.touched))
        list_append(&touched, &client->outgoing.touched);
}

void client_flush(struct client *client)
{
    struct outgoing *out = &client->outgoing;
    if (!out->bytes)
        return;
    struct handle *handle = out->handle.type == HANDLE_NONE ? NULL : &out->handle;
    bool queued = !client_deaf(client) &&
                  socket_queue(client->socket, out->data, out->bytes, out->events, out->motion, handle);
    if (!queued && handle)
        handle_drop(handle);
    out->handle = (struct handle){0};
    out->bytes = out->events = 0;
    out->motion = false;
    client->status.overflown = !queued;
}

/* A queue-write did not fit, or the client is gone. A client that is there and does not read is disconnected and
 * killed. */
static void handle_overflow(struct client *client)
{
    bool stuck = !client->status.failed && socket_is_open(client->socket);
    if (stuck && !detector_on(DETECTED_OVERFLOW)) {
        client->status.overflown = false;
        return;
    }
    if (stuck)
        failure_detected(client->id, DETECTED_OVERFLOW);
    client_drop(client);
    if (stuck)
        process_kill(client->id, END_KILLED);
}

void clients_flush(void)
{
    while (!list_empty(&touched)) {
        struct client *client = CONTAINER(touched.next, struct client, outgoing.touched);
        list_remove(&client->outgoing.touched);
        client_flush(client);
        if (client->status.overflown)
            handle_overflow(client);
    }
}

/* ---- Errors ---- */

/* Ends a drag in which the client takes part. Its windows stay until READY_CLOSED. */
void client_drop(struct client *client)
{
    if (client->status.failed)
        return;
    client->status.failed = true;
    agenda_cancel(&client->input.item);
    shell_resize_end(client);
    drag_client_failed(client);
    socket_disconnect(client->socket);
}

/* Only the first error of a batch counts. The client is dropped at the end of the batch, after this event is queued. */
void client_error(struct client *client, u32 object, u32 code, const char *message)
{
    if (client_deaf(client) || client->status.erring || !detector_on(DETECTED_PROTOCOL))
        return;
    failure_detected(client->id, DETECTED_PROTOCOL);
    event(client, 1, EVENT_DISPLAY_ERROR, object, code, message);
    client->status.erring = true;
    trace_measure(M_PROTOCOL_ERROR, client->id, code);
}

void object_error(const struct object *object, u32 code, const char *message)
{
    client_error(object->client, object->id, code, message);
}

void client_no_memory(struct client *client)
{
    client_error(client, 1, DISPLAY_NO_MEMORY, "no memory");
}

bool client_within(struct client *client, u32 has, u32 limit)
{
    if (!limit || has < limit || !detector_on(DETECTED_LIMIT))
        return true;
    failure_detected(client->id, DETECTED_LIMIT);
    client_no_memory(client);
    return false;
}

/* ---- Incoming ---- */

/* Takes the oldest handle that has not been taken by a request. false: there is none, and an error is sent. */
bool client_take_handle(struct client *client, struct handle *handle)
{
    if (!client->incoming.parked_count) {
        client_error(client, 1, DISPLAY_INVALID_METHOD, "handle missing");
        return false;
    }
    *handle = client->incoming.parked[0];
    client->incoming.parked_count--;
    memmove(client->incoming.parked, client->incoming.parked + 1, client->incoming.parked_count * sizeof *handle);
    return true;
}

static void park_handle(struct client *client, struct handle *handle)
{
    if (handle->type == HANDLE_NONE)
        return;
    if (client->incoming.parked_count < MAX_PARKED) {
        client->incoming.parked[client->incoming.parked_count++] = *handle;
    } else {
        handle_drop(handle);
        client_error(client, 1, DISPLAY_INVALID_METHOD, "handles without requests");
    }
}

static void handle_request(struct client *client, const u8 *message, u32 bytes)
{
    u32 opcode = wire_read(message + 4) & 0xffff, traced = opcode < 255 ? opcode : 255;
    struct object *object = object_find(client, wire_read(message));
    if (!object) {
        client_error(client, 1, DISPLAY_INVALID_OBJECT, "invalid object");
        trace_point(P_REQUEST, client->id, PACK(REQUEST_ID(0, traced), bytes));
        return;
    }
    u8 kind = object->interface;
    const struct interface *interface = &interfaces[kind];
    union argument arguments[MAX_ARGUMENTS];
    if (opcode >= interface->request_count || interface->requests[opcode].since > object->version)
        client_error(client, 1, DISPLAY_INVALID_METHOD, "invalid method");
    else if (wire_parse(client, message, bytes, &interface->requests[opcode], arguments))
        interface->requests[opcode].handle(client, object, arguments);
    u64 now = trace_point(P_REQUEST, client->id, PACK(REQUEST_ID(kind, traced), bytes));
    if (client->incoming.buffer_committed) {
        client->incoming.buffer_committed = false;
        trace_measure(M_BUFFER_COMMIT, client->id, now - client->incoming.sent_ns);
    }
}

/* Handles the complete requests in data; returns the bytes used. */
static u32 handle_requests(struct client *client, const u8 *data, u32 bytes)
{
    u32 used = 0;
    while (bytes - used >= 8 && !client->status.erring && !client_deaf(client)) {
        u32 size = wire_read(data + used + 4) >> 16;
        if (size < 8 || size % 4 || size > BATCH_BYTES) {
            client_error(client, 1, DISPLAY_INVALID_METHOD, "bad message size");
            return bytes; /* the start of the next message is unknown */
        }
        if (size > bytes - used)
            break;
        handle_request(client, data + used, size);
        used += size;
    }
    return used;
}

/* Keeps the rest of a batch, always less than one request, for the next one. */
static void keep_partial(struct client *client, const u8 *rest, u32 bytes)
{
    if (!client->incoming.partial && !(client->incoming.partial = kalloc(2 * BATCH_BYTES, "partial request"))) {
        client_no_memory(client);
        return;
    }
    memmove(client->incoming.partial, rest, bytes);
    client->incoming.partial_bytes = bytes;
}

static void handle_bytes(struct client *client, const u8 *data, u32 bytes)
{
    if (client->incoming.partial) {
        memcpy(client->incoming.partial + client->incoming.partial_bytes, data, bytes);
        data = client->incoming.partial;
        bytes += client->incoming.partial_bytes;
    }
    u32 used = handle_requests(client, data, bytes);
    if (client->status.erring || client_deaf(client))
        return;
    if (used < bytes) {
        keep_partial(client, data + used, bytes - used);
    } else if (client->incoming.partial) {
        kfree(client->incoming.partial);
        client->incoming.partial = NULL;
        client->incoming.partial_bytes = 0;
    }
}

void client_batch(struct client *client, struct batch *batch)
{
    if (client->status.failed) {
        handle_drop(&batch->handle);
        return;
    }
    client->incoming.sent_ns = batch->sent_ns;
    park_handle(client, &batch->handle);
    handle_bytes(client, batch->data, batch->bytes);
    clients_flush();
    if (client->status.erring)
        client_drop(client);
    clients_flush();
}

/* ---- Connect and disconnect ---- */

static void refuse(struct socket *socket)
{
    static const u32 no_memory[] = {1, 32u << 16, 1, DISPLAY_NO_MEMORY, 10, 0x6d206f6e, 0x726f6d65, 0x79};
    socket_queue(socket, no_memory, sizeof no_memory, 1, false, NULL);
    socket_disconnect(socket);
}

void client_connect(struct socket *socket)
{
    u32 id = socket_client(socket);
    KERNEL_ASSERT(id < MAX_CLIENTS, "client-id");
    struct client *client = kalloc(sizeof *client, "client");
    u32 generation = connections[id]++;
    counters.clients_connected++;
    if (!client) {
        refuse(socket);
        return;
    }
    client->socket = socket;
    client->id = id;
    client->generation = generation;
    client->group = scenario_group(id);
    list_init(&client->outgoing.touched);
    client->input.item = (struct agenda_item){.order = AGENDA_INPUT, .client = id, .context = client};
    client->transfer.drag = (struct agenda_item){.order = AGENDA_DRAG, .client = id, .context = client};
    client->resize.item = (struct agenda_item){.order = AGENDA_RESIZE, .client = id, .context = client};
    client->objects.display = (struct object){.id = 1, .interface = WL_DISPLAY, .version = 1, .client = client};
    client->objects.by_id = kalloc(32 * sizeof *client->objects.by_id, "object map");
    if (!client->objects.by_id) {
        kfree(client);
        refuse(socket);
        return;
    }
    client->objects.room = 32;
    client->objects.by_id[1] = &client->objects.display;
    client->objects.top = 2;
    clients[id] = client;
    socket_set_user(socket, client);
}

void client_closed(struct socket *socket)
{
    struct client *client = socket_user(socket);
    u32 id = socket_client(socket);
    if (client) {
        client->status.failed = client->status.closing = true;
        agenda_cancel(&client->input.item);
        shell_resize_end(client);
        drag_client_failed(client);
        objects_destroy(client);
        for (u32 i = 0; i < client->incoming.parked_count; i++)
            handle_drop(&client->incoming.parked[i]);
        if (clients[id] == client)
            clients[id] = NULL;
        kfree(client->incoming.partial);
        kfree(client);
        socket_set_user(socket, NULL);
    }
    counters.clients_closed++;
    integration_closed(id);
    trace_point(P_DISCONNECT, id, 0);
    socket_release(socket);
    clients_flush();
}

/* ---- Requests shared by all interfaces, and those of wl_display and wl_registry ---- */

HANDLER(request_ignored)
{
    (void)client, (void)object, (void)arguments;
}

HANDLER(request_destroy)
{
    (void)client, (void)arguments;
    object_destroy(object);
}

HANDLER(display_sync)
{
    (void)object;
    struct callback *callback = object_create(client, arguments[0].u, WL_CALLBACK, 1, sizeof *callback);
    if (!callback)
        return;
    list_init(&callback->link);
    counters.callbacks_made++;
    event(client, callback->object.id, EVENT_CALLBACK_DONE, next_serial());
    object_destroy(&callback->object);
}

HANDLER(display_get_registry)
{
    (void)object;
    if (!object_create(client, arguments[0].u, WL_REGISTRY, 1, sizeof(struct object)))
        return;
    for (u32 i = 0; i < GLOBALS; i++) {
        const char *name = interfaces[globals[i].interface].name;
        event(client, arguments[0].u, EVENT_REGISTRY_GLOBAL, i + 1, name, (u32)globals[i].version);
    }
}

static bool same(const char *a, const char *b)
{
    size_t bytes = strlen(a);
    return bytes == strlen(b) && !memcmp(a, b, bytes);
}

HANDLER(registry_bind)
{
    (void)object;
    u32 name = arguments[0].u, version = arguments[2].u;
    const struct global *global = &globals[name - 1];
    bool exists = name && name <= GLOBALS && same(arguments[1].s, interfaces[global->interface].name);
    if (!exists || !version || version > global->version) {
        object_error(object, DISPLAY_INVALID_OBJECT, "no such global");
        return;
    }
    struct object *bound = object_create(client, arguments[3].u, global->interface, (u8)version, global->bytes);
    if (bound && global->bound)
        global->bound(bound);
}
