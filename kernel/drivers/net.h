/* Two network devices, virtio-net (virtio 1.2, 5.1), joined by a hub in QEMU: each receives what the other sends.
 *
 * QEMU transmits a frame at the second of two notifications in a row, before the CPU continues
  * (docs/explanation/kernel.md, "The
 * network"): when net_send returns, the frame is in the other device's ring, or lost. The caller decides when to
 * receive it. The devices interrupt only for a change of the link. Under LOCK_KERNEL. */
#ifndef RAYOS_NET_H
#define RAYOS_NET_H
#include "abi.h"
#include <stdbool.h>

#define NET_SIDES 2
#define NET_ADDRESS_BYTES 6
#define NET_FRAME_BYTES 1514

bool net_init(void);                                  /* false: fewer than two usable devices */
bool net_link(enum net_side side);                    /* the device's own link is up */
const u8 *net_address(enum net_side side);
void net_send(enum net_side side, const void *frame, u32 bytes); /* at most NET_FRAME_BYTES; may be lost */
u32 net_receive(enum net_side side, void *frame);     /* the next frame, of at most NET_FRAME_BYTES; 0: none */
bool net_interrupt(void);                             /* acknowledges; false: no network devices */
#endif
