/* Pages, mappings and address spaces: page.c, vm.c. */
#ifndef RAYOS_MEMORY_H
#define RAYOS_MEMORY_H
#include "kernel.h"
#include "x86.h"

static inline void *direct(u64 physical) { return (void *)(physical + DIRECT_BASE); }
static inline u64 direct_physical(const void *address) { return (u64)address - DIRECT_BASE; }
static inline u64 pages_for(u64 bytes) { return (bytes + PAGE_BYTES - 1) / PAGE_BYTES; }

/* page.c: buddy allocator over physical frames; every page comes zeroed, through the direct map. NULL: none left. */
void page_init(u64 first_free, u64 end); /* physical; metadata is taken from first_free on */
void *page_alloc(void);
void page_free(void *page);
void *page_alloc_run(u64 pages);         /* physically contiguous */
void page_free_run(void *first, u64 pages);
void page_set_reclaim(u64 (*give_back)(u64 pages)); /* what can be given up when memory is short */
bool page_short(void);                   /* so little is left that no process is given more */
u64 pages_used(void);                    /* of all memory, kernel included */
u64 pages_peak(void);
u64 pages_free(void);
u64 pages_allocations(void);             /* calls that were granted, ever */
u64 pages_largest_run(void);             /* longest run of free frames */

/* vm.c */
u64 memory_boot_alloc(u64 pages);        /* zeroed, physical, never freed; before memory_init only */
void memory_find(u32 start_info);        /* reads the loader's memory map */
u64 memory_bytes(void);
void memory_init(u64 limit_bytes);       /* final kernel mappings, then the page allocator */
u64 image_physical(const void *address); /* of something in the kernel image */

#define MAP_WRITE 2ull
#define MAP_SHARED (1ull << 9)           /* not owned by the address space: left alone when that is destroyed */
#define MAP_NX (1ull << 63)
/* A client's address space. recent: translations of pages that stay mapped until unmapped, so that a system call whose
 * buffers were used before walks no tables. */
struct space {
    u64 table;                           /* physical, of the first GiBs; 0: none */
    struct { u64 page; u8 *at; bool writable; } recent[4];
};
u64 *root_create(void);                  /* of a further processor; NULL: out of memory */
bool space_create(struct space *space);  /* false: out of memory */
void space_destroy(struct space *space); /* frees tables and owned pages */
bool space_map(struct space *space, u64 address, u64 physical, u64 flags); /* false: out of memory */
void space_unmap(struct space *space, u64 address, u64 pages); /* pages mapped shared; tables stay until the space goes */
u64 space_physical(const struct space *space, u64 address); /* of a mapped page; 0: not mapped */
void space_free(struct space *space, u64 address); /* unmaps and frees one page that the space owns */
void space_use(struct space *space);     /* on this processor; NULL: none, the kernel alone; interrupts off */
bool user_range(struct space *space, u64 address, u64 bytes, bool write); /* all of it mapped for the user */
bool copy_in(struct space *space, void *to, u64 from, u64 bytes);
bool copy_out(struct space *space, u64 to, const void *from, u64 bytes);

void *window_alloc(u64 pages);           /* kernel-contiguous zeroed pages, guard page after; NULL: out of memory */
void window_free(void *address, u64 pages);
u64 window_physical(const void *address);/* of a page in the window */

void zero_pages(void *page, u64 pages);  /* entry.S */
u64 heap_bytes(void);                    /* heap.c: requested bytes in use */
u64 heap_allocations(void);              /* objects granted, ever */
u32 heap_scrub(void);                    /* looks at the red zones of every object; how many there are */
/* Damage to a red zone: reported here, and the object withheld from reuse; NULL (the default): a panic. */
extern void (*heap_on_damage)(const char *owner, const void *object);
extern bool heap_checked;                /* false: red zones are not looked at (in tests of the tests) */
bool heap_overrun(u32 draw);             /* damages the red zone behind an object that the draw chooses; false: there is none */
void heap_release_withheld(void);        /* nothing is left to be found in them */
void heap_refill(void);                  /* one empty slab for each class: the next objects cost no page */
void heap_trim(void);                    /* gives cached empty slabs back */
void *heap_alloc(size_t bytes, const char *owner, bool zero);
#endif
