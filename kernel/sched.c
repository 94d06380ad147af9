/* The scheduler: docs/explanation/scheduler.md and "Segments and points".
 *
 * Everything here runs under LOCK_KERNEL, a switch included: who is switched to releases what the one before took.
 * Invariants: a READY thread is in exactly the queue of its priority, and its context is saved; bit p of ready_map is set
 * exactly when queue p is not empty; a processor's timer is armed for the earlier of the running thread's quantum end and
 * its own earliest sleeper. An idle thread is in no queue. */
#include "memory.h"
#include "process.h"
#include "sched.h"

#define WATCHDOG_NS 5000000000ull
#define WATCHED_ABOVE 10
#define IDLE_SPIN_NS 300000
#define IDLE_AWAKE_NS 400000
#define MIN_QUANTUM_NS 10000

enum leave { LEAVE_PREEMPTED, LEAVE_EXPIRED, LEAVE_FOR_GOOD };

static struct thread queues[PRIORITIES];         /* circular, through a head */
static u32 ready_map;
static struct random jitter;                     /* of quanta, if the scenario wants it */
static u64 awake_until_ns;                       /* not to halt before */

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

/* A full quantum or, to try other interleavings, one that random draws shorten, mostly by a lot
 * (docs/explanation/scheduler.md). */
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

static void sleeper_place(struct cpu *cpu, struct thread *t, u32 at)
{
    cpu->sleepers[at] = t;
    t->sleeper = at;
}

static void sleeper_up(struct cpu *cpu, struct thread *t, u32 at)
{
    for (; at > 1 && sooner(t, cpu->sleepers[at / 2]); at /= 2)
        sleeper_place(cpu, cpu->sleepers[at / 2], at);
    sleeper_place(cpu, t, at);
}

static void sleeper_down(struct cpu *cpu, struct thread *t, u32 at)
{
    for (u32 child; (child = at * 2) <= cpu->sleeper_count; at = child) {
        if (child < cpu->sleeper_count && sooner(cpu->sleepers[child + 1], cpu->sleepers[child]))
            child++;
        if (!sooner(cpu->sleepers[child], t))
            break;
        sleeper_place(cpu, cpu->sleepers[child], at);
    }
    sleeper_place(cpu, t, at);
}

static void sleeper_add(struct thread *t)
{
    sleeper_up(t->cpu, t, ++t->cpu->sleeper_count);
}

static void sleeper_remove(struct thread *t)
{
    struct cpu *cpu = t->cpu;
    u32 at = t->sleeper;
    t->sleeper = 0;
    struct thread *last = cpu->sleepers[cpu->sleeper_count--];
    if (last == t)
        return;
    if (at > 1 && sooner(last, cpu->sleepers[at / 2]))
        sleeper_up(cpu, last, at);
    else
        sleeper_down(cpu, last, at);
}

static struct thread *sleeper_due(const struct cpu *cpu, u64 now)
{
    return cpu->sleeper_count && cpu->sleepers[1]->deadline_ns <= now ? cpu->sleepers[1] : NULL;
}

u8 sched_sleepers(void)
{
    u32 count = this_cpu()->sleeper_count;
    return count > 255 ? 255 : (u8)count;
}

/* ---- Timer ---- */

/* Of the processor that this runs on; the deadline of one that is taken out elsewhere passes without effect. */
static void set_timer(struct cpu *cpu)
{
    u64 deadline = cpu->current == &cpu->idle ? NEVER : cpu->quantum_end_ns;
    if (cpu->sleeper_count && cpu->sleepers[1]->deadline_ns < deadline)
        deadline = cpu->sleepers[1]->deadline_ns;
    cpu->wanted_ns = deadline;
}

