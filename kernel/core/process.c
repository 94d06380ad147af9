/* Client processes: address space, start, end, waiting. LOCK_KERNEL protects the table and every process in it.
 *
 * A process ends in process_exit or process_kill: from then on its thread never runs, its socket is closed, and it is
 * in the list of the dead. The launcher frees everything else that it holds, in process_free. */
#include "core/process.h"
#include "arch/cpu.h"
#include "arch/time.h"
#include "core/heap.h"
#include "experiment/failure.h"
#include "experiment/load.h"
#include "experiment/planted.h"
#include "experiment/scenario.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"
#include "ipc/mutex.h"
#include "ipc/pipe.h"
#include "ipc/socket.h"
#include "store/disk.h"
#include "store/store.h"

#define STACK_BYTES 0x10000ull
#define TABLE_BYTES (2 * QUANTILES * sizeof(u64))
#define TABLE_PAGES ((TABLE_BYTES + PAGE_BYTES - 1) / PAGE_BYTES)

struct client_image { u64 entry, data, bss, end, struck; }; /* addresses in the client's space; client.ld */

extern const u8 client_image[], client_image_end[];

static struct process *processes[MAX_CLIENTS];
static struct list dead = LIST_EMPTY(dead); /* in order of death */
static u64 (*group_tables)[TABLE_PAGES]; /* physical pages of each group's think and gap table */
static char names[MAX_CLIENTS][12];

static const struct client_image *program(void) { return (const struct client_image *)client_image; }

static u32 group_index(u32 client)
{
    return (u32)(scenario_group(client) - scenario_group(0));
}

/* Background load: no client of the compositor. */
static bool is_load(const struct process *p) { return p->client >= scenario_clients(); }

static void name_clients(void)
{
    for (u32 client = 0; client < scenario_clients(); client++) {
        memcpy(names[client], "client", 6);
        print_number(names[client] + 6, client);
    }
}

/* One copy of the two tables per group, mapped by all its clients. A table that the workload does not use is zero. */
static void load_tables(u32 group, const struct image_group *g)
{
    u64 *tables = page_alloc_run(TABLE_PAGES);
    KERNEL_ASSERT(tables, "boot:memory");
    const u64 *think = scenario_table(g->think_table), *gap = scenario_table(g->gap_table);
    if (think)
        memcpy(tables, think, QUANTILES * sizeof(u64));
    if (gap)
        memcpy(tables + QUANTILES, gap, QUANTILES * sizeof(u64));
    for (u32 i = 0; i < TABLE_PAGES; i++)
        group_tables[group][i] = direct_physical(tables) + i * PAGE_BYTES;
}

void process_init(void)
{
    u32 clients = scenario_clients(), groups = group_index(clients - 1) + 1;
    group_tables = kalloc(groups * sizeof *group_tables, "tables");
    KERNEL_ASSERT(group_tables, "boot:memory");
    for (u32 client = 0; client < clients; client += scenario_group(client)->count)
        load_tables(group_index(client), scenario_group(client));
    name_clients();
}

/* ---- Address space ---- */

static void *map_new(struct process *p, u64 address, u64 flags, const void *content, u64 bytes)
{
    void *page = page_alloc();
    if (!page)
        return NULL;
    memcpy(page, content, bytes);
    if (space_map(&p->space, address, direct_physical(page), flags))
        return page;
    page_free(page);
    return NULL;
}

static bool map_program(struct process *p)
{
    const struct client_image *image = program();
    for (u64 at = CLIENT_TEXT; at < image->data; at += PAGE_BYTES)
        if (!space_map(&p->space, at, image_physical(client_image) + (at - CLIENT_TEXT), MAP_SHARED))
            return false;
    for (u64 at = image->data; at < image->end; at += PAGE_BYTES) {
        u64 bytes = at >= image->bss ? 0 : image->bss - at < PAGE_BYTES ? image->bss - at : PAGE_BYTES;
        if (!map_new(p, at, MAP_WRITE | MAP_NX, client_image + (at - CLIENT_TEXT), bytes))
            return false;
    }
    for (u64 at = CLIENT_STACK_TOP - STACK_BYTES; at < CLIENT_STACK_TOP; at += PAGE_BYTES)
        if (!map_new(p, at, MAP_WRITE | MAP_NX, NULL, 0))
            return false;
    return true;
}

