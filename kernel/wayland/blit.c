/* Bulk pixel operations with SSE2: the cost of a row is linear in its steps (abi.h), whatever its alignment. */
#include "wayland/wayland.h"
#include <emmintrin.h>

static __m128i load(const u8 *at) { return _mm_loadu_si128((const __m128i_u *)at); }
static void store(u8 *at, __m128i value) { _mm_storeu_si128((__m128i_u *)at, value); }

static void copy_step(u8 *to, const u8 *from)
{
    __m128i a = load(from), b = load(from + 16), c = load(from + 32), d = load(from + 48);
    __m128i e = load(from + 64), f = load(from + 80), g = load(from + 96), h = load(from + 112);
    store(to, a), store(to + 16, b), store(to + 32, c), store(to + 48, d);
    store(to + 64, e), store(to + 80, f), store(to + 96, g), store(to + 112, h);
}

static inline __attribute__((always_inline)) void copy_part(u8 *to, const u8 *from, u64 bytes)
{
#pragma clang loop unroll(full)
    for (u64 at = 0; at < bytes; at += 16)
        store(to + at, load(from + at));
}

/* Less than a step: two parts, one at either end, that meet or overlap. Costs no more than a step. */
static void copy_narrow(u8 *to, const u8 *from, u64 bytes)
{
    if (bytes >= 64) {
        copy_part(to, from, 64);
        copy_part(to + bytes - 64, from + bytes - 64, 64);
    } else if (bytes >= 32) {
        copy_part(to, from, 32);
        copy_part(to + bytes - 32, from + bytes - 32, 32);
    } else if (bytes >= 16) {
        copy_part(to, from, 16);
        copy_part(to + bytes - 16, from + bytes - 16, 16);
    } else {
        for (u64 at = 0; at < bytes; at += 4)
            __builtin_memcpy(to + at, from + at, 4);
    }
}

/* The last step ends where the row ends, and overlaps the step before it. */
static void copy_row(u8 *to, const u8 *from, u32 pixels)
{
    u64 bytes = 4 * pixels, step = 4 * STEP_PIXELS;
    if (pixels < STEP_PIXELS) {
        copy_narrow(to, from, bytes);
        return;
    }
    for (u64 at = 0; at < bytes - step; at += step)
        copy_step(to + at, from + at);
    copy_step(to + bytes - step, from + bytes - step);
}

void blit_copy(u8 *to, u32 to_stride, const u8 *from, u32 from_stride, u32 width, u32 height)
{
    for (; height; height--, to += to_stride, from += from_stride)
        copy_row(to, from, width);
}

u32 stack_overlaps(const struct window_stack *stack, u32 group, struct rect rect)
{
    __m128i x0 = _mm_load_si128((const __m128i *)stack->x0 + group);
    __m128i y0 = _mm_load_si128((const __m128i *)stack->y0 + group);
    __m128i x1 = _mm_load_si128((const __m128i *)stack->x1 + group);
    __m128i y1 = _mm_load_si128((const __m128i *)stack->y1 + group);
    __m128i right = _mm_cmpgt_epi16(_mm_set1_epi16(rect.x1), x0), left = _mm_cmpgt_epi16(x1, _mm_set1_epi16(rect.x0));
    __m128i below = _mm_cmpgt_epi16(_mm_set1_epi16(rect.y1), y0), above = _mm_cmpgt_epi16(y1, _mm_set1_epi16(rect.y0));
    __m128i overlaps = _mm_and_si128(_mm_and_si128(right, left), _mm_and_si128(below, above));
    return (u32)_mm_movemask_epi8(_mm_packs_epi16(overlaps, _mm_setzero_si128()));
}
