/* The disk: virtio-blk with many requests in flight, and the time each of them takes.
 *
 * A request is really carried out by the device, whenever the host gets to it. It is delivered at its deadline: when a
 * disk with the scenario's latency, bandwidth and number of channels would have finished it. At that time the driver makes
 * sure that the device is done (see fence in block.c). A request that the device refuses is offered again after a pause,
 * and given up at the third refusal. So data and errors are real and timing is a parameter; what the
 * kernel sees depends on nothing but the scenario. LOCK_KERNEL protects all of it. */
#ifndef RAYOS_BLOCK_H
#define RAYOS_BLOCK_H
#include "abi.h"
#include <stdbool.h>

#define BLOCK_SLOTS 64
#define BLOCK_RUN 16 /* most blocks a request moves */

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };
struct block_done { enum block_operation operation; u32 block; void *data; bool error; };

bool block_init(const struct image_disk *disk);  /* false: no disk that could be used */
void block_start(void);                          /* the clock starts: no channel is busy */
u32 block_count(void);                           /* blocks of the disk; 0: none */
u32 block_room(void);                            /* requests that can be submitted now */
/* data: whole blocks, contiguous, through the direct map. Needs room; the device sees it at block_notify. */
void block_submit(enum block_operation operation, u32 block, void *data, u32 blocks, u64 now_ns);
bool block_notify(void);                         /* false: nothing new to tell */
u64 block_deadline(void);                        /* earliest of those in flight; ~0: none */
bool block_retrying(enum block_operation operation); /* one was refused and is not delivered yet */
bool block_next(u64 now_ns, struct block_done *done); /* the next one delivered by now; false: none */
#endif
