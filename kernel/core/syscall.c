/* System calls (abi.h). LOCK_KERNEL is held from entry to return; a call that blocks switches to another thread inside.
 * What a blocked call holds must belong to its process: a killed process never returns from the call. */
#include "core/process.h"
#include "experiment/trace.h"
#include "ipc/mutex.h"
#include "ipc/pipe.h"
#include "ipc/shm.h"
#include "ipc/socket.h"
#include "store/disk.h"

/* The lowest free address for a mapping of that size, with a free page between any two mappings. 0: none. */
static u64 shm_place(const struct process *p, u64 bytes)
{
    u64 at = CLIENT_SHM, limit = CLIENT_MEMORY;
    for (u32 i = 0; i < MAX_HANDLES; i++) {
        if (!p->shm_address[i])
            continue;
        u64 end = p->shm_address[i] + pages_for(shm_bytes(p->handles[i].object)) * PAGE_BYTES;
        if (at + bytes + PAGE_BYTES <= p->shm_address[i] || at >= end + PAGE_BYTES)
            continue;
        at = end + PAGE_BYTES;
        i = (u32)-1; /* start again from there */
    }
    return at + bytes <= limit ? at : 0;
}

static void unmap(struct process *p, u64 index)
{
    if (p->shm_address[index])
        space_unmap(&p->space, p->shm_address[index], pages_for(shm_bytes(p->handles[index].object)));
    p->shm_address[index] = 0;
}

static i64 sys_shm_create(struct process *p, u64 bytes, u64 address_out)
{
    if (!user_range(&p->space, address_out, sizeof(u64), true))
        return -E_BAD_ADDRESS;
    struct shm *shm = shm_create(bytes, p->client);
    if (!shm)
        return bytes ? -E_NO_MEMORY : -E_INVALID;
    u64 address = shm_place(p, bytes), pages = pages_for(bytes);
    int index = handle_install(p, (struct handle){ HANDLE_SHM, shm });
    if (index < 0)
        return index;
    p->shm_address[index] = address;
    for (u64 i = 0, flags = MAP_WRITE | MAP_SHARED | MAP_NX; i < pages; i++) {
        if (address && space_map(&p->space, address + i * PAGE_BYTES, shm_page(shm, i), flags))
            continue;
        unmap(p, (u64)index);
        handle_drop(&p->handles[index]);
        return -E_NO_MEMORY;
    }
    copy_out(&p->space, address_out, &address, sizeof address);
    trace_point(P_SHM, (u32)index, pages);
    return index;
}

static i64 sys_shm_destroy(struct process *p, u64 index)
{
    struct handle *handle = handle_find(p, index, HANDLE_SHM);
    if (!handle)
        return -E_BAD_HANDLE;
    u64 pages = pages_for(shm_bytes(handle->object));
    unmap(p, index);
    handle_drop(handle);
    trace_point(P_SHM_FREE, (u32)index, pages);
    return 0;
}

static i64 sys_send(struct process *p, u64 buffer, u64 bytes, u64 handle, u64 tag, u64 drawn)
{
    if (!p->socket)
        return -E_CLOSED;
    u64 sent_ns = trace_point(P_ENTER, (u32)tag, drawn);
    i64 result = socket_send(p, buffer, bytes, (i32)handle, sent_ns);
    if (result < 0)
        return result;
    trace_point(P_SEND, (u32)tag, bytes);
    return 0;
}

static i64 sys_pipe(struct process *p, u64 handles_out)
{
    i32 handles[2];
    if (!user_range(&p->space, handles_out, sizeof handles, true))
        return -E_BAD_ADDRESS;
    struct pipe *pipe = pipe_create();
    if (!pipe)
        return -E_NO_MEMORY;
    handles[0] = handle_install(p, (struct handle){ HANDLE_PIPE_READ, pipe });
    if (handles[0] < 0) {
        pipe_release(pipe, true);
        return handles[0];
    }
    handles[1] = handle_install(p, (struct handle){ HANDLE_PIPE_WRITE, pipe });
    if (handles[1] < 0) {
        handle_drop(&p->handles[handles[0]]);
        return handles[1];
    }
    copy_out(&p->space, handles_out, handles, sizeof handles);
    trace_point(P_PIPE, 0, 0);
    return 0;
}

