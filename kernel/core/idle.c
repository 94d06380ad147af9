/* The idle thread: one per processor. It drains the trace ring early and halts until the next interrupt. */
#include "arch/smp.h"
#include "experiment/trace.h"

#define IDLE_SPIN_NS 300000
#define IDLE_AWAKE_NS 400000

static u64 awake_until_ns; /* no halt before */

void sched_stay_awake(void) { awake_until_ns = clock_ns() + IDLE_AWAKE_NS; }

/* Halting synchronises two of QEMU's threads, which costs the host as much as executing some 400 us of no-operations:
 * for a nearer interrupt the CPU spins. Virtual time is the same either way, except with SMP, where the other CPUs
 * would wait. */
static void idle_wait(struct cpu *cpu)
{
    u64 now = clock_ns();
    bool near = cpu->armed_ns != NEVER && cpu->armed_ns <= now + IDLE_SPIN_NS;
    if (cpu_count > 1 || (!near && now >= awake_until_ns)) {
        halt();
        return;
    }
    interrupts_on();
    for (u32 i = 0; i < 16; i++)
        __asm__ volatile(".rept 64; nop; .endr");
    interrupts_off();
}

void sched_idle(void)
{
    for (kernel_leave();;) {
        if (this_cpu()->resched && !smp_is_late(this_cpu())) {
            kernel_enter();
            kernel_leave();
        }
        trace_drain_early();
        idle_wait(this_cpu());
    }
}
