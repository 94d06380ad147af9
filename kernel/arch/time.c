/* The clock (TSC) and the one-shot timer (local APIC, divider 1; QEMU runs it at 1 GHz, so a tick is a nanosecond). */
#include "arch/time.h"
#include "arch/cpu.h"

#define APIC(offset) (*(volatile u32 *)(DEVICE_BASE + (offset)))
#define APIC_TASK_PRIORITY 0x80
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_COMMAND 0x300
#define APIC_TARGET 0x310
#define APIC_TIMER 0x320
#define APIC_INITIAL 0x380
#define APIC_CURRENT 0x390
#define APIC_DIVIDE 0x3e0
#define APIC_MASKED 0x10000
#define CALIBRATION_CYCLES 5000000u

/* clock = (tsc - epoch) * mult >> 32. mult is 0 before the scenario starts: the clock stands at 0. */
static u64 epoch_tsc, tsc_mult;
static u64 calibrated_mult;

u64 time_epoch_tsc(void) { return epoch_tsc; }
u64 time_tsc_mult(void) { return calibrated_mult; }
u64 cycles_ns(u64 cycles) { return (u64)((unsigned __int128)cycles * calibrated_mult >> 32); }

u64 clock_ns(void)
{
    return (u64)((unsigned __int128)(read_tsc() - epoch_tsc) * tsc_mult >> 32);
}

/* Measures TSC cycles per timer tick. Under icount both are the same clock: a ratio close to 1 is set to exactly 1. */
static void calibrate(void)
{
    APIC(APIC_INITIAL) = 0xffffffff;
    u64 tsc0 = read_tsc();
    u32 ticks0 = APIC(APIC_CURRENT);
    while (read_tsc() - tsc0 < CALIBRATION_CYCLES)
        for (u32 i = 0; i < 10000; i++)
            __asm__ volatile("");
    u64 cycles = read_tsc() - tsc0, ns = ticks0 - APIC(APIC_CURRENT);
    APIC(APIC_INITIAL) = 0;
    KERNEL_ASSERT(ns && cycles, "boot:no timer");
    calibrated_mult = (ns << 32) / cycles;
    i64 error = (i64)(calibrated_mult - (1ull << 32));
    if (error < 1ll << 22 && error > -(1ll << 22)) /* 2^32 / 1024 */
        calibrated_mult = 1ull << 32;
}

void apic_init(void)
{
    APIC(APIC_SPURIOUS) = 0x100 | VECTOR_SPURIOUS;
    APIC(APIC_DIVIDE) = 0xb;
    APIC(APIC_TIMER) = VECTOR_TIMER;
}

void time_init(void)
{
    apic_init();
    APIC(APIC_TIMER) = APIC_MASKED;
    calibrate();
    APIC(APIC_TIMER) = VECTOR_TIMER;
}

void time_start(void)
{
    epoch_tsc = read_tsc();
    tsc_mult = calibrated_mult;
}

/* The timer never fires early: now_ns is read before the write, and the count starts at the write. */
void timer_arm(u64 now_ns, u64 deadline_ns)
{
    u64 ns = deadline_ns > now_ns ? deadline_ns - now_ns : 1;
    if (deadline_ns == NEVER)
        ns = 0; /* stopped */
    APIC(APIC_INITIAL) = ns > 0xffffffff ? 0xffffffff : (u32)ns;
}

void apic_end_interrupt(void)
{
    APIC(APIC_EOI) = 0;
}

void apic_send(u32 cpu, u32 command)
{
    APIC(APIC_TARGET) = cpu << 24;
    APIC(APIC_COMMAND) = command;
}

void apic_allow_above(u32 vector)
{
    APIC(APIC_TASK_PRIORITY) = vector;
}
