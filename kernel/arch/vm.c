/* Page tables: the kernel's (W^X, shared by all) and the clients'; the window of guarded kernel mappings.
 *
 * Each CPU keeps one root table. Its kernel half never changes after memory_init: all tables of the window are made at
 * boot. Mapping a kernel page therefore never allocates, and memory in use returns to the baseline. Of the user half
 * only the first entry is used; it points to the tables of the loaded address space. */
#include "arch/vm.h"
#include "arch/smp.h"

#define PRESENT 1ull
#define USER 4ull
#define UNCACHED 0x10ull
#define ACCESSED 0x20ull        /* set by the CPU before it caches the translation */
#define LARGE 0x80ull
#define ADDRESS 0x000ffffffffff000ull
#define ENTRIES 512
#define INDEX(address, level) ((u32)((address) >> (12 + 9 * (level)) & (ENTRIES - 1)))
#define USED(entries) ((u64)(entries) << 52) /* in an entry that points to a table: its entries ever used */
#define USED_OF(entry) ((u32)((entry) >> 52 & 0x3ff))

#define FLUSH_MAX 96            /* translations to flush one by one; for more, the whole TLB */
#define TABLE_COST 8            /* scanning a page table, in flushes */
#ifndef KEEP_TRANSLATIONS       /* a planted bug: no flush at an address-space switch */
#define KEEP_TRANSLATIONS 0
#endif

extern u8 kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[], boot_stack_guard[];

static u64 ram_end;             /* physical; RAM from 1 MiB to here is contiguous */
static u64 boot_next;           /* memory_boot_alloc's next page */
static u64 kernel_root;
static u64 *window_tables;      /* all PTEs of the window, physically contiguous */
static u64 *window_map;         /* bit per window page: taken */
static u64 window_pages, window_hint;
static bool window_stale;       /* other CPUs may still cache unmapped pages below the hint */

u64 image_physical(const void *address) { return (u64)address - KERNEL_BASE; }

struct start_info {
    u32 magic, version, flags, modules;
    u64 module_list, command_line, rsdp, memory_map;
    u32 entries, reserved;
};
struct map_entry { u64 address, bytes; u32 type, reserved; };

void memory_find(u32 start_info)
{
    const struct start_info *info = direct(start_info);
    KERNEL_ASSERT(info->magic == 0x336ec578 && info->version >= 1, "boot:start_info");
    const struct map_entry *entry = direct(info->memory_map);
    for (u32 i = 0; i < info->entries; i++, entry++)
        if (entry->type == 1 && entry->address <= 0x100000 && entry->address + entry->bytes > 0x100000)
            ram_end = (entry->address + entry->bytes) & ~(PAGE_BYTES - 1);
    boot_next = image_physical(kernel_end);
    KERNEL_ASSERT(ram_end >= 32ull << 20, "boot:memory");
}

u64 memory_boot_alloc(u64 pages)
{
    u64 at = boot_next;
    boot_next += pages * PAGE_BYTES;
    KERNEL_ASSERT(boot_next <= ram_end && boot_next <= 1ull << 30, "boot:memory");
    zero_pages(direct(at), pages);
    return at;
}

/* The table that entry points to, created if missing. */
static u64 *boot_table(u64 *entry)
{
    if (!*entry)
        *entry = memory_boot_alloc(1) | PRESENT | MAP_WRITE;
    return direct(*entry & ADDRESS);
}

static u64 *boot_entry_at(u64 address, u32 level)
{
    u64 *table = direct(kernel_root);
    for (u32 l = 3; l > level; l--)
        table = boot_table(&table[address >> (12 + 9 * l) & 511]);
    return &table[address >> (12 + 9 * level) & 511];
}

static void map_direct(u64 limit)
{
    u64 constant_from = image_physical(kernel_start), constant_to = image_physical(kernel_rodata_end);
    for (u64 at = 0; at < limit; at += PAGE_BYTES) {
        if (!(at & 0x1fffff) && at >= 0x400000 && at >= constant_to && at + 0x200000 <= limit) {
            *boot_entry_at(DIRECT_BASE + at, 1) = at | PRESENT | MAP_WRITE | LARGE | MAP_NX;
            at += 0x200000 - PAGE_BYTES;
            continue;
        }
        bool constant = at >= constant_from && at < constant_to;
        *boot_entry_at(DIRECT_BASE + at, 0) = at | PRESENT | (constant ? 0 : MAP_WRITE) | MAP_NX;
    }
}

