/* What the modules under test expect of the rest of the kernel. */
#include "core/page.h"
#include "core/sched.h"
#include "experiment/trace.h"
#include "host.h"
#include <stdarg.h>

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

/* Where trace.c and print.c are not under test. */
__attribute__((weak)) void trace_measure(enum trace_kind kind, u32 subject, u64 arg) { (void)kind, (void)subject, (void)arg; }
__attribute__((weak)) u64 trace_point(enum trace_kind kind, u32 subject, u64 arg) { (void)kind, (void)subject, (void)arg; return 0; }
__attribute__((weak)) struct cpu *this_cpu(void) { static struct cpu cpu; return &cpu; }
__attribute__((weak)) void print_line(const char *format, ...) { (void)format; }

void sched_preempt(void) {}
void zero_pages(void *page, u64 pages) { memset(page, 0, pages * PAGE_BYTES); }
