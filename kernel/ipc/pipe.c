/* Pipes of PIPE_BYTES: at most one blocked reader and one blocked writer. Under LOCK_KERNEL. */
#include "ipc/pipe.h"
#include "core/heap.h"
#include "core/process.h"
#include "experiment/integration.h"
#include "experiment/planted.h"

struct pipe {
    u32 readers, writers;               /* references to each end */
    u32 head, used;                     /* data[head ...], cyclic */
    struct process *waiting[2];         /* blocked in read, in write; at most one each, so no list */
    u8 *data;
};

struct pipe *pipe_create(void)
{
    struct pipe *pipe = kalloc(sizeof *pipe, "pipe");
    u8 *data = page_alloc();
    if (pipe && data) {
        *pipe = (struct pipe){ .readers = 1, .writers = 1, .data = data };
        return pipe;
    }
    kfree(pipe);
    if (data)
        page_free(data);
    return NULL;
}

static void wake(struct pipe *pipe, bool writer)
{
    process_wake(pipe->waiting[writer], pipe);
}

void pipe_reference(struct pipe *pipe, bool write_end)
{
    u64 flags = service_begin();
    ++*(write_end ? &pipe->writers : &pipe->readers);
    service_end(flags);
}

void pipe_release(struct pipe *pipe, bool write_end)
{
    u64 flags = service_begin();
    u32 *references = write_end ? &pipe->writers : &pipe->readers;
    KERNEL_ASSERT(*references, "pipe:released twice");
    if (!--*references)
        wake(pipe, !write_end);
    if (!pipe->readers && !pipe->writers) {
        counters.pipe_dropped += pipe->used;
        page_free(pipe->data);
        kfree(pipe);
    }
    service_end(flags);
}

void pipe_forget(struct pipe *pipe, const struct process *p)
{
    for (u32 i = 0; i < 2; i++)
        if (pipe->waiting[i] == p)
            pipe->waiting[i] = NULL;
}

static bool wait(struct process *p, struct pipe *pipe, bool writer)
{
    if (pipe->waiting[writer])
        return false;
    pipe->waiting[writer] = p;
    process_wait(p, pipe, NEVER);
    pipe->waiting[writer] = NULL;
    return true;
}

i64 pipe_read(struct process *p, struct pipe *pipe, u64 buffer, u64 bytes)
{
    while (!pipe->used) {
        if (!pipe->writers)
            return 0;
        planted_window(PROVOKE_LOST_WAKEUP);
        if (!wait(p, pipe, false))
            return -E_INVALID;
    }
    u64 n = bytes < pipe->used ? bytes : pipe->used;
    if (!user_range(&p->space, buffer, n, true))
        return -E_BAD_ADDRESS;
    for (u64 done = 0, part; done < n; done += part) {
        part = PIPE_BYTES - pipe->head < n - done ? PIPE_BYTES - pipe->head : n - done;
        copy_out(&p->space, buffer + done, pipe->data + pipe->head, part);
        pipe->head = (pipe->head + (u32)part) % PIPE_BYTES;
    }
    pipe->used -= (u32)n;
    counters.pipe_out += n;
    wake(pipe, true);
    return (i64)n;
}

i64 pipe_write(struct process *p, struct pipe *pipe, u64 buffer, u64 bytes)
{
    if (!user_range(&p->space, buffer, bytes, false))
        return -E_BAD_ADDRESS;
    for (u64 done = 0, part; done < bytes; done += part) {
        while (pipe->readers && pipe->used == PIPE_BYTES)
            if (!wait(p, pipe, true))
                return -E_INVALID;
        if (!pipe->readers)
            return done ? (i64)done : -E_CLOSED;
        u32 at = (pipe->head + pipe->used) % PIPE_BYTES, room = PIPE_BYTES - pipe->used;
        room = room < PIPE_BYTES - at ? room : PIPE_BYTES - at;
        part = bytes - done < room ? bytes - done : room;
        copy_in(&p->space, pipe->data + at, buffer + done, part);
        pipe->used += (u32)part;
        u64 before = counters.pipe_in;
        planted_window(PROVOKE_RACE);
        counters.pipe_in = before + part;
        wake(pipe, false);
    }
    return (i64)bytes;
}
