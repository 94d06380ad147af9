/* random_test SEED CLIENT GENERATION STREAM COUNT: draws from the table q[i] = i * i * 1000, a line each. */
#include "core/random.h"
#include "core/kernel.h"
#include "host.h"

int main(int count, char **arguments)
{
    CHECK(count == 6);
    u64 table[QUANTILES];
    for (u64 i = 0; i < QUANTILES; i++)
        table[i] = i * i * 1000;
    struct random random;
    random_seed(&random, strtoull(arguments[1], NULL, 10), (u32)atoi(arguments[2]), (u32)atoi(arguments[3]),
                (u32)atoi(arguments[4]));
    for (int i = atoi(arguments[5]); i; i--)
        printf("%llu\n", random_quantile(&random, table));
    return 0;
}
