/* The network driver against untrusted devices and frames: whatever a device writes into its rings and buffers, no byte
 * outside a buffer is read or written, and a message counts only if it is complete and its digest matches its cells.
 * net_test [ROUNDS [SEED]]. */
#define _GNU_SOURCE
#include "arch/vm.h"
#include "drivers/virtio.h"
#include "host.h"
#include <sys/mman.h>

static bool queue_init(struct virtqueue *queue, struct virtio_device *device, u32 index, u32 chains, u32 chain_length);
#define virtqueue_init queue_init
#include "drivers/net.c"
#undef virtqueue_init
#include "remote/message.h"

void sched_stay_awake(void) {}

#define ARENA (4ull << 20)
#define READY (0x44 / 4)
#define GUARD 0xa5

struct used { u16 flags, index; struct { u32 id, bytes; } ring[BUFFERS]; };

static u32 registers[24 * VIRTIO_TRANSPORT_BYTES / 4];
static u64 seed = 11;
static u32 chance(u32 below) { return host_random(&seed) % below; }

volatile u32 *virtio_transports(void) { return registers; }
volatile u32 *virtio_io_apic(void) { static u32 io_apic[8]; return io_apic; }
u64 image_physical(const void *address) { return (u64)address; }

/* The mock has one set of queue registers for all queues. */
static bool queue_init(struct virtqueue *queue, struct virtio_device *device, u32 index, u32 chains, u32 chain_length)
{
    device->registers[READY] = 0;
    return virtqueue_init(queue, device, index, chains, chain_length);
}

static void put_device(u32 slot, u8 last_of_address)
{
    u32 *r = registers + slot * VIRTIO_TRANSPORT_BYTES / 4;
    r[0] = 0x74726976, r[1] = 2, r[2] = VIRTIO_NET, r[4] = 1 | FEATURE_ADDRESS | FEATURE_STATUS, r[0x34 / 4] = 64;
    u8 *config = (u8 *)(r + 0x100 / 4);
    config[5] = last_of_address, config[CONFIG_STATUS] = STATUS_LINK_UP;
}

static void fill(void *at, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++)
        ((u8 *)at)[i] = (u8)chance(256);
}

static void two_devices_are_needed(void)
{
    CHECK(!net_init() && !net_interrupt());
    put_device(1, 1);
    CHECK(!net_init());
    put_device(4, 2);
    CHECK(net_init() && net_interrupt());
    CHECK(net_address(NET_SERVER)[5] == 1 && net_address(NET_REMOTE)[5] == 2);
    CHECK(net_link(NET_SERVER));
    ((u8 *)(registers + VIRTIO_TRANSPORT_BYTES / 4 + 0x100 / 4))[CONFIG_STATUS] = 0;
    CHECK(!net_link(NET_SERVER) && net_link(NET_REMOTE));
}

static void a_frame_that_the_device_keeps_blocks_no_later_one(void)
{
    static const u8 frame[NET_FRAME_BYTES] = { 7 };
    struct interface *server = &interfaces[NET_SERVER];
    volatile struct used *used = (void *)server->transmit.used;
    net_send(NET_SERVER, frame, sizeof frame);
    CHECK(server->sent.frame[0] == 7 && server->transmit.outstanding == 1);
    net_send(NET_SERVER, frame + 1, 100); /* lost */
    CHECK(server->sent.frame[0] == 7);
    used->ring[0].id = 0, used->ring[0].bytes = 0, used->index = 1;
    net_send(NET_SERVER, frame + 1, 100);
    CHECK(server->sent.frame[0] == 0 && server->transmit.outstanding == 1);
    CHECK(PANICS(net_send(NET_SERVER, frame, NET_FRAME_BYTES + 1)));
}

static void no_length_reaches_beyond_a_frame(u32 rounds)
{
    static u8 frame[NET_FRAME_BYTES + 64];
    struct interface *remote = &interfaces[NET_REMOTE];
    u32 taken = 0, broken = 0;
    for (u32 round = 0; round < rounds; round++) {
        CHECK(start(remote));
        volatile struct used *used = (void *)remote->receive.used;
        for (u32 n = 0; n < 20 && !remote->receive.broken; n++) {
            bool lie = chance(8) == 0;
            u32 slot = used->index % BUFFERS, length = chance(sizeof(struct header) + NET_FRAME_BYTES + 1);
            used->ring[slot].id = lie && chance(2) ? chance(~0u) : n % BUFFERS;
            used->ring[slot].bytes = lie ? chance(~0u) : length;
            used->index += 1 + (lie && chance(4) == 0 ? (u16)chance(65535) : 0);
            memset(frame, GUARD, sizeof frame);
            fill(remote->received[n % BUFFERS].frame, 64);
            u32 bytes = net_receive(NET_REMOTE, frame);
            CHECK(bytes <= NET_FRAME_BYTES);
            for (u32 i = bytes; i < sizeof frame; i++)
                CHECK(frame[i] == GUARD);
            CHECK(lie || bytes == (length > sizeof(struct header) ? length - sizeof(struct header) : 0));
            taken += bytes != 0;
        }
        broken += remote->receive.broken;
    }
    CHECK(taken > 2 * rounds && broken > rounds / 4);
}

static u8 *edge; /* end of mapped memory: an access beyond it faults */

static bool valid(const void *data, u32 bytes, enum message_kind kind)
{
    static const u8 to[NET_ADDRESS_BYTES] = { 1, 2, 3, 4, 5, 6 };
    return message_valid(memcpy(edge - bytes, data, bytes), bytes, kind, to);
}

static void only_whole_messages_are_believed(u32 rounds)
{
    static u8 data[NET_FRAME_BYTES + 1];
    struct message *message = (struct message *)data;
    for (u32 round = 0; round < rounds; round++) {
        enum message_kind kind = chance(2) ? MESSAGE_UPDATE : MESSAGE_ANSWER;
        fill(data, sizeof data);
        CHECK(!valid(data, chance(sizeof data), kind)); /* noise */
        memcpy(message->to, (u8[]){ 1, 2, 3, 4, 5, 6 }, NET_ADDRESS_BYTES);
        message->ethertype = ETHERTYPE_REMOTE;
        message->kind = (u16)kind;
        message->digest = message_digest(message->cells);
        u32 whole = message_bytes(kind);
        CHECK(valid(data, whole, kind) && valid(data, NET_FRAME_BYTES, kind) && !valid(data, whole, 3 - kind));
        CHECK(!valid(data, chance(whole), kind) && !valid(data, NET_FRAME_BYTES + 1, kind));
        if (kind == MESSAGE_UPDATE) {
            message->cells[chance(REMOTE_CELLS * 4)] ^= (u8)(1 << chance(8));
            CHECK(!valid(data, whole, kind));
        }
    }
}

int main(int count, char **arguments)
{
    u32 rounds = count > 1 ? (u32)atoi(arguments[1]) : 20000;
    seed = count > 2 ? strtoull(arguments[2], NULL, 0) : seed;
    host_map(ARENA);
    page_init(0, ARENA);
    u8 *pages = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    edge = pages + PAGE_BYTES;
    CHECK(pages != MAP_FAILED && !mprotect(edge, PAGE_BYTES, PROT_NONE));
    two_devices_are_needed();
    a_frame_that_the_device_keeps_blocks_no_later_one();
    no_length_reaches_beyond_a_frame(rounds / 5);
    only_whole_messages_are_believed(rounds);
    return 0;
}
