/* Tablet and keyboard behind virtio-input (virtio 1.2, 5.8). The host sends an event when a rendezvous requests one
 * (docs/explanation/compositor.md, "Input devices"); it arrives by interrupt. */
#include "drivers/input.h"
#include "arch/cpu.h"
#include "arch/time.h"
#include "arch/vm.h"
#include "drivers/virtio.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

#define RECORDED_WAIT_NS 1000000           /* in a recorded run QEMU delivers input only when a timer fires */
#define EVENTS_HELD 16                     /* reported events per device that are not taken yet */
enum { EV_SYN = 0, EV_KEY = 1, EV_ABS = 3, ABS_X = 0, ABS_Y = 1 }; /* Linux's numbers */

struct event { u16 type, code; u32 value; };
struct input_device {
    struct virtio_device device;
    struct virtqueue queue;
    alignas(sizeof(struct event)) struct event events[EVENTS_HELD];
};

static struct input_device devices[2];
static u32 device_count;

static void offer(struct input_device *input, u32 chain)
{
    struct virtio_buffer buffer = { image_physical(&input->events[chain]), sizeof(struct event) };
    virtqueue_add(&input->queue, chain, &buffer, 0, 1);
}

static void start(struct input_device *input)
{
    u64 agreed;
    bool accepted = virtio_negotiate(&input->device, 0, &agreed) &&
                    virtqueue_init(&input->queue, &input->device, 0, EVENTS_HELD, 1);
    KERNEL_ASSERT(accepted, "input:device refuses");
    virtqueue_interrupts(&input->queue);
    virtio_start(&input->device);
    for (u32 chain = 0; chain < EVENTS_HELD; chain++)
        offer(input, chain);
    virtqueue_notify(&input->queue);
    virtio_interrupt_route(&input->device, VECTOR_DEVICE);
}

void input_init(void)
{
    while (device_count < 2 && virtio_find(VIRTIO_INPUT, device_count, &devices[device_count].device))
        start(&devices[device_count++]);
    KERNEL_ASSERT(scenario()->input_source != INPUT_DEVICE || device_count == 2, "input:no devices");
}

void input_interrupt(void)
{
    for (u32 i = 0; i < device_count; i++)
        virtio_interrupt_acknowledge(&devices[i].device);
}

/* Adds the events of one device to the report; true: the report is complete. */
static bool take(struct input_device *input, struct input_report *report)
{
    u32 chain, bytes;
    bool complete = false;
    while (!complete && virtqueue_take(&input->queue, &chain, &bytes)) {
        struct event event = input->events[chain];
        offer(input, chain);
        if (bytes != sizeof event)
            continue;
        if (event.type == EV_SYN) {
            complete = true;
        } else if (event.type == EV_KEY) {
            report->key = event.code;
            report->pressed = event.value;
        } else if (event.type == EV_ABS && event.code <= ABS_Y) {
            report->moved = true;
            *(event.code == ABS_X ? &report->x : &report->y) = event.value;
        }
    }
    virtqueue_notify(&input->queue);
    return complete;
}

/* No timer runs during the wait: on icount no time passes until the event arrives, however long the host takes. */
struct input_report input_ask(enum host_request what, u32 x, u32 y)
{
    struct input_report report = {0};
    u64 flags = service_begin();
    sched_timer_stop();
    host_request(what, x, y);
    for (bool complete = false; !complete;) {
        if (scenario()->recorded)
            timer_arm(0, RECORDED_WAIT_NS);
        lock_release(LOCK_KERNEL);
        halt();
        lock_acquire(LOCK_KERNEL);
        for (u32 i = 0; i < device_count && !complete; i++)
            complete = take(&devices[i], &report);
    }
    sched_timer_restart();
    service_end(flags);
    return report;
}
