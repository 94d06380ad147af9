/* Handles of a process. LOCK_KERNEL protects its table. */
#include "core/process.h"
#include "ipc/pipe.h"
#include "ipc/shm.h"

int handle_install(struct process *p, struct handle handle)
{
    for (int i = 0; i < MAX_HANDLES; i++) {
        if (p->handles[i].type != HANDLE_NONE)
            continue;
        p->handles[i] = handle;
        p->shm_address[i] = 0;
        return i;
    }
    handle_drop(&handle);
    return -E_FULL;
}

struct handle *handle_find(struct process *p, u64 index, int type)
{
    if (index >= MAX_HANDLES || p->handles[index].type == HANDLE_NONE)
        return NULL;
    return type == HANDLE_NONE || (int)p->handles[index].type == type ? &p->handles[index] : NULL;
}

struct handle handle_duplicate(const struct handle *handle)
{
    if (handle->type == HANDLE_SHM)
        shm_reference(handle->object);
    else if (handle->type != HANDLE_NONE)
        pipe_reference(handle->object, handle->type == HANDLE_PIPE_WRITE);
    return *handle;
}

void handle_drop(struct handle *handle)
{
    struct handle old = *handle;
    *handle = (struct handle){ HANDLE_NONE, NULL };
    if (old.type == HANDLE_SHM)
        shm_release(old.object);
    else if (old.type != HANDLE_NONE)
        pipe_release(old.object, old.type == HANDLE_PIPE_WRITE);
}
