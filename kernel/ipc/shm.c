/* Shared memory: pages contiguous in the kernel's window, mapped into the client that created them, reference-counted.
 * */
#include "ipc/shm.h"
#include "arch/vm.h"
#include "core/heap.h"
#include "core/sched.h"
#include "experiment/failure.h"
#include "experiment/integration.h"
#include "experiment/scenario.h"

struct shm { void *data; u64 bytes, pages; u32 references, client; };

static u64 held[MAX_CLIENTS]; /* existing pages created by each client, whatever refers to them */

static bool beyond_limit(u32 client, u64 pages)
{
    u32 limit_kb = scenario()->client_memory_kb;
    if (!limit_kb || (held[client] + pages) * (PAGE_BYTES / 1024) <= limit_kb || !detector_on(DETECTED_LIMIT))
        return false;
    failure_detected(client, DETECTED_LIMIT);
    return true;
}

struct shm *shm_create(u64 bytes, u32 client)
{
    if (!bytes || bytes > CLIENT_MEMORY - CLIENT_SHM || beyond_limit(client, pages_for(bytes)))
        return NULL;
    struct shm *shm = kalloc(sizeof *shm, "shm");
    if (!shm)
        return NULL;
    *shm = (struct shm){ window_alloc(pages_for(bytes)), bytes, pages_for(bytes), 1, client };
    if (shm->data) {
        held[client] += shm->pages;
        return shm;
    }
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
        held[shm->client] -= shm->pages;
        counters.shm_pages_freed += shm->pages;
        window_free(shm->data, shm->pages);
        kfree(shm);
    }
    service_end(flags);
}
