/* PCG32 and draws from quantile tables, as docs/mechanism.md states them. */
#ifndef RAYOS_CLIENT_RANDOM_H
#define RAYOS_CLIENT_RANDOM_H
#include "syscall.h"
enum { STREAM_THINK = 0, STREAM_GAP = 1, STREAM_HOSTILE = 3 };
struct random { u64 state, increment; };
void random_seed(struct random *r, u64 seed, u32 client, u32 generation, u32 stream);
u32 random_next(struct random *r);
u64 random_quantile(struct random *r, const u64 *table);
#endif
