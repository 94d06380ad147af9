/* The trace ring: points and measurements for the host. A record is always written and then kept or not, so the cost
 * does not depend on what is kept. */
#ifndef RAYOS_TRACE_H
#define RAYOS_TRACE_H
#include "core/kernel.h"

u64 trace_point(enum trace_kind kind, u32 subject, u64 arg);    /* closes a segment of the current thread; its time */
void trace_measure(enum trace_kind kind, u32 subject, u64 arg);
void trace_wire(enum trace_kind kind, u32 client, const u8 *data, u32 bytes); /* only with TRACE_WIRE */

void trace_header_init(void);
void trace_init(u32 memory_mb, u32 keep_points);
void trace_state(enum run_state state);
void trace_framebuffer(u64 physical, u32 width, u32 height);
void trace_drain_early(void);              /* a rendezvous if half of the ring is undrained */
void host_request(enum host_request what, u32 x, u32 y); /* a rendezvous with a request to the host; interrupts off */
#endif
