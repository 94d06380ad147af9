/* The verdict: whether anything failed, and whether memory in use returned to the baseline. */
#include "core/heap.h"
#include "core/page.h"
#include "drivers/rendezvous.h"
#include "experiment/failure.h"
#include "experiment/integration.h"
#include "experiment/profile.h"
#include "experiment/scenario.h"
#include "experiment/stress.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"
#include "store/disk.h"

static bool failed;
static u64 baseline_pages, baseline_heap;

void verdict_fail_if(bool condition) { failed |= condition; }

void verdict_take_baseline(void)
{
    heap_trim();
    baseline_pages = pages_used();
    baseline_heap = heap_bytes();
}

void verdict_trace_baseline(void)
{
    trace_measure(M_BASELINE, (u32)baseline_heap, baseline_pages);
}

void stop_for_good(enum run_state state)
{
    interrupts_off();
    trace_state(state);
    for (;;)
        rendezvous_write();
}

void verdict_finish(void)
{
    while (!disk_close())
        launcher_sleep(clock_ns() + SECOND_NS / 1000);
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
