/* A stress test: the background load goes through its steps, and one step down where latency exceeds the limit. Prints
 * the effect on commit-to-present latency. The reporter's thread does all of it, at whole seconds, at which steps end
 * too.
 *
 * The first second after a change of level is not counted: it is a transient. */
#include "experiment/stress.h"
#include "core/page.h"
#include "experiment/load.h"
#include "experiment/scenario.h"

#define WHOLE 1000000u
#define SPLIT(ppm) (ppm) / WHOLE, (u32)((ppm) / 100000 % 10), (u32)((ppm) / 10000 % 10), (u32)((ppm) / 1000 % 10)
#define THOUSANDTHS "%llu.%u%u%u"

static struct histogram latency;   /* at the present level */
static u64 idle_level_p99_ns;      /* at level 0, the reference for the others; 0: not measured */
static u32 limit_ppm = WHOLE;      /* maximum level from now on */
static u32 seconds_at_level;

static bool wanted(void) { return scenario()->kind == KIND_STRESS; }

static u32 scheduled(u64 now)
{
    const struct image_load *l = scenario_load();
    u64 step = l->step_count ? now / l->step_ns : 0;
    if (step >= l->step_count)
        step = l->step_count - 1ull;
    u32 level = l->step_count ? l->steps_ppm[step] : WHOLE;
    return level < limit_ppm ? level : limit_ppm;
}

static u32 target(void)
{
    const struct image_load *l = scenario_load();
    u32 highest = l->step_count ? 0 : WHOLE;
    for (u32 i = 0; i < l->step_count; i++)
        highest = l->steps_ppm[i] > highest ? l->steps_ppm[i] : highest;
    return highest;
}

static const char *test_type(void)
{
    const struct image_load *l = scenario_load();
    u32 parts = (l->cpu_threads > 0) + (l->memory_ppm > 0) + (l->disk_iops > 0);
    return parts > 1 ? "combined" : l->memory_ppm ? "memory" : l->disk_iops ? "disk" : "cpu";
}

void stress_start(void)
{
    if (wanted())
        print_line("RAYOS_STRESS:START:%s:" THOUSANDTHS, test_type(), (u64)SPLIT(target()));
    load_set(scheduled(0));
}

/* At the end of a level: its p99 latency, relative to that of level 0. */
static void report_level(u32 level)
{
    u64 p99 = histogram_quantile(&latency, 990000);
    if (!level)
        idle_level_p99_ns = p99;
    if (idle_level_p99_ns && p99) {
        u64 ratio = p99 * WHOLE / idle_level_p99_ns;
        print_line("RAYOS_STRESS:DEGRADATION:" THOUSANDTHS ":" THOUSANDTHS, (u64)SPLIT(level), SPLIT(ratio));
    }
    memset(&latency, 0, sizeof latency);
    seconds_at_level = 0;
}

/* The highest step below a level; 0: none. */
static u32 step_below(u32 level)
{
    const struct image_load *l = scenario_load();
    u32 below = 0;
    for (u32 i = 0; i < l->step_count; i++)
        if (l->steps_ppm[i] < level && l->steps_ppm[i] > below)
            below = l->steps_ppm[i];
    return below;
}

static bool step_ends(u64 now)
{
    const struct image_load *l = scenario_load();
    if (now >= scenario()->duration_ns)
        return true;
    return l->step_count && now % l->step_ns == 0 && now / l->step_ns < l->step_count;
}

void stress_second(u64 now, struct second ended, u64 busy_percent)
{
    if (!wanted())
        return;
    u32 level = load_level();
    u64 limit_us = scenario_load()->latency_limit_ns / 1000, all = (u64)scenario()->memory_mb << 20 >> PAGE_SHIFT;
    if (!seconds_at_level++)
        print_line("RAYOS_STRESS:LOAD_APPLIED:" THOUSANDTHS ":%llu:%llu", (u64)SPLIT(level), busy_percent,
                   pages_used() * 100 / all);
    print_line("RAYOS_STRESS:LATENCY_SAMPLE:%u", ended.p99_us);
    bool beyond = limit_us && level && ended.p99_us > limit_us;
    if (beyond) {
        limit_ppm = step_below(level);
        print_line("RAYOS_DIAG:stress:latency beyond its limit, no level above " THOUSANDTHS " from now on",
                   (u64)SPLIT(limit_ppm));
    }
    if (beyond || step_ends(now))
        report_level(level);
    if (scheduled(now) != level && now < scenario()->duration_ns)
        load_set(scheduled(now));
}

struct histogram *stress_latency(void)
{
    return wanted() && (seconds_at_level || scenario_load()->step_ns == SECOND_NS) ? &latency : NULL;
}

void stress_report(bool passed)
{
    if (wanted())
        print_line("RAYOS_STRESS:COMPLETE:%s", passed ? "pass" : "fail");
}
