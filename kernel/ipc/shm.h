/* Shared memory: reference-counted, contiguous in the kernel's window. */
#ifndef RAYOS_SHM_H
#define RAYOS_SHM_H
#include "core/kernel.h"

struct shm;
struct shm *shm_create(u64 bytes, u32 client); /* one reference; NULL: out of memory, or above the client's limit */
void shm_reference(struct shm *shm);
void shm_release(struct shm *shm);
void *shm_data(struct shm *shm);
size_t shm_bytes(const struct shm *shm);
u64 shm_page(struct shm *shm, u64 index);      /* physical */
#endif
