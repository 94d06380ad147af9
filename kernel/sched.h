/* Threads, processors and time: sched.c, smp.c, time.c, cpu.c, trace.c. LOCK_KERNEL protects all of it, except what is a
 * processor's own and used there with interrupts off. */
#ifndef RAYOS_SCHED_H
#define RAYOS_SCHED_H
#include "kernel.h"
#include "lock.h"
#include "x86.h"

#define NEVER (~0ull)
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
    u64 cpu_ns;              /* CPU time since the last point, up to the cpu's since_ns */
    u64 quantum_left_ns;
    u64 deadline_ns;         /* while sleeping */
    u64 ready_ns;            /* when it last became ready; for the watchdog */
    struct thread *next, *previous; /* in its ready queue */
    struct process *process; /* NULL: a kernel thread */
    void *stack_base;
    const char *name;
    struct cpu *cpu;         /* where it runs, or ran or blocked last */
    u32 sleeper;             /* its place in that processor's heap of sleepers, from 1; 0: not sleeping */
    u16 id;
    signed char priority;           /* -1: idle */
    u8 state;
    u8 irqs, dispatches;     /* of the open segment */
    bool timed_out;          /* woken by its deadline */
    bool on_cpu;             /* its context is in use: it may be dead and not have noticed yet */
};

struct ready_wait { u32 count; u64 total_ns, longest_ns; };

struct cpu {
    struct cpu *self;
    u64 kernel_stack;        /* of the current thread; entry.S */
    u64 user_stack;          /* scratch; entry.S */
    u32 locks_held;          /* bit a lock_id; lock.h */
    struct thread *current;
    struct thread idle;
    u64 since_ns;            /* the current thread's time is accounted up to here */
    u64 quantum_end_ns;
    u64 wanted_ns;           /* what the timer is to be set to when LOCK_KERNEL is released ... */
    u64 armed_ns;            /* ... and what it is set to; NEVER: stopped */
    u64 idle_wake_ns;        /* deadline that ends the present idle period, or NEVER */
    u64 blocked_ns;          /* when its last thread blocked, if it has become idle by that and not left the kernel yet; or 0 */
    u64 idle_locked_ns;      /* how long LOCK_KERNEL was held from there on, the last time */
    u64 *root;               /* its page tables; the kernel half is the same on all */
    struct space *space;     /* of the process that runs or ran here last; NULL: none */
    struct tables *tables;   /* cpu.c */
    u64 late_ns;             /* what it was told by VECTOR_RESCHEDULE counts as not heard before this instant */
    struct random delays;    /* of interrupts from other processors, if the scenario wants them late */
    u32 requests;            /* by other processors: smp.c */
    u32 kicks;               /* bit a processor that is to look at its `resched` when LOCK_KERNEL is released */
    bool parked;
    bool resched;            /* a more urgent thread is ready, or the current one is dead */
    signed char claim;       /* priority of the current thread, or of a more urgent one that was made ready for it */
    u8 id;                   /* also the local APIC's */
    struct ready_wait ready_wait; /* of threads dispatched here: from ready to running */
    u32 sleeper_count;
    struct thread *sleepers[MAX_SLEEPERS + 1]; /* binary heap from 1, ordered by (deadline, id): threads that blocked here */
};
static_assert(offsetof(struct thread, stack) == 0 && offsetof(struct thread, fx) == 16);
static_assert(offsetof(struct cpu, kernel_stack) == 8 && offsetof(struct cpu, user_stack) == 16);
#ifndef RAYOS_HOST
static_assert(offsetof(struct cpu, locks_held) == CPU_LOCKS_HELD);
#endif

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

void sched_preempt(void);                /* switches to a more urgent ready thread, or away from a dead one */

/* A kernel service: LOCK_KERNEL between begin and end; the reschedule it causes happens at its end. Nests: with interrupts
 * off already, LOCK_KERNEL is held. */
static inline u64 service_begin(void)
{
    u64 flags = read_flags();
    if (flags & FLAGS_IF) {
        interrupts_off();
        lock_acquire(LOCK_KERNEL);
    }
    return flags;
}
void sched_follow_up(struct cpu *cpu);

/* Releases LOCK_KERNEL, then does what others would wait for: setting the timer may cost this processor its turn where
 * they take turns, and who is told of a thread wants the lock at once. */
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

/* From ring 3: a thread that was killed meanwhile goes no further. */
static inline void kernel_enter(void)
{
    lock_acquire(LOCK_KERNEL);
    if (this_cpu()->resched)
        sched_preempt();
}

