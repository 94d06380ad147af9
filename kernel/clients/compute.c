/* Not a client of the compositor at all: computes until its time is over. Background load.
 *
 * Where processors take turns on one clock (QEMU with icount), a turn ends at a `pause`, so there is one now and then. A turn
 * that lasts up to a timer's deadline would cost the next processor its own. */
#include "syscall.h"
#include "compute.h"

static void compute_pause(void) { __asm__ volatile("pause"); }

#define ROUND_NS 16 /* longer than any takes */

static u64 scramble(u64 x, u32 rounds)
{
    for (u32 i = 0; i < rounds; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* It looks at the clock the more often the nearer the end of the turn is: so a turn is as long as it should be, and the clock
 * is read some dozen times in it. QEMU's is behind a spinlock (where processors run at once): one that loses its core while it
 * has that makes all others burn theirs. */
void compute(void)
{
    u64 x = config()->id + 1;
    for (u64 now; (now = clock_ns()) < config()->end_ns; compute_pause())
        for (u64 until = now + COMPUTE_TURN_NS; now < until; now = clock_ns())
            x = scramble(x, until - now > 100 * ROUND_NS ? (u32)((until - now) / ROUND_NS) : 5);
    client_exit();
}
