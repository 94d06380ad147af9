/* The scheduler: docs/mechanism.md, "Scheduler policy" and "Segments and points".
 *
 * Everything here runs with interrupts off. Invariants: a READY thread is in exactly the queue of its priority; bit p
 * of ready_map is set exactly when queue p is not empty; the timer is armed for the earlier of the running thread's
 * quantum end and the earliest sleeper. The idle thread is in no queue. */
#include "memory.h"
#include "process.h"
#include "sched.h"

#define MAX_SLEEPERS (MAX_CLIENTS + 16)
#define WATCHDOG_NS 5000000000ull
#define WATCHED_ABOVE 10
#define IDLE_SPIN_NS 300000
#define MIN_QUANTUM_NS 10000
#define STREAM_JITTER 2

enum leave { LEAVE_PREEMPTED, LEAVE_EXPIRED, LEAVE_BLOCKED };

static struct thread queues[PRIORITIES];         /* circular, through a head */
static u32 ready_map;
static struct thread *sleepers[MAX_SLEEPERS + 1]; /* binary heap from 1, ordered by (deadline, id) */
static u32 sleeper_count;
static struct random jitter;                     /* of quanta, if the scenario wants it */

/* ---- Ready queues ---- */

static void queue_insert(struct thread *t, struct thread *after)
{
    t->next = after->next;
    t->previous = after;
    after->next->previous = t;
    after->next = t;
    ready_map |= 1u << t->priority;
    t->state = THREAD_READY;
}

static void queue_head(struct thread *t) { queue_insert(t, &queues[t->priority]); }

/* A full quantum or, to try other interleavings, one that random draws shorten, mostly by a lot (docs/mechanism.md). */
static u64 fresh_quantum(void)
{
    u64 full = scenario()->quantum_ns;
    if (!scenario()->jitter_seed)
        return full;
    u32 draw = random_next(&jitter);
    u64 half = full >> (draw & 7) >> 1, quantum = half + (half * (draw >> 22) >> 10);
    return quantum > MIN_QUANTUM_NS ? quantum : MIN_QUANTUM_NS;
}

static void queue_tail(struct thread *t)
{
    t->quantum_left_ns = fresh_quantum();
    queue_insert(t, queues[t->priority].previous);
}

static void queue_remove(struct thread *t)
{
    t->previous->next = t->next;
    t->next->previous = t->previous;
    if (queues[t->priority].next == &queues[t->priority])
        ready_map &= ~(1u << t->priority);
}

static struct thread *queue_take(struct cpu *cpu)
{
    if (!ready_map)
        return &cpu->idle;
    struct thread *t = queues[31 - __builtin_clz(ready_map)].next;
    queue_remove(t);
    return t;
}

/* ---- Sleepers ---- */

static bool sooner(const struct thread *a, const struct thread *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->id < b->id;
}

static void sleeper_place(struct thread *t, u32 at)
{
    sleepers[at] = t;
    t->sleeper = at;
}

static void sleeper_up(struct thread *t, u32 at)
{
    for (; at > 1 && sooner(t, sleepers[at / 2]); at /= 2)
        sleeper_place(sleepers[at / 2], at);
    sleeper_place(t, at);
}

static void sleeper_down(struct thread *t, u32 at)
{
    for (u32 child; (child = at * 2) <= sleeper_count; at = child) {
        if (child < sleeper_count && sooner(sleepers[child + 1], sleepers[child]))
            child++;
        if (!sooner(sleepers[child], t))
            break;
        sleeper_place(sleepers[child], at);
    }
    sleeper_place(t, at);
}

static void sleeper_add(struct thread *t)
{
    sleeper_up(t, ++sleeper_count);
}

static void sleeper_remove(struct thread *t)
{
    u32 at = t->sleeper;
    t->sleeper = 0;
    struct thread *last = sleepers[sleeper_count--];
    if (last == t)
        return;
    if (at > 1 && sooner(last, sleepers[at / 2]))
        sleeper_up(last, at);
    else
        sleeper_down(last, at);
}

u8 sched_sleepers(void)
{
    return sleeper_count > 255 ? 255 : (u8)sleeper_count;
}

