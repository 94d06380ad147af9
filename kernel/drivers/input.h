/* Input devices: a tablet and a keyboard. */
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
void input_interrupt(void);                 /* acknowledges */
/* Requests one event from the host and waits for its report: HOST_MOTION to (x, y), or HOST_KEY with code x, pressed if
 * y is not 0. */
struct input_report input_ask(enum host_request what, u32 x, u32 y);
#endif