void sched_follow_up(struct cpu *cpu)
{
    if (cpu->current == &cpu->idle && cpu->blocked_ns) {
        cpu->idle_locked_ns = clock_ns() - cpu->blocked_ns;
        cpu->blocked_ns = 0;
    }
    for (; cpu->kicks; cpu->kicks &= cpu->kicks - 1)
        smp_kick((u32)__builtin_ctz(cpu->kicks));
    if (cpu->wanted_ns == cpu->armed_ns)
        return;
    cpu->armed_ns = cpu->wanted_ns;
    timer_arm(clock_ns(), cpu->armed_ns);
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

/* ---- Choosing a processor ---- */

/* Where a thread that became ready is to run: the processor whose thread is least urgent (idle is least of all); of idle
 * ones that on which it ran last, if it is one of them, else the one of the lowest id. */
static struct cpu *least_urgent(const struct thread *t)
{
    if (t->cpu->claim < 0)
        return t->cpu;
    struct cpu *best = cpus[0];
    for (u32 i = 1; i < cpu_count; i++)
        if (cpus[i]->claim < best->claim)
            best = cpus[i];
    return best;
}

/* A thread was queued: one processor, at most, is told. */
static void claim_processor(struct thread *t)
{
    struct cpu *cpu = least_urgent(t);
    if (t->priority <= cpu->claim)
        return;
    cpu->claim = t->priority;
    cpu->resched = true;
    if (cpu != this_cpu())
        this_cpu()->kicks |= 1u << cpu->id;
}

/* ---- Switching ---- */

static void leave_current(struct cpu *cpu, u64 now, enum leave why)
{
    struct thread *t = cpu->current;
    if (t == &cpu->idle || why == LEAVE_FOR_GOOD)
        return;
    t->ready_ns = now;
    if (why == LEAVE_EXPIRED) {
        queue_tail(t);
        return;
    }
    t->quantum_left_ns = cpu->quantum_end_ns > now ? cpu->quantum_end_ns - now : 0;
    queue_head(t);
}

static void note_wait(struct cpu *cpu, const struct thread *t, u64 now)
{
    if (t == &cpu->idle)
        return;
    u64 waited = now - t->ready_ns;
    cpu->ready_wait.count++;
    cpu->ready_wait.total_ns += waited;
    if (waited > cpu->ready_wait.longest_ns)
        cpu->ready_wait.longest_ns = waited;
}

/* The switch instant is `now`: CPU time before it is the outgoing thread's, after it the incoming one's. */
static void reschedule(enum leave why)
{
    struct cpu *cpu = this_cpu();
    struct thread *from = cpu->current;
    if (from == &cpu->idle && cpu->idle_wake_ns != NEVER) /* before the switch instant, so that idle pays for it */
        trace_measure(M_TIMER, (u32)cpu->idle_locked_ns, clock_ns() - cpu->idle_wake_ns);
    cpu->idle_wake_ns = NEVER;
    if (from->state == THREAD_DEAD) {
        why = LEAVE_FOR_GOOD;
        launcher_wake(); /* it can be freed now */
    }
    u64 now = clock_ns();
    leave_current(cpu, now, why);
    struct thread *to = queue_take(cpu);
    cpu->resched = false;
    cpu->claim = to->priority;
    cpu->quantum_end_ns = now + to->quantum_left_ns;
    to->state = THREAD_RUNNING;
    if (to == from) {
        set_timer(cpu);
        return;
    }
    from->cpu_ns += now - cpu->since_ns;
    cpu->since_ns = now;
    cpu->current = to;
    if (to != &cpu->idle)
        cpu->blocked_ns = 0;
    note_wait(cpu, to, now);
    from->on_cpu = false;
    to->on_cpu = true;
    to->cpu = cpu;
    to->dispatches += to->dispatches != 255;
    set_timer(cpu);
    if (to->process)
        space_use(&to->process->space);
    else if (cpu_count > 1) /* an address space is in use where its process runs, nowhere else */
        space_use(NULL);
    cpu_set_stack(to->stack_top);
    thread_switch(from, to);
}

void sched_preempt(void)
{
    struct cpu *cpu = this_cpu();
    bool dead = cpu->current->state == THREAD_DEAD;
    cpu->resched = false;
    cpu->claim = cpu->current->priority;
    if (dead || (ready_map && 31 - __builtin_clz(ready_map) > cpu->current->priority))
        reschedule(LEAVE_PREEMPTED);
}

void thread_ready(struct thread *t)
{
    if (t->state != THREAD_BLOCKED)
        return;
    struct cpu *cpu = this_cpu();
    u64 now = clock_ns();
    t->timed_out = false;
    if (t->sleeper) {
        bool first = t->sleeper == 1;
        sleeper_remove(t);
        if (first && t->cpu == cpu)
            set_timer(cpu);
    }
    t->ready_ns = now;
    queue_tail(t);
    claim_processor(t);
}

bool thread_block(u64 deadline_ns)
{
    struct thread *t = current_thread();
    this_cpu()->blocked_ns = trace_point(P_BLOCK, lock_held_ns(LOCK_KERNEL), 0);
    t->state = THREAD_BLOCKED;
    t->timed_out = false;
    t->deadline_ns = deadline_ns;
    if (deadline_ns != NEVER)
        sleeper_add(t);
    reschedule(LEAVE_FOR_GOOD);
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
    if (cpu->current == &cpu->idle && sleeper_due(cpu, now))
        cpu->idle_wake_ns = cpu->sleepers[1]->deadline_ns;
    for (struct thread *t; (t = sleeper_due(cpu, now));) {
        sleeper_remove(t);
        t->timed_out = true;
        t->ready_ns = now;
        queue_tail(t);
        claim_processor(t);
    }
    watchdog(now);
    struct thread *t = cpu->current;
    if (t != &cpu->idle && now >= cpu->quantum_end_ns) {
        if (ready_map >> t->priority & 1) {
            reschedule(LEAVE_EXPIRED);
            return;
        }
        cpu->quantum_end_ns = now + fresh_quantum();
    }
    if (!cpu->resched)
        set_timer(cpu);
}

void sched_timer_stop(void)
{
    struct cpu *cpu = this_cpu();
    cpu->armed_ns = NEVER;
    timer_arm(0, NEVER);
}

void sched_timer_restart(void)
{
    struct cpu *cpu = this_cpu();
    set_timer(cpu);
    if (smp_is_late(cpu) && cpu->late_ns < cpu->wanted_ns)
        cpu->wanted_ns = cpu->late_ns;
}

void thread_kill(struct thread *t)
{
    KERNEL_ASSERT(t != current_thread(), "sched:killing itself");
    if (t->sleeper)
        sleeper_remove(t);
    if (t->state == THREAD_READY)
        queue_remove(t);
    t->state = THREAD_DEAD;
    if (t->on_cpu) {
        t->cpu->resched = true;
        this_cpu()->kicks |= 1u << t->cpu->id;
    }
    set_timer(this_cpu());
}

void thread_exit(void)
{
    trace_point(P_EXIT, 0, 0);
    current_thread()->state = THREAD_DEAD;
    reschedule(LEAVE_FOR_GOOD);
    panic("sched:dead thread runs");
}

u64 idle_ns(void)
{
    u64 flags = service_begin(), now = clock_ns(), sum = 0;
    for (u32 i = 0; i < cpu_count; i++) {
        const struct cpu *cpu = cpus[i];
        sum += cpu->idle.cpu_ns + (cpu->current == &cpu->idle ? now - cpu->since_ns : 0);
    }
    service_end(flags);
    return sum;
}

struct ready_wait sched_ready_wait(void)
{
    struct ready_wait sum = { 0 };
    u64 flags = service_begin();
    for (u32 i = 0; i < cpu_count; i++) {
        struct ready_wait *one = &cpus[i]->ready_wait;
        sum.count += one->count;
        sum.total_ns += one->total_ns;
        if (one->longest_ns > sum.longest_ns)
            sum.longest_ns = one->longest_ns;
        *one = (struct ready_wait){ 0 };
    }
    service_end(flags);
    return sum;
}

/* ---- Threads ---- */

/* Its kernel stack is as thread_switch pops it: r15 r14 r13 r12 rbp rbx, then the return address. */
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

void sched_init(void)
{
    for (u32 p = 0; p < PRIORITIES; p++)
        queues[p].next = queues[p].previous = &queues[p];
}

void sched_init_cpu(struct cpu *cpu)
{
    cpu->current = &cpu->idle;
    cpu->idle.name = "idle";
    cpu->idle.priority = cpu->claim = -1;
    cpu->idle.state = THREAD_RUNNING;
    cpu->idle.on_cpu = true;
    cpu->idle.cpu = cpu;
    cpu->wanted_ns = cpu->armed_ns = cpu->idle_wake_ns = NEVER;
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
    smp_seed_delays();
    cpu->quantum_end_ns = scenario()->quantum_ns;
    cpu->armed_ns = NEVER;
    set_timer(cpu);
}

void sched_stay_awake(void) { awake_until_ns = clock_ns() + IDLE_AWAKE_NS; }

/* Halting makes QEMU's two threads meet, which costs the host as much as executing some 400 us of no-operations: when the
 * next interrupt is nearer than that, wait for it running. Virtual time is the same either way; not so with several
 * processors, which would have to wait. */
static void idle_wait(struct cpu *cpu)
{
    u64 now = clock_ns();
    bool near = cpu->armed_ns != NEVER && cpu->armed_ns <= now + IDLE_SPIN_NS;
    if (cpu_count > 1 || (!near && now >= awake_until_ns)) {
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
    for (kernel_leave();;) {
        if (this_cpu()->resched && !smp_is_late(this_cpu())) {
            kernel_enter();
            kernel_leave();
        }
        trace_drain_early();
        idle_wait(this_cpu());
    }
}
