/* SMP: starting processors, IPIs, requests between processors, bringing all of them to a stop. */
#ifndef RAYOS_SMP_H
#define RAYOS_SMP_H
#include "core/sched.h"

struct ap_start { u64 root, stack; struct cpu *cpu; }; /* read by ap_high in boot.S */
enum { REQUEST_FLUSH = 1, REQUEST_PARK = 2 };

void smp_start(u32 count);               /* starts all further processors; they idle */
[[noreturn]] void smp_main(struct cpu *cpu);
void smp_answer(void);                   /* carries out pending requests from other processors */
void smp_kick(u32 cpu);                  /* sends VECTOR_RESCHEDULE: the CPU checks its `resched` */
void smp_seed_delays(void);              /* the clock starts: IPIs may be delayed from now on (ipi_delay_seed) */
bool smp_postpone(void);                 /* at VECTOR_RESCHEDULE; true: delayed, the timer will interrupt instead */
bool smp_is_late(const struct cpu *cpu); /* a delayed VECTOR_RESCHEDULE is not due yet */
void smp_flush_others(void);             /* flushes the other processors' TLBs and waits for it */
void smp_park_others(void);              /* returns when all others halt, until smp_resume_others */
void smp_resume_others(void);
void smp_stop_others(void);              /* for ever */
#endif
