/* The profiler: a latency histogram per operation and the CPU time per point, from the end of warm-up to the scenario's
 * end (client creation, which happens mostly during warm-up: from 0); and the figures of each second for the snapshot.
 * LOCK_TRACE protects it, since it is updated with each trace record. */
#include "experiment/profile.h"
#include "arch/time.h"
#include "core/heap.h"
#include "core/page.h"
#include "core/sched.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

#define FIRST_OPERATION M_COMMIT_TO_PRESENT
enum { OPERATIONS = M_COMPOSITION - FIRST_OPERATION + 1, POINTS = 64, TRIALS = 256 };

static const char *const operation_names[OPERATIONS] = {
    "commit_to_present", "buffer_commit", "event_delivery", "client_creation", "input_round_trip", "composition",
};
static const char *const point_names[POINTS] = {
    [P_BLOCK] = "block", [P_EXIT] = "exit", [P_ENTER] = "enter", [P_SEND] = "send", [P_RECEIVE] = "receive",
    [P_WAKE] = "wake", [P_SHM] = "shm", [P_SHM_FREE] = "shm_free", [P_PIPE] = "pipe", [P_PIPE_IO] = "pipe_io",
    [P_FIRST] = "first", [P_CALL] = "call", [P_TAKE] = "take", [P_REQUEST] = "request", [P_EVENTS] = "events",
    [P_COMPOSITE] = "composite", [P_FLIP] = "flip", [P_VBLANK] = "vblank", [P_INPUT] = "input", [P_PING] = "ping",
    [P_DISCONNECT] = "disconnect", [P_DRAG] = "drag", [P_REPAINT] = "repaint", [P_DEVICE] = "device",
    [P_SPAWN] = "spawn", [P_REAP] = "reap", [P_SNAPSHOT] = "snapshot", [P_PROFILE] = "profile",
};

static struct histogram operations[OPERATIONS], second_latency;
static struct { u64 calls, cpu_ns; } points[POINTS];
static u64 flips;
static u32 second_flips;
static u64 point_cost_ns, measure_cost_ns; /* cost of one record */

static bool profiled(u64 now)
{
    return now >= scenario()->warmup_ns && now < scenario()->duration_ns;
}

void profile_measure(enum trace_kind kind, u64 arg, u64 now)
{
    if (kind == M_FLIP) {
        second_flips++;
        flips += profiled(now);
    }
    if (kind >= FIRST_OPERATION + OPERATIONS)
        return;
    if (kind == M_COMMIT_TO_PRESENT)
        histogram_add(&second_latency, arg);
    if (profiled(now) || (kind == M_CLIENT_CREATION && now < scenario()->duration_ns))
        histogram_add(&operations[kind - FIRST_OPERATION], arg);
}

void profile_point(enum trace_kind kind, u64 cpu_ns, u64 now)
{
    if (!profiled(now))
        return;
    points[kind].calls++;
    points[kind].cpu_ns += cpu_ns;
}

struct second profile_second(struct histogram *sum)
{
    u64 flags = lock(LOCK_TRACE);
    struct second ended = { (u32)(histogram_quantile(&second_latency, 990000) / 1000), second_flips };
    if (sum)
        histogram_merge(sum, &second_latency);
    if (second_latency.count)
        memset(&second_latency, 0, sizeof second_latency);
    second_flips = 0;
    unlock(LOCK_TRACE, flags);
    return ended;
}

/* ---- RAYOS_PERF lines, of scenarios of kind performance ---- */

#define THOUSANDTHS "%llu.%u%u%u"
#define SPLIT(n) (n) / 1000, (u32)((n) / 100 % 10), (u32)((n) / 10 % 10), (u32)((n) % 10)

static bool wanted(void)
{
    return scenario()->kind == KIND_PERFORMANCE;
}

