/* The buffer cache: a list per state, and a hash table by block. */
#include "store/cache.h"
#include "core/page.h"

static_assert(sizeof(struct buffer) == BUFFER_BYTES);

static struct list lists[BUFFER_STATES];
static u32 counts[BUFFER_STATES];
static struct buffer **buckets;
static u32 mask;

static void link_tail(struct buffer *b, enum buffer_state state)
{
    b->state = (u8)state;
    list_append(&lists[state], &b->link);
    counts[state]++;
}

static void unlink(struct buffer *b)
{
    list_unlink(&b->link);
    counts[b->state]--;
}

static struct buffer **bucket(u32 block) { return &buckets[block & mask]; }

static void hash_add(struct buffer *b, u32 block)
{
    b->block = block;
    b->chain = *bucket(block);
    *bucket(block) = b;
}

static void hash_remove(struct buffer *b)
{
    struct buffer **at = bucket(b->block);
    while (*at != b)
        at = &(*at)->chain;
    *at = b->chain;
}

bool cache_init(u32 pages)
{
    u32 size = 1;
    while (size < pages)
        size *= 2;
    struct buffer *all = page_alloc_run(pages_for(pages * sizeof *all));
    buckets = page_alloc_run(pages_for(size * sizeof *buckets));
    if (!all || !buckets)
        return false;
    mask = size - 1;
    for (u32 s = 0; s < BUFFER_STATES; s++) {
        list_init(&lists[s]);
        counts[s] = 0;
    }
    for (u32 i = 0; i < pages; i++)
        link_tail(&all[i], BUFFER_FREE);
    return true;
}

struct buffer *cache_find(u32 block)
{
    struct buffer *b = *bucket(block);
    while (b && b->block != block)
        b = b->chain;
    return b;
}

struct buffer *cache_oldest(enum buffer_state state)
{
    return counts[state] ? CONTAINER(lists[state].next, struct buffer, link) : NULL;
}

struct buffer *cache_insert(u32 block, void *page, enum buffer_state state)
{
    if (!counts[BUFFER_FREE])
        cache_shrink(1);
    struct buffer *b = cache_oldest(BUFFER_FREE);
    if (!b)
        return NULL;
    unlink(b);
    b->page = page;
    hash_add(b, block);
    link_tail(b, state);
    return b;
}

void cache_set(struct buffer *b, enum buffer_state state)
{
    unlink(b);
    link_tail(b, state);
}

void cache_rename(struct buffer *b, u32 block)
{
    hash_remove(b);
    hash_add(b, block);
}

void cache_drop(struct buffer *b)
{
    hash_remove(b);
    page_free(b->page);
    b->page = NULL;
    cache_set(b, BUFFER_FREE);
}

u64 cache_shrink(u64 pages)
{
    u64 dropped = 0;
    for (; dropped < pages && counts[BUFFER_CLEAN]; dropped++)
        cache_drop(cache_oldest(BUFFER_CLEAN));
    return dropped;
}

u32 cache_count(enum buffer_state state) { return counts[state]; }

u32 cache_pages(void)
{
    u32 pages = 0;
    for (u32 s = BUFFER_CLEAN; s < BUFFER_STATES; s++)
        pages += counts[s];
    return pages;
}
