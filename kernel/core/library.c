/* The C library's memory functions, for kernel and clients. Eight bytes per move: under icount each iteration of a
 * `rep` counts as an instruction. */
#include "core/kernel.h"

typedef u64 __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    u8 *d = to;
    const u8 *s = from;
    for (; n >= 32; n -= 32, d += 32, s += 32) {
        u64 a = *(const word *)s, b = *(const word *)(s + 8), c = *(const word *)(s + 16), e = *(const word *)(s + 24);
        *(word *)d = a, *(word *)(d + 8) = b, *(word *)(d + 16) = c, *(word *)(d + 24) = e;
    }
    for (; n >= 8; n -= 8, d += 8, s += 8)
        *(word *)d = *(const word *)s;
    while (n--)
        *d++ = *s++;
    return to;
}

void *memset(void *to, int value, size_t n)
{
    u8 *d = to;
    u64 v = (u8)value * 0x0101010101010101ull;
    for (; n >= 32; n -= 32, d += 32)
        *(word *)d = v, *(word *)(d + 8) = v, *(word *)(d + 16) = v, *(word *)(d + 24) = v;
    for (; n >= 8; n -= 8, d += 8)
        *(word *)d = v;
    while (n--)
        *d++ = (u8)value;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((u64)to - (u64)from >= n)
        return memcpy(to, from, n);
    u8 *d = (u8 *)to + n;
    const u8 *s = (const u8 *)from + n;
    while (n--)
        *--d = *--s;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}
