/* The launcher (starts and ends clients, decides the verdict) and the reporter (a snapshot each second). */
#include "process.h"
#include "integration.h"

#define SECOND 1000000000ull
#define PRIORITY_LAUNCHER 25
#define PRIORITY_REPORTER 30
#define PRIORITY_HOG 22
#define KILL_AFTER_NS (2 * SECOND)      /* past the end, clients still there are killed */
#define GIVE_UP_AFTER_NS (4 * SECOND)   /* past the end, sockets the compositor still holds count as leaked */

struct thread compositor_thread, launcher_thread, reporter_thread;
static struct thread hog_thread;

static struct { u64 spawn_ns; u32 generation; } plan[MAX_CLIENTS]; /* spawn_ns NEVER: alive, or not to come again */
static u32 alive;
static bool reported; /* the last whole second */
static bool failed, wake_pending, provoked;
static u64 baseline_pages, baseline_heap;

void launcher_wake(void)
{
    wake_pending = true;
    thread_ready(&launcher_thread);
}

/* Sleeps until the deadline or a launcher_wake, also one that came while the launcher was running. */
static void sleep_until(u64 deadline_ns)
{
    u64 flags = service_begin();
    if (!wake_pending && clock_ns() < deadline_ns)
        thread_block(deadline_ns);
    wake_pending = false;
    service_end(flags);
}

/* ---- Provocations: each proves that a detector works ---- */

static void hog(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    for (;;)
        __asm__ volatile(".rept 64; nop; .endr");
}

static void provoke(void)
{
    u32 what = scenario()->provoke;
    if (provoked || clock_ns() < SECOND || !what)
        return;
    provoked = true;
    if (what == PROVOKE_PANIC)
        panic("provoked");
    if (what == PROVOKE_LEAK && !(page_alloc() && kalloc(64, "provoked leak")))
        panic("provoked leak:no memory");
    if (what == PROVOKE_HANG) {
        KERNEL_ASSERT(thread_init(&hog_thread, 4, "hog", PRIORITY_HOG, hog, NULL), "provoked hang:no memory");
        u64 flags = service_begin();
        thread_ready(&hog_thread);
        service_end(flags);
    }
}

/* ---- Launcher ---- */

static void make_plan(void)
{
    for (u32 client = 0; client < scenario_clients(); client++) {
        const struct image_group *g = scenario_group(client);
        u64 at = g->start_ns + (client - g->first_client) * g->stagger_ns;
        plan[client].spawn_ns = at < scenario()->duration_ns ? at : NEVER;
    }
}

/* Earliest to come (lowest id among equals). */
static u32 next_client(void)
{
    u32 best = 0;
    for (u32 client = 1; client < scenario_clients(); client++)
        if (plan[client].spawn_ns < plan[best].spawn_ns)
            best = client;
    return best;
}

static void spawn(u32 client)
{
    u64 duration = scenario()->duration_ns, lifetime = scenario_group(client)->lifetime_ns, now = clock_ns();
    u64 end = lifetime && now + lifetime < duration ? now + lifetime : duration;
    plan[client].spawn_ns = NEVER;
    heap_refill(); /* so that no client's requests wait for pages, the first one's no more than another's */
    if (!process_spawn(client, plan[client].generation, end)) {
        print_line("RAYOS_DIAG:spawn:client %u out of memory", client);
        failed = true;
        return;
    }
    alive++;
    trace_measure(M_CLIENT_CREATED, client, plan[client].generation);
    print_line("RAYOS_SOAK:CLIENT_CREATED:%u", client);
    trace_point(P_SPAWN, 0, client);
}

static void plan_successor(u32 client, u64 delay_ns)
{
    u64 at = clock_ns() + delay_ns;
    if (at >= scenario()->duration_ns)
        return;
    plan[client].generation++;
    plan[client].spawn_ns = at;
    if (!failure_open(client))
        return;
    failure_recovering(client);
    trace_point(P_RECOVER, client, 0);
}

static void reap(struct process *p)
{
    u32 client = p->client, reason = p->reason;
    u64 before = pages_used();
    process_free(p);
    alive--;
    failed |= reason != 0 && !failure_open(client);
    trace_measure(M_CLIENT_DESTROYED, client, reason);
    print_line("RAYOS_SOAK:CLIENT_DESTROYED:%u", client);
    trace_point(P_REAP, client, before - pages_used());
    if (scenario_group(client)->lifetime_ns || (reason && scenario()->respawn_ns))
        plan_successor(client, reason ? scenario()->respawn_ns : 0);
}

static void start(void)
{
    sleep_until(NEVER); /* until main has seen the compositor wait */
    heap_trim();
    baseline_pages = pages_used();
    baseline_heap = heap_bytes();
    profile_start();
    u64 flags = service_begin();
    sched_start();
    trace_state(STATE_RUNNING);
    trace_measure(M_BASELINE, (u32)baseline_heap, baseline_pages);
    print_line("RAYOS_SOAK:START:%u:%llu", scenario_clients(), scenario()->duration_ns / SECOND);
    integration_start();
    stress_start();
    make_plan();
    reported = scenario()->duration_ns < SECOND;
    failed = !load_start();
    thread_ready(&reporter_thread);
    failure_start();
    remote_start();
    socket_start();
    service_end(flags);
}

[[noreturn]] static void stop_for_good(enum run_state state)
{
    interrupts_off();
    trace_state(state);
    for (;;)
        rendezvous_write();
}