static void map_image(void)
{
    for (u8 *at = kernel_start; at < kernel_end; at += PAGE_BYTES) {
        u64 flags = at < kernel_text_end ? 0 : at < kernel_rodata_end ? MAP_NX : MAP_WRITE | MAP_NX;
        if (at != boot_stack_guard)
            *boot_entry_at((u64)at, 0) = image_physical(at) | PRESENT | flags;
    }
}

static void map_devices(void)
{
    *boot_entry_at(DEVICE_BASE, 0) = APIC_PHYSICAL | PRESENT | MAP_WRITE | MAP_NX | UNCACHED;
    for (u64 at = 0; at < VIRTIO_PAGES * PAGE_BYTES; at += PAGE_BYTES)
        *boot_entry_at(VIRTIO_BASE + at, 0) = (VIRTIO_PHYSICAL + at) | PRESENT | MAP_WRITE | MAP_NX | UNCACHED;
    *boot_entry_at(IO_APIC_BASE, 0) = IO_APIC_PHYSICAL | PRESENT | MAP_WRITE | MAP_NX | UNCACHED;
}

/* Twice as many pages as there are frames: enough even for one-page objects, each with a guard page. */
static void make_window(u64 limit)
{
    window_pages = (limit >> PAGE_SHIFT) * 2 & ~511ull;
    u64 tables = memory_boot_alloc(window_pages / ENTRIES);
    window_tables = direct(tables);
    window_map = direct(memory_boot_alloc(pages_for(window_pages / 8)));
    for (u64 i = 0; i < window_pages / ENTRIES; i++)
        *boot_entry_at(WINDOW_BASE + i * ENTRIES * PAGE_BYTES, 1) = (tables + i * PAGE_BYTES) | PRESENT | MAP_WRITE;
}

u64 *root_create(void)
{
    u64 *root = page_alloc();
    if (root)
        memcpy(root + ENTRIES / 2, (u64 *)direct(kernel_root) + ENTRIES / 2, PAGE_BYTES / 2);
    return root;
}

void memory_init(u64 limit)
{
    KERNEL_ASSERT(limit <= ram_end, "scenario:memory_mb exceeds the machine's memory");
    kernel_root = memory_boot_alloc(1);
    map_direct(limit);
    map_image();
    map_devices();
    make_window(limit);
    this_cpu()->root = direct(kernel_root);
    write_cr3(kernel_root);
    page_init(boot_next, limit);
}

/* ---- The window ---- */

static bool window_taken(u64 page) { return window_map[page >> 6] >> (page & 63) & 1; }

/* The search goes round: a freed address is used again only after it has wrapped. The other CPUs' TLBs need to be
 * flushed no earlier than that. */
static void window_wrap(void)
{
    window_hint = 0;
    if (window_stale)
        smp_flush_others();
    window_stale = false;
}

/* First page of a run of free pages at or after the hint, wrapping once; window_pages: none. */
static u64 window_search(u64 pages)
{
    for (u32 pass = 0; pass < 2; pass++, window_wrap()) {
        u64 run = 0;
        for (u64 at = window_hint; at < window_pages; at++) {
            if (!run && !(at & 63) && window_map[at >> 6] == ~0ull) {
                at += 63;
                continue;
            }
            run = window_taken(at) ? 0 : run + 1;
            if (run == pages)
                return at + 1 - pages;
        }
    }
    return window_pages;
}

static void window_mark(u64 first, u64 pages, bool taken)
{
    for (u64 at = first; at < first + pages; at++) {
        u64 bit = 1ull << (at & 63);
        window_map[at >> 6] = taken ? window_map[at >> 6] | bit : window_map[at >> 6] & ~bit;
    }
}

