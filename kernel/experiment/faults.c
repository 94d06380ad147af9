/* Fault injection: the scenario's sources, each of which draws instants, targets and variants from a random stream
 * (docs/explanation/faults.md), and the injection of each kind. Only the injector's thread uses this. */
#include "core/heap.h"
#include "core/process.h"
#include "core/random.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"
#include "store/store.h"

#define MAX_SOURCES 64
#define POSTPONE_NS 10000000ull                /* no target is eligible: try again after this time */

/* The next fault of a source; at_ns NEVER: none. target_draw: a random number. */
struct source { struct random random; u64 at_ns; u32 done, target_draw, variant; };

static struct source sources[MAX_SOURCES];
static u64 rejoin_ns = NEVER;                  /* end of the partition */
static u32 cut_side;
static u64 mend_ns = NEVER;                    /* end of the disk outage */
static enum block_operation refused;           /* the operation that the disk refused last */

static u64 fraction(u64 of, u32 draw) { return (u64)((unsigned __int128)of * draw >> 32); }

static void draw_next(struct source *source, const struct image_fault *fault)
{
    u32 when = random_next(&source->random);
    u32 target = random_next(&source->random);
    u32 which = random_next(&source->random);
    bool any = fault->variant == VARIANT_ANY;
    source->target_draw = target;
    source->variant = any ? (u32)fraction(fault_variants(fault->kind), which) : fault->variant;
    source->at_ns = fault->start_ns + source->done * fault->period_ns + fraction(fault->period_ns, when);
    if (source->done == fault->count || source->at_ns >= fault->end_ns || (source->done && !fault->period_ns))
        source->at_ns = NEVER;
}

void faults_start(void)
{
    for (u32 i = 0; i < scenario_faults(); i++) {
        random_seed(&sources[i].random, scenario()->seed, i, 0, STREAM_FAULTS);
        draw_next(&sources[i], scenario_fault(i));
    }
}

/* The source with the earliest fault; of equal ones the lowest index. */
static u32 next_source(void)
{
    u32 best = 0;
    for (u32 i = 1; i < scenario_faults(); i++)
        if (sources[i].at_ns < sources[best].at_ns)
            best = i;
    return best;
}

u64 faults_next(void)
{
    u64 strike_ns = scenario_faults() ? sources[next_source()].at_ns : NEVER;
    u64 end_ns = rejoin_ns < mend_ns ? rejoin_ns : mend_ns;
    return strike_ns < end_ns ? strike_ns : end_ns;
}

/* In a deadlock one of the two clients survives: both must be able to continue. */
static bool eligible(u32 client, u32 kind)
{
    bool can = kind == FAULT_DEADLOCK ? process_can_continue(client) : process_can_be_struck(client);
    return can && !failure_open(client);
}

/* The first eligible client of the range, cyclically from `from` on; MAX_CLIENTS: none. */
static u32 find_target(const struct image_fault *fault, u32 from)
{
    for (u32 n = 0; n < fault->client_count; n++) {
        u32 client = fault->first_client + (from - fault->first_client + n) % fault->client_count;
        if (eligible(client, fault->kind))
            return client;
    }
    return MAX_CLIENTS;
}

static bool strike_heap(const struct image_fault *fault, u32 draw, u32 variant)
{
    if (failure_open(FAULT_TARGET_HEAP) || !heap_overrun(draw))
        return false;
    failure_injected(FAULT_TARGET_HEAP, fault->kind, variant, 0);
    trace_point(P_INJECT, FAULT_TARGET_HEAP, fault->kind << 4 | variant);
    return true;
}

/* Without a timer: on icount the clock would jump to its deadline while the machine is paused. */
static void ask_host(enum host_request what, u32 x, u32 y)
{
    sched_timer_stop();
    host_request(what, x, y);
    sched_timer_restart();
}

/* variant: the side whose link the host cuts. */
static bool strike_network(const struct image_fault *fault, u32 variant)
{
    if (failure_open(FAULT_TARGET_NETWORK) || rejoin_ns != NEVER)
        return false;
    failure_injected(FAULT_TARGET_NETWORK, fault->kind, variant, fault->duration_ns);
    cut_side = variant;
    rejoin_ns = clock_ns() + fault->duration_ns;
    ask_host(HOST_LINK, cut_side, false);
    trace_point(P_INJECT, FAULT_TARGET_NETWORK, fault->kind << 4 | variant);
    return true;
}

