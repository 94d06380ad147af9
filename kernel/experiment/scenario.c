/* The scenario image (abi.h): validated completely before any of it is used. Pure: also built on the host for tests. */
#include "experiment/scenario.h"
#include "drivers/display.h"

#define MAX_GROUPS 256
#define MAX_TABLES 1024
#define MAX_FAULTS 64
#define MAX_IMAGE (16u << 20)
#define MAX_VALUE_NS ((1ull << 42) - 1) /* of a quantile: interpolation does not overflow 64 bits */
#define MAX_TIME_NS (1ull << 58)
#define FIXED_BYTES (sizeof(struct image_header) + sizeof(struct image_settings) + sizeof(struct image_load) + \
                     sizeof(struct image_disk) + sizeof(struct image_network))

struct view {
    const struct image_header *header;
    const struct image_settings *settings;
    const struct image_load *load;
    const struct image_disk *disk;
    const struct image_network *network;
    const struct image_group *groups;
    const struct image_fault *faults;
    const struct image_event *events;
    const u64 *tables;
};

static struct view view_of(const void *image)
{
    const struct image_header *header = image;
    const struct image_settings *settings = (const void *)(header + 1);
    const struct image_load *load = (const void *)(settings + 1);
    const struct image_disk *disk = (const void *)(load + 1);
    const struct image_network *network = (const void *)(disk + 1);
    const struct image_group *groups = (const void *)(network + 1);
    const struct image_fault *faults = (const void *)(groups + header->group_count);
    const struct image_event *events = (const void *)(faults + header->fault_count);
    const u64 *tables = (const u64 *)(events + header->timeline_count);
    return (struct view){ header, settings, load, disk, network, groups, faults, events, tables };
}

