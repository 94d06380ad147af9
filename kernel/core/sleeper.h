/* Sleepers: the threads of one processor that wait for a deadline. Under LOCK_KERNEL. */
#ifndef RAYOS_SLEEPER_H
#define RAYOS_SLEEPER_H
#include "core/sched.h"

void sleeper_add(struct thread *t);      /* to t->cpu, by t->deadline_ns */
void sleeper_remove(struct thread *t);
struct thread *sleeper_due(const struct cpu *cpu, u64 now); /* NULL: none */
#endif