static void rejoin(void)
{
    u64 flags = service_begin();
    rejoin_ns = NEVER;
    ask_host(HOST_LINK, cut_side, true);
    trace_point(P_LINK, cut_side, 1);
    service_end(flags);
}

static bool strike_disk(const struct image_fault *fault, u32 variant)
{
    bool lasts = fault->kind == FAULT_DISK_OUTAGE;
    enum disk_refusal what = (lasts ? REFUSE_READS : REFUSE_READ) + variant;
    u32 block = what == REFUSE_BLOCK ? store_next() : 0;
    if (failure_open(FAULT_TARGET_DISK) || mend_ns != NEVER || (what == REFUSE_BLOCK && !block))
        return false;
    failure_injected(FAULT_TARGET_DISK, fault->kind, variant, lasts ? fault->duration_ns : 0);
    refused = what == REFUSE_READ || what == REFUSE_READS ? BLOCK_READ : BLOCK_WRITE;
    if (lasts)
        mend_ns = clock_ns() + fault->duration_ns;
    ask_host(HOST_DISK, what, block);
    trace_point(P_INJECT, FAULT_TARGET_DISK, fault->kind << 4 | variant);
    return true;
}

static void mend(void)
{
    u64 flags = service_begin();
    mend_ns = NEVER;
    ask_host(HOST_DISK, REFUSE_NOTHING, 0);
    trace_point(P_MEND, 0, 0);
    service_end(flags);
}

void disk_refused(void)
{
    bool first = failure_open(FAULT_TARGET_DISK) && !failure_is_detected(FAULT_TARGET_DISK);
    failure_detected(FAULT_TARGET_DISK, DETECTED_IO_ERROR);
    if (first)
        failure_recovering(FAULT_TARGET_DISK);
}

void disk_served(enum block_operation operation)
{
    if (operation == refused && mend_ns == NEVER && failure_is_detected(FAULT_TARGET_DISK))
        failure_recovered(FAULT_TARGET_DISK);
}

/* The target closes the cycle: it is struck second, and locks second. */
static bool strike_pair(const struct image_fault *fault, u32 target, u32 variant)
{
    u32 other = find_target(fault, target + 1);
    if (other == target)
        return false;
    failure_injected(target, fault->kind, variant, 0);
    process_strike(other, other << 16 | FAULT_DEADLOCK << 4);
    process_strike(target, other << 16 | FAULT_DEADLOCK << 4 | 1);
    trace_point(P_INJECT, target, fault->kind << 4 | variant);
    return true;
}

static bool strike(const struct image_fault *fault, const struct source *source)
{
    u32 variant = source->variant;
    if (fault->kind == FAULT_MEMORY_CORRUPTION && variant == 1)
        return strike_heap(fault, source->target_draw, variant);
    if (fault->kind == FAULT_NETWORK_PARTITION)
        return strike_network(fault, variant);
    if (fault->kind == FAULT_DISK_ERROR || fault->kind == FAULT_DISK_OUTAGE)
        return strike_disk(fault, variant);
    u32 target = find_target(fault, fault->first_client + (u32)fraction(fault->client_count, source->target_draw));
    if (target == MAX_CLIENTS)
        return false;
    if (fault->kind == FAULT_DEADLOCK)
        return strike_pair(fault, target, variant);
    failure_injected(target, fault->kind, variant, 0);
    if (fault->kind == FAULT_CLIENT_CRASH && variant == 2) {
        process_kill(target, END_KILLED);
        failure_detected(target, DETECTED_KILL);
    } else { /* the client's part is in clients/faulty.c */
        process_strike(target, fault->kind << 4 | variant);
    }
    trace_point(P_INJECT, target, fault->kind << 4 | variant);
    return true;
}

void faults_strike(void)
{
    if (rejoin_ns <= clock_ns()) {
        rejoin();
        return;
    }
    if (mend_ns <= clock_ns()) {
        mend();
        return;
    }
    u32 i = next_source();
    struct source *source = &sources[i];
    const struct image_fault *fault = scenario_fault(i);
    u64 flags = service_begin();
    bool struck = strike(fault, source);
    service_end(flags);
    if (struck) {
        source->done++;
        draw_next(source, fault);
    } else {
        source->at_ns += POSTPONE_NS;
        if (source->at_ns >= fault->end_ns)
            source->at_ns = NEVER;
    }
}
