/* Entry points and system calls: the client program's assembly. */
#include "clients/syscall.h"

/* Entry to ring 3. The stack pointer is as after a call. */
__attribute__((naked, section(".text._start"), used)) void _start(void)
{
    __asm__("xor %ebp, %ebp\n\tand $-16, %rsp\n\tcall client_main\n\tud2");
}

/* Entry after an injected fault. */
__attribute__((naked, used)) void _struck(void)
{
    __asm__("xor %ebp, %ebp\n\tand $-16, %rsp\n\tcall client_struck\n\tud2");
}

i64 syscall(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    i64 result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

const struct client_config *config(void) { return (const struct client_config *)CLIENT_CONFIG; }
const struct image_event *config_events(void) { return (const struct image_event *)CLIENT_EVENTS; }
const u64 *think_table(void) { return (const u64 *)CLIENT_TABLES; }
const u64 *gap_table(void) { return (const u64 *)CLIENT_TABLES + QUANTILES; }

u64 clock_ns(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    u64 ticks = ((u64)high << 32 | low) - config()->epoch_tsc;
    return (u64)((unsigned __int128)ticks * config()->tsc_mult >> 32);
}

void client_exit(void)
{
    for (;;)
        syscall(SYS_EXIT, 0, 0, 0, 0, 0);
}

void client_give_up(void)
{
    for (;;)
        syscall(SYS_EXIT, 1, 0, 0, 0, 0);
}
