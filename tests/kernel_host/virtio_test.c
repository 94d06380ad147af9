/* The virtqueue against an untrusted device: whatever it writes into the used ring, the driver never gets a chain that
 * the device does not hold nor a byte count beyond the chain's buffers, and after the first violation it gets nothing.
 * virtio_test [ROUNDS [SEED]]. */
#define _GNU_SOURCE
#include "core/page.h"
#include "drivers/virtio.h"
#include "host.h"
#include <sys/mman.h>

#define ARENA (4ull << 20)
#define CHAINS 16
#define LENGTH 3
#define BYTES 4096

struct used { u16 flags, index; struct { u32 id, bytes; } ring[64]; };

static u32 registers[24 * VIRTIO_TRANSPORT_BYTES / 4];
static u64 seed = 7;
static u32 chance(u32 below) { return host_random(&seed) % below; }

volatile u32 *virtio_transports(void) { return registers; }
volatile u32 *virtio_io_apic(void) { static u32 registers[8]; return registers; }

static void put_device(u32 slot, u32 kind)
{
    u32 *r = registers + slot * VIRTIO_TRANSPORT_BYTES / 4;
    r[0] = 0x74726976, r[1] = 2, r[2] = kind, r[4] = 1, r[0x34 / 4] = 64;
}

static void add(struct virtqueue *q, u32 chain)
{
    struct virtio_buffer buffers[LENGTH] = {{0x1000, 16}, {0x2000, BYTES}, {0x3000, 1}};
    virtqueue_add(q, chain, buffers, 1, 2);
}

static void open_queue(struct virtqueue *q, struct virtio_device *device)
{
    registers[0x44 / 4] = 0;
    CHECK(virtqueue_init(q, device, 0, CHAINS, LENGTH) && registers[0x44 / 4] == 1 && q->size == 64);
}

static void devices_are_found_in_order_of_address(void)
{
    struct virtio_device first, second, none;
    u64 agreed;
    CHECK(!virtio_find(VIRTIO_BLOCK, 0, &first));
    put_device(0, VIRTIO_BLOCK);
    put_device(3, 4);
    put_device(7, VIRTIO_BLOCK);
    CHECK(virtio_find(VIRTIO_BLOCK, 0, &first) && first.registers == registers);
    CHECK(virtio_find(VIRTIO_BLOCK, 1, &second) && second.registers == registers + 7 * VIRTIO_TRANSPORT_BYTES / 4);
    CHECK(!virtio_find(VIRTIO_BLOCK, 2, &none) && !virtio_find(VIRTIO_INPUT, 0, &none));
    CHECK(virtio_negotiate(&first, 0, &agreed) && agreed == VIRTIO_F_VERSION_1);
    registers[4] = 0; /* a device that offers nothing is not one of virtio 1 */
    CHECK(!virtio_negotiate(&first, 0, &agreed));
    registers[4] = 1;
}

static void an_honest_device_returns_all_in_any_order(struct virtqueue *q)
{
    volatile struct used *used = (void *)q->used;
    u32 chain, bytes, held = 0;
    bool out[CHAINS] = {};
    for (u32 turn = 0; turn < 200000; turn++) {
        u32 c = chance(CHAINS);
        if (!out[c]) {
            add(q, c);
            out[c] = true, held++;
            continue;
        }
        used->ring[used->index & (q->size - 1)].id = c * LENGTH;
        used->ring[used->index & (q->size - 1)].bytes = BYTES + 1;
        used->index++;
        CHECK(virtqueue_take(q, &chain, &bytes) && chain == c && bytes == BYTES + 1);
        CHECK(!virtqueue_take(q, &chain, &bytes) && !q->broken);
        out[c] = false, held--;
        CHECK(q->outstanding == held);
    }
}

static void a_lying_device_is_stopped(struct virtqueue *q, struct virtio_device *device, u32 rounds)
{
    volatile struct used *used = (void *)q->used;
    u32 broken = 0;
    for (u32 round = 0; round < rounds; round++) {
        u32 chain, bytes;
        bool out[CHAINS] = {};
        open_queue(q, device);
        for (u32 c = 0; c < CHAINS; c++)
            if (chance(2))
                add(q, c), out[c] = true;
        for (u32 i = 0; i < 64; i++) {
            used->ring[i].id = chance(2) ? chance(CHAINS) * LENGTH : chance(4) ? chance(64) : chance(~0u);
            used->ring[i].bytes = chance(2) ? chance(BYTES + 2) : chance(~0u);
        }
        used->index = (u16)(chance(2) ? chance(CHAINS) : chance(65536));
        while (virtqueue_take(q, &chain, &bytes)) {
            CHECK(chain < CHAINS && out[chain] && bytes <= BYTES + 1);
            out[chain] = false;
        }
        broken += q->broken;
    }
    CHECK(broken > rounds / 2);
}

static void a_chain_is_offered_once(struct virtqueue *q, struct virtio_device *device)
{
    open_queue(q, device);
    add(q, 3);
    CHECK(PANICS(add(q, 3)) && PANICS(add(q, CHAINS)));
    registers[0x44 / 4] = 0;
    registers[0x34 / 4] = 32; /* too small a queue */
    CHECK(!virtqueue_init(q, device, 0, CHAINS, LENGTH));
}

int main(int count, char **arguments)
{
    u32 rounds = count > 1 ? (u32)atoi(arguments[1]) : 20000;
    seed = count > 2 ? strtoull(arguments[2], NULL, 0) : seed;
    host_map(ARENA);
    page_init(0, ARENA);
    static struct virtqueue queue;
    struct virtio_device device;
    devices_are_found_in_order_of_address();
    CHECK(virtio_find(VIRTIO_BLOCK, 0, &device));
    open_queue(&queue, &device);
    an_honest_device_returns_all_in_any_order(&queue);
    a_lying_device_is_stopped(&queue, &device, rounds);
    a_chain_is_offered_once(&queue, &device);
    return 0;
}
