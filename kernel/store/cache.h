/* The buffer cache: blocks of the disk in memory, one page each. Clean buffers are in LRU order; they are dropped when
 * memory is short, or when a new block needs room. Dirty buffers wait in order of age to be written. The cache knows
 * neither the device nor the content of a block. Under LOCK_KERNEL. */
#ifndef RAYOS_CACHE_H
#define RAYOS_CACHE_H
#include "core/list.h"
#include "core/kernel.h"
#include <stdbool.h>

enum buffer_state {
    BUFFER_FREE, BUFFER_CLEAN, BUFFER_DIRTY, BUFFER_WRITING, BUFFER_WANTED, BUFFER_READING, BUFFER_STATES
};

struct buffer {
    struct list link;               /* in the list of its state, oldest first */
    struct buffer *chain;           /* in its hash bucket: one pointer, as the memory per block is part of the ABI */
    void *page;
    u32 block;
    u8 state;
    u8 epoch;                       /* the store's epoch of a block that is to be written */
    bool refused;                   /* its write has failed */
};

bool cache_init(u32 pages);                   /* capacity; false: out of memory */
struct buffer *cache_find(u32 block);         /* NULL: not cached */
struct buffer *cache_oldest(enum buffer_state state); /* NULL: none */
/* Adds a block that is not cached; takes over the page. NULL: no buffer can be dropped, and the page stays the
 * caller's. */
struct buffer *cache_insert(u32 block, void *page, enum buffer_state state);
void cache_set(struct buffer *buffer, enum buffer_state state); /* to the young end of that list; counts as use */
void cache_rename(struct buffer *buffer, u32 block);
void cache_drop(struct buffer *buffer);       /* frees its page */
u64 cache_shrink(u64 pages);                  /* drops up to that many clean blocks, least recently used first */
u32 cache_count(enum buffer_state state);
u32 cache_pages(void);                        /* pages in use */
#endif
