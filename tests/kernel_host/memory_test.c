/* Page allocator and heap over an arena at DIRECT_BASE: contents, accounting, merging, red zones. */
#define _GNU_SOURCE
#include "core/heap.h"
#include "core/page.h"
#include "host.h"
#include <sys/mman.h>

#define ARENA (64ull << 20)
#define OBJECTS 600

static u64 seed = 1;
static u32 chance(u32 below) { return host_random(&seed) % below; }

static bool all(const u8 *at, u64 bytes, u8 value)
{
    for (u64 i = 0; i < bytes; i++)
        if (at[i] != value)
            return false;
    return true;
}

static void pages_come_zeroed_and_merge_again(void)
{
    static struct { u8 *at; u64 pages; u8 mark; } held[OBJECTS];
    u64 used = pages_used(), run = pages_largest_run();
    for (u32 turn = 0; turn < 60000; turn++) {
        u32 i = chance(OBJECTS);
        if (held[i].at) {
            CHECK(all(held[i].at, held[i].pages * PAGE_BYTES, held[i].mark));
            page_free_run(held[i].at, held[i].pages);
            held[i].at = NULL;
            continue;
        }
        u64 pages = chance(4) ? 1 : 1 + chance(40), before = pages_used();
        held[i].at = page_alloc_run(pages);
        if (!held[i].at)
            continue;
        CHECK(pages_used() == before + pages && pages_used() + pages_free() == ARENA / PAGE_BYTES);
        CHECK(all(held[i].at, pages * PAGE_BYTES, 0));
        held[i].pages = pages;
        held[i].mark = (u8)(1 + chance(255));
        memset(held[i].at, held[i].mark, pages * PAGE_BYTES);
    }
    for (u32 i = 0; i < OBJECTS; i++)
        if (held[i].at)
            page_free_run(held[i].at, held[i].pages);
    CHECK(pages_used() == used && pages_largest_run() == run);
}

static void memory_runs_out_without_harm(void)
{
    u64 used = pages_used(), count = 0;
    void *list = NULL;
    for (void **page; (page = page_alloc()); list = page, count++)
        *page = list;
    CHECK(count == ARENA / PAGE_BYTES - used && pages_free() == 0 && pages_largest_run() == 0);
    CHECK(pages_peak() == ARENA / PAGE_BYTES);
    CHECK(!kalloc(100, "none") && !kalloc(10000, "none"));
    for (void *next; list; list = next) {
        next = *(void **)list;
        page_free(list);
    }
    CHECK(pages_used() == used);
}

static void objects_keep_their_contents_and_return(void)
{
    static struct { u8 *at; u32 bytes; u8 mark; } held[OBJECTS];
    u64 used = pages_used(), sum = 0;
    for (u32 turn = 0; turn < 200000; turn++) {
        u32 i = chance(OBJECTS);
        CHECK(heap_bytes() == sum);
        if (held[i].at) {
            CHECK(all(held[i].at, held[i].bytes, held[i].mark));
            sum -= held[i].bytes;
            kfree(held[i].at);
            held[i].at = NULL;
            continue;
        }
        u32 bytes = chance(20) ? chance(2500) : chance(20000);
        held[i].at = kalloc(bytes, "test");
        if (!held[i].at)
            continue;
        CHECK((u64)held[i].at % 16 == 0 && all(held[i].at, bytes, 0));
        sum += held[i].bytes = bytes;
        held[i].mark = (u8)(1 + chance(255));
        memset(held[i].at, held[i].mark, bytes);
    }
    for (u32 i = 0; i < OBJECTS; i++) {
        kfree(held[i].at);
        held[i].at = NULL;
    }
    heap_trim();
    CHECK(heap_bytes() == 0 && pages_used() == used);
}

static void damage_is_found_and_names_the_owner(void)
{
    static const u32 sizes[] = { 1, 24, 100, 2000, 9001 };
    for (u32 i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        u8 *object = kalloc(sizes[i], "victim");
        object[sizes[i]] ^= 1;
        CHECK(PANICS(kfree(object)) && !memcmp(panic_reason, "heap:red zone:victim", 21));
        object[sizes[i]] ^= 1;
        object[-1] ^= 1;
        CHECK(PANICS(kfree(object)));
        object[-1] ^= 1;
        kfree(object);
    }
    void *neighbour = kalloc(40, "neighbour"), *object = kalloc(40, "twice");
    kfree(object);
    CHECK(PANICS(kfree(object)));
    kfree(neighbour);
    void *page = page_alloc();
    page_free(page);
    CHECK(PANICS(page_free(page)));
}

static u32 reports;
static const void *reported;

static void note(const char *owner, const void *object)
{
    CHECK(!memcmp(owner, "victim", 7) || !memcmp(owner, "bystander", 10));
    reports++;
    reported = object;
}

/* With heap_on_damage set, damage is reported once, at the first check, and the object is withheld until released. */
static void damage_is_reported_and_the_object_withheld(void)
{
    static const u32 sizes[] = { 1, 40, 300, 2000, 9001 };
    u64 used = pages_used(), bytes = heap_bytes();
    heap_on_damage = note;
    for (u32 by_scrub = 0; by_scrub < 2; by_scrub++) {
        for (u32 i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            u8 *object = kalloc(sizes[i], "victim"), *other = kalloc(sizes[i], "bystander");
            u32 before = reports;
            CHECK(heap_scrub() == 2 + by_scrub * 5 + i && reports == before);
            object[sizes[i] + i % 8] ^= 0x80;
            if (by_scrub)
                heap_scrub();
            CHECK(reports == before + by_scrub);
            kfree(object);
            CHECK(reports == before + 1 && reported == object);
            CHECK(heap_scrub() == 2 + by_scrub * 5 + i && reports == before + 1);
            u8 *next = kalloc(sizes[i], "bystander");
            CHECK(next != object);
            kfree(next);
            kfree(other);
        }
    }
    heap_release_withheld();
    heap_trim();
    CHECK(heap_bytes() == bytes && pages_used() == used && heap_scrub() == 0);
}

static void every_planted_overrun_is_found(void)
{
    static void *objects[OBJECTS];
    for (u32 i = 0; i < OBJECTS; i++)
        CHECK((objects[i] = kalloc(chance(3000), "bystander")));
    u32 before = reports;
    for (u32 i = 0; i < OBJECTS; i++)
        CHECK(heap_overrun((u32)(seed ^ i * 2654435761u)));
    CHECK(!heap_overrun(7));             /* none is intact */
    CHECK(heap_scrub() == OBJECTS && reports == before + OBJECTS);
    for (u32 i = 0; i < OBJECTS; i++)
        kfree(objects[i]);
    heap_release_withheld();
    heap_trim();
    CHECK(heap_scrub() == 0 && reports == before + OBJECTS);
    heap_checked = false;
    void *object = kalloc(10, "bystander");
    CHECK(heap_overrun(0) && heap_scrub() == 1);
    kfree(object);
    CHECK(reports == before + OBJECTS);
    heap_checked = true;
    heap_on_damage = NULL;
}

int main(void)
{
    void *arena = mmap((void *)DIRECT_BASE, ARENA, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(arena == (void *)DIRECT_BASE);
    memset(arena, 0xa5, ARENA);
    page_init(3 * PAGE_BYTES, ARENA);
    pages_come_zeroed_and_merge_again();
    objects_keep_their_contents_and_return();
    memory_runs_out_without_harm();
    objects_keep_their_contents_and_return();
    damage_is_found_and_names_the_owner();
    heap_trim();
    damage_is_reported_and_the_object_withheld();
    every_planted_overrun_is_found();
    return 0;
}
