/* The store's index: records by name in a hash table, and the blocks of the disk. */
#include "store/internal.h"
#include "core/page.h"

struct record *records;
struct place *places;
u32 blocks_total;
static u32 *buckets;
static u32 mask, unused, cursor;

void index_init(u32 total)
{
    u32 size = 1;
    while (size < total)
        size *= 2;
    mask = size - 1;
    blocks_total = total;
    records = page_alloc_run(pages_for(total * sizeof *records));
    places = page_alloc_run(pages_for(total * sizeof *places));
    buckets = page_alloc_run(pages_for(size * sizeof *buckets));
    KERNEL_ASSERT(records && places && buckets, "boot:memory");
    for (u32 r = 1; r < total; r++)
        records[r].next = r + 1 < total ? r + 1 : 0;
    unused = total > 1;
    cursor = 1;
}

u64 record_checksum(const struct record_block *block)
{
    const u64 *word = &block->generation, *end = (const u64 *)(block + 1);
    u64 sum = 0xcbf29ce484222325; /* FNV-1a, a word at a time */
    for (; word < end; word++)
        sum = (sum ^ *word) * 0x100000001b3;
    return sum;
}

/* Block 0 alone is a superblock. Generations of all others start at 1, and end where put refuses. */
static bool kind_valid(const struct record_block *b)
{
    if (!b->block)
        return b->kind == KIND_SUPERBLOCK;
    return (b->kind == KIND_RECORD || b->kind == KIND_TOMBSTONE) && b->generation && b->generation <= GENERATION_MAX;
}

bool record_valid(const struct record_block *b, u32 block)
{
    return b->magic == RECORD_MAGIC && b->checksum == record_checksum(b) && b->block == block &&
           b->length <= RECORD_BYTES && !b->name[NAME_BYTES - 1] && kind_valid(b);
}

/* ---- Records by name ---- */

static u32 *bucket(const char *name)
{
    u64 hash = 0, word;
    for (u32 i = 0; i < NAME_BYTES; i += 8) {
        memcpy(&word, name + i, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    }
    return &buckets[(hash >> 32) & mask];
}

u32 record_find(const char *name)
{
    u32 r = *bucket(name);
    while (r && memcmp(records[r].name, name, NAME_BYTES))
        r = records[r].next;
    return r;
}

u32 record_new(const char *name)
{
    u32 r = unused, *head = bucket(name);
    KERNEL_ASSERT(r, "store:records");
    unused = records[r].next;
    records[r] = (struct record){ .next = *head };
    memcpy(records[r].name, name, NAME_BYTES);
    return *head = r;
}

void record_forget(u32 r, struct epoch *open)
{
    u32 *at = bucket(records[r].name);
    while (*at != r)
        at = &records[*at].next;
    *at = records[r].next;
    places[records[r].block].owner = 0;
    place_free_later(records[r].block, open); /* it may be in this epoch's list of written blocks: free after it */
    records[r] = (struct record){ .next = unused };
    unused = r;
}

/* ---- Blocks ---- */

static u32 after(u32 block) { return block + 1 < blocks_total ? block + 1 : 1; }

static bool needed(u32 block)
{
    const struct buffer *b = cache_find(block);
    return places[block].busy || places[block].bad || (b && b->state != BUFFER_CLEAN);
}

u32 store_next(void)
{
    u32 block = cursor;
    for (u32 tries = 1; tries < blocks_total; tries++, block = after(block))
        if (!needed(block))
            return block;
    return 0;
}

u32 place_allocate(void)
{
    u32 block = store_next();
    if (!block)
        return 0;
    cursor = after(block);
    struct buffer *b = cache_find(block);
    if (b)
        cache_drop(b);
    return block;
}

void place_settle(u32 r, u32 block, struct epoch *epoch)
{
    struct place *p = &places[block];
    p->previous = p->owner;
    p->owner = r;
    p->busy = true;
    p->next_written = epoch->written;
    epoch->written = block;
    epoch->unwritten++;
    records[r].copies++;
}

void place_free_later(u32 block, struct epoch *epoch)
{
    places[block].next_freed = epoch->freed;
    epoch->freed = block;
}

void record_seal(struct record_block *page, u32 block)
{
    page->magic = RECORD_MAGIC;
    page->block = block;
    page->checksum = record_checksum(page);
}