static void window_release(u64 first, u64 mapped, u64 pages)
{
    for (u64 i = 0; i < mapped; i++) {
        page_free(direct(window_tables[first + i] & ADDRESS));
        window_tables[first + i] = 0;
    }
    window_stale = cpu_count > 1;
    if (mapped > 32)
        flush_all();
    else
        for (u64 i = 0; i < mapped; i++)
            flush_page(WINDOW_BASE + (first + i) * PAGE_BYTES);
    window_mark(first, pages + 1, false);
}

void *window_alloc(u64 pages)
{
    if (pages >= window_pages)
        return NULL;
    u64 flags = lock(LOCK_WINDOW), first = window_search(pages + 1);
    void *result = NULL;
    if (first < window_pages) {
        window_mark(first, pages + 1, true);
        window_hint = first + pages + 1;
        u64 i = 0;
        for (void *page; i < pages && (page = page_alloc()); i++)
            window_tables[first + i] = direct_physical(page) | PRESENT | MAP_WRITE | MAP_NX;
        if (i == pages)
            result = (void *)(WINDOW_BASE + first * PAGE_BYTES);
        else
            window_release(first, i, pages);
    }
    unlock(LOCK_WINDOW, flags);
    return result;
}

void window_free(void *address, u64 pages)
{
    u64 flags = lock(LOCK_WINDOW);
    window_release(((u64)address - WINDOW_BASE) >> PAGE_SHIFT, pages, pages);
    unlock(LOCK_WINDOW, flags);
}

u64 window_physical(const void *address)
{
    return window_tables[((u64)address - WINDOW_BASE) >> PAGE_SHIFT] & ADDRESS;
}

/* ---- Address spaces: the tables behind the first entry of a root ---- */

bool space_create(struct space *space)
{
    void *table = page_alloc();
    *space = (struct space){ .table = table ? direct_physical(table) : 0 };
    return table;
}

static u64 *space_entry(const struct space *space, u64 address, bool create)
{
    u64 *table = direct(space->table);
    for (u32 level = 2; level > 0; level--) {
        u64 *entry = &table[INDEX(address, level)];
        if (!*entry) {
            void *next = create ? page_alloc() : NULL;
            if (!next)
                return NULL;
            *entry = direct_physical(next) | PRESENT | MAP_WRITE | USER;
        }
        u32 index = INDEX(address, level - 1);
        if (create && index >= USED_OF(*entry))
            *entry = (*entry & ~USED(0x3ff)) | USED(index + 1);
        table = direct(*entry & ADDRESS);
    }
    return &table[INDEX(address, 0)];
}

bool space_map(struct space *space, u64 address, u64 physical, u64 flags)
{
    u64 *entry = space_entry(space, address, true);
    if (!entry)
        return false;
    KERNEL_ASSERT(!*entry, "vm:mapped twice");
    *entry = physical | PRESENT | USER | flags;
    return true;
}

void space_unmap(struct space *space, u64 address, u64 pages)
{
    for (u64 i = 0; i < pages; i++) {
        u64 *entry = space_entry(space, address + i * PAGE_BYTES, false);
        if (entry)
            *entry = 0;
        if (pages <= 32)
            flush_page(address + i * PAGE_BYTES);
    }
    if (pages > 32)
        flush_all();
    memset(space->recent, 0, sizeof space->recent);
}

u64 space_physical(const struct space *space, u64 address)
{
    u64 *entry = space_entry(space, address, false);
    return entry ? *entry & ADDRESS : 0;
}

void space_free(struct space *space, u64 address)
{
    u64 *entry = space_entry(space, address, false);
    page_free(direct(*entry & ADDRESS));
    *entry = 0;
    flush_page(address);
    memset(space->recent, 0, sizeof space->recent);
}

static void free_tables(u64 *table, u32 level, u32 entries)
{
    for (u32 i = 0; i < entries; i++) {
        if (!table[i] || (level == 0 && table[i] & MAP_SHARED))
            continue;
        void *next = direct(table[i] & ADDRESS);
        if (level > 0)
            free_tables(next, level - 1, ENTRIES);
        else
            page_free(next);
    }
    page_free(table);
}

/* Flushes the cached translations of a page table, found by their accessed bits, eight entries at a time. `left` is the
 * budget in flushes; a scanned page table costs TABLE_COST. Returns what is left of it; 0: not everything is flushed.
 * */
