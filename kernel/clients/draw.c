/* The content of a window: a lighter bar on top, then bands of two tones that move with each frame. A row has one
 * colour, so drawing consists of stores only. */
#include "clients/client.h"
#include <emmintrin.h>

enum { BAR_ROWS = 20, BAND_ROWS = 32, HUES = 12 };

static const struct { u32 bar, light, dark; } hues[HUES] = {
    {0xff9fc5e8, 0xff4a90c2, 0xff3f7fad}, {0xfff4b6a6, 0xffd9694f, 0xffc45b43}, {0xffb7dfb0, 0xff5fa656, 0xff53944b},
    {0xfff5dd9d, 0xffd6a93a, 0xffc09730}, {0xffd0bfe8, 0xff8a6bbf, 0xff7b5eac}, {0xffa5e0da, 0xff3fa59b, 0xff37938a},
    {0xfff0b8d2, 0xffc9628f, 0xffb5567f}, {0xffd9d2c0, 0xff9a8f74, 0xff897f66}, {0xffb8c7f0, 0xff5d76c6, 0xff5168b2},
    {0xffd9e8a5, 0xff93ad3c, 0xff829a33}, {0xffe8c9a5, 0xffb77f42, 0xffa37139}, {0xffc3ccd4, 0xff6f808f, 0xff62727f},
};

static void fill_step(u32 *at, __m128i four)
{
    for (int i = 0; i < STEP_PIXELS; i += 4)
        _mm_storeu_si128((__m128i *)(at + i), four);
}

/* The last step ends where the row ends, and overlaps the step before it. */
static void fill_row(u32 *row, u32 colour, u32 pixels)
{
    __m128i four = _mm_set1_epi32((int)colour);
    if (pixels >= STEP_PIXELS) {
        u32 *last = row + pixels - STEP_PIXELS;
        for (; row < last; row += STEP_PIXELS)
            fill_step(row, four);
        fill_step(last, four);
        return;
    }
    for (; pixels >= 4; pixels -= 4, row += 4)
        _mm_storeu_si128((__m128i *)row, four);
    for (; pixels; pixels--)
        *row++ = colour;
}

void draw_rows(u32 *pixels, u32 width, u32 first, u32 rows, u32 client, u32 frame)
{
    u32 hue = client % HUES;
    for (u32 y = first; y < first + rows; y++) {
        u32 band = (y + 2 * frame) / BAND_ROWS;
        u32 colour = y < BAR_ROWS ? hues[hue].bar : band % 2 ? hues[hue].light : hues[hue].dark;
        fill_row(pixels + (u64)y * width, colour, width);
    }
}