/* ---- Timer ---- */

static void set_timer(struct cpu *cpu, u64 now)
{
    u64 deadline = cpu->current == &cpu->idle ? NEVER : cpu->quantum_end_ns;
    if (sleeper_count && sleepers[1]->deadline_ns < deadline)
        deadline = sleepers[1]->deadline_ns;
    if (deadline == cpu->armed_ns)
        return;
    cpu->armed_ns = deadline;
    timer_arm(now, deadline);
}

/* A ready thread above WATCHED_ABOVE that has waited too long means that something more urgent does not let go. */
static void watchdog(u64 now)
{
    for (u32 map = ready_map >> (WATCHED_ABOVE + 1) << (WATCHED_ABOVE + 1); map; map &= map - 1) {
        struct thread *t = queues[__builtin_ctz(map)].next;
        if (now < t->ready_ns + WATCHDOG_NS)
            continue;
        print_line("RAYOS_DIAG:hang:%s waits for %s", t->name, current_thread()->name);
        panic_format("hang:%s", t->name);
    }
}

/* ---- Switching ---- */

static void leave_current(struct cpu *cpu, u64 now, enum leave why)
{
    struct thread *t = cpu->current;
    if (t == &cpu->idle || why == LEAVE_BLOCKED)
        return;
    t->ready_ns = now;
    if (why == LEAVE_EXPIRED) {
        queue_tail(t);
        return;
    }
    t->quantum_left_ns = cpu->quantum_end_ns > now ? cpu->quantum_end_ns - now : 0;
    queue_head(t);
}

/* The switch instant is `now`: CPU time before it is the outgoing thread's, after it the incoming one's. */
static void reschedule(enum leave why)
{
    struct cpu *cpu = this_cpu();
    struct thread *from = cpu->current;
    if (from == &cpu->idle && cpu->idle_wake_ns != NEVER) /* before the switch instant, so that idle pays for it */
        trace_measure(M_TIMER, 0, clock_ns() - cpu->idle_wake_ns);
    cpu->idle_wake_ns = NEVER;
    u64 now = clock_ns();
    leave_current(cpu, now, why);
    struct thread *to = queue_take(cpu);
    cpu->resched = false;
    cpu->quantum_end_ns = now + to->quantum_left_ns;
    to->state = THREAD_RUNNING;
    if (to == from) {
        set_timer(cpu, now);
        return;
    }
    from->cpu_ns += now - cpu->since_ns;
    cpu->since_ns = now;
    cpu->current = to;
    to->dispatches += to->dispatches != 255;
    set_timer(cpu, now);
    if (to->process)
        space_use(&to->process->space);
    cpu_set_stack(to->stack_top);
    thread_switch(from, to);
}

void sched_preempt(void)
{
    struct cpu *cpu = this_cpu();
    cpu->resched = false;
    if (ready_map && 31 - __builtin_clz(ready_map) > cpu->current->priority)
        reschedule(LEAVE_PREEMPTED);
}

void thread_ready(struct thread *t)
{
    if (t->state != THREAD_BLOCKED)
        return;
    struct cpu *cpu = this_cpu();
    t->timed_out = false;
    if (t->sleeper) {
        bool first = t->sleeper == 1;
        sleeper_remove(t);
        if (first)
            set_timer(cpu, clock_ns());
    }
    t->ready_ns = cpu->since_ns;
    queue_tail(t);
    if (t->priority > cpu->current->priority)
        cpu->resched = true;
}

bool thread_block(u64 deadline_ns)
{
    struct thread *t = current_thread();
    trace_point(P_BLOCK, 0, 0);
    t->state = THREAD_BLOCKED;
    t->timed_out = false;
    t->deadline_ns = deadline_ns;
    if (deadline_ns != NEVER)
        sleeper_add(t);
    reschedule(LEAVE_BLOCKED);
    return !t->timed_out;
}

void thread_yield(void)
{
    reschedule(LEAVE_EXPIRED);
}

