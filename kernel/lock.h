/* Spinlocks: taken and held with interrupts off, measured. No queue of those who wait: the host may not run a virtual
 * processor just when its turn has come, and all others would wait for it. Lock order: a processor takes them in the order of
 * enum lock_id only; lock.c checks it at run time, with a bit a lock in struct cpu.
 * docs/explanation/kernel.md, "Locks". */
#ifndef RAYOS_LOCK_H
#define RAYOS_LOCK_H
#include "kernel.h"
#include "x86.h"

enum lock_id {
    /* Threads, ready queues, sleepers, processes and all they hold, sockets, pipes, references to shared memory, the
     * supervisor's wake-ups, display and fw_cfg. Held throughout a system call, a timer or reschedule interrupt and a
     * kernel service (sched.h), and handed on from thread to thread in a switch. */
    LOCK_KERNEL,
    LOCK_WINDOW,  /* the window's map, hint and page tables */
    LOCK_HEAP,    /* slabs and the heap's byte count */
    LOCK_PAGE,    /* the buddy allocator */
    LOCK_TRACE,   /* the ring and its header; who holds it may meet the host */
    LOCK_CONSOLE, /* the serial port: lines do not mix */
    LOCKS,
};

struct lock_use { u64 held, longest_held, contended, waited, longest_waited; u32 taken; }; /* times in TSC cycles */

#ifdef RAYOS_HOST /* pure modules under test: one processor, no interrupts */
static inline void lock_acquire(enum lock_id id) { (void)id; }
static inline void lock_release(enum lock_id id) { (void)id; }
static inline u32 lock_held_ns(enum lock_id id) { return (void)id, 0; }
#else
#define CPU_LOCKS_HELD 24 /* in struct cpu: bit a lock_id; asserted in sched.h */

struct lock {
    bool taken;
    u64 since;          /* TSC when it was taken */
    struct lock_use use;
};
extern struct lock locks[LOCKS];

[[noreturn]] void lock_misused(enum lock_id id);
void lock_wait(enum lock_id id);
u32 lock_held_ns(enum lock_id id); /* for how long this processor has had it */

/* How long LOCK_TRACE is held is known, a few dozen instructions; it is taken too often to be timed. */
static inline __attribute__((always_inline)) bool lock_timed(enum lock_id id) { return id != LOCK_TRACE; }

/* Interrupts are off, and stay off until it is released. */
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

/* From any context: interrupts off, then the lock. */
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
