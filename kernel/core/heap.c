/* The kernel heap: size classes in one-page slabs, page runs above that. LOCK_HEAP protects everything.
 *
 * An object is [header | object | red zone]; the header ends in a red zone too. kfree and heap_scrub check both. Damage
 * causes a panic or, with heap_on_damage set, a call to it; the object is then withheld from reuse once its owner frees
 * it. A page of the heap begins with struct slab, so an object's slab follows from its address. */
#include "core/heap.h"
#include "core/list.h"
#include "core/lock.h"
#include "core/page.h"

#define RED_BEFORE 0x7ed20e5eb4be5a1dull
#define RED_AFTER 0x7ed20e5eaf7e6a1dull
#define LIVE 0x4c495645u
#define DAMAGED 0x4c494544u  /* in use, and its damage is reported */
#define WITHHELD 0x48454c44u /* damaged and freed by its owner */
#define CLASS_RUN 255

struct header { const char *owner; u32 bytes, live; u64 pad, red; };
struct slab {
    struct list link;             /* in with_room[class], if it has room */
    struct list all_link;         /* in `all` */
    void *free;                   /* free cells: a stack through their first word; needs no second pointer */
    u16 used, class;
    u32 pages;                    /* of a run */
};
static_assert(sizeof(struct header) == 32 && sizeof(struct slab) <= 48);
#define SLAB_HEAD 64
#define OVERHEAD (sizeof(struct header) + 8)

static const u16 cell_bytes[] = { 64, 96, 128, 192, 256, 336, 448, 576, 1008, 1344, 2016 };
#define CLASSES (sizeof cell_bytes / sizeof *cell_bytes)
static struct list with_room[CLASSES]; /* slabs with a free cell; initialised at first use */
static struct slab *cached[CLASSES]; /* at most one empty slab per class is kept */
static struct list all = LIST_EMPTY(all); /* every slab and run */
static u64 bytes_used, allocations;
bool heap_checked = true;
void (*heap_on_damage)(const char *owner, const void *object);

#define MAX_FOUND 16
static struct damage { const char *owner; const void *object; } found[MAX_FOUND]; /* not reported yet */
static u32 found_count;

static struct list *room_of(u32 class) { return list_lazy(&with_room[class]); }

static struct slab *slab_new(u32 class)
{
    struct slab *slab = page_alloc();
    if (!slab)
        return NULL;
    slab->class = (u16)class;
    u32 size = cell_bytes[class];
    for (u32 at = SLAB_HEAD + (PAGE_BYTES - SLAB_HEAD) / size * size; at > SLAB_HEAD;) {
        at -= size;
        *(void **)((u8 *)slab + at) = slab->free;
        slab->free = (u8 *)slab + at;
    }
    list_prepend(room_of(class), &slab->link);
    list_prepend(&all, &slab->all_link);
    return slab;
}

static void *cell_take(u32 class)
{
    struct list *room = room_of(class);
    struct slab *slab = list_empty(room) ? slab_new(class) : CONTAINER(room->next, struct slab, link);
    if (!slab)
        return NULL;
    void *cell = slab->free;
    slab->free = *(void **)cell;
    slab->used++;
    if (cached[class] == slab)
        cached[class] = NULL;
    if (!slab->free)
        list_unlink(&slab->link);
    return cell;
}

static void cell_give(struct slab *slab, void *cell)
{
    u32 class = slab->class;
    if (!slab->free)
        list_prepend(room_of(class), &slab->link);
    *(void **)cell = slab->free;
    slab->free = cell;
    if (--slab->used)
        return;
    if (!cached[class]) {
        cached[class] = slab;
        return;
    }
    list_unlink(&slab->link);
    list_unlink(&slab->all_link);
    page_free(slab);
}

static void *run_take(u64 bytes)
{
    u64 pages = pages_for(bytes + SLAB_HEAD);
    struct slab *slab = page_alloc_run(pages);
    if (!slab)
        return NULL;
    slab->class = CLASS_RUN;
    slab->pages = (u32)pages;
    list_prepend(&all, &slab->all_link);
    return (u8 *)slab + SLAB_HEAD;
}

void *heap_alloc(size_t bytes, const char *owner, bool zero)
{
    if (bytes >= 1ull << 31)
        return NULL;
    u64 need = bytes + OVERHEAD;
    u32 class = 0;
    while (class < CLASSES && cell_bytes[class] < need)
        class++;
    u64 flags = lock(LOCK_HEAP);
    struct header *header = class < CLASSES ? cell_take(class) : run_take(need);
    if (header) {
        *header = (struct header){ owner, (u32)bytes, LIVE, 0, RED_BEFORE };
        u64 red = RED_AFTER;
        memcpy((u8 *)(header + 1) + bytes, &red, 8);
        bytes_used += bytes;
        allocations++;
    }
    unlock(LOCK_HEAP, flags);
    if (!header)
        return NULL;
    if (zero && class < CLASSES) /* runs are zeroed already */
        memset(header + 1, 0, bytes);
    return header + 1;
}

void *kalloc(size_t bytes, const char *owner)
{
    return heap_alloc(bytes, owner, true);
}

static bool damaged(const struct header *header)
{
    u64 after;
    memcpy(&after, (const u8 *)(header + 1) + header->bytes, 8);
    return header->red != RED_BEFORE || after != RED_AFTER;
}

