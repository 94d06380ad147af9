/* Commit-to-present latencies of the current second, log-linear: 64 buckets an octave, so a value is known to 1/64.
 * Two histograms: the reporter, which may preempt the compositor at any instruction, takes the one being filled and
 * leaves it the other. On SMP a sample that is being added meanwhile may fall to neither second; none is counted twice. */
#include "wayland.h"

enum { SUB_BITS = 6, OCTAVES = 34, BUCKETS = (OCTAVES + 1) << SUB_BITS }; /* up to 2^40 ns */

static u32 buckets[2][BUCKETS];
static u32 filling;
static u32 flips;

static u32 bucket_of(u64 ns)
{
    if (ns >> (SUB_BITS + 1) == 0)
        return (u32)ns;
    u32 shift = 63 - SUB_BITS - (u32)__builtin_clzll(ns);
    u32 bucket = (shift << SUB_BITS) + (u32)(ns >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The middle of the bucket's range. */
static u64 value_of(u32 bucket)
{
    if (bucket < 2 << SUB_BITS)
        return bucket;
    u32 shift = (bucket >> SUB_BITS) - 1;
    return (((u64)(bucket & ((1 << SUB_BITS) - 1)) + (1 << SUB_BITS)) << shift) + (1ull << shift) / 2;
}

void histogram_add(u64 ns)
{
    buckets[__atomic_load_n(&filling, __ATOMIC_RELAXED)][bucket_of(ns)]++;
}

void histogram_flip(void)
{
    __atomic_fetch_add(&flips, 1, __ATOMIC_RELAXED);
}

u32 compositor_second_flips(void)
{
    return __atomic_exchange_n(&flips, 0, __ATOMIC_RELAXED);
}

/* The smallest value that at least 99 % of the samples do not exceed; 0 without samples. */
u32 compositor_second_p99_us(void)
{
    u32 *ended = buckets[__atomic_fetch_xor(&filling, 1, __ATOMIC_RELAXED)];
    u64 samples = 0, seen = 0;
    for (u32 i = 0; i < BUCKETS; i++)
        samples += ended[i];
    u64 rank = samples - samples / 100;
    u32 result = 0;
    for (u32 i = 0; i < BUCKETS && seen < rank; i++)
        if ((seen += ended[i]) >= rank)
            result = (u32)(value_of(i) / 1000);
    memset(ended, 0, sizeof buckets[0]);
    return result;
}
