/* Descriptor tables, interrupt vectors, and the assembly entry points. */
#ifndef RAYOS_CPU_H
#define RAYOS_CPU_H
#include "core/sched.h"

#define VECTOR_TIMER 32
#define VECTOR_RESCHEDULE 33
#define VECTOR_REQUEST 34
#define VECTOR_DEVICE 35
#define VECTOR_SPURIOUS 47
#define VECTOR_RESUME 48                 /* in a class above the others: a parked CPU accepts it alone */

void cpu_init_boot(void);                /* the boot CPU; acquires LOCK_KERNEL */
bool cpu_allocate(struct cpu *cpu);      /* its descriptor tables; false: out of memory */
void cpu_init(struct cpu *cpu);          /* the CPU that executes this becomes cpu */
void cpu_set_stack(u64 top);             /* the kernel stack for entries from ring 3 */

/* arch/entry.S */
void thread_switch(struct thread *from, struct thread *to);
void thread_start(void);
[[noreturn]] void user_enter(u64 entry, u64 stack);
void syscall_entry(void);
#endif
