/* The kernel heap: red zones on both sides of an object, checked at kfree. */
#ifndef RAYOS_HEAP_H
#define RAYOS_HEAP_H
#include "core/kernel.h"

void *kalloc(size_t bytes, const char *owner); /* zeroed; NULL: out of memory. owner: a constant, for diagnostics */
void kfree(void *object);                /* NULL allowed */
void *heap_alloc(size_t bytes, const char *owner, bool zero);
u64 heap_bytes(void);                    /* requested bytes in use */
u64 heap_allocations(void);              /* objects granted, ever */
u32 heap_scrub(void);                    /* checks the red zones of every object; returns their number */
/* Called for a damaged red zone; the object is then withheld from reuse. NULL (the default): panic. */
extern void (*heap_on_damage)(const char *owner, const void *object);
extern bool heap_checked;                /* false: red zones are not checked (tests only) */
bool heap_overrun(u32 draw);             /* damages the red zone behind an object chosen by draw; false: no object */
void heap_release_withheld(void);        /* frees withheld objects; before the final balance of memory */
void heap_refill(void);                  /* one empty slab per size class: the next objects need no page */
void heap_trim(void);                    /* frees cached empty slabs */
#endif
