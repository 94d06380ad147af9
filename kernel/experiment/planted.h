/* Planted bugs, each behind a provocation that only tests use: they prove that races, lost wake-ups and wrong orders
 * are found. Without that provocation these functions have no effect. */
#ifndef RAYOS_PLANTED_H
#define RAYOS_PLANTED_H
#include "core/kernel.h"

/* In a system call: releases LOCK_KERNEL and allows interrupts for some twenty microseconds. */
void planted_window(enum provocation bug);
/* Sleeps for some twenty microseconds, then returns true. Without the bug: returns false immediately. */
bool planted_hope(enum provocation bug);
#endif
