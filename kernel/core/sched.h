/* Threads, the scheduler's state of each processor, and the brackets around kernel code. LOCK_KERNEL protects all of
 * it, except fields that only their own processor uses, with interrupts off. */
#ifndef RAYOS_SCHED_H
#define RAYOS_SCHED_H
#include "arch/x86.h"
#include "core/kernel.h"
#include "core/list.h"
#include "core/lock.h"
#include "core/random.h"

#define PRIORITIES 32
#define STACK_PAGES 4
#define MAX_CPUS 16
#define MAX_SLEEPERS (MAX_CLIENTS + 16)

struct process;

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
    u64 stack;               /* saved stack pointer while not running; entry.S */
    u64 stack_top;
    alignas(16) u8 fx[512];  /* SSE and x87 state while not running; entry.S */
    u64 cpu_ns;              /* CPU time since the last point, up to the CPU's since_ns */
    u64 quantum_left_ns;
    u64 deadline_ns;         /* while sleeping */
    u64 ready_ns;            /* when it last became ready; for the watchdog */
    struct list link;        /* in its ready queue */
    struct process *process; /* NULL: a kernel thread */
    void *stack_base;
    const char *name;
    struct cpu *cpu;         /* where it runs, or last ran or blocked */
    u32 sleeper;             /* 1-based index in that CPU's heap of sleepers; 0: not sleeping */
    u16 id;
    signed char priority;    /* -1: idle */
    u8 state;
    u8 irqs, dispatches;     /* of the open segment */
    bool timed_out;          /* woken by its deadline */
    bool on_cpu;             /* its context is in use; a dead thread may still be executing */
};

struct ready_wait { u32 count; u64 total_ns, longest_ns; };

struct cpu {
    struct cpu *self;
    u64 kernel_stack;        /* of the current thread; entry.S */
    u64 user_stack;          /* scratch; entry.S */
    u32 locks_held;          /* one bit per lock_id; lock.h */
    struct thread *current;
    struct thread idle;
    u64 since_ns;            /* the current thread's CPU time is accounted up to here */
    u64 quantum_end_ns;
    u64 wanted_ns;           /* timer deadline to program when LOCK_KERNEL is released ... */
    u64 armed_ns;            /* ... and the programmed one; NEVER: stopped */
    u64 idle_wake_ns;        /* deadline that ends the present idle period, or NEVER */
    u64 blocked_ns;          /* when the last thread blocked, if the CPU went idle and still holds LOCK_KERNEL; or 0 */
    u64 idle_locked_ns;      /* time from then to the release of LOCK_KERNEL, of the last such block */
    u64 *root;               /* root page table; the kernel half is the same on all CPUs */
    struct space *space;     /* loaded address space; NULL: none */
    struct tables *tables;   /* arch/cpu.c */
    u64 late_ns;             /* a VECTOR_RESCHEDULE before this instant is ignored (ipi_delay_seed) */
    struct random delays;    /* of IPIs to this CPU, if the scenario delays them */
    u32 requests;            /* by other CPUs; arch/smp.c */
    u32 kicks;               /* one bit per CPU that gets a VECTOR_RESCHEDULE when LOCK_KERNEL is released */
    bool parked;
    bool resched;            /* a thread of higher priority is ready, or the current one is dead */
    signed char claim;       /* priority of the current thread, or of a higher one made ready for this CPU */
    u8 id;                   /* also the local APIC's */
    struct ready_wait ready_wait; /* of threads dispatched here: from ready to running */
    u32 sleeper_count;
    struct thread *sleepers[MAX_SLEEPERS + 1]; /* core/sleeper.c */
};
static_assert(offsetof(struct thread, stack) == 0 && offsetof(struct thread, fx) == 16);
static_assert(offsetof(struct cpu, kernel_stack) == 8 && offsetof(struct cpu, user_stack) == 16);
#ifndef RAYOS_HOST
static_assert(offsetof(struct cpu, locks_held) == CPU_LOCKS_HELD);
#endif

/* arch/smp.c */
extern struct cpu *cpus[MAX_CPUS];
extern u32 cpu_count;                    /* CPUs that schedule */

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

/* ---- Brackets around kernel code; their users are in the table in lock.h ---- */

void sched_preempt(void);                /* switches to a ready thread of higher priority, or away from a dead one */
void sched_follow_up(struct cpu *cpu);   /* sends pending IPIs and programs the timer; without LOCK_KERNEL */

/* A kernel service of a kernel thread: holds LOCK_KERNEL; a reschedule that it causes happens at its end. Nests. */
static inline u64 service_begin(void)
{
    u64 flags = read_flags();
    if (flags & FLAGS_IF) {
        interrupts_off();
        lock_acquire(LOCK_KERNEL);
    }
    return flags;
}

/* IPIs and the timer wait until LOCK_KERNEL is released. The receiver of an IPI wants the lock immediately, and setting
 * the timer may end this CPU's turn where CPUs take turns. */
static inline void kernel_leave(void)
{
    struct cpu *cpu = this_cpu();
    lock_release(LOCK_KERNEL);
    if (cpu->kicks || cpu->wanted_ns != cpu->armed_ns)
        sched_follow_up(cpu);
}

static inline void service_end(u64 flags)
{
    if (!(flags & FLAGS_IF))
        return;
    if (this_cpu()->resched)
        sched_preempt();
    kernel_leave();
    interrupts_on();
}

/* From ring 3, or from the idle thread. A thread that was killed meanwhile does not return from here. */
static inline void kernel_enter(void)
{
    lock_acquire(LOCK_KERNEL);
    if (this_cpu()->resched)
        sched_preempt();
}

/* ---- Setting up ---- */

void sched_init(void);
void sched_init_cpu(struct cpu *cpu);    /* the code it executes becomes its idle thread */
void sched_start(void);                  /* the scenario starts; interrupts off */
[[noreturn]] void sched_idle(void);      /* core/idle.c */
/* QEMU's main loop has work to do. If it looks for idle CPUs just when this one halts, it misses the last instructions
 * (icount), and the next deadline comes some nanoseconds late: the idle thread does not halt for a while. */
void sched_stay_awake(void);
bool thread_init(struct thread *t, u16 id, const char *name, int priority, void (*body)(void *), void *argument);
void thread_free(struct thread *t);      /* frees its kernel stack; the thread is dead and not on_cpu */

/* ---- Under LOCK_KERNEL ---- */

void thread_ready(struct thread *t);     /* no effect unless it is blocked */
bool thread_block(u64 deadline_ns);      /* traces P_BLOCK; false: woken by the deadline */
void thread_yield(void);
void thread_restart(struct thread *t, void (*body)(void *), void *argument); /* continues with body; t is not running */
void thread_kill(struct thread *t);      /* t never enters ring 3 again; on_cpu until its CPU switches away */
[[noreturn]] void thread_exit(void);     /* ends the current thread */
void sched_timer(void);                  /* the timer interrupt */
void sched_timer_stop(void);             /* no timer interrupt on this CPU until ... */
void sched_timer_restart(void);

/* ---- Statistics ---- */

u64 idle_ns(void);                       /* idle time so far, all CPUs */
struct ready_wait sched_ready_wait(void);/* of all threads dispatched since the last call */
u8 sched_sleepers(void);                 /* sleeping threads on this CPU, saturating */
#endif