static u32 crc32(const u8 *data, size_t bytes)
{
    u32 table[16], crc = ~0u;
    for (u32 i = 0; i < 16; i++) {
        u32 c = i;
        for (u32 bit = 0; bit < 4; bit++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table[i] = c;
    }
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static bool within(u64 value, u64 low, u64 high) { return value >= low && value <= high; }

u32 fault_variants(u32 kind)
{
    static const u8 variants[] = {
        [FAULT_CLIENT_CRASH] = 3, [FAULT_MEMORY_CORRUPTION] = 2, [FAULT_BUFFER_EXHAUSTION] = 3,
        [FAULT_EVENT_QUEUE_OVERFLOW] = 1, [FAULT_HANG] = 1, [FAULT_HOSTILE_CLIENT] = 1, [FAULT_DEADLOCK] = 1,
        [FAULT_NETWORK_PARTITION] = 2, [FAULT_DISK_ERROR] = 3, [FAULT_DISK_OUTAGE] = 2,
    };
    return variants[kind];
}

static const char *check_header(const struct image_header *h, size_t bytes)
{
    if (bytes < FIXED_BYTES || bytes > MAX_IMAGE)
        return "length";
    if (memcmp(h->magic, IMAGE_MAGIC, 8))
        return "magic";
    if (h->version != ABI_VERSION)
        return "version";
    if (!within(h->group_count, 1, MAX_GROUPS))
        return "group_count";
    if (h->table_count > MAX_TABLES)
        return "table_count";
    if (h->fault_count > MAX_FAULTS)
        return "fault_count";
    if (h->timeline_count > MAX_EVENTS)
        return "timeline_count";
    u64 need = FIXED_BYTES + h->group_count * sizeof(struct image_group) + h->fault_count * sizeof(struct image_fault) +
               h->timeline_count * sizeof(struct image_event) +
               (u64)h->table_count * QUANTILES * sizeof(u64);
    if (h->length != bytes || need != bytes)
        return "length";
    if (crc32((const u8 *)(h + 1), bytes - sizeof *h) != h->crc32)
        return "crc32";
    return NULL;
}

static const char *check_settings(const struct image_settings *s)
{
    if (!within(s->duration_ns, 1, MAX_TIME_NS))
        return "duration_ns";
    if (!within(s->quantum_ns, 10000, 1000000000))
        return "quantum_ns";
    if (!within(s->refresh_millihertz, 1000, 1000000))
        return "refresh_millihertz";
    if (s->repaint_window_ns >= 1000000000000ull / s->refresh_millihertz)
        return "repaint_window_ns";
    if (s->ping_interval_ns > MAX_TIME_NS)
        return "ping_interval_ns";
    if (s->hang_timeout_ns > MAX_TIME_NS)
        return "hang_timeout_ns";
    if (s->respawn_ns > MAX_TIME_NS)
        return "respawn_ns";
    if (s->scrub_interval_ns && !within(s->scrub_interval_ns, 1000000, MAX_TIME_NS))
        return "scrub_interval_ns";
    if (s->lock_timeout_ns > MAX_TIME_NS)
        return "lock_timeout_ns";
    if (s->warmup_ns >= s->duration_ns)
        return "warmup_ns";
    if (!within(s->kind, KIND_SOAK, KIND_INTEGRATION))
        return "kind";
    if (!within(s->vcpus, 1, 16))
        return "vcpus";
    if (!within(s->memory_mb, 32, 3072))
        return "memory_mb";
    if (!within(s->width, 16, MAX_WIDTH))
        return "width";
    if (!within(s->height, 16, 8192))
        return "height";
    if ((u64)s->width * s->height * 8 > (u64)s->memory_mb << 19)
        return "display larger than half the memory";
    if (s->trace_points > TRACE_WIRE)
        return "trace_points";
    if (!within(s->compositor_priority, 1, 31))
        return "compositor_priority";
    if (!within(s->socket_bytes, BATCH_BYTES, 1u << 24))
        return "socket_bytes";
    if (s->provoke > PROVOKE_EARLY_ACK)
        return "provoke";
    if (s->client_memory_kb > 1u << 21)
        return "client_memory_kb";
    if (s->detectors_off >> (DETECTED_IO_ERROR + 1))
        return "detectors_off";
    if (s->input_source > INPUT_DEVICE)
        return "input_source";
    if (s->recorded > 1)
        return "recorded";
    if (s->name[sizeof s->name - 1])
        return "name";
    return NULL;
}

static const char *check_load(const struct image_load *l)
{
    if (l->step_count > LOAD_STEPS)
        return "load:step_count";
    if (l->step_count && (!within(l->step_ns, 1000000000, MAX_TIME_NS / LOAD_STEPS) || l->step_ns % 1000000000))
        return "load:step_ns";
    if (l->latency_limit_ns > MAX_TIME_NS)
        return "load:latency_limit_ns";
    if (l->cpu_threads > 256)
        return "load:cpu_threads";
    if (l->cpu_priority > 31)
        return "load:cpu_priority";
    if (l->memory_ppm > 1000000)
        return "load:memory_ppm";
    if (l->disk_iops > 10000000)
        return "load:disk_iops";
    if (l->disk_depth > 64 || (l->disk_iops && !l->disk_depth))
        return "load:disk_depth";
    for (u32 i = 0; i < l->step_count; i++)
        if (l->steps_ppm[i] > 1000000)
            return "load:steps_ppm";
    return NULL;
}

enum { /* workloads that use the think table, the gap table */
    THINKS = 1 << WORKLOAD_RENDERING | 1 << WORKLOAD_INPUT | 1 << WORKLOAD_MEDIA | 1 << WORKLOAD_EDITOR |
             1 << WORKLOAD_SURGE,
    GAPS = 1 << WORKLOAD_INPUT | 1 << WORKLOAD_SURFACE_CREATION | 1 << WORKLOAD_DRAG_DROP | 1 << WORKLOAD_CLIPBOARD |
           1 << WORKLOAD_EDITOR | 1 << WORKLOAD_RESIZE,
};

static const char *check_disk(const struct image_disk *d)
{
    if (!d->mb)
        return NULL;
    if (!within(d->mb, 1, 4096))
        return "disk:mb";
    if (d->latency_ns > 1000000000)
        return "disk:latency_ns";
    if (!within(d->bytes_per_s, 1000000, 1000000000000))
        return "disk:bytes_per_s";
    if (!within(d->channels, 1, 64))
        return "disk:channels";
    if (!within(d->cache_pages, 64, 1u << 20))
        return "disk:cache_pages";
    return NULL;
}

static const char *check_network(const struct image_network *n)
{
    if (!n->heartbeat_ns)
        return NULL;
    if (!within(n->heartbeat_ns, 1000000, MAX_TIME_NS))
        return "network:heartbeat_ns";
    if (!within(n->timeout_ns, 2 * n->heartbeat_ns, MAX_TIME_NS))
        return "network:timeout_ns";
    if (n->latency_ns >= n->heartbeat_ns / 2)
        return "network:latency_ns";
    return NULL;
}

static const char *check_group(const struct image_group *g, const struct image_settings *s, u32 tables)
{
    if (g->period_ns > MAX_TIME_NS)
        return "group:period_ns";
    if (g->start_ns > MAX_TIME_NS || g->stagger_ns > MAX_TIME_NS / MAX_CLIENTS)
        return "group:start_ns";
    if (g->lifetime_ns > MAX_TIME_NS)
        return "group:lifetime_ns";
    if (g->workload > WORKLOAD_RESIZE)
        return "group:workload";
    if (g->priority > 31)
        return "group:priority";
    if (!within(g->surface_width, 1, s->width))
        return "group:surface_width";
    if (!within(g->surface_height, 1, s->height))
        return "group:surface_height";
    if (g->damage_ppm > 1000000)
        return "group:damage_ppm";
    if (g->workload != WORKLOAD_CLIPBOARD && g->transfer_bytes > PIPE_BYTES)
        return "group:transfer_bytes";
    bool thinks = 1 << g->workload & THINKS, gaps = 1 << g->workload & GAPS;
    if (thinks && g->think_table >= tables)
        return "group:think_table";
    if (gaps && g->gap_table >= tables)
        return "group:gap_table";
    return NULL;
}

static const char *check_fault(const struct image_fault *f, u32 clients, bool network, bool disk)
{
    if (f->start_ns > MAX_TIME_NS || f->end_ns > MAX_TIME_NS)
        return "fault:start_ns";
    if (f->period_ns > MAX_TIME_NS || f->duration_ns > MAX_TIME_NS)
        return "fault:start_ns";
    if (f->period_ns && f->period_ns < 1000)
        return "fault:period_ns";
    if (!within(f->kind, FAULT_CLIENT_CRASH, FAULT_DISK_OUTAGE))
        return "fault:kind";
    if (f->kind == FAULT_NETWORK_PARTITION && !network)
        return "fault:no network";
    if ((f->kind == FAULT_DISK_ERROR || f->kind == FAULT_DISK_OUTAGE) && !disk)
        return "fault:no disk";
    if (f->variant != VARIANT_ANY && f->variant >= fault_variants(f->kind))
        return "fault:variant";
    if (!f->client_count || f->first_client >= clients || f->client_count > clients - f->first_client)
        return "fault:clients";
    return NULL;
}

static const char *check_table(const u64 *table)
{
    for (u32 i = 0; i < QUANTILES; i++)
        if (table[i] > MAX_VALUE_NS || (i && table[i] < table[i - 1]))
            return "table";
    return NULL;
}

static const char *check_groups(const struct view *v, u32 *total)
{
    const struct image_load *load = v->load;
    u32 clients = 0, others = load->cpu_threads + (load->disk_iops ? load->disk_depth : 0) + (load->memory_ppm != 0);
    for (u32 i = 0; i < v->header->group_count; i++) {
        const struct image_group *g = &v->groups[i];
        if (g->first_client != clients || !within(g->count, 1, MAX_CLIENTS - clients))
            return "group:clients";
        clients += g->count;
        if (clients + others > MAX_CLIENTS)
            return "load:processes";
        const char *why = check_group(g, v->settings, v->header->table_count);
        if (why)
            return why;
    }
    *total = clients;
    return NULL;
}

static const char *check_timeline(const struct view *v)
{
    const struct image_group *last = &v->groups[v->header->group_count - 1];
    u32 clients = last->first_client + last->count;
    for (u32 i = 0; i < v->header->timeline_count; i++) {
        const struct image_event *e = &v->events[i];
        if (e->at_ns > MAX_TIME_NS || (i && e->at_ns < e[-1].at_ns))
            return "event:at_ns";
        if (!within(e->action, ACTION_THEME_CHANGE, ACTION_SURGE))
            return "event:action";
        if (e->value > 1000 || (e->action == ACTION_THEME_CHANGE && !within(e->value, 1, 2)))
            return "event:value";
        if (e->first_client >= clients || !within(e->count, 1, clients - e->first_client))
            return "event:clients";
    }
    return NULL;
}

bool scenario_validate(const void *image, size_t bytes, const char **why)
{
    *why = check_header(image, bytes);
    if (*why)
        return false;
    struct view v = view_of(image);
    u32 total = 0;
    *why = check_settings(v.settings);
    if (!*why && v.header->fault_count && v.settings->kind != KIND_FAILURE)
        *why = "fault:kind of scenario";
    if (!*why)
        *why = check_load(v.load);
    if (!*why)
        *why = check_disk(v.disk);
    if (!*why)
        *why = check_network(v.network);
    if (!*why)
        *why = check_groups(&v, &total);
    for (u32 i = 0; !*why && i < v.header->fault_count; i++)
        *why = check_fault(&v.faults[i], total, v.network->heartbeat_ns, v.disk->mb);
    if (!*why)
        *why = check_timeline(&v);
    for (u32 i = 0; !*why && i < v.header->table_count; i++)
        *why = check_table(v.tables + (size_t)i * QUANTILES);
    return !*why;
}

/* ---- The image in use ---- */

static struct view used;
static u8 group_of[MAX_CLIENTS];
static u32 clients;

void scenario_use(const void *image)
{
    used = view_of(image);
    for (u32 i = 0; i < used.header->group_count; i++)
        for (u32 n = 0; n < used.groups[i].count; n++)
            group_of[clients++] = (u8)i;
}

const struct image_settings *scenario(void) { return used.settings; }
const struct image_load *scenario_load(void) { return used.load; }
const struct image_disk *scenario_disk(void) { return used.disk; }
const struct image_network *scenario_network(void) { return used.network; }
const struct image_group *scenario_group(u32 client) { return &used.groups[group_of[client]]; }
u32 scenario_clients(void) { return clients; }
u32 scenario_faults(void) { return used.header->fault_count; }
const struct image_fault *scenario_fault(u32 index) { return &used.faults[index]; }
bool detector_on(enum detection detector) { return !(used.settings->detectors_off >> detector & 1); }
u32 scenario_events(void) { return used.header->timeline_count; }
const struct image_event *scenario_event(u32 index) { return &used.events[index]; }

const u64 *scenario_table(u32 index)
{
    return index < used.header->table_count ? used.tables + (size_t)index * QUANTILES : NULL;
}
