/* A computing process: background load, no client of the compositor.
 *
 * Where CPUs take turns on one clock (QEMU with icount), a turn ends at a `pause`, so each computing turn ends with
 * one. A turn up to a timer's deadline would cost the next CPU its turn. */
#include "clients/syscall.h"
#include "clients/compute.h"

#define MIN_ROUNDS 5

static void compute_pause(void) { __asm__ volatile("pause"); }

static u64 scramble(u64 x, u32 rounds)
{
    for (u32 i = 0; i < rounds; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* Reads the clock rarely: QEMU's clock is behind a spinlock with MTTCG, and a vCPU that loses its core while it holds
 * that lock makes all others spin. Each stretch is half of what is left of the turn, at the measured speed, so that the
 * turn has the right length. */
void compute(void)
{
    u64 x = config()->id + 1, rounds = MIN_ROUNDS, took = 0;
    for (u64 now; (now = clock_ns()) < config()->end_ns; compute_pause())
        for (u64 until = now + COMPUTE_TURN_NS, before; now < until; took = now - before) {
            if (took)
                rounds = rounds * (until - now) / (2 * took);
            if (rounds < MIN_ROUNDS)
                rounds = MIN_ROUNDS;
            x = scramble(x, (u32)rounds);
            before = now, now = clock_ns();
        }
    client_exit();
}
