/* Spinlocks, measured. A lock is acquired and held with interrupts off. A CPU acquires locks in the order of enum
 * lock_id and releases them in the reverse order; lock_acquire panics on a violation (one bit per held lock in struct
 * cpu). Waiters are not queued: a host may not run a virtual CPU when its turn has come, and all others would wait for
 * it. A CPU that spins answers requests from other CPUs (arch/smp.c), so that two CPUs never wait for each other.
 *
 *  order         protects                      acquired by              with               while held
 *  ------------  ----------------------------  -----------------------  -----------------  --------------------------
 *  1 KERNEL      threads, ready queues,        system call, fault in    kernel_enter,      any lock below; a thread
 *                sleepers; processes, their    ring 3, reschedule IPI   kernel_leave       switch: the next thread
 *                handles, sockets, pipes,      timer and device         lock_acquire,      releases it
 *                mutexes; references to        interrupts               kernel_leave
 *                shared memory; store, cache   kernel threads, with     service_begin,
 *                and drivers; display, fw_cfg  interrupts on            service_end
 *  2 WINDOW      the window's map, hint and    window_alloc,            lock, unlock       PAGE; waits for TLB
 *                page tables                   window_free                                 flushes of other CPUs
 *  3 HEAP        slabs, the byte count         kalloc, kfree, heap_*    lock, unlock       PAGE
 *  4 PAGE        the buddy allocator           page_alloc, page_free    lock, unlock       none
 *                                              and their run variants
 *  5 TRACE       ring, head and drained in     trace_*, host_request,   lock, unlock       none; a rendezvous, for
 *                its header, the profiler      profile_second                              which all other CPUs halt
 *  6 CONSOLE     the serial port               print_line               lock, unlock       none
 *
 * Locks 2 to 6 may be acquired in any context, with or without LOCK_KERNEL; lock() turns interrupts off and unlock()
 * restores them. service_begin nests: with interrupts off, the CPU holds LOCK_KERNEL already. A new thread starts while
 * its CPU holds LOCK_KERNEL: a kernel thread's body begins with service_end, a client's with kernel_leave. LOCK_KERNEL
 * is released and acquired again within a call only by input_ask (to halt) and planted_window (a bug for tests).
 * Without LOCK_TRACE: trace_state and trace_framebuffer write their fields of the header under LOCK_KERNEL. Without any
 * lock: acknowledging an interrupt (input_interrupt, net_interrupt, apic_end_interrupt). The
 * compositor's structures (wayland/) belong to its thread and need no lock. A panic acquires none. */
#ifndef RAYOS_LOCK_H
#define RAYOS_LOCK_H
#include "arch/x86.h"
#include "core/kernel.h"

enum lock_id { LOCK_KERNEL, LOCK_WINDOW, LOCK_HEAP, LOCK_PAGE, LOCK_TRACE, LOCK_CONSOLE, LOCKS };

/* Times in TSC cycles. */
struct lock_use { u64 held, longest_held, contended, waited, longest_waited; u32 taken; };

#ifdef RAYOS_HOST /* pure modules under test: one processor, no interrupts */
static inline void lock_acquire(enum lock_id id) { (void)id; }
static inline void lock_release(enum lock_id id) { (void)id; }
static inline u32 lock_held_ns(enum lock_id id) { return (void)id, 0; }
#else
#define CPU_LOCKS_HELD 24 /* offset in struct cpu; asserted in sched.h */

struct lock {
    bool taken;
    u64 since;          /* TSC when it was taken */
    struct lock_use use;
};
extern struct lock locks[LOCKS];

[[noreturn]] void lock_misused(enum lock_id id);
void lock_wait(enum lock_id id);
u32 lock_held_ns(enum lock_id id); /* time since this CPU acquired it */

/* LOCK_TRACE is held for a few dozen instructions and acquired too often to be timed. */
static inline __attribute__((always_inline)) bool lock_timed(enum lock_id id) { return id != LOCK_TRACE; }

/* Interrupts must be off, and stay off until the release. */
static inline __attribute__((always_inline)) void lock_acquire(enum lock_id id)
{
    struct lock *l = &locks[id];
    u32 held;
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(held) : "i"(CPU_LOCKS_HELD) : "memory");
    if (held >> id)
        lock_misused(id);
    if (__builtin_expect(__atomic_exchange_n(&l->taken, true, __ATOMIC_ACQUIRE), 0))
        lock_wait(id);
    __asm__ volatile("orl %0, %%gs:%c1" ::"i"(1u << id), "i"(CPU_LOCKS_HELD) : "memory", "cc");
    if (lock_timed(id))
        l->since = read_tsc();
}

static inline __attribute__((always_inline)) void lock_release(enum lock_id id)
{
    struct lock *l = &locks[id];
    if (lock_timed(id)) {
        u64 held = read_tsc() - l->since;
        l->use.taken++;
        l->use.held += held;
        if (held > l->use.longest_held)
            l->use.longest_held = held;
    }
    __asm__ volatile("andl %0, %%gs:%c1" ::"i"(~(1u << id)), "i"(CPU_LOCKS_HELD) : "memory", "cc");
    __atomic_store_n(&l->taken, false, __ATOMIC_RELEASE);
}
#endif
struct lock_use lock_use(enum lock_id id); /* since the last call */

/* In any context: turns interrupts off, then acquires the lock. Returns the flags for unlock. */
static inline __attribute__((always_inline)) u64 lock(enum lock_id id)
{
    u64 flags = read_flags();
    interrupts_off();
    lock_acquire(id);
    return flags;
}

static inline __attribute__((always_inline)) void unlock(enum lock_id id, u64 flags)
{
    lock_release(id);
    if (flags & FLAGS_IF)
        interrupts_on();
}
#endif