static void check(struct header *header)
{
    if (!heap_checked || header->live == DAMAGED || !damaged(header))
        return;
    if (!heap_on_damage)
        panic_format("heap:red zone:%s", header->owner);
    if (found_count == MAX_FOUND)
        return; /* the next check finds it */
    header->live = DAMAGED;
    found[found_count++] = (struct damage){ header->owner, header + 1 };
}

/* Without the lock: heap_on_damage may use the heap. */
static void report_found(void)
{
    while (found_count) {
        u64 flags = lock(LOCK_HEAP);
        bool any = found_count != 0;
        struct damage damage = found[any ? --found_count : 0];
        unlock(LOCK_HEAP, flags);
        if (any)
            heap_on_damage(damage.owner, damage.object);
    }
}

static void give_back(struct slab *slab, struct header *header)
{
    header->live = 0;
    if (slab->class != CLASS_RUN) {
        cell_give(slab, header);
        return;
    }
    list_unlink(&slab->all_link);
    page_free_run(slab, slab->pages);
}

void kfree(void *object)
{
    if (!object)
        return;
    struct header *header = (struct header *)object - 1;
    struct slab *slab = (struct slab *)((u64)header & ~(PAGE_BYTES - 1));
    u64 flags = lock(LOCK_HEAP);
    if (header->live != LIVE && header->live != DAMAGED)
        panic_format("heap:not live:%llx", (u64)object);
    check(header);
    bytes_used -= header->bytes;
    if (header->live == DAMAGED)
        header->live = WITHHELD;
    else
        give_back(slab, header);
    unlock(LOCK_HEAP, flags);
    report_found();
}

/* ---- All objects ---- */

/* Calls visit for each object of a slab; visit may free that object. Returns the number of objects. */
static u32 visit_slab(struct slab *slab, void (*visit)(struct slab *, struct header *))
{
    u32 objects = 0, used = slab->used, size = slab->class == CLASS_RUN ? PAGE_BYTES : cell_bytes[slab->class];
    u32 cells = slab->class == CLASS_RUN ? 1 : (PAGE_BYTES - SLAB_HEAD) / size;
    for (u32 cell = 0; cell < cells; cell++) {
        struct header *header = (struct header *)((u8 *)slab + SLAB_HEAD + cell * size);
        if (header->live != LIVE && header->live != DAMAGED && header->live != WITHHELD)
            continue;
        objects++;
        bool last = objects == used || slab->class == CLASS_RUN;
        visit(slab, header);
        if (last) /* the slab may be freed by now */
            break;
    }
    return objects;
}

/* Under LOCK_HEAP. */
static u32 visit_all(void (*visit)(struct slab *, struct header *))
{
    u32 objects = 0;
    for (struct list *at = all.next, *next; at != &all; at = next) {
        next = at->next;
        objects += visit_slab(CONTAINER(at, struct slab, all_link), visit);
    }
    return objects;
}

static void visit_check(struct slab *slab, struct header *header)
{
    (void)slab;
    if (header->live == LIVE)
        check(header);
}

u32 heap_scrub(void)
{
    u32 objects;
    bool full;
    do {
        u64 flags = lock(LOCK_HEAP);
        objects = visit_all(visit_check);
        full = found_count == MAX_FOUND;
        unlock(LOCK_HEAP, flags);
        report_found();
    } while (full);
    return objects;
}

static void visit_withheld(struct slab *slab, struct header *header)
{
    if (header->live == WITHHELD)
        give_back(slab, header);
}

void heap_release_withheld(void)
{
    u64 flags = lock(LOCK_HEAP);
    visit_all(visit_withheld);
    unlock(LOCK_HEAP, flags);
}

static struct { u32 intact, skip; struct header *found; } choice;

static void visit_choose(struct slab *slab, struct header *header)
{
    (void)slab;
    if (header->live != LIVE || damaged(header))
        return;
    if (choice.intact++ == choice.skip)
        choice.found = header;
}

bool heap_overrun(u32 draw)
{
    u64 flags = lock(LOCK_HEAP);
    choice = (typeof(choice)){ .skip = ~0u };
    visit_all(visit_choose); /* counts the objects */
    choice = (typeof(choice)){ .skip = (u32)((u64)choice.intact * draw >> 32) };
    visit_all(visit_choose);
    if (choice.found)
        ((u8 *)(choice.found + 1))[choice.found->bytes + draw % 8] ^= 0x5a;
    unlock(LOCK_HEAP, flags);
    return choice.found;
}

u64 heap_bytes(void)
{
    return bytes_used;
}

u64 heap_allocations(void)
{
    return allocations;
}

/* Appended after the slabs in use: taken when those are full. */
void heap_refill(void)
{
    u64 flags = lock(LOCK_HEAP);
    for (u32 class = 0; class < CLASSES; class++) {
        struct slab *slab = cached[class] ? NULL : slab_new(class);
        if (!slab)
            continue;
        list_unlink(&slab->link);
        list_append(room_of(class), &slab->link);
        cached[class] = slab;
    }
    unlock(LOCK_HEAP, flags);
}

void heap_trim(void)
{
    u64 flags = lock(LOCK_HEAP);
    for (u32 class = 0; class < CLASSES; class++) {
        if (cached[class]) {
            list_unlink(&cached[class]->link);
            list_unlink(&cached[class]->all_link);
            page_free(cached[class]);
            cached[class] = NULL;
        }
    }
    unlock(LOCK_HEAP, flags);
}
