/* Boot: from boot.S to the idle thread. */
#include "arch/cpu.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "arch/vm.h"
#include "core/process.h"
#include "drivers/display.h"
#include "drivers/fwcfg.h"
#include "drivers/input.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/supervisor.h"
#include "experiment/trace.h"
#include "ipc/socket.h"
#include "remote/session.h"
#include "store/disk.h"
#include "wayland/compositor.h"

#define KERNEL_VERSION "1.0.0"

void kernel_main(u32 start_info);

static void load_scenario(void)
{
    u16 key;
    u32 bytes;
    const char *why;
    if (!fwcfg_find("opt/rayos/scenario", &key, &bytes))
        panic("scenario:missing");
    if (bytes < sizeof(struct image_header) || bytes > 16u << 20)
        panic("scenario:length");
    u64 image = memory_boot_alloc(pages_for(bytes));
    fwcfg_read(key, image, bytes);
    if (!scenario_validate(direct(image), bytes, &why))
        panic_format("scenario:%s", why);
    scenario_use(direct(image));
}

static void compositor_body(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    compositor_main();
}

static void start_thread(struct thread *t, u16 id, const char *name, u32 priority, void (*body)(void *), bool ready)
{
    KERNEL_ASSERT(thread_init(t, id, name, (int)priority, body, NULL), "boot:memory");
    if (ready)
        thread_ready(t);
}

/* The compositor runs to its first wait before the clock starts; then the launcher starts the scenario. */
static void start_threads(void)
{
    start_thread(&reporter_thread, THREAD_REPORTER, "reporter", 30, reporter_main, false);
    start_thread(&launcher_thread, THREAD_LAUNCHER, "launcher", 25, launcher_main, true);
    start_thread(&compositor_thread, THREAD_COMPOSITOR, "compositor", scenario()->compositor_priority, compositor_body,
                 true);
    failure_init();
    sched_preempt();
    KERNEL_ASSERT(socket_compositor_ready(), "boot:compositor");
    smp_start(scenario()->vcpus); /* up to here everything runs on the boot CPU */
    launcher_wake();
}

void kernel_main(u32 start_info)
{
    print_init();
    trace_header_init();
    cpu_init_boot();
    memory_find(start_info);
    load_scenario();
    print_line("RAYOS_BOOT:" KERNEL_VERSION ":%u", scenario()->memory_mb);
    memory_init((u64)scenario()->memory_mb << 20);
    trace_init(scenario()->memory_mb, scenario()->trace_points);
    time_init();
    display_init();
    input_init();
    process_init();
    sched_init();
    disk_init();
    remote_init();
    start_threads();
    sched_idle();
}
