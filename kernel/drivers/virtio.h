/* virtio 1.x devices behind the memory-mapped transport: finding them, negotiation, split virtqueues.
 *
 * What a device writes (the used ring) is not trusted: a chain it returns must be one that it holds, and its byte count
 * within what the chain offered. A device that breaks a rule is broken from then on: virtqueue_take returns nothing more.
 * Interrupts only for a queue that asks for them; otherwise a driver takes what is there at times of its own choosing. No locks: a device belongs to one thread. */
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

/* A queue of `chains` fixed chains of `chain_length` descriptors each: no free list, and a bad id is easily told. */
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

bool virtio_find(u32 kind, u32 nth, struct virtio_device *device); /* in order of address; false: no such device */
void virtio_reset(const struct virtio_device *device);
/* Resets, then agrees on VERSION_1 and what the device offers of `wanted`; *agreed is the set. false: no agreement. */
bool virtio_negotiate(const struct virtio_device *device, u64 wanted, u64 *agreed);
/* Before virtio_start. Memory for the rings is taken once; a queue initialised anew keeps it. false: not possible. */
bool virtqueue_init(struct virtqueue *queue, struct virtio_device *device, u32 index, u32 chains, u32 chain_length);
void virtio_start(const struct virtio_device *device);
u8 virtio_config8(const struct virtio_device *device, u32 offset);
u32 virtio_config32(const struct virtio_device *device, u32 offset);
void virtio_set_config8(const struct virtio_device *device, u32 offset, u8 value);

/* Offers a chain that the device does not hold: first the buffers it reads, then those it writes. */
void virtqueue_add(struct virtqueue *queue, u32 chain, const struct virtio_buffer *buffers, u32 readable, u32 writable);
void virtqueue_notify(const struct virtqueue *queue); /* the device looks at what was added */
void virtqueue_interrupts(struct virtqueue *queue);   /* the device interrupts when it has used a chain of this queue */
void virtio_interrupt_route(const struct virtio_device *device, u8 vector); /* to the first processor, edge-triggered */
void virtio_interrupt_acknowledge(const struct virtio_device *device);      /* before what it is about is taken */
bool virtqueue_take(struct virtqueue *queue, u32 *chain, u32 *bytes); /* the next chain returned; false: none */
#endif
