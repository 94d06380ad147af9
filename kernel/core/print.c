/* The serial console (COM1), and panics. */
#include "arch/smp.h"
#include "drivers/rendezvous.h"
#include "experiment/trace.h"
#include <stdarg.h>

#define COM1 0x3f8
#define LINE_BYTES 256

struct line { u32 used; char text[LINE_BYTES]; };

void print_init(void)
{
    out8(COM1 + 1, 0);    /* no interrupts */
    out8(COM1 + 3, 3);    /* 8n1 */
    out8(COM1 + 2, 1);    /* FIFO */
    out8(COM1 + 4, 3);
}

static void put(struct line *line, char c)
{
    if (line->used < LINE_BYTES - 1)
        line->text[line->used++] = c;
}

static void put_number(struct line *line, u64 value, u32 base)
{
    char digits[20];
    u32 n = 0;
    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (n)
        put(line, digits[--n]);
}

void print_number(char *text, u32 value)
{
    struct line line = { .used = 0 };
    put_number(&line, value, 10);
    memcpy(text, line.text, line.used);
    text[line.used] = 0;
}

static u64 next_number(va_list *arguments, u32 longs)
{
    return longs ? va_arg(*arguments, u64) : va_arg(*arguments, u32);
}

static void put_conversion(struct line *line, const char **format, va_list *arguments)
{
    u32 longs = 0;
    while (**format == 'l')
        longs++, ++*format;
    switch (**format) {
    case 's':
        for (const char *s = va_arg(*arguments, const char *); *s; s++)
            put(line, *s);
        break;
    case 'd': {
        i64 value = longs ? va_arg(*arguments, i64) : va_arg(*arguments, i32);
        if (value < 0)
            put(line, '-');
        put_number(line, value < 0 ? -(u64)value : (u64)value, 10);
        break;
    }
    case 'u': put_number(line, next_number(arguments, longs), 10); break;
    case 'x': put_number(line, next_number(arguments, longs), 16); break;
    default: put(line, **format);
    }
}

static void put_format(struct line *line, const char *format, va_list *arguments)
{
    for (; *format; format++) {
        if (*format != '%')
            put(line, *format);
        else if (++format, *format)
            put_conversion(line, &format, arguments);
        else
            break;
    }
}

static void emit(struct line *line)
{
    line->text[line->used++] = '\n';
    for (u32 i = 0; i < line->used; i++) {
        while (!(in8(COM1 + 5) & 0x20)) /* on QEMU always ready, unless the host's pipe is full */
            ;
        out8(COM1, (u8)line->text[i]);
    }
}

void print_line(const char *format, ...)
{
    struct line line = { .used = 0 };
    va_list arguments;
    va_start(arguments, format);
    put_format(&line, format, &arguments);
    va_end(arguments);
    u64 flags = lock(LOCK_CONSOLE);
    emit(&line);
    unlock(LOCK_CONSOLE, flags);
}

static bool panicking;

/* Relies on nothing that may be damaged: no locks, no per-CPU data, no heap. */
[[noreturn]] static void stop(struct line *line)
{
    interrupts_off();
    if (!__atomic_exchange_n(&panicking, true, __ATOMIC_ACQ_REL)) {
        smp_stop_others();
        emit(line);
        trace_state(STATE_PANIC);
        rendezvous_stopped();
    }
    for (;;)
        __asm__ volatile("hlt");
}

void stop_if_panicking(void)
{
    while (__atomic_load_n(&panicking, __ATOMIC_ACQUIRE))
        __asm__ volatile("cli; hlt");
}

void panic_format(const char *format, ...)
{
    struct line line = { .used = 0 };
    va_list arguments;
    va_start(arguments, format);
    for (const char *s = "RAYOS_PANIC:"; *s; s++)
        put(&line, *s);
    put_format(&line, format, &arguments);
    va_end(arguments);
    stop(&line);
}

void panic(const char *reason)
{
    panic_format("%s", reason);
}
