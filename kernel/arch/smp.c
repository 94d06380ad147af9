/* SMP: starting processors, requests between them, and bringing all of them to a stop.
 *
 * A request is a bit in the receiver's `requests`, and an IPI. The receiver carries it out and clears the bit, in the
 * interrupt or, if it spins on a lock with interrupts off, in that loop: a request never waits for a lock. */
#include "arch/smp.h"
#include "arch/cpu.h"
#include "arch/time.h"
#include "arch/vm.h"
#include "experiment/scenario.h"

#define TRAMPOLINE 0x8000ull        /* boot.S; below everything the page allocator was given */
#define IPI_FIXED 0x4000u
#define IPI_INIT 0x4500u
#define IPI_STARTUP 0x4600u
#define IPI_NMI_OTHERS 0xc4400u
#define START_CYCLES 2000000000ull  /* after which a CPU counts as missing */
#define STOP_CYCLES 10000000ull
#define MAX_IPI_DELAY_NS 100000

struct cpu *cpus[MAX_CPUS];
u32 cpu_count;
struct ap_start ap_start;           /* of the CPU being started */

extern const u8 trampoline[], trampoline_end[];

void smp_kick(u32 cpu)
{
    apic_send(cpu, IPI_FIXED | VECTOR_RESCHEDULE);
}

/* ---- Delayed IPIs, to try other interleavings (docs/explanation/scheduler.md) ---- */

void smp_seed_delays(void)
{
    for (u32 i = 0; i < cpu_count; i++)
        random_seed(&cpus[i]->delays, scenario()->ipi_delay_seed, i, 0, STREAM_IPI_DELAY);
}

/* 0: the IPI is not delayed. */
static u64 next_delay_ns(void)
{
    return scenario()->ipi_delay_seed ? (u64)random_next(&this_cpu()->delays) * MAX_IPI_DELAY_NS >> 32 : 0;
}

bool smp_is_late(const struct cpu *cpu)
{
    return cpu->resched && clock_ns() < cpu->late_ns;
}

/* The CPU continues. If it enters the kernel before the timer interrupts, it sees `resched`, so that nothing is lost
 * when the timer is then set to another deadline. */
bool smp_postpone(void)
{
    struct cpu *cpu = this_cpu();
    if (smp_is_late(cpu))
        return true;
    u64 delay = next_delay_ns(), now = clock_ns();
    if (!delay || !cpu->resched)
        return false;
    cpu->late_ns = now + delay;
    if (cpu->late_ns < cpu->armed_ns) {
        cpu->armed_ns = cpu->late_ns;
        timer_arm(now, cpu->late_ns);
    }
    return true;
}

/* ---- Requests ---- */

static void park(void)
{
    apic_allow_above(VECTOR_TIMER | 0xf); /* other interrupts stay pending */
    while (__atomic_load_n(&this_cpu()->requests, __ATOMIC_ACQUIRE) & REQUEST_PARK) {
        this_cpu()->parked = true;
        halt();                           /* until VECTOR_RESUME */
    }
    this_cpu()->parked = false;
    apic_allow_above(0);
}

void smp_answer(void)
{
    struct cpu *cpu = this_cpu();
    u32 requests = __atomic_load_n(&cpu->requests, __ATOMIC_ACQUIRE);
    if (requests & REQUEST_FLUSH) {
        flush_all();
        __atomic_and_fetch(&cpu->requests, ~REQUEST_FLUSH, __ATOMIC_RELEASE);
    }
    if (requests & REQUEST_PARK)
        park();
}

static void ask_others(u32 request)
{
    for (u32 i = 0; i < cpu_count; i++) {
        if (cpus[i] == this_cpu())
            continue;
        __atomic_or_fetch(&cpus[i]->requests, request, __ATOMIC_RELEASE);
        apic_send(i, IPI_FIXED | VECTOR_REQUEST);
    }
}

/* Delays a request, with an ipi_delay_seed. The delay is on the sender's side: it waits for the answer anyway. */
static void delay_request(void)
{
    u64 delay = next_delay_ns();
    for (u64 from = delay ? clock_ns() : 0; delay && clock_ns() - from < delay; relax())
        smp_answer();
}

void smp_flush_others(void)
{
    delay_request();
    ask_others(REQUEST_FLUSH);
    for (u32 i = 0; i < cpu_count; i++)
        while (cpus[i] != this_cpu() && __atomic_load_n(&cpus[i]->requests, __ATOMIC_ACQUIRE) & REQUEST_FLUSH) {
            smp_answer();
            relax();
        }
}

/* ---- Stopping all CPUs ---- */

void smp_park_others(void)
{
    if (cpu_count == 1)
        return;
    for (u32 i = 0; i < cpu_count; i++)
        cpus[i]->parked = false;          /* may still be true from the last time */
    ask_others(REQUEST_PARK);
    for (u32 i = 0; i < cpu_count; i++)
        while (cpus[i] != this_cpu() && !__atomic_load_n(&cpus[i]->parked, __ATOMIC_ACQUIRE))
            relax();
    for (u32 i = 0; i < 4; i++) /* time between setting `parked` and halting */
        relax();
}

void smp_resume_others(void)
{
    for (u32 i = 0; i < cpu_count; i++) {
        if (cpus[i] == this_cpu())
            continue;
        __atomic_and_fetch(&cpus[i]->requests, ~REQUEST_PARK, __ATOMIC_RELEASE);
        apic_send(i, IPI_FIXED | VECTOR_RESUME);
    }
}

void smp_stop_others(void)
{
    if (cpu_count < 2)
        return;
    apic_send(0, IPI_NMI_OTHERS);
    for (u64 from = read_tsc(); read_tsc() - from < STOP_CYCLES;)
        relax();
}

/* ---- Starting ---- */

/* First C code of a further CPU; becomes its idle thread. */
void smp_main(struct cpu *cpu)
{
    cpu_init(cpu);
    apic_init();
    __atomic_store_n(&cpus[cpu->id], cpu, __ATOMIC_RELEASE);
    lock_acquire(LOCK_KERNEL);
    sched_idle();
}

static void start(u32 id)
{
    struct cpu *cpu = page_alloc_run(pages_for(sizeof *cpu));
    u8 *stack = window_alloc(STACK_PAGES);
    u64 *root = root_create();
    KERNEL_ASSERT(cpu && stack && root && cpu_allocate(cpu), "boot:memory");
    cpu->id = (u8)id;
    cpu->root = root;
    sched_init_cpu(cpu);
    ap_start = (struct ap_start){ direct_physical(root), (u64)(stack + STACK_PAGES * PAGE_BYTES), cpu };
    apic_send(id, IPI_INIT);
    apic_send(id, IPI_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
    for (u64 from = read_tsc(); !__atomic_load_n(&cpus[id], __ATOMIC_ACQUIRE); relax())
        if (read_tsc() - from > START_CYCLES)
            panic_format("boot:cpu %u does not start", id);
    cpu_count = id + 1;
}

void smp_start(u32 count)
{
    if (count > 1)
        memcpy(direct(TRAMPOLINE), trampoline, (size_t)(trampoline_end - trampoline));
    for (u32 id = 1; id < count; id++)
        start(id);
}
