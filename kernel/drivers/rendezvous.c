/* The rendezvous: a write to the pvpanic port pauses the machine (-action panic=pause) until the host continues it.
 * QEMU stops the CPUs one after the other, and a running one would execute for a time that depends on the host; so all
 * others halt first. */
#include "drivers/rendezvous.h"
#include "arch/smp.h"

#define PVPANIC_PORT 0x505
#define PVPANIC_PANICKED 1

void rendezvous_write(void)
{
    smp_park_others();
    out8(PVPANIC_PORT, PVPANIC_PANICKED);
    smp_resume_others();
}

void rendezvous_stopped(void)
{
    out8(PVPANIC_PORT, PVPANIC_PANICKED);
}
