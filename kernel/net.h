/* Two network devices, virtio-net (virtio 1.2, 5.1), joined by the host's hub: what one sends the other receives.
 *
 * QEMU takes a frame along at the second of two notifications in a row, before the processor goes on
 * (docs/explanation/kernel.md, "The network"): when net_send returns, the frame is in the other device's ring, or lost for ever. When it is looked at is
 * up to the caller. Interrupts come for a change of the link only. LOCK_KERNEL protects all of it. */
#ifndef RAYOS_NET_H
#define RAYOS_NET_H
#include "abi.h"
#include <stdbool.h>

#define NET_SIDES 2
#define NET_ADDRESS_BYTES 6
#define NET_FRAME_BYTES 1514

bool net_init(void);                                  /* false: there are no two devices that could be used */
bool net_link(enum net_side side);                    /* the device's own link is up */
const u8 *net_address(enum net_side side);
void net_send(enum net_side side, const void *frame, u32 bytes); /* at most NET_FRAME_BYTES; may be lost */
u32 net_receive(enum net_side side, void *frame);     /* the next frame, of at most NET_FRAME_BYTES; 0: none */
bool net_interrupt(void);                             /* acknowledges; false: there are no network devices */
#endif
