/* The store on a disk (a mock of block.h) that loses its cache, tears writes, and refuses requests, blocks, or all
 * writes for some time: after each power cut every record is complete and at its last acknowledged version or a later
 * one, and a disk that has recovered is used again.
 * store_test ROUNDS [SEED]: disks with random content instead. */
#define _GNU_SOURCE
#include "core/page.h"
#include "store/store.h"
#include "experiment/trace.h"
#include "host.h"
#include <string.h>
#include <sys/mman.h>

#define ARENA (16ull << 20)
#define BLOCKS 256
#define NAMES 90
#define SECTOR 512

static u64 seed = 11;
static u32 chance(u32 below) { return host_random(&seed) % below; }

/* ---- The disk: what is durable, what its cache holds in order, what is in flight ---- */

struct write { u32 block; u8 data[BLOCK_BYTES]; };
static u8 durable[BLOCKS][BLOCK_BYTES];
static struct write cached[4 * BLOCKS];
static u32 cached_count;
static struct { struct block_done request; u32 count; bool failing; } flight[BLOCK_SLOTS];
static u32 flight_count, error_percent;
static bool outage, bad[BLOCKS];
static u64 now_ns;

bool block_init(const struct image_disk *disk) { (void)disk; flight_count = cached_count = 0; return true; }
void block_start(void) {}
u32 block_count(void) { return BLOCKS; }
u32 block_room(void) { return BLOCK_SLOTS - flight_count; }
bool block_notify(void) { return false; }
u64 block_deadline(void) { return ~0ull; }
bool block_retrying(enum block_operation operation) { (void)operation; return false; }

void block_submit(enum block_operation operation, u32 block, void *data, u32 blocks, u64 now)
{
    (void)now;
    CHECK(flight_count < BLOCK_SLOTS && block + blocks <= BLOCKS);
    bool refused = operation == BLOCK_WRITE && (outage || bad[block]);
    bool error = chance(100) < error_percent || refused;
    flight[flight_count].request = (struct block_done){ operation, block, data, error };
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

/* A disk carries out a request at any time before its answer; this one does so at the answer. */
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

/* ---- The store's promises ---- */

/* By record: the put that was last acknowledged, the one before the last flush request, the last one; whether the
 * record existed then, and whether it was removed since. */
static struct promise {
    u64 acknowledged, asked, last;
    bool there, asked_there, removed_since, removed_since_asked;
} promises[NAMES];
static bool present[NAMES];
static u64 serial, flush_epoch;
static u32 flushes, refusals, outages, cuts, reads;

void store_wake(const void *what) { (void)what; }
void store_kick(void) {}
void disk_served(enum block_operation operation) { (void)operation; }

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
    i64 result = store_put(name, page, remove ? 0 : bytes_of(s), remove, now_ns, &what);
    if (result) {
        page_free(page);
        bool disk_failed = result == -E_IO && (outages || error_percent);
        bool missing = remove && result == -E_NOT_FOUND && !present[i];
        CHECK(result == STORE_WAIT || result == -E_NO_SPACE || disk_failed || missing);
        return;
    }
    serial = s;
    promises[i].last = s;
    promises[i].removed_since |= remove;
    promises[i].removed_since_asked |= remove;
    present[i] = !remove;
}

static bool step(void)
{
    now_ns += chance(1000000);
    return store_step(now_ns);
}

/* The answer of store_get once there is one. */
static i64 read_record(u32 i, const struct record_block **found)
{
    char name[NAME_BYTES];
    const void *what;
    void *page = NULL;
    i64 result = STORE_WAIT;
    name_of(name, i);
    for (u32 turn = 0; turn < 10000 && (result == STORE_WAIT || result == STORE_NEEDS_PAGE); turn++) {
        result = store_get(name, &page, found, &what);
        if (result == STORE_NEEDS_PAGE)
            page = page_alloc();
        else if (result == STORE_WAIT)
            step();
    }
    CHECK(result == -E_IO || result == -E_NOT_FOUND || !result); /* a read ends */
    if (page)
        page_free(page);
    return result;
}

