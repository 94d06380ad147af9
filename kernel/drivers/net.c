/* The network driver. */
#include "drivers/net.h"
#include "arch/cpu.h"
#include "arch/vm.h"
#include "drivers/virtio.h"

#define FEATURE_ADDRESS (1ull << 5)
#define FEATURE_STATUS (1ull << 16)
#define CONFIG_STATUS 6
#define STATUS_LINK_UP 1
#define BUFFERS 8 /* received frames per device that are not taken yet */

enum { QUEUE_RECEIVE = 0, QUEUE_TRANSMIT = 1 };

struct header { u8 flags, segmentation; u16 header_bytes, segment_bytes, checksum_start, checksum_offset, buffers; };
static_assert(sizeof(struct header) == 12);
struct buffer { struct header header; alignas(4) u8 frame[NET_FRAME_BYTES]; };

struct interface {
    struct virtio_device device;
    struct virtqueue receive, transmit;
    struct buffer received[BUFFERS], sent;
    u8 address[NET_ADDRESS_BYTES];
};

static struct interface interfaces[NET_SIDES];
static bool usable;

static struct virtio_buffer span(struct buffer *buffer, u32 bytes)
{
    return (struct virtio_buffer){ image_physical(buffer), (u32)offsetof(struct buffer, frame) + bytes };
}

static void offer(struct interface *i, u32 chain)
{
    struct virtio_buffer buffer = span(&i->received[chain], NET_FRAME_BYTES);
    virtqueue_add(&i->receive, chain, &buffer, 0, 1);
}

static bool start(struct interface *i)
{
    u64 agreed, wanted = FEATURE_ADDRESS | FEATURE_STATUS;
    if (!virtio_negotiate(&i->device, wanted, &agreed) || (agreed & wanted) != wanted)
        return false;
    if (!virtqueue_init(&i->receive, &i->device, QUEUE_RECEIVE, BUFFERS, 1) ||
        !virtqueue_init(&i->transmit, &i->device, QUEUE_TRANSMIT, 1, 1))
        return false;
    virtio_start(&i->device);
    for (u32 n = 0; n < NET_ADDRESS_BYTES; n++)
        i->address[n] = virtio_config8(&i->device, n);
    for (u32 chain = 0; chain < BUFFERS; chain++)
        offer(i, chain);
    virtqueue_notify(&i->receive);
    virtio_interrupt_route(&i->device, VECTOR_DEVICE);
    return true;
}

bool net_init(void)
{
    usable = true;
    for (u32 side = 0; side < NET_SIDES && usable; side++)
        usable = virtio_find(VIRTIO_NET, side, &interfaces[side].device) && start(&interfaces[side]);
    return usable;
}

const u8 *net_address(enum net_side side) { return interfaces[side].address; }
bool net_link(enum net_side side) { return virtio_config8(&interfaces[side].device, CONFIG_STATUS) & STATUS_LINK_UP; }

void net_send(enum net_side side, const void *frame, u32 bytes)
{
    struct interface *i = &interfaces[side];
    u32 chain, none;
    KERNEL_ASSERT(bytes <= NET_FRAME_BYTES, "net:frame");
    while (virtqueue_take(&i->transmit, &chain, &none))
        ;
    if (i->transmit.outstanding) /* the device still holds the last frame: this one is lost */
        return;
    memcpy(i->sent.frame, frame, bytes);
    struct virtio_buffer buffer = span(&i->sent, bytes);
    virtqueue_add(&i->transmit, 0, &buffer, 1, 0);
    virtqueue_notify(&i->transmit);
    virtqueue_notify(&i->transmit);
    sched_stay_awake();
}

u32 net_receive(enum net_side side, void *frame)
{
    struct interface *i = &interfaces[side];
    u32 chain, bytes, offset = offsetof(struct buffer, frame);
    while (virtqueue_take(&i->receive, &chain, &bytes)) {
        u32 length = bytes > offset ? bytes - offset : 0; /* virtqueue_take has limited it to the buffer */
        memcpy(frame, i->received[chain].frame, length);
        offer(i, chain);
        virtqueue_notify(&i->receive);
        sched_stay_awake();
        if (length)
            return length;
    }
    return 0;
}

bool net_interrupt(void)
{
    for (u32 side = 0; usable && side < NET_SIDES; side++)
        virtio_interrupt_acknowledge(&interfaces[side].device);
    return usable;
}
