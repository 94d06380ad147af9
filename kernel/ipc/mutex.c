/* Mutexes of client processes: numbered, granted in order of request. Under LOCK_KERNEL.
 *
 * The wait-for graph has at most one edge per process: to the owner of the mutex it waits for. A lock that would close
 * a cycle is a deadlock: its caller is killed. As a second line of defence, a waiter that times out has the owner
 * killed. The mutexes of a dead process pass to the next waiters. */
#include "ipc/mutex.h"
#include "core/process.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

struct mutex { struct process *owner; struct list waiters; }; /* waiters: initialised at first use */

static struct mutex mutexes[MAX_MUTEXES];

static void grant_next(struct mutex *m)
{
    struct list *waiters = list_lazy(&m->waiters);
    struct process *next = list_empty(waiters) ? NULL : CONTAINER(waiters->next, struct process, queued);
    m->owner = next;
    if (!next)
        return;
    list_remove(&next->queued);
    next->wants = NULL;
    process_wake(next, m);
}

static void enqueue(struct mutex *m, struct process *p)
{
    p->wants = m;
    list_append(list_lazy(&m->waiters), &p->queued);
}

void mutex_abandon(struct process *p)
{
    if (!p->wants)
        return;
    list_remove(&p->queued);
    p->wants = NULL;
}

void mutex_release_all(struct process *p)
{
    mutex_abandon(p);
    for (struct mutex *m = mutexes; m < mutexes + MAX_MUTEXES; m++)
        if (m->owner == p)
            grant_next(m);
}

/* The walk is bounded, because with the detector off a cycle without p may exist. */
static bool closes_cycle(const struct process *p, const struct mutex *m)
{
    for (u32 steps = 0; m && m->owner && steps < MAX_CLIENTS; m = m->owner->wants, steps++)
        if (m->owner == p)
            return true;
    return false;
}

static void kill_owner(struct mutex *m)
{
    u32 client = m->owner->client;
    failure_detected(client, DETECTED_DEADLOCK);
    process_kill(client, END_KILLED);
}

i64 mutex_lock(struct process *p, u64 id)
{
    if (id >= MAX_MUTEXES || mutexes[id].owner == p)
        return -E_INVALID;
    struct mutex *m = &mutexes[id];
    if (m->owner) {
        if (detector_on(DETECTED_DEADLOCK) && closes_cycle(p, m)) {
            failure_detected(p->client, DETECTED_DEADLOCK);
            process_exit(END_KILLED);
        }
        u64 timeout = scenario()->lock_timeout_ns;
        enqueue(m, p);
        while (m->owner != p)
            if (!process_wait(p, m, timeout ? clock_ns() + timeout : NEVER) && m->owner != p)
                kill_owner(m);
    }
    m->owner = p;
    trace_point(P_LOCK, (u32)id, 0);
    return 0;
}

i64 mutex_unlock(struct process *p, u64 id)
{
    if (id >= MAX_MUTEXES || mutexes[id].owner != p)
        return -E_INVALID;
    grant_next(&mutexes[id]);
    trace_point(P_UNLOCK, (u32)id, 0);
    return 0;
}
