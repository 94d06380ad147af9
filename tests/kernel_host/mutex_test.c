/* mutex_test SEED: processes lock and unlock at random, some are killed. Prints "done", or "stuck" if all remaining
 * ones wait for each other. With a third argument the deadlock detector is off. */
#define _GNU_SOURCE
#include "core/process.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"
#include "ipc/mutex.h"
#include "host.h"
#include <ucontext.h>

#define PROCESSES 24
#define USED 6                           /* mutexes */
#define TURNS 400

struct actor {
    struct process process;
    ucontext_t context;
    u8 stack[64 << 10];
    bool started, waiting, woken, finished;
    u32 turns;
};

static struct actor actors[PROCESSES];
static struct actor *running;
static ucontext_t scheduler;
static struct process *owner[USED];
static u32 detected;
static bool blind;
static u64 seed;
static u32 chance(u32 below) { return host_random(&seed) % below; }

static const struct image_settings settings = {0};
const struct image_settings *scenario(void) { return &settings; }
bool detector_on(enum detection detector) { return detector != DETECTED_DEADLOCK || !blind; }
void failure_detected(u32 target, enum detection how) { (void)target; CHECK(how == DETECTED_DEADLOCK); detected++; }
u64 clock_ns(void) { return 0; }
u64 trace_point(enum trace_kind kind, u32 subject, u64 arg) { (void)kind, (void)subject, (void)arg; return 0; }

static void bury(struct actor *actor)
{
    actor->finished = true;
    for (u32 i = 0; i < USED; i++)
        if (owner[i] == &actor->process)
            owner[i] = NULL;
    mutex_release_all(&actor->process);
}

void process_exit(u32 reason)
{
    CHECK(reason == 2);
    bury(running);
    swapcontext(&running->context, &scheduler);
    abort();
}

void process_kill(u32 client, u32 reason)
{
    CHECK(reason == 2);
    bury(&actors[client]);
}

bool process_wait(struct process *p, const void *what, u64 deadline_ns)
{
    CHECK(p == &running->process && deadline_ns == NEVER);
    p->waits_for = what;
    running->waiting = true;
    swapcontext(&running->context, &scheduler);
    p->waits_for = NULL;
    return true;
}

void process_wake(struct process *p, const void *what)
{
    CHECK(p && p->waits_for == what);
    ((struct actor *)p)->waiting = false;
}

static void body(void)
{
    struct actor *self = running;
    u32 held[2], count = 0;
    for (; self->turns < TURNS; self->turns++) {
        u32 id = chance(USED);
        if (count < 2 && owner[id] != &self->process) {
            CHECK(mutex_lock(&self->process, id) == 0);
            CHECK(!owner[id]);           /* no other process owns it */
            owner[held[count++] = id] = &self->process;
        } else if (count) {
            u32 last = held[--count];
            owner[last] = NULL;
            CHECK(mutex_unlock(&self->process, last) == 0);
        }
        CHECK(mutex_unlock(&self->process, MAX_MUTEXES) < 0 && mutex_lock(&self->process, ~0ull) < 0);
        swapcontext(&self->context, &scheduler);
    }
    bury(self);
    swapcontext(&self->context, &scheduler);
}

static void run(struct actor *actor)
{
    running = actor;
    if (!actor->started) {
        actor->started = true;
        getcontext(&actor->context);
        actor->context.uc_stack.ss_sp = actor->stack;
        actor->context.uc_stack.ss_size = sizeof actor->stack;
        makecontext(&actor->context, body, 0);
    }
    swapcontext(&scheduler, &actor->context);
}

int main(int count, char **arguments)
{
    seed = strtoull(arguments[1], NULL, 10);
    blind = count > 2;
    for (u32 i = 0; i < PROCESSES; i++)
        actors[i].process.client = i;
    for (;;) {
        struct actor *ready[PROCESSES];
        u32 n = 0, left = 0;
        for (u32 i = 0; i < PROCESSES; i++) {
            left += !actors[i].finished;
            if (!actors[i].finished && !actors[i].waiting)
                ready[n++] = &actors[i];
        }
        if (!n) {
            printf(left ? "stuck\n" : "done %u\n", detected);
            return 0;
        }
        struct actor *victim = &actors[chance(PROCESSES)];
        if (!chance(2000) && !victim->finished)
            bury(victim);                /* killed in any state */
        else
            run(ready[chance(n)]);
    }
}
