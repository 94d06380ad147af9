/* Sockets between clients and the compositor: docs/explanation/compositor.md, "Sockets".
 * LOCK_KERNEL protects everything.
 *
 * Invariants: a socket is in the ready list exactly when it has an item for the compositor; a queue's bytes are the
 * payload bytes of its messages and never exceed the capacity; the process holds one reference and, once connected, the
 * compositor another. */
#include "ipc/socket.h"
#include "core/heap.h"
#include "core/process.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"

/* A singly linked queue, not a struct list: its messages leave at the front only, and a second pointer per message
 * would put some in a larger heap class. */
struct message { struct message *next; u64 time_ns; struct handle handle; u32 bytes; u8 data[]; };
struct queue { struct message *first, *last; u32 bytes; };

struct socket {
    u32 client, capacity, references;
    struct process *process;            /* NULL once gone */
    void *user;
    u64 connected_ns;
    struct queue to_compositor, to_client;
    u32 room_wanted;                    /* bytes that a blocked send waits for */
    struct message *motion;             /* the last message in to_client that is one pointer motion, or NULL */
    bool connected, connect_taken, closed, close_taken, disconnected;
    struct list ready;                  /* in ready_list while it has an item */
};

static struct list ready_list = LIST_EMPTY(ready_list);
static u32 live;
static bool started, compositor_waits;

/* ---- Queues ---- */

static void append(struct queue *queue, struct message *message)
{
    message->next = NULL;
    if (queue->first)
        queue->last->next = message;
    else
        queue->first = message;
    queue->last = message;
    queue->bytes += message->bytes;
}

static struct message *remove_first(struct queue *queue)
{
    struct message *message = queue->first;
    queue->first = message->next;
    queue->bytes -= message->bytes;
    return message;
}

static void discard(struct queue *queue)
{
    while (queue->first) {
        struct message *message = remove_first(queue);
        handle_drop(&message->handle);
        kfree(message);
    }
}

static struct message *message_new(u32 bytes, u64 time_ns)
{
    struct message *message = heap_alloc(sizeof *message + bytes, "message", false);
    if (message) {
        message->bytes = bytes;
        message->time_ns = time_ns;
        message->handle = (struct handle){ HANDLE_NONE, NULL };
    }
    return message;
}

/* ---- The compositor's ready list ---- */

static bool has_item(const struct socket *s)
{
    return (s->connected && !s->connect_taken) || s->to_compositor.first || (s->closed && !s->close_taken);
}

static void make_ready(struct socket *s)
{
    if (!list_empty(&s->ready) || !has_item(s))
        return;
    list_append(&ready_list, &s->ready);
    if (started && compositor_waits)
        thread_ready(&compositor_thread);
}

static struct socket *take_ready(void)
{
    struct socket *s = CONTAINER(ready_list.next, struct socket, ready);
    list_remove(&s->ready);
    return s;
}

static void take_batch(struct socket *s, struct batch *batch)
{
    struct message *message = remove_first(&s->to_compositor);
    batch->sent_ns = message->time_ns;
    batch->bytes = message->bytes;
    batch->handle = message->handle;
    memcpy(batch->data, message->data, message->bytes);
    kfree(message);
    if (s->capacity - s->to_compositor.bytes >= s->room_wanted)
        process_wake(s->process, &s->to_compositor);
}

static enum socket_ready take_item(struct socket *s, struct batch *batch)
{
    if (!s->connect_taken) {
        s->connect_taken = true;
        return READY_CONNECTED;
    }
    if (s->to_compositor.first) {
        take_batch(s, batch);
        return READY_BATCH;
    }
    s->close_taken = true;
    return READY_CLOSED;
}

/* The compositor's first wait lasts until the scenario starts. */
static void wait_for_start(void)
{
    compositor_waits = true;
    while (!started)
        thread_block(NEVER);
    compositor_waits = false;
}

