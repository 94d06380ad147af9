/* What a client does once a fault has struck it: it goes on here, from whatever it was in the middle of. */
#include "client.h"

static void crash(u32 variant)
{
    if (variant == 0)
        *(volatile u32 *)0 = 1;
    __asm__ volatile("ud2");
}

/* From the last byte of its window's buffer on, or where it has none yet, from its stack downwards. */
static void overrun(void)
{
    u64 bytes = (u64)config()->surface_width * config()->surface_height * 4 * windows[0].buffer_count;
    volatile u8 *at = windows[0].pixels ? (volatile u8 *)windows[0].pixels + bytes - 1 : (volatile u8 *)CLIENT_STACK_TOP - 1;
    for (i64 step = windows[0].pixels ? 1 : -1;; at += step)
        *at = 0xa5;
}

void client_struck(void)
{
    u32 kind = config()->fault >> 4, variant = config()->fault & 15;
    switch (kind) {
    case FAULT_CLIENT_CRASH: crash(variant); break;
    case FAULT_MEMORY_CORRUPTION: overrun(); break;
    }
    client_exit();
}
