/* Every width from nothing to several steps, at every alignment: exactly the pixels asked for, and no other, change. */
#include <string.h>
#include "wayland/wayland.h"
#include "host.h"

enum { STRIDE = 1024, FROM_STRIDE = 1000, ROWS = 3, BYTES = 8192 };

int main(void)
{
    static u8 from[BYTES], to[BYTES], expected[BYTES];
    for (u32 i = 0; i < BYTES; i++)
        from[i] = (u8)(i * 7 + i / 251);
    for (u32 width = 0; width <= 3 * STEP_PIXELS + 5; width++)
        for (u32 shift = 0; shift < 5; shift++) {
            u32 at = 64 + 4 * shift;
            for (u32 stride = 0; stride <= FROM_STRIDE; stride += FROM_STRIDE) { /* 0: each row is the same one */
                memset(to, 0xee, BYTES);
                memset(expected, 0xee, BYTES);
                for (u32 row = 0; row < ROWS; row++)
                    memcpy(expected + at + row * STRIDE, from + 8 + row * stride, 4 * width);
                blit_copy(to + at, STRIDE, from + 8, stride, width, ROWS);
                CHECK(memcmp(to, expected, BYTES) == 0);
            }
        }
    puts("ok");
    return 0;
}
