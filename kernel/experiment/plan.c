/* The plan: when each client instance starts. Spawns clients, reaps dead ones, plans their successors. */
#include "core/heap.h"
#include "core/process.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"

static struct { u64 spawn_ns; u32 generation; } plan[MAX_CLIENTS]; /* spawn_ns NEVER: alive, or no further instance */
static u32 alive;

u32 plan_alive(void) { return alive; }

void plan_start(void)
{
    for (u32 client = 0; client < scenario_clients(); client++) {
        const struct image_group *g = scenario_group(client);
        u64 at = g->start_ns + (client - g->first_client) * g->stagger_ns;
        plan[client].spawn_ns = at < scenario()->duration_ns ? at : NEVER;
    }
}

/* The earliest start, of equal ones the lowest id. */
static u32 next_client(void)
{
    u32 best = 0;
    for (u32 client = 1; client < scenario_clients(); client++)
        if (plan[client].spawn_ns < plan[best].spawn_ns)
            best = client;
    return best;
}

u64 plan_next_ns(void) { return plan[next_client()].spawn_ns; }

static void spawn(u32 client)
{
    u64 duration = scenario()->duration_ns, lifetime = scenario_group(client)->lifetime_ns, now = clock_ns();
    u64 end = lifetime && now + lifetime < duration ? now + lifetime : duration;
    plan[client].spawn_ns = NEVER;
    heap_refill(); /* no client's requests wait for pages, the first client's no more than another's */
    if (!process_spawn(client, plan[client].generation, end)) {
        print_line("RAYOS_DIAG:spawn:client %u out of memory", client);
        verdict_fail_if(true);
        return;
    }
    alive++;
    trace_measure(M_CLIENT_CREATED, client, plan[client].generation);
    print_line("RAYOS_SOAK:CLIENT_CREATED:%u", client);
    trace_point(P_SPAWN, 0, client);
}

void plan_spawn_due(void)
{
    for (u32 client; plan[client = next_client()].spawn_ns <= clock_ns();)
        spawn(client);
}

static void plan_successor(u32 client, u64 delay_ns)
{
    u64 at = clock_ns() + delay_ns;
    if (at >= scenario()->duration_ns)
        return;
    plan[client].generation++;
    plan[client].spawn_ns = at;
    if (!failure_open(client))
        return;
    failure_recovering(client);
    trace_point(P_RECOVER, client, 0);
}

void plan_reap(struct process *p)
{
    u32 client = p->client;
    enum end_reason reason = p->reason;
    u64 before = pages_used();
    process_free(p);
    alive--;
    verdict_fail_if(reason != END_LEFT && !failure_open(client));
    trace_measure(M_CLIENT_DESTROYED, client, reason);
    print_line("RAYOS_SOAK:CLIENT_DESTROYED:%u", client);
    trace_point(P_REAP, client, before - pages_used());
    if (scenario_group(client)->lifetime_ns || (reason != END_LEFT && scenario()->respawn_ns))
        plan_successor(client, reason == END_LEFT ? 0 : scenario()->respawn_ns);
}

void plan_kill_all(void)
{
    for (u32 client = 0; client < scenario_clients(); client++)
        process_kill(client, END_KILLED);
}
