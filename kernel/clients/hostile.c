/* A hostile client, driven by a random stream: system calls with wild arguments, unusual but valid requests, then
 * invalid messages until it is disconnected. */
#include "clients/client.h"
#include "clients/hostile.h"

static struct random dice;

static u32 any(void) { return random_next(&dice); }
static u32 below(u32 limit) { return (u32)((u64)any() * limit >> 32); }

/* An address that is never a valid buffer: the kernel's, not mapped, not canonical, read-only, or at the very end. */
static u64 wild_address(void)
{
    static const u64 bases[] = { 0, 0xffff800000000000, 0xffffffff80000000, 0x8000000000000000, 0x7fffffffffff,
                                 CLIENT_STACK_TOP, 0x30000000000 };
    return bases[below(sizeof bases / sizeof *bases)] + below(4096);
}

static u64 wild(void)
{
    switch (below(4)) {
    case 0: return wild_address();
    case 1: return below(64);
    case 2: return (u64)any() << 32 | any();
    default: return ~(u64)below(64);
    }
}

/* Not one that may validly block for ever, nor one that ends the client. */
static void wild_call(void)
{
    static const u8 calls[] = { SYS_SEND, SYS_RECEIVE, SYS_SHM_CREATE, SYS_SHM_DESTROY, SYS_PIPE, SYS_PIPE_READ,
                                SYS_PIPE_WRITE, SYS_MUTEX_UNLOCK };
    u32 number = below(3) ? calls[below(sizeof calls)] : 64 + below(1u << 30);
    u64 size = below(2) ? wild() : 64;
    switch (number) {
    case SYS_RECEIVE: syscall(number, wild_address(), size, 0, wild_address(), 0); break;
    case SYS_SHM_CREATE: syscall(number, below(2) ? 0 : ~(u64)any(), wild_address(), 0, 0, 0); break;
    case SYS_SHM_DESTROY: syscall(number, MAX_HANDLES + wild(), 0, 0, 0, 0); break;
    case SYS_PIPE: syscall(number, wild_address(), 0, 0, 0, 0); break;
    case SYS_SEND: syscall(number, wild_address(), size, wild(), TAG_HOSTILE, 0); break;
    default: syscall(number, wild(), wild_address(), size, wild(), wild()); break;
    }
}

static void odd_request(u32 n)
{
    char title[24];
    u32 surface = windows[0].surface;
    switch (n % 3) {
    case 0:
        request(surface, SURFACE_DAMAGE, "uuuu", any(), any(), any(), any());
        break;
    case 1:
        for (u32 i = 0; i < sizeof title; i++)
            title[i] = (char)(1 + below(255));
        title[sizeof title - 1] = 0;
        request(windows[0].toplevel, TOPLEVEL_SET_TITLE, "s", title);
        break;
    default:
        request(globals.wm_base, WM_BASE_PONG, "u", any());
    }
}

/* One message that the compositor must refuse. */
static void poison(void)
{
    u32 surface = windows[0].surface;
    switch (below(8)) {
    case 0: request_raw(0x10000 + (any() >> 1), 8u << 16); break;                  /* no such object */
    case 1: request_raw(surface, 8u << 16 | (99 + below(60000))); break;           /* no such request */
    case 2: request_raw(surface, (BATCH_BYTES + 4 + (any() & 0xf000)) << 16); break;/* longer than any message */
    case 3: request_raw(surface, (below(8) << 16) | below(4)); break;              /* shorter than its header */
    case 4: request(globals.compositor, COMPOSITOR_CREATE_SURFACE, "u", 0x100000 + (any() >> 1)); break;
    case 5: request(globals.shm, SHM_CREATE_POOL, "uu", id_new(), any()); break;   /* without its handle */
    case 6: request(windows[0].toplevel, TOPLEVEL_SET_TITLE, "u", 0x1000 + any() / 2); break; /* an endless string */
    default: request_noise(any, 16 + below(48)); break;                            /* random bytes */
    }
}

void hostile_main(void)
{
    random_seed(&dice, config()->seed, config()->id, config()->generation, STREAM_HOSTILE);
    batch_discard();
    for (u32 n = 0; n < HOSTILE_CALLS; n++)
        wild_call();
    for (u32 n = 0; n < HOSTILE_MESSAGES - 1 && windows[0].surface; n++)
        odd_request(n);
    batch_send(TAG_HOSTILE, -1);
    for (u32 n = 0; n < HOSTILE_TRIES && !connection_closed; n++) {
        poison();
        batch_send(TAG_POISON, -1);
        client_await_end(ANSWER_NS);
    }
}
