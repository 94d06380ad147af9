#include "store.h"
#include "memory.h"

#define WRITE_BATCH 16              /* dirty blocks at which writing back begins ... */
#define WRITE_AGE_NS 10000000ull    /* ... or this long after the first */
#define RESUME_NS 20000000ull  /* a disk that refuses to be written is tried again this much later */
#define NEVER_NS (~0ull)
#define SCAN_BLOCKS (8 * BLOCK_RUN)  /* read at a time by recovery */

struct record {
    char name[NAME_BYTES];
    u64 generation;    /* of the latest version */
    u32 next;          /* in its bucket, or of the unused */
    u32 block;         /* of the latest version */
    u32 copies;        /* blocks of the disk on which some version of it may lie */
    bool removed;
};
struct place {         /* a block of the disk */
    u32 owner;         /* record of which a version lies there, or is on its way; 0: none */
    u32 previous;      /* owner of what this epoch's write replaces */
    u32 next_written, next_freed; /* in its epoch's lists */
    bool busy;         /* latest version of a record, or replaced by one that is not durable yet */
    bool bad;          /* could not be written: not used again before the next boot */
};
static_assert(SCAN_BLOCKS / BLOCK_RUN <= 32 && SCAN_BLOCKS / BLOCK_RUN <= BLOCK_SLOTS);
static_assert(sizeof(struct record) == STORE_RECORD_BYTES && sizeof(struct place) == PLACE_BYTES);
struct epoch { u32 unwritten, written, freed; };

static struct record *records;      /* from 1 */
static struct place *places;        /* from 1: block 0 is the superblock */
static u32 *buckets;
static u32 total, mask, unused, cursor, hits, misses;
static u64 generation, first_dirty_ns;
static bool ready, draining, flushing, flush_failed;
static struct epoch epochs[2];      /* open, and the one that a flush closes */
static u64 open_epoch, durable_epoch, wanted_epoch;
static bool suspect, refusing;      /* since the last write carried out, one block could not be written; a second neither */
static u64 resume_ns;
static u32 homeless;                /* blocks of the cache that were refused and are not written yet */

bool store_ready(void) { return ready && block_count(); }
static bool closing(void) { return open_epoch == durable_epoch + 2; }
static struct epoch *epoch_of(u64 number) { return &epochs[number & 1]; }

u64 record_checksum(const struct record_block *block)
{
    const u64 *word = &block->generation, *end = (const u64 *)(block + 1);
    u64 sum = 0xcbf29ce484222325; /* FNV-1a, a word at a time */
    for (; word < end; word++)
        sum = (sum ^ *word) * 0x100000001b3;
    return sum;
}

