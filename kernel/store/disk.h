/* The disk thread, and the store's system calls, which block. */
#ifndef RAYOS_DISK_H
#define RAYOS_DISK_H
#include "core/kernel.h"

#define PRIORITY_DISK 18

struct process;
void disk_init(void);                           /* recovery; no effect in a scenario without a disk */
bool disk_close(void);                          /* flushes and frees the cache; false: call again later */
void disk_snapshot(void);                       /* traces the cache's counters of the second just ended */
void store_forget(struct process *p);           /* p no longer waits */
i64 sys_put(struct process *p, u64 name, u64 buffer, u64 bytes);
i64 sys_get(struct process *p, u64 name, u64 buffer, u64 capacity);
i64 sys_delete(struct process *p, u64 name);
i64 sys_flush(struct process *p, u64 tag);
#endif
