/* Mutexes of client processes, by number. Under LOCK_KERNEL. */
#ifndef RAYOS_MUTEX_H
#define RAYOS_MUTEX_H
#include "core/kernel.h"

struct process;
i64 mutex_lock(struct process *p, u64 id);      /* may not return: the caller may be killed */
i64 mutex_unlock(struct process *p, u64 id);
void mutex_abandon(struct process *p);          /* p no longer waits */
void mutex_release_all(struct process *p);      /* p is dead */
#endif