static i64 sys_pipe_io(struct process *p, u64 index, u64 buffer, u64 bytes, bool write)
{
    struct handle *handle = handle_find(p, index, write ? HANDLE_PIPE_WRITE : HANDLE_PIPE_READ);
    if (!handle)
        return -E_BAD_HANDLE;
    i64 result = write ? pipe_write(p, handle->object, buffer, bytes) : pipe_read(p, handle->object, buffer, bytes);
    trace_point(P_PIPE_IO, write, result < 0 ? 0 : (u64)result);
    return result;
}

static i64 sys_close(struct process *p, u64 index)
{
    struct handle *handle = handle_find(p, index, HANDLE_NONE);
    if (!handle)
        return -E_BAD_HANDLE;
    unmap(p, index);
    handle_drop(handle);
    trace_point(P_PIPE_IO, 2, 0);
    return 0;
}

static void memory_unmap(struct process *p, u64 pages)
{
    for (u64 i = 0; i < pages; i++)
        space_free(&p->space, CLIENT_MEMORY + --p->memory_pages * PAGE_BYTES);
}

/* Takes pages one by one. A page out of the kernel's reserve is refused as if memory were exhausted. */
static i64 sys_memory(struct process *p, i64 pages)
{
    u64 room = (USER_END - CLIENT_MEMORY) / PAGE_BYTES - p->memory_pages;
    if (pages < 0 ? (u64)-pages > p->memory_pages : (u64)pages > room)
        return -E_INVALID;
    if (pages < 0)
        memory_unmap(p, (u64)-pages);
    for (i64 i = 0; i < pages; i++) {
        void *page = page_alloc();
        u64 at = CLIENT_MEMORY + p->memory_pages * PAGE_BYTES;
        if (page && !page_short() && space_map(&p->space, at, direct_physical(page), MAP_WRITE | MAP_NX)) {
            p->memory_pages++;
            continue;
        }
        if (page)
            page_free(page);
        memory_unmap(p, (u64)i);
        trace_measure(M_REFUSED, p->client, p->memory_pages);
        trace_point(P_MEMORY, 2, (u64)i);
        return -E_NO_MEMORY;
    }
    trace_point(P_MEMORY, pages < 0, (u64)(pages < 0 ? -pages : pages));
    return (i64)p->memory_pages;
}

static i64 call(struct process *p, u64 number, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    switch (number) {
    case SYS_EXIT: process_exit(a ? END_REFUSED : END_LEFT);
    case SYS_SEND: return sys_send(p, a, b, c, d, e);
    case SYS_RECEIVE: return !p->socket ? -E_CLOSED : socket_receive(p, a, b, c, d);
    case SYS_SHM_CREATE: return sys_shm_create(p, a, b);
    case SYS_SHM_DESTROY: return sys_shm_destroy(p, a);
    case SYS_PIPE: return sys_pipe(p, a);
    case SYS_PIPE_READ: return sys_pipe_io(p, a, b, c, false);
    case SYS_PIPE_WRITE: return sys_pipe_io(p, a, b, c, true);
    case SYS_CLOSE: return sys_close(p, a);
    case SYS_YIELD: thread_yield(); return 0;
    case SYS_MUTEX_LOCK: return mutex_lock(p, a);
    case SYS_MUTEX_UNLOCK: return mutex_unlock(p, a);
    case SYS_SLEEP: process_wait(p, NULL, a); return 0;
    case SYS_PUT: return sys_put(p, a, b, c);
    case SYS_GET: return sys_get(p, a, b, c);
    case SYS_DELETE: return sys_delete(p, a);
    case SYS_FLUSH: return sys_flush(p, a);
    case SYS_MEMORY: return sys_memory(p, (i64)a);
    default: return -E_NO_CALL;
    }
}

/* Called by entry.S, in the order of its registers. */
i64 syscall(u64 a, u64 b, u64 c, u64 d, u64 e, u64 number);
i64 syscall(u64 a, u64 b, u64 c, u64 d, u64 e, u64 number)
{
    kernel_enter();
    i64 result = call(current_thread()->process, number, a, b, c, d, e);
    if (this_cpu()->resched)
        sched_preempt();
    kernel_leave();
    return result;
}