void sched_init(void);
void sched_init_cpu(struct cpu *cpu);    /* what runs on it becomes its idle thread */
void sched_start(void);                  /* the scenario starts now; interrupts off */
[[noreturn]] void sched_idle(void);
/* QEMU's main loop has been given something to do. Should it look for idle processors just when this one halts, it counts on
 * without the last instructions (icount), and the next deadline comes some nanoseconds late: do not halt until it is done. */
void sched_stay_awake(void);
bool thread_init(struct thread *t, u16 id, const char *name, int priority, void (*body)(void *), void *argument);
void thread_free(struct thread *t);      /* its kernel stack; the thread is dead and not on_cpu */
/* All below: under LOCK_KERNEL. A thread's body begins under it, as if in a service. */
void thread_ready(struct thread *t);     /* no effect unless it is blocked */
bool thread_block(u64 deadline_ns);      /* traces P_BLOCK; false: woken by the deadline */
void thread_yield(void);
void thread_restart(struct thread *t, void (*body)(void *), void *argument); /* goes on with body instead; not running */
void thread_kill(struct thread *t);      /* never enters ring 3 again; on_cpu until its processor has heard of it; not the current thread */
[[noreturn]] void thread_exit(void);     /* the current thread never runs again */
void sched_timer(void);                  /* the timer interrupt */
void sched_timer_stop(void);             /* no timer interrupt on this processor until ... */
void sched_timer_restart(void);
u64 idle_ns(void);                       /* idle time so far, all processors */
struct ready_wait sched_ready_wait(void); /* of all threads dispatched since the last call */
u8 sched_sleepers(void);                 /* threads that wait for a deadline on this processor, at most 255 */

/* smp.c */
extern struct cpu *cpus[MAX_CPUS];
extern u32 cpu_count;                    /* that schedule */
struct ap_start { u64 root, stack; struct cpu *cpu; };
void smp_start(u32 count);               /* all further processors; they idle */
[[noreturn]] void smp_main(struct cpu *cpu);
enum { REQUEST_FLUSH = 1, REQUEST_PARK = 2 };
void smp_answer(void);                   /* does what others asked of this processor */
void smp_kick(u32 cpu);                  /* has it look at `resched` */
void smp_seed_delays(void);              /* the clock starts: from now on interrupts may be late, if the scenario wants that */
bool smp_postpone(void);                 /* VECTOR_RESCHEDULE: true: it is late, the timer interrupts in its stead */
bool smp_is_late(const struct cpu *cpu); /* what it was told so counts as not heard yet */
void smp_flush_others(void);             /* the others' TLBs */
void smp_park_others(void);              /* returns when all others halt, until smp_resume_others */
void smp_resume_others(void);
void smp_stop_others(void);              /* for ever */

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
u64 cycles_ns(u64 cycles);               /* of the TSC */
void timer_arm(u64 now_ns, u64 deadline_ns); /* this processor's */
void apic_init(void);                    /* this processor's, as time_init left the first one's */
void apic_end_interrupt(void);
void apic_send(u32 cpu, u32 command);
void apic_allow_above(u32 vector);       /* holds back interrupts up to that vector's class */

/* cpu.c */
#define VECTOR_TIMER 32
#define VECTOR_RESCHEDULE 33
#define VECTOR_REQUEST 34
#define VECTOR_DEVICE 35
#define VECTOR_SPURIOUS 47
#define VECTOR_RESUME 48                 /* of a class above the others' */
void cpu_init_boot(void);                /* the first processor; takes LOCK_KERNEL */
bool cpu_allocate(struct cpu *cpu);      /* its tables; false: out of memory */
void cpu_init(struct cpu *cpu);          /* the processor that this runs on becomes cpu */
void cpu_set_stack(u64 top);             /* where ring 3 enters the kernel */

/* trace.c */
void trace_header_init(void);
void trace_init(u32 memory_mb, u32 keep_points);
void trace_state(enum run_state state);
void trace_framebuffer(u64 physical, u32 width, u32 height);
void trace_drain_early(void);            /* meets the host if half of the ring is undrained */
void rendezvous_write(void);             /* rendezvous.c: the pause alone */
void rendezvous_stopped(void);           /* the same when all other processors have stopped for ever */

[[noreturn]] void panic_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void stop_if_panicking(void);            /* the non-maskable interrupt: another processor panics */
void print_init(void);
#endif
