/* The compositor's thread. */
#ifndef RAYOS_COMPOSITOR_H
#define RAYOS_COMPOSITOR_H
[[noreturn]] void compositor_main(void);
#endif