/* The next client of the group; after the last one the first. */
static u32 peer_of(u32 client)
{
    const struct image_group *g = scenario_group(client);
    return g->first_client + (client - g->first_client + 1) % g->count;
}

static void configure_client(struct client_config *config, struct image_event *events)
{
    const struct image_settings *s = scenario();
    const struct image_group *g = scenario_group(config->id);
    config->period_ns = g->period_ns;
    config->workload = g->workload;
    config->surface_width = g->surface_width;
    config->surface_height = g->surface_height;
    config->damage_ppm = g->damage_ppm;
    config->transfer_bytes = g->transfer_bytes;
    config->peer = peer_of(config->id);
    config->place = config->id - g->first_client;
    config->stored = store_ready();
    if (config->id == 0 && s->provoke >= PROVOKE_CLIENT_FAULT && s->provoke <= PROVOKE_BAD_REQUEST)
        config->provoke = s->provoke;
    for (u32 i = 0; i < scenario_events(); i++) {
        const struct image_event *e = scenario_event(i);
        if (config->id < e->first_client || config->id >= e->first_client + e->count)
            continue;
        config->decorated |= e->action == ACTION_THEME_CHANGE;
        if (e->action >= ACTION_MAXIMIZE)
            events[config->event_count++] = *e;
    }
}

static bool map_config(struct process *p, u64 end_ns)
{
    const struct image_settings *s = scenario();
    static struct {
        struct client_config config;
        _Alignas(CLIENT_EVENTS - CLIENT_CONFIG) struct image_event events[MAX_EVENTS];
    } page;                                    /* static: only the launcher creates processes */
    page.config = (struct client_config){
        .seed = s->seed, .end_ns = end_ns, .refresh_ns = 1000000000000ull / s->refresh_millihertz,
        .epoch_tsc = time_epoch_tsc(), .tsc_mult = time_tsc_mult(), .id = p->client, .generation = p->generation,
    };
    if (is_load(p))
        load_configure(&page.config);
    else
        configure_client(&page.config, page.events);
    p->config = map_new(p, CLIENT_CONFIG, MAP_NX, &page, sizeof page);
    if (!p->config)
        return false;
    for (u32 i = 0; i < TABLE_PAGES && !is_load(p); i++) {
        u64 physical = group_tables[group_index(p->client)][i];
        if (!space_map(&p->space, CLIENT_TABLES + i * PAGE_BYTES, physical, MAP_SHARED | MAP_NX))
            return false;
    }
    return true;
}

/* ---- Start ---- */

/* The first run of a client's thread, under LOCK_KERNEL: connects, then enters ring 3. The stack is as after a call,
 * since the entry is a C function. */
static void client_body(void *argument)
{
    struct process *p = argument;
    u64 now = trace_point(P_FIRST, p->client, 0);
    if (p->socket)
        socket_connect(p->socket, p, now);
    if (this_cpu()->resched)
        sched_preempt();
    kernel_leave();
    user_enter(program()->entry, CLIENT_STACK_TOP - 8);
}

struct process *process_spawn(u32 client, u32 generation, u64 end_ns)
{
    struct process *p = kalloc(sizeof *p, "process");
    if (!p)
        return NULL;
    p->client = client;
    p->generation = generation;
    p->thread.process = p;
    list_init(&p->queued);
    bool load = is_load(p);
    u32 priority = load ? scenario_load()->cpu_priority : scenario_group(client)->priority;
    const char *name = load ? load_name(client) : names[client];
    bool made = space_create(&p->space) && map_program(p) && map_config(p, end_ns) &&
                (load || (p->socket = socket_create(client, scenario()->socket_bytes))) &&
                thread_init(&p->thread, (u16)(THREAD_CLIENT0 + client), name, (int)priority, client_body, p);
    if (!made) {
        process_free(p);
        return NULL;
    }
    u64 flags = service_begin();
    processes[client] = p;
    thread_ready(&p->thread);
    service_end(flags);
    return p;
}

/* ---- End ---- */