[[noreturn]] static void finish(void)
{
    while (!disk_close())
        sleep_until(clock_ns() + SECOND / 1000);
    heap_release_withheld();
    heap_trim();
    i64 pages = (i64)(pages_used() - baseline_pages), heap = (i64)(heap_bytes() - baseline_heap);
    trace_measure(M_PAGES_PEAK, 0, pages_peak());
    trace_measure(M_LEAK, (u32)heap, (u64)pages);
    bool all_left = !failed;
    if (pages || heap) {
        print_line("RAYOS_DIAG:leak:%lld pages %lld heap bytes", pages, heap);
        failed = true;
    }
    failed |= !integration_finish(all_left, pages, heap);
    profile_report();
    failed = !failure_finish(failed);
    stress_report(!failed);
    print_line("RAYOS_SOAK:COMPLETE:%s", failed ? "fail" : "pass");
    stop_for_good(STATE_DONE);
}

/* NEVER: power stays. */
static u64 power_cut(void)
{
    return scenario()->power_cut_ns ? scenario()->power_cut_ns : NEVER;
}

static u64 launcher_deadline(bool killed)
{
    u64 deadline = plan[next_client()].spawn_ns, end = scenario()->duration_ns;
    u64 closing = end + (killed ? GIVE_UP_AFTER_NS : KILL_AFTER_NS);
    if (scenario()->provoke && !provoked && deadline > SECOND)
        deadline = SECOND;
    if (load_processes() && clock_ns() < end && deadline > end)
        deadline = end;
    deadline = deadline < power_cut() ? deadline : power_cut();
    return deadline < closing ? deadline : closing;
}

void launcher_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    start();
    u64 end = scenario()->duration_ns;
    for (bool killed = false;;) {
        provoke();
        if (clock_ns() >= power_cut())
            stop_for_good(STATE_POWER_CUT);
        for (struct process *p; (p = process_next_dead());) {
            bool crashed = p->reason == 1;
            if (load_reap(p))
                failed |= crashed;
            else
                reap(p);
        }
        for (u32 client; plan[client = next_client()].spawn_ns <= clock_ns();)
            spawn(client);
        u64 now = clock_ns();
        failed |= !load_adjust(now >= end);
        if (now >= end && reported && !alive && !load_processes() && (!socket_live() || now >= end + GIVE_UP_AFTER_NS))
            finish();
        if (now >= end + KILL_AFTER_NS && !killed) {
            killed = true;
            for (u32 client = 0; client < scenario_clients(); client++)
                process_kill(client, 2);
            load_kill();
        }
        sleep_until(launcher_deadline(killed));
    }
}

/* ---- Reporter ---- */

static u64 packed_ns(u64 total, u64 longest)
{
    return PACK(total > 0xffffffff ? 0xffffffff : total, longest > 0xffffffff ? 0xffffffff : longest);
}

/* What threads waited for in the second that ends: locks, and a processor. */
static void measure_contention(void)
{
    for (u32 id = 0; id < LOCKS; id++) {
        struct lock_use use = lock_use(id);
        if (lock_timed(id))
            trace_measure(M_LOCK_HOLD, PACK8(id, use.taken), packed_ns(cycles_ns(use.held), cycles_ns(use.longest_held)));
        if (use.contended)
            trace_measure(M_LOCK_WAIT, PACK8(id, use.contended), packed_ns(cycles_ns(use.waited), cycles_ns(use.longest_waited)));
    }
    struct ready_wait wait = sched_ready_wait();
    trace_measure(M_READY_WAIT, wait.count, packed_ns(wait.total_ns, wait.longest_ns));
}

static void snapshot(u64 second, u64 idle)
{
    u64 whole = (u64)cpu_count * SECOND;
    u64 used = pages_used();
    trace_measure(M_IDLE, 0, idle);
    trace_measure(M_PAGES, (u32)pages_allocations(), used);
    trace_measure(M_HEAP, (u32)heap_allocations(), heap_bytes());
    trace_measure(M_FREE_BLOCK, (u32)pages_free(), pages_largest_run());
    disk_snapshot();
    measure_contention();
    u64 busy_percent = idle >= whole ? 0 : (whole - idle + whole / 200) * 100 / whole;
    struct second ended = profile_second(stress_latency());
    print_line("RAYOS_SOAK:METRICS_SNAPSHOT:%llu:%llu:%u:%u", busy_percent, used * (PAGE_BYTES / 1024), ended.p99_us, ended.flips);
    trace_point(P_SNAPSHOT, 0, 0);
    profile_memory();
    stress_second(second, ended, busy_percent);
}

/* On another processor the launcher may be done with the clients before the last second is reported. */
static void end_reports(void)
{
    u64 flags = service_begin();
    reported = true;
    launcher_wake();
    service_end(flags);
}

void reporter_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    u64 idle_before = 0;
    for (u64 second = SECOND;; second += SECOND) {
        u64 flags = service_begin();
        while (clock_ns() < second)
            thread_block(second > scenario()->duration_ns ? NEVER : second);
        service_end(flags);
        flush_all(); /* that is when QEMU makes its TLB as large as has turned out to be of use */
        snapshot(second, idle_ns() - idle_before);
        idle_before = idle_ns();
        if (second + SECOND > scenario()->duration_ns)
            end_reports();
    }
}
