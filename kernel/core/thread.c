/* Creation of threads: kernel stack, initial context, start and restart. */
#include "arch/cpu.h"
#include "arch/vm.h"

/* Lays out the kernel stack as thread_switch pops it: r15 r14 r13 r12 rbp rbx, then the return address. */
static void begin_at(struct thread *t, void (*body)(void *), void *argument)
{
    u64 *frame = (u64 *)t->stack_top - 9;
    frame[4] = (u64)argument;
    frame[5] = (u64)body;
    frame[6] = (u64)thread_start;
    t->stack = (u64)frame;
}

void thread_restart(struct thread *t, void (*body)(void *), void *argument)
{
    KERNEL_ASSERT(t->state == THREAD_READY || t->state == THREAD_BLOCKED, "sched:restarting");
    begin_at(t, body, argument);
    thread_ready(t);
}

bool thread_init(struct thread *t, u16 id, const char *name, int priority, void (*body)(void *), void *argument)
{
    t->stack_base = window_alloc(STACK_PAGES);
    if (!t->stack_base)
        return false;
    t->stack_top = (u64)t->stack_base + STACK_PAGES * PAGE_BYTES;
    begin_at(t, body, argument);
    *(u16 *)&t->fx[0] = 0x37f;   /* x87 control word and MXCSR as after reset */
    *(u32 *)&t->fx[24] = 0x1f80;
    t->id = id;
    t->name = name;
    t->priority = (signed char)priority;
    t->cpu = cpus[0];
    t->state = THREAD_BLOCKED;
    return true;
}

void thread_free(struct thread *t)
{
    KERNEL_ASSERT(!t->on_cpu, "sched:freed while it runs");
    window_free(t->stack_base, STACK_PAGES);
}
