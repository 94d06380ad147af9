/* The load generator: background load in proportion to a level. Its computing processes are spawned and freed by the
 * launcher; their ids follow those of the clients. */
#include "process.h"

static u32 level_ppm;           /* LOCK_KERNEL */
static u32 running, existing;   /* computing processes: not yet killed, not yet freed; the launcher's */

u32 load_level(void) { return level_ppm; }
u32 load_processes(void) { return existing; }

void load_set(u32 ppm)
{
    u64 flags = service_begin();
    level_ppm = ppm;
    launcher_wake();
    service_end(flags);
}

bool load_adjust(bool over)
{
    u64 threads = scenario_load()->cpu_threads;
    u32 wanted = over ? 0 : (u32)((threads * level_ppm + 500000) / 1000000);
    for (; running < wanted; running++, existing++)
        if (!process_spawn(scenario_clients() + running, 0, scenario()->duration_ns))
            return false;
    while (running > wanted)
        process_kill(scenario_clients() + --running, 2);
    return true;
}

bool load_reap(struct process *p)
{
    if (p->client < scenario_clients())
        return false;
    process_free(p);
    existing--;
    return true;
}
