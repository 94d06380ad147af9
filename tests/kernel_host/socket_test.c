/* A socket whose ends close in any order: neither end uses it after it is freed. Freed memory is kept, and overwritten.
 * */
#include "core/heap.h"
#include "core/process.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"
#include "ipc/socket.h"
#include "host.h"

struct object { struct object *next; size_t bytes; bool freed; alignas(16) u8 content[]; };

struct thread compositor_thread;
static struct object *objects;
static struct process process;
static struct batch batch;

void *heap_alloc(size_t bytes, const char *owner, bool zero)
{
    (void)owner, (void)zero;
    struct object *object = calloc(1, sizeof *object + bytes);
    *object = (struct object){ .next = objects, .bytes = bytes };
    objects = object;
    return object->content;
}

void *kalloc(size_t bytes, const char *owner) { return heap_alloc(bytes, owner, true); }

static struct object *object_of(void *content)
{
    return (struct object *)((u8 *)content - offsetof(struct object, content));
}

void kfree(void *content)
{
    CHECK(!object_of(content)->freed);
    object_of(content)->freed = true;
    memset(content, 0xa5, object_of(content)->bytes);
}

/* All objects are freed, and unchanged since. */
static void everything_is_freed(void)
{
    for (struct object *object = objects; object; object = object->next) {
        CHECK(object->freed);
        for (size_t i = 0; i < object->bytes; i++)
            CHECK(object->content[i] == 0xa5);
    }
}

u64 clock_ns(void) { return 1; }
void thread_ready(struct thread *t) { CHECK(t == &compositor_thread); }
bool thread_block(u64 deadline_ns) { (void)deadline_ns; CHECK(!"no call blocks in this test"); return false; }
void launcher_wake(void) {}
bool process_wait(struct process *p, const void *what, u64 deadline_ns)
{
    (void)p, (void)what, (void)deadline_ns;
    CHECK(!"no call blocks in this test");
    return false;
}
void process_wake(struct process *p, const void *what) { (void)p, (void)what; }
void trace_wire(enum trace_kind kind, u32 client, const u8 *data, u32 bytes)
{
    (void)kind, (void)client, (void)data, (void)bytes;
}
struct handle *handle_find(struct process *p, u64 index, int type) { (void)p, (void)index, (void)type; return NULL; }
struct handle handle_duplicate(const struct handle *handle) { return *handle; }
int handle_install(struct process *p, struct handle handle) { (void)p, (void)handle; return 0; }
void handle_drop(struct handle *handle) { (void)handle; }
bool user_range(struct space *space, u64 address, u64 bytes, bool write)
{
    return (void)space, (void)address, (void)bytes, (void)write, true;
}
bool copy_in(struct space *space, void *to, u64 from, u64 bytes)
{
    return (void)space, memcpy(to, (void *)from, bytes), true;
}
bool copy_out(struct space *space, u64 to, const void *from, u64 bytes)
{
    return (void)space, memcpy((void *)to, from, bytes), true;
}

static enum socket_ready next(struct socket **socket) { return socket_wait(0, socket, &batch); }

static struct socket *create(void)
{
    struct socket *socket = socket_create(7, BATCH_BYTES);
    CHECK(socket);
    process.socket = socket;
    return socket;
}

static void a_client_that_dies_before_it_connects_is_never_heard_of(void)
{
    struct socket *socket = NULL;
    socket_client_gone(create());
    CHECK(next(&socket) == READY_DEADLINE && !socket_live());
    everything_is_freed();
}

static void a_client_that_dies_connected_is_heard_to_the_end(void)
{
    struct socket *socket = create(), *heard = NULL;
    char request[] = "request";
    socket_connect(socket, &process, 1);
    CHECK(socket_send(&process, (u64)request, sizeof request, -1, 1) == sizeof request);
    socket_client_gone(socket);
    CHECK(next(&heard) == READY_CONNECTED && heard == socket);
    CHECK(next(&heard) == READY_BATCH && heard == socket && !memcmp(batch.data, request, sizeof request));
    CHECK(next(&heard) == READY_CLOSED && heard == socket && socket_live() == 1);
    CHECK(next(&heard) == READY_DEADLINE);
    socket_release(socket);
    CHECK(!socket_live());
    everything_is_freed();
}

static void a_client_may_outlive_its_connection(void)
{
    struct socket *socket = create(), *heard = NULL;
    char buffer[64];
    i32 handle;
    socket_connect(socket, &process, 1);
    socket_disconnect(socket);
    CHECK(next(&heard) == READY_CONNECTED && next(&heard) == READY_CLOSED);
    socket_release(socket);
    CHECK(socket_receive(&process, (u64)buffer, sizeof buffer, NEVER, (u64)&handle) == -E_CLOSED);
    socket_client_gone(socket);
    CHECK(next(&heard) == READY_DEADLINE);
    everything_is_freed();
}

int main(void)
{
    socket_start();
    a_client_that_dies_before_it_connects_is_never_heard_of();
    a_client_that_dies_connected_is_heard_to_the_end();
    a_client_may_outlive_its_connection();
    puts("ok");
}
