/* The trace ring (abi.h): points and measurements, kept for the host. LOCK_TRACE protects all of it. */
#include "experiment/trace.h"
#include "arch/time.h"
#include "core/page.h"
#include "core/sched.h"
#include "drivers/rendezvous.h"
#include "experiment/profile.h"

static struct trace_record boot_ring[1];
static struct trace_record *ring = boot_ring;
static u64 mask;
static u64 keep_points, keep_measures; /* 1 while the scenario runs */
static bool points_wanted, wire_wanted;

static volatile struct trace_header *header(void)
{
    return (volatile struct trace_header *)direct(TRACE_HEADER_PHYS);
}

void trace_header_init(void)
{
    *header() = (struct trace_header){ .abi_version = ABI_VERSION, .record_bytes = sizeof(struct trace_record) };
    header()->magic = TRACE_MAGIC;
}

void trace_init(u32 memory_mb, u32 points)
{
    u64 bytes = memory_mb <= 128 ? 4ull << 20 : 8ull << 20;
    ring = page_alloc_run(bytes / PAGE_BYTES);
    KERNEL_ASSERT(ring, "boot:trace ring");
    mask = bytes / sizeof *ring - 1;
    points_wanted = points;
    wire_wanted = points == TRACE_WIRE;
    header()->ring_phys = direct_physical(ring);
    header()->ring_records = mask + 1;
}

void trace_state(enum run_state state)
{
    keep_measures = state == STATE_RUNNING;
    keep_points = state == STATE_RUNNING && points_wanted;
    header()->epoch_tsc = time_epoch_tsc();
    header()->state = state;
}

void trace_framebuffer(u64 physical, u32 width, u32 height)
{
    header()->framebuffer_phys = physical;
    header()->framebuffer_width = width;
    header()->framebuffer_height = height;
}

/* The machine pauses inside; meanwhile the host reads records [drained, head). */
static void rendezvous(void)
{
    rendezvous_write();
    header()->drained = header()->head;
}

/* Always writes. keep 1: the record stays; 0: the next record overwrites it. */
static void record(u64 time_ns, u32 kind, u32 subject, u64 arg, u64 cpu_ns, u32 irqs, u32 dispatches, u64 keep)
{
    u64 head = header()->head;
    struct trace_record *r = &ring[head & mask];
    r->time_ns = time_ns;
    r->arg = arg;
    r->subject = subject;
    r->cpu_ns = cpu_ns > 0xffffffff ? 0xffffffff : (u32)cpu_ns;
    r->kind = (u16)kind;
    r->thread = current_thread()->id;
    r->cpu = this_cpu()->id;
    r->irqs = (u8)irqs;
    r->dispatches = (u8)dispatches;
    r->sleepers = sched_sleepers();
    header()->head = head += keep;
    if (head - header()->drained > mask)
        rendezvous();
}

u64 trace_point(enum trace_kind kind, u32 subject, u64 arg)
{
    u64 flags = lock(LOCK_TRACE), now = clock_ns();
    struct cpu *cpu = this_cpu();
    struct thread *t = cpu->current;
    u64 cpu_ns = t->cpu_ns + (now - cpu->since_ns);
    profile_point(kind, cpu_ns, now);
    record(now, kind, subject, arg, cpu_ns, t->irqs, t->dispatches, keep_points);
    t->cpu_ns = 0;
    t->irqs = t->dispatches = 0;
    cpu->since_ns = now;
    unlock(LOCK_TRACE, flags);
    return now;
}

void trace_measure(enum trace_kind kind, u32 subject, u64 arg)
{
    u64 flags = lock(LOCK_TRACE), now = clock_ns();
    profile_measure(kind, arg, now);
    record(now, kind, subject, arg, 0, 0, 0, keep_measures);
    unlock(LOCK_TRACE, flags);
}

/* The bytes on the wire: a record with the size, then eight bytes per record. */
void trace_wire(enum trace_kind kind, u32 client, const u8 *data, u32 bytes)
{
    if (!wire_wanted)
        return;
    u64 flags = lock(LOCK_TRACE), now = clock_ns();
    record(now, kind, client, bytes, 0, 0, 0, keep_points);
    for (u32 at = 0; at < bytes; at += 8) {
        u64 word = 0;
        memcpy(&word, data + at, bytes - at < 8 ? bytes - at : 8);
        record(now, kind, client, word, 0, 0, 0, keep_points);
    }
    unlock(LOCK_TRACE, flags);
}

static bool half_full(void)
{
    return header()->head - header()->drained > mask / 2;
}

void host_request(enum host_request what, u32 x, u32 y)
{
    u64 flags = lock(LOCK_TRACE);
    header()->request_x = x;
    header()->request_y = y;
    header()->request = what;
    rendezvous();
    header()->request = HOST_NOTHING;
    unlock(LOCK_TRACE, flags);
}

void trace_drain_early(void)
{
    if (!half_full())
        return;
    u64 flags = lock(LOCK_TRACE);
    if (half_full()) /* again, under the lock: another CPU may have drained the ring */
        rendezvous();
    unlock(LOCK_TRACE, flags);
}
