/* Two XRGB8888 framebuffers, width * 4 bytes per row. */
#ifndef RAYOS_DISPLAY_H
#define RAYOS_DISPLAY_H
#include "core/kernel.h"

#define MAX_WIDTH 8192                     /* pixels */
void display_init(void);
u32 *display_back(void);
const u32 *display_front(void);            /* on screen */
void display_flip(void);                   /* swaps the two */
#endif
