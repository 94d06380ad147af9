/* The store: named records on the disk, as docs/explanation/store.md lays down.
 * Nothing here blocks: what must wait says so.
 *
 * A put or delete goes to a block that nothing needs any more, never over the version it replaces; that one's block is free
 * only when the new version is durable. Work is cut into epochs: a flush closes the open one, has all its blocks written,
 * then the device's own cache, and then the epoch is durable. LOCK_KERNEL protects store, cache and block. */
#ifndef RAYOS_STORE_H
#define RAYOS_STORE_H
#include "cache.h"
#include "record.h"

#define STORE_WAIT 1        /* not now: again after a wake of *what */
#define STORE_NEEDS_PAGE 2  /* again, with a page */

bool store_init(const struct image_disk *disk);  /* recovery, before the scenario starts; false: no store */
bool store_ready(void);
/* page: a whole one with the record's data in place, taken unless the result is STORE_WAIT or negative. */
i64 store_put(const char *name, struct record_block *page, u32 bytes, bool remove, u64 now_ns, const void **what);
/* 0: *found holds it, until the lock is let go. *page is taken when a block must be read: NULL then. */
i64 store_get(const char *name, void **page, const struct record_block **found, const void **what);
u64 store_flush(void);                           /* asks for all put so far to become durable: the epoch that will be */
i64 store_flushed(u64 epoch, const void **what); /* 0, STORE_WAIT or an error */
u32 store_next(void);                            /* the block that the next put goes to; 0: none */
bool store_step(u64 now_ns);                     /* one thing done for the disk; false: nothing to do */
u64 store_deadline(void);                        /* when there will be, if nothing wakes it before */
u64 store_shrink(u64 pages);                     /* gives back pages of the cache */
void store_counts(u32 *hits, u32 *misses);       /* since the last call */
u64 record_checksum(const struct record_block *block);

/* disk.c; tests provide their own */
void store_wake(const void *what);               /* those that wait for it look again */
void store_kick(void);                           /* there is something for store_step to do */
/* faults.c: what the disk shows of its faults; tests provide their own */
void disk_served(enum block_operation operation); /* one was carried out, and none is refused any more */
#endif
