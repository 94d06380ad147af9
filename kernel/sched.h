/* Threads, the processor and time: sched.c, time.c, cpu.c, trace.c. "Interrupts off" is what protects all of it. */
#ifndef RAYOS_SCHED_H
#define RAYOS_SCHED_H
#include "kernel.h"
#include "x86.h"

#define NEVER (~0ull)
#define PRIORITIES 32
#define STACK_PAGES 4

struct process;

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
    u64 stack;               /* saved stack pointer while not running; entry.S */
    u64 stack_top;
    alignas(16) u8 fx[512];  /* SSE and x87 state while not running; entry.S */
    u64 cpu_ns;              /* CPU time since the last point, up to the cpu's since_ns */
    u64 quantum_left_ns;
    u64 deadline_ns;         /* while sleeping */
    u64 ready_ns;            /* when it last became ready; for the watchdog */
    struct thread *next, *previous; /* in its ready queue */
    struct process *process; /* NULL: a kernel thread */
    void *stack_base;
    const char *name;
    u32 sleeper;             /* its place in the sleeper heap, from 1; 0: not sleeping */
    u16 id;
    signed char priority;           /* -1: idle */
    u8 state;
    u8 irqs, dispatches;     /* of the open segment */
    bool timed_out;          /* woken by its deadline */
};

struct cpu {
    struct cpu *self;
    u64 kernel_stack;        /* of the current thread; entry.S */
    u64 user_stack;          /* scratch; entry.S */
    struct thread *current;
    struct thread idle;
    u64 since_ns;            /* the current thread's time is accounted up to here */
    u64 quantum_end_ns;
    u64 armed_ns;            /* what the timer is set to; NEVER: stopped */
    u64 idle_wake_ns;        /* deadline that ends the present idle period, or NEVER */
    bool resched;            /* a more urgent thread is ready */
    u8 id;
};
static_assert(offsetof(struct thread, stack) == 0 && offsetof(struct thread, fx) == 16);
static_assert(offsetof(struct cpu, kernel_stack) == 8 && offsetof(struct cpu, user_stack) == 16);

#ifdef RAYOS_HOST
struct cpu *this_cpu(void);
#else
static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}
#endif
static inline struct thread *current_thread(void) { return this_cpu()->current; }

void sched_preempt(void);                /* switches to a more urgent ready thread, if there is one; interrupts off */

/* A kernel service: interrupts off between begin and end; the reschedule it causes happens at its end. Nests. */
static inline u64 service_begin(void)
{
    u64 flags = read_flags();
    interrupts_off();
    return flags;
}
static inline void service_end(u64 flags)
{
    if (!(flags & FLAGS_IF))
        return;
    if (this_cpu()->resched)
        sched_preempt();
    interrupts_on();
}

void sched_init(void);                   /* the boot flow becomes the idle thread */
void sched_start(void);                  /* the scenario starts now; interrupts off */
[[noreturn]] void sched_idle(void);
bool thread_init(struct thread *t, u16 id, const char *name, int priority, void (*body)(void *), void *argument);
void thread_free(struct thread *t);      /* its kernel stack; the thread is dead and not running */
/* All below: interrupts off. */
void thread_ready(struct thread *t);     /* no effect unless it is blocked */
bool thread_block(u64 deadline_ns);      /* traces P_BLOCK; false: woken by the deadline */
void thread_yield(void);
void thread_kill(struct thread *t);      /* never runs again; not the current thread */
[[noreturn]] void thread_exit(void);     /* the current thread never runs again */
void sched_timer(void);                  /* the timer interrupt */
u64 idle_ns(void);                       /* idle time so far; not to be called by the idle thread */
u8 sched_sleepers(void);                     /* threads that wait for a deadline, at most 255 */

/* entry.S */
void thread_switch(struct thread *from, struct thread *to);
void thread_start(void);
[[noreturn]] void user_enter(u64 entry, u64 stack);
void syscall_entry(void);

/* time.c */
void time_init(void);
void time_start(void);                   /* the clock starts at 0 now */
u64 time_epoch_tsc(void);
u64 time_tsc_mult(void);
void timer_arm(u64 now_ns, u64 deadline_ns);
void timer_end_interrupt(void);

/* cpu.c */
#define VECTOR_TIMER 32
#define VECTOR_SPURIOUS 47
void cpu_init(void);
void cpu_set_stack(u64 top);             /* where ring 3 enters the kernel */

/* trace.c */
void trace_header_init(void);
void trace_init(u32 memory_mb, u32 keep_points);
void trace_state(enum run_state state);
void trace_framebuffer(u64 physical, u32 width, u32 height);
bool trace_half_full(void);
void rendezvous(void);                   /* hands the ring to the host and waits for it */
void rendezvous_write(void);             /* rendezvous.c: the pause alone */

[[noreturn]] void panic_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_init(void);
#endif
