/* The client's part of an injected fault: the thread continues here, whatever it was doing. */
#include "clients/client.h"
#include "clients/hostile.h"

enum { CHUNK_BYTES = 1 << 20, TRIES = 64 };
static const u64 hold_ns = 2000000;            /* between the two locks of a deadlock */

static void crash(u32 variant)
{
    if (variant == 0)
        *(volatile u32 *)0 = 1;
    __asm__ volatile("ud2");
}

/* Writes from the last byte of its window's buffer upwards or, without a buffer, from its stack downwards. */
static void overrun(void)
{
    u64 bytes = (u64)config()->surface_width * config()->surface_height * 4 * windows[0].buffer_count;
    volatile u8 *buffer = (volatile u8 *)windows[0].pixels, *stack = (volatile u8 *)CLIENT_STACK_TOP;
    volatile u8 *at = buffer ? buffer + bytes - 1 : stack - 1;
    for (i64 step = windows[0].pixels ? 1 : -1;; at += step)
        *at = 0xa5;
}

/* No other process holds the write end: the read blocks for ever. */
[[noreturn]] static void stop(void)
{
    i32 ends[2];
    for (;;)
        if (syscall(SYS_PIPE, (u64)ends, 0, 0, 0, 0) >= 0)
            syscall(SYS_PIPE_READ, (u64)ends[0], (u64)ends, sizeof ends, 0, 0);
}

static i32 share(u32 bytes)
{
    u64 address;
    return (i32)syscall(SYS_SHM_CREATE, bytes, (u64)&address, 0, 0, 0);
}

/* Takes shared memory until it is refused, then creates a pool larger than the last handle's memory. */
static void exhaust_memory(void)
{
    i32 last = windows[0].buffer_count ? windows[0].shm : -1, next = 0;
    for (u32 n = 0; n < MAX_HANDLES && (next = share(CHUNK_BYTES)) >= 0; n++)
        last = next;
    if (next != -E_NO_MEMORY)
        return;
    request(globals.shm, SHM_CREATE_POOL, "uu", id_new(), 0x7fffffff);
    batch_send(TAG_EXHAUST, last);
    client_await_end(ANSWER_NS);
}

static void exhaust_objects(bool pools)
{
    i32 handle = pools ? share(4096) : -1;
    for (u32 n = 0; n < TRIES && !connection_closed; n++) {
        if (pools)
            request(globals.shm, SHM_CREATE_POOL, "uu", id_new(), 4096);
        else
            request(globals.compositor, COMPOSITOR_CREATE_SURFACE, "u", id_new());
        batch_send(TAG_EXHAUST, handle);
        client_await_end(0);
    }
    client_await_end(ANSWER_NS);
}

/* Two clients lock the same two mutexes in opposite order. */
static void lock_both(u32 first, u32 second)
{
    syscall(SYS_MUTEX_LOCK, first, 0, 0, 0, 0);
    client_serve_until(clock_ns() + hold_ns);
    syscall(SYS_MUTEX_LOCK, second, 0, 0, 0, 0);
    syscall(SYS_MUTEX_UNLOCK, second, 0, 0, 0, 0);
    syscall(SYS_MUTEX_UNLOCK, first, 0, 0, 0, 0);
}

void client_struck(void)
{
    u32 kind = config()->fault >> 4 & 15, variant = config()->fault & 15;
    u32 pair = (config()->fault >> 16) * 2 % MAX_MUTEXES;
    batch_discard();
    switch (kind) {
    case FAULT_CLIENT_CRASH: crash(variant); break;
    case FAULT_MEMORY_CORRUPTION: overrun(); break;
    case FAULT_BUFFER_EXHAUSTION:
        if (variant == 0)
            exhaust_memory();
        else
            exhaust_objects(variant == 2);
        break;
    case FAULT_HOSTILE_CLIENT: hostile_main(); break;
    case FAULT_DEADLOCK:
        lock_both(pair + variant, pair + !variant);
        client_loop();
    }
    if (connection_closed)
        client_exit();
    stop();
}
