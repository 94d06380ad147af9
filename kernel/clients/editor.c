/* Editor workload: reacts to input as `input` does, and then has unsaved work. At a close event it saves the work
 * before it leaves; with a store, as a record that a flush makes durable. If the disk refuses, it tries again later. */
#include "clients/client.h"
#include "clients/name.h"
#include "clients/syscall.h"

static const u64 again_ns = 50000000;          /* after a failed attempt to save */
static bool unsaved;
static u64 saved = NEVER;                      /* when to save; NEVER: not asked to close */

static void event(u64 now)
{
    unsaved = true;
    input.input(now);
}

static void close(u64 now)
{
    saved = unsaved ? now + random_quantile(&think, think_table()) : now;
}

static u64 due(void) { return saved < input.due() ? saved : input.due(); }

static bool save(void)
{
    static u32 work[RECORD_BYTES / sizeof(u32)];
    static char name[NAME_BYTES] = "work.0000";
    name_number(name + 5, config()->id);
    for (u32 i = 0; i < sizeof work / sizeof *work; i++)
        work[i] = config()->id * 1000003 + i;
    return syscall(SYS_PUT, (u64)name, (u64)work, sizeof work, 0, 0) >= 0 && syscall(SYS_FLUSH, 1, 0, 0, 0, 0) >= 0;
}

static void act(void)
{
    if (saved <= input.due()) {
        leaving = !unsaved || !config()->stored || save();
        saved = clock_ns() + again_ns;
    } else {
        input.act();
    }
}

const struct behaviour editor = {.input = event, .due = due, .act = act, .close = close};
