/* The reporter's thread: a snapshot each second. */
#include "arch/time.h"
#include "core/heap.h"
#include "core/page.h"
#include "core/sched.h"
#include "experiment/profile.h"
#include "experiment/scenario.h"
#include "experiment/stress.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"
#include "store/disk.h"

struct thread reporter_thread;
static bool done; /* the last whole second is reported */

bool reporter_done(void) { return done; }

void reporter_start(void)
{
    done = scenario()->duration_ns < SECOND_NS;
    thread_ready(&reporter_thread);
}

static u64 packed_ns(u64 total, u64 longest)
{
    return PACK(total > 0xffffffff ? 0xffffffff : total, longest > 0xffffffff ? 0xffffffff : longest);
}

/* Waiting times of threads in the second that ends: for locks, and for a CPU. */
static void measure_contention(void)
{
    for (u32 id = 0; id < LOCKS; id++) {
        struct lock_use use = lock_use(id);
        u64 held = packed_ns(cycles_ns(use.held), cycles_ns(use.longest_held));
        u64 waited = packed_ns(cycles_ns(use.waited), cycles_ns(use.longest_waited));
        if (lock_timed(id))
            trace_measure(M_LOCK_HOLD, PACK8(id, use.taken), held);
        if (use.contended)
            trace_measure(M_LOCK_WAIT, PACK8(id, use.contended), waited);
    }
    struct ready_wait wait = sched_ready_wait();
    trace_measure(M_READY_WAIT, wait.count, packed_ns(wait.total_ns, wait.longest_ns));
}

static void snapshot(u64 second_ns, u64 idle)
{
    u64 whole = (u64)cpu_count * SECOND_NS, used = pages_used();
    trace_measure(M_IDLE, 0, idle);
    trace_measure(M_PAGES, (u32)pages_allocations(), used);
    trace_measure(M_HEAP, (u32)heap_allocations(), heap_bytes());
    trace_measure(M_FREE_BLOCK, (u32)pages_free(), pages_largest_run());
    disk_snapshot();
    measure_contention();
    u64 busy_percent = idle >= whole ? 0 : (whole - idle + whole / 200) * 100 / whole;
    struct second ended = profile_second(stress_latency());
    print_line("RAYOS_SOAK:METRICS_SNAPSHOT:%llu:%llu:%u:%u", busy_percent, used * (PAGE_BYTES / 1024), ended.p99_us,
               ended.flips);
    trace_point(P_SNAPSHOT, 0, 0);
    profile_memory();
    stress_second(second_ns, ended, busy_percent);
}

/* With SMP the launcher may have reaped all clients before the last second is reported: it waits for this. */
static void end_reports(void)
{
    u64 flags = service_begin();
    done = true;
    launcher_wake();
    service_end(flags);
}

void reporter_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    u64 idle_before = 0;
    for (u64 second_ns = SECOND_NS;; second_ns += SECOND_NS) {
        u64 flags = service_begin();
        while (clock_ns() < second_ns)
            thread_block(second_ns > scenario()->duration_ns ? NEVER : second_ns);
        service_end(flags);
        flush_all(); /* QEMU resizes its TLB only at a full flush: once a second keeps it large enough */
        snapshot(second_ns, idle_ns() - idle_before);
        idle_before = idle_ns();
        if (second_ns + SECOND_NS > scenario()->duration_ns)
            end_reports();
    }
}
