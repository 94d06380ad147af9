/* The load generator: background load in proportion to a level. The launcher spawns and frees its processes. Their ids
 * follow those of the clients: first the computing processes, whose number is proportional to the level, then the disk
 * and memory stressors, which run all the time and read the level. */
#include "experiment/load.h"
#include "core/process.h"
#include "experiment/scenario.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"

static u32 level_ppm;           /* LOCK_KERNEL */
static u32 running, existing;   /* computing processes not killed yet; load processes not freed yet; the launcher's */

u32 load_level(void) { return level_ppm; }
u32 load_processes(void) { return existing; }

static u32 first_stressor(void) { return scenario_clients() + scenario_load()->cpu_threads; }

static u32 disk_stressors(void)
{
    return scenario_load()->disk_iops && scenario_disk()->mb ? scenario_load()->disk_depth : 0;
}

static u32 stressors(void) { return disk_stressors() + (scenario_load()->memory_ppm != 0); }

const char *load_name(u32 id)
{
    if (id < first_stressor())
        return "compute";
    return id < first_stressor() + disk_stressors() ? "stress disk" : "stress memory";
}

static u64 target_pages(void)
{
    u64 total = pages_used() + pages_free(), wanted = total * scenario_load()->memory_ppm / 1000000;
    return wanted > pages_used() ? wanted - pages_used() : 0;
}

void load_configure(struct client_config *config)
{
    const struct image_load *load = scenario_load();
    config->workload = WORKLOAD_COMPUTE;
    config->level_ppm = level_ppm;
    if (config->id >= first_stressor() + disk_stressors()) {
        config->workload = WORKLOAD_STRESS_MEMORY;
        config->target_pages = target_pages();
    } else if (config->id >= first_stressor()) {
        config->workload = WORKLOAD_STRESS_DISK;
        config->period_ns = load->disk_depth * 1000000000ull / load->disk_iops;
    }
}

bool load_start(void)
{
    bool started = true;
    for (u32 id = first_stressor(); id < first_stressor() + stressors(); id++) {
        bool spawned = process_spawn(id, 0, scenario()->duration_ns) != NULL;
        existing += spawned;
        started &= spawned;
        trace_point(P_SPAWN, 1, id);
    }
    return started;
}

void load_kill(void)
{
    for (u32 id = first_stressor(); id < first_stressor() + stressors(); id++)
        process_kill(id, END_KILLED);
}

void load_set(u32 ppm)
{
    u64 flags = service_begin();
    level_ppm = ppm;
    for (u32 id = first_stressor(); id < first_stressor() + stressors(); id++)
        process_set_level(id, ppm);
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
        process_kill(scenario_clients() + --running, END_KILLED);
    return true;
}

bool load_reap(struct process *p)
{
    u32 id = p->client;
    if (id < scenario_clients())
        return false;
    u64 before = pages_used();
    process_free(p);
    existing--;
    if (id >= first_stressor())
        trace_point(P_REAP, id, before - pages_used());
    return true;
}
