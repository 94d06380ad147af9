/* The kernel's basic services: assertions, the clock, the console, panics, and the C library's memory functions.
 * Everything includes this. */
#ifndef RAYOS_KERNEL_H
#define RAYOS_KERNEL_H
#include "abi.h"
#include <stdbool.h>
#include <stddef.h>

#define KERNEL_ASSERT(condition, reason) do { if (!(condition)) panic(reason); } while (0)
#define NEVER (~0ull) /* a time that does not come */
#define SECOND_NS 1000000000ull

static inline u64 min_u64(u64 a, u64 b) { return a < b ? a : b; }

/* arch/time.c */
u64 clock_ns(void);                       /* since the scenario started */

/* core/print.c: the serial console, one whole line per call */
void print_init(void);
void print_line(const char *format, ...) __attribute__((format(printf, 1, 2))); /* %s %d %u %llu %llx */
void print_number(char *text, u32 value); /* decimal digits and a NUL */
[[noreturn]] void panic(const char *reason); /* prints RAYOS_PANIC:<reason>, sets STATE_PANIC, stops */
[[noreturn]] void panic_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void stop_if_panicking(void);             /* non-maskable interrupt: another processor panics */

/* core/process.c; the rest of it is in process.h */
void process_kill(u32 client, enum end_reason reason);

/* core/library.c */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
#endif
