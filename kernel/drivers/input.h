/* Events of the input devices: input.c. */
#ifndef RAYOS_INPUT_H
#define RAYOS_INPUT_H
#include "core/kernel.h"

struct input_report {
    bool moved;
    u32 x, y;                               /* 0 to INPUT_RANGE over the screen; if moved */
    u32 key;                                /* 0: none */
    bool pressed;
};

void input_init(void);
void input_interrupt(void);                 /* a device has something */
/* Asks the host for one event and waits for its report: HOST_MOTION to (x, y), or HOST_KEY, code x, pressed when y. */
struct input_report input_ask(enum host_request what, u32 x, u32 y);
#endif
