/* The store: named records on the disk (docs/explanation/store.md). Nothing here blocks: a call that would returns
 * STORE_WAIT.
 *
 * A put or delete goes to a block that is not needed, never over the version it replaces; the old version's block is
 * free only when the new version is durable. Work is divided into epochs: a flush closes the open epoch, writes all its
 * blocks, flushes the device's cache, and then the epoch is durable. LOCK_KERNEL protects store, cache and block
 * driver. */
#ifndef RAYOS_STORE_H
#define RAYOS_STORE_H
#include "store/cache.h"
#include "store/record.h"

#define STORE_WAIT 1        /* call again after a wake of *what */
#define STORE_NEEDS_PAGE 2  /* call again with a page */

bool store_init(const struct image_disk *disk);  /* recovery, before the scenario starts; false: no store */
bool store_ready(void);
/* page: one page with the record's data in place; taken over if the result is 0. */
i64 store_put(const char *name, struct record_block *page, u32 bytes, bool remove, u64 now_ns, const void **what);
/* 0: *found holds the record until LOCK_KERNEL is released. If a block must be read, *page is taken and set to NULL. */
i64 store_get(const char *name, void **page, const struct record_block **found, const void **what);
u64 store_flush(void);                           /* requests durability of all puts so far; returns their epoch */
i64 store_flushed(u64 epoch, const void **what); /* 0, STORE_WAIT or an error */
u32 store_next(void);                            /* the block that the next put goes to; 0: none */
bool store_step(u64 now_ns);                     /* one piece of work for the disk; false: nothing to do */
u64 store_deadline(void);                        /* the next work is due, unless a wake comes first */
u64 store_shrink(u64 pages);                     /* frees clean pages of the cache */
void store_counts(u32 *hits, u32 *misses);       /* since the last call */
u64 record_checksum(const struct record_block *block);

/* disk.c; tests provide their own */
void store_wake(const void *what);               /* wakes the processes that wait for it */
void store_kick(void);                           /* store_step has work to do */
/* faults.c; tests provide their own */
void disk_served(enum block_operation operation); /* carried out, and no request of its kind is refused any more */
#endif
