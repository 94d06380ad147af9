/* The trace ring in an arena at DIRECT_BASE: kept records, order, wrapping, the rendezvous when it is full. */
#define _GNU_SOURCE
#include "arch/time.h"
#include "core/heap.h"
#include "core/page.h"
#include "core/sched.h"
#include "drivers/rendezvous.h"
#include "experiment/profile.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"
#include "host.h"
#include <sys/mman.h>

#define ARENA (32ull << 20)

static struct cpu cpu;
static u64 now, meetings;

struct cpu *this_cpu(void) { return &cpu; }
u64 clock_ns(void) { return now; }
u64 time_epoch_tsc(void) { return 7; }
u8 sched_sleepers(void) { return 11; }
u64 time_tsc_mult(void) { return 1ull << 32; }
u64 heap_allocations(void) { return 0; }
void print_line(const char *format, ...) { (void)format; }
static const struct image_settings settings = { .warmup_ns = 500, .duration_ns = 1 << 20, .kind = KIND_SOAK };
const struct image_settings *scenario(void) { return &settings; }
static volatile struct trace_header *header(void) { return direct(TRACE_HEADER_PHYS); }

void rendezvous_write(void)
{
    struct trace_record *ring = direct(header()->ring_phys);
    for (u64 i = header()->drained; i < header()->head; i++)
        CHECK(ring[i % header()->ring_records].arg == i);
    meetings++;
}

int main(void)
{
    host_map(ARENA);
    page_init(1 << 20, ARENA);
    cpu.current = &cpu.idle;
    cpu.idle.id = 42;
    trace_header_init();
    trace_init(64, false);
    trace_measure(M_IDLE, 0, 0);
    CHECK(header()->magic == TRACE_MAGIC && header()->ring_records == (4 << 20) / 32 && header()->head == 0);

    trace_state(STATE_RUNNING); /* measurements only: points leave no record, but close segments */
    now = 1000;
    trace_point(P_FLIP, 1, 2);
    CHECK(header()->head == 0 && cpu.since_ns == 1000);
    for (u64 i = 0; i < 3 * header()->ring_records; i++)
        trace_measure(M_FLIP, 5, i);
    CHECK(header()->head == 3 * header()->ring_records && meetings == 3);
    trace_drain_early(); /* less than half: not yet */
    CHECK(meetings == 3);
    while (header()->head - header()->drained <= header()->ring_records / 2)
        trace_measure(M_FLIP, 5, header()->head);
    trace_drain_early();
    CHECK(meetings == 4 && header()->drained == header()->head);
    trace_measure(M_COMMIT_TO_PRESENT, 1, 2000000);
    struct second second = profile_second(NULL);
    CHECK(second.flips == (u32)(header()->head - 1) && second.p99_us == 2000);
    static struct histogram sum;
    trace_measure(M_COMMIT_TO_PRESENT, 1, 3000000);
    second = profile_second(&sum);
    CHECK(second.p99_us == 3000 && sum.count == 1 && histogram_quantile(&sum, 500000) == 3000000);
    second = profile_second(NULL);
    CHECK(second.flips == 0 && second.p99_us == 0);

    trace_init(64, true);
    trace_state(STATE_RUNNING);
    u64 head = header()->head;
    cpu.idle.cpu_ns = 50, cpu.idle.irqs = 3, cpu.idle.dispatches = 2;
    now = 1600;
    CHECK(trace_point(P_TAKE, 9, head) == 1600 && header()->head == head + 1);
    struct trace_record *r = &((struct trace_record *)direct(header()->ring_phys))[head % header()->ring_records];
    CHECK(r->time_ns == 1600 && r->cpu_ns == 650 && r->irqs == 3 && r->dispatches == 2 && r->thread == 42 &&
          r->kind == P_TAKE && r->subject == 9 && r->sleepers == 11);
    CHECK(cpu.idle.cpu_ns == 0 && cpu.idle.irqs == 0 && cpu.since_ns == 1600);
    cpu.idle.cpu_ns = 1ull << 40;
    trace_point(P_TAKE, 9, head + 1);
    CHECK(r[1].cpu_ns == 0xffffffff);
    return 0;
}
