/* Names of records in the store. */
#ifndef RAYOS_CLIENT_NAME_H
#define RAYOS_CLIENT_NAME_H
#include "abi.h"

/* Four decimal digits. */
static inline void name_number(char *to, u32 value)
{
    for (u32 i = 4; i--; value /= 10)
        to[i] = (char)('0' + value % 10);
}
#endif