void sched_timer(void)
{
    struct cpu *cpu = this_cpu();
    u64 now = clock_ns();
    cpu->armed_ns = NEVER;
    if (cpu->current == &cpu->idle && sleeper_count && sleepers[1]->deadline_ns <= now)
        cpu->idle_wake_ns = sleepers[1]->deadline_ns;
    while (sleeper_count && sleepers[1]->deadline_ns <= now) {
        struct thread *t = sleepers[1];
        sleeper_remove(t);
        t->timed_out = true;
        t->ready_ns = now;
        queue_tail(t);
        if (t->priority > cpu->current->priority)
            cpu->resched = true;
    }
    watchdog(now);
    struct thread *t = cpu->current;
    if (t != &cpu->idle && now >= cpu->quantum_end_ns) {
        cpu->quantum_end_ns = now + fresh_quantum();
        if (ready_map >> t->priority & 1) {
            reschedule(LEAVE_EXPIRED);
            return;
        }
    }
    if (!cpu->resched)
        set_timer(cpu, now);
}

void thread_kill(struct thread *t)
{
    KERNEL_ASSERT(t != current_thread(), "sched:killing itself");
    if (t->sleeper)
        sleeper_remove(t);
    if (t->state == THREAD_READY)
        queue_remove(t);
    t->state = THREAD_DEAD;
    set_timer(this_cpu(), clock_ns());
}

void thread_exit(void)
{
    trace_point(P_EXIT, 0, 0);
    current_thread()->state = THREAD_DEAD;
    reschedule(LEAVE_BLOCKED);
    panic("sched:dead thread runs");
}

u64 idle_ns(void)
{
    return this_cpu()->idle.cpu_ns;
}

/* ---- Threads ---- */

bool thread_init(struct thread *t, u16 id, const char *name, int priority, void (*body)(void *), void *argument)
{
    t->stack_base = window_alloc(STACK_PAGES);
    if (!t->stack_base)
        return false;
    t->stack_top = (u64)t->stack_base + STACK_PAGES * PAGE_BYTES;
    u64 *frame = (u64 *)t->stack_top - 9; /* what thread_switch pops: r15 r14 r13 r12 rbp rbx, then the return address */
    frame[4] = (u64)argument;
    frame[5] = (u64)body;
    frame[6] = (u64)thread_start;
    t->stack = (u64)frame;
    *(u16 *)&t->fx[0] = 0x37f;   /* x87 control word and MXCSR as after reset */
    *(u32 *)&t->fx[24] = 0x1f80;
    t->id = id;
    t->name = name;
    t->priority = (signed char)priority;
    t->state = THREAD_BLOCKED;
    return true;
}

void thread_free(struct thread *t)
{
    window_free(t->stack_base, STACK_PAGES);
}

void sched_init(void)
{
    struct cpu *cpu = this_cpu();
    for (u32 p = 0; p < PRIORITIES; p++)
        queues[p].next = queues[p].previous = &queues[p];
    cpu->idle.name = "idle";
    cpu->idle.priority = -1;
    cpu->idle.state = THREAD_RUNNING;
    cpu->armed_ns = cpu->idle_wake_ns = NEVER;
}

/* The clock starts at 0: what was accounted and armed before it is void. */
void sched_start(void)
{
    struct cpu *cpu = this_cpu();
    time_start();
    cpu->since_ns = 0;
    cpu->current->cpu_ns = cpu->idle.cpu_ns = 0;
    cpu->current->irqs = cpu->current->dispatches = 0;
    random_seed(&jitter, scenario()->jitter_seed, 0, 0, STREAM_JITTER);
    cpu->quantum_end_ns = scenario()->quantum_ns;
    cpu->armed_ns = NEVER;
    set_timer(cpu, 0);
}

/* Halting makes QEMU's two threads meet, which costs the host as much as executing some 400 us of no-operations: when the
 * next interrupt is nearer than that, wait for it running. Virtual time is the same either way. */
static void idle_wait(struct cpu *cpu)
{
    if (cpu->armed_ns == NEVER || cpu->armed_ns > clock_ns() + IDLE_SPIN_NS) {
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
    for (;;) {
        interrupts_off();
        if (this_cpu()->resched)
            sched_preempt();
        if (trace_half_full())
            rendezvous();
        idle_wait(this_cpu());
    }
}
