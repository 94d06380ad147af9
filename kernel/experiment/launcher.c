/* The launcher's loop: starts the scenario, does what is due, ends the run. */
#include "core/heap.h"
#include "core/process.h"
#include "experiment/failure.h"
#include "experiment/integration.h"
#include "experiment/load.h"
#include "experiment/profile.h"
#include "experiment/scenario.h"
#include "experiment/stress.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"
#include "ipc/socket.h"
#include "remote/session.h"

#define KILL_AFTER_NS (2 * SECOND_NS)      /* after the end: remaining clients are killed */
#define GIVE_UP_AFTER_NS (4 * SECOND_NS)   /* after the end: sockets the compositor still holds count as leaked */

struct thread compositor_thread, launcher_thread;
static bool wake_pending;

void launcher_wake(void)
{
    wake_pending = true;
    thread_ready(&launcher_thread);
}

/* A wake that came while the launcher was running counts too. */
void launcher_sleep(u64 deadline_ns)
{
    u64 flags = service_begin();
    if (!wake_pending && clock_ns() < deadline_ns)
        thread_block(deadline_ns);
    wake_pending = false;
    service_end(flags);
}

static void start(void)
{
    launcher_sleep(NEVER); /* until main has seen the compositor wait */
    verdict_take_baseline();
    profile_start();
    u64 flags = service_begin();
    sched_start();
    trace_state(STATE_RUNNING);
    verdict_trace_baseline();
    print_line("RAYOS_SOAK:START:%u:%llu", scenario_clients(), scenario()->duration_ns / SECOND_NS);
    integration_start();
    stress_start();
    plan_start();
    verdict_fail_if(!load_start());
    reporter_start();
    failure_start();
    remote_start();
    socket_start();
    service_end(flags);
}

/* NEVER: the machine keeps its power. */
static u64 power_cut_ns(void)
{
    return scenario()->power_cut_ns ? scenario()->power_cut_ns : NEVER;
}

static u64 next_deadline(bool killed)
{
    u64 deadline = min_u64(plan_next_ns(), provoke_next_ns()), end = scenario()->duration_ns;
    u64 closing = end + (killed ? GIVE_UP_AFTER_NS : KILL_AFTER_NS);
    if (load_processes() && clock_ns() < end && deadline > end)
        deadline = end;
    return min_u64(min_u64(deadline, power_cut_ns()), closing);
}

static void reap_all(void)
{
    for (struct process *p; (p = process_next_dead());) {
        bool crashed = p->reason == END_FAULT;
        if (load_reap(p))
            verdict_fail_if(crashed);
        else
            plan_reap(p);
    }
}

static bool all_over(u64 now)
{
    u64 end = scenario()->duration_ns;
    return now >= end && reporter_done() && !plan_alive() && !load_processes() &&
           (!socket_live() || now >= end + GIVE_UP_AFTER_NS);
}

void launcher_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    start();
    u64 end = scenario()->duration_ns;
    for (bool killed = false;;) {
        provoke();
        if (clock_ns() >= power_cut_ns())
            stop_for_good(STATE_POWER_CUT);
        reap_all();
        plan_spawn_due();
        u64 now = clock_ns();
        verdict_fail_if(!load_adjust(now >= end));
        if (all_over(now))
            verdict_finish();
        if (now >= end + KILL_AFTER_NS && !killed) {
            killed = true;
            plan_kill_all();
            load_kill();
        }
        launcher_sleep(next_deadline(killed));
    }
}
