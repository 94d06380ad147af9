/* Not a client of the compositor at all: computes until its time is over. Background load.
 *
 * Where processors take turns on one clock (QEMU with icount), a turn ends at a `pause`, so there is one now and then. A turn
 * that lasts up to a timer's deadline would cost the next processor its own. */
#include "syscall.h"
#include "compute.h"

static void compute_pause(void) { __asm__ volatile("pause"); }

void compute(void)
{
    u64 x = config()->id + 1;
    for (u64 now; (now = clock_ns()) < config()->end_ns; compute_pause())
        while (clock_ns() < now + COMPUTE_TURN_NS)
            for (u32 i = 0; i < 100; i++) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                __asm__ volatile("" : "+r"(x));
            }
    client_exit();
}
