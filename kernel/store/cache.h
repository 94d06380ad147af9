/* The buffer cache: blocks of the disk in memory, a page each. Clean ones are in order of their last use, the page
 * allocator takes them back when memory is short, and so does a new block when the cache is full; dirty ones wait, oldest
 * first, to be written. It knows neither the device nor what a block holds. LOCK_KERNEL protects all of it. */
#ifndef RAYOS_CACHE_H
#define RAYOS_CACHE_H
#include "core/list.h"
#include "core/kernel.h"
#include <stdbool.h>

enum buffer_state { BUFFER_FREE, BUFFER_CLEAN, BUFFER_DIRTY, BUFFER_WRITING, BUFFER_WANTED, BUFFER_READING, BUFFER_STATES };

struct buffer {
    struct list link;               /* in the list of its state, oldest first */
    struct buffer *chain;           /* in its hash bucket: one pointer, as the memory per block is part of the ABI */
    void *page;
    u32 block;
    u8 state;
    u8 epoch;                       /* of a block to be written: the store's */
    bool refused;                   /* ... whose writing has failed */
};

bool cache_init(u32 pages);                   /* the most it may hold; false: out of memory */
struct buffer *cache_find(u32 block);         /* NULL: not there */
struct buffer *cache_oldest(enum buffer_state state); /* NULL: none */
/* Takes the page for a block that is not there. NULL: full of blocks that cannot be dropped; the page stays the caller's. */
struct buffer *cache_insert(u32 block, void *page, enum buffer_state state);
void cache_set(struct buffer *buffer, enum buffer_state state); /* to the young end of that state; also a use */
void cache_rename(struct buffer *buffer, u32 block);
void cache_drop(struct buffer *buffer);       /* frees its page */
u64 cache_shrink(u64 pages);                  /* drops up to that many clean blocks, the least used first */
u32 cache_count(enum buffer_state state);
u32 cache_pages(void);                        /* in use */
#endif
