/* The kernel heap: size classes in one-page slabs, page runs above that.
 *
 * An object is [header | object | red zone]; the header ends in a red zone too. Both are checked at kfree. A page of
 * the heap begins with struct slab, so an object's slab is found from its address. LOCK_HEAP protects everything. */
#include "memory.h"
#include "sched.h"

#define RED_BEFORE 0x7ed20e5eb4be5a1dull
#define RED_AFTER 0x7ed20e5eaf7e6a1dull
#define LIVE 0x4c495645u
#define CLASS_RUN 255

struct header { const char *owner; u32 bytes, live; u64 pad, red; };
struct slab {
    struct slab *next, *previous; /* in its class's list of slabs with room */
    void *free;                   /* cells, linked through their first word */
    u16 used, class;
    u32 pages;                    /* of a run */
};
static_assert(sizeof(struct header) == 32 && sizeof(struct slab) <= 48);
#define SLAB_HEAD 64
#define OVERHEAD (sizeof(struct header) + 8)

static const u16 cell_bytes[] = { 64, 96, 128, 192, 256, 336, 448, 576, 1008, 1344, 2016 };
#define CLASSES (sizeof cell_bytes / sizeof *cell_bytes)
static struct slab with_room[CLASSES]; /* circular, through a head; lazily linked */
static struct slab *cached[CLASSES];   /* the empty slab that a class keeps, if any */
static u64 bytes_used, allocations;

static void slab_link(struct slab *slab)
{
    struct slab *head = &with_room[slab->class];
    if (!head->next)
        head->next = head->previous = head;
    slab->next = head->next;
    slab->previous = head;
    head->next->previous = slab;
    head->next = slab;
}

static void slab_unlink(struct slab *slab)
{
    slab->previous->next = slab->next;
    slab->next->previous = slab->previous;
}

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
    slab_link(slab);
    return slab;
}

static void *cell_take(u32 class)
{
    struct slab *head = &with_room[class], *slab = head->next && head->next != head ? head->next : slab_new(class);
    if (!slab)
        return NULL;
    void *cell = slab->free;
    slab->free = *(void **)cell;
    slab->used++;
    if (cached[class] == slab)
        cached[class] = NULL;
    if (!slab->free)
        slab_unlink(slab);
    return cell;
}

static void cell_give(struct slab *slab, void *cell)
{
    u32 class = slab->class;
    if (!slab->free)
        slab_link(slab);
    *(void **)cell = slab->free;
    slab->free = cell;
    if (--slab->used)
        return;
    if (!cached[class]) {
        cached[class] = slab;
        return;
    }
    slab_unlink(slab);
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
    if (zero && class < CLASSES) /* runs come zeroed */
        memset(header + 1, 0, bytes);
    return header + 1;
}

void *kalloc(size_t bytes, const char *owner)
{
    return heap_alloc(bytes, owner, true);
}

void kfree(void *object)
{
    if (!object)
        return;
    struct header *header = (struct header *)object - 1;
    struct slab *slab = (struct slab *)((u64)header & ~(PAGE_BYTES - 1));
    u64 flags = lock(LOCK_HEAP), after;
    if (header->live != LIVE)
        panic_format("heap:not live:%llx", (u64)object);
    memcpy(&after, (u8 *)object + header->bytes, 8);
    if (header->red != RED_BEFORE || after != RED_AFTER)
        panic_format("heap:red zone:%s", header->owner);
    header->live = 0;
    bytes_used -= header->bytes;
    if (slab->class == CLASS_RUN)
        page_free_run(slab, slab->pages);
    else
        cell_give(slab, header);
    unlock(LOCK_HEAP, flags);
}

u64 heap_bytes(void)
{
    return bytes_used;
}

u64 heap_allocations(void)
{
    return allocations;
}

/* Behind the slabs in use, so that it is for those who find them full. */
void heap_refill(void)
{
    u64 flags = lock(LOCK_HEAP);
    for (u32 class = 0; class < CLASSES; class++) {
        struct slab *slab = cached[class] ? NULL : slab_new(class), *head = &with_room[class];
        if (!slab)
            continue;
        slab_unlink(slab);
        slab->next = head;
        slab->previous = head->previous;
        head->previous->next = slab;
        head->previous = slab;
        cached[class] = slab;
    }
    unlock(LOCK_HEAP, flags);
}

void heap_trim(void)
{
    u64 flags = lock(LOCK_HEAP);
    for (u32 class = 0; class < CLASSES; class++) {
        if (cached[class]) {
            slab_unlink(cached[class]);
            page_free(cached[class]);
            cached[class] = NULL;
        }
    }
    unlock(LOCK_HEAP, flags);
}
