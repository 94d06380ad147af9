/* What the modules under test expect of the rest of the kernel. */
#include "sched.h"
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

void sched_preempt(void) {}
void zero_pages(void *page, u64 pages) { memset(page, 0, pages * PAGE_BYTES); }
