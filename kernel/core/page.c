/* Physical pages: a buddy allocator. Frames are numbered from physical 0. Frames that the allocator was never given
 * (firmware, kernel image, the allocator's metadata) always count as used.
 *
 * Invariants (under LOCK_PAGE): order_of[f] is ORDER_FREE | order exactly when f heads a free block, which is then on
 * lists[order]; used_map has bit f set exactly when frame f is in no free block; no two buddies are both free. */
#include "core/page.h"
#include "core/list.h"
#include "core/sched.h"
#include "experiment/trace.h"

#define ORDERS 20
#define ORDER_FREE 0x80
#define RECLAIM_BELOW 32    /* fewer than 1/32 of all frames free: reclaim */
#define REFUSE_BELOW 64     /* the last 1/64 of all frames is the kernel's reserve */
#define RECLAIM_PAGES 32

static struct list lists[ORDERS];       /* a free block's node is at the start of the block */
static u32 nonempty;                    /* bit o: lists[o] has a block */
static u8 *order_of;
static u64 *used_map;
static u64 frames, free_count, peak_used, allocations;
static u64 (*reclaim)(u64 pages);       /* frees up to that many pages; returns the number of freed pages */

static u64 frame_of(const void *page) { return direct_physical(page) >> PAGE_SHIFT; }
static struct list *block_at(u64 frame) { return direct(frame << PAGE_SHIFT); }

static void mark(u64 frame, u64 count, bool used)
{
    while (count) {
        u64 bit = frame & 63, n = count < 64 - bit ? count : 64 - bit;
        u64 mask = (n == 64 ? ~0ull : (1ull << n) - 1) << bit;
        if (used)
            used_map[frame >> 6] |= mask;
        else
            used_map[frame >> 6] &= ~mask;
        frame += n;
        count -= n;
    }
}

static void push(u64 frame, u32 order)
{
    list_prepend(&lists[order], block_at(frame));
    nonempty |= 1u << order;
    order_of[frame] = (u8)(ORDER_FREE | order);
}

static void unlink(u64 frame, u32 order)
{
    list_unlink(block_at(frame));
    if (list_empty(&lists[order]))
        nonempty &= ~(1u << order);
    order_of[frame] = 0;
}

static void give(u64 frame, u32 order)
{
    free_count += 1ull << order;
    mark(frame, 1ull << order, false);
    for (; order + 1 < ORDERS; order++) {
        u64 buddy = frame ^ 1ull << order;
        if (buddy >= frames || order_of[buddy] != (ORDER_FREE | order))
            break;
        unlink(buddy, order);
        frame &= ~(1ull << order);
    }
    push(frame, order);
}

/* Frees [frame, end) as aligned blocks. */
static void give_range(u64 frame, u64 end)
{
    while (frame < end) {
        u32 order = 0;
        while (order + 1 < ORDERS && !(frame & ((2ull << order) - 1)) && frame + (2ull << order) <= end)
            order++;
        give(frame, order);
        frame += 1ull << order;
    }
}

static void *take(u32 order)
{
    u32 candidates = nonempty >> order << order;
    if (!candidates)
        return NULL;
    u32 found = (u32)__builtin_ctz(candidates);
    u64 frame = frame_of(lists[found].next);
    unlink(frame, found);
    while (found > order)
        found--, push(frame + (1ull << found), found);
    mark(frame, 1ull << order, true);
    free_count -= 1ull << order;
    allocations++;
    return block_at(frame);
}

static void note_peak(void)
{
    u64 used = frames - free_count;
    peak_used = used > peak_used ? used : peak_used;
}

void page_init(u64 first_free, u64 end)
{
    frames = end >> PAGE_SHIFT;
    order_of = direct(first_free);
    u64 map_bytes = (frames + 63) / 64 * 8, order_bytes = (frames + 7) & ~7ull;
    used_map = direct(first_free + order_bytes);
    memset(order_of, 0, order_bytes);
    memset(used_map, 0xff, map_bytes);
    for (u32 i = 0; i < ORDERS; i++)
        list_init(&lists[i]);
    give_range(pages_for(first_free + order_bytes + map_bytes), frames);
    peak_used = frames - free_count;
}

void page_set_reclaim(u64 (*give_back)(u64 pages)) { reclaim = give_back; }

/* Reclaim needs LOCK_KERNEL and no other lock; any other allocation does without it. */
static bool may_reclaim(void)
{
    return reclaim && this_cpu()->locks_held == 1u << LOCK_KERNEL;
}

/* Reclaims before memory runs out. */
static void make_room(void)
{
    if (free_count > frames / RECLAIM_BELOW || !may_reclaim())
        return;
    u64 pages = reclaim(RECLAIM_PAGES);
    if (pages)
        trace_measure(M_RECLAIM, 0, pages);
}

bool page_short(void) { return free_count <= frames / REFUSE_BELOW; }

void *page_alloc(void)
{
    make_room();
    u64 flags = lock(LOCK_PAGE);
    void *page = take(0);
    note_peak();
    unlock(LOCK_PAGE, flags);
    if (page)
        zero_pages(page, 1);
    return page;
}

void page_free(void *page)
{
    page_free_run(page, 1);
}

void *page_alloc_run(u64 pages)
{
    u32 order = 0;
    while (1ull << order < pages)
        order++;
    if (order >= ORDERS)
        return NULL;
    make_room();
    u64 flags = lock(LOCK_PAGE);
    void *first = take(order);
    if (first) {
        give_range(frame_of(first) + pages, frame_of(first) + (1ull << order));
        note_peak();
    }
    unlock(LOCK_PAGE, flags);
    if (!first && may_reclaim() && reclaim(RECLAIM_PAGES)) /* again, until a run of frames is free */
        return page_alloc_run(pages);
    if (first)
        zero_pages(first, pages);
    return first;
}

void page_free_run(void *first, u64 pages)
{
    u64 flags = lock(LOCK_PAGE), frame = frame_of(first);
    KERNEL_ASSERT(frame + pages <= frames && (used_map[frame >> 6] >> (frame & 63) & 1), "page:double free");
    give_range(frame, frame + pages);
    unlock(LOCK_PAGE, flags);
}

u64 pages_used(void) { return frames - free_count; }
u64 pages_peak(void) { return peak_used; }
u64 pages_free(void) { return free_count; }
u64 pages_allocations(void) { return allocations; }

u64 pages_largest_run(void)
{
    u64 best = 0, run = 0;
    for (u64 word = 0; word < (frames + 63) / 64; word++) {
        u64 used = used_map[word];
        if (used == 0) {
            run += 64;
            continue;
        }
        if (used == ~0ull) {
            best = run > best ? run : best;
            run = 0;
            continue;
        }
        for (u32 bit = 0; bit < 64; bit++) {
            if (used >> bit & 1) {
                best = run > best ? run : best;
                run = 0;
            } else {
                run++;
            }
        }
    }
    return run > best ? run : best;
}
