/* Every width from nothing to several steps, at every alignment: exactly the pixels asked for, and no other, change. */
#include <string.h>
#include "wayland/wayland.h"
#include "host.h"

enum { STRIDE = 1024, FROM_STRIDE = 1000, ROWS = 3, BYTES = 8192, COLOUR = 0x1234abcd };

int main(void)
{
    static u8 from[BYTES], to[BYTES], expected[BYTES];
    for (u32 i = 0; i < BYTES; i++)
        from[i] = (u8)(i * 7 + i / 251);
    for (u32 width = 0; width <= 3 * STEP_PIXELS + 5; width++)
        for (u32 shift = 0; shift < 5; shift++) {
            u32 colour = COLOUR, at = 64 + 4 * shift;
            for (int fill = 0; fill < 2; fill++) {
                memset(to, 0xee, BYTES);
                memset(expected, 0xee, BYTES);
                for (u32 row = 0; row < ROWS; row++)
                    for (u32 x = 0; x < width; x++)
                        memcpy(expected + at + row * STRIDE + 4 * x,
                               fill ? (u8 *)&colour : from + 8 + row * FROM_STRIDE + 4 * x, 4);
                if (fill)
                    blit_fill(to + at, STRIDE, colour, width, ROWS);
                else
                    blit_copy(to + at, STRIDE, from + 8, FROM_STRIDE, width, ROWS);
                CHECK(memcmp(to, expected, BYTES) == 0);
            }
        }
    puts("ok");
    return 0;
}
