/* The supervisor: the launcher's thread starts and ends clients and decides the verdict, the reporter's thread prints a
 * snapshot each second. One duty per file:
 *
 *   launcher.c   the launcher's loop: start of the scenario, what is due, its end
 *   plan.c       when each client instance starts; spawning, reaping, respawning
 *   provoke.c    provocations: each proves that a detector works
 *   verdict.c    baseline of memory, the balance at the end, pass or fail
 *   reporter.c   the snapshot of each second */
#ifndef RAYOS_SUPERVISOR_H
#define RAYOS_SUPERVISOR_H
#include "core/kernel.h"

struct process;
struct thread;
extern struct thread compositor_thread, launcher_thread, reporter_thread;

/* ---- launcher.c ---- */
[[noreturn]] void launcher_main(void *unused);
void launcher_wake(void);           /* under LOCK_KERNEL */
void launcher_sleep(u64 deadline_ns); /* the launcher's thread: until the deadline or a launcher_wake */

/* ---- plan.c; the launcher's thread ---- */
void plan_start(void);
u64 plan_next_ns(void);             /* the next client starts; NEVER: none */
void plan_spawn_due(void);
void plan_reap(struct process *p);  /* frees a dead client and plans its successor */
void plan_kill_all(void);
u32 plan_alive(void);               /* client instances not reaped yet */

/* ---- provoke.c; the launcher's thread ---- */
u64 provoke_next_ns(void);          /* NEVER: no provocation is left */
void provoke(void);                 /* carries it out if it is due */

/* ---- verdict.c; the launcher's thread ---- */
void verdict_take_baseline(void);   /* memory in use before the first client */
void verdict_trace_baseline(void);
void verdict_fail_if(bool condition);
[[noreturn]] void verdict_finish(void);
[[noreturn]] void stop_for_good(enum run_state state);

/* ---- reporter.c ---- */
[[noreturn]] void reporter_main(void *unused);
void reporter_start(void);          /* the clock starts; under LOCK_KERNEL */
bool reporter_done(void);           /* the last whole second is reported */
#endif
