/* The compositor's timed items: a binary heap; an item knows its slot, so moving and cancelling are logarithmic. */
#include "wayland.h"

enum { MAX_TIMED = 3 * MAX_CLIENTS + 4 };      /* input, drag and resize of each client; vblank, repaint, ping, event */
static struct timed *heap[MAX_TIMED + 1];      /* heap[1] is the first; heap[i]->slot == i */
static u32 count;

static bool before(const struct timed *a, const struct timed *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return a->order != b->order ? a->order < b->order : a->client < b->client;
}

static void place(struct timed *item, u32 slot)
{
    heap[slot] = item;
    item->slot = slot;
}

/* Moves an item whose key changed from `slot` to where it belongs. */
static void settle(struct timed *item, u32 slot)
{
    while (slot > 1 && before(item, heap[slot / 2])) {
        place(heap[slot / 2], slot);
        slot /= 2;
    }
    for (u32 child; (child = 2 * slot) <= count; slot = child) {
        if (child < count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], item))
            break;
        place(heap[child], slot);
    }
    place(item, slot);
}

void timed_schedule(struct timed *item, u64 time)
{
    item->time = time;
    if (!item->slot) {
        KERNEL_ASSERT(count < MAX_TIMED, "timed-items");
        item->slot = ++count;
    }
    settle(item, item->slot);
}

void timed_cancel(struct timed *item)
{
    if (!item->slot)
        return;
    struct timed *last = heap[count--];
    if (last != item)
        settle(last, item->slot);
    item->slot = 0;
}

struct timed *timed_first(void)
{
    return count ? heap[1] : NULL;
}
