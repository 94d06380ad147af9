/* QEMU's firmware configuration device. */
#ifndef RAYOS_FWCFG_H
#define RAYOS_FWCFG_H
#include "core/kernel.h"

bool fwcfg_find(const char *name, u16 *key, u32 *bytes);
void fwcfg_read(u16 key, u64 physical, u32 bytes);
void fwcfg_write(u16 key, u64 physical, u32 bytes);
#endif
