/* Spinlocks: waiting, misuse, statistics. The uncontended path is inline in lock.h. */
#include "core/lock.h"
#include "arch/smp.h"
#include "arch/time.h"

struct lock locks[LOCKS];

static const char *const names[LOCKS] = { "kernel", "window", "heap", "page", "trace", "console" };

void lock_wait(enum lock_id id)
{
    struct lock *l = &locks[id];
    u64 from = read_tsc();
    do {
        while (__atomic_load_n(&l->taken, __ATOMIC_RELAXED)) {
            smp_answer();
            relax();
        }
    } while (__atomic_exchange_n(&l->taken, true, __ATOMIC_ACQUIRE));
    u64 waited = read_tsc() - from;
    l->use.contended++;
    l->use.waited += waited;
    if (waited > l->use.longest_waited)
        l->use.longest_waited = waited;
}

void lock_misused(enum lock_id id)
{
    panic_format("lock:%s taken out of order", names[id]);
}

u32 lock_held_ns(enum lock_id id) { return (u32)cycles_ns(read_tsc() - locks[id].since); }

/* Reads without the lock: a use counted at the same time may be missing from the statistics. */
struct lock_use lock_use(enum lock_id id)
{
    struct lock_use use = locks[id].use;
    locks[id].use = (struct lock_use){ 0 };
    return use;
}
