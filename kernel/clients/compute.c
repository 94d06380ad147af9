/* Not a client of the compositor at all: computes until its time is over. Background load.
 *
 * Where processors take turns on one clock (QEMU with icount), a turn ends at a `pause`, so there is one now and then. A turn
 * that lasts up to a timer's deadline would cost the next processor its own. */
#include "clients/syscall.h"
#include "clients/compute.h"

#define LEAST_ROUNDS 5

static void compute_pause(void) { __asm__ volatile("pause"); }

static u64 scramble(u64 x, u32 rounds)
{
    for (u32 i = 0; i < rounds; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* Reads the clock seldom, for QEMU's is behind a spinlock (where processors run at once): one that loses its core while it has
 * that makes all others burn theirs. Half of what is left of a turn is computed in one go, as fast as it went before, then half
 * of the rest: so a turn is as long as it should be. */
void compute(void)
{
    u64 x = config()->id + 1, rounds = LEAST_ROUNDS, took = 0;
    for (u64 now; (now = clock_ns()) < config()->end_ns; compute_pause())
        for (u64 until = now + COMPUTE_TURN_NS, before; now < until; took = now - before) {
            if (took)
                rounds = rounds * (until - now) / (2 * took);
            if (rounds < LEAST_ROUNDS)
                rounds = LEAST_ROUNDS;
            x = scramble(x, (u32)rounds);
            before = now, now = clock_ns();
        }
    client_exit();
}
