/* The profiler: latency quantiles and CPU time per point; the RAYOS_PERF lines. */
#ifndef RAYOS_PROFILE_H
#define RAYOS_PROFILE_H
#include "core/histogram.h"
#include "core/kernel.h"

/* Both count one record, under LOCK_TRACE. */
void profile_measure(enum trace_kind kind, u64 arg, u64 now);
void profile_point(enum trace_kind kind, u64 cpu_ns, u64 now);

struct second { u32 p99_us, flips; };      /* commit-to-present p99 and page flips of one second */
struct second profile_second(struct histogram *sum); /* the second just ended; adds its latencies to sum unless NULL */
void profile_start(void);
void profile_memory(void);                 /* once a second */
void profile_report(void);                 /* once, at the end */
#endif
