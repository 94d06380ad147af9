/* Planted bugs. */
#include "experiment/planted.h"
#include "core/sched.h"
#include "experiment/scenario.h"

void planted_window(enum provocation bug)
{
    if (scenario()->provoke != bug)
        return;
    lock_release(LOCK_KERNEL);
    interrupts_on();
    for (u32 i = 0; i < 320; i++)
        __asm__ volatile(".rept 64; nop; .endr");
    interrupts_off();
    lock_acquire(LOCK_KERNEL);
}

bool planted_hope(enum provocation bug)
{
    if (scenario()->provoke != bug)
        return false;
    thread_block(clock_ns() + 20000);
    return true;
}
