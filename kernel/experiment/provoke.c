/* Provocations of the kernel itself, one second into the scenario: each proves that a detector works. */
#include "core/heap.h"
#include "core/page.h"
#include "core/sched.h"
#include "experiment/scenario.h"
#include "experiment/supervisor.h"

#define PRIORITY_HOG 22

static struct thread hog_thread;
static bool provoked;

static void hog(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    for (;;)
        __asm__ volatile(".rept 64; nop; .endr");
}

u64 provoke_next_ns(void) { return scenario()->provoke && !provoked ? SECOND_NS : NEVER; }

void provoke(void)
{
    u32 what = scenario()->provoke;
    if (provoked || clock_ns() < SECOND_NS || !what)
        return;
    provoked = true;
    if (what == PROVOKE_PANIC)
        panic("provoked");
    if (what == PROVOKE_LEAK && !(page_alloc() && kalloc(64, "provoked leak")))
        panic("provoked leak:no memory");
    if (what == PROVOKE_HANG) {
        KERNEL_ASSERT(thread_init(&hog_thread, 4, "hog", PRIORITY_HOG, hog, NULL), "provoked hang:no memory");
        u64 flags = service_begin();
        thread_ready(&hog_thread);
        service_end(flags);
    }
}
