/* The life cycle of faults: injection, detection, recovery; their RAYOS_FAILURE lines; the verdict. Under LOCK_KERNEL.
 *
 * A fault is open from its injection until its target serves again: a client when its successor's first frame is on
 * screen, the heap when the object is quarantined, the network when the remote display shows what the server sent, the
 * disk when it has carried out what it refused. Each target has at most one open fault. The injector's thread prints
 * the lines, so that no other thread's work takes longer. */
#include "experiment/failure.h"
#include "core/heap.h"
#include "core/process.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

#define PRIORITY_INJECTOR 28
#define RECOVERY_LIMIT_NS 5000000000ull
#define TARGETS (MAX_CLIENTS + 3)
#define MAX_REPORTS 1024

struct fault { u64 injected_ns, over_ns; u8 kind, variant; bool detected; }; /* kind 0: none is open */
struct line { u16 target; u8 report, kind, detail; };

static struct thread injector_thread;
static struct fault faults[TARGETS];
static u32 open, undetected, unrecovered;      /* now; so far; so far */
static bool cascaded;                          /* a failure without an injected fault was detected */
static struct line lines[MAX_REPORTS];
static u32 lines_added, lines_printed;
static u64 next_scrub_ns = NEVER, next_timeout_ns = NEVER;

static const char *const kinds[] = {
    "none", "client_crash", "memory_corruption", "buffer_exhaustion", "event_queue_overflow", "hang", "hostile_client",
    "deadlock", "network_partition", "disk_error", "disk_outage",
};
static const char *const detections[] = {
    "none", "crash", "kill", "red_zone", "limit", "overflow", "hang", "protocol_error", "deadlock",
    "link_down", "heartbeat", "io_error",
};

static bool watching(void) { return scenario()->kind == KIND_FAILURE; }

/* ---- Lines ---- */

static void report(u32 target, enum report what, u32 detail)
{
    KERNEL_ASSERT(lines_added - lines_printed < MAX_REPORTS, "failure:reports");
    lines[lines_added++ % MAX_REPORTS] = (struct line){ (u16)target, (u8)what, faults[target].kind, (u8)detail };
    thread_ready(&injector_thread);
}

static void print_report(const struct line *line)
{
    static const char *const others[] = { "heap", "network", "disk" };
    char number[8];
    const char *name = number;
    if (line->target >= MAX_CLIENTS)
        name = others[line->target - MAX_CLIENTS];
    else
        print_number(number, line->target);
    switch (line->report) {
    case REPORT_INJECT: print_line("RAYOS_FAILURE:INJECT:%s:%s", kinds[line->kind], name); break;
    case REPORT_DETECTED: print_line("RAYOS_FAILURE:DETECTED:%s:%s", detections[line->detail], name); break;
    case REPORT_RECOVERY_START: print_line("RAYOS_FAILURE:RECOVERY_START:%s", name); break;
    case REPORT_RECOVERY_COMPLETE:
        print_line("RAYOS_FAILURE:RECOVERY_COMPLETE:%s:%s", name, line->detail ? "success" : "timeout");
        break;
    }
}

static bool print_next(void)
{
    u64 flags = service_begin();
    bool any = lines_added != lines_printed;
    struct line line = lines[lines_printed % MAX_REPORTS];
    lines_printed += any;
    service_end(flags);
    if (!any)
        return false;
    print_report(&line);
    trace_point(P_REPORT, line.report, 0);
    return true;
}

/* ---- The life cycle of a fault ---- */

static void close(u32 target, bool success)
{
    undetected += !faults[target].detected;
    unrecovered += !success;
    report(target, REPORT_RECOVERY_COMPLETE, success);
    faults[target] = (struct fault){0};
    open--;
}

void failure_injected(u32 target, u32 kind, u32 variant, u64 lasts_ns)
{
    u64 now = clock_ns(), over = now + lasts_ns;
    faults[target] = (struct fault){ now, over, (u8)kind, (u8)variant, false };
    open++;
    next_timeout_ns = min_u64(next_timeout_ns, over + RECOVERY_LIMIT_NS);
    trace_measure(M_FAULT_INJECTED, FAULT_SUBJECT(target, kind), variant);
    report(target, REPORT_INJECT, 0);
}

