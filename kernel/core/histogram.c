/* Latency histogram: exact below 256 ns, then 128 buckets per octave, so that a quantile is exact to 1/256. Pure: also
 * built on the host for tests. */
#include "core/histogram.h"
#include "core/kernel.h"

enum { SUB_BITS = 7, OCTAVE = 1 << SUB_BITS };

static u32 bucket_of(u64 ns)
{
    if (ns < 2 * OCTAVE)
        return (u32)ns;
    u32 shift = 63 - SUB_BITS - (u32)__builtin_clzll(ns);
    u32 bucket = (shift << SUB_BITS) + (u32)(ns >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The centre of the bucket's range. */
static u64 value_of(u32 bucket)
{
    if (bucket < 2 * OCTAVE)
        return bucket;
    u32 shift = (bucket >> SUB_BITS) - 1;
    return ((u64)(bucket % OCTAVE + OCTAVE) << shift) + (1ull << shift) / 2;
}

void histogram_add(struct histogram *h, u64 ns)
{
    h->count++;
    h->maximum_ns = ns > h->maximum_ns ? ns : h->maximum_ns;
    h->buckets[bucket_of(ns)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *h)
{
    into->count += h->count;
    into->maximum_ns = h->maximum_ns > into->maximum_ns ? h->maximum_ns : into->maximum_ns;
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += h->buckets[i];
}

u64 histogram_quantile(const struct histogram *h, u32 ppm)
{
    u64 rank = (h->count * ppm + 999999) / 1000000, seen = 0;
    if (rank >= h->count)
        return h->maximum_ns;
    for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
        if ((seen += h->buckets[i]) >= rank && seen) {
            u64 value = value_of(i);
            return value < h->maximum_ns ? value : h->maximum_ns;
        }
    return 0;
}