/* Runs before the clock starts, so that nothing of it is kept or counted; therefore it reads the TSC. */
static void measure_instrumentation(void)
{
    u64 flags = service_begin(), start = read_tsc();
    for (u32 i = 0; i < TRIALS; i++)
        trace_point(P_BLOCK, 0, 0);
    u64 between = read_tsc();
    for (u32 i = 0; i < TRIALS; i++)
        trace_measure(M_COMPOSITION, 0, 0);
    u64 end = read_tsc();
    point_cost_ns = (between - start) / TRIALS * time_tsc_mult() >> 32;
    measure_cost_ns = (end - between) / TRIALS * time_tsc_mult() >> 32;
    memset(points, 0, sizeof points);
    memset(operations, 0, sizeof operations);
    service_end(flags);
}

void profile_start(void)
{
    if (!wanted())
        return;
    measure_instrumentation();
    for (u32 i = 0; i < OPERATIONS; i++)
        print_line("RAYOS_PERF:PROFILE_START:%s", operation_names[i]);
}

void profile_memory(void)
{
    if (!wanted())
        return;
    u64 kb = PAGE_BYTES / 1024, free = pages_free(), split = free - pages_largest_run();
    print_line("RAYOS_PERF:MEMORY:%llu:%llu:" THOUSANDTHS, pages_used() * kb, pages_peak() * kb,
               SPLIT(free ? split * 100000 / free : 0));
    trace_point(P_PROFILE, 0, 0);
}

static void report_latency(const char *operation, const struct histogram *h)
{
    static const struct { u32 ppm; const char *percentile; } quantiles[] = {
        { 500000, "50" }, { 950000, "95" }, { 990000, "99" }, { 999000, "99.9" },
    };
    if (!h->count)
        return;
    for (u32 i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        u64 ns = histogram_quantile(h, quantiles[i].ppm);
        print_line("RAYOS_PERF:SAMPLE:%s:" THOUSANDTHS ":%s", operation, SPLIT(ns), quantiles[i].percentile);
    }
    print_line("RAYOS_PERF:REPORT:%s.max:" THOUSANDTHS ":us", operation, SPLIT(h->maximum_ns));
}

static void report_throughput(const char *operation, u64 count, u64 ns)
{
    u64 ms = ns / 1000000;
    print_line("RAYOS_PERF:THROUGHPUT:%s:" THOUSANDTHS, operation, SPLIT(ms ? count * 1000000 / ms : 0));
}

static void report_hot_paths(void)
{
    u64 all = 0;
    for (u32 kind = 0; kind < POINTS; kind++)
        all += points[kind].cpu_ns;
    for (u32 kind = 0; kind < POINTS; kind++) {
        if (!points[kind].calls || !point_names[kind])
            continue;
        u64 each = points[kind].cpu_ns / points[kind].calls;
        u64 share = points[kind].cpu_ns / 1000 * 100000 / (all / 1000 + 1);
        print_line("RAYOS_PERF:REPORT:self_time.%s:" THOUSANDTHS ":us", point_names[kind], SPLIT(each));
        print_line("RAYOS_PERF:REPORT:self_share.%s:" THOUSANDTHS ":%%", point_names[kind], SPLIT(share));
    }
}

void profile_report(void)
{
    if (!wanted())
        return;
    u64 duration = scenario()->duration_ns, measured = duration - scenario()->warmup_ns;
    for (u32 i = 0; i < OPERATIONS; i++)
        report_latency(operation_names[i], &operations[i]);
    report_throughput("frames", flips, measured);
    report_throughput("commits", operations[M_BUFFER_COMMIT - FIRST_OPERATION].count, measured);
    report_throughput("events", operations[M_EVENT_DELIVERY - FIRST_OPERATION].count, measured);
    report_throughput("clients", operations[M_CLIENT_CREATION - FIRST_OPERATION].count, duration);
    report_hot_paths();
    print_line("RAYOS_PERF:REPORT:allocations.pages:%llu:count", pages_allocations());
    print_line("RAYOS_PERF:REPORT:allocations.heap:%llu:count", heap_allocations());
    print_line("RAYOS_PERF:REPORT:instrumentation.point:%llu:ns", point_cost_ns);
    print_line("RAYOS_PERF:REPORT:instrumentation.measurement:%llu:ns", measure_cost_ns);
}