void failure_detected(u32 target, enum detection how)
{
    u64 flags = service_begin();
    struct fault *fault = &faults[target];
    if (watching() && !fault->detected) {
        u64 now = clock_ns();
        u64 latency = fault->kind ? now - fault->injected_ns : 0;
        trace_measure(M_FAULT_DETECTED, FAULT_SUBJECT(target, fault->kind), latency);
        report(target, REPORT_DETECTED, how);
        fault->detected = fault->kind != 0;
        cascaded |= !fault->kind;
    }
    service_end(flags);
}

void failure_recovering(u32 target)
{
    u64 flags = service_begin();
    report(target, REPORT_RECOVERY_START, 0);
    service_end(flags);
}

void failure_recovered(u32 target)
{
    u64 flags = service_begin();
    const struct fault *fault = &faults[target];
    if (fault->kind) {
        trace_measure(M_FAULT_RECOVERED, FAULT_SUBJECT(target, fault->kind), clock_ns() - fault->over_ns);
        close(target, true);
    }
    service_end(flags);
}

/* Only the successor's frame counts: a client struck before its first frame may still show that frame. */
void failure_shown(u32 client)
{
    process_serves(client);
    if (faults[client].detected)
        failure_recovered(client);
}

bool failure_open(u32 target) { return faults[target].kind != 0; }
bool failure_is_detected(u32 target) { return faults[target].detected; }

static void time_out(u64 now)
{
    u64 flags = service_begin();
    next_timeout_ns = NEVER;
    for (u32 target = 0; target < TARGETS && open; target++) {
        if (!faults[target].kind)
            continue;
        u64 at = faults[target].over_ns + RECOVERY_LIMIT_NS;
        if (at <= now)
            close(target, false);
        else if (at < next_timeout_ns)
            next_timeout_ns = at;
    }
    service_end(flags);
}

bool failure_finish(bool failed)
{
    if (!watching())
        return !failed;
    time_out(NEVER - 1);
    while (print_next())
        ;
    bool pass = !failed && !cascaded && !undetected && !unrecovered;
    print_line("RAYOS_FAILURE:TEST_COMPLETE:%s", pass ? "pass" : "fail");
    return pass;
}

/* ---- The injector's thread ---- */

static void scrub(u64 now)
{
    while (next_scrub_ns <= now)
        next_scrub_ns += scenario()->scrub_interval_ns;
    trace_point(P_SCRUB, 0, heap_scrub());
}

static void injector_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    for (;;) {
        u64 now = clock_ns();
        if (print_next())
            continue;
        if (faults_next() <= now) {
            faults_strike();
        } else if (next_scrub_ns <= now) {
            scrub(now);
        } else if (next_timeout_ns <= now) {
            time_out(now);
        } else {
            u64 flags = service_begin();
            if (lines_added == lines_printed)
                thread_block(min_u64(min_u64(faults_next(), next_scrub_ns), next_timeout_ns));
            service_end(flags);
        }
    }
}

static void heap_damage(const char *owner, const void *object)
{
    print_line("RAYOS_DIAG:red_zone:%s:%llx", owner, (u64)object);
    failure_detected(FAULT_TARGET_HEAP, DETECTED_RED_ZONE);
    failure_recovered(FAULT_TARGET_HEAP);
}

void failure_start(void)
{
    if (!watching())
        return;
    heap_checked = detector_on(DETECTED_RED_ZONE);
    heap_on_damage = heap_damage;
    faults_start();
    if (scenario()->scrub_interval_ns)
        next_scrub_ns = scenario()->scrub_interval_ns;
    thread_ready(&injector_thread);
}

void failure_init(void)
{
    if (!watching())
        return;
    bool made = thread_init(&injector_thread, THREAD_INJECTOR, "injector", PRIORITY_INJECTOR, injector_main, NULL);
    KERNEL_ASSERT(made, "boot:memory");
}
