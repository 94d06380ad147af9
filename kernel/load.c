/* The stressors of disk and memory: processes without a window, numbered after the clients. They start with the scenario,
 * and leave at its end. */
#include "process.h"

u32 load_stressors(void)
{
    const struct image_load *load = scenario_load();
    return (load->disk_iops && scenario_disk()->mb ? load->disk_depth : 0) + (load->memory_ppm != 0);
}

static u64 target_pages(const struct image_load *load)
{
    u64 total = pages_used() + pages_free(), wanted = total * load->memory_ppm / 1000000;
    return wanted > pages_used() ? wanted - pages_used() : 0;
}

void load_configure(struct client_config *config)
{
    const struct image_load *load = scenario_load();
    bool memory = config->id - scenario_clients() + 1 == load_stressors() && load->memory_ppm;
    config->workload = memory ? WORKLOAD_STRESS_MEMORY : WORKLOAD_STRESS_DISK;
    config->period_ns = memory ? 0 : load->disk_depth * 1000000000ull / load->disk_iops;
    config->target_pages = memory ? target_pages(load) : 0;
    config->level_ppm = 1000000;
}

u32 load_start(void)
{
    u32 first = scenario_clients(), started = 0;
    for (u32 i = 0; i < load_stressors(); i++) {
        u64 before = pages_used();
        started += process_spawn(first + i, 0, scenario()->duration_ns) != NULL;
        trace_point(P_SPAWN, first + i, pages_used() - before);
    }
    return started;
}
