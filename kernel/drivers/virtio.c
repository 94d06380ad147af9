/* The virtio transport and its queues. */
#include "drivers/virtio.h"
#include "core/page.h"

/* QEMU's microvm: transports at fixed addresses; one without a device has device id 0. */
#define TRANSPORTS 24
#define TRANSPORT_WORDS (VIRTIO_TRANSPORT_BYTES / sizeof(u32))
#define MAGIC 0x74726976u /* "virt" */
#define MODERN 2

enum reg { /* word offsets; virtio 1.2, 4.2.2 */
    REG_MAGIC = 0x00 / 4, REG_VERSION = 0x04 / 4, REG_DEVICE_ID = 0x08 / 4,
    REG_DEVICE_FEATURES = 0x10 / 4, REG_DEVICE_FEATURES_SELECT = 0x14 / 4,
    REG_DRIVER_FEATURES = 0x20 / 4, REG_DRIVER_FEATURES_SELECT = 0x24 / 4,
    REG_QUEUE_SELECT = 0x30 / 4, REG_QUEUE_SIZE_MAX = 0x34 / 4, REG_QUEUE_SIZE = 0x38 / 4, REG_QUEUE_READY = 0x44 / 4,
    REG_QUEUE_NOTIFY = 0x50 / 4,
    REG_INTERRUPT_STATUS = 0x60 / 4, REG_INTERRUPT_ACKNOWLEDGE = 0x64 / 4,
    REG_STATUS = 0x70 / 4,
    REG_QUEUE_DESCRIPTORS = 0x80 / 4, REG_QUEUE_AVAILABLE = 0x90 / 4, REG_QUEUE_USED = 0xa0 / 4,
    REG_CONFIG = 0x100 / 4,
};
enum status { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 };

#define DESCRIPTOR_NEXT 1
#define DESCRIPTOR_WRITE 2
#define AVAILABLE_NO_INTERRUPT 1

struct virtq_descriptor { u64 address; u32 bytes; u16 flags, next; };
struct virtq_available { u16 flags, index, ring[]; };
struct virtq_used { u16 flags, index; struct { u32 id, bytes; } ring[]; };

enum io_apic { IO_APIC_SELECT = 0, IO_APIC_WINDOW = 0x10 / 4, IO_APIC_REDIRECTION = 0x10 };

#ifdef RAYOS_HOST /* defined by tests */
volatile u32 *virtio_transports(void);
volatile u32 *virtio_io_apic(void);
#else
static volatile u32 *virtio_io_apic(void) { return (volatile u32 *)IO_APIC_BASE; }
static volatile u32 *virtio_transports(void) { return (volatile u32 *)VIRTIO_BASE; }
#endif

