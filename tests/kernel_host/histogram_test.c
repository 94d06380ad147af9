/* Prints the quantile at the first argument, parts per million, of the values that follow. */
#include "core/histogram.h"
#include "core/kernel.h"
#include "host.h"

int main(int count, char **arguments)
{
    static struct histogram h;
    CHECK(histogram_quantile(&h, 500000) == 0);
    for (int i = 2; i < count; i++)
        histogram_add(&h, strtoull(arguments[i], NULL, 10));
    printf("%llu\n", histogram_quantile(&h, (u32)strtoul(arguments[1], NULL, 10)));
    return 0;
}