static u32 flush_table(u64 *table, u32 used, u64 address, u32 left)
{
    for (u64 *eight = table; left && eight < table + used; eight += 8)
        if ((eight[0] | eight[1] | eight[2] | eight[3] | eight[4] | eight[5] | eight[6] | eight[7]) & ACCESSED)
            for (u64 *entry = eight; left && entry < eight + 8; entry++)
                if (*entry & ACCESSED) {
                    *entry &= ~ACCESSED;
                    flush_page(address + (u64)(entry - table) * PAGE_BYTES);
                    left--;
                }
    return left;
}

static u32 flush_used(u64 *table, u32 used, u64 address, u32 level, u32 left)
{
    for (u32 i = 0; left && i < used; i++, address += PAGE_BYTES << 9 * level) {
        if (!(table[i] & ACCESSED))
            continue;
        table[i] &= ~ACCESSED;
        u64 *next = direct(table[i] & ADDRESS);
        if (level > 1)
            left = flush_used(next, USED_OF(table[i]), address, level - 1, left);
        else
            left = flush_table(next, USED_OF(table[i]), address, left > TABLE_COST ? left - TABLE_COST : 0);
    }
    return left;
}

/* A write to CR3 would flush the kernel's translations too, which are needed next; so the previous address space's are
 * flushed one by one. With SMP CR3 is written: there kernel threads run without an address space, and would pay for the
 * one-by-one flush of every client before them. */
void space_use(struct space *space)
{
    struct cpu *cpu = this_cpu();
    struct space *before = cpu->space;
    if (space == before)
        return;
    cpu->space = space;
    cpu->root[0] = space ? space->table | PRESENT | MAP_WRITE | USER : 0;
    if (!before || KEEP_TRANSLATIONS)
        return;
    flush_page(0); /* any invlpg flushes the cached upper levels too */
    if (cpu_count > 1 || !flush_used(direct(before->table), INDEX(USER_END, 2) + 1, 0, 2, FLUSH_MAX))
        flush_all();
}

static void space_leave(const struct space *space)
{
    u64 flags = service_begin();
    if (this_cpu()->space == space)
        space_use(NULL);
    service_end(flags);
}

void space_destroy(struct space *space)
{
    space_leave(space);
    free_tables(direct(space->table), 2, ENTRIES);
    space->table = 0;
}

/* The page of a user address, through the direct map. NULL: not mapped, or write is wanted and not allowed. */
static u8 *user_page(struct space *space, u64 address, bool write)
{
    u64 page = address >> PAGE_SHIFT, slot = page % 4;
    if (page != space->recent[slot].page) {
        u64 *entry = address < USER_END ? space_entry(space, address, false) : NULL;
        if (!entry || !(*entry & PRESENT))
            return NULL;
        space->recent[slot].page = page;
        space->recent[slot].at = direct(*entry & ADDRESS);
        space->recent[slot].writable = *entry & MAP_WRITE;
    }
    return !write || space->recent[slot].writable ? space->recent[slot].at : NULL;
}

bool user_range(struct space *space, u64 address, u64 bytes, bool write)
{
    if (bytes > USER_END || address > USER_END - bytes)
        return false;
    for (u64 at = address & ~(PAGE_BYTES - 1); at < address + bytes; at += PAGE_BYTES)
        if (!user_page(space, at, write))
            return false;
    return true;
}

/* Copies page by page through the direct map: cannot fault. */
static bool copy(struct space *space, u64 user, u8 *kernel, u64 bytes, bool out)
{
    if (bytes > USER_END || user > USER_END - bytes)
        return false;
    while (bytes) {
        u64 offset = user & (PAGE_BYTES - 1), room = PAGE_BYTES - offset, n = bytes < room ? bytes : room;
        u8 *page = user_page(space, user, out);
        if (!page)
            return false;
        if (out)
            memcpy(page + offset, kernel, n);
        else
            memcpy(kernel, page + offset, n);
        user += n, kernel += n, bytes -= n;
    }
    return true;
}

bool copy_in(struct space *space, void *to, u64 from, u64 bytes) { return copy(space, from, to, bytes, false); }

bool copy_out(struct space *space, u64 to, const void *from, u64 bytes)
{
    return copy(space, to, (u8 *)from, bytes, true);
}
