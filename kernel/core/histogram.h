/* Latency histogram: log-linear buckets, exact below 256 ns. */
#ifndef RAYOS_HISTOGRAM_H
#define RAYOS_HISTOGRAM_H
#include "abi.h"

#define HISTOGRAM_BUCKETS 4352             /* up to 2^40 ns; longer latencies count as that */
struct histogram { u64 count, maximum_ns; u32 buckets[HISTOGRAM_BUCKETS]; };
void histogram_add(struct histogram *h, u64 ns);
void histogram_merge(struct histogram *into, const struct histogram *h);
u64 histogram_quantile(const struct histogram *h, u32 ppm); /* value of rank ceil(ppm / 10^6 * count); 0: empty */
#endif
