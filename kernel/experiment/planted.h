/* Bugs planted on purpose, each behind a provocation that only tests ask for: they prove that races, lost wake-ups and
 * wrong orders are found. */
#ifndef RAYOS_PLANTED_H
#define RAYOS_PLANTED_H
#include "core/kernel.h"

/* In a system call: lets interrupts in for some twenty microseconds, as no code here does, if that bug is wanted. */
void planted_window(enum provocation bug);
/* Some twenty microseconds later: true, if that bug is wanted; else false at once. The current thread sleeps meanwhile. */
bool planted_hope(enum provocation bug);
#endif