static void die(struct process *p, enum end_reason reason)
{
    mutex_release_all(p);
    p->dead = true;
    p->reason = reason;
    processes[p->client] = NULL;
    store_forget(p);
    if (p->socket)
        socket_client_gone(p->socket);
    p->socket = NULL;
    list_append(&dead, &p->queued); /* the launcher is woken when the thread has left its CPU */
}

void process_exit(enum end_reason reason)
{
    struct process *p = current_thread()->process;
    bool disconnected = p->socket && socket_disconnected(p->socket);
    die(p, reason == END_LEFT && disconnected ? END_PROTOCOL : reason);
    thread_exit();
}

void process_fault(u32 vector, u64 rip, u64 address)
{
    u32 client = current_thread()->process->client;
    print_line("RAYOS_DIAG:fault:client %u vector %u rip %llx address %llx", client, vector, rip, address);
    trace_measure(M_CRASH, client, vector);
    if (!detector_on(DETECTED_CRASH))
        for (;;)
            thread_block(NEVER);
    failure_detected(client, DETECTED_CRASH);
    process_exit(END_FAULT);
}

void process_kill(u32 client, enum end_reason reason)
{
    u64 flags = service_begin();
    struct process *p = client < MAX_CLIENTS ? processes[client] : NULL;
    if (p) {
        thread_kill(&p->thread);
        die(p, reason);
        if (!p->thread.on_cpu || scenario()->provoke == PROVOKE_HASTE)
            launcher_wake();
    }
    service_end(flags);
}

void process_set_level(u32 client, u32 level_ppm)
{
    struct process *p = client < MAX_CLIENTS ? processes[client] : NULL;
    u64 page = p ? space_physical(&p->space, CLIENT_CONFIG) : 0;
    if (page)
        ((struct client_config *)direct(page))->level_ppm = level_ppm;
}

/* ---- Fault injection ---- */

bool process_can_be_struck(u32 client)
{
    const struct process *p = processes[client];
    return p && !p->thread.on_cpu && socket_is_connected(p->socket);
}

bool process_can_continue(u32 client)
{
    return process_can_be_struck(client) && processes[client]->serving && socket_is_receiving(processes[client]);
}

void process_serves(u32 client)
{
    if (processes[client])
        processes[client]->serving = true;
}

/* Abandons what the thread was doing. A blocked thread holds no lock; its mutexes stay with the process. */
static void struck_body(void *unused)
{
    (void)unused;
    lock_release(LOCK_KERNEL);
    user_enter(program()->struck, CLIENT_STACK_TOP - 8);
}

void process_strike(u32 client, u32 what)
{
    struct process *p = processes[client];
    p->config->fault = what;
    p->waits_for = NULL;
    mutex_abandon(p);
    store_forget(p);
    thread_restart(&p->thread, struck_body, p);
}

struct process *process_next_dead(void)
{
    u64 flags = service_begin();
    struct process *p = list_empty(&dead) ? NULL : CONTAINER(dead.next, struct process, queued);
    if (p && p->thread.on_cpu && !planted_hope(PROVOKE_HASTE))
        p = NULL; /* killed while running: reschedule() wakes the launcher when the thread has left its CPU */
    if (p)
        list_remove(&p->queued);
    service_end(flags);
    return p;
}

void process_free(struct process *p)
{
    u64 flags = service_begin();
    for (u32 i = 0; i < MAX_HANDLES; i++) {
        if (p->handles[i].type == HANDLE_PIPE_READ || p->handles[i].type == HANDLE_PIPE_WRITE)
            pipe_forget(p->handles[i].object, p);
        handle_drop(&p->handles[i]);
    }
    service_end(flags);
    if (p->space.table)
        space_destroy(&p->space);
    if (p->socket) /* only if process_spawn failed */
        kfree(p->socket);
    if (p->thread.stack_base)
        thread_free(&p->thread);
    kfree(p);
}

/* ---- Waiting ---- */

bool process_wait(struct process *p, const void *what, u64 deadline_ns)
{
    p->waits_for = what;
    bool woken = thread_block(deadline_ns);
    p->waits_for = NULL;
    return woken;
}

void process_wake(struct process *p, const void *what)
{
    if (p && p->waits_for == what)
        thread_ready(&p->thread);
}
