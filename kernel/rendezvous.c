/* Meeting the host: a write to the pvpanic port pauses the machine (-action panic=pause) until the host continues it. */
#include "sched.h"

#define PVPANIC_PORT 0x505
#define PVPANIC_PANICKED 1

void rendezvous_write(void)
{
    out8(PVPANIC_PORT, PVPANIC_PANICKED);
}