enum socket_ready socket_wait(u64 deadline_ns, struct socket **socket, struct batch *batch)
{
    u64 flags = service_begin();
    enum socket_ready result = READY_DEADLINE;
    wait_for_start();
    while (list_empty(&ready_list) && clock_ns() < deadline_ns) {
        compositor_waits = true;
        thread_block(deadline_ns);
        compositor_waits = false;
    }
    if (!list_empty(&ready_list)) {
        *socket = take_ready();
        result = take_item(*socket, batch);
        make_ready(*socket);
    }
    service_end(flags);
    return result;
}

void socket_start(void)
{
    u64 flags = service_begin();
    started = true;
    thread_ready(&compositor_thread);
    service_end(flags);
}

bool socket_compositor_ready(void) { return compositor_waits; }

/* ---- The compositor's side ---- */

u32 socket_client(const struct socket *socket) { return socket->client; }
u64 socket_connected_ns(const struct socket *socket) { return socket->connected_ns; }
void socket_set_user(struct socket *socket, void *user) { socket->user = user; }
void *socket_user(const struct socket *socket) { return socket->user; }

/* In a queue more than half full, a motion replaces the last one if that has not been read. */
static bool coalesce(struct socket *s, const void *data, u32 bytes, u32 events)
{
    if (!s->motion || s->motion->bytes != bytes || s->to_client.bytes <= s->capacity / 2)
        return false;
    memcpy(s->motion->data, data, bytes);
    trace_point(P_EVENTS, s->client, QUEUED(bytes, events, lock_held_ns(LOCK_KERNEL)));
    return true;
}

bool socket_queue(struct socket *s, const void *data, u32 bytes, u32 events, bool motion, struct handle *handle)
{
    u64 flags = service_begin();
    struct message *message = NULL;
    if (motion && !s->closed && coalesce(s, data, bytes, events)) {
        service_end(flags);
        return true;
    }
    if (!s->closed && bytes && bytes <= BATCH_BYTES && bytes <= s->capacity - s->to_client.bytes)
        message = message_new(bytes, 0);
    if (message) {
        memcpy(message->data, data, bytes);
        if (handle)
            message->handle = *handle;
        append(&s->to_client, message);
        if (motion)
            s->motion = message;
        process_wake(s->process, &s->to_client);
        trace_wire(W_EVENTS, s->client, message->data, bytes);
        message->time_ns = trace_point(P_EVENTS, s->client, QUEUED(bytes, events, lock_held_ns(LOCK_KERNEL)));
    }
    service_end(flags);
    return message != NULL;
}

bool socket_is_open(const struct socket *s) { return !s->closed; }

void socket_disconnect(struct socket *s)
{
    u64 flags = service_begin();
    if (!s->closed) {
        s->closed = s->disconnected = true;
        discard(&s->to_compositor);
        make_ready(s);
        process_wake(s->process, &s->to_client);
        process_wake(s->process, &s->to_compositor);
    }
    service_end(flags);
}

static void drop_reference(struct socket *s)
{
    if (--s->references)
        return;
    discard(&s->to_compositor);
    discard(&s->to_client);
    kfree(s);
}

void socket_release(struct socket *s)
{
    u64 flags = service_begin();
    KERNEL_ASSERT(s->close_taken, "socket:released while open");
    live--;
    drop_reference(s);
    launcher_wake();
    service_end(flags);
}

u32 socket_live(void) { return live; }

/* ---- The client's side; called under LOCK_KERNEL ---- */

struct socket *socket_create(u32 client, u32 capacity)
{
    struct socket *s = kalloc(sizeof *s, "socket");
    if (s) {
        s->client = client;
        s->capacity = capacity;
        s->references = 1;
        list_init(&s->ready);
    }
    return s;
}

void socket_connect(struct socket *s, struct process *p, u64 now_ns)
{
    s->process = p;
    s->references++;
    live++;
    s->connected = true;
    s->connected_ns = now_ns;
    make_ready(s);
}

