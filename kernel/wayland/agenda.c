/* The agenda: a binary heap, not a list, because items are added and moved in any order of time. An item knows its
 * slot, so moving and cancelling are logarithmic. */
#include "wayland/wayland.h"

/* Input, drag and resize of each client; vblank, repaint, ping, event. */
enum { MAX_AGENDA = 3 * MAX_CLIENTS + 4 };
static struct agenda_item *heap[MAX_AGENDA + 1]; /* heap[1] is the first; heap[i]->slot == i */
static u32 count;

static bool before(const struct agenda_item *a, const struct agenda_item *b)
{
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns;
    return a->order != b->order ? a->order < b->order : a->client < b->client;
}

static void place(struct agenda_item *item, u32 slot)
{
    heap[slot] = item;
    item->slot = slot;
}

/* Moves an item whose key has changed from `slot` to its place. */
static void settle(struct agenda_item *item, u32 slot)
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

void agenda_schedule(struct agenda_item *item, u64 time_ns)
{
    item->time_ns = time_ns;
    if (!item->slot) {
        KERNEL_ASSERT(count < MAX_AGENDA, "timed-items");
        item->slot = ++count;
    }
    settle(item, item->slot);
}

void agenda_cancel(struct agenda_item *item)
{
    if (!item->slot)
        return;
    struct agenda_item *last = heap[count--];
    if (last != item)
        settle(last, item->slot);
    item->slot = 0;
}

struct agenda_item *agenda_first(void)
{
    return count ? heap[1] : NULL;
}
