/* The disk driver: requests, retries, service times. */
#include "drivers/block.h"
#include "core/list.h"
#include "core/page.h"
#include "drivers/virtio.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

#define SECTOR_BYTES 512
#define TRIES 3
#define BACKOFF_NS 1000000ull         /* before the first retry; four times that before the second */
#define FEATURE_FLUSH (1ull << 9)
#define CHAIN 3                       /* header, data, status */

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4 };
enum { STATUS_OK = 0 };

struct header { u32 type, reserved; u64 sector; };
struct slot {
    struct list link;                 /* in `due` */
    enum block_operation operation;
    u32 block, blocks, tries;
    void *data;
    u64 submitted_ns, deadline_ns, order;
    bool returned;
    bool refused, resting;            /* refused at least once; to be retried at its deadline */
};
struct shared { struct header header; u8 status; u8 pad[15]; }; /* per slot: memory shared with the device */

static struct virtio_device device, fence_device;
static struct virtqueue queue;
static struct slot slots[BLOCK_SLOTS];
static struct list due = LIST_EMPTY(due); /* requests in flight, in order of (deadline, order) */
static u64 unused = ~0ull;            /* bit i: slot i is free */
static struct shared *shared;
static bool can_flush, unnotified;    /* the device supports flushes; it does not know the latest requests yet */
static u32 disk_blocks, in_flight, retrying[BLOCK_FLUSH + 1];
static u64 latency_ns, bytes_per_s, submitted;
static u64 channel_free_ns[BLOCK_SLOTS];
static u32 channels;

u32 block_count(void) { return disk_blocks; }
u32 block_room(void) { return BLOCK_SLOTS - in_flight; }
bool block_retrying(enum block_operation operation) { return retrying[operation]; }

void block_start(void)
{
    memset(channel_free_ns, 0, sizeof channel_free_ns);
}

bool block_init(const struct image_disk *disk)
{
    u64 agreed;
    static_assert(sizeof *shared * BLOCK_SLOTS <= PAGE_BYTES && BLOCK_SLOTS == 64);
    bool found = virtio_find(VIRTIO_BLOCK, 0, &device) && virtio_find(VIRTIO_BLOCK, 1, &fence_device);
    if (!found || !virtio_negotiate(&device, FEATURE_FLUSH, &agreed))
        return false;
    shared = page_alloc();
    if (!shared || !virtqueue_init(&queue, &device, 0, BLOCK_SLOTS, CHAIN))
        return false;
    virtio_start(&device);
    can_flush = agreed & FEATURE_FLUSH;
    latency_ns = disk->latency_ns;
    bytes_per_s = disk->bytes_per_s;
    channels = disk->channels;
    u64 sectors = virtio_config32(&device, 0) | (u64)virtio_config32(&device, 4) << 32;
    u64 want = ((u64)disk->mb << 20) / BLOCK_BYTES, have = sectors / (BLOCK_BYTES / SECTOR_BYTES);
    disk_blocks = (u32)(have < want ? have : want);
    return disk_blocks > 0;
}

/* The second device has the same image and is never started. QEMU completes all requests on an image before it confirms
 * a reset of one of its devices: when the write returns, all submitted requests are in the used ring. Guest time stands
 * still meanwhile, however long the host takes. */
static void fence(void)
{
    virtio_reset(&fence_device);
}

/* ---- Service times: `channels` servers, first come, first served ---- */

static u64 service_end(enum block_operation operation, u32 blocks, u64 now)
{
    u32 first = 0;
    u64 last_ns = now;
    for (u32 c = 0; c < channels; c++) {
        if (channel_free_ns[c] < channel_free_ns[first])
            first = c;
        if (channel_free_ns[c] > last_ns)
            last_ns = channel_free_ns[c];
    }
    if (operation == BLOCK_FLUSH) /* after all earlier requests */
        return last_ns + latency_ns;
    u64 start = channel_free_ns[first] > now ? channel_free_ns[first] : now;
    return channel_free_ns[first] = start + latency_ns + (u64)blocks * BLOCK_BYTES * 1000000000ull / bytes_per_s;
}

/* ---- Requests ---- */

static struct slot *slot_of(struct list *link) { return CONTAINER(link, struct slot, link); }

static bool before(const struct slot *a, const struct slot *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->order < b->order;
}

/* Searched from the end: most requests finish in the order in which they were submitted. */
static void due_insert(struct slot *s, u64 deadline_ns)
{
    struct list *after = due.previous;
    s->deadline_ns = deadline_ns;
    while (after != &due && before(s, slot_of(after)))
        after = after->previous;
    list_insert_after(after, &s->link);
}

