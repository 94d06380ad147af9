/* Physical pages, and their addresses in the direct map. */
#ifndef RAYOS_PAGE_H
#define RAYOS_PAGE_H
#include "arch/x86.h"
#include "core/kernel.h"

static inline void *direct(u64 physical) { return (void *)(physical + DIRECT_BASE); }
static inline u64 direct_physical(const void *address) { return (u64)address - DIRECT_BASE; }
static inline u64 pages_for(u64 bytes) { return (bytes + PAGE_BYTES - 1) / PAGE_BYTES; }

/* Every page is zeroed and addressed through the direct map. NULL: out of memory. */
void page_init(u64 first_free, u64 end); /* physical; the allocator's metadata is taken from first_free on */
void *page_alloc(void);
void page_free(void *page);
void *page_alloc_run(u64 pages);         /* physically contiguous */
void page_free_run(void *first, u64 pages);
void page_set_reclaim(u64 (*give_back)(u64 pages)); /* called when memory is short; returns the pages it freed */
bool page_short(void);                   /* only the kernel's reserve is left: processes get no more memory */
u64 pages_used(void);                    /* of all memory, kernel included */
u64 pages_peak(void);
u64 pages_free(void);
u64 pages_allocations(void);             /* successful calls, ever */
u64 pages_largest_run(void);             /* longest run of free frames */

void zero_pages(void *page, u64 pages);  /* arch/entry.S */
#endif
