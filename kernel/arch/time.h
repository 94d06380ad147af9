/* The clock and the local APIC: its one-shot timer and IPIs. */
#ifndef RAYOS_TIME_H
#define RAYOS_TIME_H
#include "core/kernel.h"

void time_init(void);                    /* calibrates the TSC */
void time_start(void);                   /* the clock starts at 0 */
u64 time_epoch_tsc(void);
u64 time_tsc_mult(void);
u64 cycles_ns(u64 cycles);               /* TSC cycles to nanoseconds */
void timer_arm(u64 now_ns, u64 deadline_ns); /* this CPU's timer; NEVER: stopped */
void apic_init(void);                    /* this CPU's local APIC */
void apic_end_interrupt(void);
void apic_send(u32 cpu, u32 command);
void apic_allow_above(u32 vector);       /* holds back interrupts up to that vector's class */
#endif