static void due_remove(struct slot *s) { list_unlink(&s->link); }

static void offer(u32 i, u64 now)
{
    struct slot *s = &slots[i];
    static const u32 types[] = { [BLOCK_READ] = TYPE_IN, [BLOCK_WRITE] = TYPE_OUT, [BLOCK_FLUSH] = TYPE_FLUSH };
    shared[i].header = (struct header){ types[s->operation], 0, (u64)s->block * (BLOCK_BYTES / SECTOR_BYTES) };
    shared[i].status = 0xff;
    struct virtio_buffer head = { direct_physical(&shared[i].header), sizeof(struct header) };
    struct virtio_buffer status = { direct_physical(&shared[i].status), 1 };
    struct virtio_buffer chain[CHAIN] = { head, { direct_physical(s->data), s->blocks * BLOCK_BYTES }, status };
    if (s->operation == BLOCK_FLUSH)
        chain[1] = status;
    virtqueue_add(&queue, i, chain, s->operation == BLOCK_WRITE ? 2 : 1, s->operation == BLOCK_READ ? 2 : 1);
    unnotified = true;
    s->returned = false;
    s->tries++;
    s->order = submitted++;
    due_insert(s, service_end(s->operation, s->blocks, now));
}

void block_submit(enum block_operation operation, u32 block, void *data, u32 blocks, u64 now)
{
    bool inside = blocks <= BLOCK_RUN && block < disk_blocks && blocks <= disk_blocks - block;
    KERNEL_ASSERT(unused && (inside || operation == BLOCK_FLUSH), "block:submit");
    u32 i = (u32)__builtin_ctzll(unused);
    unused &= unused - 1;
    slots[i] = (struct slot){
        .operation = operation, .block = block, .blocks = blocks, .data = data, .submitted_ns = now,
    };
    in_flight++;
    if (operation == BLOCK_FLUSH && !can_flush) { /* no volatile cache: done when all earlier requests are */
        slots[i].returned = true;
        slots[i].order = submitted++;
        due_insert(&slots[i], service_end(operation, 0, now));
        shared[i].status = STATUS_OK;
        return;
    }
    offer(i, now);
}

bool block_notify(void)
{
    bool news = unnotified;
    unnotified = false;
    if (news)
        virtqueue_notify(&queue);
    return news;
}

u64 block_deadline(void)
{
    return in_flight ? slot_of(due.next)->deadline_ns : NEVER;
}

/* Resets a device that violated the protocol, so that it no longer writes to memory. There is no disk from then on. */
static void lose(const char *why)
{
    virtio_reset(&device);
    print_line("RAYOS_DIAG:disk:lost:%s", why);
    disk_blocks = 0;
    for (u32 i = 0; i < BLOCK_SLOTS; i++) {
        slots[i].returned = true;
        slots[i].resting = false;
        slots[i].tries = TRIES;
        shared[i].status = 0xff;
    }
}

static void collect(const struct slot *wanted)
{
    block_notify();
    fence();
    for (u32 chain, bytes; virtqueue_take(&queue, &chain, &bytes);)
        slots[chain].returned = true;
    if (queue.broken)
        lose("it broke a rule of virtio");
    else if (!wanted->returned)
        lose("no answer");
}

bool block_next(u64 now, struct block_done *done)
{
    while (in_flight && block_deadline() <= now) {
        struct slot *s = slot_of(due.next);
        u32 i = (u32)(s - slots);
        if (s->resting) {
            s->resting = false;
            due_remove(s);
            offer(i, now);
            continue;
        }
        if (!s->returned)
            collect(s);
        bool error = shared[i].status != STATUS_OK && detector_on(DETECTED_IO_ERROR);
        if (error)
            disk_refused();
        if (error && s->tries < TRIES) {
            trace_measure(M_DISK_RETRY, s->block, s->operation);
            retrying[s->operation] += !s->refused;
            s->refused = s->resting = true;
            due_remove(s);
            due_insert(s, now + (BACKOFF_NS << 2 * (s->tries - 1)));
            continue;
        }
        *done = (struct block_done){ s->operation, s->block, s->data, error };
        trace_measure(M_DISK_REQUEST, s->block << 2 | s->operation, now - s->submitted_ns);
        due_remove(s);
        unused |= 1ull << i;
        retrying[s->operation] -= s->refused;
        in_flight--;
        return true;
    }
    return false;
}
