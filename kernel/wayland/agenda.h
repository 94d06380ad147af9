/* The agenda: the compositor's timed items, ordered by (time, order, client). */
#ifndef RAYOS_AGENDA_H
#define RAYOS_AGENDA_H
#include "core/kernel.h"

/* Of items that are due at the same time, the earlier order is handled first. */
enum agenda_order {
    AGENDA_VBLANK, AGENDA_REPAINT, AGENDA_INPUT, AGENDA_DRAG, AGENDA_PING, AGENDA_RESIZE, AGENDA_EVENT
};
struct agenda_item {
    u64 time_ns;
    enum agenda_order order;
    u32 client;
    u32 slot;              /* 1-based index in the heap; 0: not scheduled */
    void *context;
};
void agenda_schedule(struct agenda_item *item, u64 time_ns); /* adds the item, or moves it */
void agenda_cancel(struct agenda_item *item);
struct agenda_item *agenda_first(void); /* NULL: none */
#endif
