/* PCG32, and draws from quantile tables (docs/explanation/mechanism.md); for kernel and clients. */
#ifndef RAYOS_RANDOM_H
#define RAYOS_RANDOM_H
#include "abi.h"

enum random_stream {
    STREAM_THINK = 0, STREAM_GAP = 1, STREAM_HOSTILE = 3, /* by client */
    STREAM_FAULTS = 2,                                    /* by source of faults */
    STREAM_JITTER = 2,                                    /* one for the kernel */
    STREAM_IPI_DELAY = 3,                                 /* by CPU */
};

struct random { u64 state, increment; };
void random_seed(struct random *r, u64 seed, u32 client, u32 generation, u32 stream);
u32 random_next(struct random *r);                       /* uniform over 32 bits */
u64 random_quantile(struct random *r, const u64 *table);
#endif
