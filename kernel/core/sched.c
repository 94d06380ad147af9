/* The scheduler: ready queues, the timer, the choice of a CPU, the context switch. docs/explanation/scheduler.md,
 * "Scheduler policy" and "Segments and points".
 *
 * Everything here runs under LOCK_KERNEL, including a switch: the next thread releases what the previous one acquired.
 * Invariants: a READY thread is in exactly the queue of its priority, and its context is saved; bit p of ready_map is
 * set exactly when queue p is not empty; a CPU's timer is armed for the earlier of the running thread's quantum end and
 * the CPU's earliest sleeper. An idle thread is in no queue. */
#include "arch/cpu.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "arch/vm.h"
#include "core/process.h"
#include "core/sleeper.h"
#include "experiment/scenario.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"

#define WATCHDOG_NS 5000000000ull
#define WATCHED_ABOVE 10
#define MIN_QUANTUM_NS 10000

enum leave { LEAVE_PREEMPTED, LEAVE_EXPIRED, LEAVE_FOR_GOOD };

static struct list queues[PRIORITIES];
static u32 ready_map;
static struct random jitter;                     /* of quanta, with a jitter_seed */

/* ---- Ready queues ---- */

static struct thread *first_of(u32 priority) { return CONTAINER(queues[priority].next, struct thread, link); }

static void queue_insert(struct thread *t, struct list *after)
{
    list_insert_after(after, &t->link);
    ready_map |= 1u << t->priority;
    t->state = THREAD_READY;
}

static void queue_head(struct thread *t) { queue_insert(t, &queues[t->priority]); }

/* A full quantum or, with a jitter_seed, a random one, mostly much shorter (docs/explanation/scheduler.md). */
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
    list_unlink(&t->link);
    if (list_empty(&queues[t->priority]))
        ready_map &= ~(1u << t->priority);
}

static struct thread *queue_take(struct cpu *cpu)
{
    if (!ready_map)
        return &cpu->idle;
    struct thread *t = first_of(31 - (u32)__builtin_clz(ready_map));
    queue_remove(t);
    return t;
}

/* ---- Timer ---- */

/* Of this CPU. The deadline of a sleeper that another CPU removed passes without effect. */
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

/* A ready thread above WATCHED_ABOVE that waits too long: a thread of higher priority does not yield. */
static void watchdog(u64 now)
{
    for (u32 map = ready_map >> (WATCHED_ABOVE + 1) << (WATCHED_ABOVE + 1); map; map &= map - 1) {
        const struct thread *t = first_of((u32)__builtin_ctz(map));
        if (now < t->ready_ns + WATCHDOG_NS)
            continue;
        print_line("RAYOS_DIAG:hang:%s waits for %s", t->name, current_thread()->name);
        panic_format("hang:%s", t->name);
    }
}

/* ---- Choosing a CPU ---- */

/* The CPU for a thread that became ready: the one whose thread has the lowest priority (idle is lowest). Among idle
 * CPUs, the one where the thread last ran, else the one with the lowest id. */
static struct cpu *lowest_cpu(const struct thread *t)
{
    if (t->cpu->claim < 0)
        return t->cpu;
    struct cpu *best = cpus[0];
    for (u32 i = 1; i < cpu_count; i++)
        if (cpus[i]->claim < best->claim)
            best = cpus[i];
    return best;
}

/* A thread was queued: at most one CPU receives an IPI. */
static void claim_cpu(struct thread *t)
{
    struct cpu *cpu = lowest_cpu(t);
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

/* The context switch. Its instant is `now`: earlier CPU time is the outgoing thread's, later the incoming one's. */
static void reschedule(enum leave why)
{
    struct cpu *cpu = this_cpu();
    struct thread *from = cpu->current;
    if (from == &cpu->idle && cpu->idle_wake_ns != NEVER) /* before the switch instant: charged to idle */
        trace_measure(M_TIMER, (u32)cpu->idle_locked_ns, clock_ns() - cpu->idle_wake_ns);
    cpu->idle_wake_ns = NEVER;
    if (from->state == THREAD_DEAD) {
        why = LEAVE_FOR_GOOD;
        launcher_wake(); /* the launcher can free it now */
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
    else if (cpu_count > 1) /* SMP: an address space is loaded only where its process runs */
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
    claim_cpu(t);
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
        claim_cpu(t);
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

/* ---- Setting up ---- */

void sched_init(void)
{
    for (u32 p = 0; p < PRIORITIES; p++)
        list_init(&queues[p]);
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

/* The clock starts at 0: earlier accounting and deadlines are void. */
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
