/* The store: put, get and flush on the cache; what the disk's answers change; the next piece of work for the disk. */
#include "store/internal.h"
#include "experiment/trace.h"

#define WRITE_BATCH 16              /* dirty blocks at which write-back begins ... */
#define WRITE_AGE_NS 10000000ull    /* ... or this long after the first */
#define RESUME_NS 20000000ull       /* a disk that refuses writes is tried again after this time */

static u32 hits, misses;
static u64 generation, first_dirty_ns;
static bool ready, draining, flushing, flush_failed;
static struct epoch epochs[2];      /* the open one, and the one that a flush closes */
static u64 open_epoch, durable_epoch, wanted_epoch;
static bool suspect, refusing;      /* since the last successful write: one block has failed; a second one too */
static u64 resume_ns;
static u32 homeless;                /* cached blocks whose write was refused and is not done yet */

bool store_ready(void) { return ready && block_count(); }
static bool closing(void) { return open_epoch == durable_epoch + 2; }
static struct epoch *epoch_of(u64 number) { return &epochs[number & 1]; }

bool store_init(const struct image_disk *disk)
{
    if (!disk->mb || !block_init(disk))
        return false;
    open_epoch = 1;
    durable_epoch = wanted_epoch = homeless = 0;
    draining = flushing = flush_failed = suspect = refusing = false;
    epochs[0] = epochs[1] = (struct epoch){};
    ready = recover(disk, epoch_of(open_epoch), &generation);
    block_start();
    return store_ready();
}

/* ---- Put, get, flush ---- */

i64 store_put(const char *name, struct record_block *page, u32 bytes, bool remove, u64 now, const void **what)
{
    if (!store_ready() || generation == GENERATION_MAX)
        return -E_IO;
    u32 r = record_find(name);
    if (remove && (!r || records[r].removed))
        return -E_NOT_FOUND;
    struct epoch *epoch = epoch_of(open_epoch);
    u32 block = 0;
    bool room = cache_count(BUFFER_FREE) + cache_count(BUFFER_CLEAN) > 0;
    if (room && !(block = place_allocate())) {
        if (!epoch->freed && !closing())
            return -E_NO_SPACE;
        store_flush(); /* frees the blocks of replaced versions */
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
    record_seal(page, block);
    if (r) {
        place_free_later(records[r].block, epoch);
    } else {
        r = record_new(name);
    }
    place_settle(r, block, epoch);
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
        if ((*found)->block != block) { /* read_done has found it wrong */
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

/* Moves the content to another block; the old one is never used again. */
static bool move(struct buffer *b)
{
    u32 from = b->block, r = places[from].owner, block = place_allocate();
    struct epoch *epoch = &epochs[b->epoch];
    if (!block)
        return false;
    epoch->unwritten--;
    places[from].bad = true;
    places[from].previous = 0; /* the old version may still be there */
    place_settle(r, block, epoch);
    if (records[r].block == from) {
        records[r].block = block;
    } else { /* replaced meanwhile: needed until the newer version's epoch is durable */
        place_free_later(block, epoch_of(open_epoch));
    }
    record_seal(b->page, block);
    cache_rename(b, block);
    return true;
}

/* Dirty data is never given up. One failed block counts as bad; if the next write fails too, with none carried out in
 * between, the disk refuses writes: waiting calls get an error, and dirty blocks are written when it accepts them
 * again. */
static void write_failed(struct buffer *b, u64 now)
{
    if (!store_ready() || !places[b->block].owner) { /* the content is no longer needed */
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

/* The content must be the version in the index; if not, the buffer is marked and waiting calls get an error. */
static void read_done(struct buffer *b, bool error)
{
    struct record_block *page = b->page;
    const struct record *r = &records[places[b->block].owner];
    bool replaced = r->block != b->block;
    if (error || !record_valid(page, b->block) || (!replaced && page->generation != r->generation)) {
        if (!error)
            trace_measure(M_CORRUPT, b->block, 0);
        page->block = ~0u;
    }
    cache_set(b, BUFFER_CLEAN);
    store_wake(&places[b->block]);
    store_wake(&places);
}

/* Everything put before is durable: the blocks of replaced versions are free, overwritten versions are gone. Returns
 * the number of blocks that changed their state. */
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
                record_forget(r, epoch_of(open_epoch));
        }
        *epoch = (struct epoch){};
    }
    store_wake(&durable_epoch);
    store_wake(&places);
    return blocks;
}

/* Returns the number of further blocks that changed their state. */
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

/* The disk is lost: all waiting calls get an error. */
static void lost(void)
{
    store_wake(&places);
    store_wake(&durable_epoch);
    for (struct buffer *b; (b = cache_oldest(BUFFER_WANTED));)
        read_done(b, true);
    for (struct buffer *b; (b = cache_oldest(BUFFER_DIRTY));)
        write_failed(b, 0);
}

/* Whether to write dirty blocks now. A disk that refuses writes gets one at a time. */
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
    bool aged = now >= first_dirty_ns + WRITE_AGE_NS;
    draining = dirty && (draining || homeless || dirty >= WRITE_BATCH || aged || closing());
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
    u64 device = block_deadline(), write = NEVER;
    if (store_ready() && cache_count(BUFFER_DIRTY)) {
        if (refusing)
            write = cache_count(BUFFER_WRITING) ? NEVER : resume_ns;
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
