/* Shared memory: pages contiguous in the kernel's window, mapped into the client that made them, reference-counted. */
#include "integration.h"
#include "memory.h"
#include "process.h"

struct shm { void *data; u64 bytes, pages; u32 references; };

struct shm *shm_create(u64 bytes)
{
    if (!bytes || bytes > CLIENT_MEMORY - CLIENT_SHM)
        return NULL;
    struct shm *shm = kalloc(sizeof *shm, "shm");
    if (!shm)
        return NULL;
    *shm = (struct shm){ window_alloc(pages_for(bytes)), bytes, pages_for(bytes), 1 };
    if (shm->data)
        return shm;
    kfree(shm);
    return NULL;
}

void *shm_data(struct shm *shm) { return shm->data; }
size_t shm_bytes(const struct shm *shm) { return shm->bytes; }
u64 shm_page(struct shm *shm, u64 index) { return window_physical((u8 *)shm->data + index * PAGE_BYTES); }

void shm_reference(struct shm *shm)
{
    u64 flags = service_begin();
    shm->references++;
    service_end(flags);
}

void shm_release(struct shm *shm)
{
    u64 flags = service_begin();
    KERNEL_ASSERT(shm->references, "shm:released twice");
    if (!--shm->references) {
        counters.shm_pages_freed += shm->pages;
        window_free(shm->data, shm->pages);
        kfree(shm);
    }
    service_end(flags);
}