static bool valid(const struct record_block *b, u32 block)
{
    return b->magic == RECORD_MAGIC && b->checksum == record_checksum(b) && b->block == block && b->length <= RECORD_BYTES &&
           b->kind >= KIND_RECORD && b->kind <= KIND_SUPERBLOCK && !b->name[NAME_BYTES - 1];
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

static u32 record_find(const char *name)
{
    u32 r = *bucket(name);
    while (r && memcmp(records[r].name, name, NAME_BYTES))
        r = records[r].next;
    return r;
}

static u32 record_new(const char *name)
{
    u32 r = unused, *head = bucket(name);
    KERNEL_ASSERT(r, "store:records");
    unused = records[r].next;
    records[r] = (struct record){ .next = *head };
    memcpy(records[r].name, name, NAME_BYTES);
    return *head = r;
}

/* A removed record of which no version but the tombstone is left anywhere. */
static void record_forget(u32 r)
{
    u32 *at = bucket(records[r].name);
    while (*at != r)
        at = &records[*at].next;
    *at = records[r].next;
    struct place *p = &places[records[r].block];
    p->owner = 0;
    p->next_freed = epoch_of(open_epoch)->freed; /* it may be in this epoch's list of written ones: free after it */
    epoch_of(open_epoch)->freed = records[r].block;
    records[r] = (struct record){ .next = unused };
    unused = r;
}

/* ---- Blocks ---- */

static u32 after(u32 block) { return block + 1 < total ? block + 1 : 1; }

static bool needed(u32 block)
{
    const struct buffer *b = cache_find(block);
    return places[block].busy || places[block].bad || (b && b->state != BUFFER_CLEAN);
}

u32 store_next(void)
{
    u32 block = cursor;
    for (u32 tries = 1; tries < total; tries++, block = after(block))
        if (!needed(block))
            return block;
    return 0;
}

/* A block that nothing needs; 0: none. */
static u32 allocate(void)
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

/* A version of r goes to `block`, and counts for the epoch. */
static void settle(u32 r, u32 block, struct epoch *epoch)
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

static void seal(struct record_block *page, u32 block)
{
    page->magic = RECORD_MAGIC;
    page->block = block;
    page->checksum = record_checksum(page);
}

/* ---- Put, get, flush ---- */

i64 store_put(const char *name, struct record_block *page, u32 bytes, bool remove, u64 now, const void **what)
{
    if (!store_ready())
        return -E_IO;
    u32 r = record_find(name);
    if (remove && (!r || records[r].removed))
        return -E_NOT_FOUND;
    struct epoch *epoch = epoch_of(open_epoch);
    u32 block = 0;
    bool room = cache_count(BUFFER_FREE) + cache_count(BUFFER_CLEAN) > 0;
    if (room && !(block = allocate())) {
        if (!epoch->freed && !closing())
            return -E_NO_SPACE;
        store_flush(); /* blocks of replaced versions come free */
    }
    if (!block && refusing)
        return -E_IO;
    if (!block) {
        *what = &places;
        store_kick();
        return STORE_WAIT;
    }
    struct buffer *b = cache_insert(block, page, BUFFER_DIRTY);
    b->epoch = open_epoch & 1;
    page->generation = ++generation;
    page->kind = remove ? KIND_TOMBSTONE : KIND_RECORD;
    page->length = bytes;
    memcpy(page->name, name, NAME_BYTES);
    seal(page, block);
    if (r) {
        places[records[r].block].next_freed = epoch->freed;
        epoch->freed = records[r].block;
    } else {
        r = record_new(name);
    }
    settle(r, block, epoch);
    records[r].block = block;
    records[r].generation = generation;
    records[r].removed = remove;
    u32 dirty = cache_count(BUFFER_DIRTY);
    if (dirty == 1)
        first_dirty_ns = now;
    if (dirty == 1 || dirty == WRITE_BATCH)
        store_kick();
    return 0;
}

i64 store_get(const char *name, void **page, const struct record_block **found, const void **what)
{
    u32 r = store_ready() ? record_find(name) : 0;
    if (!r || records[r].removed)
        return store_ready() ? -E_NOT_FOUND : -E_IO;
    u32 block = records[r].block;
    struct buffer *b = cache_find(block);
    *what = &places[block];
    if (b && (b->state == BUFFER_WANTED || b->state == BUFFER_READING))
        return STORE_WAIT;
    if (b) {
        if (b->state == BUFFER_CLEAN)
            cache_set(b, BUFFER_CLEAN);
        *found = b->page;
        if ((*found)->block != block) { /* it was read and found wrong: see read_done */
            cache_drop(b);
            return -E_IO;
        }
        hits++;
        return 0;
    }
    if (!*page)
        return STORE_NEEDS_PAGE;
    if (!cache_insert(block, *page, BUFFER_WANTED)) {
        *what = &places;
        return refusing ? -E_IO : STORE_WAIT;
    }
    *page = NULL;
    misses++;
    store_kick();
    return STORE_WAIT;
}

u64 store_flush(void)
{
    wanted_epoch = open_epoch;
    flush_failed = false;
    store_kick();
    return open_epoch;
}

i64 store_flushed(u64 epoch, const void **what)
{
    *what = &durable_epoch;
    if (!store_ready())
        return -E_IO;
    if (durable_epoch >= epoch)
        return 0;
    return refusing || (flush_failed && epoch < open_epoch) ? -E_IO : STORE_WAIT;
}

/* ---- The disk's answers ---- */

static void written(struct buffer *b)
{
    epochs[b->epoch].unwritten--;
    homeless -= b->refused;
    b->refused = false;
    cache_set(b, BUFFER_CLEAN);
    store_wake(&places);
}

/* The content goes to another block, and its own is never used again. */
static bool move(struct buffer *b)
{
    u32 from = b->block, r = places[from].owner, block = allocate();
    struct epoch *epoch = &epochs[b->epoch];
    if (!block)
        return false;
    epoch->unwritten--;
    places[from].bad = true;
    places[from].previous = 0; /* what should have been overwritten may still be there */
    settle(r, block, epoch);
    if (records[r].block == from) {
        records[r].block = block;
    } else { /* replaced meanwhile: needed until the epoch of what replaced it is durable */
        places[block].next_freed = epoch_of(open_epoch)->freed;
        epoch_of(open_epoch)->freed = block;
    }
    seal(b->page, block);
    cache_rename(b, block);
    return true;
}

/* What was put is never given up. The first block that fails is at fault itself; when the next one fails too, with nothing
 * written in between, it is the disk: whoever waits is told, and what is dirty is written when the disk takes it again. */
static void write_failed(struct buffer *b, u64 now)
{
    if (!store_ready() || !places[b->block].owner) { /* of no use any more */
        places[b->block].previous = 0;
        written(b);
        return;
    }
    homeless += !b->refused;
    b->refused = true;
    bool moved = !suspect && move(b);
    suspect = true;
    cache_set(b, BUFFER_DIRTY);
    if (moved)
        return;
    refusing = true;
    resume_ns = now + RESUME_NS;
    store_wake(&durable_epoch);
    store_wake(&places);
}

/* What was read must be the version that the index means; else the buffer is marked, and whoever waits gets an error. */
static void read_done(struct buffer *b, bool error)
{
    struct record_block *page = b->page;
    const struct record *r = &records[places[b->block].owner];
    bool replaced = r->block != b->block;
    if (error || !valid(page, b->block) || (!replaced && page->generation != r->generation)) {
        if (!error)
            trace_measure(M_CORRUPT, b->block, 0);
        page->block = ~0u;
    }
    cache_set(b, BUFFER_CLEAN);
    store_wake(&places[b->block]);
    store_wake(&places);
}

/* Everything put before is durable: what it replaced is free, and what it overwrote is gone. */
/* How many blocks changed their state with it. */
static u32 flush_done(bool error)
{
    struct epoch *epoch = epoch_of(durable_epoch + 1);
    u32 blocks = 0;
    flushing = false;
    flush_failed = error;
    if (!error) {
        durable_epoch++;
        for (u32 block = epoch->freed; block; block = places[block].next_freed, blocks++)
            places[block].busy = false;
        for (u32 block = epoch->written; block; block = places[block].next_written, blocks++) {
            u32 r = places[block].previous;
            if (r && --records[r].copies == 1 && records[r].removed)
                record_forget(r);
        }
        *epoch = (struct epoch){};
    }
    store_wake(&durable_epoch);
    store_wake(&places);
    return blocks;
}

/* How many blocks more than its own changed their state. */
static u32 deliver(const struct block_done *done, u64 now)
{
    if (done->error)
        trace_measure(M_DISK_ERROR, done->block, done->operation);
    if (done->operation == BLOCK_FLUSH)
        return flush_done(done->error);
    struct buffer *b = cache_find(done->block);
    if (done->operation == BLOCK_READ)
        read_done(b, done->error);
    else if (done->error)
        write_failed(b, now);
    else {
        suspect = refusing = false;
        written(b);
    }
    if (!done->error && !block_retrying(done->operation) && (done->operation == BLOCK_READ || !homeless))
        disk_served(done->operation);
    return 0;
}

/* ---- Work for the disk ---- */

static bool submit(struct buffer *b, enum block_operation operation, enum buffer_state state, u64 now)
{
    cache_set(b, state);
    block_submit(operation, b->block, b->page, 1, now);
    trace_point(P_DISK_SUBMIT, operation, 0);
    return true;
}

static void lost(void)
{
    store_wake(&places);
    store_wake(&durable_epoch);
    for (struct buffer *b; (b = cache_oldest(BUFFER_WANTED));)
        read_done(b, true);
    for (struct buffer *b; (b = cache_oldest(BUFFER_DIRTY));)
        write_failed(b, 0);
}

/* Whether dirty blocks are written. A disk that refuses them gets one at a time. */
static bool writing(u64 now)
{
    return draining && (!refusing || (now >= resume_ns && !cache_count(BUFFER_WRITING)));
}

bool store_step(u64 now)
{
    struct block_done done;
    struct buffer *b;
    if (block_next(now, &done)) {
        u32 blocks = deliver(&done, now);
        if (!store_ready())
            lost();
        trace_point(P_DISK_DONE, done.operation, blocks);
        return true;
    }
    if (!store_ready())
        return false;
    if (wanted_epoch == open_epoch && !closing())
        open_epoch++;
    u32 dirty = cache_count(BUFFER_DIRTY);
    draining = dirty && (draining || homeless || dirty >= WRITE_BATCH || now >= first_dirty_ns + WRITE_AGE_NS || closing());
    if (!block_room())
        return false;
    if ((b = cache_oldest(BUFFER_WANTED)))
        return submit(b, BLOCK_READ, BUFFER_READING, now);
    if (writing(now))
        return submit(cache_oldest(BUFFER_DIRTY), BLOCK_WRITE, BUFFER_WRITING, now);
    if (!closing() || flushing || flush_failed || epoch_of(durable_epoch + 1)->unwritten)
        return false;
    flushing = true;
    block_submit(BLOCK_FLUSH, 0, NULL, 0, now);
    trace_point(P_DISK_SUBMIT, BLOCK_FLUSH, 0);
    return true;
}

u64 store_deadline(void)
{
    u64 device = block_deadline(), write = NEVER_NS;
    if (store_ready() && cache_count(BUFFER_DIRTY)) {
        if (refusing)
            write = cache_count(BUFFER_WRITING) ? NEVER_NS : resume_ns;
        else if (!draining)
            write = first_dirty_ns + WRITE_AGE_NS;
    }
    return device < write ? device : write;
}

u64 store_shrink(u64 pages)
{
    return ready ? cache_shrink(pages) : 0;
}

void store_counts(u32 *hits_since, u32 *misses_since)
{
    *hits_since = hits;
    *misses_since = misses;
    hits = misses = 0;
}

/* ---- Recovery ---- */

struct found { u32 torn, unreadable; };

static void recover(const struct record_block *page, u32 block, struct found *found)
{
    if (!page->magic)
        return;
    if (!valid(page, block) || page->kind == KIND_SUPERBLOCK) { /* cut short while it was written: nothing relies on it */
        found->torn++;
        return;
    }
    u32 r = record_find(page->name);
    if (!r)
        r = record_new(page->name);
    places[block].owner = r;
    records[r].copies++;
    if (page->generation > records[r].generation) {
        records[r].block = block;
        records[r].generation = page->generation;
        records[r].removed = page->kind == KIND_TOMBSTONE;
    }
    generation = page->generation > generation ? page->generation : generation;
}

/* Reads [first, first + count) into as many runs; bit i of the result: run i failed. */
static u32 read_runs(u8 *memory, u32 first, u32 count, u32 run)
{
    u32 failed = 0;
    struct block_done done;
    for (u32 at = 0; at < count; at += run)
        block_submit(BLOCK_READ, first + at, memory + (u64)at * BLOCK_BYTES, run < count - at ? run : count - at, 0);
    block_notify();
    while (block_next(NEVER_NS, &done))
        if (done.error)
            failed |= 1u << (done.block - first) / run;
    return failed;
}

static void scan(u8 *memory, struct found *found)
{
    for (u32 first = 0; first < total && block_count(); first += SCAN_BLOCKS) {
        u32 count = SCAN_BLOCKS < total - first ? SCAN_BLOCKS : total - first;
        u32 failed = read_runs(memory, first, count, BLOCK_RUN);
        for (u32 at = 0; at < count; at++) {
            if (failed >> at / BLOCK_RUN & 1 && (!block_count() || read_runs(memory + at * BLOCK_BYTES, first + at, 1, 1))) {
                found->unreadable++;
                places[first + at].busy = true;
            } else if (first + at) {
                recover((struct record_block *)(memory + at * BLOCK_BYTES), first + at, found);
            }
        }
    }
}

/* After a scan: the latest versions are kept; a tombstone with nothing left to hide is not needed. */
static u32 keep_latest(void)
{
    u32 live = 0;
    for (u32 r = 1; r < total; r++) {
        if (!records[r].copies)
            continue;
        places[records[r].block].busy = true;
        live += !records[r].removed;
        if (records[r].removed && records[r].copies == 1)
            record_forget(r);
    }
    return live;
}

static bool superblock_good(const struct record_block *page)
{
    struct superblock super;
    memcpy(&super, page->data, sizeof super);
    return valid(page, 0) && page->kind == KIND_SUPERBLOCK && super.version == STORE_VERSION && super.blocks == total;
}

bool store_init(const struct image_disk *disk)
{
    if (!disk->mb || !block_init(disk))
        return false;
    u32 size = 1;
    total = block_count();
    while (size < total)
        size *= 2;
    mask = size - 1;
    u8 *memory = page_alloc_run(SCAN_BLOCKS);
    records = page_alloc_run(pages_for(total * sizeof *records));
    places = page_alloc_run(pages_for(total * sizeof *places));
    buckets = page_alloc_run(pages_for(size * sizeof *buckets));
    KERNEL_ASSERT(memory && records && places && buckets && cache_init(disk->cache_pages), "boot:memory");
    for (u32 r = 1; r < total; r++)
        records[r].next = r + 1 < total ? r + 1 : 0;
    unused = total > 1;
    cursor = 1;
    open_epoch = 1;
    durable_epoch = wanted_epoch = generation = homeless = 0;
    draining = flushing = flush_failed = suspect = refusing = false;
    epochs[0] = epochs[1] = (struct epoch){};
    struct found found = {};
    ready = !read_runs(memory, 0, 1, 1) && superblock_good((struct record_block *)memory);
    if (ready) {
        scan(memory, &found);
        u32 live = keep_latest();
        print_line("RAYOS_DIAG:store:%u records, %u torn blocks, %u unreadable, generation %llu", live, found.torn,
                   found.unreadable, generation);
    } else {
        print_line("RAYOS_DIAG:store:no superblock for %u blocks", total);
    }
    page_free_run(memory, SCAN_BLOCKS);
    block_start();
    return store_ready();
}
