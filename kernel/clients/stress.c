/* Stressors: processes without a window that load the store and the memory, and verify what they read back. A mismatch
 * causes a page fault, which fails the run as a crash. docs/explanation/store.md describes the records. */
#include "clients/name.h"
#include "clients/syscall.h"

#define SLOTS STRESS_SLOTS
#define WORDS (RECORD_BYTES / sizeof(u64))
#define GET_EVERY 4      /* puts per get */
#define CHUNK_PAGES 64
#define STEP_NS 10000000ull
#define CHURN_TURNS 10

/* On the stack, so that other clients do not need memory for it. */
struct records { u64 content[WORDS], back[WORDS]; char name[NAME_BYTES]; };

[[noreturn]] static void found_wrong(void)
{
    *(volatile u32 *)0 = 1;
    __builtin_trap();
}

static u64 level(u64 whole)
{
    return whole * *(const volatile u32 *)&config()->level_ppm / 1000000;
}

static void sleep_until(u64 deadline_ns)
{
    syscall(SYS_SLEEP, deadline_ns, 0, 0, 0, 0);
}

/* ---- Disk ---- */

static void set_name(char *name, u64 sequence)
{
    name[0] = 's';
    name_number(name + 1, config()->id);
    name[5] = '.';
    name_number(name + 6, (u32)(sequence % SLOTS));
}

static u64 word(u64 sequence, u32 i)
{
    u64 sum = sequence * 0xd1342543de82ef95 + ((u64)config()->id << 32) + config()->seed + i;
    return i ? sum * 0x9e3779b97f4a7c15 : sequence;
}

static void put(struct records *r, u64 sequence)
{
    for (u32 i = 0; i < WORDS; i++)
        r->content[i] = word(sequence, i);
    set_name(r->name, sequence);
    while (syscall(SYS_PUT, (u64)r->name, (u64)r->content, sizeof r->content, 0, 0) < 0)
        sleep_until(clock_ns() + STEP_NS);
}

/* Verifies the record of an earlier put. */
static void get(struct records *r, u64 sequence)
{
    set_name(r->name, sequence);
    i64 bytes = syscall(SYS_GET, (u64)r->name, (u64)r->back, sizeof r->back, 0, 0);
    if (bytes < 0)
        return;
    for (u32 i = 0; i < WORDS; i++)
        if (bytes != sizeof r->back || r->back[i] != word(sequence, i))
            found_wrong();
}

static void stress_disk(void)
{
    const struct client_config *c = config();
    struct records r = {};
    u64 due = clock_ns(), n = 0, pick = c->seed + c->id;
    while (clock_ns() < c->end_ns) {
        put(&r, ++n);
        if (n % GET_EVERY == 0) {
            pick = pick * 6364136223846793005ull + 1442695040888963407ull;
            u64 ago = (pick >> 33) % SLOTS;
            if (ago < n)
                get(&r, n - ago);
        }
        if (n % STRESS_FLUSH_EVERY == 0)
            syscall(SYS_FLUSH, n, 0, 0, 0, 0);
        u64 share = level(1000000), now = clock_ns();
        while (!share && now < c->end_ns) { /* level 0 */
            sleep_until(now + STEP_NS);
            due = now = clock_ns();
            share = level(1000000);
        }
        due += share ? c->period_ns * 1000000 / share : 0;
        if (due > now)
            sleep_until(due);
        else if (now - due > STEP_NS)
            due = now; /* it cannot keep up: runs as fast as possible */
    }
    syscall(SYS_FLUSH, n, 0, 0, 0, 0);
}

/* ---- Memory ---- */

static volatile u64 *page_at(u64 index) { return (volatile u64 *)(CLIENT_MEMORY + index * 4096); }

static u64 resize(u64 held, i64 pages)
{
    for (u64 i = held; pages < 0 && i > held - (u64)-pages; i--)
        if (*page_at(i - 1) != (i ^ config()->seed))
            found_wrong();
    i64 now = syscall(SYS_MEMORY, (u64)pages, 0, 0, 0, 0);
    if (now < 0)
        return held; /* refused */
    for (u64 i = held; i < (u64)now; i++) {
        if (*page_at(i))
            found_wrong(); /* not zeroed */
        *page_at(i) = (i + 1) ^ config()->seed;
    }
    return (u64)now;
}

static u64 chunk(u64 pages) { return pages < CHUNK_PAGES ? pages : CHUNK_PAGES; }

static void stress_memory(void)
{
    const struct client_config *c = config();
    u64 held = 0;
    for (u64 turn = 0; clock_ns() < c->end_ns; turn++) {
        u64 target = level(c->target_pages), before = held;
        if (held < target)
            held = resize(held, (i64)chunk(target - held));
        else if (held > target || turn % CHURN_TURNS == 0)
            held = resize(held, -(i64)chunk(held > target ? held - target : held));
        if (held == before || held == target) /* refused, or done */
            sleep_until(clock_ns() + STEP_NS);
    }
    while (held)
        held = resize(held, -(i64)chunk(held));
}

void stress_main(void)
{
    if (config()->workload == WORKLOAD_STRESS_DISK)
        stress_disk();
    else
        stress_memory();
    client_exit();
}
