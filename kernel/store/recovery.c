/* Recovery at boot: reads every block of the disk and rebuilds the index from the valid ones
 * (docs/explanation/store.md). */
#include "store/internal.h"
#include "core/page.h"

#define SCAN_BLOCKS (8 * BLOCK_RUN)  /* read at a time */
static_assert(SCAN_BLOCKS / BLOCK_RUN <= 32 && SCAN_BLOCKS / BLOCK_RUN <= BLOCK_SLOTS);

struct recovered { u32 torn, unreadable; u64 generation; };

static void recover_block(const struct record_block *page, u32 block, struct recovered *found)
{
    if (!page->magic)
        return;
    if (!record_valid(page, block)) { /* a torn write: nothing relies on it */
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
    found->generation = page->generation > found->generation ? page->generation : found->generation;
}

/* Reads blocks [first, first + count) in requests of `run` blocks. Bit i of the result: request i failed. */
static u32 read_runs(u8 *memory, u32 first, u32 count, u32 run)
{
    u32 failed = 0;
    struct block_done done;
    for (u32 at = 0; at < count; at += run)
        block_submit(BLOCK_READ, first + at, memory + (u64)at * BLOCK_BYTES, run < count - at ? run : count - at, 0);
    block_notify();
    while (block_next(NEVER, &done))
        if (done.error)
            failed |= 1u << (done.block - first) / run;
    return failed;
}

static void scan(u8 *memory, struct recovered *found)
{
    for (u32 first = 0; first < blocks_total && block_count(); first += SCAN_BLOCKS) {
        u32 count = SCAN_BLOCKS < blocks_total - first ? SCAN_BLOCKS : blocks_total - first;
        u32 failed = read_runs(memory, first, count, BLOCK_RUN);
        for (u32 at = 0; at < count; at++) {
            u8 *page = memory + at * BLOCK_BYTES;
            if (failed >> at / BLOCK_RUN & 1 && (!block_count() || read_runs(page, first + at, 1, 1))) {
                found->unreadable++;
                places[first + at].busy = true;
            } else if (first + at) {
                recover_block((struct record_block *)page, first + at, found);
            }
        }
    }
}

/* After a scan: keeps the latest versions, and drops tombstones that hide no older version. Returns the live records.
 * */
static u32 keep_latest(struct epoch *open)
{
    u32 live = 0;
    for (u32 r = 1; r < blocks_total; r++) {
        if (!records[r].copies)
            continue;
        places[records[r].block].busy = true;
        live += !records[r].removed;
        if (records[r].removed && records[r].copies == 1)
            record_forget(r, open);
    }
    return live;
}

static bool superblock_good(const struct record_block *page)
{
    struct superblock super;
    memcpy(&super, page->data, sizeof super);
    return record_valid(page, 0) && super.version == STORE_VERSION &&
           super.blocks == blocks_total;
}

bool recover(const struct image_disk *disk, struct epoch *open, u64 *generation)
{
    u8 *memory = page_alloc_run(SCAN_BLOCKS);
    index_init(block_count());
    KERNEL_ASSERT(memory && cache_init(disk->cache_pages), "boot:memory");
    struct recovered found = {};
    bool good = !read_runs(memory, 0, 1, 1) && superblock_good((struct record_block *)memory);
    if (good) {
        scan(memory, &found);
        u32 live = keep_latest(open);
        print_line("RAYOS_DIAG:store:%u records, %u torn blocks, %u unreadable, generation %llu", live, found.torn,
                   found.unreadable, found.generation);
    } else {
        print_line("RAYOS_DIAG:store:no superblock for %u blocks", blocks_total);
    }
    page_free_run(memory, SCAN_BLOCKS);
    *generation = found.generation;
    return good;
}
