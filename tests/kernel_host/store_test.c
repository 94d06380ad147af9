/* The store over a disk that loses its cache, tears writes, and fails: after each power cut every record is at its last
 * acknowledged version or a later one, whole. The disk here is the mock of block.h below. */
#define _GNU_SOURCE
#include "memory.h"
#include "store.h"
#include "host.h"
#include <string.h>
#include <sys/mman.h>

#define ARENA (16ull << 20)
#define BLOCKS 256
#define NAMES 90
#define SECTOR 512

static u64 seed = 11;
static u32 chance(u32 below) { seed = seed * 6364136223846793005ull + 1442695040888963407ull; return (u32)(seed >> 33) % below; }

/* ---- The disk: what is durable, what its cache holds in order, what is in flight ---- */

struct write { u32 block; u8 data[BLOCK_BYTES]; };
static u8 durable[BLOCKS][BLOCK_BYTES];
static struct write cached[4 * BLOCKS];
static u32 cached_count;
static struct { struct block_done request; u32 count; bool failing; } flight[BLOCK_SLOTS];
static u32 flight_count, error_percent;

bool block_init(const struct image_disk *disk) { (void)disk; flight_count = cached_count = 0; return true; }
void block_start(void) {}
u32 block_count(void) { return BLOCKS; }
u32 block_room(void) { return BLOCK_SLOTS - flight_count; }
bool block_notify(void) { return false; }
u64 block_deadline(void) { return ~0ull; }

void block_submit(enum block_operation operation, u32 block, void *data, u32 blocks, u64 now)
{
    (void)now;
    CHECK(flight_count < BLOCK_SLOTS && block + blocks <= BLOCKS);
    flight[flight_count].request = (struct block_done){ operation, block, data, chance(100) < error_percent };
    flight[flight_count++].count = blocks;
}

static void write_out(u8 *to, const u8 *from, bool torn)
{
    for (u32 at = 0; at < BLOCK_BYTES; at += SECTOR)
        if (!torn || chance(2))
            memcpy(to + at, from + at, SECTOR);
}

static void flush_cache(void)
{
    for (u32 i = 0; i < cached_count; i++)
        write_out(durable[cached[i].block], cached[i].data, false);
    cached_count = 0;
}

/* The disk sees a write in flight at any time up to its answer: here, at it. */
static void carry_out(const struct block_done *r, u32 count)
{
    if (r->operation == BLOCK_FLUSH)
        flush_cache();
    if (r->operation == BLOCK_WRITE) {
        if (cached_count == 4 * BLOCKS)
            flush_cache();
        cached[cached_count].block = r->block;
        memcpy(cached[cached_count++].data, r->data, BLOCK_BYTES);
    }
    for (u32 i = 0; r->operation == BLOCK_READ && i < count; i++) {
        u8 *to = (u8 *)r->data + i * BLOCK_BYTES;
        memcpy(to, durable[r->block + i], BLOCK_BYTES);
        for (u32 c = 0; c < cached_count; c++)
            if (cached[c].block == r->block + i)
                memcpy(to, cached[c].data, BLOCK_BYTES);
    }
}

bool block_next(u64 now, struct block_done *done)
{
    if (!flight_count || (now != ~0ull && chance(3) == 0))
        return false;
    u32 i = chance(flight_count);
    *done = flight[i].request;
    if (!done->error)
        carry_out(done, flight[i].count);
    flight[i] = flight[--flight_count];
    return true;
}

static void power_cut(void)
{
    for (u32 i = 0; i < flight_count; i++)
        if (flight[i].request.operation == BLOCK_WRITE && chance(2))
            write_out(durable[flight[i].request.block], flight[i].request.data, chance(2));
    for (u32 i = 0; i < cached_count; i++)
        if (chance(2))
            write_out(durable[cached[i].block], cached[i].data, chance(3) == 0);
}

/* ---- What was promised ---- */

static struct promise { u64 acknowledged, last; bool there, removed_since; } promises[NAMES]; /* last acknowledged: there or not */
static bool present[NAMES];
static u64 serial, flush_epoch, flush_serial;
static u32 flushes, cuts, reads;

void store_wake(const void *what) { (void)what; }
void store_kick(void) {}

static void name_of(char *name, u32 i)
{
    memset(name, 0, NAME_BYTES);
    snprintf(name, NAME_BYTES, "record %u", i);
}

static void fill(struct record_block *page, u32 i, u64 s, u32 bytes)
{
    memcpy(page->data, &s, 8);
    for (u32 at = 8; at < bytes; at++)
        page->data[at] = (u8)(s * 31 + i * 7 + at);
}

static u32 bytes_of(u64 s) { return 8 + (u32)(s * 2654435761u % (RECORD_BYTES - 7)); }