i64 socket_send(struct process *p, u64 buffer, u64 bytes, i64 handle, u64 sent_ns)
{
    struct socket *s = p->socket;
    struct handle *held = handle < 0 ? NULL : handle_find(p, (u64)handle, HANDLE_NONE);
    if (!bytes || bytes > BATCH_BYTES)
        return -E_INVALID;
    if (handle >= 0 && !held)
        return -E_BAD_HANDLE;
    while (!s->closed && bytes > s->capacity - s->to_compositor.bytes) {
        s->room_wanted = (u32)bytes;
        process_wait(p, &s->to_compositor, NEVER);
    }
    if (s->closed)
        return -E_CLOSED;
    struct message *message = message_new((u32)bytes, sent_ns);
    if (!message)
        return -E_NO_MEMORY;
    if (!copy_in(&p->space, message->data, buffer, bytes)) {
        kfree(message);
        return -E_BAD_ADDRESS;
    }
    if (held)
        message->handle = handle_duplicate(held);
    append(&s->to_compositor, message);
    trace_wire(W_REQUESTS, s->client, message->data, (u32)bytes);
    make_ready(s);
    return (i64)bytes;
}

/* Copies whole writes from the queue, up to one that does not fit or one with a handle. Returns their number. */
static u32 copy_writes(struct process *p, u64 buffer, u64 capacity, u64 *bytes, struct handle *handle)
{
    u32 writes = 0;
    *bytes = 0;
    for (struct message *m = p->socket->to_client.first; m && *bytes + m->bytes <= capacity; m = m->next) {
        copy_out(&p->space, buffer + *bytes, m->data, m->bytes);
        *bytes += m->bytes;
        writes++;
        if (m->handle.type != HANDLE_NONE) {
            *handle = m->handle;
            break;
        }
    }
    return writes;
}

static void retire_writes(struct socket *s, u32 writes, u64 now)
{
    for (; writes; writes--) {
        struct message *message = remove_first(&s->to_client);
        if (s->motion == message)
            s->motion = NULL;
        trace_measure(M_EVENT_DELIVERY, s->client, now - message->time_ns);
        kfree(message);
    }
}

i64 socket_receive(struct process *p, u64 buffer, u64 capacity, u64 deadline_ns, u64 handle_address)
{
    struct socket *s = p->socket;
    while (!s->to_client.first) {
        if (s->closed)
            return -E_CLOSED;
        if (clock_ns() >= deadline_ns) {
            trace_point(P_WAKE, 0, 0);
            return 0;
        }
        process_wait(p, &s->to_client, deadline_ns);
    }
    u64 bytes = capacity < s->to_client.bytes ? capacity : s->to_client.bytes;
    if (s->to_client.first->bytes > capacity)
        return -E_INVALID;
    if (!user_range(&p->space, buffer, bytes, true) || !user_range(&p->space, handle_address, sizeof(i32), true))
        return -E_BAD_ADDRESS;
    struct handle handle = { HANDLE_NONE, NULL };
    u32 writes = copy_writes(p, buffer, capacity, &bytes, &handle);
    i32 index = handle.type == HANDLE_NONE ? -1 : handle_install(p, handle);
    copy_out(&p->space, handle_address, &index, sizeof index);
    retire_writes(s, writes, trace_point(P_RECEIVE, writes, bytes));
    return (i64)bytes;
}

void socket_client_gone(struct socket *s)
{
    s->process = NULL;
    s->closed = true;
    if (s->connected) /* else the compositor does not know it and holds no reference */
        make_ready(s);
    drop_reference(s);
}

bool socket_is_receiving(const struct process *p) { return p->waits_for == &p->socket->to_client; }
bool socket_is_connected(const struct socket *s) { return s->connected; }
bool socket_disconnected(const struct socket *s) { return s->disconnected; }