/* Reads a record, which must be complete. *s: its serial number; 0: no such record. false: the disk failed. */
static bool get(u32 i, u64 *s)
{
    const struct record_block *found;
    i64 result = read_record(i, &found);
    if (result == -E_IO)
        return false;
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

static void acknowledge(void)
{
    for (u32 i = 0; i < NAMES; i++) {
        struct promise *p = &promises[i];
        p->acknowledged = p->asked;
        p->there = p->asked_there;
        p->removed_since = p->removed_since_asked;
    }
    flushes++;
}

static void ask(void)
{
    for (u32 i = 0; i < NAMES; i++) {
        promises[i].asked = promises[i].last;
        promises[i].asked_there = present[i];
        promises[i].removed_since_asked = false;
    }
    flush_epoch = store_flush();
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
    else
        refusals++;
}

/* After the disk has recovered, everything becomes durable soon. */
static void check_recovery(void)
{
    outage = false;
    for (u32 turn = 0; !flush_epoch; turn++) {
        CHECK(turn < 1000);
        ask();
        for (u32 n = 0; n < 1000 && flush_epoch; n++) {
            step();
            const void *what;
            i64 result = store_flushed(flush_epoch, &what);
            if (result == STORE_WAIT)
                continue;
            flush_epoch = 0;
            if (!result) {
                acknowledge();
                return;
            }
        }
    }
}

static void boot_store(void)
{
    memset((void *)DIRECT_BASE, 0, ARENA);
    page_init(0, ARENA);
    CHECK(store_init(&(struct image_disk){ .mb = 1, .channels = 1, .cache_pages = 64 }));
}

static void reboot(void)
{
    u32 errors = error_percent;
    error_percent = 0;
    outage = false;
    boot_store();
    flush_epoch = 0;
    for (u32 i = 0; i < NAMES; i++) {
        struct promise *p = &promises[i];
        u64 s;
        CHECK(get(i, &s));
        bool late_enough = s >= p->acknowledged && s <= p->last && (p->there || s > p->acknowledged);
        CHECK(s ? late_enough : !p->there || p->removed_since);
        u64 now = s ? s : p->last;
        *p = (struct promise){ now, now, now, s != 0, s != 0, false, false };
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

static void live(u32 turns, bool failing)
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
            ask();
        else if (what == 41)
            store_shrink(chance(20));
        else
            for (u32 n = chance(8); n && step(); n--)
                ;
        check_flush();
        if (failing && chance(500) == 0)
            outages += outage = !outage;
    }
    if (failing && chance(2) && !flush_epoch)
        check_recovery();
}

/* ---- Blocks that somebody else has written, with right checksums ---- */

static void forge(u32 block, u32 i, u64 generation, u32 kind)
{
    struct record_block *page = (void *)durable[block];
    *page = (struct record_block){ .magic = RECORD_MAGIC, .block = block, .kind = kind, .generation = generation };
    page->length = bytes_of(1);
    name_of(page->name, i);
    fill(page, i, 1, page->length);
    page->checksum = record_checksum(page);
}

static bool found_on_forged_disk(u32 block, u64 generation, u32 kind)
{
    u64 s;
    format();
    memset(promises, 0, sizeof promises);
    promises[0].last = 1; /* either there or not */
    forge(block, 0, generation, kind);
    reboot();
    CHECK(get(0, &s));
    return s;
}

static void check_forged_disks(void)
{
    error_percent = 0;
    memset(bad, 0, sizeof bad);
    CHECK(found_on_forged_disk(1, 1, KIND_RECORD));
    CHECK(!found_on_forged_disk(1, 0, KIND_RECORD));
    CHECK(!found_on_forged_disk(1, GENERATION_MAX + 1, KIND_RECORD));
    CHECK(!found_on_forged_disk(1, ~0ull, KIND_RECORD));
    CHECK(!found_on_forged_disk(1, 1, KIND_TOMBSTONE));
    CHECK(!found_on_forged_disk(1, 1, KIND_SUPERBLOCK));
    CHECK(!found_on_forged_disk(1, 1, 0) && !found_on_forged_disk(1, 1, 99));
    CHECK(found_on_forged_disk(BLOCKS - 1, GENERATION_MAX, KIND_RECORD));
    const void *what;
    struct record_block *page = page_alloc();
    CHECK(store_put("new", page, 8, false, now_ns, &what) == -E_IO); /* no generation is left */
    page_free(page);
}

/* A disk full of such blocks, with odd fields, and the damage of a machine that reads and writes them. */
static void random_disk(void)
{
    static const u64 odd[] = {0, 1, 2, 3, GENERATION_MAX - 1, GENERATION_MAX, GENERATION_MAX + 1, ~0ull};
    format();
    for (u32 block = 1; block < BLOCKS; block++) {
        u64 generation = chance(3) ? chance(1000) : odd[chance(8)];
        forge(block, chance(NAMES), generation, chance(4) ? 1 + chance(2) : chance(5));
        struct record_block *page = (void *)durable[block];
        for (u32 n = chance(3); n; n--)
            ((u8 *)page)[16 + chance(chance(2) ? 48 + NAME_BYTES : BLOCK_BYTES - 16)] = (u8)chance(256);
        if (chance(8))
            page->checksum = record_checksum(page);
    }
    boot_store();
    for (u32 turn = 0; turn < 200; turn++) {
        u32 i = chance(NAMES);
        if (chance(2)) {
            char name[NAME_BYTES];
            const void *what;
            struct record_block *fresh = page_alloc();
            name_of(name, i);
            if (fresh && store_put(name, fresh, 8, chance(4) == 0, now_ns, &what))
                page_free(fresh);
        } else {
            const struct record_block *found;
            i64 result = read_record(i, &found);
            CHECK(result || (found->length <= RECORD_BYTES && found->kind == KIND_RECORD && found->generation));
        }
        if (chance(50) == 0)
            store_flush();
        for (u32 n = chance(8); n && step(); n--)
            ;
    }
}

int main(int count, char **arguments)
{
    host_map(ARENA);
    if (count > 1) {
        seed = count > 2 ? strtoull(arguments[2], NULL, 0) : seed;
        for (u32 rounds = (u32)atoi(arguments[1]); rounds; rounds--)
            random_disk();
        return 0;
    }
    check_forged_disks();
    for (u32 pass = 0; pass < 3; pass++) {
        error_percent = pass == 1;
        format();
        memset(promises, 0, sizeof promises);
        reboot();
        for (cuts = 0; cuts < 400; cuts++) {
            live(chance(3000), pass == 2);
            if (pass == 2 && cuts % 80 == 79)
                bad[1 + chance(BLOCKS - 1)] = true;
            power_cut();
            reboot();
        }
    }
    CHECK(flushes > 1000 && reads > 10000 && outages > 400 && refusals > 100);
    return 0;
}
