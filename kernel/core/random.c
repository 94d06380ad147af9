/* PCG32 (docs/explanation/mechanism.md). */
#include "core/random.h"

u32 random_next(struct random *r)
{
    u64 old = r->state;
    r->state = old * 6364136223846793005ull + r->increment;
    u32 shifted = (u32)(((old >> 18) ^ old) >> 27), turn = (u32)(old >> 59);
    return shifted >> turn | shifted << (-turn & 31);
}

void random_seed(struct random *r, u64 seed, u32 client, u32 generation, u32 stream)
{
    r->increment = (((u64)client + (u64)generation * 4096) * 4 + stream) << 1 | 1;
    r->state = 0;
    random_next(r);
    r->state += seed;
    random_next(r);
}

u64 random_quantile(struct random *r, const u64 *table)
{
    u32 draw = random_next(r), index = draw >> 22, fraction = draw & 0x3fffff;
    return table[index] + ((table[index + 1] - table[index]) * fraction >> 22);
}