static void put(u32 i, bool remove)
{
    char name[NAME_BYTES];
    const void *what;
    struct record_block *page = page_alloc();
    CHECK(page);
    u64 s = serial + 1;
    name_of(name, i);
    if (!remove)
        fill(page, i, s, bytes_of(s));
    i64 result = store_put(name, page, remove ? 0 : bytes_of(s), remove, 0, &what);
    if (result) {
        page_free(page);
        CHECK(result == STORE_WAIT || result == -E_NO_SPACE || (remove && result == -E_NOT_FOUND && !present[i]));
        return;
    }
    serial = s;
    promises[i].last = s;
    promises[i].removed_since |= remove;
    present[i] = !remove;
}

/* The record as it is now must be whole; *s its serial, 0: not there. */
static bool get(u32 i, u64 *s)
{
    char name[NAME_BYTES];
    const struct record_block *found;
    const void *what;
    void *page = NULL;
    name_of(name, i);
    for (u32 turn = 0; turn < 10000; turn++) {
        i64 result = store_get(name, &page, &found, &what);
        if (result == STORE_NEEDS_PAGE)
            page = page_alloc();
        else if (result == STORE_WAIT)
            store_step(0);
        else {
            if (page)
                page_free(page);
            if (result == -E_IO)
                return false;
            CHECK(!result || result == -E_NOT_FOUND);
            *s = 0;
            if (!result) {
                static struct record_block expected;
                memcpy(s, found->data, 8);
                fill(&expected, i, *s, bytes_of(*s));
                CHECK(found->length == bytes_of(*s) && !memcmp(found->data, expected.data, found->length));
            }
            reads++;
            return true;
        }
    }
    CHECK(!"a read never ends");
    return false;
}

static void acknowledge(void)
{
    for (u32 i = 0; i < NAMES; i++) {
        struct promise *p = &promises[i];
        if (p->last > flush_serial)
            continue; /* some of it is later: keep what was promised before, which is weaker */
        *p = (struct promise){ p->last, p->last, present[i], false };
    }
    flushes++;
}

static void check_flush(void)
{
    const void *what;
    if (!flush_epoch)
        return;
    i64 result = store_flushed(flush_epoch, &what);
    if (result == STORE_WAIT)
        return;
    flush_epoch = 0;
    if (!result)
        acknowledge();
}

static void reboot(void)
{
    memset((void *)DIRECT_BASE, 0, ARENA);
    page_init(0, ARENA);
    struct image_disk disk = { .mb = 1, .channels = 1, .cache_pages = 64 };
    u32 errors = error_percent;
    error_percent = 0;
    CHECK(store_init(&disk));
    flush_epoch = 0;
    for (u32 i = 0; i < NAMES; i++) {
        struct promise *p = &promises[i];
        u64 s;
        CHECK(get(i, &s));
        CHECK(s ? s >= p->acknowledged && s <= p->last && (p->there || s > p->acknowledged) : !p->there || p->removed_since);
        *p = (struct promise){ s ? s : p->last, s ? s : p->last, s != 0, false };
        present[i] = s != 0;
    }
    error_percent = errors;
}

static void format(void)
{
    struct record_block *super = (void *)durable[0];
    memset(durable, 0, sizeof durable);
    struct superblock content = { STORE_VERSION, BLOCKS };
    *super = (struct record_block){ .magic = RECORD_MAGIC, .kind = KIND_SUPERBLOCK, .length = sizeof content };
    memcpy(super->data, &content, sizeof content);
    super->checksum = record_checksum(super);
}

static void live(u32 turns)
{
    for (u32 turn = 0; turn < turns; turn++) {
        u32 what = chance(100), i = chance(NAMES);
        u64 s;
        if (what < 25)
            put(i, false);
        else if (what < 32)
            put(i, true);
        else if (what < 38)
            CHECK(!get(i, &s) || (s ? s == promises[i].last && present[i] : !present[i]));
        else if (what < 40 && !flush_epoch)
            flush_serial = serial, flush_epoch = store_flush();
        else if (what == 41)
            store_shrink(chance(20));
        else
            for (u32 n = chance(8); n && store_step(0); n--)
                ;
        check_flush();
    }
}

int main(void)
{
    void *arena = mmap((void *)DIRECT_BASE, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(arena == (void *)DIRECT_BASE);
    for (error_percent = 0; error_percent < 2; error_percent++) {
        format();
        memset(promises, 0, sizeof promises);
        reboot();
        for (cuts = 0; cuts < 400; cuts++) {
            live(chance(3000));
            power_cut();
            reboot();
        }
    }
    CHECK(flushes > 1000 && reads > 10000);
    return 0;
}