/* Everything written before is visible to the device; nothing after it is read earlier. */
static void barrier(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

bool virtio_find(u32 kind, u32 nth, struct virtio_device *device)
{
    for (u32 i = 0; i < TRANSPORTS; i++) {
        volatile u32 *registers = virtio_transports() + i * TRANSPORT_WORDS;
        bool modern = registers[REG_MAGIC] == MAGIC && registers[REG_VERSION] == MODERN;
        if (!modern || registers[REG_DEVICE_ID] != kind || nth--)
            continue;
        device->registers = registers;
        return true;
    }
    return false;
}

void virtio_reset(const struct virtio_device *device)
{
    device->registers[REG_STATUS] = 0;
}

bool virtio_negotiate(const struct virtio_device *device, u64 wanted, u64 *agreed)
{
    volatile u32 *registers = device->registers;
    virtio_reset(device);
    registers[REG_STATUS] = STATUS_ACKNOWLEDGE;
    registers[REG_STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    *agreed = 0;
    for (u32 half = 0; half < 2; half++) {
        registers[REG_DEVICE_FEATURES_SELECT] = half;
        u32 common = registers[REG_DEVICE_FEATURES] & (u32)((wanted | VIRTIO_F_VERSION_1) >> 32 * half);
        registers[REG_DRIVER_FEATURES_SELECT] = half;
        registers[REG_DRIVER_FEATURES] = common;
        *agreed |= (u64)common << 32 * half;
    }
    registers[REG_STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    return *agreed & VIRTIO_F_VERSION_1 && registers[REG_STATUS] & STATUS_FEATURES_OK;
}

static void write_address(volatile u32 *registers, enum reg low, volatile const void *address)
{
    u64 physical = direct_physical((const void *)address);
    registers[low] = (u32)physical;
    registers[low + 1] = (u32)(physical >> 32);
}

bool virtqueue_init(struct virtqueue *queue, struct virtio_device *device, u32 index, u32 chains, u32 chain_length)
{
    volatile u32 *registers = device->registers;
    u32 size = 1;
    while (size < chains * chain_length)
        size *= 2;
    registers[REG_QUEUE_SELECT] = index;
    if (chains > VIRTQUEUE_MAX_CHAINS || registers[REG_QUEUE_SIZE_MAX] < size || registers[REG_QUEUE_READY])
        return false;
    u64 available_at = size * sizeof(struct virtq_descriptor), used_at = available_at + (8 + 2 * size);
    u64 pages = pages_for(used_at + sizeof(struct virtq_used) + 8 * size);
    u8 *rings = queue->descriptors ? (u8 *)queue->descriptors : page_alloc_run(pages);
    if (!rings)
        return false;
    memset(rings, 0, pages * PAGE_BYTES);
    *queue = (struct virtqueue){
        .device = device, .descriptors = (void *)rings, .available = (void *)(rings + available_at),
        .used = (void *)(rings + used_at), .index = index, .size = size, .chains = chains, .chain_length = chain_length,
    };
    queue->available->flags = AVAILABLE_NO_INTERRUPT;
    registers[REG_QUEUE_SIZE] = size;
    write_address(registers, REG_QUEUE_DESCRIPTORS, queue->descriptors);
    write_address(registers, REG_QUEUE_AVAILABLE, queue->available);
    write_address(registers, REG_QUEUE_USED, queue->used);
    registers[REG_QUEUE_READY] = 1;
    return true;
}

void virtio_start(const struct virtio_device *device)
{
    barrier();
    device->registers[REG_STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
}

static volatile u8 *config(const struct virtio_device *d) { return (volatile u8 *)&d->registers[REG_CONFIG]; }

u8 virtio_config8(const struct virtio_device *d, u32 offset) { return config(d)[offset]; }
u32 virtio_config32(const struct virtio_device *d, u32 offset) { return *(volatile u32 *)(config(d) + offset); }
void virtio_set_config8(const struct virtio_device *d, u32 offset, u8 value) { config(d)[offset] = value; }

void virtqueue_add(struct virtqueue *queue, u32 chain, const struct virtio_buffer *buffers, u32 readable, u32 writable)
{
    u32 head = chain * queue->chain_length, count = readable + writable;
    bool valid = chain < queue->chains && count && count <= queue->chain_length && !queue->held[chain];
    KERNEL_ASSERT(valid, "virtio:chain");
    queue->writable_bytes[chain] = 0;
    for (u32 i = 0; i < count; i++) {
        volatile struct virtq_descriptor *d = &queue->descriptors[head + i];
        d->address = buffers[i].physical;
        d->bytes = buffers[i].bytes;
        d->flags = (u16)((i + 1 < count ? DESCRIPTOR_NEXT : 0) | (i >= readable ? DESCRIPTOR_WRITE : 0));
        d->next = (u16)(head + i + 1);
        queue->writable_bytes[chain] += i >= readable ? buffers[i].bytes : 0;
    }
    queue->held[chain] = true;
    queue->outstanding++;
    queue->available->ring[queue->next_available++ & (queue->size - 1)] = (u16)head;
    barrier();
    queue->available->index = queue->next_available;
}

void virtqueue_notify(const struct virtqueue *queue)
{
    barrier();
    queue->device->registers[REG_QUEUE_NOTIFY] = queue->index;
}

void virtqueue_interrupts(struct virtqueue *queue)
{
    queue->available->flags = 0;
}

/* On QEMU's microvm transport i has pin i of the second I/O APIC. */
void virtio_interrupt_route(const struct virtio_device *device, u8 vector)
{
    u32 pin = (u32)(device->registers - virtio_transports()) / TRANSPORT_WORDS;
    u32 entry = IO_APIC_REDIRECTION + 2 * pin;
    volatile u32 *io_apic = virtio_io_apic();
    io_apic[IO_APIC_SELECT] = entry + 1;
    io_apic[IO_APIC_WINDOW] = 0;
    io_apic[IO_APIC_SELECT] = entry;
    io_apic[IO_APIC_WINDOW] = vector;
}

void virtio_interrupt_acknowledge(const struct virtio_device *device)
{
    device->registers[REG_INTERRUPT_ACKNOWLEDGE] = device->registers[REG_INTERRUPT_STATUS];
}

bool virtqueue_take(struct virtqueue *queue, u32 *chain, u32 *bytes)
{
    u16 returned = (u16)(queue->used->index - queue->next_used);
    if (queue->broken || !returned)
        return false;
    barrier();
    u32 slot = queue->next_used & (queue->size - 1), id = queue->used->ring[slot].id;
    *bytes = queue->used->ring[slot].bytes;
    *chain = id / queue->chain_length;
    queue->broken = returned > queue->outstanding || id % queue->chain_length || *chain >= queue->chains ||
                    !queue->held[*chain] || *bytes > queue->writable_bytes[*chain];
    if (queue->broken)
        return false;
    queue->held[*chain] = false;
    queue->outstanding--;
    queue->next_used++;
    return true;
}
