/* Page tables: kernel mappings, client address spaces, copies between them, and the window. */
#ifndef RAYOS_VM_H
#define RAYOS_VM_H
#include "core/page.h"

u64 memory_boot_alloc(u64 pages);        /* zeroed, physical, never freed; before memory_init only */
void memory_find(u32 start_info);        /* reads the loader's memory map */
void memory_init(u64 limit_bytes);       /* final kernel mappings, then the page allocator */
u64 image_physical(const void *address); /* of an address in the kernel image */

#define MAP_WRITE 2ull
#define MAP_SHARED (1ull << 9)           /* the address space does not own the page: space_destroy does not free it */
#define MAP_NX (1ull << 63)
/* A client's address space. recent[] caches translations of mapped pages, so that a system call which uses the same
 * buffers again walks no tables. */
struct space {
    u64 table;                           /* physical, of the first GiBs; 0: none */
    struct { u64 page; u8 *at; bool writable; } recent[4];
};
u64 *root_create(void);                  /* root table of a further processor; NULL: out of memory */
bool space_create(struct space *space);  /* false: out of memory */
void space_destroy(struct space *space); /* frees tables and owned pages */
bool space_map(struct space *space, u64 address, u64 physical, u64 flags); /* false: out of memory */
void space_unmap(struct space *space, u64 address, u64 pages); /* shared pages; tables stay until space_destroy */
u64 space_physical(const struct space *space, u64 address); /* of a mapped page; 0: not mapped */
void space_free(struct space *space, u64 address); /* unmaps and frees one owned page */
void space_use(struct space *space);     /* address-space switch on this CPU; NULL: kernel only; interrupts off */
bool user_range(struct space *space, u64 address, u64 bytes, bool write); /* the whole range is mapped for the user */
bool copy_in(struct space *space, void *to, u64 from, u64 bytes);
bool copy_out(struct space *space, u64 to, const void *from, u64 bytes);

/* The window: kernel-contiguous zeroed pages, each run followed by a guard page. */
void *window_alloc(u64 pages);           /* NULL: out of memory */
void window_free(void *address, u64 pages);
u64 window_physical(const void *address);/* of a page in the window */
#endif
