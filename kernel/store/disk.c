/* The disk thread, and the system calls on the store. The thread does the store's work for the disk (store_step) and
 * sleeps until the next request is due. Calls operate on the store directly and wait only for the disk.
 *
 * A waiting process holds nothing but its node in the queue below; store_forget removes it when the process ends. */
#include "store/disk.h"
#include "core/process.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"
#include "store/store.h"

static struct thread disk_thread;
static struct list waiting = LIST_EMPTY(waiting); /* processes that wait for the disk, in order of arrival */
static bool kicked;

/* ---- Waiting ---- */

static void wait_for(struct process *p, const void *what)
{
    list_append(&waiting, &p->queued);
    process_wait(p, what, NEVER);
}

void store_wake(const void *what)
{
    for (struct list *at = waiting.next, *next; at != &waiting; at = next) {
        struct process *p = CONTAINER(at, struct process, queued);
        next = at->next;
        if (p->waits_for != what)
            continue;
        list_remove(&p->queued);
        process_wake(p, what);
    }
}

/* A mutex's waiter has left that queue before (mutex_abandon): what is left is the disk's. */
void store_forget(struct process *p)
{
    list_remove(&p->queued);
}

void store_kick(void)
{
    kicked = true;
    thread_ready(&disk_thread);
}

/* ---- The thread ---- */

static void disk_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    for (;;) {
        u64 flags = service_begin();
        kicked = false;
        if (!store_step(clock_ns())) {
            if (block_notify())
                trace_point(P_DISK_NOTIFY, 0, 0);
            else if (!kicked)
                thread_block(store_deadline());
        }
        service_end(flags);
    }
}

void disk_init(void)
{
    if (!store_init(scenario_disk()))
        return;
    page_set_reclaim(store_shrink);
    KERNEL_ASSERT(thread_init(&disk_thread, THREAD_DISK, "disk", PRIORITY_DISK, disk_main, NULL), "boot:memory");
    u64 flags = service_begin();
    thread_ready(&disk_thread);
    service_end(flags);
}

void disk_snapshot(void)
{
    u32 hits, misses;
    if (!store_ready())
        return;
    u64 flags = service_begin();
    store_counts(&hits, &misses);
    trace_measure(M_CACHE, hits, misses);
    trace_measure(M_CACHE_PAGES, cache_count(BUFFER_DIRTY), cache_pages());
    service_end(flags);
}

/* Makes everything durable, then frees the cache; retries a disk that refuses. The launcher calls it when no process is
 * left, until it returns true. */
bool disk_close(void)
{
    static u64 epoch;
    const void *what;
    u64 flags = service_begin();
    bool done = true;
    if (store_ready()) {
        if (!epoch)
            epoch = store_flush();
        i64 result = store_flushed(epoch, &what);
        done = !result;
        if (result < 0)
            epoch = 0;
    }
    if (done)
        store_shrink(NEVER);
    service_end(flags);
    return done;
}

/* ---- System calls, under LOCK_KERNEL ---- */

static bool name_in(struct process *p, char *name, u64 address)
{
    if (!copy_in(&p->space, name, address, NAME_BYTES) || name[NAME_BYTES - 1] || !name[0])
        return false;
    for (u32 i = 0, end = 0; i < NAME_BYTES; i++) /* NUL-padded, so that equal names are equal bytes */
        if (!name[i])
            end = 1;
        else if (end)
            return false;
    return true;
}

/* Traces a call that fails because of the disk; returns its result. */
static i64 failed(const struct process *p, enum syscall call, i64 result)
{
    if (result == -E_IO)
        trace_measure(M_STORE_ERROR, p->client, call);
    return result;
}

static i64 put(struct process *p, u64 name_address, u64 buffer, u64 bytes, bool remove)
{
    char name[NAME_BYTES];
    const void *what;
    if (!name_in(p, name, name_address))
        return -E_BAD_ADDRESS;
    if (bytes > RECORD_BYTES)
        return -E_INVALID;
    for (i64 result;;) {
        struct record_block *page = page_alloc();
        if (!page)
            return -E_NO_MEMORY;
        if (!copy_in(&p->space, page->data, buffer, bytes)) {
            page_free(page);
            return -E_BAD_ADDRESS;
        }
        result = store_put(name, page, (u32)bytes, remove, clock_ns(), &what);
        if (result == 0)
            return 0;
        page_free(page);
        if (result != STORE_WAIT)
            return failed(p, SYS_PUT, result);
        wait_for(p, what);
    }
}

i64 sys_put(struct process *p, u64 name, u64 buffer, u64 bytes)
{
    trace_point(P_CALL, 0, 0);
    i64 result = put(p, name, buffer, bytes, false);
    if (!result)
        trace_point(P_PUT, 0, bytes);
    return result;
}

i64 sys_delete(struct process *p, u64 name)
{
    i64 result = put(p, name, 0, 0, true);
    if (!result)
        trace_point(P_DELETE, 0, 0);
    return result;
}

i64 sys_get(struct process *p, u64 name_address, u64 buffer, u64 capacity)
{
    char name[NAME_BYTES];
    const struct record_block *found;
    const void *what;
    if (!name_in(p, name, name_address) || !user_range(&p->space, buffer, capacity, true))
        return -E_BAD_ADDRESS;
    for (void *page = NULL;;) {
        i64 result = store_get(name, &page, &found, &what);
        if (result == STORE_NEEDS_PAGE) {
            if (!(page = page_alloc()))
                return -E_NO_MEMORY;
            continue;
        }
        if (page)
            page_free(page);
        page = NULL;
        if (result < 0)
            return failed(p, SYS_GET, result);
        if (result == STORE_WAIT) {
            wait_for(p, what);
            continue;
        }
        if (found->length > capacity)
            return -E_INVALID;
        copy_out(&p->space, buffer, found->data, found->length);
        trace_point(P_GET, 0, found->length);
        return found->length;
    }
}

i64 sys_flush(struct process *p, u64 tag)
{
    const void *what;
    u64 epoch = store_ready() ? store_flush() : 0;
    i64 result;
    while ((result = store_flushed(epoch, &what)) == STORE_WAIT && scenario()->provoke != PROVOKE_EARLY_ACK)
        wait_for(p, what);
    if (result < 0)
        return failed(p, SYS_FLUSH, result);
    trace_measure(M_DURABLE, p->client, tag);
    print_line("RAYOS_DIAG:durable:client %u tag %llu", p->client, tag);
    trace_point(P_DURABLE, 0, 0);
    return 0;
}
