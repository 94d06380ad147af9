/* The disk: virtio-blk with many requests in flight, and a model of their service times. Under LOCK_KERNEL.
 *
 * The device carries out a request whenever the host schedules it. The driver delivers it at its deadline: when a disk
 * with the scenario's latency, bandwidth and number of channels would have finished it. At that time the driver ensures
 * that the device is done (fence() in block.c). A refused request is retried after a pause and fails at the third
 * refusal. Data and errors are thus real and timing is a parameter: the kernel's view depends on the scenario alone. */
#ifndef RAYOS_BLOCK_H
#define RAYOS_BLOCK_H
#include "abi.h"
#include <stdbool.h>

#define BLOCK_SLOTS 64
#define BLOCK_RUN 16 /* maximum blocks per request */

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };
struct block_done { enum block_operation operation; u32 block; void *data; bool error; };

bool block_init(const struct image_disk *disk);  /* false: no usable disk */
void block_start(void);                          /* the clock starts: no channel is busy */
u32 block_count(void);                           /* blocks of the disk; 0: none */
u32 block_room(void);                            /* requests that can be submitted now */
/* data: whole blocks, contiguous, in the direct map. Needs block_room. The device sees it at block_notify. */
void block_submit(enum block_operation operation, u32 block, void *data, u32 blocks, u64 now_ns);
bool block_notify(void);                         /* false: no new requests */
u64 block_deadline(void);                        /* earliest in flight; NEVER: none */
bool block_retrying(enum block_operation operation); /* a refused request is not delivered yet */
bool block_next(u64 now_ns, struct block_done *done); /* the next delivery that is due; false: none */
#endif
