/* The rest of the kernel, as far as the modules under test call it. */
#define _GNU_SOURCE
#include "core/page.h"
#include "core/sched.h"
#include "experiment/trace.h"
#include "host.h"
#include <stdarg.h>
#include <sys/mman.h>

char panic_reason[256];
jmp_buf *panic_return;

[[noreturn]] static void stop(void)
{
    if (panic_return)
        longjmp(*panic_return, 1);
    printf("panic: %s\n", panic_reason);
    exit(1);
}

void panic(const char *reason)
{
    snprintf(panic_reason, sizeof panic_reason, "%s", reason);
    stop();
}

void panic_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(panic_reason, sizeof panic_reason, format, arguments);
    va_end(arguments);
    stop();
}

u32 host_random(u64 *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(*seed >> 33);
}

void host_map(u64 bytes)
{
    void *at = (void *)DIRECT_BASE;
    CHECK(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at);
}

/* Weak: used where trace.c and print.c are not under test. */
__attribute__((weak)) void trace_measure(enum trace_kind kind, u32 subject, u64 arg)
{
    (void)kind, (void)subject, (void)arg;
}

__attribute__((weak)) u64 trace_point(enum trace_kind kind, u32 subject, u64 arg)
{
    return (void)kind, (void)subject, (void)arg, 0;
}

__attribute__((weak)) struct cpu *this_cpu(void) { static struct cpu cpu; return &cpu; }
__attribute__((weak)) void print_line(const char *format, ...) { (void)format; }

void sched_preempt(void) {}
void zero_pages(void *page, u64 pages) { memset(page, 0, pages * PAGE_BYTES); }
