/* virtio 1.x devices behind the memory-mapped transport: discovery, negotiation, split virtqueues.
 *
 * The used ring is written by the device and not trusted: a returned chain must be one that the device holds, and its
 * byte count within what the chain offered. After a violation the queue is broken: virtqueue_take returns nothing more.
 * Interrupts are on only for a queue that enables them; otherwise the driver polls. No locks: one thread uses a device.
 * */
#ifndef RAYOS_VIRTIO_H
#define RAYOS_VIRTIO_H
#include "abi.h"
#include <stdbool.h>

#define VIRTIO_NET 1
#define VIRTIO_BLOCK 2
#define VIRTIO_INPUT 18
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTQUEUE_MAX_CHAINS 64

struct virtio_device { volatile u32 *registers; };

/* A queue of `chains` fixed chains of `chain_length` descriptors each: no free list, and a bad id is easy to detect. */
struct virtqueue {
    struct virtio_device *device;
    volatile struct virtq_descriptor *descriptors;
    volatile struct virtq_available *available;
    volatile struct virtq_used *used;
    u32 index, size, chains, chain_length;
    u16 next_available, next_used;
    u32 outstanding;
    bool broken;
    u32 writable_bytes[VIRTQUEUE_MAX_CHAINS]; /* what the device may write into a chain */
    bool held[VIRTQUEUE_MAX_CHAINS];          /* by the device */
};

struct virtio_buffer { u64 physical; u32 bytes; };

bool virtio_find(u32 kind, u32 nth, struct virtio_device *device); /* by address; false: no such device */
void virtio_reset(const struct virtio_device *device);
/* Resets, then negotiates VERSION_1 and those features of `wanted` that the device offers. false: refused. */
bool virtio_negotiate(const struct virtio_device *device, u64 wanted, u64 *agreed);
/* Before virtio_start. Memory for the rings is allocated once; a queue that is initialised again keeps it. */
bool virtqueue_init(struct virtqueue *queue, struct virtio_device *device, u32 index, u32 chains, u32 chain_length);
void virtio_start(const struct virtio_device *device);
u8 virtio_config8(const struct virtio_device *device, u32 offset);
u32 virtio_config32(const struct virtio_device *device, u32 offset);
void virtio_set_config8(const struct virtio_device *device, u32 offset, u8 value);

/* Offers a chain that the device does not hold: first the buffers that it reads, then those that it writes. */
void virtqueue_add(struct virtqueue *queue, u32 chain, const struct virtio_buffer *buffers, u32 readable, u32 writable);
void virtqueue_notify(const struct virtqueue *queue); /* notifies the device of added chains */
void virtqueue_interrupts(struct virtqueue *queue);   /* interrupt for each used chain of this queue */
void virtio_interrupt_route(const struct virtio_device *device, u8 vector); /* to the boot CPU, edge-triggered */
void virtio_interrupt_acknowledge(const struct virtio_device *device);      /* before its cause is handled */
bool virtqueue_take(struct virtqueue *queue, u32 *chain, u32 *bytes); /* the next returned chain; false: none */
#endif
